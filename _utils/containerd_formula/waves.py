"""The waves of a roll: which nodes change together, and in which order."""

import itertools
import re

from containerd_formula.errors import Refused, quoted


def waves(nodes, size, canary=1, zones=None):
    """Return lists of the nodes' names: the canary alone and first, then ``size`` at a time.

    ``canary`` is a number or a list of names; with ``zones``, node to zone, neighbours are of different ones.
    """
    order = _interleaved(sorted(nodes), zones or {})
    first = _canary(order, canary)
    rest = [node for node in order if node not in first]
    return [wave for wave in (first, *(rest[at : at + size] for at in range(0, len(rest), size))) if wave]


def size_of(batch, number):
    """Return how many of a number of nodes a batch is: a number, or a share such as ``10%``, at least one."""
    share = re.fullmatch(r"([0-9]{1,3})%", batch.strip()) if isinstance(batch, str) else None
    if share and 0 < int(share[1]) <= 100:
        return max(1, number * int(share[1]) // 100)
    if isinstance(batch, int) and not isinstance(batch, bool) and 0 < batch < 2**31:
        return batch
    raise Refused(f"batch is {quoted(batch)}: write a number of nodes, or a share of them such as 10%.")


def known(canary, nodes):
    """Return a canary whose names are all of nodes that take part; refuse one that names another."""
    named = canary if isinstance(canary, (list, tuple)) else ()
    unknown = sorted({name for name in named if isinstance(name, str)} - set(nodes))
    if unknown:
        raise Refused(
            f"canary names {', '.join(unknown)}: tgt does not mean it, or it does not answer. "
            "Name nodes of tgt that do."
        )
    return canary


def zoned(zones, spread):
    """Return nodes with their zones; refuse a grain that no node has."""
    if zones and not any(zone not in (None, "") for zone in zones.values()):
        raise Refused(
            f"spread is {quoted(spread)}, a grain that no node has: write its name, or leave it out."
        )
    return zones


def _canary(order, canary):
    """Return the nodes that go first."""
    if isinstance(canary, int) and not isinstance(canary, bool) and 0 <= canary < 2**31:
        return order[:canary]
    if isinstance(canary, (list, tuple)) and all(isinstance(name, str) for name in canary):
        return [node for node in order if node in canary]
    raise Refused(f"canary is {quoted(canary)}: write a number of nodes, or a list of their names.")


def _interleaved(nodes, zones):
    """Return the nodes in turn from each zone, so that a wave takes few of one."""
    of = {}
    for node in nodes:
        of.setdefault(str(zones.get(node, "")), []).append(node)
    rounds = itertools.zip_longest(*(of[zone] for zone in sorted(of)))
    return [node for turn in rounds for node in turn if node is not None]
