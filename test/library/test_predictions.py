"""
What the states before have foretold.
"""

import pytest
from containerd_formula.predictions import foretold, planned

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
