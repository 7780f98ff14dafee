"""
A kubelet's words, in /proc and in files of the test's own.
"""

import json
import os

import pytest
import yaml
from support import load


@pytest.fixture
def module(tmp_path, monkeypatch):
    module = load("_modules/containerd_kubelet.py")
    monkeypatch.setattr(module, "PROC", str(tmp_path / "proc"))
    monkeypatch.setattr(module, "CONFIG", str(tmp_path / "config.yaml"))
    monkeypatch.setattr(module, "ENVIRONMENTS", [str(tmp_path / name) for name in ("kubeadm.env", "site")])
    (tmp_path / "proc/1").mkdir(parents=True)
    (tmp_path / "proc/1/comm").write_text("systemd\n")
    (tmp_path / "proc/self/ns").mkdir(parents=True)
    (tmp_path / "proc/self/ns/pid").symlink_to("pid:[1]")
    module.__salt__ = {"containerd_files.text": load("_modules/containerd_files.py").text}
    return module


def runs(folder, *words, space="pid:[1]"):
    process = folder / "proc/200"
    (process / "ns").mkdir(parents=True)
    (process / "ns/pid").symlink_to(space)
    (process / "comm").write_text("kubelet\n")
    (process / "cmdline").write_bytes("\0".join(("/usr/bin/kubelet", *words, "")).encode())
    return process


def test_a_node_without_kubelet(module, tmp_path):
    assert module.told() is None
    assert module.runs() is False
    (tmp_path / "config.yaml").write_text("a: [")
    assert module.told() is None


@pytest.mark.parametrize("write", [yaml.safe_dump, json.dumps])
def test_kubeadms_files(module, tmp_path, write):
    (tmp_path / "config.yaml").write_text(write({"kind": "KubeletConfiguration", "cgroupDriver": "systemd"}))
    assert module.told()[:2] == ("systemd", "")
    text = 'KUBELET_KUBEADM_ARGS="--container-runtime=remote --container-runtime-endpoint=unix:///a.sock"\n'
    (tmp_path / "kubeadm.env").write_text(text)
    assert module.told()[:2] == ("systemd", "/a.sock")
    # What the site wrote comes last.
    (tmp_path / "site").write_text("# KUBELET_EXTRA_ARGS=--x\nKUBELET_EXTRA_ARGS=--cgroup-driver=cgroupfs\n")
    assert module.told()[:2] == ("cgroupfs", "/a.sock")
    (tmp_path / "site").write_text("KUBELET_EXTRA_ARGS='\n")
    assert module.told()[:2] == ("systemd", "/a.sock")


def test_a_kubelet_that_runs_knows_better_than_files_for_the_next(module, tmp_path):
    (tmp_path / "kubeadm.env").write_text("KUBELET_KUBEADM_ARGS=--container-runtime-endpoint=/files.sock\n")
    other = tmp_path / "other.yaml"
    other.write_text("cgroupDriver: systemd\n")
    runs(tmp_path, f"--config={other}", "--container-runtime-endpoint", "/runs.sock")
    assert module.runs() is True
    assert module.told()[:2] == ("systemd", "/runs.sock")
    assert str(other) in module.told().said


def test_a_kubelet_in_a_container_is_not_this_nodes(module, tmp_path):
    runs(tmp_path, "--cgroup-driver=cgroupfs", space="pid:[2]")
    assert (module.runs(), module.told()) == (False, None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a process to another user")
def test_a_kubelet_of_another_user_is_not_this_nodes(module, tmp_path):
    os.chown(runs(tmp_path, "--cgroup-driver=cgroupfs"), 1234, 1234)
    assert (module.runs(), module.told()) == (False, None)


def test_a_file_that_nobody_writes_is_not_waited_for(module, tmp_path):
    os.mkfifo(tmp_path / "config.yaml")
    os.mkfifo(tmp_path / "site")
    assert module.told() is None


@pytest.mark.parametrize(
    ("said", "version"),
    [("Kubernetes v1.31.4\n", "1.31.4"), ("Kubernetes v1.20.2-5+abc\n", "1.20.2"), ("v", ""), ("", "")],
)
def test_the_version_is_what_it_says(module, said, version):
    module.__salt__ = {"containerd_command.run": lambda *_: {"stdout": said, "retcode": 0}}
    assert module.version() == version


@pytest.mark.parametrize(
    ("containerd", "started", "expected"), [("1.7.24", 0, False), (None, 0, False), ("2.1.9", 1, True)]
)
def test_it_is_started_only_if_containerd_can_tell(module, containerd, started, expected):
    calls = []

    def run(*argv):
        calls.append(argv)
        return {"stdout": "Kubernetes v1.34.0\n"}

    module.__salt__ = {
        "containerd_command.run": run,
        "containerd_release.installed": lambda: containerd,
    }
    assert module.takes_over(module.library.Kubelet()) is expected
    assert calls == [("kubelet", "--version")] * started
