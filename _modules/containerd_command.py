"""
Run a program: the only place that does. No shell, a time limit, and no output in Salt's log.
"""

import salt.utils.path
from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()
from containerd_formula import places

# SUSE's package calls it by the longer name.
_ALSO = {"ctr": "containerd-ctr"}


def path(name):
    """
    Return the path of a program, also of one that a distribution has by another name; None if it has none.

    name
        The name of the program, looked up in PATH.
    """
    found = salt.utils.path.which(name)
    return found or (salt.utils.path.which(_ALSO[name]) if name in _ALSO else None)


def run(*argv, timeout=places.COMMAND_TIMEOUT, env=None):
    """
    Run a program.

    argv
        The name of the program, looked up in PATH, and its arguments.

    timeout : ``20``
        How long it may take, in seconds. None waits for ever.

    env : ``None``
        A dictionary of environment variables to add.

    :return: the dictionary of ``cmd.run_all``, with any ``retcode``.
    :raises CommandExecutionError: the program is not installed, cannot be run, or does not end in time.
    """
    name, *arguments = argv
    binary = path(name)
    if not binary:
        raise CommandExecutionError(f"{name} is not installed, or not executable (not in PATH).")
    try:
        result = __salt__["cmd.run_all"](
            [binary, *arguments],
            python_shell=False,
            timeout=timeout,
            env=env,
            # What containerd prints may hold registry credentials.
            output_loglevel="quiet",
            output_encoding="utf-8",
            ignore_retcode=True,
            rstrip=False,
        )
    except (OSError, ValueError) as err:
        # A list that is too long for the kernel, or a NUL in it.
        reason = getattr(err, "strerror", None) or err
        raise CommandExecutionError(f"{binary} cannot be run: {reason}") from err
    except CommandExecutionError as err:
        # Salt puts its own context before the system's reason.
        reason = str(err).rpartition("reason: ")[2]
        raise CommandExecutionError(f"{binary} cannot be run: {reason}") from err
    if result["retcode"] and result["stdout"].endswith(f"Timed out after {timeout} seconds"):
        # Without the output: it may be long, and may hold secrets.
        raise CommandExecutionError(f"{name} gave no answer within {timeout} s.")
    return result
