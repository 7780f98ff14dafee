"""What a run of states on a node says: whether it failed, and what it changed."""

from containerd_formula.errors import brief

SERVICE = "containerd service is running"
ROLLED_BACK = "containerd configuration is rolled back"
# What a plan finds.
RIGHT, CHANGES, FAILS = "right", "changes", "fails"
_BACK = "rolled back to its last good configuration"


def why_failed(answer, retcode=0):
    """Return why a run failed, its first failed state; empty if it did not."""
    if not isinstance(answer, dict) or not all(isinstance(state, dict) for state in answer.values()):
        return brief(_text(answer))
    failed = [state for state in _in_order(answer) if state.get("result") is False]
    # What only waits for a state that failed says nothing of its own.
    own = [
        state for state in failed if "__run_num__" in state and state.get("duration") is not None
    ] or failed
    if not failed:
        return f"its run ended with {retcode}" if retcode else ""
    back = f" ({_BACK})" if _changed(_of(answer, ROLLED_BACK)) else ""
    return brief(f"{own[0].get('__id__')}: {_first_line(own[0])}{back}")


def plan(answered, unready):
    """Return what a plan finds, and words, from a node's answer and return code, and why it is not ready."""
    if answered is None:
        return FAILS, "failed: it did not answer with its plan"
    answer, retcode = answered
    if why := why_failed(answer, retcode):
        return FAILS, f"failed: its plan fails: {why}"
    if changed := changes(answer):
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        return CHANGES, f"would change: {changed[0]}{more}" + (", with a restart" if restarts(answer) else "")
    return (CHANGES, f"is to be made ready: {unready}") if unready else (RIGHT, "already right")


def is_still(answer, retcode):
    """Tell whether a run neither failed nor changes anything."""
    return not why_failed(answer, retcode) and not changes(answer)


def reason(answer):
    """Return why a node is not ready, from the answer of containerd.ready."""
    return brief(str(answer.get("reason") if isinstance(answer, dict) else answer))


def changes(answer):
    """Return the IDs of the states that changed something, or would."""
    return [str(s.get("__id__")) for s in _in_order(answer) if _changed(s) or s.get("result") is None]


def restarts(answer):
    """Tell whether the daemon was restarted, or would be."""
    return _changed(_of(answer, SERVICE)) or _of(answer, SERVICE).get("result", True) is None


def _in_order(answer):
    return sorted(answer.values(), key=lambda state: state.get("__run_num__", 0))


def _of(answer, name):
    return next((state for state in answer.values() if state.get("__id__") == name), {})


def _changed(state):
    return bool(state.get("changes"))


def _first_line(state):
    return str(state.get("comment", "")).strip().partition("\n")[0]


def _text(answer):
    if isinstance(answer, (list, tuple)):
        return " ".join(map(str, answer))
    return str(answer) if answer else "it gave no answer"
