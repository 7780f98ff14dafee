"""
The file that a node has now: what of it the installed containerd has in effect.

Nothing here changes the node.
"""

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import errors, findings, reading, toml
from containerd_formula.places import CONFIG
from containerd_formula.secrets import secrets, without

_told = errors.told_as(CommandExecutionError)


@_told
def read(path, text, found, made, no_sandbox=None):
    """
    Return what a file is to the installed containerd: the library's ``Reading``.

    The file is of this text and data, ``made`` the document to compare with; ``no_sandbox`` is why there is
    none, where that is known. Without one only the daemon's own file is read.

    :raises CommandExecutionError: containerd refuses the file, or it cannot be read here.
    """
    if no_sandbox is None:
        no_sandbox = __salt__["containerd_sandbox.why_not"]()
    if no_sandbox and path != CONFIG:
        raise CommandExecutionError(
            f"{no_sandbox}, and {path} is read in a sandbox only: apply containerd.config."
        )
    if no_sandbox:
        __salt__["containerd_paths.must_be_roots"](path)
    candidate = __salt__["containerd_change.candidate"](reading.alone(text, path))
    try:
        said = __salt__["containerd_daemon.dumped"](
            *((candidate,) if no_sandbox else (path, {path: candidate}))
        )
        return reading.reading(found, toml.loads(said["text"], "config dump"), made)
    except CommandExecutionError as err:
        # containerd 1.x prints the values that it cannot convert.
        raise CommandExecutionError(without(secrets(found), str(err).replace(candidate, path))) from err
    finally:
        __salt__["containerd_change.discard"](candidate)


def before(path, text, found, made, no_sandbox):
    """
    Return what was in effect before a change, as well as it can be told here: the library's ``Reading``.
    """
    # A whole file tells all itself, and without a sandbox a plan runs nothing before all is checked.
    if no_sandbox or not found or reading.is_whole(found, made):
        return reading.guessed(found, made)
    try:
        return read(path, text, found, made, no_sandbox)
    except CommandExecutionError as err:
        words = f"containerd does not take {path} as it is: {err}"
        return reading.guessed(found, made)._replace(dead=[findings.Finding(path, words)])
