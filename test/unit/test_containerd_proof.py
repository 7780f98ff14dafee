"""
How far a proof goes on a node that is made of functions, and what it leaves; real daemons are in test/binary.
"""

import os
import sys
from types import SimpleNamespace

import pytest
from containerd_formula.probe_program import STATUS
from containerd_formula.runtime_settings import read
from salt.exceptions import CommandExecutionError
from support import wired

PROGRAMS = {"binary": "/usr/bin/crun", "shim": "/usr/bin/shim"}
CONTAINER = ("run", "--rm", "--null-io", "--rootfs")


@pytest.fixture
def proof(tmp_path, monkeypatch):
    """
    The module, whose ``said`` has the answers to a program's last words, and ``asked`` what was run.
    """
    module = wired("containerd_proof")
    files = sys.modules["formula._modules.containerd_files"]
    for one in (module, files):
        monkeypatch.setattr(one, "__opts__", {"root_dir": str(tmp_path), "test": False})
    monkeypatch.setattr(module, "RUN_FOLDER", str(tmp_path / "run"))
    module.said, module.asked = {"/probe": (STATUS, "")}, []

    def run(*argv, **_):
        module.asked.append(argv)
        retcode, words = module.said.get(argv[-1], (0, ""))
        if isinstance(retcode, Exception):
            raise retcode
        return {"retcode": retcode, "stdout": "", "stderr": words}

    monkeypatch.setitem(module.__salt__, "containerd_command.run", run)
    monkeypatch.setitem(module.__salt__, "containerd_daemon.ctr", lambda *words, **_: run("ctr", *words))
    return module


def made(proof, given, serving=True):
    [runtime] = read({"x": given}).runtimes
    return proof.made(runtime, PROGRAMS, serving)


def container(proof):
    """
    Return the options with which ctr was asked to run a container; None if it was not.
    """
    runs = [argv for argv in proof.asked if argv[3:7] == CONTAINER]
    return runs[0][7:-3] if runs else None


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({"binary": "crun"}, ("--runtime", "io.containerd.runc.v2", "--runc-binary", "crun")),
        ({"type": "io.containerd.runc.v2"}, ("--runtime", "io.containerd.runc.v2")),
        ({"type": "io.containerd.runc.v2", "path": "/s"}, ("--runtime", "/s")),
        (
            {"type": "io.containerd.kata.v2", "path": "/s", "options": {"ConfigPath": "/c"}},
            ("--runtime", "/s", "--runtime-config-path", "/c"),
        ),
        ({"type": "io.containerd.runsc.v1"}, ("--runtime", "io.containerd.runsc.v1")),
        ({"type": "io.containerd.spin.v2"}, None),
    ],
)
def test_what_ctr_is_told_of_a_runtime(proof, given, options):
    answer = made(proof, given)
    assert answer["ok"] and container(proof) == options
    assert answer["how"] == ("a container ran" if options else "it tells its version")
    assert bool(answer["reason"]) is (options is None)


def test_a_container_that_ends_otherwise_did_not_run(proof):
    for retcode, words in ((0, ""), (1, "ctr: no"), (CommandExecutionError("ctr gave no answer"), "")):
        proof.said["/probe"] = (retcode, words)
        answer = made(proof, {"binary": "crun"})
        assert not answer["ok"] and answer["reason"]
        # What is left of it is removed.
        assert [argv[3:6] for argv in proof.asked][-3:-1] == [
            ("tasks", "rm", "--force"),
            ("containers", "rm", proof.asked[-2][-1]),
        ]


def test_of_another_shim_a_container_that_did_not_run_is_told_and_no_error(proof):
    proof.said["/probe"] = (1, "ctr: needs a kernel")
    answer = made(proof, {"type": "io.containerd.kata.v2"})
    assert answer == {"ok": True, "how": "it tells its version", "reason": "no container ran: needs a kernel"}


@pytest.mark.parametrize(
    ("given", "word", "retcode", "ok"),
    [
        ({"binary": "crun"}, "--version", 1, False),
        ({"type": "io.containerd.kata.v2"}, "-v", 2, True),
        ({"type": "io.containerd.kata.v2"}, "-v", 127, False),
        ({"type": "io.containerd.kata.v2"}, "-v", CommandExecutionError("x: Exec format error"), False),
    ],
)
def test_a_binary_tells_its_version_and_a_shim_at_least_starts(proof, given, word, retcode, ok):
    proof.said[word] = (retcode, "no")
    answer = made(proof, given, serving=False)
    assert (answer["ok"], answer["how"]) == (ok, "it is there" if ok else "")
    assert container(proof) is None


def test_a_folder_without_programs_is_passed_over(proof, tmp_path, monkeypatch):
    """
    As /var or /run may be mounted.
    """
    noexec = {str(tmp_path / "var/lib/containerd-formula")}

    def statvfs(path):
        return SimpleNamespace(f_flag=os.ST_NOEXEC if os.path.dirname(path) in noexec else 0)

    monkeypatch.setattr(proof.os, "statvfs", statvfs)
    assert made(proof, {"binary": "crun"})["how"] == "a container ran"
    [folder] = [argv[-3] for argv in proof.asked if argv[-1] == "/probe"]
    assert os.path.dirname(folder) == str(tmp_path / "run") and not os.path.exists(folder)
    noexec.add(str(tmp_path / "run"))
    answer = made(proof, {"binary": "crun"})
    assert (answer["ok"], answer["how"]) == (True, "it tells its version") and "noexec" in answer["reason"]


def test_what_another_run_uses_stays(proof, monkeypatch):
    names = f"proof-{os.getpid()}-1\nproof-4194305-2\nsomething\n"
    listed = {"retcode": 0, "stdout": names, "stderr": ""}
    own = proof.__salt__["containerd_daemon.ctr"]
    monkeypatch.setitem(
        proof.__salt__,
        "containerd_daemon.ctr",
        lambda *words, **more: listed if "ls" in words else own(*words, **more),
    )
    made(proof, {"binary": "crun"})
    assert {argv[-1] for argv in proof.asked if argv[3:5] == ("containers", "rm")} == {"proof-4194305-2"}


def test_a_machine_without_a_program_is_told(proof, monkeypatch):
    monkeypatch.setattr(proof.os, "uname", lambda: SimpleNamespace(machine="vax"))
    assert "there is no program for vax" in made(proof, {"binary": "crun"})["reason"]


def test_a_dry_run_runs_nothing(proof, monkeypatch):
    monkeypatch.setitem(proof.__opts__, "test", True)
    answer = made(proof, {"binary": "crun"})
    assert (answer["ok"], answer["how"], proof.asked) == (True, "it is there", [])
