"""
The life of a node: bare, ready, unchanged, changed, rebooted, cleaned. The tests of a node run in this order.
"""

import os

import pytest
from lab import debian
from lab.cri import Cri
from support.nodes import SALTS, SOCKET, SUITE, virtual_machine

KIND = virtual_machine
# An emulated machine takes long: make test-reliability has one for each Salt.
LIFE_SALTS = (os.environ.get("LIFE_SALTS") or SALTS[0]).split()
pytestmark = pytest.mark.parametrize("node", LIFE_SALTS, indirect=True, ids=lambda salt: f"salt-{salt}")
V2 = "io.containerd.grpc.v1.cri"
SYSCTLS = (
    "net.bridge.bridge-nf-call-iptables",
    "net.bridge.bridge-nf-call-ip6tables",
    "net.ipv4.ip_forward",
)
SETTINGS = {
    "package": {"source": "distro"},
    "config": {"version": 2, "plugins": {V2: {"sandbox_image": "example.org/pause:1"}}},
}
CHANGED = {**SETTINGS, "config": {**SETTINGS["config"], "oom_score": -500}}
MANAGED = "containerd configuration is managed"
# What the states must bring from nothing; the bridge's sysctls come right with their module.
FIRST_CHANGES = {
    "containerd kernel modules load at boot",
    "containerd kernel modules are loaded",
    "containerd sysctls are set at boot",
    "containerd sysctls are set now",
    "containerd package is installed",
    MANAGED,
}
NODE_STATE = """
find /etc /usr/bin /opt/salt/lib -xdev -newer /tmp/stamp ! -name '*.pyc' ! -name __pycache__ -type f;
cut -d' ' -f1 /proc/modules | sort; cat /proc/sys/net/ipv4/ip_forward; dpkg-query -W | wc -l
"""


@pytest.fixture(scope="session")
def remembered():
    """
    What a test leaves for a later one, by node.
    """
    return {}


def snapshot(node):
    node.run("test -e /tmp/stamp || touch /tmp/stamp")
    return node.run(NODE_STATE).stdout


def restarts(node):
    """
    Count the starts of the daemon since boot.
    """
    log = node.run(["journalctl", "--boot", "--unit=containerd", "--output=cat"]).stdout
    return log.count("Started containerd")


def test_the_first_preview_of_a_bare_machine_is_the_whole_preview(node, remembered):
    """
    Rendering has synced the formula's own modules, as a highstate does, and nothing else is touched.
    """
    node.pillar(SETTINGS)
    before = snapshot(node)
    preview = node.apply(test=True)
    assert preview.failed == {}
    assert preview.retcode == 0
    assert set(preview.changed) >= FIRST_CHANGES | {"containerd TOML library is installed"}
    assert preview[MANAGED]["changes"][f'plugins."{V2}".sandbox_image'] == {"new": "example.org/pause:1"}
    assert snapshot(node) == before
    remembered[node] = preview


@pytest.mark.parametrize("mistake", [{"source": "pigeon"}, {"source": ["distro"]}])
def test_a_wrong_pillar_changes_nothing(node, mistake):
    before = snapshot(node)
    node.pillar({**SETTINGS, "package": mistake})
    ret = node.apply()
    assert ret.retcode != 0
    assert ret.changed == {}
    assert "containerd:package:source" in ret["containerd pillar is valid"]["comment"]
    node.pillar(SETTINGS)
    assert snapshot(node) == before


def test_one_run_makes_a_cold_node_ready(node, remembered):
    """
    Cold: the modules that the preview had are gone, and nothing is synced before the run.
    """
    node.run(["rm", "-rf", "/var/cache/salt/minion"])
    first = node.apply()
    assert first.failed == {}
    assert set(first.changed) >= FIRST_CHANGES
    # The preview saw the same, where it could see at all.
    predicted = remembered[node].changed
    for state in ("containerd kernel modules are loaded", "containerd sysctls are set now"):
        assert first.changed[state] == predicted[state]
    # Debian's package enables it by itself.
    for changed in (first.changed, predicted):
        assert "containerd service is enabled" not in changed


