"""
The program of a proof, on the processor that it is for: this machine's, and others by qemu.
"""

import os
import shutil
import subprocess

import pytest
import yaml
from containerd_formula import probe_program
from support import ROOT


@pytest.mark.parametrize("machine", probe_program.machines())
def test_it_ends_as_nothing_else_does(machine, tmp_path):
    path = tmp_path / "probe"
    path.write_bytes(probe_program.program(machine))
    path.chmod(0o755)
    emulator = [] if machine == os.uname().machine else [f"qemu-{machine}"]
    if emulator and not shutil.which(*emulator):
        pytest.skip(f"{emulator[0]} is not installed (package qemu-user)")
    assert subprocess.run([*emulator, path], check=False).returncode == probe_program.STATUS


def test_each_machine_that_has_an_archive_has_a_program():
    defaults = yaml.safe_load((ROOT / "containerd/defaults.yaml").read_text(encoding="utf-8"))
    assert set(probe_program.machines()) == set(defaults["package"]["archive"]["architectures"])
    assert probe_program.program("vax") is None
