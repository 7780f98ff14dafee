"""
Files for people at the node's shell: what crictl and nerdctl are told of this containerd.
"""

import os

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import errors, tools
from containerd_formula.places import CONFIG

_told = errors.told_as(CommandExecutionError)


@_told
def plan(path, tool, given=None, coming=None, replace=False):
    """
    Return what becomes of a tool's file with pillar ``tools:TOOL:config``.

    ``coming`` are the changes of containerd's configuration that a dry run foretells.

    :return: a dictionary: ``text``, None to leave the file alone: it is another's, and says the same;
        ``changes``, dotted paths to old and new.
    :raises CommandExecutionError: a setting is wrong, users other than root could change the file, or it is
        another's and ``replace`` is false.
    """
    new = tools.render(tool, tools.settings(tool, given, _effective(), coming))
    __salt__["containerd_paths.must_be_roots"](path)
    old = _text(path)
    changes = tools.changes(tool, old, new)
    if not old or tools.is_ours(old):
        return {"text": new, "changes": changes or ({"file": _EDITED} if old != new else {})}
    if tools.says_the_same(tool, old, new):
        return {"text": None, "changes": {}}
    if not replace:
        raise CommandExecutionError(
            f"{path} is another's, and stays as it is: set containerd:tools:{tool}:replace to true, "
            "or manage to false."
        )
    # Without its values: nobody knows what it held.
    return {"text": new, "changes": {**tools.changes(tool, None, new), "file": _REPLACED}}


def is_ours(path):
    """
    Tell whether the formula wrote a file.
    """
    return os.path.isfile(path) and tools.is_ours(_text(path))


_EDITED = {"old": "edited", "new": "as specified"}
_REPLACED = {"old": "another's", "new": "replaced"}


def _effective():
    """Return containerd's configuration as plain data; without a file there is nothing but its defaults."""
    if not os.path.exists(CONFIG):
        return {}
    found = __salt__["containerd_document.read"](CONFIG)
    # What a file imports may set the socket, and only containerd knows what wins. Else no program is started.
    if __salt__["containerd_imports.files"](CONFIG, found):
        return __salt__["containerd_document.dump"](CONFIG)
    return found


def _text(path):
    """Return the text of a file; empty if there is none."""
    if not os.path.lexists(path):
        return ""
    return __salt__["containerd_files.content"](path).decode("utf-8", "replace")