def test_kernel_is_set(node):
    loaded = node.run("cut -d' ' -f1 /proc/modules").stdout.split()
    assert {"overlay", "br_netfilter"} <= set(loaded)
    for key in SYSCTLS:
        assert node.run(["sysctl", "--values", key]).stdout == "1\n"


def test_overrides_are_in_effect(node):
    cri = node.effective("plugins", V2)
    assert cri["sandbox_image"] == "example.org/pause:1"
    assert cri["containerd"]["runtimes"]["runc"]["options"]["SystemdCgroup"] is True
    # Debian's package and its binary's default differ: the package is right about its own CNI plugins.
    assert cri["cni"]["bin_dir"] == "/usr/lib/cni"


def test_service_runs_and_starts_at_boot(node):
    assert node.run(["systemctl", "is-active", "containerd"]).stdout == "active\n"
    assert node.run(["systemctl", "is-enabled", "containerd"]).stdout == "enabled\n"


def test_cri_runs_a_container_in_a_systemd_cgroup(node, cri, sandbox_image):
    assert cri.version()[0] == "containerd"
    assert cri.status()["RuntimeReady"] is True
    image = sandbox_image(node)
    pod = cri.run_pod("first")
    container = cri.container(cri.run_container(pod, image))
    assert container.state == "running"
    cgroup = node.machine.read(f"/proc/{container.pid}/cgroup")
    assert f"cri-containerd-{container.id}.scope" in cgroup
    cri.remove_pod(pod)


@pytest.mark.parametrize("sls", ["containerd", ""], ids=["state.apply", "highstate"])
def test_the_second_run_changes_nothing(node, sls):
    pid = node.daemon_pid()
    again = node.apply(sls)
    assert (again.failed, again.changed) == ({}, {})
    assert node.daemon_pid() == pid


def test_a_change_restarts_once_and_the_container_survives(node, cri, sandbox_image):
    image = sandbox_image(node)
    pod = cri.run_pod("survivor")
    before = cri.container(cri.run_container(pod, image))
    starts, pid = restarts(node), node.daemon_pid()
    node.pillar(CHANGED)
    predicted = node.apply(test=True)
    assert node.daemon_pid() == pid
    changed = node.apply()
    assert changed.failed == {}
    assert changed[MANAGED]["changes"] == predicted[MANAGED]["changes"]
    assert changed[MANAGED]["changes"] == {"oom_score": {"old": 0, "new": -500}}
    assert set(changed.changed) == {MANAGED, "containerd service is running"}
    assert restarts(node) == starts + 1
    assert node.daemon_pid() != pid
    after = cri.container(before.id)
    assert (after.state, after.pid) == ("running", before.pid)
    cri.remove_pod(pod)


def test_status_and_explain_tell_the_truth(node):
    report = node.salt("containerd.status")
    assert report["errors"] == []
    assert (report["version"], report["schema"], report["file_schema"]) == ("1.6.20", 2, 2)
    assert (report["not_in_effect"], report["restart_pending"], report["cri_ok"]) == ({}, False, True)
    explained = node.salt("containerd_toml.explain")
    assert explained["oom_score"] == {
        "value": -500,
        "layer": "pillar",
        "default": 0,
        "effective": -500,
        "in_effect": True,
    }
    assert explained[f'plugins."{V2}".cni.bin_dir']["layer"] == "os"

    node.run("sed -i 's/oom_score = -500/oom_score = 0/' /etc/containerd/config.toml")
    report = node.salt("containerd.status")
    assert report["restart_pending"] is True
    assert report["not_in_effect"] == {"oom_score": {"wanted": -500, "effective": 0}}
    assert node.apply()[MANAGED]["changes"] == {"oom_score": {"old": 0, "new": -500}}


def test_drift_of_a_live_sysctl_is_found_and_mended(node):
    node.run(["sysctl", "--write", "net.ipv4.ip_forward=0"])
    drift = {"containerd sysctls are set now": {"net.ipv4.ip_forward": {"old": "0", "new": "1"}}}
    assert node.apply("containerd.kernel", test=True).changed == drift
    assert node.apply("containerd.kernel").changed == drift
    assert node.run(["sysctl", "--values", "net.ipv4.ip_forward"]).stdout == "1\n"


