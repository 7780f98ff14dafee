"""Find the known name that a misspelt one was meant to be; and what Kubernetes and containerd call things."""

import difflib
import os
import re

# Above this similarity a name is a misspelling of the known one.
_MISSPELT = 0.85
# Characters to compare: the comparison takes more than linear time.
_LONGEST = 100
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def nearest(name, names, cutoff=0.6):
    """Return the nearest of some names, or None if none is near."""
    return next(iter(difflib.get_close_matches(name[:_LONGEST], names, 1, cutoff)), None)


def misspelt(plugin, known):
    """Tell whether a plugin id is a misspelling of a known one, in its type or in its name."""
    pairs = zip(plugin.rpartition("."), known.rpartition("."))
    return min(difflib.SequenceMatcher(None, *pair).ratio() for pair in pairs) > _MISSPELT


def is_slip(one, other):
    """Tell whether two names differ by one letter, or by two swapped letters."""
    head = len(os.path.commonprefix([one, other]))
    one, other = one[head:], other[head:]
    tail = len(os.path.commonprefix([one[::-1], other[::-1]]))
    one, other = (rest[: len(rest) - tail] for rest in (one, other))
    return max(len(one), len(other)) < 2 or (len(one) == 2 and one == other[::-1])


def is_label(name):
    """Tell whether a name is a DNS label, which Kubernetes wants of a runtime's handler."""
    return bool(_LABEL.fullmatch(name))


def shim(kind):
    """Return the program of a runtime type; empty if the type is not valid."""
    parts = kind.split(".")
    return f"containerd-shim-{parts[-2]}-{parts[-1]}" if len(parts) > 1 and all(parts) else ""
