"""
A node in namespaces: the real containerd, Salt and sandbox; systemd and the kernel's files are stand-ins.

What it writes lies in a folder of a test. All else of this machine is read-only there: a call that could
write to it does not begin. Nothing outlives a call.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from . import ROOT

# Folders of the node that are copies: a call writes into them, and the next one finds that.
_OWN = ("/etc", "/opt", "/run", "/var/lib")
# What must not be writable: where the formula, Salt or containerd would write on a node, and more.
_OTHERS = (
    *("/", "/boot", "/home", "/root", "/tmp", "/var", "/var/cache"),
    *("/usr", "/usr/local/bin", "/usr/local/lib", "/usr/local/sbin"),
)
_ENTER = """
set -eu
mount --make-rprivate /
findmnt --raw --noheadings --output TARGET | grep -Ev '^/(proc|sys|dev)(/|$)' | while read -r mounted; do
  mount -o remount,bind,ro "$mounted"
done
mount --bind "$STAND_IN" "$STAND_IN"
mount -o remount,bind,rw "$STAND_IN"
for folder in {own}; do
  [ ! -d "$folder" ] || mount --bind "$STAND_IN/node$folder" "$folder"
done
for folder in {others}; do
  if [ -d "$folder" ] && touch "$folder/.stand-in" 2>/dev/null; then echo "$folder: writable" >&2; exit 99; fi
done
mount --bind "$BINARIES" /opt/bin
mount -t tmpfs tmpfs /sys/module
mkdir /sys/module/overlay /sys/module/br_netfilter
mount -t tmpfs tmpfs /proc/sys/net
mkdir /proc/sys/net/bridge /proc/sys/net/ipv4
for key in bridge/bridge-nf-call-iptables bridge/bridge-nf-call-ip6tables; do echo 1 >/proc/sys/net/$key; done
echo 0 >/proc/sys/net/ipv4/ip_forward
rm -rf /run/systemd/journal.* /run/containerd
mkdir -p /run/systemd/system
{before}
# No exec: who is process 1 here takes in the daemons that ended.
"$@"
"""
# Each start is another one, and waits until the daemon answers or has ended, as Type=notify does.
_SYSTEMCTL = r"""#!/bin/sh
cd /run/systemd
start() {
  stop
  id=$(($(cat id 2>/dev/null || echo 0) + 1)); echo $id >id
  setsid containerd >journal.$id 2>&1 </dev/null & echo $! >pid
  for _ in $(seq 200); do
    ctr --connect-timeout 100ms version >/dev/null 2>&1 && return 0
    kill -0 $(cat pid) 2>/dev/null || break
    sleep 0.05
  done
  echo "Job for containerd.service failed because the control process exited with error code." >&2
  exit 1
}
stop() {
  [ ! -e pid ] || kill $(cat pid) 2>/dev/null
  while [ -e pid ] && kill -0 $(cat pid) 2>/dev/null; do sleep 0.05; done
  rm -f pid
}
active() { [ -e pid ] && kill -0 $(cat pid) 2>/dev/null && echo active || echo failed; }
for word; do case $word in
  --version) echo "systemd 257 (257.8-1)"; exit ;;
  start) active | grep -q '^active' || start; exit ;;
  restart) start; exit ;;
  stop) stop; exit ;;
  is-active) active | tee /dev/stderr | grep -q '^active' ; exit ;;
  is-enabled) echo enabled; exit ;;
  status) exit 0 ;;
  show)
    echo LoadState=loaded; echo "ActiveState=$(active)"; echo UnitFileState=enabled
    echo "InvocationID=$(cat id 2>/dev/null)"; echo "MainPID=$(cat pid 2>/dev/null || echo 0)"
    echo FragmentPath=/etc/systemd/system/containerd.service
    echo "ExecMainStartTimestampMonotonic=$(cut -d' ' -f1 /proc/uptime | tr -d .)0000"
    exit ;;
