"""
A roll, by what it asks of a fleet that a test makes up: what stops it, and what is said of each node.
"""

import pytest
from containerd_formula.rolling import CHANGED, DEAF, FAILED, UNKNOWN, UNTRIED, conduct
from hypothesis import given
from hypothesis import strategies as st

WAVES = [["a"], ["b", "c", "d"], ["e", "f", "g"]]
NODES = [node for wave in WAVES for node in wave]


class Fleet:
    """
    Nodes that fail where they are told to; it notes who was away at once.
    """

    def __init__(self, undrained=(), bad=(), deaf=(), unready=(), away=(), interrupt=()):
        self.undrained, self.bad, self.deaf, self.unready = undrained, bad, deaf, unready
        self.away, self.interrupt = set(away), interrupt
        self.calls, self.prepared, self.most = [], set(), 0

    def unavailable(self):
        return self.away | self.prepared

    def _note(self, call, node):
        self.calls.append((call, node))
        self.most = max(self.most, len(self.away | self.prepared))
        if (call, node) in self.interrupt:
            raise KeyboardInterrupt

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
        self.prepared.discard(node)
        self.calls.append(("release", node))


def rolled(fleet, waves=WAVES, **options):
    said = []
    summary = conduct(waves, fleet, said.append, **options)
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
    ],
)
def test_a_failed_canary_is_the_end(fault, words):
    fleet = Fleet(**{fault: "a"})
    summary, kinds, said = rolled(fleet)
    assert summary.stopped == f"a: {words}"
    assert kinds == {"a": FAILED, **dict.fromkeys(NODES[1:], UNTRIED)}
    assert f"  a  FAILED: {words}" in said
    assert fleet.prepared == set()


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
    summary, kinds, _ = rolled(Fleet(away="x"), max_unavailable=3)
    assert summary.stopped == "x cannot be used, and no more than 3 may be away at once"
    assert kinds == {"a": CHANGED, **dict.fromkeys(NODES[1:], UNTRIED)}
    # A node of the wave itself may be the one that needs the change.
    _, kinds, _ = rolled(Fleet(away="b"), max_unavailable=3)
    assert kinds["d"] == CHANGED


def test_an_interrupted_roll_says_what_it_does_not_know():
    fleet = Fleet(interrupt=[("apply", "c")])
    summary, kinds, _ = rolled(fleet)
    assert summary.stopped == "interrupted"
    assert kinds == {"a": CHANGED, **dict.fromkeys("bcd", UNKNOWN), **dict.fromkeys("efg", UNTRIED)}
    assert fleet.prepared == set()


chosen = st.sets(st.sampled_from(NODES), max_size=3)
calls = st.tuples(st.sampled_from(["prepare", "apply", "gate"]), st.sampled_from(NODES))


@given(chosen, chosen, chosen, chosen, st.sets(calls, max_size=1), st.integers(3, 5), st.integers(0, 2))
def test_whatever_happens(undrained, bad, deaf, unready, interrupt, limit, max_fails):
    fleet = Fleet(undrained, bad, deaf, unready, (), interrupt)
    summary, kinds, _ = rolled(fleet, max_unavailable=limit, max_fails=max_fails)
    assert list(kinds) == NODES
    assert fleet.most <= limit
    assert fleet.prepared == set()
    # Nothing begins after the wave of the failure that was one too many.
    failed = [node for node in NODES if kinds[node] == FAILED]
    if len(failed) > max_fails:
        last = next(number for number, wave in enumerate(WAVES) if failed[max_fails] in wave)
        assert {kinds[node] for wave in WAVES[last + 1 :] for node in wave} <= {UNTRIED}
        assert summary.stopped
    if not summary.stopped:
        assert UNTRIED not in kinds.values() and UNKNOWN not in kinds.values()
