"""
Ask minions by the master's own client, and name those that do not answer. For the formula's runners.
"""

import contextlib
import time

import salt.client
from containerd_formula import renew
from salt.exceptions import CommandExecutionError, SaltException

renew()

from containerd_formula.errors import Refused
from containerd_formula.rolling import SILENT

# How long Salt waits before it asks whether a silent minion still works on its job, and then at least for the
# answer: Salt's own ten seconds take a node that is busy with its run for a deaf one. A number of seconds.
_PATIENCE = 30
# What Salt 3008 tells of pillar unless it is asked to unmask it.
_MASKED = "*" * 10


def answering(tgt, tgt_type="glob", ssh=None):
    """
    Return the nodes that are meant: the names of those that answer, and {name: why} of those that do not,
    asked twice. ``ssh`` are the arguments of ``containerd_ssh`` if a roster has the nodes.
    """
    if ssh is not None:
        return __salt__["containerd_ssh.answering"](tgt, tgt_type, **ssh)
    try:
        with _client() as client:
            answers = client.cmd(tgt, "test.ping", tgt_type=tgt_type)
            deaf = _silent(answers)
            # A node that is busy may miss the first question.
            again = client.cmd(deaf, "test.ping", tgt_type="list") if deaf else {}
    except (SaltException, OSError) as err:
        raise Refused(f"The master does not pass test.ping on: {err}") from err
    if not answers:
        raise CommandExecutionError(f"No minion is meant by {tgt!r}: salt-key --list=accepted names them.")
    deaf = [name for name in deaf if again.get(name) is not True]
    return sorted(set(answers) - set(deaf)), dict.fromkeys(deaf, SILENT)


def _silent(answers):
    return sorted(name for name, pong in answers.items() if pong is not True)


def values(nodes, where, ssh=None):
    """
    Return a grain or a pillar value of nodes: ``grain:NAME`` or ``pillar:KEY``; ``id`` is their own names.
    """
    kind, _, key = where.partition(":")
    function = {"grain": "grains.get", "pillar": "pillar.get"}.get(kind)
    if where == "id" or not nodes:
        return {node: node for node in nodes}
    if not function or not key:
        raise Refused(f"{where} is neither id nor a grain or pillar: write such as grain:host.")
    answers = {node: answer for node, (answer, _) in ask(nodes, function, [key], ssh=ssh)}
    # 3006 does not know the word.
    masked = [node for node, answer in answers.items() if answer == _MASKED]
    answers.update(
        {node: answer for node, (answer, _) in ask(masked, function, [key], {"unmask": True}, ssh=ssh)}
    )
    return answers


def ask(nodes, function, arguments=(), kwarg=None, timeout=60, ssh=None):
    """
    Yield each node with its answer and return code, as they come; none for a node that is silent.
    """
    if ssh is not None:
        yield from __salt__["containerd_ssh.ask"](nodes, function, arguments, kwarg, timeout, **ssh)
        return
    if not nodes:
        return
    end = time.monotonic() + timeout + _PATIENCE
    try:
        # Closed before the client: it closes the connection once more.
        with (
            _client() as client,
            contextlib.closing(_asked(client, nodes, function, arguments, kwarg, timeout)) as asked,
        ):
            for answer in asked:
                for node, told in (answer or {}).items():
                    # Any minion may send an answer to any job.
                    if node in nodes and isinstance(told, dict) and "ret" in told:
                        yield node, (told["ret"], told.get("retcode", 0))
                if time.monotonic() > end:
                    return
    # A connection that a master's restart has cut is an OSError.
    except (SaltException, OSError) as err:
        raise Refused(f"The master does not pass {function} on: {err}") from err


def _asked(client, nodes, function, arguments, kwarg, timeout):
    return client.cmd_iter_no_block(
        list(nodes),
        function,
        list(arguments),
        timeout=min(timeout, _PATIENCE),
        tgt_type="list",
        kwarg=kwarg or {},
        gather_job_timeout=max(_PATIENCE, __opts__["gather_job_timeout"]),
    )


def _client():
    return salt.client.get_local_client(__opts__["conf_file"])
