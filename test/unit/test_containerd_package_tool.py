"""
A command that the formula calls is installed where it is missing.
"""

import pytest
from salt.exceptions import CommandExecutionError
from support import load


@pytest.fixture
def state():
    """
    The state on a node that lacks the command.
    """
    module = load("_states/containerd_package.py")
    module.__opts__ = {"test": False}
    module.__salt__ = {"cmd.which": lambda name: None, "containerd_package.cure": lambda: module.cure}
    module.cure = ""
    changes = {"bubblewrap": {"old": "", "new": "0.8.0-2"}}
    module.__states__ = {
        "pkg.installed": lambda name: {"name": name, "result": True, "changes": changes, "comment": ""}
    }
    return module


def test_what_is_there_costs_nothing(state):
    state.__salt__["cmd.which"] = lambda name: f"/usr/bin/{name}"
    state.__states__ = {}
    ret = state.tool_installed("bwrap", "bubblewrap")
    assert (ret["result"], ret["changes"]) == (True, {})


def test_a_dry_run_foretells_the_package_and_asks_nobody(state):
    state.__opts__ = {"test": True}
    state.__states__ = {}
    ret = state.tool_installed("bwrap", "bubblewrap")
    assert (ret["result"], list(ret["changes"])) == (None, ["bubblewrap"])


def test_what_is_missing_is_installed(state):
    ret = state.tool_installed("bwrap", "bubblewrap")
    assert (ret["name"], ret["result"], list(ret["changes"])) == ("bwrap", True, ["bubblewrap"])


@pytest.mark.parametrize("needed", [True, False])
@pytest.mark.parametrize("raises", [True, False])
def test_what_cannot_be_installed_is_said_and_fails_where_it_is_needed(state, needed, raises):
    def installed(name):
        if raises:
            raise CommandExecutionError("no repository has it")
        return {"name": name, "result": False, "changes": {}, "comment": "no repository has it"}

    state.__states__["pkg.installed"] = installed
    ret = state.tool_installed("bwrap", "bubblewrap", needed=needed)
    assert ret["result"] is not needed
    assert ret["comment"] == "bubblewrap cannot be installed, and bwrap is missing: no repository has it"
    state.cure = " /usr is mounted read-only."
    ret = state.tool_installed("bwrap", "bubblewrap", needed=needed)
    assert ret["comment"].endswith("no repository has it /usr is mounted read-only.")
