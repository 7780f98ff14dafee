"""
Runtimes on a node that is made of functions: what is run when, what is noted, what people are told.
"""

import json
import os
import sys

import pytest
import yaml
from salt.exceptions import CommandExecutionError
from support import load, wired

RAN = {"ok": True, "how": "a container ran", "reason": ""}


@pytest.fixture
def node(tmp_path, monkeypatch):
    """
    The module on a node with crun and kata's shim, and a daemon of the installed release.
    """
    module = wired("containerd_runtimes")
    functions = module.__salt__
    for loaded in list(sys.modules.values()):
        if loaded.__name__.startswith("formula._modules."):
            loaded.__opts__ = {"root_dir": str(tmp_path / "root"), "test": False}
    for name in ("crun", "containerd-shim-runc-v2", "containerd-shim-kata-v2", "containerd"):
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o755)
    module.folder, module.asked, module.serving, module.answer = tmp_path, [], True, RAN

    def made(runtime, programs, is_serving):
        module.asked.append((runtime.name, is_serving))
        return module.answer

    replaced = {
        "containerd_daemon.search_path": lambda: (str(tmp_path),),
        "containerd_daemon.serves": lambda: module.serving,
        "containerd_proof.made": made,
        "containerd_release.installed": lambda: "2.1.9",
        "cmd.which": lambda name: str(tmp_path / name),
    }
    for name, function in replaced.items():
        monkeypatch.setitem(functions, name, function)
    module.given = {"crun": {"binary": str(tmp_path / "crun")}}
    return module


def loaded_opts(**opts):
    """
    Give all modules an option.
    """
    for loaded in list(sys.modules.values()):
        if loaded.__name__.startswith("formula._modules."):
            loaded.__opts__ = {**loaded.__opts__, **opts}


def test_what_is_proved_is_not_proved_again(node):
    assert node.proofs(node.given)["crun"]["new"]
    [file] = (node.folder / "root/var/lib/containerd-formula").iterdir()
    assert file.name == "proved.json" and file.stat().st_mode & 0o777 == 0o600
    found = node.proofs(node.given)["crun"]
    assert (found["new"], found["how"], node.asked) == (False, "a container ran", [("crun", True)])


@pytest.mark.parametrize("changed", ["crun", "containerd", "containerd-shim-runc-v2"])
def test_another_file_is_another_proof(node, changed):
    node.proofs(node.given)
    new = node.folder / "new"
    new.write_text("")
    new.chmod(0o755)
    os.replace(new, node.folder / changed)
    assert node.proofs(node.given)["crun"]["new"] and len(node.asked) == 2


def test_other_settings_are_another_proof(node):
    node.proofs(node.given)
    node.given["crun"]["options"] = {"NoPivotRoot": True}
    assert node.proofs(node.given)["crun"]["new"]


def test_a_failure_is_not_noted(node):
    node.answer = {"ok": False, "how": "", "reason": "it is too old"}
    assert not node.proofs(node.given)["crun"]["ok"]
    assert not node.proofs(node.given)["crun"]["ok"] and len(node.asked) == 2


def test_a_proof_without_a_daemon_is_done_again_once_one_answers(node):
    node.serving, node.answer = False, {"ok": True, "how": "it tells its version", "reason": "no daemon"}
    node.proofs(node.given)
    assert not node.proofs(node.given)["crun"]["new"]
    node.serving, node.answer = True, RAN
    assert node.proofs(node.given)["crun"]["how"] == "a container ran"
    assert node.asked == [("crun", False), ("crun", True)]


def test_a_shim_by_which_no_container_ran_is_not_tried_in_each_run(node):
    node.answer = {"ok": True, "how": "it is there", "reason": "no container ran: x"}
    given = {"kata": {}}
    assert node.proofs(given)["kata"]["new"] and not node.proofs(given)["kata"]["new"]


def test_a_damaged_note_is_none(node):
    node.proofs(node.given)
    [file] = (node.folder / "root/var/lib/containerd-formula").iterdir()
    for text in ("", "[]", "{", json.dumps({"crun": 5}), "[" * 100_000):
        file.write_text(text)
        assert node.proofs(node.given)["crun"]["new"]


def test_what_is_wrong_with_a_file_is_found_in_each_run(node):
    node.proofs(node.given)
    (node.folder / "crun").chmod(0o644)
    assert "is not executable: chmod 755" in node.proofs(node.given)["crun"]["reason"]
    (node.folder / "crun").chmod(0o775)
    assert "users other than root may write to" in node.proofs(node.given)["crun"]["reason"]
    (node.folder / "crun").unlink()
    found = node.proofs(node.given)["crun"]
    assert "is not on this node" in found["reason"] and found["missing"]
    (node.folder / "crun").mkdir()
    assert "is not a file" in node.proofs(node.given)["crun"]["reason"]


def test_a_file_that_a_package_should_have_brought_is_told_so(node):
    given = {"x": {"binary": "/nowhere/x", "package": "x-runtime"}}
    found = node.proofs(given)["x"]
    assert found["reason"] == (
        "/nowhere/x is not on this node: x-runtime does not bring it there; correct containerd:runtimes:x"
    )


