"""
What the states before have foretold.
"""

import pytest
from containerd_formula.predictions import failed, foretold, has, planned

RUNNING = {
    "service_|-containerd service is running_|-containerd_|-running": {"result": None},
    "service_|-ssh_|-ssh_|-running": {"result": True},
}


@pytest.mark.parametrize(
    ("function", "name", "told"),
    [
        ("service.running", "containerd", True),
        ("service.running", None, True),
        ("service.running", "ssh", False),
        ("service.dead", "containerd", False),
        ("file.running", "containerd", False),
    ],
)
def test_only_the_state_that_is_meant_counts(function, name, told):
    assert foretold(RUNNING, function, name) is told


@pytest.mark.parametrize(
    ("function", "name", "told"),
    [
        ("service.running", "containerd", True),
        ("service.running", "ssh", False),
        ("service.dead", "containerd", False),
        ("file.running", "containerd", False),
    ],
)
def test_only_the_state_that_is_meant_is_planned(function, name, told):
    chunks = [{"state": "service", "fun": "running", "name": "containerd"}, {"state": "x"}]
    assert planned(chunks, function, name) is told
    # A state that was applied by itself.
    assert planned({}, function, name) is False


def test_a_state_that_failed_is_named():
    tag = "containerd_toml_|-containerd configuration is managed_|-/etc/a_|-managed"
    for result, name in ((False, "/etc/a"), (True, None), (None, None)):
        assert failed({**RUNNING, tag: {"result": result}}, "containerd_toml.managed") == name


@pytest.mark.parametrize(
    ("states", "found"),
    [(["file.managed", "service.running"], True), (["service.dead"], False), ([], False)],
)
def test_a_run_has_a_state_with_one_of_some_functions(states, found):
    assert has([{"state": "test", "fun": "nop"}, {"state": "service", "fun": "running"}], states) is found
