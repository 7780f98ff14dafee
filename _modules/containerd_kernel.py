"""
Kernel modules and sysctls as this kernel really has them.

Salt's own ``kmod`` does not see modules that are built into the kernel. Its ``sysctl`` writes a key to the
file before it finds that the kernel has no such key.
"""

import os

import containerd_formula
from salt.exceptions import CommandExecutionError

containerd_formula.renew()
from containerd_formula import errors, names

PROC = "/proc"
SYS = "/sys"
LIB_MODULES = "/lib/modules"
# The most characters of a sysctl's key.
_LONGEST = 255
# A built-in module without parameters has no /sys/module entry: these files show it.
TRACES = {
    "br_netfilter": "sys/net/bridge/bridge-nf-call-iptables",
    "ip_vs": "net/ip_vs",
    "nf_conntrack": "sys/net/netfilter/nf_conntrack_max",
}
# The sysctls that come with a module. For other modules they are not known.
BRINGS = {
    "overlay": (),
    "bridge": (),
    "br_netfilter": ("net/bridge/",),
    "nf_conntrack": ("net/netfilter/", "net/nf_conntrack_max"),
    "ip_vs": ("net/ipv4/vs/", "net/netfilter/", "net/nf_conntrack_max"),
}


def module_loaded(module):
    """
    Tell whether the running kernel has a module, loaded or built in.

    module
        The module's name.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_kernel.module_loaded br_netfilter

    :return: true or false. Any of these is enough: /sys/module, /proc/modules, /proc/filesystems, a file of
        the module's below /proc, or the kernel's list of built-in modules.
    """
    name = str(module).replace("-", "_")
    if os.path.isdir(os.path.join(SYS, "module", name)):
        return True
    if any(line.split()[0] == name for line in _lines(os.path.join(PROC, "modules"))):
        return True
    if any(line.split()[-1] == name for line in _lines(os.path.join(PROC, "filesystems"))):
        return True
    if name in TRACES and os.path.exists(os.path.join(PROC, TRACES[name])):
        return True
    builtin = os.path.join(LIB_MODULES, os.uname().release, "modules.builtin")
    return any(os.path.basename(line).replace("-", "_") == f"{name}.ko" for line in _lines(builtin))


def why_missing(module):
    """
    Return why a module that is not loaded cannot be, or an empty text if it can: modinfo knows it.

    :raises CommandExecutionError: this cannot be found out: modinfo or this kernel's modules are missing.
    """
    folder = os.path.join(LIB_MODULES, os.uname().release)
    if not os.path.isdir(folder):
        raise CommandExecutionError(f"{folder} is not there, as in a container or before a reboot")
    result = __salt__["containerd_command.run"]("modinfo", "--", module)
    if result["retcode"] == 0:
        return ""
    lists = [
        line for name in ("modules.dep", "modules.builtin") for line in _lines(os.path.join(folder, name))
    ]
    files = {os.path.basename(line.partition(":")[0]) for line in lists}
    near = names.nearest(
        module.replace("-", "_"), {file.partition(".")[0].replace("-", "_") for file in files}
    )
    hint = (
        f"did you mean {near}?"
        if near
        else "install the package of this kernel that has it, or leave it out."
    )
    return f"kernel module {errors.brief(module)} is neither in this kernel nor in {folder}: {hint}"


def bringing(key, modules):
    """
    Return the modules that are not loaded yet and bring a sysctl, or may bring it.

    key
        The sysctl.

    modules
        A list of modules.
    """
    name = _sysctl_path(key)[len(os.path.join(PROC, "sys", "")) :]
    waiting = [module for module in modules if not module_loaded(module)]
    return [one for one in waiting if name.startswith(BRINGS.get(one.replace("-", "_"), ""))]


def nearest_sysctl(key):
    """
    Return the key of this kernel that is nearest to an unknown one, or None if none is near.

    key
        The sysctl.
    """
    folder, name = os.path.split(_sysctl_path(key))
    there = os.listdir(folder) if os.path.isdir(folder) else []
    near = names.nearest(name, there)
    return f"{key[: len(key) - len(name)]}{near}" if near else None


def load_module(module):
    """
    Load a kernel module.

    module
        The module's name.

    :return: true once the kernel has it.
    :raises CommandExecutionError: modprobe failed; its own words are in the message.
    """
    # Without a limit: a driver may be slow, and killing modprobe stops nothing in the kernel.
    result = __salt__["containerd_command.run"]("modprobe", "--", module, timeout=None)
    # modprobe knows built-in modules that show nowhere else.
    if result["retcode"] == 0 or module_loaded(module):
        return True
    words = (result["stderr"] or result["stdout"]).strip()
    raise CommandExecutionError(
        f"kernel module {module} cannot be loaded: {errors.brief(words)}. Is it in this kernel, and in "
        "/lib/modules? In a container, load it on the host."
    )


def sysctl_get(key):
    """
    Return the live value of a sysctl.

    key
        The sysctl, such as ``net.ipv4.ip_forward``; ``net/ipv4/conf/eth0.1/forwarding`` if a name has dots.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_kernel.sysctl_get net.ipv4.ip_forward

    :return: the value as a string, with white space folded; None if the kernel has no such key.
    :raises CommandExecutionError: the key has the wrong form, or cannot be read.
    """
    try:
        with open(_sysctl_path(key), encoding="utf-8") as file:
            return " ".join(file.read().split())
    except FileNotFoundError:
        return None
    except OSError as err:
        raise CommandExecutionError(f"sysctl {key} cannot be read: {err.strerror}.") from err


def sysctl_set(key, value):
    """
    Set the live value of a sysctl.

    key
        The sysctl.

    value
        A number or a string.

    :return: true.
    :raises CommandExecutionError: the key has the wrong form, the kernel lacks it, or refuses the value.
    """
    try:
        # Unbuffered: the kernel accepts or refuses the value in one write.
        with open(_sysctl_path(key), "wb", buffering=0) as file:
            file.write(f"{value}\n".encode("utf-8", "surrogateescape"))
    except FileNotFoundError:
        raise CommandExecutionError(
            f"sysctl {key} does not exist in this kernel: is its module loaded (containerd:kernel:modules)?"
        ) from None
    except OSError as err:
        raise CommandExecutionError(f"sysctl {key} cannot be set to {value}: {err.strerror}.") from err
    return True


def _sysctl_path(key):
    """Return the file of a sysctl; sysctl(8) takes the first separator for the separator."""
    # A key becomes a file name.
    key = str(key)
    if not key.isprintable() or len(key) > _LONGEST:
        raise CommandExecutionError(
            f"{key[:_LONGEST]!r} is not a sysctl key: write it as net.ipv4.ip_forward."
        )
    first = next((char for char in key if char in "./"), ".")
    name = key if first == "/" else key.translate(str.maketrans("./", "/."))
    if not name or any(part in ("", ".", "..") for part in name.split("/")):
        raise CommandExecutionError(f"{key!r} is not a sysctl key: write it as net.ipv4.ip_forward.")
    return os.path.join(PROC, "sys", name)


def _lines(path):
    """Return the lines of a file without blank ones; none if it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return [line.strip() for line in file if line.strip()]
    except OSError:
        return []