def test_the_report_looks_and_runs_nothing(node, monkeypatch):
    monkeypatch.setitem(
        node.__salt__, "containerd_layers.runtimes", lambda: {**node.given, "y": {"binary": "/n"}}
    )
    [told] = node.told()
    assert told.startswith("y: /n is not on this node") and not node.asked


def test_a_runtime_of_the_configuration_is_proved_by_its_name(node, monkeypatch):
    runtimes = {"old": {"runtime_type": "io.containerd.runc.v2", "options": {"BinaryName": "crun"}}}
    dump = {"version": 2, "plugins": {"io.containerd.grpc.v1.cri": {"containerd": {"runtimes": runtimes}}}}
    monkeypatch.setitem(node.__salt__, "containerd_document.dump", lambda: dump)
    monkeypatch.setitem(node.__salt__, "containerd_layers.runtimes", lambda: node.given)
    assert node.prove() == {"old": RAN, "crun": RAN}
    assert node.prove("old") == {"old": RAN} and node.prove("crun", node.given) == {"crun": RAN}
    with pytest.raises(CommandExecutionError, match="no runtime 'crum' in pillar .*: there is old, crun"):
        node.prove("crum")
    with pytest.raises(CommandExecutionError, match="no runtime a list in pillar"):
        node.prove(["crun"])
    names = [one["handler"] for one in yaml.safe_load_all(node.runtime_classes())]
    assert names == ["crun", "old"]


def test_without_containerd_nothing_is_proved(node, monkeypatch):
    monkeypatch.setitem(node.__salt__, "containerd_release.installed", lambda: None)
    with pytest.raises(CommandExecutionError, match="containerd is not installed: apply containerd.package"):
        node.prove("crun", node.given)
    assert node.check({"crun": {"binari": "x"}})[0]["level"] == "error"


def test_an_sls_without_runtimes_has_none(monkeypatch):
    module = wired("containerd_layers")
    monkeypatch.setitem(module.__salt__, "state.show_top", dict)
    chunks = [{"state": "containerd_runtimes", "fun": "specs_managed", "runtimes": {}}]
    monkeypatch.setitem(module.__salt__, "state.show_low_sls", lambda *_, **__: chunks)
    assert module.runtimes() == {}
    chunks.append({"state": "containerd_runtimes", "fun": "proved", "runtimes": {"crun": {}}})
    assert module.runtimes() == {"crun": {}}
    chunks[:] = ["Rendering failed"]
    with pytest.raises(CommandExecutionError, match="containerd.runtimes does not render here"):
        module.runtimes()


@pytest.fixture
def state(node):
    module = load("_states/containerd_runtimes.py")
    module.__opts__, module.__running__, module.__salt__ = {"test": False}, {}, node.__salt__
    node.__salt__["containerd_release.note"] = lambda: None
    module.node = node
    return module


def test_a_proof_changes_nothing(state):
    ret = state.proved("x", state.node.given)
    assert (ret["result"], ret["changes"]) == (True, {})
    assert ret["comment"] == "crun is proved: a container ran."
    assert state.proved("x", state.node.given)["comment"] == "crun is proved already: a container ran."
    assert state.proved("x", {})["result"] is True


def test_all_that_fail_are_told_at_once(state):
    ret = state.proved("x", {**state.node.given, "a": {"binary": "/a"}, "b": {"binary": "/b"}})
    assert (
        ret["result"] is False and ret["comment"].count("fails its proof, so its pods would not start") == 2
    )
    assert state.proved("x", {"a": {"binari": "/a"}})["result"] is False


def foretell(state, function):
    module, _, name = function.partition(".")
    state.__running__ = {f"{module}_|-id_|-name_|-{name}": {"result": None}}


@pytest.mark.parametrize(
    ("foretold", "given", "result"),
    [
        ("containerd_runtimes.installed", {"binary": "/a", "package": "a"}, True),
        ("containerd_runtimes.installed", {"binary": "/a"}, False),
        ("containerd_package.installed", {"binary": "/a"}, True),
        ("file.managed", {"binary": "/a", "package": "a"}, False),
        ("containerd_runtimes.installed", {"binary": "/a", "package": "a", "options": {"Rot": ""}}, False),
    ],
)
def test_a_preview_excuses_what_the_run_would_bring(state, foretold, given, result):
    loaded_opts(test=True)
    state.__opts__["test"] = True
    foretell(state, foretold)
    ret = state.proved("x", {"a": given})
    assert ret["result"] is result and ("would be proved once it is installed" in ret["comment"]) is result
    state.__opts__["test"] = False
    assert state.proved("x", {"a": given})["result"] is False


def test_a_preview_notes_nothing_and_asks_no_daemon(state, monkeypatch):
    loaded_opts(test=True)
    state.__opts__["test"] = True
    for name in ("containerd_daemon.serves", "containerd_release.note"):
        monkeypatch.delitem(state.__salt__, name)
    assert state.proved("x", state.node.given)["result"] is True
    assert not (state.node.folder / "root").exists()
    monkeypatch.setitem(state.__salt__, "containerd_release.installed", lambda: None)
    assert "once containerd is installed" in state.proved("x", state.node.given)["comment"]
