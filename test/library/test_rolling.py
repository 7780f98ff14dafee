"""
A roll, by what it asks of a fleet that a test makes up: what stops it, and what is said of each node.
"""

import time

import pytest
from containerd_formula.errors import Refused
from containerd_formula.rolling import CHANGED, DEAF, FAILED, UNKNOWN, UNTRIED, comment, conduct
from containerd_formula.waves import waves
from hypothesis import given
from hypothesis import strategies as st

WAVES = [["a"], ["b", "c", "d"], ["e", "f", "g"]]
NODES = [node for wave in WAVES for node in wave]


class Fleet:
    """
    Nodes that fail where they are told to; it notes who was away at once.
    """

    def __init__(self, undrained=(), bad=(), deaf=(), unready=(), stuck=(), away=(), interrupt=(), asked=()):
        self.undrained, self.bad, self.deaf, self.unready = undrained, bad, deaf, unready
        self.away, self.interrupt, self.stuck, self.asked = set(away), interrupt, stuck, asked
        self.calls, self.prepared, self.most, self.over, self.notes = [], set(), 0, False, []

    def stopping(self):
        return self.over

    def note(self, what, data):
        self.notes.append((what, data))

    def unavailable(self):
        if "nobody knows" in self.away:
            raise Refused("the API server does not answer")
        return self.away | self.prepared

    def _note(self, call, node):
        self.calls.append((call, node))
        self.most = max(self.most, len(self.away | self.prepared))
        if (call, node) in self.interrupt:
            raise KeyboardInterrupt
        self.over = self.over or (call, node) in self.asked

    def prepare(self, node):
        self.prepared.add(node)
        self._note("prepare", node)
        return "its pods stay" if node in self.undrained else ""

    def apply(self, nodes):
        for node in nodes:
            self._note("apply", node)
            if node not in self.deaf:
                yield node, "a state failed" if node in self.bad else ""

    def gates(self, nodes):
        for node in nodes:
            self._note("gate", node)
            yield node, "CRI does not answer" if node in self.unready else ""

    def release(self, node):
        self.calls.append(("release", node))
        if node in self.stuck:
            return "it stays cordoned"
        self.prepared.discard(node)
        return ""


def rolled(fleet, planned=WAVES, **options):
    said = []
    summary = conduct(planned, fleet, said.append, **options)
    return summary, {node: outcome.kind for node, outcome in summary.nodes.items()}, said


def test_all_change_wave_by_wave():
    fleet = Fleet()
    summary, kinds, said = rolled(fleet)
    assert summary.stopped == ""
    assert kinds == dict.fromkeys(NODES, CHANGED)
    assert [words for words in said if words.startswith("wave")] == [
        "wave 1 of 3: a",
        "wave 2 of 3: b, c, d",
        "wave 3 of 3: e, f, g",
    ]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("undrained", "its pods stay"),
        ("bad", "a state failed"),
        ("deaf", DEAF),
        ("unready", "CRI does not answer"),
        ("stuck", "it stays cordoned"),
    ],
)
def test_a_failed_canary_is_the_end(fault, words):
    fleet = Fleet(**{fault: "a"})
    summary, kinds, said = rolled(fleet)
    assert summary.stopped == f"a: {words}"
    assert kinds == {"a": FAILED, **dict.fromkeys(NODES[1:], UNTRIED)}
    assert f"  a  FAILED: {words}" in said
    assert fleet.prepared == set(fleet.stuck)
    assert fleet.notes[-1] == ("nodes", {"a": f"failed: {words}"})


def test_after_a_failed_drain_nothing_of_its_wave_changes():
    fleet = Fleet(undrained="c")
    _, kinds, _ = rolled(fleet)
    assert kinds == {"a": CHANGED, "c": FAILED, **dict.fromkeys("bdefg", UNTRIED)}
    assert ("apply", "b") not in fleet.calls and ("prepare", "d") not in fleet.calls
    assert ("release", "b") in fleet.calls and ("release", "c") in fleet.calls


def test_the_others_of_a_wave_are_looked_after():
    _, kinds, _ = rolled(Fleet(bad="c"))
    assert kinds == {**dict.fromkeys("abd", CHANGED), "c": FAILED, **dict.fromkeys("efg", UNTRIED)}


def test_as_many_may_fail_as_are_allowed():
    _, kinds, _ = rolled(Fleet(bad="b", deaf="e"), max_fails=1)
    assert kinds == {**dict.fromkeys("acdfg", CHANGED), "b": FAILED, "e": FAILED}
    summary, kinds, _ = rolled(Fleet(bad="ab"), max_fails=1)
    assert summary.stopped == "a, b failed"
    assert kinds["e"] == UNTRIED


