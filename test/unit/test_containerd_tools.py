"""
Files for people at the node's shell, on a node that is made of functions.
"""

import os

import pytest
from salt.exceptions import CommandExecutionError
from support import load, wired

SOCKET = "unix:///run/mine.sock"


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text('version = 2\n[grpc]\naddress = "/run/mine.sock"\n')
    return path


@pytest.fixture
def tools(config, monkeypatch):
    module = wired("containerd_tools")
    monkeypatch.setattr(module, "CONFIG", str(config))
    return module


@pytest.fixture
def path(tmp_path):
    return tmp_path / "crictl.yaml"


def test_the_socket_is_that_of_the_file_and_no_program_is_started(tools, path, monkeypatch):
    monkeypatch.delitem(tools.__salt__, "cmd.run_all")
    planned = tools.plan(str(path), "crictl", {"timeout": 2})
    assert planned["changes"] == {
        "runtime-endpoint": {"old": None, "new": SOCKET},
        "image-endpoint": {"old": None, "new": SOCKET},
        "timeout": {"old": None, "new": 2},
    }


def test_where_a_file_is_imported_containerd_tells_what_wins(tools, path, config, monkeypatch):
    drop_in = config.with_name("other.toml")
    drop_in.write_text('version = 2\n[grpc]\naddress = "/run/other.sock"\n')
    config.write_text(f'imports = ["{drop_in}"]\n{config.read_text()}')
    shown = {"version": 2, "grpc": {"address": "/run/other.sock"}}
    monkeypatch.setitem(tools.__salt__, "containerd_document.dump", lambda _: shown)
    assert "unix:///run/other.sock" in tools.plan(str(path), "crictl")["text"]


def test_without_a_configuration_it_is_containerds_own_default(tools, path, config):
    config.unlink()
    assert "unix:///run/containerd/containerd.sock" in tools.plan(str(path), "crictl")["text"]


def test_a_file_of_somebody_else_stays_unless_pillar_says_so(tools, path):
    path.write_text("runtime-endpoint: unix:///run/theirs.sock\n")
    with pytest.raises(CommandExecutionError) as refused:
        tools.plan(str(path), "crictl")
    assert str(refused.value) == (
        f"{path} is another's, and stays as it is: set containerd:tools:crictl:replace to true, "
        "or manage to false."
    )
    changes = tools.plan(str(path), "crictl", replace=True)["changes"]
    # What it held is nobody's business.
    assert changes["file"] == {"old": "another's", "new": "replaced"} and "theirs" not in str(changes)


def test_one_that_says_the_same_is_left_alone(tools, path):
    path.write_text(f"# mine\nimage-endpoint: '{SOCKET}'\nruntime-endpoint: {SOCKET}\n")
    assert tools.plan(str(path), "crictl") == {"text": None, "changes": {}}
    assert not tools.is_ours(str(path))


def test_an_edit_is_undone(tools, path):
    path.write_text(tools.plan(str(path), "crictl")["text"] + "# a note\n")
    assert tools.plan(str(path), "crictl")["changes"] == {"file": {"old": "edited", "new": "as specified"}}


def test_a_file_that_others_could_change_is_not_written(tools, tmp_path):
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(CommandExecutionError, match="users other than root may write to"):
        tools.plan(str(folder / "crictl.yaml"), "crictl")


def test_a_folder_in_its_place_is_told(tools, tmp_path):
    for ask in (lambda: tools.plan(str(tmp_path), "crictl"),):
        with pytest.raises(CommandExecutionError, match="is not a regular file"):
            ask()
    assert tools.is_ours(str(tmp_path)) is False


@pytest.fixture
def state(tools):
    module = load("_states/containerd_tools.py")
    module.__salt__, module.__opts__ = tools.__salt__, {"test": True}
    module.__states__ = {"file.managed": lambda **given: {"result": None, "changes": {"diff": "a"}}}
    return module


def test_a_dry_run_has_the_socket_that_will_be(state, path):
    change = {"grpc.address": {"old": "/run/mine.sock", "new": "/run/new.sock"}}
    tag = "containerd_toml_|-containerd configuration is managed_|-/etc/containerd/config.toml_|-managed"
    state.__running__ = {tag: {"result": None, "changes": change}}
    ret = state.managed(str(path), "crictl", manage=True)
    assert (ret["result"], ret["comment"]) == (None, f"{path} would be written.")
    assert ret["changes"]["runtime-endpoint"] == {"old": None, "new": "unix:///run/new.sock"}
    # After a run it is in the file.
    state.__running__[tag]["result"] = True
    ret = state.managed(str(path), "crictl", manage=True)
    assert ret["changes"]["runtime-endpoint"]["new"] == SOCKET


def test_what_cannot_be_written_is_a_failure_in_words(state, path):
    state.__states__["file.managed"] = lambda **_: {"result": False, "changes": {}, "comment": "no space"}
    ret = state.managed(str(path), "crictl", manage=True)
    assert (ret["result"], ret["changes"], ret["comment"]) == (False, {}, "no space")
    ret = state.managed(str(path), "crictl", manage=True, config={"debugg": True})
    assert ret["result"] is False and "did you mean debug?" in ret["comment"]
    assert not os.path.exists(path)
