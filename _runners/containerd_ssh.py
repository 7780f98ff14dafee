"""
Ask the nodes of a roster as salt-ssh does, and name those that do not answer. For the formula's runners.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula.errors import Refused, brief, in_words

# Salt's client waits without an end for a node that hangs, and hears the terminal's Ctrl-C: so it has a
# process of its own, which can be ended. Pillar goes in by its stdin, where no one else reads it.
_PROGRAM = """
import json, sys
from salt.client.ssh.client import SSHClient
config, call = json.load(sys.stdin)
for answer in SSHClient(config).cmd_iter(**call):
    print(json.dumps(answer), flush=True)
"""
# How long ssh and Salt's files may take before a node is at work, a number of seconds.
_PATIENCE = 90


def answering(tgt, tgt_type="glob", roster_file=None):
    """
    Return the nodes that are meant: the names of those that answer, and {name: why} of those that do not.
    """
    call = {"tgt": tgt, "tgt_type": tgt_type, "fun": "test.ping"}
    answers = dict(_asked(call, _PATIENCE, roster_file))
    if not answers:
        raise CommandExecutionError(f"No node is meant by {tgt!r}: the roster of salt-ssh names them.")
    deaf = {node: in_words(told) for node, (told, _) in sorted(answers.items()) if told is not True}
    return sorted(set(answers) - set(deaf)), deaf


def ask(nodes, function, arguments=(), kwarg=None, timeout=60, roster_file=None):
    """
    Yield each node with its answer and return code, as they come; none for a node that is silent.
    """
    call = {"tgt": list(nodes), "tgt_type": "list", "fun": function, "arg": list(arguments)}
    if nodes:
        yield from _asked({**call, "kwarg": kwarg or {}}, timeout + _PATIENCE, roster_file)


def _asked(call, patience, roster_file):
    """Yield what nodes answer, until nobody has answered for a while."""
    if roster_file:
        call["roster_file"] = roster_file
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as err, _client(err) as process:
        try:
            # A client that cannot even begin says why below.
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(json.dumps([__opts__["conf_file"], call]))
                process.stdin.close()
            for line in _lines(process, patience):
                for node, told in _read(line).items():
                    yield node, _answer(told)
            process.wait()
        finally:
            _end(process)
        if process.returncode > 0:
            err.seek(0)
            said = err.read(100_000).strip().splitlines() or [f"it ended with {process.returncode}"]
            raise Refused(brief(f"salt-ssh does not pass {call['fun']} on: {said[-1]}"))


def _client(err):
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM],
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=err,
        text=True,
        start_new_session=True,
    )


def _lines(process, patience):
    while True:
        timer = threading.Timer(patience, _end, [process])
        timer.start()
        line = process.stdout.readline()
        timer.cancel()
        if not line:
            return
        yield line


def _end(process):
    """End the client and what it began, unless it came to its end."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def _read(line):
    """Return {node: answer}; what a module of somebody else prints is none."""
    try:
        answers = json.loads(line)
    except ValueError:
        return {}
    return answers if isinstance(answers, dict) else {}


def _answer(told):
    """Return an answer and its return code, or ssh's last word and its own."""
    if isinstance(told, dict) and "return" in told:
        return told["return"], told.get("retcode", 0)
    if isinstance(told, dict) and "stderr" in told:
        said = f"{told.get('stdout', '')}\n{told['stderr']}".strip().splitlines()
        return brief(said[-1] if said else "it gave no answer"), told.get("retcode", 1)
    return told, 0
