"""
The runners that people call: what is wrong is said before a node is asked, and no word of a node is believed.
"""

import contextlib

import pytest
from salt.exceptions import CommandExecutionError
from support import load

CHANGED = {"a": {"__id__": "a", "result": True, "changes": {"a": 1}}}


@pytest.fixture
def runner():
    """
    Two nodes, each of which would change.
    """
    module = load("_runners/containerd.py")
    conductor = load("_runners/containerd_conductor.py")
    module.asked, module.noted, module.said = [], [], []
    module.values = {"n1": "a", "n2": "b"}
    module.answers = {"state.apply": CHANGED, "containerd.ready": {"ready": True}, "containerd.status": {}}

    def ask(nodes, function, *_, **__):
        module.asked.append(function)
        yield from ((node, (module.answers[function], 0)) for node in nodes)

    module.__opts__, module.__context__, module.__jid__ = {}, {}, "1"
    module.__salt__ = conductor.__salt__ = {
        "containerd_minions.answering": lambda *_: (["n1", "n2"], {}),
        "containerd_minions.values": lambda *_: module.values,
        "containerd_minions.ask": ask,
        "containerd_conductor.plans": conductor.plans,
        "containerd_conductor.conduct": conductor.conduct,
        "containerd_conductor.left_behind": lambda *_: [],
        "containerd_kubectl.nodes": lambda *_: {},
        "containerd_record.lock": contextlib.nullcontext,
        "containerd_record.unfinished": dict,
        "containerd_record.note": lambda jid, what, data: module.noted.append(what),
    }
    return module


def test_a_roll(runner, capsys):
    assert runner.roll("*") == {
        "comment": "2 changed",
        "nodes": {"n1": "changed", "n2": "changed"},
        "retcode": 0,
    }
    assert (runner.noted[0], runner.noted[-1]) == ("begin", "end")
    assert "2 nodes: 0 already right, 2 to change in 2 waves" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"canary": ["n3"]}, "canary names n3: tgt does not mean it"),
        ({"spread": "zoen"}, "spread is 'zoen', a grain that no node has"),
        ({"kubernetes": True}, "Kubernetes has no node a, b: node_name tells"),
        (
            {"kubernetes": True, "node_name": "grain:k"},
            "n1 and n2 have one grain:k, a: each node has its own.",
        ),
    ],
)
def test_what_is_mistyped_is_told_before_a_node_plans(runner, given, words):
    if "node_name" in given:
        runner.values = {"n1": "a", "n2": "a"}
    elif "spread" in given:
        runner.values = {"n1": "", "n2": ""}
    answer = runner.roll("*", **given)
    assert answer["comment"].startswith(words) and answer["retcode"] == 1
    assert (runner.asked, runner.noted) == ([], [])


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("containerd_conductor.plans", "interrupted: nothing was changed"),
        ("containerd_conductor.conduct", "interrupted: what was told to nodes goes on, roll again"),
    ],
)
def test_an_interrupted_roll_says_only_what_is_so(runner, function, words):
    def interrupted(*_):
        raise KeyboardInterrupt

    runner.__salt__[function] = interrupted
    assert runner.roll("*") == {"comment": words, "nodes": {}, "retcode": 1}


def test_an_end_that_cannot_be_recorded_keeps_its_answer(runner, capsys):
    def full(_, what, __):
        if what == "end":
            raise CommandExecutionError("rolls.jsonl cannot be written")

    runner.__salt__["containerd_record.note"] = full
    assert runner.roll("*")["comment"] == "2 changed"
    assert "rolls.jsonl cannot be written" in capsys.readouterr().out


def test_no_word_of_a_node_reaches_the_terminal_as_it_is(runner, capsys):
    runner.answers["state.apply"] = ["\x1b]0;all is well\x07\x1b[2J"]
    answer = runner.roll("*")
    assert "all is well" in answer["nodes"]["n1"]
    assert (
        (capsys.readouterr().out + answer["comment"] + answer["nodes"]["n1"]).replace("\n", "").isprintable()
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"check": 1}, "check is 1: write True or False."),
        ({"timeout": "60s"}, "timeout is '60s': write a number of seconds"),
    ],
)
def test_a_fleet_is_not_green_for_a_wrong_argument(runner, given, words):
    answer = runner.fleet(**given)
    assert answer["comment"].startswith(words) and answer["retcode"] == 1
    assert runner.asked == []