esac; done
"""
_JOURNALCTL = """#!/bin/sh
cat /run/systemd/journal.$(cat /run/systemd/id)
"""
_PACKAGE = """Package: {name}
Status: install ok installed
Architecture: amd64
Maintainer: -
Description: -
Version: {version}

"""


class StandIn:
    """
    A node with a release of containerd, installed as the distribution's package, that runs.
    """

    def __init__(self, folder, binaries, release, file_root):
        self.folder, self.node = folder, folder / "node"
        shutil.copytree("/etc", self.node / "etc", symlinks=True, ignore_dangling_symlinks=True)
        for name in ("var/lib/dpkg", "run", "opt/bin", "../tmp"):
            (self.node / name).mkdir(parents=True)
        packages = {"containerd": release, "runc": "1.3.3"}
        status = [_PACKAGE.format(name=name, version=version) for name, version in packages.items()]
        (self.node / "var/lib/dpkg/status").write_text("".join(status), encoding="utf-8")
        (self.node / "etc/containerd/certs.d").mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "containerd/package/containerd.service", self.node / "etc/systemd/system")
        tools = folder / "tools"
        tools.mkdir()
        for name, text in (("systemctl", _SYSTEMCTL), ("journalctl", _JOURNALCTL)):
            (tools / name).write_text(text, encoding="utf-8")
            (tools / name).chmod(0o755)
        # By /opt: the sandbox hides /tmp, and with it a checkout there.
        self.binaries, self.path = binaries, os.pathsep.join([str(tools), "/opt/bin", os.environ["PATH"]])
        config = {
            "id": "node1",
            "root_dir": str(folder / "root"),
            "extension_modules": str(folder / "extmods"),
            "file_client": "local",
            "file_roots": {"base": [str(file_root)]},
            "pillar_roots": {"base": [str(folder / "pillar")]},
            "fileserver_list_cache_time": 0,
            "enable_fqdns_grains": False,
            "systemd.scope": False,
            "grains": {
                **{"os": "Debian", "os_family": "Debian", "osfinger": "Debian-13", "cpuarch": "x86_64"},
                "systemd": {"version": "257"},
            },
        }
        (folder / "minion").write_text(yaml.safe_dump(config), encoding="utf-8")
        (folder / "pillar").mkdir()
        (folder / "pillar/top.sls").write_text("base: {'*': [containerd]}\n", encoding="utf-8")
        self.pillar("")

    def pillar(self, text):
        (self.folder / "pillar/containerd.sls").write_text(text, encoding="utf-8")

    def write(self, text):
        """
        Give the node a config.toml.
        """
        (self.node / "etc/containerd/config.toml").write_text(text, encoding="utf-8")

    def read(self):
        return (self.node / "etc/containerd/config.toml").read_text(encoding="utf-8")

    def files(self):
        """
        Return the files of the node's /etc with what they hold.
        """
        return {path: path.read_bytes() for path in (self.node / "etc").rglob("*") if path.is_file()}

    def call(self, *words, before="systemctl start containerd"):
        """
        Return what ``salt-call`` prints on that node, and its return code.
        """
        salt_call = Path(sys.executable).with_name("salt-call")
        enter = _ENTER.format(own=" ".join(_OWN), others=" ".join(_OTHERS), before=before)
        unshare = ("--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc")
        argv = ["unshare", *unshare, "sh", "-c", enter, "sh", salt_call]
        argv += [f"--config-dir={self.folder}", "--no-color", "--log-level=quiet", *words]
        env = {
            **os.environ,
            "PATH": self.path,
            "STAND_IN": str(self.folder),
            "BINARIES": str(self.binaries),
            "TMPDIR": str(self.folder / "tmp"),
            "PYTHONWARNINGS": "ignore",
        }
        done = subprocess.run(argv, capture_output=True, text=True, check=False, env=env, timeout=240)
        assert done.stdout, done.stderr
        return done.stdout, done.returncode
