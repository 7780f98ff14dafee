"""
How a roll asks minions: who does not answer is named, and no wait is without an end.
"""

import types

import pytest
from containerd_formula.errors import Refused
from salt.exceptions import CommandExecutionError, SaltClientError
from support import load

minions = load("_runners/containerd_minions.py")
minions.__opts__ = {"gather_job_timeout": 10}


class Client:
    def __init__(self, pings=(), told=()):
        self.pings, self.told, self.asked = list(pings), told, []
        self.open = self.open_at_exit = False

    def cmd(self, target, function, tgt_type):
        self.asked.append((target, tgt_type))
        return self.pings.pop(0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.open_at_exit = self.open

    def cmd_iter_no_block(self, target, *_, gather_job_timeout, **__):
        # Longer than Salt's own: a node that is busy with its run is not deaf.
        assert gather_job_timeout == 30
        self.open = True
        try:
            for one in self.told:
                if isinstance(one, Exception):
                    raise one
                yield one
        finally:
            self.open = False


@pytest.fixture
def client(monkeypatch):
    def make(*arguments, **more):
        made = Client(*arguments, **more)
        monkeypatch.setattr(minions, "_client", lambda: made)
        return made

    return make


def test_a_busy_node_is_asked_twice(client):
    made = client([{"a": True, "b": False, "c": False}, {"b": True, "c": False}])
    assert minions.answering("*") == (["a", "b"], {"c": "it does not answer"})
    assert made.asked == [("*", "glob"), (["b", "c"], "list")]
    client([{"a": True}])
    assert minions.answering("*") == (["a"], {})


def test_a_target_that_means_nobody_is_told(client):
    client([{}])
    with pytest.raises(CommandExecutionError, match=r"^No minion is meant by 'x\*'"):
        minions.answering("x*")


def test_answers_come_with_their_return_code(client):
    told = [None, {"a": {"ret": {}, "retcode": 2}}, {}, {"b": {"ret": 1}}, {"c": {"failed": True}}]
    client(told=told)
    assert list(minions.ask(["a", "b", "c"], "state.apply")) == [("a", ({}, 2)), ("b", (1, 0))]
    # A node that was not asked may send an answer all the same.
    client(told=told)
    assert list(minions.ask(["b"], "state.apply")) == [("b", (1, 0))]
    assert list(minions.ask([], "state.apply")) == []


def test_a_node_that_never_ends_is_left(client, monkeypatch):
    ticks = iter(range(0, 10_000, 10))
    monkeypatch.setattr(minions, "time", types.SimpleNamespace(monotonic=lambda: next(ticks)))
    made = client(told=(None for _ in iter(int, 1)))
    assert list(minions.ask(["a"], "state.apply", timeout=60)) == []
    # Left open, it ends after the client, and with a traceback.
    assert made.open_at_exit is False


def test_a_master_that_does_not_pass_it_on_is_told(client):
    client(told=[SaltClientError("the master is away")])
    with pytest.raises(Refused, match="^The master does not pass state.apply on: the master is away$"):
        list(minions.ask(["a"], "state.apply"))


def test_a_roster_has_nodes_of_its_own(monkeypatch):
    asked = {
        f"containerd_ssh.{name}": lambda *given, **more: [(given, more)] for name in ("answering", "ask")
    }
    monkeypatch.setattr(minions, "__salt__", asked, raising=False)
    ssh = {"roster_file": "/r"}
    assert minions.answering("*", "glob", ssh) == [(("*", "glob"), ssh)]
    assert list(minions.ask(["a"], "test.ping", ssh=ssh)) == [((["a"], "test.ping", (), None, 60), ssh)]


def test_a_value_is_an_id_a_grain_or_a_pillar(client):
    assert minions.values(["a"], "id") == {"a": "a"}
    client(told=[{"a": {"ret": "host-a"}}])
    assert minions.values(["a"], "grain:host") == {"a": "host-a"}
    client(told=[{"a": {"ret": ""}}])
    assert minions.values(["a"], "pillar:a") == {"a": ""}
    for where in ("grain", "grain:", "mine:host", ""):
        with pytest.raises(Refused, match="is neither id nor a grain or pillar"):
            minions.values(["a"], where)


def test_a_pillar_that_salt_masks_is_asked_for_again(monkeypatch):
    """
    3008 tells asterisks, and takes a word that 3006 would fail for.
    """

    def ask(nodes, function, arguments, kwarg=None, ssh=None):
        assert (function, arguments) == ("pillar.get", ["node"])
        yield from ((node, ("*" * 10 if node == "b" and not kwarg else f"k{node}", 0)) for node in nodes)

    monkeypatch.setattr(minions, "ask", ask)
    assert minions.values(["a", "b"], "pillar:node") == {"a": "ka", "b": "kb"}
