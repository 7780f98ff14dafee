"""Which known name a misspelt one was meant to be."""

import difflib

# Above this a name is a misspelling of the known one, not another name.
_MISSPELT = 0.85
# Characters; the comparison is not linear.
_LONGEST = 100


def nearest(name, names, cutoff=0.6):
    """Return the nearest of some names, None where none is near."""
    return next(iter(difflib.get_close_matches(name[:_LONGEST], names, 1, cutoff)), None)


def misspelt(plugin, known):
    """Tell whether a plugin id is another one, misspelt: in its type or in its name."""
    pairs = zip(plugin.rpartition("."), known.rpartition("."))
    return min(difflib.SequenceMatcher(None, *pair).ratio() for pair in pairs) > _MISSPELT
