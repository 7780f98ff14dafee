"""
Completion of commands in bash on this node: which files there are to be, and which ones go.
"""

import os

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import completions, errors
from containerd_formula.places import PACKAGED_COMPLETIONS, ROOTS_OWN

_told = errors.told_as(CommandExecutionError)


@_told
def plan(root, given=None, coming=()):
    """
    Return what becomes of the completions in a folder with pillar ``tools:completion``. No tool is started.

    ``coming`` names tools that this run installs.

    :return: a dictionary: ``write``, path to tool; ``changes``, path to old and new; ``told``, sentences.
    :raises CommandExecutionError: a tool is unknown, or users other than root could change it or the file.
    """
    planned = {"write": {}, "changes": {}, "told": []}
    named = completions.wanted(given)
    for tool in completions.TOOLS:
        path = os.path.join(root, tool)
        found = _text(path)
        why = _why_not(tool, path, found, coming) if tool in named else ""
        if why:
            planned["told"].append(f"{tool}: {why}.")
        if tool in named and not why:
            __salt__["containerd_paths.must_be_roots"](path)
            if not completions.is_as_meant(found, tool, _maker(tool)):
                planned["write"][path] = tool
                planned["changes"][path] = {"old": "outdated" if found else None, "new": "written"}
        elif completions.is_ours(found):
            planned["changes"][path] = {"old": "present", "new": None}
    return planned


@_told
def text(tool):
    """
    Return the text of a tool's completion: crictl and nerdctl print their own.

    :raises CommandExecutionError: the tool fails, or prints something else.
    """
    if tool not in completions.TOOLS[1:]:
        return completions.render("ctr")
    maker = _maker(tool)
    done = __salt__["containerd_command.run"](tool, "completion", "bash")
    if done["retcode"] != 0:
        words = errors.last_words(done["stderr"] or done["stdout"])
        raise CommandExecutionError(f"{tool} completion bash failed: {words}")
    return completions.render(tool, maker, done["stdout"])


def _why_not(tool, path, text, coming):
    """Return why a tool gets no completion from the formula; empty if it does."""
    packaged = [os.path.join(PACKAGED_COMPLETIONS, f"{tool}{end}") for end in ("", ".bash")]
    if found := [one for one in packaged if os.path.lexists(one)]:
        return f"its package brings {found[0]}"
    if os.path.lexists(path) and not completions.is_ours(text):
        return f"{path} is another's, and stays"
    program = __salt__["containerd_command.path"](tool)
    if not program:
        return "" if tool in coming else "it is not installed"
    # Root's shell runs it at each press of the key.
    if why := __salt__["containerd_paths.why_not_roots"](program):
        raise CommandExecutionError(f"{program}: {why}. {ROOTS_OWN}")
    return ""


def _maker(tool):
    """Return which file a tool is: another one may complete other words."""
    program = __salt__["containerd_command.path"](tool)
    try:
        found = os.stat(program)
    except (OSError, TypeError):
        return ""
    return f"{program} {found.st_size} {found.st_mtime_ns}"


def _text(path):
    """Return the text of a file; empty where there is none that can be read."""
    try:
        return __salt__["containerd_files.content"](path).decode("utf-8", "replace")
    except CommandExecutionError:
        return ""
