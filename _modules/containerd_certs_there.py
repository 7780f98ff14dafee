"""
The folder of registries (certs.d) as it is: what of it is the formula's, what is not, what keeps files out.
"""

import os
import re
import stat

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import hosts_toml, places
from containerd_formula.hosts_toml import folder_of

_DEFAULT = places.DEFAULT_REGISTRY
_FILES, _FOLDER = (0o644, 0o600), 0o700
# What the kernel takes, without what a temporary file has more.
_LONGEST = 255 - 29
_LEFT_OVER = re.compile(r"\..+\.containerd-formula-[a-z0-9_]{8}")


def own(root):
    """
    Return the texts of the formula's own files, relative path to text; none that users could change.
    """
    result = {}
    for folder in _entries(root):
        place = os.path.join(root, folder)
        passing = places.is_passing(folder)
        if not (passing or _is_marked(place)) or _why_not_ours(place):
            continue
        for name in _entries(place):
            beside = name.startswith(hosts_toml.OTHER_FILES) and name.endswith(".pem")
            if passing or beside or name == hosts_toml.HOSTS:
                result[f"{folder}/{name}"] = text(os.path.join(place, name)) or ""
    return result


def in_the_way(root, wanted):
    """
    Return sentences about what keeps files from being written, or from being root's alone.
    """
    if not wanted and not any(_is_marked(os.path.join(root, name)) for name in _entries(root)):
        return []
    if os.path.lexists(root) and not os.path.isdir(root):
        return [f"{root} is no folder, and every pull fails: remove it."]
    if why := __salt__["containerd_paths.why_not_roots"](root):
        return [f"{root}: {why}. {places.ROOTS_OWN}"]
    told = [_folder_in_the_way(root, folder) for folder in dict.fromkeys(map(folder_of, wanted))]
    told += [_file_in_the_way(root, path) for path in wanted]
    return [sentence for sentence in told if sentence]


def changed(root, wanted):
    """
    Return what changes with the files that are wanted: relative path, of a file or a folder, to the change.
    """
    result = {path: change for path, file in wanted.items() if (change := _change(root, path, file))}
    for folder in dict.fromkeys(folder_of(path) for path, file in wanted.items() if file.secret):
        place = os.path.join(root, folder)
        if os.path.isdir(place) and (change := _mode(place, _FOLDER)):
            result[folder] = {"mode": change}
    return result


def beside(root, wanted, there, prune):
    """
    Return sentences about what is in the folder besides the formula's files, and what it hides.
    """
    folders, ours = (
        {folder_of(path) for path in wanted},
        {folder_of(path) for path in there},
    )
    told = []
    for name in (name for name in _entries(root) if not places.is_passing(name)):
        place = os.path.join(root, name)
        twin = re.sub(r"_([0-9]{1,5})_$", r":\1", name)
        if twin != name and twin in folders:
            told.append(f"{place} is another's, and hides {twin} of this formula: remove it.")
        elif not os.path.isdir(place):
            told.append(f"{place} is no folder, and every pull of a registry of that name fails: remove it.")
        elif name not in folders:
            left = besides(place, there) if prune else None
            hides = " Its images are not asked for where those of * are." if _DEFAULT in folders else ""
            why = _why_it_stays(place, left) if name in ours else _why_foreign(place)
            told += [f"{place} {why}{hides}"] if why else []
        elif name not in ours and os.path.lexists(os.path.join(place, hosts_toml.HOSTS)):
            told.append(f"{place}/{hosts_toml.HOSTS} is another's: pillar names this registry.")
    return told


def besides(folder, paths):
    """
    Return the names in a folder of the formula's that are not those of some files of it, nor left by a write.
    """
    names = {os.path.basename(path) for path in paths if folder_of(path) == os.path.basename(folder)}
    return [name for name in _entries(folder) if name not in names and not _LEFT_OVER.fullmatch(name)]


def text(path):
    """
    Return the text of a file, None where there is none that could be read.
    """
    try:
        return __salt__["containerd_files.content"](path).decode("utf-8", "replace")
    except CommandExecutionError:
        return None


def allowed(path, bits):
    """
    Return the mode that something may have at most: what is stricter stays so, and of a link nothing.
    """
    return stat.S_IMODE(os.lstat(path).st_mode) & bits if os.path.lexists(path) else bits


def _entries(folder):
    return [os.path.basename(path) for path in __salt__["containerd_paths.entries"](folder)]


def _is_marked(place):
    said = text(os.path.join(place, hosts_toml.HOSTS))
    return said is not None and hosts_toml.is_ours(said)


def _why_not_ours(place):
    """Return why a folder with the formula's mark is not its own: what is in it is not removed then."""
    for path in (place, os.path.join(place, hosts_toml.HOSTS)):
        if os.path.islink(path):
            return f"{path} is a link"
    return __salt__["containerd_paths.why_not_roots"](place)


def _why_it_stays(place, left):
    """Return why a folder of the formula's stays that nobody wants; ``left`` is None without prune."""
    if left is None:
        return "is of this formula, and not in pillar: it stays, since prune is false."
    return f"stays, since it holds {', '.join(left)}: remove it." if left else ""


def _why_foreign(place):
    why = _why_not_ours(place) if _is_marked(place) else ""
    return f"is another's, since {why}: it stays." if why else "is another's, and stays."


def _folder_in_the_way(root, folder):
    place = os.path.join(root, folder)
    if os.path.islink(place):
        return f"{place} is a link, and may be the folder of another registry: remove it."
    if os.path.lexists(place) and not os.path.isdir(place):
        return f"{place} is no folder, and every pull of that registry fails: remove it."
    why = "" if _too_long(folder) else __salt__["containerd_paths.why_not_roots"](place)
    return f"{place}: {why}. {places.ROOTS_OWN}" if why else ""


def _file_in_the_way(root, path):
    for name in path.split("/"):
        if _too_long(name):
            return f"{name[:60]}... is too long for the name of a file: use a shorter name of that host."
    if os.path.isdir(os.path.join(root, path)):
        return f"{root}/{path} is a folder, and every pull of that registry fails: remove it."
    return ""


def _change(root, path, file):
    """Return what changes with a file: its content, its owner, its mode."""
    full = os.path.join(root, path)
    change = hosts_toml.changes(path, text(full), file.text)
    if not os.path.lexists(full):
        return change
    if os.path.islink(full):
        return {**change, "link": {"old": os.readlink(full), "new": None}}
    owner = os.lstat(full).st_uid
    if owner != 0:
        change["owner"] = {"old": owner, "new": 0}
    if mode := _mode(full, _FILES[file.secret]):
        change["mode"] = mode
    return change


def _mode(path, bits):
    """Return the change of the mode of what is more open than it may be."""
    have, want = stat.S_IMODE(os.lstat(path).st_mode), allowed(path, bits)
    return {} if have == want else {"old": f"{have:04o}", "new": f"{want:04o}"}


def _too_long(name):
    return len(os.fsencode(name)) > _LONGEST
