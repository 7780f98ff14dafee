"""A roll over the nodes of a fleet: wave by wave, and no further after a failure."""

from typing import NamedTuple

RIGHT, CHANGED, FAILED, UNKNOWN, UNTRIED = "right", "changed", "failed", "unknown", "not tried"
SILENT = "it does not answer"
DEAF = "it did not answer; when it wakes, it may still do what it was told"
GOES_ON = "interrupted: what it was told goes on, look at it"


class Outcome(NamedTuple):
    """What became of a node."""

    kind: str
    words: str = ""

    def told(self):
        """Return it as people read it."""
        return f"{self.kind}: {self.words}" if self.words else self.kind


class Summary(NamedTuple):
    """How a roll ended: each node once, and why it stopped, if it did."""

    nodes: dict
    stopped: str


def conduct(waves, fleet, say, max_unavailable=None, max_fails=0):
    """Change the waves of nodes one after the other, and return the summary.

    ``fleet`` does the work: ``unavailable() -> names``, ``prepare(node) -> why not``, ``apply(nodes)`` and
    ``gates(nodes)``, which yield a node and why it failed, ``release(node)``.
    """
    told, stopped = {}, ""
    try:
        for number, wave in enumerate(waves, 1):
            stopped = _no_room(wave, fleet, max_unavailable)
            if not stopped:
                say(f"wave {number} of {len(waves)}: {', '.join(wave)}")
                _change(wave, fleet, told, say, max_fails)
                stopped = _failures(told, max_fails)
            if stopped:
                break
    except (KeyboardInterrupt, SystemExit):
        stopped = "interrupted"
    everyone = [node for wave in waves for node in wave]
    return Summary({node: told.get(node, Outcome(UNTRIED)) for node in everyone}, stopped)


def comment(summary):
    """Return how a roll ended, in a line or two."""
    kinds = [outcome.kind for outcome in summary.nodes.values()]
    counts = ", ".join(
        f"{kinds.count(kind)} {kind}" for kind in (CHANGED, FAILED, UNKNOWN, UNTRIED) if kind in kinds
    )
    if not summary.stopped:
        return counts or "there was nothing to change"
    again = "Mend and roll again: what is right is left out."
    return f"stopped: {summary.stopped}\n{counts}. {again}"


def _no_room(wave, fleet, limit):
    """Return why a wave may not begin: others are unavailable already, and the wave would be too many."""
    away = sorted(set(fleet.unavailable()) - set(wave)) if limit is not None else []
    if not away or len(away) + len(wave) <= limit:
        return ""
    return f"{', '.join(away)} cannot be used, and no more than {limit} may be away at once"


def _change(wave, fleet, told, say, max_fails):
    """Change the nodes of a wave, and note in ``told`` what became of each that was tried."""
    prepared, begun = [], []
    try:
        for node in wave:
            if _failures(told, max_fails):
                break
            # Before the attempt: what it leaves half done is undone, too.
            prepared.append(node)
            if why := fleet.prepare(node):
                _failed(node, why, told, say)
        begun = [node for node in prepared if node not in told] if not _failures(told, max_fails) else []
        _judge(begun, fleet.apply(begun) if begun else (), told, say)
        good = [node for node in begun if node not in told]
        _judge(good, fleet.gates(good) if good else (), told, say)
        for node in good:
            if node not in told:
                told[node] = Outcome(CHANGED)
                say(f"  {node}  changed, ready")
    except (KeyboardInterrupt, SystemExit):
        told.update({node: Outcome(UNKNOWN, GOES_ON) for node in begun if node not in told})
        raise
    finally:
        for node in prepared:
            fleet.release(node)


def _judge(asked, answers, told, say):
    """Note the nodes that failed, and those of which there is no answer."""
    silent = set(asked)
    for node, why in answers:
        silent.discard(node)
        if why:
            _failed(node, why, told, say)
    for node in sorted(silent):
        _failed(node, DEAF, told, say)


def _failed(node, why, told, say):
    told[node] = Outcome(FAILED, why)
    say(f"  {node}  FAILED: {why}")


def _failures(told, max_fails):
    """Return why to stop: more nodes failed than may; empty if there are not."""
    failed = [node for node, outcome in told.items() if outcome.kind == FAILED]
    if len(failed) <= max_fails:
        return ""
    return (
        f"{failed[-1]}: {told[failed[-1]].words}"
        if len(failed) == 1
        else f"{', '.join(sorted(failed))} failed"
    )
