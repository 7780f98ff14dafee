"""
What machines of the lab leave behind, after a kill of the tests, is ended by the name of the machine.
"""

import subprocess
import sys

import pytest
from lab import machine


@pytest.fixture
def left_behind(tmp_path, monkeypatch):
    """
    Folders of two machines, each with a process that has a file there; and what is asked of ``ip``.
    """
    monkeypatch.setattr(machine, "PLACES", [tmp_path])
    asked, started = [], {}
    monkeypatch.setattr(machine.nspawn, "remove_network", asked.append)
    for folder, program in (("node-abcdefgh", "slirp4netns"), ("node-2-abcdefgh", "ssh"), ("", "tail")):
        (tmp_path / folder).mkdir(exist_ok=True)
        argv = [
            program,
            "-c",
            "import time; time.sleep(60)",
            f"--file={tmp_path / (folder or 'node-abcdefgh')}/x",
        ]
        started[folder] = subprocess.Popen(argv, executable=sys.executable)
    yield started, asked
    for process in started.values():
        process.kill()
        process.wait()


def test_only_the_programs_of_a_machine_of_the_name_end(left_behind, tmp_path):
    started, asked = left_behind
    assert machine.close_all("node") == asked == ["node-abcdefgh"]
    assert started["node-abcdefgh"].wait(10) == -9
    assert [path.name for path in tmp_path.iterdir()] == ["node-2-abcdefgh"]
    # A person may look at a log of it.
    assert started["node-2-abcdefgh"].poll() is None and started[""].poll() is None
