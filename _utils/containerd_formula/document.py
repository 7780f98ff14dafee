"""The configuration document: the binary's default with the layers of overrides merged in, and checked."""

from typing import NamedTuple

from containerd_formula import rules, schema, toml
from containerd_formula.data import combine, fit, leaves, plain, same, walk, without_null
from containerd_formula.errors import Refused
from containerd_formula.findings import WARNING, Finding, finding
from containerd_formula.places import CONFIG_FOLDER
from containerd_formula.secrets import masked, secrets, without
from containerd_formula.table import SCHEMAS
from containerd_formula.translation import translate


class Composed(NamedTuple):
    """A document and how it came about."""

    # It holds no override that is an error of its type.
    text: str
    version: int
    # The data before and after.
    default: dict
    result: dict
    # The overrides alone, in this schema, and the layer of each of their paths.
    site: dict
    origin: dict
    findings: list


def layers(overrides):
    """Return a fragment of config.toml, or a list of named ones, as a list of (name, plain fragment)."""
    named = [{"overrides": overrides}] if overrides is None or _is_table(overrides) else overrides
    if not isinstance(named, (list, tuple)) or not all(
        _is_table(layer) and len(layer) == 1 for layer in named
    ):
        raise Refused(
            "overrides must be a fragment of config.toml, or a list of named ones: [{site: {...}}]."
        )
    result = []
    for layer in named:
        [(name, fragment)] = layer.items()
        if fragment is not None and not _is_table(fragment):
            raise Refused(f"layer {name} of overrides must be a fragment of config.toml: a mapping.")
        result.append((str(name), plain(fragment or {})))
    return result


def compose(base, overrides, strict=True, folder=CONFIG_FOLDER, node=None):
    """
    Lay overrides over TOML text, what ``containerd config default`` prints: translated, merged, checked.

    Relative imports start in ``folder``; ``node`` tells the rules what they ask of it.
    """
    document = toml.parse(base, "containerd config default")
    default, result = document.unwrap(), document.unwrap()
    version = default.get("version")
    if type(version) is not int or version not in SCHEMAS:
        raise Refused(
            f"containerd config default is of version {version!r}; this formula knows 2, 3 and 4: is the "
            "binary containerd's, and the formula new enough for it?"
        )
    site, origin, found = {}, {}, []
    for name, fragment in layers(overrides):
        try:
            moved = translate(fragment, version, base=result)
        except Refused as err:
            found.append(Finding(name, f"layer {name}: {err}", about="layer"))
            continue
        # A key that the target lacks may be a warning, a wrong value not.
        found += [
            one if strict or one.about == "value" else one._replace(level=WARNING) for one in moved.findings
        ]
        patch = {key: value for key, value in moved.fragment.items() if key != "version"}
        applied = _patch(document, result, patch, (), found)
        site = combine(site, applied)
        origin.update(dict.fromkeys(leaves(applied), name))
    found += rules.findings(default, site, result, strict=strict, folder=folder, node=node)
    unique = list({(one.key, one.message): one for one in found}.values())
    return Composed(document.as_string(), version, default, result, site, origin, unique)


def merge(base, fragment):
    """Return TOML text with a fragment of its schema merged in as a JSON Merge Patch (RFC 7396)."""
    document = toml.parse(base, "the base")
    if not _is_table(fragment):
        raise Refused("What is merged must be a fragment of config.toml: a mapping.")
    result, problems = document.unwrap(), []
    _patch(document, result, plain(fragment), (), problems)
    if problems:
        raise Refused(" ".join(problem.message for problem in problems))
    text = document.as_string()
    verify(text, result)
    return text


def verify(text, intended):
    """Make sure that the text that tomlkit wrote holds the data that were intended."""
    if not same(toml.loads(text, "the merged document"), intended):
        raise Refused(
            "tomlkit did not write what was merged; nothing was changed. Please report the overrides."
        )


def without_secrets(text, source="the text"):
    """Return TOML text as it may be shown."""
    document = toml.parse(text, source)
    for path, value in walk(document.unwrap()):
        shown = masked(value, path)
        if shown != value:
            table = document
            for part in path[:-1]:
                table = table[part]
            table[path[-1]] = shown
    # Also keys may be addresses.
    return without(secrets(document.unwrap()), document.as_string())


def _patch(document, data, patch, path, problems):
    """Apply a merge patch to a tomlkit container and to its plain data alike; return what was applied."""
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
            except Refused as err:
                problems.append(finding(here, "")._replace(message=str(err)))
                continue
            # What is there already keeps its layout.
            if key not in data or not same(data[key], applied[key]):
                document[key] = data[key] = applied[key]
    return applied


def _fitted(value, data, key, path):
    return fit(value, data[key], path) if key in data else _new(without_null(value), path)


def _new(value, path):
    # It replaces none: YAML's 1 is a float where only the table tells.
    if isinstance(value, dict):
        return {key: _new(inner, (*path, key)) for key, inner in value.items()}
    return float(value) if type(value) is int and schema.kind(path) == "float" else value


def _is_table(value):
    return hasattr(value, "items")
