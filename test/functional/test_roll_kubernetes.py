"""
A roll that drains, over real minions and a stand-in for kubectl: what is left of a cordon, whatever happens.
"""

import contextlib
import json
import os
import signal
import subprocess
import time

import pytest
from lab import wait
from support.small_fleet import NODES, deaf, returned, small_fleet

# make test-fleet runs it with the other Salts.
pytestmark = pytest.mark.once
MARK = "containerd-formula/roll"


@pytest.fixture(scope="module")
def fleet(salt_factories, tmp_path_factory):
    with small_fleet(salt_factories, tmp_path_factory.mktemp("drained"), "kube-master") as made:
        yield made


def free(fleet):
    """
    Tell whether no node is cordoned or marked.
    """
    return not any(node.get("cordoned") or node.get("mark") for node in fleet.cluster()["nodes"].values())


def changing(fleet):
    return [call for call in fleet.cluster()["calls"] if not call.startswith("get")]


def test_each_node_is_drained_changed_and_let_go(fleet):
    given = fleet.kubernetes()
    done, nodes, comment = fleet.roll("drain=True", *given, "test=True")
    assert (done.returncode, changing(fleet)) == (0, [])
    done, nodes, comment = fleet.roll("drain=True", *given[:2], "soak=2")
    assert (done.returncode, comment) == (0, "4 changed"), done
    assert nodes == dict.fromkeys(NODES, "changed") and free(fleet)
    for words in (
        "  n1  drained (1 pods)",
        "  n1  changed",
        "  n1  ready, Ready in Kubernetes; watched for 2 s",
    ):
        assert words in done.stdout
    order = ["annotate node n1", "cordon n1", "drain n1", "uncordon n1", "annotate node n1"]
    assert [call.partition(f" {MARK}")[0] for call in changing(fleet)[:5]] == order
    # The record, and a job id that leads to Salt's own.
    [begin, *_, end] = [line for line in fleet.record() if line["jid"] == fleet.record()[-1]["jid"]]
    assert (begin["what"], begin["waves"]) == ("begin", [["n1"], ["n2", "n3"], ["n4"]])
    assert (end["what"], end["retcode"], end["nodes"]) == ("end", 0, nodes)
    job = fleet.master.salt_run_cli(timeout=60).run("jobs.print_job", begin["jid"])
    assert "runner.containerd.roll" in job.stdout


def test_a_day_with_a_cve_of_runc_needs_no_drain(fleet):
    fleet.roll()
    fleet.pillar("one", runc="1.3")
    done, nodes, comment = fleet.roll("drain=True", *fleet.kubernetes(held=["web-n2"]))
    assert (done.returncode, comment, changing(fleet)) == (0, "4 changed", []), done
    assert "4 nodes need no drain: no container that runs would notice the change" in done.stdout
    # What comes with it may be noticed.
    fleet.pillar("one again", runc="1.4")
    done, nodes, comment = fleet.roll("drain=True", *fleet.kubernetes(), target="n1")
    assert (done.returncode, "drain n1" in changing(fleet)) == (0, True), done
    fleet.pillar("one")
    fleet.roll()


def test_a_budget_stops_the_roll_and_the_node_is_free(fleet):
    fleet.pillar("two")
    done, nodes, comment = fleet.roll("drain=True", *fleet.kubernetes(held=["web-n2"]))
    assert done.returncode == 1
    assert nodes["n1"] == "changed" and nodes["n3"] == nodes["n4"] == "not tried"
    assert "pod shop/web-n2 may not be evicted (PodDisruptionBudget few allows 0 disruptions" in nodes["n2"]
    assert free(fleet) and fleet.texts()["n2"] == "one"


def test_a_kubelet_that_does_not_see_the_new_containerd_stops_the_roll(fleet):
    given = fleet.kubernetes(
        nodes={name: {"runtime": "containerd://1.6.20", "ready": True} for name in NODES}
    )
    done, nodes, comment = fleet.roll("drain=True", "ready_timeout=1", *given)
    assert done.returncode == 1 and free(fleet)
    assert nodes["n2"] == "failed: its kubelet speaks to containerd://1.6.20, not to containerd 1.7.24"


