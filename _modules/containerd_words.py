"""
What containerd says, as it may be told: without the secrets of a configuration, which it quotes.
"""

import fnmatch
import os

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import drop_ins, errors, secrets, toml
from containerd_formula.places import CONFIG

# Files of one configuration: a pattern may find a whole disk.
_MOST = 200


def told(text, path=CONFIG, files=None):
    """
    Return the raw words of a program without the secrets of a configuration and of all that it imports.

    To be called before the words are cut: of half a secret nobody could tell that it is one. Where one of the
    files cannot be read, nobody knows its secrets: then the words are only that.

    ``files`` are paths to the files that they are, where the program does not see the node's own.
    """
    if not text.strip():
        return text
    found, read, pending = [], set(), [path]
    while pending and len(read) < _MOST:
        name = pending.pop(0)
        if name in read:
            continue
        read.add(name)
        source = (files or {}).get(name, name)
        # What is missing has none, and containerd says so.
        if not os.path.lexists(source):
            continue
        try:
            data = toml.loads(_text(source), name)
        except (CommandExecutionError, errors.Refused) as err:
            why = str(err).rstrip(".")
            return f"{why}. What containerd says of it may hold secrets, and is not told."
        found += secrets.secrets(data)
        pending += [one for pattern in drop_ins.patterns(data) for one in _matches(name, pattern)]
    return secrets.without(found, text)


def _text(path):
    try:
        return __salt__["containerd_files.content"](path).decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise CommandExecutionError(f"{path} is no TOML: it is not UTF-8.") from err


def _matches(importer, pattern):
    """Return the files that an import may mean; a star finds files that begin with a dot, too."""
    full = os.path.join(os.path.dirname(importer), pattern)
    if "\0" in full:
        return []
    if "*" not in full:
        return [full]
    found = [""]
    for part in full.split("/")[1:]:
        found = [
            f"{folder}/{name}"
            for folder in found[:_MOST]
            for name in (_names(f"{folder}/", part) if "*" in part else [part])
        ]
    return [name for name in found[:_MOST] if os.path.isfile(name)]


def _names(folder, pattern):
    try:
        return fnmatch.filter(sorted(os.listdir(folder)), pattern)
    except OSError:
        return []
