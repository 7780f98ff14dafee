"""
What a person may give by mistake on a command line: a list as a path, text as a time. One clear message.
"""

import pytest
from salt.exceptions import CommandExecutionError
from support import load, salt_functions
from support.hostile import ANY

NO_PATHS = [["/a"], {"a": 1}, 5, None, True, "", "/a\0b"]
NO_TIMES = ["30s", "30", None, [30], {}, float("nan"), float("inf"), 10**400, True]
DEFAULT = "version = 2\noom_score = 0\n"


@pytest.fixture
def functions():
    """
    Return the formula's functions on a node whose containerd prints a default, and nothing more.
    """
    wired = salt_functions()
    wired["cmd.which"] = wired["containerd_command.path"] = lambda name: f"/usr/bin/{name}"
    wired["containerd_command.run"] = lambda *_, **__: {"retcode": 0, "stdout": DEFAULT, "stderr": ""}
    wired["containerd_sandbox.why_not"] = lambda: "no sandbox"
    return wired


@pytest.mark.parametrize("path", NO_PATHS, ids=str)
@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("containerd.trial_start", {}),
        ("containerd.status", {"overrides": {}}),
        ("containerd.drift", {"overrides": {}}),
        ("containerd_toml.read", {}),
        ("containerd_toml.get", {"key": "a"}),
        ("containerd_toml.plan", {"overrides": {}}),
        ("containerd_toml.explain", {"overrides": {}}),
        ("containerd_toml.minimal", {"beneath": {}}),
        ("containerd_daemon.config_dump", {}),
    ],
)
def test_what_is_no_path_is_told(functions, name, given, path):
    with pytest.raises(CommandExecutionError, match="is not a file path|it is not there"):
        functions[name](path=path, **given)


@pytest.mark.parametrize("timeout", NO_TIMES, ids=lambda value: repr(value)[:10])
@pytest.mark.parametrize(
    ("name", "parameter", "given"),
    [
        ("containerd.ready", "timeout", {}),
        ("containerd.trial_start", "timeout", {}),
        ("containerd_toml.plan", "trial", {"overrides": {}}),
    ],
)
def test_what_is_no_number_of_seconds_is_told(functions, tmp_path, name, parameter, given, timeout):
    path = {} if name == "containerd.ready" else {"path": str(tmp_path / "config.toml")}
    with pytest.raises(
        CommandExecutionError, match=f"^{parameter} is .*: write a number of seconds, such as"
    ):
        functions[name](**{parameter: timeout}, **path, **given)


def test_a_state_tells_it_in_its_comment(functions):
    state = load("_states/containerd.py")
    state.__salt__, state.__opts__ = functions, {"test": False}
    functions["containerd_service.last_words"] = lambda: ""
    functions["containerd_service.properties"] = dict
    ret = state.ready("x", timeout="60s")
    assert ret["result"] is False
    assert "timeout is '60s': write a number of seconds, such as 30." in ret["comment"]


@pytest.mark.parametrize("state", [5, ["/run"], {"a": 1}, True, "\0"], ids=repr)
def test_a_state_folder_that_is_none_has_no_containers(functions, state):
    assert functions["containerd_daemon.containers"](state) == []


@pytest.mark.parametrize("value", ANY.values(), ids=list(ANY))
def test_an_answer_is_one_line(functions, value):
    with pytest.raises(CommandExecutionError) as told:
        functions["containerd.trial_start"](path="/nonexistent", timeout=value)
    assert len(str(told.value)) < 1100