def test_who_is_away_counts_and_stays_cordoned(fleet):
    fleet.pillar("three")
    given = fleet.kubernetes()
    state = fleet.cluster()
    state["nodes"]["n4"]["cordoned"] = True
    (fleet.folder / "cluster.json").write_text(json.dumps(state), encoding="utf-8")
    done, nodes, comment = fleet.roll("drain=True", *given, "max_unavailable=1")
    assert done.returncode == 1
    assert comment.startswith("stopped: n4 cannot be used, and no more than 1 may be away at once")
    done, nodes, comment = fleet.roll("drain=True", *given, "max_unavailable=2")
    assert done.returncode == 0, done
    assert "  first n2: others are away" in done.stdout
    assert fleet.cluster()["nodes"]["n4"]["cordoned"] and "uncordon n4" not in changing(fleet)


def test_a_node_that_fails_is_let_go_and_so_is_a_deaf_one(fleet):
    fleet.pillar("four", bad=["n1"])
    done, nodes, comment = fleet.roll("drain=True", *fleet.kubernetes())
    assert done.returncode == 1 and nodes["n1"].startswith("failed: containerd is ready:") and free(fleet)
    fleet.pillar("four")


def test_what_cannot_be_let_go_is_told_and_the_next_roll_does_it(fleet):
    given = fleet.kubernetes(fail={"uncordon n2": "the server is away"})
    done, nodes, comment = fleet.roll("drain=True", *given)
    assert done.returncode == 1
    words = "it stays cordoned: kubectl uncordon: Error from server: the server is away"
    assert nodes["n2"] == f"failed: {words}"
    state = fleet.cluster()
    assert state["nodes"]["n2"]["cordoned"]
    (fleet.folder / "cluster.json").write_text(json.dumps({**state, "fail": {}}), encoding="utf-8")
    done, nodes, comment = fleet.roll("drain=True", *given)
    assert done.returncode == 0 and free(fleet)
    assert "  n2  was uncordoned: an earlier roll had left it so" in done.stdout
    assert nodes["n2"] == "already right"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["node_name=grain:nowhere"],
            "n1, n2, n3, n4 has no grain:nowhere: node_name names a grain or pillar",
        ),
        (["node_name=pillar:text"], "n1 and n2 have one pillar:text, "),
        (["node_name=grain"], "grain is neither id nor a grain or pillar: write such as grain:host."),
        (["kubectl=/nowhere"], "kubectl is not at /nowhere: install it on the master."),
        (["max_fails=x"], "max_fails is 'x': write how many nodes may fail"),
    ],
)
def test_what_leads_nowhere_is_told_before_anything_changes(fleet, arguments, words):
    fleet.pillar("five")
    done, nodes, comment = fleet.roll("drain=True", *fleet.kubernetes(), *arguments)
    assert (done.returncode, changing(fleet)) == (1, [])
    assert comment.startswith(words) and "Traceback" not in done.stderr


def test_a_sites_hook_runs_before_and_after(fleet):
    done, nodes, comment = fleet.roll("hook=hook", target="n1")
    assert done.returncode == 0, done
    assert (fleet.folder / "hooked").read_text("utf-8").splitlines() == ["n1 before", "n1 after"]
    (fleet.folder / "no-n2").touch()
    done, nodes, comment = fleet.roll("hook=hook", target="n2")
    assert done.returncode == 1
    assert nodes["n2"].startswith("failed: hook (before): a load balancer is told: Command")
    assert fleet.texts()["n2"] == "four"


def begun(fleet, *arguments, until):
    """
    Start a roll, and return its process once it has said something.
    """
    cli = fleet.master.salt_run_cli(timeout=60)
    command = [*cli.cmdline("--log-level=quiet", *fleet.words(*arguments))]
    # Salt's own warnings are no part of what a roll tells.
    with (fleet.folder / "stderr").open("w", encoding="utf-8") as stderr:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=stderr, text=True, env={**os.environ, **cli.environ}
        )
    said = []
    for line in process.stdout:
        said.append(line)
        if until in line:
            return process, said
    raise AssertionError("".join(said))


def until_it_drains(fleet):
    def drains():
        # It may be at its writing.
        with contextlib.suppress(ValueError):
            return changing(fleet)[-1:] == ["drain n1"]

    wait.until(drains, 60, "the drain of n1")


def until_it_changes(fleet, node, text):
    wait.until(lambda: fleet.texts().get(node) == text, 60, f"a change of {node}")


