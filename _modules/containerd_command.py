"""
The one seam for running a program: without a shell, within a time, and what it prints goes into no log.
"""

import salt.utils.path
from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()
from containerd_formula import places


def run(*argv, timeout=places.COMMAND_TIMEOUT, env=None):
    """
    Run a program; ``timeout`` is in seconds, None waits for ever.

    :return: ``cmd.run_all``'s dictionary, whatever its ``retcode``.
    :raises CommandExecutionError: it is not installed, cannot be run, or gives no answer in time.
    """
    name, *arguments = argv
    path = salt.utils.path.which(name)
    if not path:
        raise CommandExecutionError(f"{name} is not installed, or not executable (not in PATH).")
    try:
        result = __salt__["cmd.run_all"](
            [path, *arguments],
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
        raise CommandExecutionError(f"{path} cannot be run: {getattr(err, 'strerror', None) or err}") from err
    except CommandExecutionError as err:
        # Salt puts its own context before what the system says.
        reason = str(err).rpartition("reason: ")[2]
        raise CommandExecutionError(f"{path} cannot be run: {reason}") from err
    if result["retcode"] and result["stdout"].endswith(f"Timed out after {timeout} seconds"):
        # The rest may be as long as a sandbox's, and may hold what is not for a log.
        raise CommandExecutionError(f"{name} gave no answer within {timeout} s.")
    return result
