"""
Image builds: in a tree that is not booted, and on a booted machine that becomes an image. What boots from the
image is ready without another run. The tests run in this order.

The settings are those of docs/ways-in.md.
"""

import os
import shlex
from pathlib import Path

import pytest
import yaml
from lab import image
from lab.chroot import MOUNTS, Chroot
from lab.container import Container
from lab.cri import Cri
from lab.machine import Machine
from lab.oci import busybox_image
from support.formula import REQUISITE, FormulaNode
from support.nodes import SALTS, SOCKET, SUITE, container
from support.pages import block

# The builder is this host itself, or a container.
KIND = container
PAGE = "docs/ways-in.md"
V2 = "io.containerd.grpc.v1.cri"
PAUSE = "example.org/pause:1"
# No kernel has it by itself, and each network namespace has its own.
TTL = "net.ipv4.ip_default_ttl"
SYSCTLS = {
    "net.bridge.bridge-nf-call-iptables": 1,
    "net.bridge.bridge-nf-call-ip6tables": 1,
    "net.ipv4.ip_forward": 1,
    TTL: 61,
}
MODULES = ("overlay", "br_netfilter")
STARTS = "containerd can be started"
LOADED = "containerd kernel modules are loaded"
SET = "containerd sysctls are set now"
PACKAGE = "containerd package is installed"
MANAGED = "containerd configuration is managed"
ENABLED = "containerd service is enabled"
RUNNING = "containerd service is running"
NOT_STARTED = "containerd is not started"
BUILT = {
    "containerd kernel modules load at boot",
    "containerd sysctls are set at boot",
    "containerd TOML library is installed",
    "containerd sandbox is installed",
    "containerd runtimes are installed",
    PACKAGE,
    MANAGED,
}
# What Salt says of a state that waits for one that failed.
WAITS = (REQUISITE, "If we weren't testing, this would be a failure!")
# What a run may write beside its changes: Salt's own files, caches, logs.
OTHERS = (
    *("etc/salt", "srv", "var/cache/apt", "var/cache/salt", "var/log"),
    *("run", "tmp", "dev", "proc", "sys", "root"),
)
LIVE_TTL = f"/proc/sys/{TTL.replace('.', '/')}"
# It tells that it was called; this host's own kernel is for others, too.
MODPROBE = "/usr/local/sbin/modprobe"
TELLS = '#!/bin/sh\necho "$@" >>/tmp/modprobe\n'


def settings(manage):
    """
    Return the pillar of the image, or that of the fleet.
    """
    # A container may not lower this score where the host's root may not.
    config = {"version": 2, "oom_score": -500, "plugins": {V2: {"restrict_oom_score_adj": True}}}
    image_build = yaml.safe_load(block(PAGE, "image: pillar"))["containerd"]
    assert image_build == {"service": {"manage": False}}
    return {
        "package": {"source": "distro"},
        "kernel": {"sysctls": {TTL: SYSCTLS[TTL]}},
        "sandbox_image": PAUSE,
        "runtimes": {"crun": {"package": "crun"}},
        "config": config,
        **({} if manage else image_build),
    }


def files(root):
    """
    Return the files of a tree with what changes when they do.
    """
    found = set()
    for folder, folders, names in os.walk(root):
        inside = os.path.relpath(folder, root)
        folders[:] = [name for name in folders if os.path.normpath(f"{inside}/{name}") not in OTHERS]
        for name in names:
            # Python writes these while it runs.
            if not name.endswith(".pyc"):
                stat = os.lstat(f"{folder}/{name}")
                found.add((f"{folder}/{name}", stat.st_ino, stat.st_mtime_ns))
    return found


class Golden(FormulaNode):
    """
    The formula in a tree that is not booted.
    """

    def build(self, test=False, manage=False, within=("env",)):
        self.pillar(settings(manage))
        return self.apply(test=test, within=within)

    def clean(self):
        """
        Remove what no two machines share, as those who build images do.
        """
        self.machine.write("/etc/machine-id", "")
        self.run(["rm", MODPROBE])
        self.run("apt-get clean && rm -rf /var/lib/apt/lists/* /var/cache/salt /var/log/salt /etc/salt/pki")


