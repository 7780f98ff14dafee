"""
What a person may order of a roll.
"""

import pytest
from containerd_formula.errors import Refused
from containerd_formula.roll_order import flag, limit, read, time

GIVEN = {
    "sls": "containerd",
    "saltenv": None,
    "pillar": None,
    "canary": 1,
    "batch": "10%",
    "spread": None,
    "max_fails": 0,
    "skip_deaf": False,
    "timeout": 600,
    "ready_timeout": 60,
    "soak": None,
    "kubernetes": False,
    "drain": False,
    "drain_timeout": 300,
    "drain_options": None,
    "max_unavailable": None,
    "kubectl": "kubectl",
    "kubeconfig": None,
    "context": None,
    "node_name": "id",
    "hook": None,
    "ssh": False,
    "roster_file": None,
    "test": False,
}


def test_without_kubernetes_nothing_is_watched_or_counted():
    order = read(GIVEN)
    assert (order["soak"], limit(order, 100)) == (0, None)


def test_a_drain_means_kubernetes():
    order = read({**GIVEN, "drain": True, "context": "prod"})
    assert (order["kubernetes"], order["soak"], limit(order, 100)) == (True, 30, 10)
    assert order["kubectl"] == {"program": "kubectl", "kubeconfig": None, "context": "prod"}
    assert limit(read({**GIVEN, "kubernetes": True, "max_unavailable": 3, "soak": 0}), 100) == 3


def test_one_option_is_a_list_of_one():
    assert read({**GIVEN, "drain_options": "--force"})["drain_options"] == ["--force"]
    assert read(GIVEN)["drain_options"] == []


def test_a_roster_may_be_the_masters_own():
    assert read(GIVEN)["ssh"] is None
    assert read({**GIVEN, "ssh": True})["ssh"] == {"roster_file": None}
    assert read({**GIVEN, "ssh": True, "roster_file": "/r"})["ssh"] == {"roster_file": "/r"}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("drain", "maybe", "drain is 'maybe': write True or False."),
        ("sls", None, "sls is None: write its name."),
        ("kubeconfig", "--insecure", "kubeconfig is '--insecure': write its name."),
        ("hook", "a\nb", r"hook is 'a\\nb': write its name."),
        ("timeout", -1, "timeout is -1: write a number of seconds, such as 30."),
        ("soak", "30s", "soak is '30s': write a number of seconds, such as 30."),
        ("max_fails", "1", "max_fails is '1': write how many nodes may fail, such as 0."),
        ("pillar", [1], "pillar is a list: write a dictionary."),
        ("drain_options", ["-x"], "drain_options is a list: write a list such as"),
        ("drain_options", "force", "drain_options is 'force': write a list such as"),
        ("max_unavailable", 1, "max_unavailable is for kubernetes=True"),
        ("ssh", "yes", "ssh is 'yes': write True or False."),
        ("roster_file", "/r", "roster_file is for ssh=True"),
        ("batch", 0, "batch is 0: write a number of nodes"),
        ("canary", "n1", "canary is 'n1': write a number of nodes, or a list"),
    ],
)
def test_another_is_refused(name, value, words):
    with pytest.raises(Refused, match=f"^{words}"):
        read({**GIVEN, name: value})


def test_what_only_looks_like_a_flag_or_a_time_is_refused():
    assert (flag("check", True), time("timeout", 1.5)) == (True, 1.5)
    for value in (1, 0, "True", None):
        with pytest.raises(Refused, match="^check is .*: write True or False.$"):
            flag("check", value)
    for value in (-1, True, "60", None):
        with pytest.raises(Refused, match="^timeout is .*: write a number of seconds, such as 30.$"):
            time("timeout", value)


def test_a_wrong_limit_is_called_by_its_name():
    with pytest.raises(Refused, match="^max_unavailable is '0%': write a number of nodes"):
        read({**GIVEN, "kubernetes": True, "max_unavailable": "0%"})
