"""
It never breaks a node: mistakes in the pillar, settings of the unit, and a service that others stop or mask.

One node, of the last Salt release. A pod runs from the first test to the last.
"""

import os
import time

import pytest
from lab.cri import Cri
from support.faults import known_to
from support.nodes import SALTS, SOCKET
from support.site import (
    CONFIG,
    DROP_IN,
    MANAGED,
    READY,
    READY_TIMEOUT,
    RESTARTED,
    ROLLED_BACK,
    RUNNING,
    SETTINGS,
    kept,
    settings,
)

pytestmark = [
    pytest.mark.parametrize("node", SALTS[-1:], indirect=True),
    pytest.mark.usefixtures("the_container_survives"),
]

# How many of the rows below are tried; make test-reliability tries them all.
ROWS_TRIED = int(os.environ.get("ROWS", "3"))

# Without one that no check knows, and one that cannot come to its trial start while a pod runs.
ROWS = {
    name: (config, words)
    for name, (_, config, words) in known_to("1.6.20").items()
    if name not in ("certificate missing", "root is state")
}


# --- mistakes in the pillar


@pytest.mark.parametrize("row", list(ROWS)[:ROWS_TRIED])
def test_each_mistake_is_refused_by_the_checks(site, row):
    config, _ = ROWS[row]
    before = site.identity()
    ret = site.apply(config)
    assert (ret.retcode, ret.changed) == (2, {})
    assert "is refused; nothing was changed." in ret[MANAGED]["comment"]
    assert "does not come up" not in ret[MANAGED]["comment"]
    assert site.identity() == before


@pytest.mark.parametrize("row", list(ROWS)[:ROWS_TRIED])
def test_each_mistake_is_refused_by_the_trial_start(site, blind, row):
    config, words = ROWS[row]
    before = site.identity()
    # A preview of one of them is enough.
    for test in (False, True) if row == next(iter(ROWS)) else (False,):
        ret = site.apply(config, test=test)
        assert (ret.retcode, ret.changed) == (2, {})
        assert "containerd does not come up with it (trial start)" in ret[MANAGED]["comment"]
        assert words in ret[MANAGED]["comment"]
    assert site.identity() == before


@pytest.mark.parametrize("row", list(ROWS)[:ROWS_TRIED])
def test_each_mistake_is_rolled_back_without_a_trial_start(site, blind, row):
    config, words = ROWS[row]
    before = site.text()
    started = time.monotonic()
    ret = site.apply(config, trial_start=False)
    took = time.monotonic() - started
    assert ret.retcode == 2
    comment = ret[ROLLED_BACK]["comment"]
    assert words in comment
    assert kept(CONFIG, "rejected") in comment
    assert "containerd is ready with the previous configuration." in comment
    assert ret[ROLLED_BACK]["changes"] == {CONFIG: {"old": "rejected", "new": "previous"}}
    assert set(ret.failed) & {RUNNING, READY}
    assert site.text() == before
    assert site.ready()
    assert words in site.node.run(["head", "-1", kept(CONFIG, "rejected")]).stdout
    assert took < READY_TIMEOUT + 60

    # The same once more would take the daemon down once more: it is refused before that.
    untouched = site.identity()
    again = site.apply(config, trial_start=False)
    assert "was rolled back before" in again[MANAGED]["comment"]
    assert site.identity() == untouched
    site.node.run(["rm", kept(CONFIG, "rejected")])


def test_without_a_previous_file_a_person_is_told_what_to_do(site, blind):
    site.converge()
    site.node.run(["rm", CONFIG, kept(CONFIG, "good")])
    ret = site.apply({"debug": {"level": "loud"}}, trial_start=False)
    assert ret.retcode == 2
    assert ret[ROLLED_BACK]["result"] is False
    assert f"move {CONFIG} away and restart containerd" in ret[ROLLED_BACK]["comment"]
    assert "loud" in ret[ROLLED_BACK]["comment"]
    site.converge()
    assert site.ready()


def test_root_does_not_move_from_under_running_containers(site):
    before = site.identity()
    ret = site.apply({"root": "/var/lib/other"})
    assert "root: 2 containers run on this node, and would be lost" in ret[MANAGED]["comment"]
    assert ret.retcode == 2
    assert site.identity() == before


# --- the service


