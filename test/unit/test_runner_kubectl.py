"""
The runner's kubectl, by a stand-in that notes its calls: what is cordoned, moved, let go, and in which order.
"""

import json
import signal
import time

import pytest
from salt.exceptions import CommandExecutionError
from support import load
from support.hostile import TEXTS, called
from support.kubectl import cluster

runner = load("_runners/containerd_kubectl.py")


@pytest.fixture
def made(tmp_path):
    class Cluster:
        def __init__(self, **more):
            program, self.config = cluster(tmp_path, "n1", "n2", **more)
            self.kubectl = {"program": str(program), "kubeconfig": str(self.config), "context": None}

        def state(self):
            return json.loads(self.config.read_text("utf-8"))

        def node(self, name="n1"):
            return self.state()["nodes"][name]

        def calls(self):
            return [call for call in self.state()["calls"] if not call.startswith("get")]

    return Cluster


def test_a_node_is_marked_cordoned_drained_and_let_go(made):
    one = made()
    runner.cordon(one.kubectl, "n1", "2026")
    assert (one.node()["mark"], one.node()["cordoned"]) == ("2026", True)
    assert runner.drain(one.kubectl, "n1") == 1
    runner.uncordon(one.kubectl, "n1", "2026")
    assert (one.node()["mark"], one.node()["cordoned"]) == ("", False)
    # A roll that is killed between two of these leaves no cordon that looks like somebody else's.
    mark = "containerd-formula/roll"
    assert one.calls() == [
        f"annotate node n1 {mark}=2026",
        "cordon n1",
        "drain n1",
        "uncordon n1",
        f"annotate node n1 {mark}-",
    ]


@pytest.mark.parametrize("mark", ["", "2025"])
def test_without_our_mark_a_cordon_stays(made, mark):
    one = made(nodes={"n1": {"runtime": "", "ready": True, "cordoned": True, "mark": mark}})
    runner.uncordon(one.kubectl, "n1", "2026")
    assert one.calls() == [] and one.node()["cordoned"]


def test_a_mark_without_a_cordon_goes(made):
    one = made(nodes={"n1": {"runtime": "", "ready": True, "mark": "2025"}})
    runner.uncordon(one.kubectl, "n1", "2025")
    assert one.calls() == ["annotate node n1 containerd-formula/roll-"]


def test_a_drain_that_a_budget_holds_names_pod_and_budget(made):
    one = made(held=["web-n1"])
    with pytest.raises(CommandExecutionError) as told:
        runner.drain(one.kubectl, "n1", 5)
    assert str(told.value) == (
        'its pods stay: error: unable to drain node "n1" due to error: timed out; pod shop/web-n1 may not be '
        "evicted (PodDisruptionBudget few allows 0 disruptions, 1 of 1 pods are healthy)"
    )
    one = made(held=["web-n1"], fail={"get": "no"})
    with pytest.raises(CommandExecutionError, match="pod shop/web-n1 may not be evicted$"):
        runner.drain(one.kubectl, "n1", 5)


def test_many_pods_that_one_budget_holds_are_told_in_one_sentence(made):
    pods = [f"web-6d4b75cb6d-{number:05d}" for number in range(12)]
    one = made(held=pods, pods=dict.fromkeys(pods, "n1"))
    with pytest.raises(CommandExecutionError) as told:
        runner.drain(one.kubectl, "n1", 5)
    words = (
        f"; pods {', '.join(f'shop/{pod}' for pod in pods[:10])} may not be evicted (PodDisruptionBudget few"
    )
    assert words in str(told.value) and str(told.value).endswith("; and 2 more pods")


def test_a_drain_has_only_the_options_that_a_person_gives(made, tmp_path):
    one = made()
    program = tmp_path / "words"
    program.write_text('#!/bin/sh\necho "pod/$* evicted" >&2\nexit 1\n', "utf-8")
    program.chmod(0o755)
    for options in ([], ["--delete-emptydir-data"]):
        with pytest.raises(CommandExecutionError) as told:
            runner.drain({**one.kubectl, "program": str(program)}, "n1", 5, options)
        words = ["drain n1 --ignore-daemonsets --timeout=5s", *options]
        assert f"{' '.join(words)} evicted" in str(told.value)


def test_a_person_ends_a_drain_at_once(made):
    one = made(slow=60)
    began = time.monotonic()
    with pytest.raises(CommandExecutionError):
        runner.drain(one.kubectl, "n1", 60, (), lambda: time.monotonic() > began + 0.5)
    assert time.monotonic() < began + 10


def test_kubectl_has_a_time_limit(made, monkeypatch):
    monkeypatch.setattr(runner, "_GRACE", 0)
    with pytest.raises(CommandExecutionError, match="kubectl drain did not end in 1 s"):
        runner.drain(made(slow=60).kubectl, "n1", 1)


def test_an_interrupt_leaves_no_kubectl_behind(made, monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    killed = []
    popen = runner.subprocess.Popen
    monkeypatch.setattr(
        runner.subprocess, "Popen", lambda *a, **k: killed.append(popen(*a, **k)) or killed[-1]
    )
    with pytest.raises(KeyboardInterrupt):
        runner.drain(made(slow=60).kubectl, "n1", 60, (), interrupt)
    assert killed[0].returncode == -signal.SIGKILL


def test_kubectls_own_words_are_told(made):
    one = made(fail={"cordon": "nodes is forbidden"})
    with pytest.raises(
        CommandExecutionError, match="^kubectl cordon: Error from server: nodes is forbidden$"
    ):
        runner.cordon(one.kubectl, "n1", "2026")
    with pytest.raises(CommandExecutionError, match="^kubectl is not at /nowhere: install it on the master"):
        runner.nodes({**one.kubectl, "program": "/nowhere"})


def test_nodes_are_asked_by_name(made):
    one = made()
    assert set(runner.nodes(one.kubectl, ["n1", "n9"])) == {"n1"}
    assert set(runner.nodes(one.kubectl)) == {"n1", "n2"}
    assert runner.nodes(one.kubectl, ["n9"]) == {}


@pytest.mark.parametrize("retcode", [0, 1])
@pytest.mark.parametrize("name", TEXTS)
def test_whatever_kubectl_says_is_told_in_words(tmp_path, name, retcode):
    said = tmp_path / "said"
    said.write_bytes(TEXTS[name].encode("utf-8", "surrogatepass"))
    program = tmp_path / "kubectl"
    program.write_text(f"#!/bin/sh\ncat {said}\ncat {said} >&2\nexit {retcode}\n", "utf-8")
    program.chmod(0o755)
    kubectl = {"program": str(program), "kubeconfig": None, "context": None}
    for function, more in (
        (runner.nodes, {}),
        (runner.cordon, {"mark": "a"}),
        (runner.drain, {}),
        (runner.uncordon, {"mark": "a"}),
    ):
        given = {"names": ["a"]} if function is runner.nodes else {"node": "a", **more}
        called(function, CommandExecutionError, kubectl=kubectl, **given)