def test_drift_of_the_sysctl_file_is_found_and_mended(node):
    path = "/etc/sysctl.d/99-kubernetes-cri.conf"
    right = node.machine.read(path)
    node.machine.write(path, right.replace("ip_forward = 1", "ip_forward = 0"))
    assert set(node.apply("containerd.kernel", test=True).changed) == {"containerd sysctls are set at boot"}
    assert set(node.apply("containerd.kernel").changed) == {"containerd sysctls are set at boot"}
    assert node.machine.read(path) == right


def test_a_wrong_override_leaves_file_and_daemon_alone(node):
    pid, text = node.daemon_pid(), node.machine.read("/etc/containerd/config.toml")
    node.pillar({**CHANGED, "config": {"version": 2, "oom_score": "high"}})
    ret = node.apply()
    node.pillar(CHANGED)
    assert "oom_score is 'high'" in ret[MANAGED]["comment"]
    assert ret.changed == {}
    assert ret.retcode != 0
    assert node.machine.read("/etc/containerd/config.toml") == text
    assert node.daemon_pid() == pid


def test_the_node_is_ready_after_a_reboot(node):
    node.machine.reboot()
    test_kernel_is_set(node)
    test_service_runs_and_starts_at_boot(node)
    assert node.salt("containerd.ready", "timeout=60")["ready"] is True
    assert node.apply().changed == {}


def test_two_nodes_two_pillars_two_files(node, remembered):
    """
    One pillar tree for all; the top file gives this minion something that the other does not get.
    """
    own = f"example.org/pause:{node.machine.name}"
    settings = {**CHANGED, "config": {"version": 2, "plugins": {V2: {"sandbox_image": own}}}}
    node.pillar(settings, minion=node.machine.name, sls="own")
    assert node.apply().failed == {}
    assert node.effective("plugins", V2, "sandbox_image") == own
    files = remembered.setdefault("files", set())
    text = node.machine.read("/etc/containerd/config.toml")
    assert text not in files
    files.add(text)


def test_clean_undoes_the_formula_and_nothing_else(node):
    clean = node.apply("containerd.clean")
    assert clean.failed == {}
    gone = (
        "/etc/containerd/config.toml",
        "/etc/modules-load.d/containerd.conf",
        "/etc/sysctl.d/99-kubernetes-cri.conf",
        "/usr/bin/containerd",
    )
    for path in gone:
        assert node.run(["test", "-e", path], check=False).returncode == 1, path
    assert node.run(["test", "-d", "/var/lib/containerd/io.containerd.metadata.v1.bolt"]).returncode == 0
    assert node.apply("containerd.clean").changed == {}


def test_install_after_clean_ends_where_it_began(node):
    node.converges()


def test_pods_run_by_the_apparmor_profile_of_containerd_where_there_is_the_tool_for_it(node, sandbox_image):
    """
    Debian's kernel has AppArmor on. containerd loads its profile by a tool that a bare node lacks.
    """
    image = sandbox_image(node)

    def profile(name):
        with Cri(node.machine.forward_socket(SOCKET)) as cri:
            pid = cri.container(cri.run_container(cri.run_pod(name), image)).pid
            return node.run(["cat", f"/proc/{pid}/attr/current"]).stdout.strip()

    assert node.machine.read("/sys/module/apparmor/parameters/enabled") == "Y\n"
    if node.run("command -v apparmor_parser", check=False).returncode:
        assert profile("without") == "unconfined"
        node.machine.put("/tmp/apparmor.deb", debian.package("apparmor", SUITE).read_bytes())
        node.run("DEBIAN_FRONTEND=noninteractive dpkg -i /tmp/apparmor.deb && systemctl restart containerd")
    assert node.salt("containerd.ready", "timeout=60")["ready"] is True
    assert profile("with") == "cri-containerd.apparmor.d (enforce)"
    assert node.apply().changed == {}
