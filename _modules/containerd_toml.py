"""
The configuration document of containerd: read, merge, check, compare, render, explain.

.. versionadded:: 0.1.0

:depends: tomlkit >= 0.15.1, imported when it is needed: the module itself always loads.

The document of a node is the installed binary's own ``containerd config default`` with the site's
overrides merged in. Order, comments and layout of the default are kept. Nothing here writes a file.

Overrides are *layers*: named fragments of config.toml that are laid over each other in their order,
each written for config version 2, 3 or 4, whichever its author knows.

.. code-block:: bash

    salt '*' containerd_toml.explain
"""

import errno
import importlib
import os

from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "containerd_toml"

CONFIG = "/etc/containerd/config.toml"
CONFIG_SLS = "containerd.config.file"
HEADER = """\
# Managed by Salt (containerd-formula). Edits to this file are overwritten: change pillar containerd:config.
# It is this containerd's own `containerd config default` with the site's overrides merged in.

"""


def __virtual__():
    return __virtualname__


def library():
    """
    Return the version of tomlkit in the Python that runs this minion.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.library

    :return: such as ``0.15.2``; an empty string where it cannot be imported.
    """
    # A tomlkit that was installed or upgraded in this very run must be seen.
    importlib.invalidate_caches()
    try:
        return importlib.import_module("tomlkit").__version__
    except ImportError:
        return ""


def read(path=CONFIG):
    """
    Return a TOML file as plain data.

    path : ``/etc/containerd/config.toml``
        The file.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.read

    :return: a dictionary.
    :raises CommandExecutionError: the file cannot be read, or it is no TOML: with line and column.
    """
    return __salt__["containerd_document.loads"](_slurp(path), path)


def get(path, key):
    """
    Return one value of a TOML file.

    path
        The file.

    key
        A dotted path; parts that hold dots are quoted.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.get /etc/containerd/config.toml debug.level
        salt '*' containerd_toml.get /etc/containerd/config.toml 'proxy_plugins."my.proxy".address'

    :return: the value; None where there is no such key.
    :raises SaltInvocationError: the key is no dotted path.
    :raises CommandExecutionError: the file cannot be read, or it is no TOML.
    """
    return __salt__["containerd_data.at"](read(path), __salt__["containerd_schema.parse_key"](key))


def merge(base, overrides):
    """
    Merge overrides into TOML text as a JSON Merge Patch (RFC 7396).

    Tables merge, everything else is replaced, None removes the key. A value is brought to the type of
    the one that it replaces where nothing is lost by it: 10010 for a string becomes ``"10010"``.

    base
        TOML text.

    overrides
        A dictionary: the fragment to merge, in the schema of ``base``.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.merge 'oom_score = 0' '{oom_score: -999}'

    :return: TOML text: order, comments and layout of ``base`` are kept.
    :raises SaltInvocationError: overrides that cannot be written as TOML, or have the wrong type: all
        of them in one message.
    :raises CommandExecutionError: ``base`` is no TOML.
    """
    return __salt__["containerd_document.merge"](base, overrides)


def translate(fragment, version, base=None):
    """
    Translate a fragment of config.toml to another schema.

    fragment
        A dictionary, written for config version 2, 3 or 4: its ``version`` key says which, without it
        the plugin ids tell.

    version
        The config version to translate to: 2, 3 or 4.

    base : ``None``
        The target's default configuration, a dictionary. It decides what the releases of one schema
        call by two names (``cni.bin_dir``, since 2.1 ``cni.bin_dirs``).

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.translate '{"grpc": {"gid": 998}}' 4

    :return: a dictionary.
    :raises SaltInvocationError: mixed schemas, or keys that the target does not have, all of them with
        what replaced them.
    """
    plain = __salt__["containerd_data.plain"](fragment)
    return __salt__["containerd_schema.translate"](plain, version, base=base)


def check(base, overrides, strict=True):
    """
    Find everything that is wrong with overrides, before containerd sees them.

    base
        TOML text: the default configuration that they are for.

    overrides
        A fragment of config.toml, or a list of named ones, in any schema.

    strict : ``True``
        Whether a key that containerd does not know, or no longer has, is an error. If not, it is a
        warning.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.check "$(containerd config default)" '{oom_score: 2000}'

    :return: a list of findings: ``key`` (dotted), ``level`` (``error`` or ``warning``) and ``message``.
    :raises CommandExecutionError: ``base`` is no TOML.
    """
    return __salt__["containerd_document.compose"](base, overrides, strict=strict)["findings"]


