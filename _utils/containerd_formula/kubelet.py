"""What a node's kubelet expects of containerd, by its flags and its configuration file: flags win."""

import re
from typing import NamedTuple

from containerd_formula.conditions import is_since
from containerd_formula.data import at
from containerd_formula.errors import brief

CONFIG = "/var/lib/kubelet/config.yaml"
SYSTEMD, CGROUPFS = "systemd", "cgroupfs"
# Since these releases of kubelet and containerd the one takes the driver over from the other.
_TAKES_OVER, _TELLS = "1.31", "2.0"
_MAY_TAKE_OVER, _GATE = "1.28", "KubeletCgroupDriverFromCRI"
_TRUE = ("true", "1", "t")
# A kubelet of this port has not been told another one.
PORT = 10250
# Where containerd has its socket.
ADDRESS = "grpc.address"


class Kubelet(NamedTuple):
    """A kubelet's settings; an ``endpoint`` that it was not told is empty. ``said``: who says the driver."""

    driver: str = CGROUPFS
    endpoint: str = ""
    fails_on_swap: bool = True
    port: int = PORT
    # Its feature gate for taking over the driver that containerd tells; None: as its release has it.
    takes_over: object = None
    said: str = CONFIG


def flags(words):
    """Return flags of a command line by name, the last one of a name: ``--a=b``, ``--a b``, and ``--a``."""
    found, name = {}, ""
    for word in words:
        if word.startswith("-"):
            name, sign, value = word.lstrip("-").partition("=")
            # kubelet takes both for one.
            name = name.replace("_", "-")
            found[name] = value if sign else "true"
            name = "" if sign else name
        elif name:
            found[name], name = word, ""
    return found


def kubelet(config, words, path=CONFIG):
    """
    Return what a kubelet expects, of the data of its configuration file and of its command line.

    ``config`` is None where there is no such file. Nothing is known of a kubelet without both: None.
    """
    given, told = flags(words), config if isinstance(config, dict) else {}
    if not given and config is None:
        return None
    driver = given.get("cgroup-driver") or told.get("cgroupDriver")
    endpoint = given.get("container-runtime-endpoint") or told.get("containerRuntimeEndpoint")
    swap, port = given.get("fail-swap-on", told.get("failSwapOn")), given.get("port", told.get("port"))
    gate = at(told, ("featureGates", _GATE))
    for gates in given.get("feature-gates", "").split(","):
        name, _, value = gates.partition("=")
        gate = value.lower() in _TRUE if name.strip() == _GATE else gate
    return Kubelet(
        driver=driver if isinstance(driver, str) else CGROUPFS,
        endpoint=socket(endpoint) if isinstance(endpoint, str) else "",
        fails_on_swap=swap is not False and (not isinstance(swap, str) or swap.lower() in _TRUE),
        port=_port(port),
        takes_over=gate if isinstance(gate, bool) else None,
        said="its flag --cgroup-driver" if given.get("cgroup-driver") else f"cgroupDriver in {path}",
    )


def _port(told):
    """Return the port that a kubelet was told, its own default if that is none."""
    text = str(told) if type(told) is int and 0 < told < 2**16 else told
    return int(text) if isinstance(text, str) and re.fullmatch("[0-9]{1,5}", text) else PORT


def socket(endpoint):
    """Return the path of an endpoint: ``unix:///run/a.sock`` and ``/var/run/a.sock`` are ``/run/a.sock``."""
    path = endpoint[len("unix://") :] if endpoint.startswith("unix://") else endpoint
    return f"/run/{path[len('/var/run/') :]}" if path.startswith("/var/run/") else path


def takes_driver_over(one, release, containerd):
    """Tell whether a kubelet of a release takes over the driver of a release of containerd."""
    if not containerd or not is_since(_TELLS, containerd) or not release or one.takes_over is False:
        return False
    return is_since(_MAY_TAKE_OVER if one.takes_over else _TAKES_OVER, release)


def driver(is_systemd):
    """Return the cgroup driver that containerd's setting SystemdCgroup stands for."""
    return SYSTEMD if is_systemd is True else CGROUPFS


def driver_differs(one, mine):
    """Return a sentence if a kubelet's driver is another one than containerd's; empty if it is not."""
    if one.driver == mine:
        return ""
    right = "true" if one.driver == SYSTEMD else "false"
    return brief(
        f"kubelet has the cgroup driver {one.driver} ({one.said}) and containerd {mine}, so no pod can "
        f"start: write {right}, or change kubelet first"
    )


def endpoint_differs(one, address):
    """Return a sentence if a kubelet looks for containerd at another socket; empty if it does not."""
    if not one.endpoint or one.endpoint == socket(address):
        return ""
    return brief(
        f"kubelet looks for containerd at {one.endpoint}, and it listens at {address}: write "
        f"{one.endpoint}, or correct kubelet's container runtime endpoint"
    )
