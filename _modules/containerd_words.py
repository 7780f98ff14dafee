"""
Remove the secrets of a configuration from containerd's output, which may quote them.
"""

import os

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import drop_ins, errors, secrets, toml
from containerd_formula.places import CONFIG

# The most files of one configuration: a pattern may find a whole disk.
_MOST = 200


def told(text, path=CONFIG, files=None):
    """
    Return a program's output without the secrets of a configuration and of its imports.

    Pass the whole output: half a secret could not be found. If one of the files cannot be read, its secrets
    are unknown: then a sentence about that replaces the output.

    ``files`` maps paths to the files that the program found there, if these are not the node's own.
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
        # A missing file, or a folder, has no secrets, and containerd reports it.
        if not os.path.lexists(source) or os.path.isdir(source):
            continue
        try:
            data = toml.loads(__salt__["containerd_files.text"](source), name)
            imports = [__salt__["containerd_imports.named"](name, one)[0] for one in drop_ins.patterns(data)]
            if len(read) > _MOST:
                raise errors.Refused(f"{path} imports more than {_MOST} files")
        except (CommandExecutionError, errors.Refused) as err:
            why = str(err).rstrip(".")
            return f"{why}. containerd's own message may hold secrets, and is not shown."
        found += secrets.secrets(data)
        pending += [one for names in imports for one in names]
    return secrets.without(found, text)
