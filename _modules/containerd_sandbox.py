"""
The sandbox, in which the installed containerd reads a candidate configuration or starts with it.

bubblewrap mounts the node's files read-only, with empty folders where the daemon writes, and gives the
sandbox its own processes, network and devices. A user namespace inside locks these mounts: else root could
undo them.
"""

import os
import stat

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import errors
from containerd_formula.places import beneath

LOCKED = "locked"
OPEN = "open"
# The kernel's file systems, mounted anew in the sandbox. They hold no folders of the node.
KERNELS = ("/proc", "/dev", "/sys")
# Empty in the sandbox: on the node they hold other daemons' sockets, and files of all users.
HIDDEN = ("/run", "/tmp", "/var/tmp")  # noqa: S108
# For the mounts of containerd's probes, its sockets, and the map of the user namespace.
CAPABILITIES = (
    *("SYS_ADMIN", "CHOWN", "DAC_OVERRIDE", "FOWNER", "MKNOD", "NET_BIND_SERVICE"),
    *("SETUID", "SETGID", "NET_ADMIN", "KILL", "SETFCAP"),
)
MARK = "containerd-formula: "
# bubblewrap runs this script, which runs the command. Its first line on stderr names the kind of sandbox.
# Every address is local, so that a site's listen addresses work, and there is a default route, for which the
# streaming server of 1.x looks. The user namespace maps every id but the last, because a socket may have any
# group, and because containerd takes a full map for no namespace. Low ports are opened, because root in the
# namespace does not own the network. More namespaces are forbidden: they would bring writable file systems,
# such as that of cgroups. No file and no output may grow over 64 MB.
SCRIPT = f"""
ulimit -f 131072
for words in 'link set lo up' 'address add 192.0.2.1/32 dev lo' 'route add default dev lo' \
  'route add local 0.0.0.0/0 dev lo' '-6 route add local ::/0 dev lo'; do ip $words; done >/dev/null 2>&1
if why=$(unshare --user --map-root-user --mount true 2>&1) && mkfifo /run/held; then
  unshare --user sh -c 'read -r _ </run/held' &
  exec 3>/run/held
  echo '0 0 4294967294' >"/proc/$!/uid_map" && echo '0 0 4294967294' >"/proc/$!/gid_map" || exit 1
  mkdir /run/proc && mount -t proc proc /run/proc || exit 1
  low=/run/proc/sys/net/ipv4/ip_unprivileged_port_start
  [ ! -e $low ] || echo 0 >$low || exit 1
  nsenter --user --target $! sh -c 'for kind in cgroup ipc net pid time user uts; do
    limit=/run/proc/sys/user/max_${{kind}}_namespaces
    [ ! -e $limit ] || echo 0 >$limit || exit 1
  done' || exit 1
  umount /run/proc || exit 1
  exec nsenter --user --target $! unshare --mount --propagation unchanged \
    sh -c 'echo "{MARK}{LOCKED}" >&2; exec "$@"' sh "$@"
fi
# Without this right a daemon would fail with any configuration.
unshare --mount true || exit 1
echo "{MARK}{OPEN} $why" >&2
exec "$@"
"""


def why_not():
    """Return why this node can have no sandbox; empty if it can have one."""
    tools = {"bwrap": "bubblewrap", "unshare": "unshare", "nsenter": "nsenter"}
    missing = [name for tool, name in tools.items() if not __salt__["cmd.which"](tool)]
    if missing:
        return f"{' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} not installed"
    try:
        said(__salt__["containerd_command.run"](*command("true"))["stderr"])
    except CommandExecutionError as err:
        return str(err)
    return ""


