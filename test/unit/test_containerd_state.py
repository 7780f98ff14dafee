"""
What a dry run of the service's states says, given what the states before it have said.
"""

import pytest
from support import load

INSTALLED = (
    "containerd_package_|-containerd package is installed_|-containerd package is installed_|-installed"
)
RUNNING = "service_|-containerd service is running_|-containerd_|-running"
SSH = "service_|-ssh_|-ssh_|-running"


@pytest.fixture
def states():
    module = load("_states/containerd.py")
    module.__opts__ = {"test": True}
    module.__grains__ = {"os_family": "Debian"}
    module.__salt__ = {
        "containerd_service.enabled": lambda: "",
        "containerd_change.pending": lambda: ["/etc/containerd/config.toml"],
    }
    return module


@pytest.mark.parametrize(
    ("family", "before", "changes"),
    [
        ("Debian", {INSTALLED: {"result": None}}, {}),
        ("Debian", {INSTALLED: {"result": True}}, {"containerd": {"old": "disabled", "new": "enabled"}}),
        ("RedHat", {INSTALLED: {"result": None}}, {"containerd": {"old": "disabled", "new": "enabled"}}),
    ],
)
def test_only_a_package_of_debian_enables_its_service(states, family, before, changes):
    states.__grains__ = {"os_family": family}
    states.__running__ = before
    ret = states.enabled("x")
    assert (ret["result"], ret["changes"]) == (None, changes)


@pytest.mark.parametrize(
    ("before", "result"),
    [({RUNNING: {"result": None}}, True), ({RUNNING: {"result": True}, SSH: {"result": None}}, None)],
)
def test_one_restart_is_predicted_once(states, before, result):
    states.__running__ = before
    ret = states.restarted("x")
    assert (ret["result"], bool(ret["changes"])) == (result, result is None)


@pytest.mark.parametrize(
    ("unit", "words"),
    [
        ({}, "systemd does not run here"),
        ({"ActiveState": "inactive"}, "The daemon does not run: it reads the files"),
        ({"ActiveState": "failed"}, "The daemon does not run: it reads the files"),
        ({"ActiveState": "active"}, "No restart is pending: the daemon has read each change"),
    ],
)
@pytest.mark.parametrize("test", [False, True])
def test_of_a_daemon_that_does_not_run_nothing_is_said(states, unit, words, test):
    states.__opts__ = {"test": test}
    states.__salt__["containerd_change.pending"] = list
    states.__salt__["containerd_service.properties"] = lambda: unit
    ret = states.restarted("x")
    assert (ret["result"], ret["changes"]) == (True, {})
    assert words in ret["comment"]


@pytest.mark.parametrize("cri", [True, False])
def test_the_states_ask_for_cri_as_they_are_told(states, cri):
    asked = []

    def ready(timeout, address, cri):
        asked.append(cri)
        return {"reason": "it does not answer"}

    states.__opts__ = {"test": False}
    states.__salt__.update(
        {
            "containerd_daemon.ready": ready,
            "containerd_service.last_words": str,
            "containerd_service.properties": dict,
            "containerd_service.restart": lambda: True,
            "containerd_change.tried": lambda: ["/a"],
            "containerd_change.roll_back": lambda reason: {"/a": {"old": "rejected", "new": "previous"}},
            "containerd_change.copies": lambda path: {"rejected": "/b"},
        }
    )
    assert states.ready("x", timeout=0, cri=cri)["result"] is False
    assert states.rolled_back("x", timeout=0, cri=cri)["result"] is False
    assert asked == [cri] * 3


def test_a_start_that_is_foretold_is_not_said_to_have_been(states):
    states.__running__ = {RUNNING: {"result": None}}
    states.__salt__["containerd_change.pending"] = list
    states.__salt__["containerd_service.properties"] = lambda: {"ActiveState": "active"}
    assert "This run would start the daemon" in states.restarted("x")["comment"]
