"""The configuration document: the binary's default with the layers of overrides merged in, and checked."""

from typing import NamedTuple

from containerd_formula import made_layers, rules, schema, toml
from containerd_formula.conditions import holds, is_since, parsed
from containerd_formula.data import (
    SAMPLES,
    combine,
    fit,
    leaves,
    plain,
    same,
    table,
    walk,
    without_null,
    without_paths,
)
from containerd_formula.errors import Refused, brief
from containerd_formula.findings import WARNING, Finding, finding
from containerd_formula.made_layers import REGISTRIES, SOURCE, SOURCES, SYSTEMD
from containerd_formula.paths import dotted
from containerd_formula.places import CONFIG_FOLDER
from containerd_formula.secrets import masked, secrets, without
from containerd_formula.table import SCHEMAS
from containerd_formula.translation import removed_tables, translate, written

_TEXTS = "it must be an array of strings"
_WHOLE_TABLE = (
    "null would remove this whole table, with containerd's own settings in it: remove the line (a key "
    "without a value is a null), or set only the keys to null that you want removed"
)

# The key beside a layer's name that holds its condition on the release.
CONDITION = "for"


class Composed(NamedTuple):
    """A document and how it came about."""

    # Without the overrides that have the wrong type.
    text: str
    version: int
    # The data before and after.
    default: dict
    result: dict
    # The overrides alone, in this schema, and the layer of each of their paths.
    site: dict
    origin: dict
    findings: list


def layers(overrides, release=None):
    """
    Return a fragment of config.toml, or a list of named ones, as a list of (name, plain fragment).

    The conditions of layers are left out: see ``conditions``. A layer that is made of other pillar is what a
    ``release`` needs, or the newest one.
    """
    return [(one.name, one.fragment) for one in _read(overrides, release)]


def conditions(overrides):
    """Return the condition of each layer, such as ``>=1.5``, or None if it is for all releases."""
    # An empty condition is a mistake: it does not mean all releases.
    return [
        (layer[CONDITION] or "") if len(layer) > 1 and CONDITION in layer else None
        for layer in _layers(overrides)
    ]


def needs_release(overrides):
    """Tell whether it matters to overrides which release of containerd is installed."""
    made = [layer for layer in _layers(overrides) if _is_made(layer)]
    return any(conditions(overrides)) or any(made_layers.needs_release(*_names(one), one) for one in made)


def given(overrides, source):
    """Return the pillar of which a layer is made, None where there is no such layer."""
    made = [layer for layer in _layers(overrides) if _is_made(layer) and layer[SOURCE] == source]
    return made[-1][_names(made[-1])[0]] if made else None


def compose(base, overrides, strict=True, folder=CONFIG_FOLDER, node=None, release=None):
    """
    Translate overrides, merge them into what ``containerd config default`` prints, and check the result.

    Relative imports start in ``folder``; ``node`` answers the rules' questions. ``release`` is that of the
    installed containerd: only layers with a condition need it.
    """
    document = toml.parse(base, "containerd config default")
    default, result = document.unwrap(), document.unwrap()
    version = default.get("version")
    if type(version) is not int or version not in SCHEMAS:
        raise Refused(
            f"containerd config default is of version {version!r}; this formula knows 2, 3 and 4: is the "
            "binary containerd's, and the formula new enough for it?"
        )
    site, origin, authors, owned, found = {}, {}, {}, {}, []
    named = _read(overrides, release)
    for (name, fragment, source, told, gone), condition in zip(named, conditions(overrides)):
        if condition is not None and not _holds(name, condition, release):
            words = f"layer {name}: left out, since it is for {condition} and containerd is {release}."
            found.append(Finding(name, brief(words), WARNING, about="release"))
            continue
        try:
            whole = removed_tables(fragment, version, default)
            fragment = without_paths(fragment, whole)
            moved = translate(fragment, version, base=result)
            authors.update(written(fragment, version, result))
        except Refused as err:
            found.append(Finding(name, f"layer {name}: {err}", about="layer"))
            continue
        found += [*told, *(finding(path, _WHOLE_TABLE, about="value") for path in whole)]
        # Without strict a key that the target lacks is a warning; a wrong value stays an error.
        found += [
            one if strict or one.about == "value" else one._replace(level=WARNING) for one in moved.findings
        ]
        patch = {key: value for key, value in moved.fragment.items() if key != "version"}
        applied = _patch(document, result, patch, (), found, default)
        if source:
            owned.update(made_layers.owned(source, applied, version, default, gone))
        else:
            found += made_layers.twice(name, applied, owned)
        site = combine(site, applied)
        origin.update(dict.fromkeys(leaves(applied), name))
    made = [one.name for one in named if one.source == REGISTRIES and one.fragment]
    found += made_layers.past_the_files(default, result) if made and is_since("1.5", release) else []
    # Of what the formula makes itself: the folder comes with the files, and deprecated keys go by themselves.
    found += [
        one
        for one in rules.findings(default, site, result, strict, folder, node, authors)
        if one.level != WARNING or origin.get(one.path) not in made
    ]
    unique = list({(one.key, one.message): one for one in found}.values())
    return Composed(document.as_string(), version, default, result, site, origin, unique)


