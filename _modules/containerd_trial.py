"""
The trial start: the installed containerd runs a configuration where nothing of the node can be touched.

The daemon runs in mount, network, ipc and pid namespaces of its own. It sees the node's files through an
overlay whose upper side is in memory, so that it may write what it likes; /run, its root and its state
directory are empty, as on a node without containers.
"""

import os
import re
import subprocess
import tempfile
import time

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import errors, schema, toml
from containerd_formula.data import at

_told = errors.told_as(CommandExecutionError)

# The lookbehind keeps it linear: it begins where a word does.
_UNSEEN = re.compile(r"(?<![^\s:\"'])[^\s:\"'/]*(/[^\s:\"']+): no such file")
MOUNTS = "/proc/self/mountinfo"
FILE_SYSTEMS = "/proc/filesystems"
POLL_INTERVAL = 0.05
# Made anew in the namespaces, or bound into them.
KERNELS = ("/proc", "/dev", "/sys", "/run")
# They look at the file system beneath their directory, which is another one in a trial.
PICKY_SNAPSHOTTERS = ("btrfs", "zfs")
NAMESPACES = ("unshare", "--mount", "--net", "--ipc", "--pid", "--fork")
# Where the script below puts the root of the daemon.
ROOT = "/run/node"
# Four lists of arguments, each ended by --: file systems to lay under the overlay, those of /sys, folders
# to bind, folders to leave empty. Then the command. Salt holds the other end of stdin: when Salt is gone or
# done the pipe closes, this shell ends, and with the first process of a pid namespace ends the namespace.
SCRIPT = """
set -e
exec 3<&0 </dev/null
read_only() { mount --bind "$1" "/run/node$1" && mount -o remount,bind,ro "/run/node$1"; }
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir /run/node
layer=0
while [ "$1" != -- ]; do
  layer=$((layer + 1))
  mkdir -p "/run/upper-$layer" "/run/work-$layer" "/run/node$1"
  sides="lowerdir=$1,upperdir=/run/upper-$layer,workdir=/run/work-$layer"
  # Some file systems, vfat for one, cannot lie under an overlay.
  mount -t overlay -o "$sides" overlay "/run/node$1" 2>/dev/null || read_only "$1"
  shift
done
shift
mount -t proc proc /run/node/proc
mount -t tmpfs -o mode=0755 tmpfs /run/node/run
mount --rbind /dev /run/node/dev
mount --rbind /sys /run/node/sys
while [ "$1" != -- ]; do mount -o remount,bind,ro "/run/node$1"; shift; done
shift
while [ "$1" != -- ]; do
  mkdir -p "/run/node$1"
  read_only "$1"
  shift
done
shift
while [ "$1" != -- ]; do mkdir -p "/run/node$1"; mount -t tmpfs -o mode=0755 tmpfs "/run/node$1"; shift; done
shift
# Addresses of the node do not exist in here, and are bound to all the same.
for family in ipv4 ipv6; do echo 1 >"/proc/sys/net/$family/ip_nonlocal_bind"; done 2>/dev/null || true
# An address on a default route, which the streaming server looks for where it is given none.
ip link set lo up 2>/dev/null && ip address add 192.0.2.1/32 dev lo && ip route add default dev lo || true
echo started
chroot /run/node "$@" >&2 &
daemon=$!
{ cat <&3; kill -KILL "$daemon"; } >/dev/null 2>&1 &
wait "$daemon"
"""


@_told
def start(path, timeout=30, dump=None):
    """
    Start the installed containerd with a configuration, ask its CRI plugins, stop it.

    ``dump`` is what ``config dump`` shows for the file, a dictionary; None asks for it.

    :return: a dictionary: ``ok``, true, false, or None where no trial can be made; ``reason``, why not, in
        the daemon's own words where it is false.
    :raises CommandExecutionError: containerd is not installed, or refuses to read the file.
    """
    if dump is None:
        dump = toml.loads(
            __salt__["containerd_daemon.config_dump"](path, show_secrets=True)["text"], "config dump"
        )
    if reason := _no_trial(dump):
        return {"ok": None, "reason": reason}
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as progress:
        process = subprocess.Popen(
            [*NAMESPACES, "sh", "-c", SCRIPT, "sh", *_arguments(path, dump)],
            stdin=subprocess.PIPE,
            stdout=progress,
            stderr=said,
            # Not Salt's: what systemd or a site tells the minion is not for this daemon.
            env={"PATH": _search_path(), "LC_ALL": "C"},
        )
        try:
            reason = _verdict(process, _setting(dump, "grpc.address"), time.monotonic() + timeout)
        finally:
            _end(process)
        said.seek(0)
        progress.seek(0)
        words = _last_words(said.read().decode(errors="replace"))
        if not progress.read():
            return {"ok": None, "reason": f"the namespaces for it cannot be made here: {words}"}
    if reason is None:
        reason = words
    unseen = [path for path in _UNSEEN.findall(reason) if os.path.exists(path)]
    if unseen:
        return {"ok": None, "reason": f"the daemon of a trial does not see {unseen[0]}, which the node has"}
    return {"ok": not reason, "reason": reason}


