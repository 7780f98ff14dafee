"""
What Kubernetes will say of this node: whether kubelet and containerd agree, and kubeadm's checks of a node.

It only reads; nothing that pillar names is run. kubeadm's own checks are kubeadm's.
"""

import os
import shutil
import socket

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import errors, kubelet, preflight, runtime_proof
from containerd_formula.conditions import is_since
from containerd_formula.data import at, combine
from containerd_formula.places import CONFIG, DAEMON_PATH, SOCKET, SYSTEMD_BOOTED
from containerd_formula.runtime_settings import is_runc_shim
from containerd_formula.schema import locate

_told = errors.told_as(CommandExecutionError)

PROC = "/proc"
CGROUPS = "/sys/fs/cgroup/cgroup.controllers"
# kubeadm takes a node that has joined for a wrong one.
JOINED = "/etc/kubernetes/kubelet.conf"
# It checks the node before it reads this file, in which it finds no cluster: that is the end of it.
_NO_CLUSTER = "/etc/hostname"
_KUBEADM_TIMEOUT = 60
# The kernel's word for a socket that listens.
_LISTENS = "0A"


@_told
def agreement(path=CONFIG, dump=None):
    """
    Do the work of ``containerd.kubelet_agrees``; ``dump`` is what is in effect, as data, if it is known.

    :raises CommandExecutionError: as for that function.
    """
    one = __salt__["containerd_kubelet.told"]()
    # 1.4 leaves the options of runtimes out of its dump.
    file = __salt__["containerd_document.read"](path) if os.path.exists(path) else {}
    effective = combine(file, __salt__["containerd_document.dump"](path) if dump is None else dump)
    runtimes, default = runtime_proof.in_effect(effective)
    drivers = {
        name: kubelet.driver(at(runtime.options, ("SystemdCgroup",)))
        for name, runtime in runtimes.items()
        if is_runc_shim(runtime.type)
    }
    address = at(effective, locate(kubelet.ADDRESS, effective.get("version", 2), effective))
    answer = {
        "agrees": None,
        "kubelet": {},
        "containerd": {"cgroup_drivers": drivers, "default": default, "address": address or SOCKET},
        "reasons": [],
    }
    if one is None:
        return answer
    takes_over = _takes_over(one, drivers)
    answer["kubelet"] = {"cgroup_driver": one.driver, "endpoint": one.endpoint, "takes_over": takes_over}
    for name, driver in drivers.items():
        if not takes_over and (words := kubelet.driver_differs(one, driver)):
            answer["reasons"].append(f"runtime {name}: {words}.")
    if words := kubelet.endpoint_differs(one, address or SOCKET):
        answer["reasons"].append(f"{kubelet.ADDRESS}: {words}.")
    return {**answer, "agrees": not answer["reasons"]}


def findings(kubeadm):
    """
    Return the library's findings about this node, and those that only kubeadm has, if it is to be asked.
    """
    found = preflight.findings(_facts())
    if not kubeadm or os.path.exists(JOINED) or not _is_in_path("kubeadm"):
        return found
    try:
        return found + preflight.of_kubeadm(_kubeadm(), {one.key for one in found})
    except CommandExecutionError as err:
        return [*found, preflight.unasked(str(err))]


def _kubeadm():
    """Return what kubeadm says while it checks this node."""
    run = __salt__["containerd_command.run"]
    release = run("kubeadm", "version", "-o", "short")["stdout"].strip().lstrip("v")
    # From this release on it warns of a path, and an older one takes no address.
    socket = f"unix://{SOCKET}" if release and is_since("1.24", release) else SOCKET
    options = (f"--discovery-file={_NO_CLUSTER}", f"--cri-socket={socket}")
    done = run("kubeadm", "join", "phase", "preflight", *options, timeout=_KUBEADM_TIMEOUT)
    return f"{done['stdout']}\n{done['stderr']}"


def _facts():
    """Return what the checks ask for."""
    one = __salt__["containerd_kubelet.told"]() or kubelet.Kubelet()
    ready = _ready()
    hostname = socket.gethostname()
    try:
        disagreements = tuple(agreement()["reasons"])
    except CommandExecutionError:
        # Why not is said of CRI.
        disagreements = ()
    installed = _is_in_path("kubelet")
    return preflight.Facts(
        modules=tuple(m for m in preflight.MODULES if __salt__["containerd_kernel.module_loaded"](m)),
        sysctls={name: __salt__["containerd_kernel.sysctl_get"](name) for name in preflight.SYSCTLS},
        swaps=tuple(line.split()[0] for line in _lines("swaps")[1:]),
        controllers=_controllers(),
        is_v2=os.path.exists(CGROUPS),
        programs=tuple(name for name in preflight.PROGRAMS if _is_in_path(name)),
        ready=ready["ready"],
        reason=ready["reason"],
        hostname=hostname,
        resolves=_resolves(hostname),
        port_in_use=_listens(one.port),
        installed=installed,
        enabled=_enabled(),
        runs=__salt__["containerd_kubelet.runs"](),
        release=__salt__["containerd_kubelet.version"]() if installed else "",
        port=one.port,
        fails_on_swap=one.fails_on_swap,
        disagreements=disagreements,
    )


def _is_in_path(name):
    """Tell whether a program is found by its name; Salt's own search takes one of the present folder, too."""
    folders = (os.environ.get("PATH", ""), *DAEMON_PATH)
    return bool(shutil.which(name, path=os.pathsep.join(folders)))


def _takes_over(one, drivers):
    """Tell whether kubelet takes containerd's driver over; its program is started only if they differ."""
    differs = any(driver != one.driver for driver in drivers.values())
    return differs and __salt__["containerd_kubelet.takes_over"](one)


def _ready():
    try:
        return __salt__["containerd_daemon.ready"]()
    except CommandExecutionError as err:
        return {"ready": False, "reason": str(err)}


def _controllers():
    """Return the controllers of cgroups that this kernel has on."""
    if os.path.exists(CGROUPS):
        with open(CGROUPS, encoding="utf-8") as file:
            return tuple(file.read().split())
    # Its fields: name, hierarchy, number of cgroups, whether it is on.
    rows = [line.split() for line in _lines("cgroups") if not line.startswith("#")]
    return tuple(row[0] for row in rows if len(row) > 3 and row[3] != "0")


def _listens(port):
    """Tell whether a program listens at a port, of any address."""
    for name in ("net/tcp", "net/tcp6"):
        for line in _lines(name)[1:]:
            fields = line.split()
            if fields[3] == _LISTENS and int(fields[1].rpartition(":")[2], 16) == port:
                return True
    return False


def _enabled():
    """Tell whether kubelet starts at boot; yes where there is no systemd to ask."""
    if not os.path.isdir(SYSTEMD_BOOTED):
        return True
    return __salt__["containerd_service.enabled"]("kubelet.service") in ("enabled", "static", "alias")


def _resolves(hostname):
    try:
        return bool(socket.getaddrinfo(hostname, None))
    except (OSError, UnicodeError):
        return False


def _lines(name):
    """Return the lines of a file below /proc; none if there is no such file."""
    try:
        with open(os.path.join(PROC, name), encoding="utf-8", errors="replace") as file:
            return [line for line in file.read().splitlines() if line.strip()]
    except OSError:
        return []
