"""Keys that a coming containerd removes."""

from containerd_formula import schema
from containerd_formula.data import at


def deprecated(context):
    """Such keys, unless they are wrong already or change nothing."""
    said = [one.path for one in context.found]
    for one in schema.deprecated(context.overrides, context.version):
        if one.path not in said and at(context.overrides, one.path) != at(context.base, one.path):
            yield one.path, one.words, one.level


RULES = (deprecated,)
