"""
The gates of a roll: a node is good once it is ready, its kubelet has seen that, and both stay so for a while.
"""

import signal
import types

import pytest
from containerd_formula.kube_nodes import Node
from containerd_formula.state_run import CHANGES, FAILS, RIGHT
from salt.exceptions import CommandExecutionError
from support import load

ORDER = {
    "sls": "containerd",
    "saltenv": None,
    "pillar": None,
    "timeout": 1,
    "ready_timeout": 4,
    "soak": 4,
    "kubernetes": True,
    "drain": True,
    "drain_timeout": 1,
    "drain_options": [],
    "kubectl": {},
    "hook": None,
    "jid": "1",
    "names": {"n1": "k1", "n2": "k2"},
    "quiet": set(),
    "max_fails": 0,
    "max_unavailable": 2,
    "ssh": None,
    "test": False,
}
STILL = {"a": {"__id__": "a", "result": True, "changes": {}}}
CHANGED = {"a": {"__id__": "a", "result": True, "changes": {"a": 1}}}


class World:
    """
    Two nodes whose clock runs when somebody sleeps.
    """

    def __init__(self, monkeypatch, **order):
        self.now, self.said, self.calls, self.gone = 0, [], [], {}
        self.noted, self.left, self.cordons, self.limits = [], {}, {}, []
        self.answers = {
            "state.apply": CHANGED,
            "containerd.version": "1.7.24",
            "containerd.ready": {"ready": True},
        }
        self.seen_at, self.unready_at = 0, None
        self.module = load("_runners/containerd_conductor.py")
        clock = types.SimpleNamespace(monotonic=lambda: self.now, sleep=self.sleep)
        monkeypatch.setattr(self.module, "time", clock)
        self.module.__salt__ = {
            "containerd_minions.ask": self.ask,
            "containerd_kubectl.nodes": self.nodes,
            "containerd_record.note": self.note,
            "containerd_record.left": lambda: self.left,
            **{f"containerd_kubectl.{name}": self.kubectl(name) for name in ("cordon", "drain", "uncordon")},
        }
        self.order = {**ORDER, **order}

    def sleep(self, seconds):
        self.now += seconds

    def ask(self, nodes, function, *more, ssh):
        self.calls.append(function)
        self.limits.append((function, more[-1]))
        for node in nodes:
            if self.now < self.gone.get(node, 1000):
                yield node, (self.answers[function], 0)

    def note(self, jid, what, data):
        self.noted.append((jid, what, data))

    def kubectl(self, name):
        def call(_, node, *__):
            self.calls.append(f"{name} {node}")
            return 0

        return call

    def nodes(self, _, names):
        runtime = "containerd://1.7.24" if self.now >= self.seen_at else "containerd://Unknown"
        unready = "NotReady" if self.unready_at is not None and self.now >= self.unready_at else ""
        # What is cordoned, and by whose mark.
        return {
            name: Node(name, unready, name in self.cordons, runtime, self.cordons.get(name, ""))
            for name in names
        }

    def roll(self):
        summary = self.module.conduct([["n1"], ["n2"]], self.order, self.said.append)
        return summary.stopped, {node: outcome.told() for node, outcome in summary.nodes.items()}


def test_a_roll_with_all_its_gates(monkeypatch):
    world = World(monkeypatch)
    assert world.roll() == ("", {"n1": "changed", "n2": "changed"})
    assert world.calls[:7] == [
        *("cordon k1", "drain k1", "state.apply", "containerd.ready", "containerd.version"),
        *("containerd.ready", "uncordon k1"),
    ]
    assert "  n1  ready, Ready in Kubernetes; watched for 4 s" in world.said
    # The question at the end of the watch waits for nothing on the node, but a busy node answers late.
    assert {limit for function, limit in world.limits if function == "containerd.ready"} == {34}


def test_a_node_that_notices_nothing_is_not_drained(monkeypatch):
    world = World(monkeypatch, quiet={"n1"})
    assert world.roll() == ("", {"n1": "changed", "n2": "changed"})
    assert [call for call in world.calls if call.startswith(("cordon", "drain", "uncordon"))] == [
        *("cordon k2", "drain k2", "uncordon k2"),
    ]


def test_what_somebody_else_cordoned_stays_so(monkeypatch):
    world = World(monkeypatch)
    # By the roll's own mark, too: a kubelet may write that on its node.
    world.cordons = {"k1": "1"}
    assert world.roll() == ("", {"n1": "changed", "n2": "changed"})
    assert "drain k1" in world.calls and not {"cordon k1", "uncordon k1"} & set(world.calls)


def test_a_cordon_is_noted_before_it_is_made(monkeypatch):
    world = World(monkeypatch)
    world.roll()
    assert [data for _, what, data in world.noted if what == "cordon"] == [{"node": "n1"}, {"node": "n2"}]

    def full(_, what, __):
        if what == "cordon":
            raise CommandExecutionError("rolls.jsonl cannot be written")

    world = World(monkeypatch)
    world.module.__salt__["containerd_record.note"] = full
    assert world.roll()[0] == "n1: rolls.jsonl cannot be written"
    assert "cordon k1" not in world.calls


