"""
What a node is after the formula was applied, whatever its pillar, its release and its place.
"""

import json

import pytest

CONFIG = "/etc/containerd/config.toml"
MANAGED = "containerd configuration is managed"
RUNNING = "containerd service is running"
OOM_SCORE = -345


def test_the_kernel_is_set_now_and_at_boot(node, host, wanted):
    for module in wanted["containerd kernel modules are loaded"]["modules"]:
        assert node.salt("containerd_kernel.module_loaded", module) is True
        assert module in host.file("/etc/modules-load.d/containerd.conf").content_string.splitlines()
    for key, value in wanted["containerd sysctls are set now"]["values"].items():
        assert str(host.sysctl(key)) == str(value)
        assert f"{key} = {value}" in host.file("/etc/sysctl.d/99-kubernetes-cri.conf").content_string


def test_the_service_runs_and_starts_at_boot(host):
    service = host.service("containerd")
    assert service.is_running
    assert service.is_enabled


def test_the_configuration_is_roots(host):
    file = host.file(CONFIG)
    assert (file.user, file.group) == ("root", "root")
    assert not file.mode & 0o022
    assert file.content_string.startswith("# Managed by Salt (containerd-formula).")


def test_each_override_is_in_effect(node, wanted):
    explained = node.salt("containerd_toml.explain")
    assert [key for key, value in explained.items() if value["in_effect"] is not True] == []
    cgroup = [value for key, value in explained.items() if key.endswith(".runc.options.SystemdCgroup")]
    # Not its effective value: the dump of containerd 1.4 leaves the options of a runtime out.
    assert [value["value"] for value in cgroup] == [True]
    [given] = [layer["pillar"] for layer in wanted[MANAGED]["overrides"] if "pillar" in layer]
    if "oom_score" in given:
        assert node.effective("oom_score") == given["oom_score"]


def test_the_report_finds_nothing_wrong(node):
    report = node.salt("containerd.status")
    assert report["errors"] == []
    assert (report["not_in_effect"], report["restart_pending"], report["cri_ok"]) == ({}, False, True)


def test_the_daemon_has_the_environment_of_the_pillar(node, wanted):
    environment = node.machine.read(f"/proc/{node.daemon_pid()}/environ").split("\0")
    for key, value in wanted["containerd service drop-in is managed"]["environment"].items():
        assert f"{key}={','.join(value) if isinstance(value, list) else value}" in environment


def test_cri_runs_a_container_in_a_systemd_cgroup(node, cri, sandbox_image):
    assert cri.status()["RuntimeReady"] is True
    pod = cri.run_pod("first")
    container = cri.container(cri.run_container(pod, sandbox_image))
    assert container.state == "running"
    assert f"cri-containerd-{container.id}.scope" in node.machine.read(f"/proc/{container.pid}/cgroup")
    cri.remove_pod(pod)


@pytest.mark.parametrize("test", [True, False], ids=["test", "live"])
@pytest.mark.parametrize("sls", ["containerd", "highstate"], ids=["state.apply", "highstate"])
def test_the_second_run_changes_nothing(node, sls, test):
    pid = node.daemon_pid()
    again = node.apply(sls, test=test)
    assert (again.failed, again.changed) == ({}, {})
    assert node.daemon_pid() == pid


def test_a_change_restarts_once_and_the_container_survives(node, cri, sandbox_image):
    pod = cri.run_pod("survivor")
    before = cri.container(cri.run_container(pod, sandbox_image))
    pid, score = node.daemon_pid(), node.effective("oom_score")
    change = {"oom_score": {"old": score, "new": OOM_SCORE}}
    pillar = "pillar=" + json.dumps({"containerd": {"config": {"oom_score": OOM_SCORE}}})
    predicted = node.apply("containerd", pillar, test=True)
    assert (predicted[MANAGED]["changes"], node.daemon_pid()) == (change, pid)
    changed = node.apply("containerd", pillar)
    assert changed.failed == {}
    assert changed[MANAGED]["changes"] == change
    assert set(changed.changed) == {MANAGED, RUNNING}
    assert node.daemon_pid() != pid
    after = cri.container(before.id)
    assert (after.state, after.pid) == ("running", before.pid)
    cri.remove_pod(pod)

    back = node.apply()
    assert (back.failed, set(back.changed)) == ({}, {MANAGED, RUNNING})
    assert node.effective("oom_score") == score


def test_a_wrong_override_leaves_file_and_daemon_alone(node):
    pid, text = node.daemon_pid(), node.machine.read(CONFIG)
    ret = node.apply("containerd", 'pillar={"containerd": {"config": {"oom_score": "high"}}}')
    assert "oom_score is 'high'" in ret[MANAGED]["comment"]
    assert ret.changed == {}
    assert ret.retcode != 0
    assert (node.daemon_pid(), node.machine.read(CONFIG)) == (pid, text)


def test_drift_of_the_sysctl_file_is_found_and_mended(node):
    path = "/etc/sysctl.d/99-kubernetes-cri.conf"
    right = node.machine.read(path)
    node.machine.write(path, right.replace("ip_forward = 1", "ip_forward = 0"))
    for test in (True, False):
        assert set(node.apply("containerd.kernel", test=test).changed) == {
            "containerd sysctls are set at boot"
        }
    assert node.machine.read(path) == right