def diff(old, new):
    """
    Return what differs between two documents.

    old
        A dictionary: plain data.

    new
        A dictionary: plain data.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.diff '{debug: {level: info}}' '{debug: {level: debug}}'

    :return: a dictionary: dotted path to ``{"old": ..., "new": ...}``, where None stands for a key that
        is not there. Secrets show as ``(secret)``. The number 1, true and 1.0 are three values.
    """
    return __salt__["containerd_data.diff"](old, new)


def schema():
    """
    Return the config version that the installed containerd prints.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.schema

    :return: 2, 3 or 4.
    :raises CommandExecutionError: containerd or tomlkit is not installed.
    """
    return __salt__["containerd_document.loads"](__salt__["containerd.config_default"]())["version"]


def render(overrides, strict=True):
    """
    Return the whole configuration for this node: default, translated overrides, merged and checked.

    overrides
        A fragment of config.toml, or a list of named ones, in any schema.

    strict : ``True``
        As for ``check``.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.render '{oom_score: -999}'

    :return: TOML text. It may hold secrets.
    :raises CommandExecutionError: containerd or tomlkit is not installed, or ``check`` finds errors.
    """
    return _for_node(overrides, strict)["text"]


def plan(path, overrides, strict=True, trial=0):
    """
    Return what a file should hold on this node, and what that changes. Writes nothing.

    path
        The configuration file.

    overrides
        A fragment of config.toml, or a list of named ones, in any schema.

    strict : ``True``
        As for ``check``.

    trial : ``0``
        How long a trial start may take where the data change, in seconds; 0 makes none.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.plan /etc/containerd/config.toml '{oom_score: -999}'

    :return: a dictionary: ``text``, what the file should hold; ``write``, whether its data differ from
        that; ``changes``, as ``diff`` gives them; ``warnings``, a list of sentences; ``secret``, whether
        it holds a secret. A key that the file lacks counts as containerd's default, so that the changes
        are those that the daemon sees.
    :raises CommandExecutionError: containerd or tomlkit is not installed, the file cannot be read,
        ``check`` finds errors, containerd refuses or ignores an override or does not come up with it,
        ``root`` or ``state`` would change under running containers, or the file was rolled back from this
        content.
    """
    made = _for_node(overrides, strict, os.path.dirname(path))
    drop_ins = __salt__["containerd_imports.findings"](path, made["result"])
    answer = {
        "text": made["text"],
        "write": False,
        "changes": {},
        "warnings": _sentences(made["findings"] + drop_ins),
        "secret": bool(__salt__["containerd_data.secrets"](made["site"])),
    }
    current = _current(path)
    # The usual case: no more parsing, no more processes.
    if current == made["text"]:
        return answer
    __salt__["containerd_document.verify"](made["text"], made["result"])
    found, changes = {}, {}
    if current is None:
        changes = {path: {"old": None, "new": "created"}}
    else:
        try:
            found = read(path)
        except CommandExecutionError as err:
            changes = {path: {"old": str(err), "new": "replaced"}}
    if __salt__["containerd_data.same"](found, made["result"]):
        return answer
    before = __salt__["containerd_data.combine"](made["default"], _today(found, made))
    _refuse(_moved_under_containers(_good(path) or before, made["result"]), path)
    _refuse(_rolled_back_from(path, made["text"]), path)
    proof = __salt__["containerd_document.prove"](made, path, strict=strict, trial=trial)
    _refuse(proof, path, drop_ins)
    answer["warnings"] += _sentences(proof)
    changes.update(diff(before, made["result"]))
    # Nothing that the daemon would see, such as a sparse file that becomes a whole one.
    return {**answer, "write": True, "changes": changes or diff(found, made["result"])}


def moved(path=CONFIG):
    """
    Tell what running containers would lose if the daemon were restarted with a file.

    path : ``/etc/containerd/config.toml``
        The configuration file. What a ready daemon ran with last lies beside it.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.moved

    :return: a list of sentences; empty where ``root`` and ``state`` stay, or no container runs.
    :raises CommandExecutionError: the file cannot be read, or is no TOML.
    """
    before = _good(path)
    return [finding["message"] for finding in _moved_under_containers(before, read(path))] if before else []


def expected(overrides):
    """
    Return what overrides set, as far as it can be told without the installed containerd.

    overrides
        A fragment of config.toml, or a list of named ones.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.expected '{debug: {level: debug}}'

    :return: a dictionary in the shape of ``diff``, without the old values: dotted path to
        ``{"new": ...}``. The paths are those of the fragments.
    :raises SaltInvocationError: an override cannot be written as TOML.
    """
    data = {}
    for _, fragment in __salt__["containerd_document.layers"](overrides):
        data = __salt__["containerd_data.combine"](data, fragment)
    return {key: {"new": change["new"]} for key, change in diff({}, data).items()}


