"""
What a run of states on a node comes to: changed, failed and why, or nothing to do.
"""

import pytest
from containerd_formula.state_run import CHANGES, EARLIER, FAILS, RIGHT, did, is_still, plan, why_failed


def state(number, name, result=True, comment="", changes=None, **more):
    return {
        "__run_num__": number,
        "__id__": name,
        "result": result,
        "comment": comment,
        "changes": changes or {},
        "duration": 1.0,
        **more,
    }


def run(*states):
    return {f"key-{number}": one for number, one in enumerate(states)}


STILL = run(state(0, "a"), state(1, "containerd service is running"))
CHANGED = run(state(0, "a", changes={"x": 1}), state(1, "containerd service is running", changes={"pid": 2}))


def test_a_good_run_has_no_reason():
    assert why_failed(STILL) == why_failed(CHANGED) == ""
    assert is_still(STILL, 0) and not is_still(CHANGED, 0)
    assert did(STILL) == "nothing to change" and did(CHANGED) == "changed, restarted"
    assert did(run(state(0, "a", changes={"x": 1}))) == "changed"


def test_a_preview_that_salt_leaves_without_a_reason_has_it_in_the_name():
    untold = "If we weren't testing, this would be a failure!"
    wrong = {**state(0, "containerd pillar is valid", False, untold), "name": "containerd:nope is no setting"}
    assert why_failed(run(wrong)) == "containerd pillar is valid: containerd:nope is no setting"


def test_the_first_state_that_failed_is_named_not_what_waits_for_it():
    waits = state(0, "b", False, "One or more requisite failed: a")
    del waits["duration"]
    answer = run(waits, state(2, "c", False, "third"), state(1, "a", False, "it broke\nat line 3"))
    assert why_failed(answer, 2) == "a: it broke at line 3"


def test_a_roll_back_is_told():
    answer = run(
        state(0, "containerd is ready", False, "CRI does not answer after 60 s"),
        state(1, "containerd configuration is rolled back", changes={"a": 1}),
    )
    assert why_failed(answer) == (
        "containerd is ready: CRI does not answer after 60 s (rolled back to its last good configuration)"
    )


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (["Pillar failed to render", "line 3"], "Pillar failed to render line 3"),
        ("Minion did not return.", "Minion did not return."),
        ({}, "its run ended with 1"),
        (None, "it gave no answer"),
        ({"a": "text"}, "a dict"),
    ],
)
def test_what_is_no_run_is_a_failure(answer, words):
    assert why_failed(answer, 1) == words


@pytest.mark.parametrize("function", ["state.apply", "state.sls"])
def test_an_order_that_a_node_still_carries_out_is_told_in_words(function):
    words = f'The function "{function}" is running as PID 42 and was started at 2026'
    told = why_failed([words], 1)
    assert told.startswith(EARLIER) and "PID 42" in told


@pytest.mark.parametrize(
    ("answered", "unready", "kind", "words"),
    [
        (None, "", FAILS, "failed: it did not answer with its plan"),
        ((["no pillar"], 1), "", FAILS, "failed: its plan fails: no pillar"),
        ((STILL, 0), "", RIGHT, "already right"),
        ((STILL, 0), "CRI is gone", CHANGES, "is to be made ready: CRI is gone"),
        ((CHANGED, 0), "", CHANGES, "would change: a and 1 more, with a restart"),
        ((run(state(0, "a", None)), 0), "", CHANGES, "would change: a"),
    ],
)
def test_a_plan(answered, unready, kind, words):
    found = plan(answered, unready)
    assert (found.kind, found.words, found.quiet) == (kind, words, False)


def test_a_plan_is_quiet_if_all_that_it_changes_is():
    runc = state(0, "containerd runtimes are installed", None, changes={"runc": {"new": "1.3"}})
    assert plan((run(runc), 0), "").quiet
    for other in ("containerd package is installed", "containerd service is running", "the kernel of a site"):
        assert not plan((run(runc, state(1, other, None)), 0), "").quiet, other
    assert not plan((run(runc, state(1, "a", False, "broken")), 1), "").quiet
