"""
How a roll asks the nodes of a roster: the client has a process of its own, and no wait is without an end.
"""

import time
from pathlib import Path

import pytest
from containerd_formula.errors import Refused
from lab import wait
from salt.exceptions import CommandExecutionError
from support import load

ssh = load("_runners/containerd_ssh.py")
NO_ROUTE = {"stdout": "", "stderr": "Warning: a key\nssh: no route\n", "retcode": 255}


@pytest.fixture
def client(monkeypatch, tmp_path):
    """
    Put another program in the place of Salt's client; it notes what it was asked.
    """
    monkeypatch.setattr(ssh, "__opts__", {"conf_file": "/etc/salt/master"}, raising=False)
    monkeypatch.setattr(ssh, "_PATIENCE", 20)

    def make(*answers, end=""):
        asked = tmp_path / "asked"
        program = f"import sys, time\nopen({str(asked)!r}, 'w').write(sys.stdin.read())\n"
        program += "".join(f"print({_line(one)!r}, flush=True)\n" for one in answers)
        monkeypatch.setattr(ssh, "_PROGRAM", program + end)
        return asked

    return make


def _line(answer):
    return answer if isinstance(answer, str) else ssh.json.dumps(answer)


def test_nodes_that_do_not_answer_say_why(client):
    asked = client({"b": {"return": True}}, "a module says hello", {"c": NO_ROUTE}, {"a": {"return": True}})
    assert ssh.answering("*", roster_file="/r") == (["a", "b"], {"c": "ssh: no route"})
    call = {"tgt": "*", "tgt_type": "glob", "fun": "test.ping", "roster_file": "/r"}
    assert ssh.json.loads(asked.read_text("utf-8")) == ["/etc/salt/master", call]


def test_a_target_that_means_nobody_is_told(client):
    client()
    with pytest.raises(CommandExecutionError, match=r"^No node is meant by 'x\*': the roster"):
        ssh.answering("x*")


def test_answers_come_with_their_return_code(client):
    client(
        {"a": {"return": {}, "retcode": 2}}, {"b": ["no sls"]}, {"c": NO_ROUTE}, "[1]", {"d": {"stderr": ""}}
    )
    told = dict(ssh.ask(["a", "b", "c"], "state.apply", ["containerd"], {"test": True}))
    assert told == {
        "a": ({}, 2),
        "b": (["no sls"], 0),
        "c": ("ssh: no route", 255),
        "d": ("it gave no answer", 1),
    }
    assert list(ssh.ask([], "state.apply")) == []


def test_a_node_that_hangs_is_left_with_what_works_for_it(client, monkeypatch, tmp_path):
    monkeypatch.setattr(ssh, "_PATIENCE", 1)
    fork = f"import os\nif os.fork() == 0: open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
    client({"a": {"return": 1}}, end=f"{fork}time.sleep(60)\n")
    began = time.monotonic()
    assert dict(ssh.ask(["a", "b"], "state.apply", timeout=1)) == {"a": (1, 0)}
    assert time.monotonic() - began < 30
    pid = int((tmp_path / "pid").read_text("utf-8"))
    wait.until(lambda: _is_gone(pid), 10, "the end of what the client began")


def test_a_roll_that_is_left_leaves_no_client(client):
    client({"a": {"return": 1}}, end="time.sleep(60)\n")
    answers = ssh.ask(["a", "b"], "state.apply")
    assert next(answers) == ("a", (1, 0))
    began = time.monotonic()
    answers.close()
    assert time.monotonic() - began < 30


def test_a_client_that_fails_says_why(client):
    client(end="raise ImportError('no salt-ssh here')\n")
    with pytest.raises(Refused, match="^salt-ssh does not pass test.ping on: ImportError: no salt-ssh here$"):
        ssh.answering("*")


def _is_gone(pid):
    """
    Tell whether a process has ended; nobody may be there to wait for it.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] == "Z"
    except (ProcessLookupError, FileNotFoundError):
        return True