@pytest.fixture(scope="module", params=SALTS, ids=lambda salt: f"salt-{salt}")
def golden(request, progress):
    with Chroot(image.tree(SUITE, request.param, progress=progress), "golden") as tree:
        made = Golden(tree)
        made.install()
        tree.write(MODPROBE, TELLS, 0o755)
        made.is_newest = request.param == SALTS[-1]
        yield made


@pytest.fixture
def untouched(golden):
    """
    Look after a test whether it left alone what is not the tree's: the kernel of this host.
    """
    before = Path(LIVE_TTL).read_text()
    yield
    assert Path(LIVE_TTL).read_text() == before
    assert not (golden.machine.root / "tmp/modprobe").exists()


# --- in a tree


@pytest.mark.parametrize("test", [True, False], ids=["preview", "run"])
def test_to_start_something_in_a_tree_is_one_error_with_the_cure(golden, untouched, test):
    before = files(golden.machine.root)
    # A network of its own: if the formula set the kernel, this host's would stay as it is.
    tell = f'"$@"; end=$?; cat {LIVE_TTL} >/tmp/ttl; exit $end'
    ret = golden.build(test, manage=True, within=["unshare", "--net", "sh", "-c", tell, "sh"])
    assert ret[STARTS]["result"] is False
    assert ret[STARTS]["comment"].startswith("No systemd runs here")
    assert "set containerd:service:manage to false" in ret[STARTS]["comment"]
    waiting = [text for name, text in ret.failed.items() if name != STARTS]
    assert all(text.startswith(WAITS) for text in waiting), waiting
    assert (ret.changed, ret.retcode, "Traceback" in ret.output) == ({}, 2, False)
    assert golden.machine.read("/tmp/ttl").strip() != str(SYSCTLS[TTL])
    assert (files(golden.machine.root) ^ before, golden.machine.processes()) == (set(), [])


def test_the_preview_is_the_whole_one(golden, untouched):
    before = files(golden.machine.root)
    golden.machine.mounts = ("proc",)
    ret = golden.build(test=True)
    golden.machine.mounts = tuple(MOUNTS)
    assert ret.failed == {}
    assert {state["__id__"] for state in ret.states.values() if state["result"] is None} == BUILT | {ENABLED}
    assert (files(golden.machine.root) ^ before, golden.machine.processes()) == (set(), [])


def test_without_proc_it_is_salt_that_does_not_begin(golden):
    golden.machine.mounts = ()
    done = golden.run(["salt-call", "--version"], check=False)
    golden.machine.mounts = tuple(MOUNTS)
    assert (done.returncode, "/proc/meminfo" in done.stderr) == (1, True)


def test_it_is_built_and_nothing_runs(golden, untouched, progress):
    ret = golden.build()
    progress("built")
    assert ret.failed == {}, ret.failed
    # The package has enabled the service.
    assert set(ret.changed) == BUILT
    assert golden.machine.processes() == []
    for name in (LOADED, SET):
        assert "the running kernel is left alone" in ret[name]["comment"]
    told = ret[NOT_STARTED]["comment"]
    assert "nothing was started" in told
    assert "and that a container starts in each runtime, was not proved" in told
    assert "There was no trial start" in ret[MANAGED]["comment"]
    assert not (golden.machine.root / "var/lib/containerd").exists()


def test_the_second_run_changes_nothing(golden, untouched):
    """
    As the page writes it, and with less of the builder's to see.
    """
    before = files(golden.machine.root)
    command = shlex.split(block(PAGE, "image: run"))
    assert command[:2] == ["chroot", "$TREE"]
    done = golden.run([*command[2:], "--retcode-passthrough"])
    assert ("Failed:     0" in done.stdout, "changed=" in done.stdout) == (True, False), done.stdout
    golden.machine.mounts = ("proc",)
    ret = golden.build()
    golden.machine.mounts = tuple(MOUNTS)
    assert (ret.failed, ret.changed) == ({}, {})
    assert (files(golden.machine.root) ^ before, golden.machine.processes()) == (set(), [])


# --- what boots from it