def test_others_that_are_away_count():
    fleet = Fleet(away="xy")
    summary, kinds, said = rolled(fleet, max_unavailable=3)
    assert (summary.stopped, fleet.most) == ("", 3)
    assert kinds == dict.fromkeys(NODES, CHANGED)
    assert "  first b: others are away" in said
    summary, kinds, _ = rolled(Fleet(away="xy"), max_unavailable=2)
    assert summary.stopped == "x, y cannot be used, and no more than 2 may be away at once"
    assert kinds == dict.fromkeys(NODES, UNTRIED)
    # A node of the wave itself may be the one that needs the change.
    _, kinds, _ = rolled(Fleet(away="a"), max_unavailable=1)
    assert kinds["a"] == CHANGED


def test_where_nobody_tells_who_is_away_nothing_begins():
    summary, kinds, _ = rolled(Fleet(away=["nobody knows"]), max_unavailable=3)
    assert summary.stopped == "the API server does not answer"
    assert kinds == dict.fromkeys(NODES, UNTRIED)


def test_what_cannot_be_let_go_is_told_beside_why_it_failed():
    summary, _, _ = rolled(Fleet(bad="a", stuck="a"))
    assert summary.stopped == "a: a state failed; it stays cordoned"


@pytest.mark.parametrize("call", ["prepare", "apply", "gate"])
def test_asked_to_stop_a_roll_ends_what_is_under_way(call):
    fleet = Fleet(asked=[(call, "c")])
    summary, kinds, _ = rolled(fleet)
    assert summary.stopped == "interrupted"
    begun = UNTRIED if call == "prepare" else CHANGED
    assert kinds == {"a": CHANGED, **dict.fromkeys("bcd", begun), **dict.fromkeys("efg", UNTRIED)}
    assert fleet.prepared == set()


def test_a_drain_that_a_person_ended_is_no_failure():
    _, kinds, _ = rolled(Fleet(asked=[("prepare", "b")], undrained="b"))
    assert kinds["b"] == UNTRIED


def test_the_end_names_who_was_not_tried():
    summary, _, _ = rolled(Fleet(bad="b"))
    assert comment(summary) == (
        "stopped: b: a state failed\n3 changed, 1 failed, 3 not tried: e, f, g. "
        "Mend and roll again: what is right is left out."
    )


def test_an_interrupted_roll_says_what_it_does_not_know():
    fleet = Fleet(interrupt=[("apply", "c")])
    summary, kinds, _ = rolled(fleet)
    assert summary.stopped == "interrupted"
    assert kinds == {"a": CHANGED, **dict.fromkeys("bcd", UNKNOWN), **dict.fromkeys("efg", UNTRIED)}
    assert fleet.prepared == set()


def test_ten_thousand_nodes_cost_ten_times_a_thousand():
    def cost(number):
        nodes = [f"n{one:05}" for one in range(number)]
        fleet = Fleet(bad=nodes[10:20])
        began = time.process_time()
        _, kinds, _ = rolled(fleet, waves(nodes, 100), max_fails=10)
        assert len(kinds) == number and list(kinds.values()).count(FAILED) == 10
        return time.process_time() - began

    cost(100)
    assert cost(10_000) < 25 * max(cost(1000), 0.01)


chosen = st.sets(st.sampled_from(NODES), max_size=3)
calls = st.tuples(st.sampled_from(["prepare", "apply", "gate"]), st.sampled_from(NODES))


one = st.sets(calls, max_size=1)


@given(
    chosen,
    chosen,
    chosen,
    chosen,
    st.sets(st.sampled_from("xyz")),
    one,
    one,
    st.integers(1, 5),
    st.integers(0, 2),
)
def test_whatever_happens(undrained, bad, deaf, unready, away, interrupt, asked, limit, max_fails):
    fleet = Fleet(undrained, bad, deaf, unready, (), away, interrupt, asked)
    summary, kinds, _ = rolled(fleet, max_unavailable=limit, max_fails=max_fails)
    assert list(kinds) == NODES
    assert fleet.most <= max(limit, len(away))
    assert fleet.prepared == set()
    assert sum(1 for call, _ in fleet.calls if call == "apply") <= len(NODES)
    # Nothing begins after the wave of the failure that was one too many.
    failed = [node for node in NODES if kinds[node] == FAILED]
    if len(failed) > max_fails:
        last = next(number for number, wave in enumerate(WAVES) if failed[max_fails] in wave)
        assert {kinds[node] for wave in WAVES[last + 1 :] for node in wave} <= {UNTRIED}
        assert summary.stopped
    if not summary.stopped:
        assert UNTRIED not in kinds.values() and UNKNOWN not in kinds.values()
