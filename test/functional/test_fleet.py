"""
The table of a fleet, and a roll in an orchestration, with real minions of a real master.
"""

import json

import pytest
from support.small_fleet import NODES, deaf, small_fleet

ROLLED = "containerd is rolled over the fleet"


@pytest.fixture(scope="module")
def fleet(salt_factories, tmp_path_factory):
    with small_fleet(salt_factories, tmp_path_factory.mktemp("table"), "table-master") as made:
        yield made


def test_a_fleet_that_is_right(fleet):
    done = fleet.typed("containerd.fleet", "n*", "check=True")
    assert done.returncode == 0, done
    assert done.stdout.splitlines()[:2] == [
        "node  version  schema  cri  drift  restart  rejected  deprecated",
        "n1    1.7.24   2       ok   -      -        -         -",
    ]
    assert "4 nodes, all as pillar has them" in done.stdout


def test_what_is_wrong_is_an_exit_code_where_a_person_asks_for_it(fleet):
    fleet.place("n2", "drifted").touch()
    fleet.place("n3", "broken").touch()
    try:
        with deaf(fleet.minions["n1"]):
            done, told = fleet.run("containerd.fleet", "n*", "check=True")
            assert done.returncode == 1
            assert told["comment"] == "3 of 4 nodes need a look: n1, n2, n3"
            assert {name: row["problem"] for name, row in told["nodes"].items() if row["problem"]} == {
                "n1": "it does not answer",
                "n3": "CRI is not ok: no socket",
            }
            assert told["nodes"]["n2"]["drift"] == 1
            done = fleet.typed("containerd.fleet", "n*")
        assert done.returncode == 0
        lines = done.stdout.splitlines()
        assert [line.split()[0] for line in lines[1:5]] == ["n2", "n3", "n4", "n1"]
    finally:
        fleet.place("n2", "drifted").unlink()
        fleet.place("n3", "broken").unlink()


def test_no_node_is_told(fleet):
    done, told = fleet.run("containerd.fleet", "x*")
    assert (done.returncode, told["comment"][:29]) == (1, "No minion is meant by 'x*': s")


def orchestrate(fleet, order, *arguments):
    """
    Return how an orchestration ended, its one state, and what was printed.
    """
    pillar = json.dumps({"containerd_roll": order})
    sls = "containerd.orchestrate.roll"
    done, told = fleet.run("state.orchestrate", sls, f"pillar={pillar}", *arguments)
    [states] = told["data"].values()
    [state] = states.values()
    assert state["__id__"] == ROLLED
    return done, state


def test_an_orchestration_rolls_and_a_preview_goes_through(fleet):
    order = {"tgt": "n*", "sls": "site", "batch": 2}
    done, state = orchestrate(fleet, order, "test=True")
    assert (done.returncode, state["result"], fleet.texts()) == (0, None, {}), state
    assert state["changes"]["n4"] == "would change: containerd configuration is managed"
    assert "wave 2 of 3: n2, n3" in done.stdout
    done, state = orchestrate(fleet, order)
    assert (done.returncode, state["result"], state["comment"]) == (0, True, "4 changed"), state
    assert state["changes"] == dict.fromkeys(NODES, "changed")
    done, state = orchestrate(fleet, order)
    assert (done.returncode, state["result"], state["changes"]) == (0, True, {})


def test_a_roll_that_stops_fails_its_orchestration(fleet):
    fleet.pillar("two", bad=["n1"])
    done, state = orchestrate(fleet, {"tgt": "n*", "sls": "site"})
    assert (done.returncode, state["result"]) == (1, False)
    assert state["comment"].startswith("stopped: n1: containerd is ready")
    done, state = orchestrate(fleet, {})
    assert (done.returncode, state["result"]) == (1, False)
    assert state["comment"].startswith("roll names no nodes: write tgt")
    done, state = orchestrate(fleet, {"tgt": "n*", "batsh": 1})
    assert (done.returncode, state["result"]) == (1, False)
    assert "batsh" in state["comment"]


def test_a_cold_node_has_a_row(fleet):
    module = fleet.folder / "states/_modules/containerd.py"
    text = module.read_text("utf-8")
    module.write_text(text.replace("def status", "def _status"), encoding="utf-8")
    salt = fleet.master.salt_cli(timeout=60)
    assert salt.run("saltutil.sync_modules", minion_tgt="n4").returncode == 0
    module.write_text(text, encoding="utf-8")
    done, told = fleet.run("containerd.fleet", "n*")
    assert told["nodes"]["n4"]["problem"] == (
        "it has not the formula's modules: state.apply containerd.salt brings them"
    )
