"""What differs between two documents."""

from collections.abc import Mapping

from containerd_formula.data import leaves, same
from containerd_formula.errors import Refused
from containerd_formula.paths import dotted
from containerd_formula.secrets import masked


def diff(old, new):
    """Return dotted path to old and new value, None for a key that is not there; secrets are masked."""
    if not all(isinstance(data, Mapping) for data in (old, new)):
        raise Refused("Both documents must be mappings, such as '{debug: {level: info}}'.")
    before, after = leaves(old), leaves(new)
    for one, other in ((before, after), (after, before)):
        # A table that was empty and now has keys is reported by its keys.
        filled = {path[:length] for path in other for length in range(1, len(path))}
        for path in [path for path, value in one.items() if value == {} and path in filled]:
            del one[path]
    return {
        dotted(path): {"old": masked(before.get(path), path), "new": masked(after.get(path), path)}
        for path in [*after, *(path for path in before if path not in after)]
        if not same(before.get(path), after.get(path))
    }
