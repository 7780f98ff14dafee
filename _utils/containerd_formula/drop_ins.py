"""
Find the drop-in files that break or mask the document that imports them.

containerd 1.x replaces whole plugin tables by those of a drop-in. containerd 2.x merges them, but another
config version in a drop-in makes it refuse to start, or drop settings without an error: 2.0 to 2.2 merge all
files first, and migrate the result if the last version is 2; later releases migrate each file.
"""

from functools import reduce

from containerd_formula import schema
from containerd_formula.data import at, combine, leaves, same, table, texts, walk
from containerd_formula.findings import WARNING, Finding
from containerd_formula.paths import dotted
from containerd_formula.secrets import masked
from containerd_formula.table import IDS, SCHEMAS, named

# containerd adds these up: no file wins.
_NOT_MASKING = (("version",), ("imports",), ("disabled_plugins",), ("required_plugins",))
_CRI = ("plugins", IDS["CRI"])
# Keys that a migration takes from the drop-in even if the main file has them, and tables that it takes whole.
# The last ones it loses if no runtimes stand beside them.
_OVER = ("sandbox_image", "max_concurrent_downloads", "image_pull_progress_timeout")
_OVER += ("image_pull_with_sync_fs", "stats_collect_period")
_TABLES_OVER = ("registry", "image_decryption")
_BESIDE_RUNTIMES = ("snapshotter", "disable_snapshot_annotations", "discard_unpacked_layers")


def patterns(main):
    """Return the paths and patterns that a document imports."""
    return texts(main.get("imports"))


def findings(main, drop_ins):
    """
    Return warnings about the files that a document imports; they are not the formula's files.

    ``drop_ins`` are (file name, data), or (file name, text) if the file cannot be read: the text says why.
    """
    merged = together(main, [data for _, data in drop_ins if _is_usable(data)])
    return [
        Finding(name, f"{name} {words}", WARNING)
        for name, data in drop_ins
        for words in _faults(data, main, merged)
    ]


def together(main, drop_ins):
    """Return a main file with its drop-ins laid over it, and the version that the whole then has."""
    # A file without a version, or with 1, does not change that of the others.
    stamps = [version for version in (data.get("version", 1) for data in drop_ins) if version > 1]
    return {**reduce(combine, drop_ins, main), "version": (stamps or [main.get("version")])[-1]}


def dead(drop_in, main, merged):
    """Yield (path, cure) of the settings of a drop-in that containerd silently drops; merged is all files."""
    version, stamp = main.get("version", 1), drop_in.get("version", 1)
    # Releases of schema 2 migrate nothing, and another version in a file is reported separately.
    if version not in SCHEMAS or (version == SCHEMAS[0] and stamp > version):
        return
    migrates = {2: False, 3: merged["version"] == 2}.get(version, stamp < version)
    for path, value in walk(drop_in):
        cure = schema.stray(path, version) if value not in ("", [], {}) and path not in _NOT_MASKING else None
        if cure and not (migrates and _survives(path, version, merged if version == 3 else drop_in)):
            yield path, cure


def _survives(path, version, data):
    """Tell whether a migration keeps a key of an older schema; data is what it migrates at once."""
    if path[:2] != _CRI or len(path) < 3:
        return True
    key, name = path[2], path[3] if len(path) > 3 else None
    if key == "containerd" and name in _BESIDE_RUNTIMES:
        return "runtimes" in table(data, (*_CRI, "containerd"))
    if key in (*_OVER, *_TABLES_OVER) or version > 3 or (key, name) == ("cni", "bin_dir"):
        return True
    # The main file wins: in these tables for one key, in others for the whole table.
    depth = 2 if key in ("containerd", "cni") else 1
    return at(data, ("plugins", IDS["RT"], *path[2 : 2 + depth])) is None


def not_roots(name, why):
    """Return an error about an imported file, or its folder, that users other than root may change."""
    cure = "Let root own it (chown root, chmod go-w), or take it out of imports"
    return Finding(name, f"{name} is imported, and {why}: containerd reads it as root. {cure}.")


def misplaced(who, name, path, why):
    """Return an error about an unsafe path in an imported file; ``who`` begins the message."""
    return Finding(name, f"{who} sets {dotted(path)}: {why}")


