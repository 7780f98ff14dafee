"""What there is to tell of a composed document: where a value comes from, and what a file sets."""

from containerd_formula import schema, toml
from containerd_formula.data import at, leaves, put, same
from containerd_formula.effect import differs
from containerd_formula.errors import Refused
from containerd_formula.findings import errors, finding
from containerd_formula.paths import dotted
from containerd_formula.secrets import masked
from containerd_formula.translation import translate


def explained(made, dump, key=None):
    """Return dotted path to what there is to know, for each override or for one key of any schema."""
    paths = list(leaves(made.site))
    if key is not None:
        paths = _paths_of(key, made, paths)
    return {dotted(path): _facts(path, made, dump) for path in paths}


def as_in(found, made):
    """Return the data of a file as this containerd would call them: it may be of an older release."""
    try:
        moved = translate(found, made.version, base=made.default).fragment
    except Refused:
        return found
    return {**moved, **{key: found[key] for key in ("version", "disabled_plugins") if key in found}}


def minimal(made, found, show_secrets=False):
    """Return the pillar that gives a file's settings over a composed document, and what cannot be given."""
    moved = translate(found, made.version, base=made.default)
    values = leaves(moved.fragment)
    for path in made.origin:
        # What the formula would change, and the file leaves at containerd's default.
        values.setdefault(path, at(made.default, path))
    config, left_out = {"version": made.version}, errors(moved.findings)
    for path, value in values.items():
        if path == ("version",) or same(value, at(made.result, path)):
            continue
        if value and (never := schema.facts(path).get("never")):
            left_out.append(finding(path, never).message)
        else:
            put(config, path, value if show_secrets else masked(value, path))
    if "version" not in found and made.version == 2:
        left_out.append(
            "The file has no version: containerd 1.x ignores its plugins tables, unlike this pillar."
        )
    return {"containerd": {"config": config}, **({"left_out": left_out} if left_out else {})}


def _paths_of(key, made, known):
    """Return the paths of one key of any schema in this one; a table stands for what is in it."""
    path = toml.key(key)
    nested = None
    for part in reversed(path):
        nested = {part: nested}
    moved = translate(nested, made.version, base=made.default).fragment
    wanted = [path, *leaves(moved)]
    every = dict.fromkeys([*known, *leaves(made.result)])
    chosen = [leaf for leaf in every if any(leaf[: len(head)] == head for head in wanted)]
    if not chosen:
        raise Refused(f"{key} is no key of this containerd's configuration.")
    return chosen


def _facts(path, made, dump):
    value = at(made.result, path)
    disabled = made.result.get("disabled_plugins") or ()
    return {
        "value": masked(value, path),
        "layer": made.origin.get(path, "containerd"),
        "default": masked(at(made.default, path), path),
        "effective": masked(at(dump, path), path),
        "in_effect": not differs(path, value, dump, disabled),
    }