def _no_trial(dump):
    """
    Return why a trial of this configuration would prove nothing or touch the node, empty where it is fine.
    """
    missing = [tool for tool in ("unshare", "chroot", "mount") if not __salt__["cmd.which"](tool)]
    if missing:
        return f"{' and '.join(missing)} is not installed"
    if _setting(dump, "cgroup.path"):
        return "cgroup.path is set: the daemon would make that cgroup on the node"
    if _setting(dump, "DEVMAPPER.pool_name"):
        return "the snapshotter devmapper has a pool: the daemon would open the node's own devices"
    snapshotter = _setting(dump, "CRI.containerd.snapshotter")
    if snapshotter in PICKY_SNAPSHOTTERS:
        return f"the snapshotter {snapshotter} works on no other file system than its own"
    return ""


def _arguments(path, dump):
    """
    Return the arguments of the script: real paths, since a link's absolute target leads out of its root.
    """
    binary = __salt__["cmd.which"]("containerd")
    # These may be on a file system in memory, which is not laid under the overlay.
    files = [name for file in (path, binary) for name in (file, os.path.realpath(file))]
    bound = {os.path.realpath(os.path.dirname(name)) for name in files}
    empty = [_setting(dump, "root"), _setting(dump, "state"), _setting(dump, "temp")]
    # What NRI finds there are programs, and the daemon would start them.
    empty.append(_setting(dump, "NRI.plugin_path"))
    lower, kernel = _mount_points()
    return [
        *(
            *lower,
            "--",
            *kernel,
            "--",
            *sorted(bound),
            "--",
            *map(os.path.realpath, filter(None, empty)),
            "--",
        ),
        *(binary, "--config", path),
    ]


def _mount_points():
    """Return the mount points of disk file systems, and those of /sys; outer ones first."""
    with open(FILE_SYSTEMS, encoding="ascii") as file:
        # zfs calls itself one without a device.
        disks = {line.strip() for line in file if not line.startswith("nodev")} | {"zfs"}
    found = ["/"]
    kernel = []
    with open(MOUNTS, encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            fields, _, source = line.partition(" - ")
            point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields.split()[4])
            if _beneath(point, ("/sys",)):
                kernel.append(point)
            # A name with these is a word of its own to mount.
            elif source.split()[0] in disks and not re.search(r"[,:\\]", point):
                found.append(point)
    lower = [point for point in found if not _beneath(point, KERNELS) and os.path.isdir(point)]
    return list(dict.fromkeys(lower)), list(dict.fromkeys(kernel))


def _beneath(point, folders):
    """Tell whether a path is one of the folders or beneath one."""
    return any(point == folder or point.startswith(f"{folder}/") for folder in folders)


def _setting(dump, name):
    """
    Return a setting, named as in schema 2 of the table, of a dump of any schema; None where it has none.
    """
    path = schema.locate(name, dump["version"], dump)
    return at(dump, path) if path else None


def _search_path():
    """Return where the tools of the script are looked for, the ones of root too."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/bin", "/sbin", "/bin"])


def _verdict(process, address, deadline):
    """Return why CRI is not ready, empty where it is, None where the daemon ended and tells by itself."""
    # unshare itself is in the new namespaces, all but that of its process id. The real path: through a link
    # such as /var/run the daemon of the node itself would answer.
    socket = f"/proc/{process.pid}/root{ROOT}{os.path.realpath(address)}"
    while process.poll() is None:
        answer = __salt__["containerd_daemon.ready"](address=socket)
        if answer["answers"]:
            return answer["reason"]
        if time.monotonic() > deadline:
            return f"{answer['reason'].replace(socket, address)}, within the time limit"
        time.sleep(POLL_INTERVAL)
    return None


def _end(process):
    """End the namespaces and all that runs in them."""
    process.stdin.close()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last_words(text):
    """Return what a daemon that ended says of it."""
    lines = [line for line in text.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("containerd:", "panic:"))] or lines[-1:]
    return errors.brief(told[-1].removeprefix("containerd: ")) if told else "it ended without a word"