def ended(process, said):
    said += process.stdout
    return process.wait(60), returned("".join(said))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_roll_ends_what_is_under_way(fleet, number):
    fleet.pillar(f"six {number:d}", slow={"n2": 5})
    process, said = begun(fleet, "drain=True", *fleet.kubernetes(), until="n3  drained")
    until_it_changes(fleet, "n2", f"six {number:d}")
    process.send_signal(number)
    code, told = ended(process, said)
    assert code == 1 and "Traceback" not in (fleet.folder / "stderr").read_text("utf-8")
    assert told["nodes"] == {**dict.fromkeys(["n1", "n2", "n3"], "changed"), "n4": "not tried"}
    assert told["comment"].startswith("stopped: interrupted") and free(fleet)
    assert "nothing new begins" in "".join(said)


def test_a_drain_is_ended_at_once(fleet):
    fleet.pillar("seven")
    given = fleet.kubernetes(slow=100)
    process, said = begun(fleet, "drain=True", *given, until="wave 1")
    until_it_drains(fleet)
    process.send_signal(signal.SIGINT)
    code, told = ended(process, said)
    assert code == 1 and set(told["nodes"].values()) == {"not tried"} and free(fleet)


def test_a_roll_that_was_killed_is_noticed_and_its_node_let_go(fleet):
    fleet.pillar("seven and a half")
    given = fleet.kubernetes(slow=100)
    process, said = begun(fleet, "drain=True", *given, until="wave 1")
    until_it_drains(fleet)
    process.kill()
    process.wait()
    state = fleet.cluster()
    assert state["nodes"]["n1"]["cordoned"] and state["nodes"]["n1"]["mark"]
    (fleet.folder / "cluster.json").write_text(json.dumps({**state, "slow": 0}), encoding="utf-8")
    done, nodes, comment = fleet.roll("drain=True", *given)
    assert done.returncode == 0, done
    assert "was killed: its nodes are looked at again" in done.stdout
    assert "  n1  was uncordoned: an earlier roll had left it so" in done.stdout and free(fleet)


def rolled_in_the_end(fleet, *given):
    """
    Roll once nodes have done what they were told before; until then a roll changes nothing, and says why.
    """

    def rolled():
        done, nodes, comment = fleet.roll("drain=True", *given)
        busy = [node for node, words in nodes.items() if "an earlier run is under way on it: wait" in words]
        if not busy:
            return done, nodes
        words = f"stopped: the plan of {', '.join(busy)} fails; nothing was changed"
        assert (done.returncode, comment) == (1, words)
        return None

    return wait.until(rolled, 200, "a roll that finds no earlier run", every=5)


def test_a_node_that_goes_deaf_wakes_and_does_what_it_was_told(fleet):
    fleet.pillar("eight", slow={"n2": 20})
    given = fleet.kubernetes()
    process, said = begun(fleet, "drain=True", *given, until="n3  drained")
    until_it_changes(fleet, "n2", "eight")
    with deaf(fleet.minions["n2"]):
        code, told = ended(process, said)
        assert code == 1 and told["nodes"]["n4"] == "not tried" and free(fleet), (told, fleet.cluster())
        assert told["nodes"]["n2"] == (
            "failed: it did not answer; when it wakes, it may still do what it was told"
        )
    done, nodes = rolled_in_the_end(fleet, *given)
    assert done.returncode == 0, done
    assert fleet.texts() == dict.fromkeys(NODES, "eight")


def test_a_master_that_restarts_loses_no_node(fleet):
    fleet.pillar("nine", slow={"n2": 15})
    given = fleet.kubernetes()
    process, said = begun(fleet, "drain=True", *given, until="n3  drained")
    until_it_changes(fleet, "n2", "nine")
    with fleet.master.stopped():
        # How long the master is away: there is nothing to wait for.
        time.sleep(2)
    code, _ = ended(process, said)
    # Salt itself ends with a traceback, since its own connection is gone: the last words stand before it.
    *_, end = fleet.record()
    assert end["what"] == "end", (end, said, (fleet.folder / "stderr").read_text("utf-8"))
    assert end["comment"].splitlines()[0] in "".join(said) and set(end["nodes"]) == set(NODES)
    assert free(fleet) and end["nodes"]["n1"] == "changed", end
    assert code in (end["retcode"], 1)
    done, nodes = rolled_in_the_end(fleet, *given)
    assert done.returncode == 0, done
    assert fleet.texts() == dict.fromkeys(NODES, "nine")
