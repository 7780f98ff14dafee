"""
The seam for running a program, with Salt's own cmd and real programs.
"""

import sys
import time

import pytest
from salt.exceptions import CommandExecutionError
from salt.modules import cmdmod
from support import load


@pytest.fixture
def run(monkeypatch):
    for name, value in (("__opts__", {}), ("__grains__", {}), ("__salt__", {}), ("__context__", {})):
        monkeypatch.setattr(cmdmod, name, value, raising=False)
    module = load("_modules/containerd_command.py")
    module.__salt__ = {"cmd.run_all": cmdmod.run_all}
    return module.run


def test_a_program_is_given_its_words_as_they_are_and_gives_all_that_it_prints(run):
    code = "import os, sys; print('é', *sys.argv[1:], os.environ['A']); print(file=sys.stderr)"
    result = run(sys.executable, "-Xutf8", "-c", code, "$HOME", "a b", "; true", env={"A": "x"})
    assert result["stdout"] == "é $HOME a b ; true x\n"
    assert (result["stderr"], result["retcode"]) == ("\n", 0)


def test_a_program_that_fails_is_left_to_the_caller(run):
    result = run("sh", "-c", "echo Timed out after 20 s; echo why >&2; exit 3")
    assert (result["retcode"], result["stderr"]) == (3, "why\n")


def test_ctr_is_found_by_the_name_that_suse_gives_it(run, tmp_path, monkeypatch):
    """
    /usr/sbin/containerd-ctr of its package containerd-ctr.
    """
    program = tmp_path / "containerd-ctr"
    program.write_text('#!/bin/sh\necho "$0 $1"\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert run("ctr", "version")["stdout"] == f"{program} version\n"
    (tmp_path / "ctr").write_bytes(program.read_bytes())
    (tmp_path / "ctr").chmod(0o755)
    assert run("ctr", "version")["stdout"] == f"{tmp_path}/ctr version\n"


def test_a_program_that_is_missing_is_named(run):
    with pytest.raises(CommandExecutionError) as error:
        run("no-such-program", "--version")
    assert str(error.value) == "no-such-program is not installed, or not executable (not in PATH)."


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (0o644, "^own is not installed, or not executable"),
        # Without Salt's context, which has the whole environment of the minion in older releases.
        (0o755, r"^\S*/own cannot be run: \[Errno 2\] No such file or directory: '\S*/own'$"),
    ],
    ids=["not executable", "no interpreter"],
)
def test_a_program_that_cannot_be_run_says_why(run, tmp_path, monkeypatch, mode, words):
    program = tmp_path / "own"
    program.write_text("#!/no/such/interpreter\n", encoding="utf-8")
    program.chmod(mode)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandExecutionError, match=words):
        run("own")


def test_a_program_that_hangs_does_not_hang_the_minion(run):
    began = time.monotonic()
    with pytest.raises(CommandExecutionError) as error:
        run("sleep", "60", timeout=0.2)
    assert str(error.value) == "sleep gave no answer within 0.2 s."
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(("word", "words"), [("a\0b", "null byte"), ("x" * (1 << 18), "too long")])
def test_words_that_no_program_can_be_given_are_told(run, word, words):
    with pytest.raises(CommandExecutionError, match=f"^\\S*/true cannot be run: .*{words}") as error:
        run("true", word)
    assert len(str(error.value)) < 200


def test_what_a_program_prints_goes_into_no_log(run, caplog):
    with caplog.at_level("DEBUG"):
        run("sh", "-c", "printf hunter%s 2; exit 1")
    assert "hunter2" not in caplog.text
