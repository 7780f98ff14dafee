"""
Completion of commands on a node that is made of functions.
"""

import pytest
from salt.exceptions import CommandExecutionError
from support import load, wired

SAID = "complete -F _crictl crictl\n"


@pytest.fixture
def completions(tmp_path, monkeypatch):
    """
    The module on a node with a ctr and a crictl, whose packages bring no completion.
    """
    module = wired("containerd_completions")
    monkeypatch.setattr(module, "PACKAGED_COMPLETIONS", str(tmp_path / "packaged"))
    module.programs = {name: tmp_path / name for name in ("ctr", "crictl")}
    for path in module.programs.values():
        path.write_text("")
    paths = {name: str(path) for name, path in module.programs.items()}
    monkeypatch.setitem(module.__salt__, "containerd_command.path", paths.get)
    module.said = {"retcode": 0, "stdout": SAID, "stderr": ""}
    module.asked = []

    def run(*words):
        module.asked.append(words)
        return module.said

    monkeypatch.setitem(module.__salt__, "containerd_command.run", run)
    return module


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "etc"
    folder.mkdir()
    return folder


def write(completions, root, tool):
    (root / tool).write_text(completions.text(tool))


def test_a_plan_starts_no_tool(completions, root):
    planned = completions.plan(str(root), ["ctr", "crictl"])
    assert planned["write"] == {str(root / name): name for name in ("ctr", "crictl")}
    assert set(planned["changes"]) == set(planned["write"]) and completions.asked == []


def test_what_is_written_stays_until_the_tool_is_another(completions, root):
    write(completions, root, "crictl")
    assert completions.asked == [("crictl", "completion", "bash")]
    assert completions.plan(str(root), ["crictl"])["changes"] == {}
    completions.programs["crictl"].write_text("newer")
    change = {str(root / "crictl"): {"old": "outdated", "new": "written"}}
    assert completions.plan(str(root), ["crictl"])["changes"] == change


@pytest.mark.parametrize("name", ["crictl", "crictl.bash"])
def test_that_of_a_package_is_enough(completions, root, tmp_path, name):
    write(completions, root, "crictl")
    (tmp_path / "packaged").mkdir()
    (tmp_path / "packaged" / name).write_text("")
    planned = completions.plan(str(root), ["crictl"])
    assert planned["changes"] == {str(root / "crictl"): {"old": "present", "new": None}}
    assert planned["told"] == [f"crictl: its package brings {tmp_path}/packaged/{name}."]


def test_another_file_stays(completions, root):
    (root / "crictl").write_text(SAID)
    assert completions.plan(str(root), ["crictl"]) == {
        **{"write": {}, "changes": {}},
        "told": [f"crictl: {root}/crictl is another's, and stays."],
    }
    assert completions.plan(str(root), [])["changes"] == {}


def test_a_tool_that_is_not_there_is_told_and_one_that_comes_is_foretold(completions, root, monkeypatch):
    monkeypatch.setitem(completions.__salt__, "containerd_command.path", lambda _: None)
    assert completions.plan(str(root), ["nerdctl"])["told"] == ["nerdctl: it is not installed."]
    assert completions.plan(str(root), ["ctr"], ["ctr"])["write"] == {str(root / "ctr"): "ctr"}


def test_a_tool_that_others_could_change_is_not_run(completions, root):
    completions.programs["crictl"].chmod(0o777)
    with pytest.raises(CommandExecutionError, match="users other than root may write to .*/crictl. Correct"):
        completions.plan(str(root), ["crictl"])


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"retcode": 1, "stderr": "no such command\n"}, "crictl completion bash failed: no such command"),
        ({"stdout": "Usage:\n"}, "crictl completion bash printed no completion of bash"),
    ],
)
def test_a_tool_that_completes_nothing_is_told(completions, said, words):
    completions.said.update(said)
    with pytest.raises(CommandExecutionError, match=words):
        completions.text("crictl")


def test_a_dry_run_foretells_the_ctr_of_a_package(completions, root, monkeypatch):
    monkeypatch.setitem(completions.__salt__, "containerd_command.path", lambda _: None)
    state = load("_states/containerd_tools.py")
    state.__salt__, state.__opts__ = completions.__salt__, {"test": True}
    assert state.completed(str(root), ["ctr"])["changes"] == {}
    tag = "containerd_package_|-containerd package is installed_|-a_|-installed"
    state.__running__ = {tag: {"result": None, "changes": {}}}
    ret = state.completed(str(root), ["ctr"])
    assert (ret["result"], list(ret["changes"])) == (None, [str(root / "ctr")])
