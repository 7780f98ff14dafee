"""
What kubectl says: nodes that are Ready and speak to the new containerd, pods that a drain cannot move.
"""

import json

import pytest
from containerd_formula.errors import Refused
from containerd_formula.kube_nodes import MARK, budgets, evicted, held, names, nodes, why_not_good


def node(name="n1", ready="True", runtime="containerd://1.7.24~ds1", **spec):
    condition = {"type": "Ready", "status": ready, "reason": "KubeletNotReady", "message": "cni plugin"}
    return {
        "kind": "Node",
        "metadata": {"name": name, "annotations": spec.pop("annotations", {})},
        "spec": spec,
        "status": {
            "conditions": [{"type": "X"}, condition],
            "nodeInfo": {"containerRuntimeVersion": runtime},
        },
    }


def read(*items):
    return nodes(json.dumps({"kind": "List", "items": list(items)}))


def test_nodes_are_read_alone_or_in_a_list():
    assert nodes(json.dumps(node()))["n1"] == read(node())["n1"]
    assert nodes("{}") == {}
    found = read(node("a"), node("b", "Unknown", unschedulable=True))
    assert (found["a"].unready, found["a"].cordoned) == ("", False)
    assert (found["b"].unready, found["b"].cordoned) == ("KubeletNotReady, cni plugin", True)


def test_a_mark_is_read():
    found = read(node("a"), node("b", annotations={MARK: "2026"}))
    assert (found["a"].mark, found["b"].mark) == ("", "2026")


def test_each_minion_has_a_node_of_its_own():
    assert names(["m2", "m1"], {"m1": "n1.example.org", "m2": "n2"}, "id") == {
        "m1": "n1.example.org",
        "m2": "n2",
    }


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({}, "m1 has no grain:node: node_name names a grain or pillar."),
        ({"m1": ["a"]}, "m1 has no grain:node"),
        ({"m1": "--server=https://evil"}, "m1 has grain:node '--server=https://evil': no node of Kubernetes"),
        *[
            ({"m1": name}, "m1 has grain:node .*: no node of K")
            for name in ("A", "a b", "a.", "a" * 254, "a\n")
        ],
        ({"m1": "a", "m2": "a"}, "m1 and m2 have one grain:node, a: each node has its own."),
    ],
)
def test_what_cannot_be_a_nodes_name_is_refused(answers, words):
    with pytest.raises(Refused, match=f"^{words}"):
        names(["m1", "m2"], {"m2": "b", **answers}, "grain:node")


@pytest.mark.parametrize(
    ("runtime", "version", "good"),
    [
        ("containerd://1.7.24~ds1", "1.7.24", True),
        ("containerd://v2.1.9", "2.1.9", True),
        ("containerd://1.7.24", "1.7.2", False),
        ("containerd://1.6.20", "1.7.24", False),
        ("containerd://Unknown", "1.7.24", False),
        ("", "1.7.24", False),
    ],
)
def test_the_kubelet_speaks_to_the_new_containerd(runtime, version, good):
    why = why_not_good(read(node(runtime=runtime))["n1"], version)
    assert why == (
        "" if good else f"its kubelet speaks to {runtime or 'nothing'}, not to containerd {version}"
    )


def test_a_node_is_good_once_it_is_ready():
    words = "Kubernetes says it is not Ready: KubeletNotReady, cni plugin"
    bad = read(node(ready="False"))["n1"]
    assert why_not_good(bad) == why_not_good(bad, "1.7.24") == words
    assert why_not_good(None) == "Kubernetes does not know it"
    assert why_not_good(read({"metadata": {"name": "n1"}})["n1"]).endswith("not Ready: no word of it")


@pytest.mark.parametrize(
    "line",
    [
        'error when evicting pods/"web-1" -n "shop" (will retry after 5s): Cannot evict',
        'error when evicting pod "web-1" -n "shop" (will retry after 5s): Cannot evict pod',
    ],
)
def test_pods_that_stay_are_named_once(line):
    assert held(f"{line}\n{line}\nerror: timed out") == [("shop", "web-1")]
    assert held('error when evicting pod "web-1" (will retry after 5s)') == [("default", "web-1")]


def test_pods_that_went_are_counted():
    assert evicted("evicting pod a/b\npod/b evicted\nevicting pod a/c\npod/c evicted\nnode/n1 drained") == 2


@pytest.mark.parametrize(
    ("selector", "selects"),
    [
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "other"}}, False),
        ({}, True),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "x"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
    ],
)
def test_the_budget_that_holds_a_pod_is_named(selector, selects):
    pod = {"metadata": {"name": "web-1", "labels": {"app": "web"}}}
    budget = {
        "metadata": {"name": "few"},
        "spec": {"selector": selector},
        "status": {"disruptionsAllowed": 0, "currentHealthy": 1, "expectedPods": 1},
    }
    told = budgets(json.dumps(pod), json.dumps({"items": [budget]}))
    words = "PodDisruptionBudget few allows 0 disruptions, 1 of 1 pods are healthy"
    assert told == ([words] if selects else [])


def test_what_is_no_json_is_refused():
    with pytest.raises(Refused, match=r"^kubectl gives no JSON \('oops'\)"):
        nodes("oops")
