"""
The sandbox of a candidate configuration: the installed containerd reads it, or starts with it, and can write
nothing of the node.

bubblewrap lays the node's files out read-only, with empty folders where the daemon writes, and gives it
processes, network and devices of its own. A user namespace in there locks these mounts: else root could lift
them.
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
# The kernel's, made anew. What lies there is no folder of the node.
KERNELS = ("/proc", "/dev", "/sys")
# Empty in there: sockets of the node's daemons, and files of everybody's.
HIDDEN = ("/run", "/tmp", "/var/tmp")  # noqa: S108
# What the mounts of containerd's probes, its sockets and the map of the user namespace need.
CAPABILITIES = (
    *("SYS_ADMIN", "CHOWN", "DAC_OVERRIDE", "FOWNER", "MKNOD", "NET_BIND_SERVICE"),
    *("SETUID", "SETGID", "NET_ADMIN", "KILL", "SETFCAP"),
)
MARK = "containerd-formula: "
# What runs in bubblewrap, then the command; its first line on stderr tells that it is one, and which.
# Every address is one of this machine, as those of a site are on its node, and the streaming server of 1.x
# looks for a default route. A socket may be of any group, so the user namespace has all ids but the last:
# with that one too containerd takes it for none. Low ports are only for root of the network, who is outside.
# Further namespaces would bring file systems that nobody has made read-only, such as that of cgroups.
# No file grows over 64 MB, nor does what is kept of its words.
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
# Without this right too a daemon would fail, whatever its file says.
unshare --mount true || exit 1
echo "{MARK}{OPEN} $why" >&2
exec "$@"
"""


def why_not():
    """Return why no sandbox can be made on this node, empty where one can."""
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
    Return the argument list that runs a command in the sandbox, by its real path.

    ``empty`` are folders that it finds empty and may write; ``shared`` is a pair, a folder of the node and
    where it sees and may write that; ``files`` says for paths in there which file of the node they are.
    """
    binary = os.path.realpath(__salt__["cmd.which"](argv[0]))
    return [
        # bubblewrap's tree hears of mounts of the node, and systemd's node tells: what is mounted there later
        # would come in, and could be written.
        *(__salt__["cmd.which"]("unshare"), "--mount", "--propagation", "private"),
        __salt__["cmd.which"]("bwrap"),
        *("--unshare-net", "--unshare-ipc", "--unshare-pid", "--unshare-uts"),
        *("--die-with-parent", "--new-session"),
        *_mounts(empty, shared, {**(files or {}), binary: binary}),
        *("--proc", "/proc", "--dev", "/dev", *_settings_of_the_kernel()),
        *("--cap-drop", "ALL"),
        *(word for name in CAPABILITIES for word in ("--cap-add", f"CAP_{name}")),
        # Not Salt's: what systemd or a site tells the minion is not for this daemon.
        *("env", "-i", f"PATH={_search_path()}", "LC_ALL=C"),
        *("sh", "-c", SCRIPT, "sh", binary, *argv[1:]),
    ]


def said(stderr):
    """
    Take apart what a sandbox wrote to stderr: its kind, and what the command wrote.

    :return: ``("locked" or "open", why it is not locked, the command's words)``.
    :raises CommandExecutionError: there was no sandbox.
    """
    mark, _, words = stderr.partition("\n")
    if not mark.startswith(MARK):
        raise CommandExecutionError(f"no sandbox can be made here: {errors.last_words(stderr)}")
    kind, _, why = mark.removeprefix(MARK).partition(" ")
    return kind, why, words


def _mounts(empty, shared, files):
    """Return bubblewrap's mounts, outer ones first."""
    # Not even looked at in /proc, where links lead to other worlds.
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
            # A mount needs a place, and the folder is read-only: it is replaced by one of the same names.
            folder = _nearest(path)
            mounts.setdefault(folder, ["--tmpfs", folder, *_entries(folder)])
    mounts.setdefault("/", ["--ro-bind", "/", "/"])
    return [word for path in sorted(mounts) for word in mounts[path]]


def _settings_of_the_kernel():
    """Return the mounts that make /proc read-only but for processes: bubblewrap leaves /proc/sys open."""
    with os.scandir("/proc") as entries:
        found = [entry for entry in entries if not entry.name.isdigit() and not entry.is_symlink()]
    paths = [entry.path for entry in found if entry.is_dir() or entry.stat().st_mode & stat.S_IWUSR]
    return [word for path in sorted(paths) for word in ("--ro-bind", path, path)]


def _entries(folder):
    """Return the mounts that put what is in a folder of the node read-only into the one that replaces it."""
    words = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                words += ["--symlink", os.readlink(entry.path), entry.path]
            elif not kernels(entry.path) and entry.path not in HIDDEN:
                words += ["--ro-bind", entry.path, entry.path]
    return words


def kernels(path):
    """Tell whether a path is in a file system of the kernel's, and so none of the node's own."""
    return beneath(os.path.normpath(path), KERNELS)


def _nearest(path):
    """Return the nearest folder above a path that the node has."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def _search_path():
    """Return where the tools of the script are looked for, the ones of root too."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/bin", "/sbin", "/bin"])
