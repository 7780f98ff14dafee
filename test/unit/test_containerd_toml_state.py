"""
What the state of the configuration says of a restart that no state of its run makes.
"""

import pytest
from salt.exceptions import CommandExecutionError
from support import load

NAME = "/etc/containerd/config.toml"
SERVICE = {"state": "service", "fun": "running", "name": "containerd"}
CHANGES = {"oom_score": {"old": 0, "new": 1}}
PLAN = {"awaits": [], "text": "", "write": True, "changes": CHANGES, "warnings": [], "secret": False}


@pytest.fixture
def states():
    module = load("_states/containerd_toml.py")
    module.__opts__ = {"test": False}
    module.__lowstate__ = []
    module.unit_is, module.files, module.applied = {"ActiveState": "active"}, [NAME], []
    module.__salt__ = {
        "containerd_change.take_over": lambda path: None,
        "containerd_change.apply": lambda path, text, **_: module.applied.append(path),
        "containerd_change.pending": lambda: module.files,
        "containerd_document.plan": lambda *_, **__: PLAN,
        "containerd_service.properties": lambda: module.unit_is,
    }
    return module


@pytest.mark.parametrize("write", [True, False], ids=["changed", "unchanged"])
def test_alone_it_leaves_a_restart_pending_and_says_so(states, write):
    states.__salt__["containerd_document.plan"] = lambda *_, **__: {**PLAN, "write": write}
    ret = states.managed(NAME)
    assert (ret["result"], states.applied) == (True, [NAME] if write else [])
    told = f"Restart pending: the daemon has not read {NAME}: apply containerd or containerd.service."
    assert ret["comment"].splitlines()[-1] == told


def test_a_preview_says_it_as_well(states):
    states.__opts__["test"] = True
    states.files, states._missing = [], str
    ret = states.managed(NAME)
    assert (ret["result"], states.applied) == (None, [])
    assert f"Restart pending: the daemon would not have read {NAME}" in ret["comment"]


def _raise():
    raise CommandExecutionError("no bus")


@pytest.mark.parametrize("why", ["the service is of this run", "no daemon", "nothing pending", "no answer"])
@pytest.mark.parametrize("test", [True, False])
def test_elsewhere_nothing_is_said(states, why, test):
    states.__opts__["test"] = test
    if why == "the service is of this run":
        states.__lowstate__ = [SERVICE]
    elif why == "no daemon":
        states.unit_is = {}
    elif why == "no answer":
        states.__salt__["containerd_service.properties"] = _raise
    elif test:
        states.__salt__["containerd_document.plan"] = lambda *_, **__: {**PLAN, "write": False}
        states.files = []
    else:
        states.files = []
    states._missing = str
    assert "Restart pending" not in states.managed(NAME)["comment"]
