"""
The proof of runtimes with real daemons and the real runc and crun: what runs is told from what would not.
"""

import os
import subprocess
import sys

import pytest
from containerd_formula.probe_program import program
from support.daemon import crun, daemon  # noqa: F401

RAN = {"ok": True, "how": "a container ran", "reason": ""}


@pytest.fixture
def proving(salt_functions, daemon, tmp_path, monkeypatch):  # noqa: F811
    """
    The formula's modules on a node that has the daemon.
    """
    monkeypatch.setattr(sys.modules["formula._modules.containerd_daemon"], "_socket", lambda: daemon.socket)
    for name, module in sys.modules.items():
        if name.startswith("formula._modules."):
            module.__opts__ = {"root_dir": str(tmp_path / "node"), "test": False}
    monkeypatch.setenv("PATH", f"{daemon.folder}/bin", prepend=os.pathsep)
    own = salt_functions["containerd_daemon.search_path"]
    monkeypatch.setitem(
        salt_functions, "containerd_daemon.search_path", lambda: (f"{daemon.folder}/bin", *own())
    )
    return salt_functions


@pytest.fixture
def proved(proving):
    """
    Return a function that proves one runtime.
    """

    def run(name="x", **given):
        return proving["containerd_runtimes.prove"](name, {name: given})[name]

    return run


@pytest.fixture(autouse=True)
def nothing_is_left(request):
    yield
    if "daemon" in request.fixturenames and "proving" in request.fixturenames:
        daemon = request.getfixturevalue("daemon")
        assert "containerd-formula-proof" not in daemon.ctr("namespaces", "ls").stdout
        assert daemon.ctr("--namespace", "containerd-formula-proof", "containers", "ls", "-q").stdout == ""
        assert not any(daemon.socket in words for words in commands())


def commands():
    """
    Return the commands of the shims that run.
    """
    shown = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in shown.splitlines() if "containerd-formula-proof" in line]


def program_at(folder, text):
    path = folder / "program"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(0o755)
    return str(path)


def test_runc_runs_a_container(proved, daemon):  # noqa: F811
    assert proved("runc") == RAN
    assert proved(binary=f"{daemon.folder}/bin/runc") == RAN


@pytest.fixture(scope="module")
def runtimes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("crun")
    return {suite: str(crun(suite, folder)) for suite in ("bookworm", "trixie")}


def test_crun_runs_a_container(proved, runtimes):
    assert proved(binary=runtimes["trixie"]) == RAN


def test_a_crun_that_is_too_old_is_found_out_before_a_pod_does(proved, runtimes, release):
    """
    crun 1.8.1: containerd before Debian's 1.7.24 writes a spec that it takes.
    """
    answer = proved(binary=runtimes["bookworm"])
    if release in ("1.4.13", "1.6.20"):
        assert answer == RAN
    else:
        assert not answer["ok"] and "1.8.1 is too old, and 1.21 is new enough" in answer["reason"]
        assert answer["reason"].endswith("(unknown version specified)")


def test_what_is_no_program_for_this_node_is_refused_with_the_cure(proved, tmp_path):
    machine = "s390x" if os.uname().machine != "s390x" else "aarch64"
    path = program_at(tmp_path, program(machine))
    answer = proved(binary=path)
    assert not answer["ok"] and "it is for another processor" in answer["reason"]
    os.chmod(path, 0o644)
    assert proved(binary=path)["reason"] == f"{path} is not executable: chmod 755 {path}"
    os.unlink(path)
    missing = f"{path} is not on this node: install it, by package or archive of containerd:runtimes:x, or"
    assert proved(binary=path)["reason"].startswith(missing)
    assert "in no folder where containerd looks" in proved(binary="nowhere")["reason"]


def test_a_program_of_another_user_is_not_run(proved, tmp_path):
    path = program_at(tmp_path, f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    os.chown(path, 1000, 1000)
    assert f"{path} belongs to user 1000, and containerd runs" in proved(binary=path)["reason"]
    assert not (tmp_path / "ran").exists()


def test_a_program_that_hangs_costs_no_more_than_its_time(proved, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["formula._modules.containerd_proof"], "VERSION_TIMEOUT", 1)
    answer = proved(binary=program_at(tmp_path, "#!/bin/sh\nexec sleep 60\n"))
    assert not answer["ok"] and "gave no answer within 1 s" in answer["reason"]


def test_a_runtime_that_tells_its_version_and_runs_nothing_is_refused(proved, tmp_path):
    answer = proved(binary=program_at(tmp_path, "#!/bin/sh\n"))
    assert not answer["ok"] and answer["reason"]


def test_a_runtime_that_hangs_with_a_container_leaves_nothing(proved, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["formula._modules.containerd_proof"], "CONTAINER_TIMEOUT", 3)
    script = '#!/bin/sh\n[ "$1" != --version ] || exit 0\ncase "$*" in *create*) exec sleep 100;; esac\n'
    answer = proved(binary=program_at(tmp_path, script))
    assert not answer["ok"] and "gave no answer within 3 s" in answer["reason"]


def test_a_missing_shim_is_named(proved):
    assert "containerd-shim-runsc-v1 is in no folder" in proved(type="io.containerd.runsc.v1")["reason"]
    assert "write SystemdCgroup" in proved(options={"SystemdGroup": True}, binary="runc")["reason"]


def test_a_shim_of_its_own_path_runs_a_container(proved, binaries, release):
    if release in ("1.4.13", "1.6.20"):
        pytest.skip("it has no runtime_path")
    path = f"{binaries}/containerd-shim-runc-v2"
    assert proved(type="io.containerd.runc.v2", path=path) == RAN


def test_a_dry_run_starts_nothing(proving, tmp_path):
    for module in list(sys.modules.values()):
        if module.__name__.startswith("formula._modules."):
            module.__opts__ = {**module.__opts__, "test": True}
    path = program_at(tmp_path, f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    answer = proving["containerd_runtimes.prove"]("x", {"x": {"binary": path}})["x"]
    assert answer["ok"] and answer["how"] == "it is there" and "under test=True" in answer["reason"]
    assert not (tmp_path / "ran").exists()


def test_what_a_killed_run_left_is_removed_by_the_next(proved, daemon, runtimes):  # noqa: F811
    """
    Its container is named by a process that is no more.
    """
    own = ("--namespace", "containerd-formula-proof", "containers")
    daemon.ctr(*own, "create", "--rootfs", str(daemon.folder), "proof-4194305-1")
    assert "proof-4194305-1" in daemon.ctr(*own, "ls").stdout
    assert proved("runc") == RAN


def test_without_a_daemon_the_version_is_what_there_is(proved, monkeypatch):
    monkeypatch.setattr(sys.modules["formula._modules.containerd_daemon"], "_socket", lambda: "/nowhere")
    answer = proved("runc")
    assert answer["ok"] and answer["how"] == "it tells its version" and "no daemon" in answer["reason"]


def test_the_input_of_whoever_asks_is_not_read(proved):
    """
    As that of a script that calls salt-call.
    """
    reading, writing = os.pipe()
    os.write(writing, b"the rest of the script")
    os.close(writing)
    own = os.dup(0)
    try:
        os.dup2(reading, 0)
        assert proved("runc") == RAN
        assert os.read(0, 100) == b"the rest of the script"
    finally:
        os.dup2(own, 0)
