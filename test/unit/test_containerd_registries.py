"""
Registries on a node that is made of functions: what is written in which order, and what people are told.
"""

import os

import pytest
from containerd_formula import hosts_toml
from salt.exceptions import CommandExecutionError
from support import load, wired

PEM = "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----"
HOSTS = {"a.io": {"mirrors": [{"url": "m.io", "ca": "salt://ca.pem", "header": {"X": "hunter2"}}]}}


@pytest.fixture
def certs(monkeypatch):
    """
    The module on a node with a containerd of 2.1.9, whose ctr is not asked.
    """
    module = wired("containerd_certs")
    monkeypatch.setitem(module.__salt__, "containerd_release.installed", lambda: "2.1.9")
    monkeypatch.setattr(module, "_proof", lambda *_: ([], []))
    monkeypatch.setitem(module.__salt__, "containerd_fetch.content", lambda *_: PEM.encode())
    return module


def test_what_is_named_comes_before_and_goes_after_what_names_it(certs, tmp_path, monkeypatch):
    done = []
    for name in ("replace", "remove"):
        own = certs.__salt__[f"containerd_files.{name}"]
        monkeypatch.setitem(
            certs.__salt__,
            f"containerd_files.{name}",
            lambda path, *more, _own=own: (done.append(os.path.basename(path)), _own(path, *more)),
        )
    root = str(tmp_path / "certs.d")
    certs.apply(root, certs.plan(root, {"hosts": HOSTS}), [])
    assert done == ["ca-m.io.pem", "hosts.toml"]
    done.clear()
    (tmp_path / "certs.d/a.io/notes.txt").write_text("")
    certs.apply(root, certs.plan(root, {"hosts": {}}), [])
    assert done == ["hosts.toml", "ca-m.io.pem"] and os.listdir(f"{root}/a.io") == ["notes.txt"]


