"""
The record of rolls: what it holds, and how a roll that was killed shows.
"""

import json
import os
import subprocess
import sys

import pytest
from salt.exceptions import CommandExecutionError
from support import ROOT, load

JID = "20261129060000000000"


@pytest.fixture
def record(tmp_path):
    module = load("_runners/containerd_record.py")
    module.__opts__ = {"cachedir": str(tmp_path)}
    module.sent = []
    module.__salt__ = {"event.send": lambda tag, data: module.sent.append((tag, data))}
    module.file = tmp_path / "containerd-formula/rolls.jsonl"
    return module


def test_a_line_is_an_event_too(record):
    given = {"waves": [["n1"]]}
    record.__salt__["event.send"] = lambda tag, data: (
        data.update(_stamp="now") or record.sent.append((tag, data))
    )
    record.note(JID, "begin", given)
    # Salt writes into what it sends, and a roll returns what it gave.
    assert given == {"waves": [["n1"]]}
    line = json.loads(record.file.read_text("utf-8"))
    assert (line["jid"], line["what"], line["waves"]) == (JID, "begin", [["n1"]])
    assert record.sent == [(f"containerd/roll/{JID}/begin", {"waves": [["n1"]], "_stamp": "now"})]
    assert record.file.stat().st_mode & 0o777 == 0o600


def test_a_master_without_a_bus_keeps_the_record(record):
    def gone(*_):
        raise OSError("Stream is closed")

    record.__salt__["event.send"] = gone
    record.note(JID, "end", {"retcode": 0})
    assert json.loads(record.file.read_text("utf-8"))["what"] == "end"


def test_a_roll_without_an_end_was_killed(record):
    assert record.unfinished() == {}
    record.note(JID, "begin", {})
    record.note(JID, "nodes", {"data": {"n1": "changed"}})
    assert record.unfinished()["jid"] == JID
    with record.file.open("a", encoding="utf-8") as file:
        file.write('{"what": "end"')
    assert record.unfinished()["jid"] == JID
    record.note(JID, "end", {"retcode": 0})
    # A line that was cut short by a power cut spoils the one after it, and no more.
    record.note(JID, "end", {"retcode": 0})
    assert record.unfinished() == {}


def test_what_a_killed_roll_cordoned_is_known_and_no_other(record):
    assert record.left() == {}
    for node in ("n1", "n2", "n3"):
        record.note(JID, "cordon", {"node": node})
    record.note(JID, "nodes", {"data": {"n1": "changed", "n4": "changed"}})
    assert record.left() == {JID: {"n2", "n3"}}
    # A roll that came to its end tells what it could not let go.
    record.note("2", "cordon", {"node": "n5"})
    record.note("2", "cordon", {"node": "n6"})
    words = {"n5": "failed: it stays cordoned: kubectl get: gone", "n6": "changed", "n1": "not tried"}
    record.note("2", "end", {"nodes": words, "retcode": 1})
    assert record.left() == {JID: {"n2", "n3"}, "2": {"n5"}}
    record.note(JID, "nodes", {"data": {"n2": "was uncordoned", "n3": "was uncordoned"}})
    record.note("2", "nodes", {"data": {"n5": "was uncordoned"}})
    assert not any(record.left().values())


def test_what_a_killed_roll_cordoned_is_known_after_its_record_was_put_aside(record, monkeypatch):
    record.note(JID, "cordon", {"node": "n1"})
    monkeypatch.setattr(record, "_LARGEST", 10)
    record.note("2", "begin", {})
    assert record.left()[JID] == {"n1"}


def test_a_disk_that_fails_is_told_in_a_sentence(record):
    record.file.parent.mkdir()
    for name in ("rolls.jsonl", "roll.lock"):
        (record.file.parent / name).mkdir()
    for call in (lambda: record.note(JID, "begin", {}), record.left, lambda: record.lock().__enter__()):
        with pytest.raises(CommandExecutionError, match="cannot be read or written: Is a directory. Mend"):
            call()


def test_the_record_does_not_grow_for_ever(record, monkeypatch):
    record.note(JID, "begin", {})
    monkeypatch.setattr(record, "_LARGEST", 10)
    record.note(JID, "begin", {})
    assert len(record.file.read_text("utf-8").splitlines()) == 1
    assert record.file.with_suffix(".jsonl.1").exists()


def test_one_roll_at_a_time_and_a_killed_one_holds_nothing(record, tmp_path):
    program = (
        "import sys; sys.path[:0] = [sys.argv[1], sys.argv[2]]\n"
        "from support import load\n"
        "module = load('_runners/containerd_record.py')\n"
        "module.__opts__ = {'cachedir': sys.argv[3]}\n"
        "with module.lock():\n    print('locked', flush=True)\n    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, ROOT / "test", ROOT / "_utils", tmp_path]
    other = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert other.stdout.readline() == b"locked\n"
        with pytest.raises(
            CommandExecutionError, match=f"^Another roll is under way, process {other.pid} since "
        ):
            with record.lock():
                pass
    finally:
        other.kill()
        other.communicate()
    with record.lock():
        assert f"process {os.getpid()} since" in (record.file.parent / "roll.lock").read_text("utf-8")
