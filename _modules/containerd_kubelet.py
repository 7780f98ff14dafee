"""
The kubelet of this node: what it was told of containerd, by its command line and its files.

It only reads. A kubelet that runs says by its command line what it was told; else kubeadm's files do. Any
user may call a program kubelet, and a container may run one: only root's own, outside of containers, is this
node's.
"""

import contextlib
import os
import re
import shlex

import salt.utils.yaml
from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import kubelet as library
from containerd_formula.places import LARGEST_FILE

PROC = "/proc"
# kubeadm's own words, then those of the site, as the unit of the packages reads them.
ENVIRONMENTS = ("/var/lib/kubelet/kubeadm-flags.env", "/etc/default/kubelet", "/etc/sysconfig/kubelet")
CONFIG = library.CONFIG
_NEWEST = "9999"
_ASSIGNED = re.compile(r"^[ \t]{0,9}(?:KUBELET_KUBEADM_ARGS|KUBELET_EXTRA_ARGS)=(.*)$", re.MULTILINE)


def told():
    """
    Return what this node's kubelet was told, the library's ``Kubelet``; None if nothing is known of one.
    """
    words = _running() or _of_files()
    path = library.flags(words).get("config", CONFIG)
    return library.kubelet(_data(path), words, path)


def version():
    """
    Return the version of the installed kubelet, such as ``1.34.1``; empty if none is installed or it does not
    say it.
    """
    with contextlib.suppress(CommandExecutionError):
        said = __salt__["containerd_command.run"]("kubelet", "--version")["stdout"]
        found = re.search(r"\bv(\d+\.\d+\.\d+)", said)
        return found[1] if found else ""
    return ""


def takes_over(kubelet):
    """
    Tell whether this kubelet takes over the cgroup driver that this node's containerd tells it.

    kubelet
        The library's ``Kubelet``. Its program is started only if containerd can tell.
    """
    containerd = __salt__["containerd_release.installed"]()
    can = library.takes_driver_over(kubelet, _NEWEST, containerd)
    return can and library.takes_driver_over(kubelet, version(), containerd)


def runs():
    """
    Tell whether a kubelet runs.
    """
    return bool(_running())


def _running():
    """Return the command line of the kubelet that runs, without its name; empty if none does."""
    with contextlib.suppress(OSError):
        for process in filter(str.isdigit, os.listdir(PROC)):
            with contextlib.suppress(OSError):
                if _of_process(process, "comm").strip() == "kubelet" and _is_the_nodes(process):
                    return _of_process(process, "cmdline").split("\0")[1:]
    return []


def _is_the_nodes(process):
    """Tell whether a process is root's and lives where this one does, not in a container."""
    spaces = [os.readlink(os.path.join(PROC, one, "ns", "pid")) for one in (process, "self")]
    return os.stat(os.path.join(PROC, process)).st_uid == 0 and spaces[0] == spaces[1]


def _of_files():
    """Return the flags that kubeadm and the site wrote for kubelet's unit."""
    words = []
    for path in ENVIRONMENTS:
        with contextlib.suppress(CommandExecutionError):
            for value in _ASSIGNED.findall(__salt__["containerd_files.text"](path)):
                # systemd takes off one pair of quotation marks; words in them are kubelet's.
                with contextlib.suppress(ValueError):
                    words += " ".join(shlex.split(value)).split()
    return words


def _data(path):
    """Return the data of kubelet's file, YAML or JSON; None if there is none that can be read."""
    try:
        data = salt.utils.yaml.safe_load(__salt__["containerd_files.text"](path))
    except (CommandExecutionError, ValueError, RecursionError, salt.utils.yaml.YAMLError):
        return None
    return data if isinstance(data, dict) else {}


def _of_process(process, name):
    with open(os.path.join(PROC, process, name), encoding="utf-8", errors="replace") as file:
        return file.read(LARGEST_FILE)
