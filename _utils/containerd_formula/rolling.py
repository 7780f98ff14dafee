"""A roll over the nodes of a fleet: wave by wave, and no further after a failure."""

from typing import NamedTuple

from containerd_formula.errors import Refused

RIGHT, CHANGED, FAILED, UNKNOWN, UNTRIED = "right", "changed", "failed", "unknown", "not tried"
SILENT = "it does not answer"
DEAF = "it did not answer; when it wakes, it may still do what it was told"
GOES_ON = "what it was told goes on, look at it"
INTERRUPTED = "interrupted"
STAYS_CORDONED = "it stays cordoned"


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


class _Told(dict):
    """What became of each node so far, and the failures apart: a fleet may be large."""

    def __init__(self):
        super().__init__()
        self.failed = {}


def conduct(waves, fleet, say, max_unavailable=None, max_fails=0):
    """Change the waves of nodes one after the other, and return the summary.

    ``fleet`` does the work: ``unavailable() -> names``, ``prepare(node) -> why not``, ``apply(nodes)`` and
    ``gates(nodes)``, which yield a node and why it failed, ``release(node) -> why not``. ``stopping()`` tells
    whether a person asked for an end, ``note(what, data)`` keeps a record. What it cannot do it refuses.
    """
    told, stopped = _Told(), ""
    try:
        for number, wave in enumerate(waves, 1):
            stopped = _stop(told, fleet, max_fails)
            if stopped:
                break
            say(f"wave {number} of {len(waves)}: {', '.join(wave)}")
            fleet.note("wave", {"number": number, "of": len(waves), "nodes": list(wave)})
            stopped = _wave(list(wave), fleet, told, say, max_unavailable, max_fails)
            if stopped:
                break
    except (KeyboardInterrupt, SystemExit):
        stopped = INTERRUPTED
    except Refused as err:
        stopped = str(err)
    everyone = [node for wave in waves for node in wave]
    return Summary({node: told.get(node, Outcome(UNTRIED)) for node in everyone}, stopped)


def comment(summary):
    """Return how a roll ended, in a line or two."""
    kinds = [outcome.kind for outcome in summary.nodes.values()]
    untried = [node for node, outcome in summary.nodes.items() if outcome.kind == UNTRIED]
    counts = ", ".join(
        f"{kinds.count(kind)} {kind}" for kind in (CHANGED, FAILED, UNKNOWN, UNTRIED) if kind in kinds
    )
    if not summary.stopped:
        return counts or "there was nothing to change"
    names = f": {', '.join(untried)}" if untried else ""
    again = "Mend and roll again: what is right is left out."
    return f"stopped: {summary.stopped}\n{counts}{names}. {again}"


def _wave(rest, fleet, told, say, max_unavailable, max_fails):
    """Change a wave, in parts where others are away; return why the roll stops, empty if it goes on."""
    while rest:
        room, why = _room(rest, fleet, max_unavailable)
        if why:
            return why
        part, rest = rest[:room], rest[room:]
        if rest:
            say(f"  first {', '.join(part)}: others are away")
        _change(part, fleet, told, say, max_fails)
        stopped = _stop(told, fleet, max_fails)
        if stopped:
            return stopped
    return ""


def _stop(told, fleet, max_fails):
    return _failures(told, max_fails) or (INTERRUPTED if fleet.stopping() else "")


def _room(wave, fleet, limit):
    """Return how many nodes of a wave may go now, and why none may."""
    if limit is None:
        return len(wave), ""
    away = sorted(set(fleet.unavailable()) - set(wave))
    if len(away) < limit:
        return limit - len(away), ""
    return 0, f"{', '.join(away)} cannot be used, and no more than {limit} may be away at once"


def _change(part, fleet, told, say, max_fails):
    """Change some nodes together, and note in ``told`` what became of each that was tried."""
    prepared, begun = [], []
    try:
        for node in part:
            if _stop(told, fleet, max_fails):
                break
            # Before the attempt: what it leaves half done is undone, too.
            prepared.append(node)
            why = fleet.prepare(node)
            # A drain that a person ended is nobody's failure.
            if why and not fleet.stopping():
                _failed(node, why, told, say)
        if not _stop(told, fleet, max_fails):
            begun = [node for node in prepared if node not in told]
        _judge(begun, fleet.apply(begun) if begun else (), told, say)
        good = [node for node in begun if node not in told]
        _judge(good, fleet.gates(good) if good else (), told, say)
        told.update({node: Outcome(CHANGED) for node in good if node not in told})
    except (KeyboardInterrupt, SystemExit, Refused):
        told.update({node: Outcome(UNKNOWN, GOES_ON) for node in begun if node not in told})
        raise
    finally:
        for node in prepared:
            _release(node, fleet, told, say)
        fleet.note("nodes", {node: told[node].told() for node in prepared if node in told})


def _release(node, fleet, told, say):
    """Undo what prepared a node, or say what is left of it."""
    why = fleet.release(node)
    if why:
        words = told[node].words if node in told else ""
        _failed(node, f"{words}; {why}" if words else why, told, say)


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
    told.failed[node] = why
    say(f"  {node}  FAILED: {why}")


def _failures(told, max_fails):
    """Return why to stop: more nodes failed than may; empty if there are not."""
    if len(told.failed) <= max_fails:
        return ""
    if len(told.failed) == 1:
        return ": ".join(*told.failed.items())
    return f"{', '.join(sorted(told.failed))} failed"