def test_a_folder_that_cannot_be_closed_is_an_error_in_words(certs, tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    root = str(tmp_path / "certs.d")
    plan = certs.plan(root, {"hosts": HOSTS})
    certs.apply(root, plan, [])
    monkeypatch.setattr(certs.os, "chmod", refuse)
    with pytest.raises(CommandExecutionError, match="a.io cannot be closed to others: Operation not"):
        certs.apply(root, {**plan, "files": {}}, [])


def test_an_authority_that_is_no_longer_named_goes_even_without_prune(certs, tmp_path):
    root = str(tmp_path / "certs.d")
    certs.apply(root, certs.plan(root, {"hosts": HOSTS}), [])
    plan = certs.plan(root, {"hosts": {"a.io": {"mirrors": ["m.io"]}}, "prune": False})
    assert plan["gone"] == ["a.io/ca-m.io.pem"]


def test_a_file_of_the_master_that_is_none_is_refused(certs, tmp_path, monkeypatch):
    monkeypatch.setitem(certs.__salt__, "containerd_fetch.content", lambda *_: b"\xff")
    with pytest.raises(CommandExecutionError, match="salt://ca.pem holds no PEM"):
        certs.plan(str(tmp_path / "certs.d"), {"hosts": HOSTS})


def test_an_older_containerd_has_no_files_and_loses_those_that_are_there(certs, tmp_path, monkeypatch):
    root = str(tmp_path / "certs.d")
    hosts = {"a.io": {"mirrors": ["m.io"]}}
    certs.apply(root, certs.plan(root, {"hosts": hosts}), [])
    monkeypatch.setitem(certs.__salt__, "containerd_release.installed", lambda: "1.4.13")
    plan = certs.plan(root, {"hosts": hosts})
    assert (plan["files"], plan["gone"]) == ({}, ["a.io/hosts.toml"])
    assert plan["warnings"] == [
        "containerd 1.4.13 has no hosts.toml: all this is in config.toml, which takes a restart."
    ]


def test_without_ctr_nothing_is_written(certs, tmp_path, monkeypatch):
    monkeypatch.undo()
    module = wired("containerd_certs")
    monkeypatch.setitem(module.__salt__, "containerd_release.installed", lambda: "2.1.9")
    monkeypatch.setitem(module.__salt__, "containerd_command.path", lambda name: None)
    with pytest.raises(CommandExecutionError, match="cannot be proved: ctr is not installed. Install it"):
        module.plan(str(tmp_path / "certs.d"), {"hosts": {"a.io": {"mirrors": ["m.io"]}}})


def test_the_proxies_of_the_daemon_are_asked_and_not_those_of_the_minion(certs, monkeypatch):
    text = 'HTTPS_PROXY="http://proxy.corp:3128"\n'
    monkeypatch.setitem(certs.__salt__, "containerd_certs_there.text", lambda _: text)
    found = certs._proxies()
    assert (found["HTTPS_PROXY"], found["http_proxy"]) == ("http://proxy.corp:3128", "")
    # In the run that sets them the file is not there yet, or is the old one.
    found = certs._proxies({"HTTPS_PROXY": "http://new.corp:3128", "NO_PROXY": ["a.corp", ".b.corp"]})
    assert (found["HTTPS_PROXY"], found["NO_PROXY"]) == ("http://new.corp:3128", "a.corp,.b.corp")
    assert set(certs._proxies({}).values()) == {""}


@pytest.fixture
def state():
    module = load("_states/containerd_registries.py")
    module.__opts__ = {"test": False}
    module.applied, module.is_read = [], True
    module.model = wired_model("warn")
    planned = {
        **{"files": {"a.io/hosts.toml": hosts_toml.File("", False)}, "gone": [], "warnings": []},
        **{"changes": {"a.io/hosts.toml": {}}, "wanted": {"a.io/hosts.toml": None}, "release": "2.1.9"},
    }
    module.planned, module.asked_with = planned, []

    def reached(*_, environment):
        module.asked_with.append(environment)
        return {"a.io": {"https://m.io": "it refuses connections"}}

    module.__salt__ = {
        "containerd_certs.plan": lambda *_: {**planned, "model": module.model},
        "containerd_certs.apply": lambda root, *_: module.applied.append(root),
        "containerd_certs.is_read": lambda root: module.is_read,
        "containerd_release.note": lambda: None,
        "containerd_registries.reached": reached,
        "containerd_registries.lost": load("_modules/containerd_registries.py").lost,
    }
    return module


def wired_model(check):
    from containerd_formula.registries import read

    return read({"hosts": {"a.io": {"mirrors": ["m.io"]}}, "check": check})


@pytest.mark.parametrize(("check", "result"), [("warn", True), ("fail", False), (False, True)])
def test_a_mirror_that_does_not_serve(state, check, result):
    state.model = wired_model(check)
    variables = {"HTTPS_PROXY": "http://proxy.corp:3128"}
    ret = state.managed("/c", {}, variables)
    assert state.asked_with == ([variables] if check else [])
    assert (ret["result"], state.applied) == (result, ["/c"] if result else [])
    assert ("a.io: https://m.io: it refuses connections." in ret["comment"]) == (check is not False)
    assert bool(ret["changes"]) == result


def test_a_dry_run_asks_no_mirror_and_writes_nothing(state):
    state.__opts__["test"] = True
    # Nor does it note anything.
    del state.__salt__["containerd_registries.reached"], state.__salt__["containerd_release.note"]
    ret = state.managed("/c", {})
    assert (ret["result"], state.applied, ret["changes"]) == (None, [], state.planned["changes"])


def test_without_containerd_only_a_preview_goes_on(state):
    state.planned["release"] = None
    assert "containerd is not installed" in state.managed("/c", {})["comment"]
    state.planned["warnings"].clear()
    state.__opts__["test"] = True
    ret = state.managed("/c", {})
    assert ret["result"] is None and "It is not known yet which containerd" in ret["comment"]


def test_files_that_nobody_reads_are_told_where_no_state_of_the_run_sees_to_it(state):
    assert "does not name this folder" not in state.managed("/c", {})["comment"]
    state.is_read = False
    assert "/etc/containerd/config.toml does not name this folder" in state.managed("/c", {})["comment"]
    state.planned["warnings"].clear()
    state.__lowstate__ = [
        {"state": "containerd_toml", "fun": "managed", "name": "/etc/containerd/config.toml"}
    ]
    assert "does not name this folder" not in state.managed("/c", {})["comment"]


def test_the_folder_that_a_configuration_names(monkeypatch):
    module = wired("containerd_certs")
    for text, read in (
        ("version = 2\n[plugins.'io.containerd.grpc.v1.cri'.registry]\nconfig_path = '/c'\n", True),
        ("version = 3\n[plugins.'io.containerd.cri.v1.images'.registry]\nconfig_path = '/c'\n", True),
        ("version = 3\n[plugins.'io.containerd.cri.v1.images'.registry]\nconfig_path = '/c:/d'\n", False),
        ("[", False),
    ):
        monkeypatch.setitem(module.__salt__, "containerd_files.text", lambda _, text=text: text)
        assert module.is_read("/c") is read


def test_files_of_the_node_that_others_could_change_are_refused(certs, tmp_path):
    (tmp_path / "ca.pem").write_text(PEM)
    (tmp_path / "ca.pem").chmod(0o666)
    hosts = {"a.io": {"mirrors": [{"url": "m.io", "ca": str(tmp_path / "ca.pem")}]}}
    with pytest.raises(CommandExecutionError, match="ca.pem: users other than root may write to"):
        certs.plan(str(tmp_path / "certs.d"), {"hosts": hosts})


def test_a_report_has_what_is_besides_and_what_does_not_serve(monkeypatch):
    module = wired("containerd_registries")
    functions = {
        "containerd_layers.registries": lambda: ({"hosts": HOSTS}, "base"),
        "containerd_release.installed": lambda: "2.1.9",
        "containerd_certs.foreign": lambda *_: ["x is another's."],
        "containerd_certs.asked": lambda *_: "it refuses connections",
    }
    for name, function in functions.items():
        monkeypatch.setitem(module.__salt__, name, function)
    assert module.told() == ["x is another's.", "a.io: https://m.io: it refuses connections."]
    monkeypatch.setitem(
        module.__salt__, "containerd_layers.registries", lambda: ({"hosts": HOSTS, "check": False}, "base")
    )
    assert module.told() == ["x is another's."]


def test_an_existing_file_becomes_pillar_without_its_secrets(monkeypatch):
    module = wired("containerd_registries")
    auth = {"username": "u", "password": "hunter2"}
    registry = {"configs": {"m.io": {"auth": auth}}, "mirrors": {"a.io": {"endpoint": ["https://m.io"]}}}
    config = {"plugins": {"io.containerd.grpc.v1.cri": {"registry": registry}}}
    monkeypatch.setitem(module.__salt__, "containerd_document.read", lambda _: config)
    answer = module.from_config("/c")
    assert answer["containerd"]["registries"]["hosts"] == {"a.io": {"mirrors": ["https://m.io"]}}
    assert "hunter2" not in str(answer) and "(secret)" in str(answer)
    assert module.from_config("/c", show_secrets=True)["containerd"]["registries"]["endpoints"]["m.io"] == {
        "auth": auth
    }


def test_what_the_oldest_cannot_have_is_said_before_a_run(monkeypatch):
    module = wired("containerd_registries")
    monkeypatch.setitem(module.__salt__, "containerd_release.installed", lambda: "1.4.13")
    given = {"hosts": {"a.io": {"mirrors": ["m.io"], "fallback": False}}}
    [found] = module.check(given)
    assert found["level"] == "error" and "asks the registry itself in the end" in found["message"]
    with pytest.raises(CommandExecutionError, match="asks the registry itself in the end"):
        module.explain(given)
    assert module.check({"hosts": {"a.io": {"mirrors": ["m.io"]}}}) == []