def test_manual_restarts_nothing_and_says_so_until_it_happened(site):
    site.converge()
    pid = site.node.daemon_pid()
    ret = site.apply({"oom_score": -4}, restart="manual")
    assert ret.failed == {}
    assert set(ret.changed) == {MANAGED}
    for _ in range(2):
        again = site.apply({"oom_score": -4}, restart="manual")
        assert again.changed == {}
        assert "Restart pending: the daemon has not read the change" in again[RESTARTED]["comment"]
        assert site.node.daemon_pid() == pid
    assert site.node.salt("containerd.status")["restart_pending"] is True
    # The restart for the new change is that for the old one too, and foretold once.
    predicted = site.apply({"oom_score": -5}, test=True)
    assert (set(predicted.changed), predicted[RUNNING]["result"]) == ({MANAGED}, None)
    site.node.run(["systemctl", "restart", "containerd"])
    assert site.node.salt("containerd.status")["restart_pending"] is False
    again = site.apply({"oom_score": -4}, restart="manual")
    assert "Restart pending" not in again[RESTARTED]["comment"]


def test_settings_of_the_unit_come_take_effect_and_go(site):
    site.converge()
    wanted = {
        "environment": {
            "HTTPS_PROXY": "http://site:hunter2@proxy.example.org:3128",
            "NO_PROXY": [".svc", "10.0.0.0/8"],
        },
        "limits": {"LimitNOFILE": 16384},
        "directives": {"Service": {"CPUWeight": 500}},
    }
    changes = {
        "environment.HTTPS_PROXY": {"old": None, "new": "http://(secret)@proxy.example.org:3128"},
        "environment.NO_PROXY": {"old": None, "new": ".svc,10.0.0.0/8"},
        "Service.LimitNOFILE": {"old": None, "new": "16384"},
        "Service.CPUWeight": {"old": None, "new": "500"},
    }
    predicted = site.apply(test=True, **wanted)
    pid = site.node.daemon_pid()
    ret = site.apply(**wanted)
    assert predicted.changed[SETTINGS] == ret.changed[SETTINGS] == changes
    assert set(ret.changed) == {SETTINGS, RUNNING}
    assert "hunter2" not in ret.output
    new = site.node.daemon_pid()
    assert new != pid
    environment = site.node.machine.read(f"/proc/{new}/environ").split("\0")
    assert "HTTPS_PROXY=http://site:hunter2@proxy.example.org:3128" in environment
    assert "NO_PROXY=.svc,10.0.0.0/8" in environment
    assert "16384" in site.node.run(f"grep 'open files' /proc/{new}/limits").stdout
    assert "hunter2" not in site.node.run(["systemctl", "show", "containerd"]).stdout
    assert site.apply(**wanted).changed == {}

    gone = site.apply()
    assert gone.changed[SETTINGS]["Service.CPUWeight"] == {"old": "500", "new": None}
    assert (
        site.node.run(
            f"ls {os.path.dirname(DROP_IN)}/*.conf {os.path.dirname(DROP_IN)}/*.env", check=False
        ).stdout
        == ""
    )
    assert "HTTPS_PROXY" not in site.node.machine.read(f"/proc/{site.node.daemon_pid()}/environ")


def test_a_line_that_systemd_would_ignore_is_refused(site):
    before = site.identity()
    ret = site.apply(limits={"LimitNOFIL": 1})
    assert (ret.retcode, ret.changed) == (2, {})
    assert "LimitNOFIL" in ret[SETTINGS]["comment"]
    assert site.identity() == before


def test_settings_that_keep_the_daemon_from_starting_are_rolled_back(site):
    site.converge()
    ret = site.apply(directives={"Service": {"ExecStartPre": "/bin/false"}})
    assert ret.retcode == 2
    assert ret[ROLLED_BACK]["changes"] == {DROP_IN: {"old": "rejected", "new": "previous"}}
    assert "containerd is ready with the previous configuration." in ret[ROLLED_BACK]["comment"]
    assert site.ready()
    untouched = site.identity()
    again = site.apply(directives={"Service": {"ExecStartPre": "/bin/false"}})
    assert "were rolled back before" in again[SETTINGS]["comment"]
    assert (again.changed, site.identity()) == ({}, untouched)
    site.node.run(["rm", kept(DROP_IN, "rejected")])


