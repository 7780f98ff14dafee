"""
What is left of runtimes' archives goes once no container, no shim and no daemon needs it.
"""

import os
import shutil
import signal
import subprocess

import pytest
from support.runtimes import FILE, archive

PROGRAM = b"#!/bin/sh\necho crun 1.28\n"


@pytest.fixture
def shim(runtime_states, runtime_files, served_runtime, tmp_path):
    """
    Return a function that starts a process as a shim of a runtime would run, and gives its folder.
    """
    started = []

    def start(program, written):
        bundle = tmp_path / f"bundle{len(started)}"
        bundle.mkdir()
        for name, text in written.items():
            (bundle / name).write_text(text, encoding="utf-8")
        os.makedirs(os.path.dirname(program), exist_ok=True)
        shutil.copy(shutil.which("sleep"), program)
        started.append(subprocess.Popen([program, "60"], cwd=bundle))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize("file", ["runtime", "options.json", "shim-binary-path"])
def test_a_runtime_that_containers_need_stays_until_they_have_ended(
    runtime_states, runtime_files, served_runtime, shim, tmp_path, file
):
    """
    Their shim starts it to stop them; no process of it runs meanwhile.
    """
    runtime_states.installed(
        "x", {"crun": served_runtime(PROGRAM), "other": served_runtime(PROGRAM, "o", binary="other")}
    )
    process = shim(
        str(tmp_path / "bin/containerd-shim-runc-v2"),
        {file: f'{{"binary_name":"{runtime_files.places.RUNTIMES}/crun/crun"}}'},
    )
    ret = runtime_states.tidied("x", {"crun": None, "other": None})
    assert {os.path.basename(path)[:5] for path in ret["changes"]} == {"other"}
    assert f"{runtime_files.places.RUNTIMES}/crun stays: process {process.pid} needs it." in ret["comment"]
    assert runtime_states.tidied("x", {})["changes"] == {}
    assert os.access(f"{runtime_files.places.RUNTIMES}/crun/crun", os.X_OK)
    process.kill()
    process.wait()
    assert len(runtime_states.tidied("x", {})["changes"]) == 2
    assert not os.path.exists(runtime_files.places.ARCHIVES)


def test_a_program_that_has_the_name_of_a_shim_and_a_pipe_holds_up_no_run(
    runtime_states, served_runtime, shim, tmp_path
):
    """
    Any user can start one, in a pod, too.
    """
    runtime_states.installed("x", {"crun": served_runtime(PROGRAM)})
    process = shim(str(tmp_path / "bin/containerd-shim-mine"), {})
    os.mkfifo(f"/proc/{process.pid}/cwd/options.json")
    before = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it waits for a writer"))
    signal.alarm(10)
    try:
        assert len(runtime_states.tidied("x", {})["changes"]) == 2
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def test_an_old_release_whose_shim_runs_stays(runtime_states, runtime_files, served_runtime, shim):
    """
    Kata's shim is of the archive itself.
    """
    old, new = (
        served_runtime(archive(("bin/shim", FILE, f"#!{name}", 0o755)), name, type="a.b.v1", path="bin/shim")
        for name in "on"
    )
    runtime_states.installed("x", {"kata": old})
    folder = f"{runtime_files.places.RUNTIMES}/kata@{old['sha256']}"
    process = shim(f"{folder}/bin/containerd-shim-kata-v2", {})
    runtime_states.installed("x", {"kata": new})
    ret = runtime_states.tidied("x", {"kata": new})
    assert (ret["changes"], ret["comment"]) == ({}, f"{folder} stays: process {process.pid} needs it.")
    assert runtime_states.removed("x")["changes"] == {}
    process.kill()
    process.wait()
    assert list(runtime_states.tidied("x", {"kata": new})["changes"]) == [folder]


def test_a_dry_run_predicts_what_the_switch_leaves(runtime_states, runtime_files, served_runtime):
    old, new = (served_runtime(PROGRAM + more, f"file{len(more)}", binary="crun") for more in (b"", b"#"))
    root = runtime_files.places.RUNTIMES
    runtime_states.installed("x", {"crun": old})
    runtime_states.__opts__["test"] = True
    runtime_states.__running__ = {"containerd_runtimes_|-x_|-x_|-installed": {"result": None}}
    predicted = runtime_states.tidied("x", {"crun": new})["changes"]
    assert list(predicted) == [f"{root}/crun@{old['sha256']}"]
    # The link is lost: the folder that pillar has is to be used, and stays.
    os.unlink(f"{root}/crun")
    assert runtime_states.tidied("x", {"crun": old})["changes"] == {}
    runtime_states.__opts__["test"], runtime_states.__running__ = False, {}
    assert runtime_states.tidied("x", {"crun": old})["changes"] == {}
    runtime_states.installed("x", {"crun": old})
    # Nobody switched: what is in use stays.
    assert runtime_states.tidied("x", {"crun": new})["changes"] == {}
    runtime_states.installed("x", {"crun": new})
    assert runtime_states.tidied("x", {"crun": new})["changes"] == predicted


def test_what_a_daemon_may_still_start_stays_until_its_restart(runtime_states, runtime_files, served_runtime):
    runtime_states.installed("x", {"crun": served_runtime(PROGRAM)})
    runtime_states.__salt__["containerd_change.pending"] = lambda: ["/etc/containerd/config.toml"]
    ret = runtime_states.tidied("x", {"crun": None})
    assert ret["changes"] == {}
    assert "stays: the daemon may start containers by it until its restart." in ret["comment"]
    runtime_states.__salt__["containerd_change.pending"] = list
    assert len(runtime_states.tidied("x", {"crun": None})["changes"]) == 2


def test_what_others_put_there_stays(runtime_states, runtime_files, served_runtime):
    runtime_states.installed("x", {"crun": served_runtime(PROGRAM)})
    for name in ("notes", "crun@1", "mine@" + "0" * 63):
        os.mkdir(f"{runtime_files.places.RUNTIMES}/{name}")
    os.symlink("/usr/bin", f"{runtime_files.places.RUNTIMES}/bin")
    os.symlink(f"youki@{'0' * 64}", f"{runtime_files.places.RUNTIMES}/other")
    ret = runtime_states.removed("x")
    assert len(ret["changes"]) == 2
    assert sorted(os.listdir(runtime_files.places.RUNTIMES)) == [
        "bin",
        "crun@1",
        f"mine@{'0' * 63}",
        "notes",
        "other",
    ]


def test_a_link_to_a_larger_disk_stays(runtime_states, runtime_files, served_runtime, tmp_path):
    (tmp_path / "disk").mkdir()
    os.symlink(tmp_path / "disk", runtime_files.places.ARCHIVES)
    runtime_states.installed("x", {"crun": served_runtime(PROGRAM)})
    assert len(runtime_states.tidied("x", {})["changes"]) == 2
    assert (os.path.islink(runtime_files.places.ARCHIVES), os.listdir(tmp_path / "disk")) == (True, [])


def test_clean_leaves_nothing(runtime_states, runtime_files, served_runtime):
    assert runtime_states.removed("x")["changes"] == {}
    runtime_states.installed("x", {"crun": served_runtime(PROGRAM)})
    runtime_states.__opts__["test"] = True
    predicted = runtime_states.removed("x")
    assert predicted["result"] is None
    runtime_states.__opts__["test"] = False
    assert runtime_states.removed("x")["changes"] == predicted["changes"]
    assert not os.path.exists(runtime_files.places.ARCHIVES)
