"""Plugins that are disabled, required, or reached by a socket."""

from containerd_formula import schema
from containerd_formula.data import at, table, texts
from containerd_formula.names import misspelt, nearest
from containerd_formula.rules.context import is_short, too_short
from containerd_formula.table import IDS

NO_KUBELET = "remove it, or set containerd:service:cri to false where no kubelet uses this containerd"


def disabled(context):
    """Plugins to disable: without CRI no kubelet can use the node; short ids end the daemon."""
    settings = ("CRI.containerd.snapshotter", "CRI.containerd.runtimes")
    cri = {IDS["CRI"], *(context.locate(setting)[1] for setting in settings)}
    known = [*schema.plugins(), *table(context.base, ("plugins",))]
    for plugin in texts(context.overrides.get("disabled_plugins")):
        near = nearest(plugin, known, 0.8)
        if is_short(plugin):
            yield ("disabled_plugins",), too_short(plugin, known)
        elif plugin in cri:
            if context.node.cri:
                yield ("disabled_plugins",), f"{plugin} is CRI, without which no pod runs: {NO_KUBELET}"
        elif plugin not in known and near and misspelt(plugin, near):
            yield ("disabled_plugins",), f"there is no {plugin}, nothing is disabled: write {near}", "warning"


def required(context):
    """Plugins to require: without one of them the daemon does not start."""
    known = {plugin for plugin, settings in schema.plugins().items() if not settings}
    known.update(table(context.base, ("plugins",)))
    snapshotters = context.snapshotters()
    for plugin in texts(context.overrides.get("required_plugins")):
        if is_short(plugin):
            yield ("required_plugins",), too_short(plugin, sorted(known))
        elif plugin in texts(context.result.get("disabled_plugins")):
            yield ("required_plugins",), f"{plugin} is in disabled_plugins: remove it from one of the two"
        elif plugin not in known and plugin.split(".", 4)[-1] not in snapshotters:
            near = nearest(plugin, sorted(known), 0.8)
            cure = f"write {near}" if near else "remove it"
            yield ("required_plugins",), f"{plugin} is unknown to containerd, which ends without it: {cure}"


def proxies(context):
    """Proxy plugins without a type: containerd panics."""
    for name in table(context.overrides, ("proxy_plugins",)):
        proxy = at(context.result, ("proxy_plugins", name))
        if isinstance(proxy, dict) and not proxy.get("type"):
            yield ("proxy_plugins", name), 'it has no type, and containerd ends: write type: "snapshot"'


RULES = (disabled, required, proxies)
