"""
The rules: find what is wrong with a site's overrides before they reach a node.

containerd ignores unknown keys, and starts without CRI rather than not at all. A rule is a function in the
file of its topic: it gets the context and yields the arguments of ``finding``, such as (path, words) or
(path, words, "warning"). The words say what is wrong, and the cure. Facts about settings come from the table,
facts about a release from its default. Rules report only what the overrides cause, and defaults whose paths
on the node are not root's.
"""

from containerd_formula.findings import finding
from containerd_formula.places import CONFIG_FOLDER
from containerd_formula.rules import (
    cri,
    deprecated,
    images,
    kubelet,
    missing,
    names,
    plugins,
    trusted,
    values,
)
from containerd_formula.rules.context import ANY_NODE, Context, is_below

# Names come first: the value of a wrong name is not checked.
RULES = (
    *(*names.RULES, *values.RULES, *plugins.RULES, *cri.RULES),
    *(*images.RULES, *missing.RULES, *kubelet.RULES, *trusted.RULES, *deprecated.RULES),
)
# With what these find the daemon gets ready, but pods cannot start.
ABOUT_PODS = (*images.RULES, *missing.RULES, *kubelet.RULES)


def findings(base, site, result, strict=True, folder=CONFIG_FOLDER, node=None, written=None):
    """
    Return findings about the overrides, in the order of the overrides.

    ``base`` is the parsed default of the binary, ``site`` the overrides in its schema (None removes a key),
    ``result`` the two merged. Relative imports start in ``folder``; without a ``node`` no file is missing.
    ``written`` has, for paths of the site, the schema and the path in which the author wrote them.
    """
    context = Context(base, site, result, strict, folder, node or ANY_NODE, written or {})
    seen, misnamed = set(), set()
    for rule in RULES:
        for one in (_told(said, rule) for said in rule(context)):
            if one not in seen and not is_below(one.path, misnamed):
                seen.add(one)
                context.found.append(names.as_written(one, context) if rule in names.RULES else one)
        if rule in names.RULES:
            misnamed = {one.path for one in context.found}
    return sorted(context.found, key=lambda one: context.position(one.path))


def _told(said, rule):
    """Return what a rule yields as a finding, marked if the rule is about pods."""
    found = finding(*said)
    return found._replace(about="pods") if rule in ABOUT_PODS else found
