"""Keys and runtimes that a later containerd removes."""

from containerd_formula import schema
from containerd_formula.data import at
from containerd_formula.rules.cri import LINUX_V1, RUNC_V1, RUNC_V2


def deprecated(context):
    """Deprecated keys, unless they are wrong already or change nothing."""
    said = [one.path for one in context.found]
    for one in schema.deprecated(context.overrides, context.version):
        if one.path not in said and at(context.overrides, one.path) != at(context.base, one.path):
            yield one.path, one.words, one.level


def runtimes(context):
    """Runtimes of 1.x that 2.0 removes: there each of their pods fails."""
    for path, kind in context.leaves if context.version == 2 else ():
        if path[-1] == "runtime_type" and kind in (RUNC_V1, LINUX_V1):
            yield path, f"containerd 2.0 removes {kind}: write {RUNC_V2}", "warning"


RULES = (deprecated, runtimes)
