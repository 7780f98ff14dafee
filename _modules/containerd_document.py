"""
How a configuration document comes about: parsed, overrides laid over it, proved by containerd itself.

.. versionadded:: 0.1.0

:depends: tomlkit >= 0.15.1, imported when it is needed: the module itself always loads.

``containerd_toml`` is the module for people; this one does its work.

.. code-block:: bash

    salt '*' containerd_document.layers '{oom_score: -999}'
"""

import importlib
import os
import sys
import tempfile

from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "containerd_document"

SCHEMAS = (2, 3, 4)


def __virtual__():
    return __virtualname__


def layers(overrides):
    """
    Return overrides as the list of their layers.

    overrides
        A fragment of config.toml, or a list of named ones: ``[{site: {...}}, {node: {...}}]``. None
        stands for an empty fragment.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_document.layers '[{site: {oom_score: -999}}]'

    :return: a list of lists: the layer's name and its fragment as plain data. A fragment without a name
        is called ``overrides``.
    :raises SaltInvocationError: it is neither, or it holds what TOML cannot.
    """
    named = [{"overrides": overrides}] if overrides is None or _is_table(overrides) else overrides
    if not isinstance(named, (list, tuple)) or not all(
        _is_table(layer) and len(layer) == 1 for layer in named
    ):
        raise SaltInvocationError(
            "overrides must be a fragment of config.toml, or a list of named ones: [{site: {...}}]."
        )
    result = []
    for layer in named:
        [(name, fragment)] = layer.items()
        if fragment is not None and not _is_table(fragment):
            raise SaltInvocationError(
                f"layer {name} of overrides must be a fragment of config.toml: a mapping."
            )
        result.append([str(name), __salt__["containerd_data.plain"](fragment or {})])
    return result


def compose(base, overrides, strict=True, folder="/etc/containerd"):
    """
    Lay overrides over a default configuration: translated, merged, checked.

    base
        TOML text: what ``containerd config default`` prints.

    overrides
        A fragment of config.toml, or a list of named ones, in any schema.

    strict : ``True``
        Whether a key that containerd does not know, or no longer has, is an error. If not, it is a
        warning.

    folder : ``/etc/containerd``
        Where the file will be: relative imports start there.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_document.compose "$(containerd config default)" '{oom_score: -999}'

    :return: a dictionary: ``text``, the document; ``version``, its schema; ``default`` and ``result``, the
        data before and after; ``site``, the overrides alone in this schema; ``origin``, the layer of each
        of their paths (tuples); ``findings``, all that is wrong. The text holds no override that is an
        error of its type.
    :raises CommandExecutionError: ``base`` is no TOML, or tomlkit is missing.
    :raises SaltInvocationError: ``overrides`` are no fragments, or hold what TOML cannot.
    """
    document = _parse(base, "containerd config default")
    result, default, site, origin, findings = document.unwrap(), document.unwrap(), {}, {}, []
    version = default.get("version")
    if type(version) is not int or version not in SCHEMAS:
        raise CommandExecutionError(
            f"containerd config default is of version {version!r}; this formula knows 2, 3 and 4: is the "
            "binary containerd's, and the formula new enough for it?"
        )
    for name, fragment in layers(overrides):
        try:
            moved = __salt__["containerd_schema.translate"](fragment, version, base=result, findings=True)
        except SaltInvocationError as err:
            findings.append({"key": name, "level": "error", "message": f"layer {name}: {err}", "layer": name})
            continue
        findings += [_graded(finding, strict) for finding in moved["findings"]]
        fragment = {key: value for key, value in moved["fragment"].items() if key != "version"}
        applied = _patch(document, result, fragment, (), findings)
        site = __salt__["containerd_data.combine"](site, applied)
        origin.update(dict.fromkeys(__salt__["containerd_data.leaves"](applied), name))
    findings += __salt__["containerd_check.findings"](default, site, result, strict=strict, folder=folder)
    return {
        "text": document.as_string(),
        "version": version,
        "default": default,
        "result": result,
        "site": site,
        "origin": origin,
        "findings": list({(f["key"], f["message"]): f for f in findings}.values()),
    }


def merge(base, fragment):
    """
    Merge one fragment into TOML text: what ``containerd_toml.merge`` does.

    base
        TOML text.

    fragment
        A dictionary, in the schema of ``base``.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_document.merge 'oom_score = 0' '{oom_score: -999}'

    :return: TOML text.
    :raises SaltInvocationError: values that cannot be written as TOML, or have the wrong type.
    :raises CommandExecutionError: ``base`` is no TOML, or tomlkit is missing.
    """
    document = _parse(base, "the base")
    result = document.unwrap()
    problems = []
    _patch(document, result, __salt__["containerd_data.plain"](fragment), (), problems)
    if problems:
        raise SaltInvocationError(" ".join(finding["message"] for finding in problems))
    text = document.as_string()
    verify(text, result)
    return text


