"""kubeadm's checks of a node, asked of facts: a finding has kubeadm's name of the check, and a cure."""

import re
from typing import NamedTuple

from containerd_formula.conditions import is_since
from containerd_formula.errors import brief
from containerd_formula.findings import ERROR, WARNING, Finding

MODULES = ("overlay", "br_netfilter")
# What has to be 1, and what brings it.
SYSCTLS = {
    "net.bridge.bridge-nf-call-iptables": "br_netfilter",
    "net.ipv4.ip_forward": "",
}
CONTROLLERS = ("cpu", "cpuset", "memory", "pids")
# cgroup v1 counts these as controllers as well; version 2 always has what they do.
ALSO_V1 = ("cpuacct", "devices", "freezer")
OPTIONAL_CONTROLLERS = ("hugetlb",)
NEEDED = ("conntrack", "crictl", "ip", "iptables", "mount", "nsenter")
USEFUL = ("ebtables", "ethtool", "socat", "tc", "touch")
PROGRAMS = (*NEEDED, *USEFUL)
# From this release of kubeadm on a missing program is a warning, and from that on nothing at all.
_RELIEF = {"conntrack": ("1.32", "1.32"), "crictl": ("1.31", "1.32")}
_PACKAGES = {
    **{"crictl": "cri-tools", "ip": "iproute2 (iproute)", "tc": "iproute2 (iproute-tc)"},
    **{"touch": "coreutils", "mount": "mount (util-linux)", "nsenter": "util-linux"},
}
# "	[WARNING Swap]: swap is enabled ..."; what follows on other lines is what a program of its said.
_SAID = re.compile(r"^[ \t]*\[(ERROR|WARNING) ([\w.-]{1,99})\]: ([^\n]{1,999})", re.MULTILINE)
_CALLED = "[preflight]"
_KERNEL = "apply containerd.kernel, with it in containerd:kernel"


class Facts(NamedTuple):
    """What a node says of itself."""

    # Modules that the kernel has, sysctls by name (None: the kernel has no such key), swap devices.
    modules: tuple
    sysctls: dict
    swaps: tuple
    # Controllers of cgroups, and whether they are of version 2.
    controllers: tuple
    is_v2: bool
    # Programs that are in PATH.
    programs: tuple
    # Whether CRI is ready, and why not.
    ready: bool
    reason: str
    # The name of the node, and whether it has an address.
    hostname: str
    resolves: bool
    # Whether something listens at kubelet's port.
    port_in_use: bool
    # Whether kubelet is installed, enabled and runs, and its release; empty where that is not known.
    installed: bool
    enabled: bool
    runs: bool
    release: str = ""
    port: int = 10250
    # Whether kubelet ends where there is swap.
    fails_on_swap: bool = True
    # What kubelet and containerd do not agree on: sentences.
    disagreements: tuple = ()


def findings(facts):
    """Return what kubeadm, or kubelet, would not take in a node, in the order of kubeadm's checks."""
    checks = (_cri, _programs, _sysctls, _modules, _swap, _cgroups, _hostname, _kubelet, _port, _agreement)
    return [
        Finding(key, brief(f"{key}: {words}."), level)
        for check in checks
        for key, words, level in check(facts)
    ]


def of_kubeadm(said, known):
    """Return what kubeadm said of a node, in its own words, but for checks that are known already."""
    found = [
        Finding(
            key,
            brief(f"{key}: kubeadm says: {words}: mend it."),
            ERROR if level == "ERROR" else WARNING,
        )
        for level, key, words in _SAID.findall(said)
        if key not in known
    ]
    if _CALLED not in said:
        found.append(unasked(said.strip().rpartition("\n")[2]))
    return found


def unasked(why):
    """Return the finding that kubeadm did not check the node."""
    return Finding("kubeadm", brief(f"kubeadm: it did not check this node: {why.rstrip('.')}."), WARNING)


def _cri(facts):
    if not facts.ready:
        yield "CRI", f"containerd is not ready: {facts.reason}; apply containerd", ERROR


def _programs(facts):
    for name in PROGRAMS:
        if name in facts.programs:
            continue
        level = ERROR if name in NEEDED else WARNING
        eased, gone = _RELIEF.get(name, (None, None))
        if eased and facts.release and is_since(gone, facts.release):
            continue
        if eased and facts.release and is_since(eased, facts.release):
            level = WARNING
        words = f"{name} is not in PATH: install it, package {_PACKAGES.get(name, name)}"
        yield f"FileExisting-{name}", words, level


def _sysctls(facts):
    for name, module in SYSCTLS.items():
        value = facts.sysctls.get(name)
        key = f"FileContent--proc-sys-{name.replace('.', '-')}"
        if value is None and module:
            yield key, f"there is no {name}: load {module} ({_KERNEL}:modules)", ERROR
        elif value != "1":
            yield key, f"{name} is {value}, not 1: {_KERNEL}:sysctls", ERROR


def _modules(facts):
    for name in MODULES:
        # The sysctl tells of the other one already.
        if name not in facts.modules and name not in SYSCTLS.values():
            yield f"KernelModule-{name}", f"{name} is not loaded: {_KERNEL}:modules", ERROR


def _swap(facts):
    if not facts.swaps:
        return
    swaps = ", ".join(facts.swaps)
    if facts.fails_on_swap:
        words = "swapoff -a, and take it out of /etc/fstab, or set failSwapOn: false for kubelet"
        yield "Swap", f"{swaps} is in use, and kubelet does not start with swap: {words}", ERROR
    else:
        words = "kubelet was told to start all the same; kubeadm wants --ignore-preflight-errors=Swap"
        yield "Swap", f"{swaps} is in use: {words}", WARNING


def _cgroups(facts):
    wanted = (*CONTROLLERS, *(() if facts.is_v2 else ALSO_V1))
    cure = "enable it on the kernel's command line, such as cgroup_enable=memory, and boot"
    for names, level in ((wanted, ERROR), (OPTIONAL_CONTROLLERS, WARNING)):
        missing = [name for name in names if name not in facts.controllers]
        if missing:
            words = f"this kernel has no cgroup controller {', '.join(missing)}: {cure}"
            yield "SystemVerification", words, level


def _hostname(facts):
    if not facts.resolves:
        words = f"{facts.hostname} has no address: add it to /etc/hosts, or to the site's DNS"
        yield "Hostname", words, WARNING


def _kubelet(facts):
    if not facts.installed:
        yield "KubeletVersion", "kubelet is not installed: install it (not part of this formula)", ERROR
    elif not facts.enabled and not facts.runs:
        words = "kubelet does not start at boot: systemctl enable kubelet"
        yield "Service-Kubelet", words, WARNING


def _port(facts):
    # A node that has joined has its own kubelet there.
    if facts.port_in_use and not facts.runs:
        words = f"another program listens at port {facts.port}, which is kubelet's: ss -lntp shows it; end it"
        yield f"Port-{facts.port}", words, ERROR


def _agreement(facts):
    for words in facts.disagreements:
        yield "Kubelet", words, ERROR