def loaded(name, folder):
    """Return an error about a folder whose libraries containerd loads when it only reads a file."""
    cure = "Install bubblewrap, or empty the folder"
    words = f"containerd loads what lies in {folder} when it reads a configuration, and there is no sandbox"
    return Finding(name, f"{words}. {cure}.")


def _is_usable(drop_in):
    if isinstance(drop_in, str):
        return False
    return type(drop_in.get("version", 1)) is int and isinstance(drop_in.get("plugins", {}), dict)


def _faults(drop_in, main, merged):
    """Yield what is wrong with one imported file."""
    if isinstance(drop_in, str):
        yield f"is imported and cannot be used, so that containerd will not start: {drop_in}"
        return
    if not _is_usable(drop_in):
        yield "is imported and is not a containerd configuration: its version or plugins have the wrong type."
        return
    # Without a version a main file has version 1, and a drop-in has the main file's.
    version = main.get("version", 1)
    stamp, plugins = drop_in.get("version", version), drop_in.get("plugins", {})
    if stamp == 1 and version == 2:
        yield "has version = 1: containerd then ignores the plugin settings of all files."
    elif type(version) is int and stamp > version:
        yield (
            f"has version = {stamp} and the main file {version}: by its release, containerd refuses to start "
            "or ignores the CRI settings of one of the two. Rewrite it for the older version."
        )
    for uri in texts(drop_in.get("disabled_plugins")):
        if uri in ("cri", *schema.cri_plugins()):
            yield f"disables {uri}, and no other file can enable it again: there will be no CRI."
    replaced = [("plugins", name) for name in plugins if version == 2 and table(main, ("plugins", name))]
    for path in replaced:
        yield (
            f"has a table for {path[1]}: containerd 1.x uses it instead of the whole table of the main "
            f"file, so that {len(leaves(table(main, path)))} settings of the main file are lost."
        )
    lost = dict(dead(drop_in, main, merged))
    if lost:
        yield _lost(lost, drop_in, version)
    yield from _replaces(drop_in, main, merged)
    yield from _masks(drop_in, main, [*replaced, *lost])


def _lost(lost, drop_in, version):
    """Return a sentence about the settings of a file that containerd drops, with the cure."""
    (path, cure), *more = lost.items()
    stamp = f"has version = {drop_in['version']}" if "version" in drop_in else "has no version"
    others = f" and {len(more)} more" if more else ""
    return (
        f"{stamp} and settings of another schema, which containerd drops without an error: "
        f"{dotted(path)}{others}. Write version = {version} and the names of that schema into it; {cure}."
    )


def _replaces(drop_in, main, merged):
    """Yield a sentence for each table of the main file that a migration replaces by a drop-in's."""
    for key in _TABLES_OVER if (main.get("version"), merged["version"]) == (3, 2) else ():
        path = ("plugins", IDS["IMG"], key)
        mine = [value for value in leaves(table(main, path)).values() if value not in ("", [], {})]
        if mine and table(drop_in, (*_CRI, key)):
            yield (
                f"has {dotted((*_CRI, key))}: containerd uses it instead of the main file's {dotted(path)}, "
                f"so that {len(mine)} settings of that table are lost. Write version = 3 and {dotted(path)}."
            )


def _masks(drop_in, main, left_out):
    """Yield the keys that a drop-in sets to another value than the main file."""
    mine, version = leaves(main), main.get("version")
    for own, value in walk(drop_in):
        path = _migrated(own, version, main)
        if path not in mine or path in _NOT_MASKING or own in left_out or own[:2] in left_out:
            continue
        if not same(value, mine[path]):
            theirs, kept = masked(value, path), masked(mine[path], path)
            yield f"sets {dotted(path)} to {theirs!r} over {kept!r} of the main file."


def _migrated(path, version, main):
    """Return the path to which containerd 2.x migrates a key of an older schema."""
    if version not in SCHEMAS[1:] or not schema.stray(path, version):
        return path
    older = [source for source in SCHEMAS if source < version and not schema.stray(path, source)]
    moved = schema.move(path, older[0], version) if older else None
    return named(moved, version, main) if moved else path
