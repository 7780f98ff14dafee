"""What this node's kubelet expects: with another cgroup driver or socket no pod starts."""

from containerd_formula import kubelet
from containerd_formula.data import at, table
from containerd_formula.rules.cri import RUNC_V1, RUNC_V2


def cgroup_driver(context):
    """Runtimes of runc with another cgroup driver than kubelet's: none of their pods starts."""
    one = context.node.kubelet() if context.node.cri else None
    if one is None:
        return
    runtimes = context.locate("CRI.containerd.runtimes")
    found = [
        ((*runtimes, name, "options", "SystemdCgroup"), words)
        for name, runtime in table(context.result, runtimes).items()
        if isinstance(runtime, dict) and runtime.get("runtime_type") in (RUNC_V1, RUNC_V2)
        if (words := kubelet.driver_differs(one, kubelet.driver(at(runtime, ("options", "SystemdCgroup")))))
    ]
    # Only now, for it starts kubelet.
    if found and not context.node.kubelet_takes_over(one):
        yield from found


def endpoint(context):
    """A socket where kubelet does not look for it."""
    one = context.node.kubelet() if context.node.cri else None
    path = context.locate(kubelet.ADDRESS)
    address = at(context.result, path)
    if one and isinstance(address, str) and (words := kubelet.endpoint_differs(one, address)):
        yield path, words


RULES = (cgroup_driver, endpoint)