def explain(key=None, overrides=None, path=CONFIG):
    """
    Tell for each override, or for one key, where its value comes from and whether it is in effect.

    key : ``None``
        A dotted path in any schema; None for all overrides.

    overrides : ``None``
        The layers to explain. None takes those of the formula on this minion: its own default, the os
        map and pillar.

    path : ``/etc/containerd/config.toml``
        The configuration file.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.explain
        salt '*' containerd_toml.explain 'plugins."io.containerd.grpc.v1.cri".sandbox_image'

    :return: a dictionary: dotted path in this node's schema to ``value`` (None: removed), ``layer``
        (``containerd``: its default), ``default`` (containerd's), ``effective`` (what ``config dump`` of
        the file on disk shows; None where there is no file) and ``in_effect``. Secrets are masked.
    :raises CommandExecutionError: containerd or tomlkit is not installed.
    :raises SaltInvocationError: the key is no dotted path, or no key of this containerd.
    """
    made = _composed(overrides)
    dump = {}
    if os.path.exists(path):
        dump = __salt__["containerd_document.loads"](
            __salt__["containerd.config_dump"](path)["text"], "config dump"
        )
    paths = list(__salt__["containerd_data.leaves"](made["site"]))
    if key is not None:
        paths = _paths_of(key, made, paths)
    return {__salt__["containerd_schema.dotted"](where): _explained(where, made, dump) for where in paths}


def deprecations(overrides=None):
    """
    Return the keys in use that a coming containerd removes.

    overrides : ``None``
        As for ``explain``.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.deprecations

    :return: a list of findings: ``key``, ``level`` and ``message``, which names the release and the cure.
    :raises CommandExecutionError: containerd or tomlkit is not installed.
    """
    made = _composed(overrides)
    return __salt__["containerd_schema.deprecated"]({"version": made["version"], **made["site"]})


def minimal(path=CONFIG, show_secrets=False, beneath=None):
    """
    Return what a configuration file sets, as pillar to paste.

    The way in for a node that another tool configured: with this pillar the formula changes no setting.

    path : ``/etc/containerd/config.toml``
        The file, written for config version 2, 3 or 4.

    show_secrets : ``False``
        Whether registry credentials are shown; what a job returns is kept on the master.

    beneath : ``None``
        The layers that lie under the pillar. None takes those of the formula on this minion: its own
        default and the os map.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.minimal

    :return: a dictionary: pillar ``containerd`` with its ``config``, in the schema of the installed
        containerd, without what is so anyway; and ``left_out``, sentences about keys of the file that
        this containerd does not have, where there are any.
    :raises CommandExecutionError: the file cannot be read, or containerd is not installed.
    :raises SaltInvocationError: the file is of schema 1, or mixes schemas.
    """
    if beneath is None:
        beneath = [layer for layer in _formula_layers() if "pillar" not in layer]
    made, found = _composed(beneath), read(path)
    moved = __salt__["containerd_schema.translate"](
        found, made["version"], base=made["default"], findings=True
    )
    values = __salt__["containerd_data.leaves"](moved["fragment"])
    for where in made["origin"]:
        # What the formula would change, and the file leaves at containerd's default.
        values.setdefault(where, __salt__["containerd_data.at"](made["default"], where))
    result = {"version": made["version"]}
    for where, value in values.items():
        usual = __salt__["containerd_data.at"](made["result"], where)
        if where != ("version",) and not __salt__["containerd_data.same"](value, usual):
            table = result
            for part in where[:-1]:
                table = table.setdefault(part, {})
            table[where[-1]] = value if show_secrets else __salt__["containerd_data.masked"](value, where)
    left_out = [finding["message"] for finding in moved["findings"] if finding["level"] == "error"]
    if "version" not in found and made["version"] == 2:
        left_out.append(
            "The file has no version: containerd 1.x ignores its plugins tables, unlike this pillar."
        )
    return {"containerd": {"config": result}, **({"left_out": left_out} if left_out else {})}


def _for_node(overrides, strict, folder="/etc/containerd"):
    """
    Compose the document of this node; refuse what ``check`` finds.
    """
    made = __salt__["containerd_document.compose"](
        __salt__["containerd.config_default"](), overrides, strict=strict, folder=folder
    )
    _refuse(made["findings"], "The configuration")
    made["text"] = HEADER + made["text"]
    return made


def _good(path):
    """
    Return the data that a ready daemon ran with last, None where that is not known.
    """
    try:
        return read(f"{path}.good")
    except CommandExecutionError:
        return None


def _moved_under_containers(before, result):
    """
    Return an error for each directory that would move away from under running containers.
    """
    moved = [key for key in ("root", "state") if before.get(key) != result.get(key)]
    running = __salt__["containerd.containers"](before.get("state")) if moved else []
    return [
        {
            "level": "error",
            "message": f"{key}: {len(running)} containers run on this node, and would be lost with "
            f"{result.get(key)!r} instead of {before.get(key)!r}: drain the node and remove them first.",
        }
        for key in moved
        if running
    ]