def merge(base, fragment):
    """Return TOML text with a fragment of its schema merged in as a JSON Merge Patch (RFC 7396)."""
    document = toml.parse(base, "the base")
    if not _is_table(fragment):
        raise Refused("The overrides must be a mapping: a fragment of config.toml.")
    result, problems = document.unwrap(), []
    _patch(document, result, plain(fragment), (), problems)
    if problems:
        raise Refused(" ".join(problem.message for problem in problems))
    text = document.as_string()
    verify(text, result)
    return text


def verify(text, intended):
    """Fail unless the text that tomlkit wrote holds the intended data."""
    if not same(toml.loads(text, "the merged document"), intended):
        raise Refused(
            "tomlkit did not write what was merged; nothing was changed. Please report the overrides."
        )


def without_secrets(text, source="the text"):
    """Return TOML text with its secrets masked."""
    document = toml.parse(text, source)
    for path, value in walk(document.unwrap()):
        shown = masked(value, path)
        if shown != value:
            table = document
            for part in path[:-1]:
                table = table[part]
            table[path[-1]] = shown
    # Keys may be addresses, too.
    return without(secrets(document.unwrap()), document.as_string())


def _patch(document, data, patch, path, problems, default=None):
    """
    Apply a merge patch to a tomlkit container and to its plain data; return what was applied.

    With containerd's ``default``, sibling keys and the table of settings give the types of new keys.
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
            applied[key] = _patch(document[key], data[key], value, here, problems, default)
        else:
            try:
                applied[key] = _fitted(value, data, key, here, problems, default)
            except Refused as err:
                problems.append(_problem(here, err))
                continue
            # An unchanged value keeps its layout.
            if key not in data or not same(data[key], applied[key]):
                document[key] = data[key] = applied[key]
    return applied


def _fitted(value, data, key, path, problems, default):
    """Return an override's value in the type that its key has or must have."""
    if key not in data:
        return _new(without_null(value), path, problems, default)
    fitted = fit(value, data[key], path)
    # A list that is empty by default holds strings, unless the override has tables.
    if default and data[key] == [] and not any(isinstance(item, (dict, list)) for item in fitted):
        return fit(fitted, [""], path, _TEXTS)
    return fitted


def _new(value, path, problems, default):
    """Return the value of a new key in its right type; note what is wrong inside a table."""
    known, names = schema.type_of(path) if default else (schema.kind(path), [])
    sibling = _sibling(default, path)
    if sibling is not None:
        value = fit(value, sibling[1], path, f"in {dotted(sibling[0])} it is {sibling[1]!r}")
    elif known in SAMPLES:
        sample, words = SAMPLES[known]
        keys = f" with {' and '.join(names)}" if 0 < len(names) < 5 else ""
        value = fit(value, sample, path, f"it must be {words}{keys}")
    if not isinstance(value, dict):
        return value
    result = {}
    for key, inner in value.items():
        try:
            result[key] = _new(inner, (*path, key), problems, default)
        except Refused as err:
            problems.append(_problem((*path, key), err))
    return result


def _sibling(default, path):
    """Return (path, value) of the same key in a sibling of containerd's default, such as runtimes.runc."""
    if default is None or len(path) < 3 or schema.facts(path[:-1]).get("open") != "name":
        return None
    for name, other in table(default, path[:-2]).items():
        value = other.get(path[-1]) if isinstance(other, dict) else None
        if value is not None and not isinstance(value, dict):
            return (*path[:-2], name, path[-1]), value
    return None


def _problem(path, err):
    return finding(path, "")._replace(message=str(err))


def _read(overrides, release):
    """Return overrides as a list of ``made_layers.Layer``."""
    return [made_layers.made(*_names(layer), layer, release) for layer in _layers(overrides)]


def _layers(overrides):
    """Return overrides, not yet plain data, as a list of named layers."""
    named = [{"overrides": overrides}] if overrides is None or _is_table(overrides) else overrides
    if not isinstance(named, (list, tuple)) or not all(
        _is_table(layer)
        and len(_names(layer)) == 1
        and (len(layer) == 1 or SOURCE not in layer or _is_made(layer))
        for layer in named
    ):
        raise Refused(
            "overrides must be a fragment of config.toml, or a list of named ones: [{site: {...}}]."
        )
    return named


def _names(layer):
    """Return the keys of a layer without its condition and source: one key, its name."""
    beside = (CONDITION, SOURCE, *((SYSTEMD,) if SOURCE in layer else ()))
    return [key for key in layer if len(layer) == 1 or key not in beside]


def _is_made(layer):
    """Tell whether a layer is made of other pillar, and no fragment."""
    return len(layer) > 1 and layer.get(SOURCE) in SOURCES


def _holds(name, condition, release):
    """Tell whether the condition of a layer matches a release."""
    try:
        if release is None:
            parsed(condition)
            raise Refused("it is for certain releases, but that of the installed containerd is unknown.")
        return holds(condition, release)
    except Refused as err:
        raise Refused(f"layer {name}: {err}") from err


def _is_table(value):
    return hasattr(value, "items")