def test_a_record_that_cannot_be_written_ends_the_roll_with_what_is_known(monkeypatch):
    def full(_, what, __):
        if what == "nodes":
            raise CommandExecutionError("rolls.jsonl cannot be written")

    world = World(monkeypatch)
    world.module.__salt__["containerd_record.note"] = full
    assert world.roll() == ("rolls.jsonl cannot be written", {"n1": "changed", "n2": "not tried"})
    assert "uncordon k1" in world.calls


@pytest.mark.parametrize("test", [False, True])
def test_only_what_the_record_knows_is_let_go(monkeypatch, test):
    """
    A node may write a mark on itself: of another roll, or of one that did not cordon it.
    """
    world = World(monkeypatch, test=test)
    world.cordons, world.left = {"k1": "7", "k2": "7"}, {"7": {"n1"}, "8": {"n2"}}
    assert world.module.left_behind(["n1", "n2"], world.order) == ["n1"]
    assert world.calls == ([] if test else ["uncordon k1"])
    assert world.noted == ([] if test else [("7", "nodes", {"data": {"n1": "was uncordoned"}})])


def test_a_kubelet_may_take_its_time_to_see_the_new_containerd(monkeypatch):
    world = World(monkeypatch)
    world.seen_at = 3
    assert world.roll()[0] == ""
    world = World(monkeypatch)
    world.seen_at = 30
    assert world.roll()[1] == {
        "n1": "failed: its kubelet speaks to containerd://Unknown, not to containerd 1.7.24",
        "n2": "not tried",
    }
    assert world.calls[-1] == "uncordon k1"


@pytest.mark.parametrize("answer", [None, "silent"])
def test_without_its_version_a_node_is_not_good(monkeypatch, answer):
    world = World(monkeypatch)
    world.answers["containerd.version"] = answer
    if answer:
        ask = world.ask
        world.module.__salt__["containerd_minions.ask"] = lambda nodes, function, *more, **kwarg: (
            () if function == "containerd.version" else ask(nodes, function, *more, **kwarg)
        )
    assert world.roll()[0] == "n1: it does not tell the version of its containerd"


def test_a_node_that_is_not_ready_while_it_is_watched_is_bad(monkeypatch):
    world = World(monkeypatch)
    world.unready_at = 3
    assert world.roll()[0] == "n1: Kubernetes says it is not Ready: NotReady"


def test_a_node_that_is_silent_at_the_end_of_the_watch_is_bad(monkeypatch):
    world = World(monkeypatch)
    world.gone = {"n1": 3}
    assert world.roll()[0].startswith("n1: it did not answer; when it wakes")


def test_an_api_server_that_is_gone_stops_the_roll(monkeypatch):
    def gone(*_):
        raise CommandExecutionError("kubectl get: connection refused")

    world = World(monkeypatch)
    world.module.__salt__["containerd_kubectl.nodes"] = gone
    assert world.roll() == ("kubectl get: connection refused", {"n1": "not tried", "n2": "not tried"})
    world = World(monkeypatch, max_unavailable=None)
    world.module.__salt__["containerd_kubectl.nodes"] = gone
    assert world.roll()[0] == "n1: kubectl get: connection refused"


def test_without_kubernetes_nobody_asks_it(monkeypatch):
    world = World(monkeypatch, kubernetes=False, drain=False, soak=0, max_unavailable=None)
    assert world.roll()[0] == ""
    assert set(world.calls) == {"state.apply", "containerd.ready"}


@pytest.mark.parametrize(
    ("answer", "ready", "kind"),
    [(CHANGED, True, CHANGES), (STILL, True, RIGHT), (STILL, False, CHANGES), (["no pillar"], True, FAILS)],
)
def test_plans_are_made_in_slices(monkeypatch, answer, ready, kind):
    world = World(monkeypatch)
    world.answers.update({"state.apply": answer, "containerd.ready": {"ready": ready, "reason": "gone"}})
    nodes = [f"n{number}" for number in range(120)]
    plans = world.module.plans(nodes, world.order)
    assert {plan[0] for plan in plans.values()} == {kind} and list(plans) == nodes
    assert world.calls.count("state.apply") == 3


def test_the_second_signal_leaves_what_is_under_way(monkeypatch):
    world = World(monkeypatch)
    ask = world.ask

    def interrupted(nodes, function, *arguments, **more):
        if function == "state.apply":
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
        yield from ask(nodes, function, *arguments, **more)

    world.module.__salt__["containerd_minions.ask"] = interrupted
    before = signal.getsignal(signal.SIGINT)
    stopped, nodes = world.roll()
    assert stopped == "interrupted"
    assert nodes == {"n1": "unknown: what it was told goes on, look at it", "n2": "not tried"}
    assert world.calls[-1] == "uncordon k1" and signal.getsignal(signal.SIGINT) is before


def test_nothing_ends_the_letting_go(monkeypatch):
    world = World(monkeypatch)
    uncordon = world.module.__salt__["containerd_kubectl.uncordon"]

    def signalled(*arguments):
        for _ in range(3):
            signal.raise_signal(signal.SIGTERM)
        return uncordon(*arguments)

    world.module.__salt__["containerd_kubectl.uncordon"] = signalled
    assert world.roll() == ("interrupted", {"n1": "changed", "n2": "not tried"})
    assert world.calls[-1] == "uncordon k1"