def test_two_changes_that_fail_together_are_not_tried_again(site):
    """
    A configuration that is right, and settings of the unit that keep the daemon from starting.
    """
    site.converge()
    wrong = {"directives": {"Service": {"ExecStartPre": "/bin/false"}}}
    ret = site.apply({"oom_score": -9}, **wrong)
    changes = {path: {"old": "rejected", "new": "previous"} for path in (CONFIG, DROP_IN)}
    assert ret[ROLLED_BACK]["changes"] == changes
    assert site.ready()
    untouched = site.identity()
    again = site.apply({"oom_score": -9}, **wrong)
    assert "was rolled back before" in again[MANAGED]["comment"]
    assert (again.retcode, again.changed, site.identity()) == (2, {}, untouched)
    # One of the two without the other is something else.
    assert site.apply({"oom_score": -9}).failed == {}
    again = site.apply({"oom_score": -9}, **wrong)
    assert "were rolled back before" in again[SETTINGS]["comment"]
    assert again.changed == {}
    assert site.ready()
    site.node.run(["rm", kept(CONFIG, "rejected"), kept(DROP_IN, "rejected")])


def test_a_daemon_that_is_ready_is_not_rolled_back_because_something_else_failed(site):
    """
    The change was made without a restart, somebody restarted, and then a state failed.
    """
    site.converge()
    site.apply({"oom_score": -8}, restart="manual")
    site.node.run(["systemctl", "restart", "containerd"])
    before = site.identity()
    ret = site.apply({"oom_score": -8}, limits={"LimitNOFIL": 1})
    assert ret.retcode == 2
    assert "something else failed" in ret[ROLLED_BACK]["comment"]
    assert site.identity() == before
    assert site.node.run(["ls", kept(CONFIG, "rejected")], check=False).returncode != 0


def test_a_roll_back_that_is_killed_is_ended_by_the_next_run(site, blind):
    site.converge()
    right = site.text()
    site.node.pillar(settings(ROWS["default runtime missing"][0], trial_start=False))
    site.node.begin()
    rejected, good = kept(CONFIG, "rejected"), kept(CONFIG, "good")
    site.node.run(f"until [ -e {rejected} ] && cmp -s {CONFIG} {good}; do :; done", timeout=300)
    site.node.kill()
    assert site.text() == right
    site.node.run(["rm", kept(CONFIG, "rejected")])
    assert site.apply().failed == {}
    assert site.ready()


def test_a_socket_elsewhere_is_where_the_daemon_is_asked(site):
    site.converge()
    ret = site.apply({"grpc": {"address": "/run/site/containerd.sock"}})
    assert ret.failed == {}
    assert site.ready()
    assert site.converge().failed == {}


def test_a_service_that_a_person_stopped_is_started(site):
    site.converge()
    site.node.run(["systemctl", "stop", "containerd"])
    ret = site.apply()
    assert set(ret.changed) == {RUNNING}
    assert site.ready()


def test_a_service_that_a_person_masked_is_left_alone(site):
    site.converge()
    # A unit file of the distribution's: masking is a link in /etc.
    site.node.run(["systemctl", "mask", "containerd"])
    pid = site.node.daemon_pid()
    ret = site.apply()
    assert ret.retcode == 2
    assert "systemctl unmask containerd" in ret["containerd service is enabled"]["comment"]
    assert site.node.daemon_pid() == pid
    site.node.run(["systemctl", "unmask", "containerd"])
    assert site.converge().changed == {}


def test_two_runs_at_once(site):
    site.converge()
    pid = site.node.daemon_pid()
    site.node.pillar(settings({"oom_score": -5}))
    site.start()
    other = site.node.run(
        ["salt-call", "--out=json", "--retcode-passthrough", "state.apply", "containerd"], check=False
    )
    site.wait("the first run", "test -e /tmp/run.end")
    first = site.node.run("cat /tmp/run.out").stdout
    ran = f'"__id__": "{MANAGED}"'
    assert ran in first, first
    assert ran in other.stdout or "is running as PID" in other.stdout, other.stdout
    assert site.node.daemon_pid() != pid
    assert site.converge(config={"oom_score": -5}).changed == {}


# --- the last one, since the pod ends here


def test_root_and_state_in_one_place_are_refused_where_nothing_runs_too(site, blind):
    """
    Of the rows above, the one that running containers forbid before anything else does.
    """
    site.converge()
    with Cri(site.node.machine.forward_socket(SOCKET)) as connection:
        for pod in connection.pods():
            connection.remove_pod(pod)
    site.pod = None
    before = site.identity()
    ret = site.apply({"root": "/run/containerd"})
    assert "root and state" in ret[MANAGED]["comment"]
    assert site.identity() == before
    ret = site.apply({"root": "/run/containerd"}, trial_start=False)
    assert "containerd is ready with the previous configuration." in ret[ROLLED_BACK]["comment"]
    assert site.ready()
