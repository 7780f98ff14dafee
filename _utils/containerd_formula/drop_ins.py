"""
The drop-in files that a document imports: which of them break or mask it.

containerd 1.x replaces whole plugin tables by those of a drop-in. containerd 2.x merges them, but another
config version in a drop-in makes it refuse to start, or forget the CRI settings of the main file.
"""

from containerd_formula import schema
from containerd_formula.data import leaves, same, table, texts, walk
from containerd_formula.findings import WARNING, Finding
from containerd_formula.paths import dotted
from containerd_formula.secrets import masked

# containerd adds these up rather than to let one file win.
_NOT_MASKING = (("version",), ("imports",), ("disabled_plugins",), ("required_plugins",))


def patterns(main):
    """Return the paths and patterns that a document imports."""
    return texts(main.get("imports"))


def findings(main, drop_ins):
    """
    Return what is wrong with the files that a document imports: warnings, since they are not the formula's.

    ``drop_ins`` are (file name, data), or (file name, text) where the text says why it cannot be read.
    """
    return [
        Finding(name, f"{name} {words}", WARNING) for name, data in drop_ins for words in _faults(data, main)
    ]


def not_roots(name, why):
    """Return an error about a file or folder of imports that others may change, for a reason."""
    cure = "Let root own it (chown root, chmod go-w), or take it out of imports"
    return Finding(name, f"{name} is imported, and {why}: containerd reads it as root. {cure}.")


def misplaced(who, name, path, why):
    """Return an error about a place that a file ``name`` names, or whatever ``who`` is, for a reason."""
    return Finding(name, f"{who} sets {dotted(path)}: {why}")


def loaded(name, folder):
    """Return an error about a folder whose libraries are loaded when a file is only read."""
    cure = "Install bubblewrap, or move away what lies in it"
    words = f"containerd loads what lies in {folder} when it reads a configuration, and here is no sandbox"
    return Finding(name, f"{words}. {cure}.")


def _faults(drop_in, main):
    """Yield what is wrong with one imported file."""
    if isinstance(drop_in, str):
        yield f"is imported and cannot be used, so that containerd will not start: {drop_in}"
        return
    # A file without one is of version 1 as the main file, and of the main file's as a drop-in.
    version = main.get("version", 1)
    stamp, plugins = drop_in.get("version", version), drop_in.get("plugins", {})
    if type(stamp) is not int or not isinstance(plugins, dict):
        yield "is imported and is no configuration of containerd: its version or plugins have the wrong type."
        return
    if stamp == 1 and version == 2:
        yield "has version = 1: containerd then ignores the plugin settings of all files."
    elif type(version) is int and stamp > version:
        yield (
            f"has version = {stamp} and the main file {version}: by its release containerd refuses to start, "
            "or ignores the CRI settings of one of the two. Rewrite it for the older version."
        )
    for uri in texts(drop_in.get("disabled_plugins")):
        if uri in ("cri", *schema.cri_plugins()):
            yield f"disables {uri}, and no other file can enable it again: there will be no CRI."
    replaced = [("plugins", name) for name in plugins if version == 2 and table(main, ("plugins", name))]
    for path in replaced:
        yield (
            f"has a table for {path[1]}: containerd 1.x takes it instead of the whole table in the main "
            f"file, so that {len(leaves(table(main, path)))} settings of that are lost."
        )
    yield from _masks(drop_in, main, replaced)


def _masks(drop_in, main, replaced):
    """Yield the keys that a drop-in sets to another value than the main file."""
    mine = leaves(main)
    for path, value in walk(drop_in):
        if path not in mine or path in _NOT_MASKING or path[:2] in replaced:
            continue
        if not same(value, mine[path]):
            theirs, kept = masked(value, path), masked(mine[path], path)
            yield f"sets {dotted(path)} to {theirs!r} over {kept!r} of the main file."
