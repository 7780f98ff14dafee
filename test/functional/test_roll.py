"""
A roll over real minions of a real master, with states that change a file and fail where a test wants it.
"""

import fcntl
from pathlib import Path

import pytest
from support.small_fleet import NODES, deaf, small_fleet


@pytest.fixture(scope="module")
def fleet(salt_factories, tmp_path_factory):
    with small_fleet(salt_factories, tmp_path_factory.mktemp("fleet"), "fleet-master") as made:
        yield made


def test_a_preview_names_the_waves_and_changes_nothing(fleet):
    done, nodes, comment = fleet.roll("test=True")
    assert done.returncode == 0, done
    assert "4 nodes: 0 already right, 4 to change in 3 waves" in done.stdout
    assert "wave 2 of 3: n2, n3" in done.stdout
    assert fleet.texts() == {}


def test_a_roll_changes_all_and_the_second_nothing(fleet):
    fleet.pillar("two")
    done, nodes, comment = fleet.roll()
    assert done.returncode == 0, done
    assert nodes == dict.fromkeys(NODES, "changed")
    assert fleet.texts() == dict.fromkeys(NODES, "two")
    done, nodes, comment = fleet.roll()
    assert done.returncode == 0, done
    assert "4 nodes: 4 already right, 0 to change in 0 waves" in done.stdout
    assert nodes == dict.fromkeys(NODES, "already right")


def test_a_bad_node_ends_the_roll_and_the_next_one_goes_on(fleet):
    fleet.pillar("three", bad=["n2"])
    done, nodes, comment = fleet.roll()
    assert done.returncode == 1, done
    failed = 'failed: containerd is ready: Command "/bin/false" run'
    assert nodes == {"n1": "changed", "n2": failed, "n3": "changed", "n4": "not tried"}
    assert comment.startswith(f"stopped: n2: {failed.removeprefix('failed: ')}")
    assert fleet.texts()["n4"] == "two"
    fleet.pillar("three")
    done, nodes, comment = fleet.roll()
    assert done.returncode == 0, done
    assert nodes == {**dict.fromkeys(["n1", "n2", "n3"], "already right"), "n4": "changed"}


def test_a_node_that_is_not_ready_after_its_change_ends_the_roll(fleet):
    fleet.pillar("four")
    fleet.place("n1", "broken").touch()
    done, nodes, comment = fleet.roll("ready_timeout=1")
    fleet.place("n1", "broken").unlink()
    assert done.returncode == 1
    assert nodes["n1"] == "failed: containerd is not ready: CRI does not answer"
    assert {nodes[name] for name in NODES[1:]} == {"not tried"}


def test_a_plan_that_fails_anywhere_ends_the_roll_before_it_begins(fleet):
    before = fleet.texts()
    (fleet.folder / "pillar/site.sls").write_text("text: [\n", encoding="utf-8")
    done, nodes, comment = fleet.roll()
    assert done.returncode == 1
    assert "nothing was changed" in comment
    assert fleet.texts() == before


def test_a_deaf_node_ends_the_roll_before_it_begins(fleet):
    fleet.pillar("five")
    before = fleet.texts()
    with deaf(fleet.minions["n3"]):
        done, nodes, comment = fleet.roll()
        assert done.returncode == 1
        assert comment == "no answer from n3: nothing was changed"
        assert nodes == {**dict.fromkeys(NODES, "not tried"), "n3": "failed: it does not answer"}
        assert fleet.texts() == before
        done, nodes, comment = fleet.roll("skip_deaf=True")
    assert done.returncode == 1
    assert nodes == {**dict.fromkeys(["n1", "n2", "n4"], "changed"), "n3": "failed: it does not answer"}


def test_two_rolls_at_once(fleet):
    lock = Path(fleet.master.config["cachedir"]) / "containerd-formula/roll.lock"
    with open(lock, "a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done, _, comment = fleet.roll()
    assert done.returncode == 1
    assert comment.startswith("Another roll is under way, process ")
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("batch=0", "batch is 0: write a number"),
        ("canary=-1", "canary is -1"),
        ("tgt=x*", "No minion is meant by 'x*'"),
    ],
)
def test_a_wrong_argument_is_told(fleet, argument, words):
    cli = fleet.master.salt_run_cli(timeout=60)
    given = argument.removeprefix("tgt=") if argument.startswith("tgt=") else "n*"
    done = cli.run("containerd.roll", given, *([] if argument.startswith("tgt=") else [argument]))
    assert done.returncode == 1
    assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
