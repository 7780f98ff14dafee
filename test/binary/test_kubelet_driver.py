"""
A kubelet with another cgroup driver: the run refuses to break its pods, and lets a node be as it is.
"""

import sys

import pytest
from salt.exceptions import CommandExecutionError

KEY = "options.SystemdCgroup"


def overrides(systemd):
    options = {"containerd": {"runtimes": {"runc": {"options": {"SystemdCgroup": systemd}}}}}
    return {"version": 2, "plugins": {"io.containerd.grpc.v1.cri": options}}


@pytest.fixture
def told(salt_functions, tmp_path, monkeypatch):
    """
    Return a function that tells this node's kubelet its cgroup driver.
    """
    module = sys.modules["formula._modules.containerd_kubelet"]
    monkeypatch.setattr(module, "PROC", str(tmp_path / "proc"))
    monkeypatch.setattr(module, "CONFIG", str(tmp_path / "kubelet.yaml"))
    monkeypatch.setattr(module, "ENVIRONMENTS", ())

    def tell(driver):
        text = f"kind: KubeletConfiguration\ncgroupDriver: {driver}\n"
        (tmp_path / "kubelet.yaml").write_text(text, encoding="utf-8")

    return tell


@pytest.mark.parametrize(("kubelet", "other"), [("systemd", False), ("cgroupfs", True)])
def test_a_change_that_parts_them_is_refused(salt_functions, told, tmp_path, kubelet, other):
    plan, path = salt_functions["containerd_document.plan"], tmp_path / "config.toml"
    # Before kubelet there is nothing to say.
    assert plan(str(path), overrides(other))["warnings"] == []
    told(kubelet)
    right = plan(str(path), overrides(not other))
    assert (right["write"], right["warnings"]) == (True, [])
    path.write_text(right["text"], encoding="utf-8")
    with pytest.raises(CommandExecutionError, match=f"{KEY}: kubelet has the cgroup driver {kubelet}"):
        plan(str(path), overrides(other))


def test_a_node_that_is_so_already_is_warned(salt_functions, told, tmp_path):
    plan, path = salt_functions["containerd_document.plan"], tmp_path / "config.toml"
    path.write_text(plan(str(path), overrides(True))["text"], encoding="utf-8")
    told("cgroupfs")
    again = plan(str(path), {**overrides(True), "oom_score": -1})
    assert again["write"] is True
    [warning] = again["warnings"]
    assert KEY in warning and "no pod can start: write false" in warning
    # The report says it, too, and the way out is open.
    answer = salt_functions["containerd.kubelet_agrees"](str(path))
    assert answer["agrees"] is False
    assert answer["containerd"]["cgroup_drivers"]["runc"] == "systemd"
    [reason] = answer["reasons"]
    assert reason.startswith("runtime runc: kubelet has the cgroup driver cgroupfs")
    assert plan(str(path), overrides(False))["warnings"] == []


def test_a_newer_kubelet_takes_the_driver_over(salt_functions, told, tmp_path, monkeypatch, release):
    """
    Of containerd 2 alone: older ones do not tell it.
    """
    plan, path = salt_functions["containerd_document.plan"], tmp_path / "config.toml"
    kubelet = tmp_path / "kubelet"
    kubelet.write_text("#!/bin/sh\necho Kubernetes v1.34.1\n", encoding="utf-8")
    kubelet.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    told("cgroupfs")
    if release.startswith("2."):
        assert plan(str(path), overrides(True))["warnings"] == []
    else:
        with pytest.raises(CommandExecutionError, match="cgroupfs"):
            plan(str(path), overrides(True))
