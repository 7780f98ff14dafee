"""
What containerd says, as it may be told: without the secrets of a configuration, which it quotes.
"""

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
    while pending:
        name = pending.pop(0)
        if name in read:
            continue
        read.add(name)
        source = (files or {}).get(name, name)
        # What is missing, or a folder, has none, and containerd says so.
        if not os.path.lexists(source) or os.path.isdir(source):
            continue
        try:
            data = toml.loads(__salt__["containerd_files.text"](source), name)
            imports = [__salt__["containerd_imports.named"](name, one)[0] for one in drop_ins.patterns(data)]
            if len(read) > _MOST:
                raise errors.Refused(f"{path} imports more than {_MOST} files")
        except (CommandExecutionError, errors.Refused) as err:
            why = str(err).rstrip(".")
            return f"{why}. What containerd says of it may hold secrets, and is not told."
        found += secrets.secrets(data)
        pending += [one for names in imports for one in names]
    return secrets.without(found, text)