def _rolled_back_from(path, text):
    """
    Return an error where this very content was rolled back: it would take the daemon down again.
    """
    if not __salt__["containerd_change.rejected"](path, text):
        return []
    message = (
        f"this very content was rolled back before; its first line in {path}.rejected tells why. Change the "
        "pillar, or remove that file to have it tried again."
    )
    return [{"level": "error", "message": message}]


def _sentences(findings):
    """
    Return what the findings say that are no errors.
    """
    return [finding["message"] for finding in findings if finding["level"] == "warning"]


def _refuse(findings, path, hints=()):
    """
    Raise one error for all findings that are errors, with what may be their reason.
    """
    errors = [finding["message"] for finding in findings if finding["level"] == "error"]
    if errors:
        lines = [f"{path} is refused; nothing was changed.", *errors, *_sentences(hints)]
        raise CommandExecutionError("\n".join(lines))


def _composed(overrides):
    """
    Compose for a report: the layers that are given, or else the formula's.
    """
    made = __salt__["containerd_document.compose"](
        __salt__["containerd.config_default"](),
        _formula_layers() if overrides is None else overrides,
        strict=False,
    )
    # A layer that cannot be translated is not in the document: nothing true could be said of it.
    _refuse([finding for finding in made["findings"] if finding.get("layer")], "The configuration")
    return made


def _formula_layers():
    """
    Return the layers that the formula has for this minion.
    """
    # Rendered as a run would: modules of Salt 3008 see pillar masked.
    chunks = __salt__["state.show_low_sls"](CONFIG_SLS)
    for chunk in chunks:
        if (
            isinstance(chunk, dict)
            and chunk.get("state") == "containerd_toml"
            and chunk.get("fun") == "managed"
        ):
            return chunk["overrides"]
    raise CommandExecutionError(f"{CONFIG_SLS} does not render here: {chunks}. Pass the overrides instead.")


def _paths_of(key, made, known):
    """
    Return the paths of one key of any schema in that of this node; a table stands for what is in it.
    """
    path = __salt__["containerd_schema.parse_key"](key)
    nested = None
    for part in reversed(path):
        nested = {part: nested}
    moved = __salt__["containerd_schema.translate"](
        nested, made["version"], base=made["default"], findings=True
    )["fragment"]
    wanted = [path, *__salt__["containerd_data.leaves"](moved)]
    every = dict.fromkeys([*known, *__salt__["containerd_data.leaves"](made["result"])])
    chosen = [leaf for leaf in every if any(leaf[: len(head)] == head for head in wanted)]
    if not chosen:
        raise SaltInvocationError(f"{key} is no key of this containerd's configuration.")
    return chosen


def _explained(path, made, dump):
    """
    Return what there is to know about one path.
    """
    value, effective = (
        __salt__["containerd_data.at"](made["result"], path),
        __salt__["containerd_data.at"](dump, path),
    )
    show = __salt__["containerd_data.masked"]
    return {
        "value": show(value, path),
        "layer": made["origin"].get(path, "containerd"),
        "default": show(__salt__["containerd_data.at"](made["default"], path), path),
        "effective": show(effective, path),
        "in_effect": not __salt__["containerd_proof.differs"](
            path, value, dump, made["result"].get("disabled_plugins") or ()
        ),
    }


def _today(found, made):
    """
    Return the data of a file as this containerd would call them: it may be of an older release.
    """
    try:
        moved = __salt__["containerd_schema.translate"](
            found, made["version"], base=made["default"], findings=True
        )
    except SaltInvocationError:
        return found
    return {
        **moved["fragment"],
        **{key: found[key] for key in ("version", "disabled_plugins") if key in found},
    }


def _current(path):
    """
    Return the text of the file as it is, None where there is none, and empty where it is no text.
    """
    if not os.path.lexists(path):
        return None
    try:
        return _slurp(path)
    except CommandExecutionError as err:
        if isinstance(err.__cause__, UnicodeDecodeError):
            return ""
        raise


def _slurp(path):
    """
    Return the text of a file.
    """
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            raise OSError(errno.EINVAL, "it is no file")
        with open(path, encoding="utf-8-sig") as file:
            return file.read()
    except UnicodeDecodeError as err:
        raise CommandExecutionError(f"{path} is not valid TOML: it is not UTF-8 ({err.reason})") from err
    except OSError as err:
        words = f"{path} cannot be read: {err.strerror}. Remove it, or make it a file that root can read."
        raise CommandExecutionError(words) from err
