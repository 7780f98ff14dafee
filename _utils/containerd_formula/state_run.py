"""What a run of states on a node says: whether it failed, and what it changed."""

import re
from typing import NamedTuple

from containerd_formula.errors import brief, in_words

SERVICE = "containerd service is running"
ROLLED_BACK = "containerd configuration is rolled back"
# What a plan finds.
RIGHT, CHANGES, FAILS = "right", "changes", "fails"
# What these change, neither the daemon nor a container that runs notices: all else may be worth a drain.
QUIET = frozenset(
    f"containerd {name}"
    for name in (
        "Salt modules are synced",
        "TOML library is installed",
        "runtimes are installed",
        "runtimes are proved",
        "old runtimes are removed",
        "registries are managed",
        "images are imported",
        "crictl configuration is managed",
        "nerdctl configuration is managed",
        "shell completion is managed",
    )
)
EARLIER = "an earlier run is under way on it: wait for its end"
_RUNNING = re.compile(r"is running as PID [0-9]+")
# What Salt puts in the place of a comment under test=True: there the name of the state has it.
_UNTOLD = "If we weren't testing, this would be a failure!"
_BACK = "rolled back to its last good configuration"


def why_failed(answer, retcode=0):
    """Return why a run failed, its first failed state; empty if it did not."""
    if not isinstance(answer, dict) or not all(isinstance(state, dict) for state in answer.values()):
        words = in_words(answer) if answer else "it gave no answer"
        return f"{EARLIER} ({words})" if is_under_way(words) else words
    failed = [state for state in _in_order(answer) if state.get("result") is False]
    # What only waits for a state that failed says nothing of its own.
    own = [
        state for state in failed if "__run_num__" in state and state.get("duration") is not None
    ] or failed
    if not failed:
        return f"its run ended with {retcode}" if retcode else ""
    back = f" ({_BACK})" if _changed(_of(answer, ROLLED_BACK)) else ""
    return brief(f"{in_words(own[0].get('__id__'))}: {_beginning(own[0])}{back}")


class Plan(NamedTuple):
    """What a plan finds, in words too, and whether no container that runs would notice."""

    kind: str
    words: str
    quiet: bool = False


def plan(answered, unready):
    """Return what a plan finds, from a node's answer and return code, and why it is not ready."""
    if answered is None:
        return Plan(FAILS, "failed: it did not answer with its plan")
    answer, retcode = answered
    if why := why_failed(answer, retcode):
        return Plan(FAILS, f"failed: its plan fails: {why}")
    if changed := changes(answer):
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        words = f"would change: {changed[0]}{more}" + (", with a restart" if restarts(answer) else "")
        return Plan(CHANGES, words, quiet=QUIET.issuperset(changed))
    return Plan(CHANGES, f"is to be made ready: {unready}") if unready else Plan(RIGHT, "already right")


def is_under_way(words):
    """Tell whether a node says that it is still at an earlier run of states."""
    return bool(_RUNNING.search(words))


def did(answer):
    """Return what a run did to a node, in a word or two."""
    return "changed, restarted" if restarts(answer) else "changed" if changes(answer) else "nothing to change"


def is_still(answer, retcode):
    """Tell whether a run neither failed nor changes anything."""
    return not why_failed(answer, retcode) and not changes(answer)


def reason(answer):
    """Return why a node is not ready, from the answer of containerd.ready."""
    return in_words(answer.get("reason") if isinstance(answer, dict) else answer)


def changes(answer):
    """Return the IDs of the states that changed something, or would."""
    return [in_words(s.get("__id__")) for s in _in_order(answer) if _changed(s) or s.get("result") is None]


def restarts(answer):
    """Tell whether the daemon was restarted, or would be."""
    return _changed(_of(answer, SERVICE)) or _of(answer, SERVICE).get("result", True) is None


def _in_order(answer):
    numbered = [(state.get("__run_num__"), state) for state in answer.values()]
    return [state for _, state in sorted(numbered, key=lambda one: one[0] if isinstance(one[0], int) else 0)]


def _of(answer, name):
    return next((state for state in answer.values() if state.get("__id__") == name), {})


def _changed(state):
    return bool(state.get("changes"))


def _beginning(state):
    """Return the first lines of a state's comment: what is wrong may stand in the second."""
    words = in_words(state.get("comment", ""))
    lines = (in_words(state.get("name", "")) if words == _UNTOLD else words).split("\n")
    return " ".join(line.strip() for line in lines if line.strip(" -"))[:500].strip()