def command(*argv, empty=(), shared=None, files=None):
    """
    Return the argument list that runs a command in the sandbox.

    ``empty`` are folders that the command finds empty and may write. ``shared`` is a pair: a folder of the
    node, and the path at which the command finds it and may write it. ``files`` maps paths in the sandbox to
    files of the node.
    """
    binary = os.path.realpath(__salt__["cmd.which"](argv[0]))
    return [
        # Without private propagation, what the node mounts later would appear in the sandbox, writable.
        *(__salt__["cmd.which"]("unshare"), "--mount", "--propagation", "private"),
        __salt__["cmd.which"]("bwrap"),
        *("--unshare-net", "--unshare-ipc", "--unshare-pid", "--unshare-uts"),
        *("--die-with-parent", "--new-session"),
        *_mounts(empty, shared, {**(files or {}), binary: binary}),
        *("--proc", "/proc", "--dev", "/dev", *_settings_of_the_kernel()),
        *("--cap-drop", "ALL"),
        *(word for name in CAPABILITIES for word in ("--cap-add", f"CAP_{name}")),
        # Not Salt's environment: it is not meant for this daemon.
        *("env", "-i", f"PATH={_search_path()}", "LC_ALL=C"),
        *("sh", "-c", SCRIPT, "sh", binary, *argv[1:]),
    ]


def said(stderr):
    """
    Parse what a sandbox wrote to stderr: its kind, and the output of the command.

    :return: ``("locked" or "open", why it is not locked, the command's output)``.
    :raises CommandExecutionError: the sandbox could not be made.
    """
    mark, _, words = stderr.partition("\n")
    if not mark.startswith(MARK):
        raise CommandExecutionError(f"no sandbox can be made here: {errors.last_words(stderr)}")
    kind, _, why = mark.removeprefix(MARK).partition(" ")
    return kind, why, words


def _mounts(empty, shared, files):
    """Return bubblewrap's mounts, outer ones first."""
    # Do not follow paths in /proc, where links lead into other processes.
    real = {os.path.realpath(path) for path in (*HIDDEN, *empty) if not kernels(path)}
    hidden = {path for path in real if path != "/" and not kernels(path)}
    mounts = {path: ["--tmpfs", path] for path in hidden}
    if shared:
        source, folder = shared[0], os.path.realpath(shared[1])
        mounts[folder] = ["--bind", source, folder]
    for seen, source in files.items():
        path = os.path.realpath(seen)
        if path != source or beneath(path, hidden):
            mounts[path] = ["--ro-bind", source, path]
    for path in list(mounts):
        if not os.path.exists(path) and not beneath(os.path.dirname(path), hidden):
            # A mount point is missing, and its folder read-only: replace that folder by a copy of mounts.
            folder = _nearest(path)
            mounts.setdefault(folder, ["--tmpfs", folder, *_entries(folder)])
    mounts.setdefault("/", ["--ro-bind", "/", "/"])
    return [word for path in sorted(mounts) for word in mounts[path]]


def _settings_of_the_kernel():
    """Return the mounts that make /proc read-only, except for processes: bubblewrap leaves it writable."""
    own = os.stat("/proc").st_dev
    words = []
    with os.scandir("/proc") as entries:
        for entry in sorted(entries, key=lambda entry: entry.path):
            if entry.name.isdigit() or entry.is_symlink():
                continue
            found = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode):
                words += ["--ro-bind", entry.path, entry.path]
            elif found.st_dev != own:
                # A container's mask. systemd-nspawn's is a file that is gone, and cannot be mounted again.
                words += ["--ro-bind", os.devnull, entry.path]
            elif found.st_mode & stat.S_IWUSR:
                words += ["--ro-bind", entry.path, entry.path]
    return words


def _entries(folder):
    """Return the mounts that fill the copy of a folder with the node's files, read-only."""
    words = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                words += ["--symlink", os.readlink(entry.path), entry.path]
            elif not kernels(entry.path) and entry.path not in HIDDEN:
                words += ["--ro-bind", entry.path, entry.path]
    return words


def kernels(path):
    """Tell whether a path is in a file system of the kernel's, so that the sandbox has its own."""
    return beneath(os.path.normpath(path), KERNELS)


def _nearest(path):
    """Return the nearest existing folder above a path."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def _search_path():
    """Return the PATH for the tools of the script, with root's folders."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/bin", "/sbin", "/bin"])
