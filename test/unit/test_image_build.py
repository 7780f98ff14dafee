"""
Where nothing may be started: what tells that, what a run makes of it, and what a package's scripts get.
"""

import os
import subprocess
import sys

import pytest
from salt.exceptions import CommandExecutionError
from support import functions_of, load
from test_containerd_package import Pkg, module, wire  # noqa: F401


@pytest.fixture
def service(tmp_path, monkeypatch):
    """
    The module over a booted systemd; ``asked`` is what systemctl is asked, and ``there`` whether it finds the
    condition then.
    """
    loaded = load("_modules/containerd_service.py")
    booted = tmp_path / "run/systemd/system"
    booted.mkdir(parents=True)
    loaded.condition = booted / "containerd.service.d/not-now.conf"
    monkeypatch.setattr(loaded.places, "SYSTEMD_BOOTED", str(booted))
    monkeypatch.setattr(loaded.places, "NOT_NOW", str(loaded.condition))
    monkeypatch.setattr(loaded, "FIRST_ROOT", "/")
    monkeypatch.setattr(loaded.salt.utils.path, "which", lambda name: name)
    loaded.asked, loaded.state = [], "inactive"

    def run(*argv):
        loaded.asked.append((argv[1], loaded.condition.exists()))
        return {"stdout": f"ActiveState={loaded.state}\n", "stderr": "", "retcode": 0}

    loaded.__salt__ = {**functions_of("containerd_files"), "containerd_command.run": run}
    return loaded


def test_a_booted_machine_can_start_something(service):
    assert service.why_not_booted() == ""


def test_without_systemd_s_folder_no_systemd_runs(service, monkeypatch):
    monkeypatch.setattr(service.places, "SYSTEMD_BOOTED", "/no/such/folder")
    assert service.why_not_booted() == "No systemd runs here"


def test_another_root_than_that_of_the_first_process_is_a_chroot(service, monkeypatch, tmp_path):
    """
    Also where a builder shows it the folder of its own systemd: systemctl would do nothing, and say it did.
    """
    monkeypatch.setattr(service, "FIRST_ROOT", str(tmp_path))
    assert service.why_not_booted() == "This is a chroot, whose systemd does not run"
    assert (service.properties(), service.reload(), service.asked) == ({}, False, [])
    # What nobody may see is no chroot.
    monkeypatch.setattr(service, "FIRST_ROOT", "/no/such/link")
    assert service.why_not_booted() == ""


def test_a_minion_with_mounts_of_its_own_is_in_no_chroot(tmp_path):
    """
    As systemd gives them to a unit with ProtectSystem: its root is the machine's, bound elsewhere.
    """
    code = f"""
from support import load
service = load("_modules/containerd_service.py")
service.places.SYSTEMD_BOOTED, service.FIRST_ROOT = "/", "/proc/{os.getpid()}/root"
print(repr(service.why_not_booted()))
"""
    within = 'mount --make-rprivate / && mount --rbind / "$0" && exec chroot "$0" "$@"'
    command = ["unshare", "--mount", "sh", "-c", within, str(tmp_path), sys.executable, "-c", code]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.stdout == "''\n", done.stderr


@pytest.mark.parametrize("state", ["inactive", "failed"])
def test_a_service_is_kept_from_starting_for_a_while(service, state):
    service.state = state
    with service.kept_from_starting():
        text = service.condition.read_text(encoding="utf-8")
        # It ends with a run that is killed.
        assert f"[Unit]\nConditionPathExists=!/proc/{os.getpid()}\n" in text
    assert service.asked == [("show", False), ("daemon-reload", True), ("daemon-reload", False)]
    assert not service.condition.parent.exists()


def test_what_fails_meanwhile_keeps_nothing(service):
    with pytest.raises(CommandExecutionError, match="no lists"), service.kept_from_starting():
        raise CommandExecutionError("no lists")
    assert not service.condition.parent.exists()
    assert service.asked[-1] == ("daemon-reload", False)


def test_conditions_of_others_stay(service):
    other = service.condition.with_name("other.conf")
    other.parent.mkdir()
    other.touch()
    with service.kept_from_starting():
        pass
    assert [*other.parent.iterdir()] == [other]


@pytest.mark.parametrize("state", ["active", "activating", "reloading"])
def test_a_service_that_runs_is_left_to_its_package(service, state):
    service.state = state
    with service.kept_from_starting():
        assert not service.condition.exists()
    assert service.asked == [("show", False)]


def test_in_a_tree_there_is_nobody_to_keep(service, monkeypatch):
    monkeypatch.setattr(service.places, "SYSTEMD_BOOTED", "/no/such/folder")
    with service.kept_from_starting():
        assert not service.condition.exists()
    assert service.asked == []


@pytest.mark.parametrize("start", [True, False])
def test_the_scripts_of_a_package_start_the_service_or_not(wire, service, start):  # noqa: F811
    pkg, seen = Pkg({}, {"c": ["1.7.24-1"]}), []
    state = wire(pkg)
    whole = state.__salt__["pkg.install"]

    def install(**options):
        seen.append(service.condition.exists())
        return whole(**options)

    state.__salt__["pkg.install"] = install
    state.__salt__["containerd_service.kept_from_starting"] = service.kept_from_starting
    ret = state.installed("x", ["c"], start=start)
    assert (ret["result"], seen, service.condition.exists()) == (True, [not start], False)


@pytest.fixture(params=[True, False], ids=["test", "live"])
def state(request, service):
    loaded = load("_states/containerd_service.py")
    loaded.__opts__ = {"test": request.param}
    loaded.__salt__ = {"containerd_service.why_not_booted": service.why_not_booted}
    return loaded


LIVE = [
    ("containerd", "ready"),
    ("containerd_kernel", "sysctls_set"),
    ("containerd_kernel", "modules_loaded"),
]


@pytest.mark.parametrize(("name", "function"), LIVE)
def test_a_run_that_starts_something_stops_where_nothing_can_be_started(state, monkeypatch, name, function):
    state.__lowstate__ = [{"state": "test", "fun": "nop"}, {"state": name, "fun": function}]
    assert state.can_start("x") == {"name": "x", "result": True, "changes": {}, "comment": "systemd runs."}
    monkeypatch.setattr("containerd_formula.places.SYSTEMD_BOOTED", "/no/such/folder")
    ret = state.can_start("x")
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"].startswith("No systemd runs here, so that containerd cannot be started")
    assert "set containerd:service:manage to false" in ret["comment"]


def test_a_run_that_starts_nothing_goes_on(state, monkeypatch):
    monkeypatch.setattr("containerd_formula.places.SYSTEMD_BOOTED", "/no/such/folder")
    state.__lowstate__ = [{"state": "containerd_toml", "fun": "managed"}]
    assert state.can_start("x")["comment"] == "This run starts nothing."
