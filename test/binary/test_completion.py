"""
The hook for ctr in a real bash, with the real ctr of each release.
"""

import subprocess

import pytest
from containerd_formula import completions


@pytest.fixture
def completed(on_path, tmp_path):
    """
    Return what bash offers for a line whose last word is not complete yet.
    """
    hook = tmp_path / "ctr"
    hook.write_text(completions.render("ctr"))

    def offer(*words):
        script = (
            f"source {hook}; COMP_WORDS=({' '.join(words)!s}); COMP_CWORD={len(words) - 1}; "
            "$(complete -p ctr | sed 's/.*-F \\([^ ]*\\).*/\\1/'); printf '%s\\n' \"${COMPREPLY[@]}\""
        )
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
        assert done.stderr == ""
        return done.stdout.split()

    return offer


def test_it_offers_what_ctr_has(completed):
    assert {"images", "containers", "tasks"} <= set(completed("ctr", "''"))
    assert completed("ctr", "ima") == ["images", "image"]
    assert {"pull", "push"} <= set(completed("ctr", "images", "pu"))
    assert "--plain-http" in completed("ctr", "images", "pull", "--pl")
    assert completed("ctr", "nope", "nope", "zzz") == []


def test_behind_two_dashes_nothing_is_asked(completed, on_path, tmp_path, monkeypatch):
    """
    ctr of containerd 2.x would do what the line says.
    """
    folder, log = tmp_path / "bin", tmp_path / "asked"
    folder.mkdir()
    (folder / "ctr").write_text(f'#!/bin/sh\necho "$@" >>{log}\n')
    (folder / "ctr").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    assert completed("ctr", "containers", "delete", "--", "''") == [] and not log.exists()
    completed("ctr", "containers", "'$(touch a)'", "''")
    assert log.read_text() == "containers $(touch a) --generate-bash-completion\n"