def prove(made, path, strict=True, trial=0):
    """
    Let the installed containerd read a composed document before it is put in place.

    made
        What ``compose`` returned.

    path
        Where the document will be.

    strict : ``True``
        Whether an override that is not in effect is an error. If not, it is a warning.

    trial : ``0``
        How long a trial start may take, in seconds; 0 makes none.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_document.prove '{text: "version = 2", site: {}, result: {}}' /tmp/new.toml

    :return: a list of findings: ``key``, ``level`` and ``message``; empty where containerd honours all.
    :raises CommandExecutionError: a candidate cannot be written, or containerd is not installed.
    """
    # Beside the file where its imports are relative to it. 0600 by mkstemp: it may hold secrets.
    imports = [item for item in made["result"].get("imports") or [] if isinstance(item, str)]
    relative = [item for item in imports if not os.path.isabs(item)]
    folder = os.path.dirname(path) if relative and os.path.isdir(os.path.dirname(path)) else None
    left = os.path.join(folder or tempfile.gettempdir(), "containerd-candidate-*.toml")
    __salt__["containerd_change.sweep"](left)
    try:
        descriptor, candidate = tempfile.mkstemp(prefix="containerd-candidate-", suffix=".toml", dir=folder)
    except OSError as err:
        raise CommandExecutionError(f"a candidate of {path} cannot be written: {err}") from err
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(made["text"])
        dump = __salt__["containerd.config_dump"](candidate)
        shown = loads(dump["text"], "config dump")
        findings = __salt__["containerd_proof.not_in_effect"](
            made["site"], made["result"], shown, dump["warnings"], strict=strict
        )
        if trial and not any(finding["level"] == "error" for finding in findings):
            findings += _tried(candidate, trial, shown)
    except OSError as err:
        raise CommandExecutionError(f"a candidate of {path} cannot be written: {err}") from err
    except CommandExecutionError as err:
        findings = [{"key": path, "level": "error", "message": f"containerd refuses it: {err}"}]
    finally:
        os.unlink(candidate)
    return [
        {**finding, "message": _tellable(finding["message"], made, candidate, path)} for finding in findings
    ]


def _tried(candidate, timeout, dump):
    """
    Return what a trial start finds, or why there was none.
    """
    answer = __salt__["containerd_trial.start"](candidate, timeout, dump)
    if answer["ok"]:
        return []
    level, words = "error", "containerd does not come up with it (trial start)"
    if answer["ok"] is None:
        level, words = "warning", "There was no trial start"
    return [{"key": candidate, "level": level, "message": f"{words}: {answer['reason']}"}]


def _tellable(message, made, candidate, path):
    """
    Return containerd's words without secrets, about the file and not its candidate.
    """
    # containerd 1.x prints the values that it cannot convert.
    for secret in __salt__["containerd_data.secrets"](made["site"]):
        message = message.replace(secret, "(secret)") if secret else message
    return message.replace(candidate, path)


def loads(text, source="the text"):
    """
    Return TOML text as plain data.

    text
        The TOML text.

    source : ``the text``
        What an error message calls it.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_document.loads 'version = 2'

    :return: a dictionary.
    :raises CommandExecutionError: it is no TOML: with line and column. Or tomlkit is missing.
    """
    return _parse(text, source).unwrap()


def verify(text, intended):
    """
    Make sure that the text that tomlkit wrote says what was intended.

    text
        The TOML text.

    intended
        The data that it must hold.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_document.verify 'version = 2' '{version: 2}'

    :return: true.
    :raises CommandExecutionError: it holds other data.
    """
    if not __salt__["containerd_data.same"](loads(text, "the merged document"), intended):
        raise CommandExecutionError(
            "tomlkit did not write what was merged; nothing was changed. Please report the overrides."
        )
    return True


def _graded(finding, strict):
    """
    Return a finding of the translation: a key that the target lacks may be a warning, a wrong value not.
    """
    relieved = not strict and not finding.get("value")
    return {**finding, "level": "warning"} if relieved else finding


def _patch(document, data, patch, path, problems):
    """
    Apply a merge patch to a tomlkit container and to the plain data of it alike; return what was applied.
    """
    applied = {}
    for key, value in patch.items():
        here = (*path, key)
        if value is None:
            applied[key] = None
            if key in data:
                del document[key]
                del data[key]
        elif isinstance(value, dict) and isinstance(data.get(key), dict):
            applied[key] = _patch(document[key], data[key], value, here, problems)
        else:
            try:
                applied[key] = _fitted(value, data, key, here)
            except SaltInvocationError as err:
                dotted = __salt__["containerd_schema.dotted"](here)
                problems.append({"key": dotted, "level": "error", "message": str(err)})
                continue
            # What is there already keeps its layout.
            if key not in data or not __salt__["containerd_data.same"](data[key], applied[key]):
                document[key] = data[key] = applied[key]
    return applied


def _fitted(value, data, key, path):
    """
    Return a value in the type of the one that it replaces, if there is one.
    """
    if key in data:
        return __salt__["containerd_data.fit"](value, data[key], path)
    return _new(__salt__["containerd_data.without_null"](value), path)


def _new(value, path):
    """
    Return a value that replaces none: YAML's 1 is a float where only the schema tells.
    """
    if isinstance(value, dict):
        return {key: _new(inner, (*path, key)) for key, inner in value.items()}
    if type(value) is int and __salt__["containerd_schema.kind"](path) == "float":
        return float(value)
    return value


def _is_table(value):
    return hasattr(value, "items")


def _parse(text, source):
    """
    Return TOML text as a tomlkit document.
    """
    tomlkit = _tomlkit()
    try:
        return tomlkit.parse(text)
    except tomlkit.exceptions.TOMLKitError as err:
        raise CommandExecutionError(f"{source} is not valid TOML: {err}") from err


def _tomlkit():
    """
    Return tomlkit, imported at its first use.
    """
    try:
        return importlib.import_module("tomlkit")
    except ImportError as err:
        raise CommandExecutionError(
            f"tomlkit is missing in the Python that runs this minion ({sys.executable}): apply "
            "containerd.salt, or install it with salt-pip install 'tomlkit>=0.15.1'."
        ) from err