def is_ready(machine, composed):
    """
    Assert that a machine which has booted from the image is a node, without a run of Salt's.
    """
    node = FormulaNode(machine)
    shown = node.run("systemctl is-enabled containerd && systemctl is-active containerd", check=False).stdout
    assert (shown, machine.read("/etc/containerd/config.toml")) == ("enabled\nactive\n", composed)
    plugins = [line.split() for line in node.run(["ctr", "plugins", "ls"]).stdout.splitlines()]
    assert ["io.containerd.grpc.v1", "cri", "ok"] in [[*words[:2], words[-1]] for words in plugins if words]
    assert node.effective("oom_score") == -500
    runtimes = node.effective("plugins", V2, "containerd", "runtimes")
    assert {name: runtimes[name]["options"]["SystemdCgroup"] for name in ("runc", "crun")} == {
        "runc": True,
        "crun": True,
    }
    for key, value in SYSCTLS.items():
        found = node.run(["sysctl", "--values", key], check=False).stdout.strip()
        # A container has the kernel of this host, which may lack the bridge.
        assert found == str(value) or (isinstance(machine, Container) and "bridge" in key), (key, found)
    return node


def is_unchanged_by_the_fleet(node):
    """
    Assert that the pillar of running nodes has nothing to change.
    """
    node.pillar(settings(manage=True))
    before = node.daemon_pid()
    ret = node.apply()
    assert ret.failed == {}, ret.failed
    assert (ret.changed, node.daemon_pid()) == ({}, before)


def test_a_container_of_the_image_is_a_node(golden, progress):
    golden.clean()
    composed = golden.machine.read("/etc/containerd/config.toml")
    with Container(golden.machine.packed(), "from-image", progress=progress) as machine:
        node = is_ready(machine, composed)
        is_unchanged_by_the_fleet(node)
        progress("a container")


def test_a_virtual_machine_of_the_image_is_a_node(golden, progress):
    """
    With a kernel of its own: modules and sysctls come at boot.
    """
    if not golden.is_newest:
        pytest.skip("it is slow, and boot knows nothing of Salt")
    composed = golden.machine.read("/etc/containerd/config.toml")
    with Machine(golden.machine.disk(SUITE), "from-image", progress=progress) as machine:
        node = is_ready(machine, composed)
        loaded = {line.split()[0] for line in machine.read("/proc/modules").splitlines()}
        assert set(MODULES) <= loaded
        node.import_image(busybox_image(PAUSE))
        with Cri(machine.forward_socket(SOCKET)) as connection:
            made = connection.container(connection.run_container(connection.run_pod("first"), PAUSE))
            assert f"cri-containerd-{made.id}.scope" in machine.read(f"/proc/{made.pid}/cgroup")
        progress("its first pod")
        is_unchanged_by_the_fleet(node)
        progress("a virtual machine")


# --- on a machine that runs


def test_a_running_machine_becomes_an_image_and_its_package_starts_nothing(node, progress):
    node.pillar(settings(manage=False))
    assert node.apply(test=True).failed == {}
    ret = node.apply()
    progress("built on a running machine")
    assert ret.failed == {}, ret.failed
    assert BUILT <= set(ret.changed)
    entered = node.run("systemctl show -P ActiveEnterTimestampMonotonic containerd").stdout
    assert entered == "0\n", node.run("journalctl --unit=containerd").stdout
    # A daemon that had run would have left the id of this machine in the image.
    left = "ls -d /var/lib/containerd /run/systemd/system/containerd.service.d"
    assert node.run(left, check=False).stdout == ""
    assert node.apply().changed == {}


def test_it_is_a_node_when_it_boots_again(node, progress):
    composed = node.machine.read("/etc/containerd/config.toml")
    node.run("truncate --size=0 /etc/machine-id")
    node.machine.reboot()
    is_ready(node.machine, composed)
    is_unchanged_by_the_fleet(node)
    progress("booted again")


def test_the_run_of_a_builder_that_runs_is_not_the_tree_s(node):
    """
    With it systemctl answers, and starts nothing.
    """
    node.run("mkdir -p /dev/shm/over /dev/shm/work /mnt")
    within = """
        mount -t overlay overlay -o lowerdir=/,upperdir=/dev/shm/over,workdir=/dev/shm/work /mnt
        for folder in proc sys dev run; do mount --rbind /$folder /mnt/$folder; done
        exec chroot /mnt "$@"
    """
    ret = node.apply(test=True, within=["unshare", "--mount", "sh", "-ec", within, "sh"])
    assert "This is a chroot" in ret[STARTS]["comment"]
    assert "set containerd:service:manage to false" in ret[STARTS]["comment"]
