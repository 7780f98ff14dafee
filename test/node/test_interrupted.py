"""
It never breaks a node: runs that are killed at any moment, and many changes in a row.

One node, of the first Salt release. The counts are small here: ``make test-reliability`` has the full.
"""

import os
import threading

import pytest
from lab.cri import Cri
from support.interruptions import SEED, converges, moment
from support.nodes import SALTS, SOCKET
from support.site import CONFIG, MANAGED, RESTARTED, RUNNING, settings

pytestmark = [
    pytest.mark.parametrize("node", SALTS[:1], indirect=True),
    pytest.mark.usefixtures("the_container_survives"),
]

KILLS = int(os.environ.get("KILLS", "3"))
CHANGES = int(os.environ.get("CHANGES", "4"))


@pytest.fixture(scope="module")
def phases():
    """
    In which part of a run the kills were.
    """
    return set()


def test_a_run_that_is_killed_between_write_and_restart_is_ended_by_the_next(site, two_texts):
    site.converge(config={"oom_score": -500})
    pid = site.node.daemon_pid()
    inode = site.node.run(["stat", "-c", "%i", CONFIG]).stdout.strip()
    site.node.pillar(settings({"oom_score": -400}))
    site.node.begin()
    site.node.run(f'while [ "$(stat -c %i {CONFIG})" = {inode} ]; do :; done', timeout=300)
    site.node.kill()
    assert (site.text(), site.node.daemon_pid()) == (two_texts[1], pid)
    assert site.node.salt("containerd.status")["restart_pending"] is True
    ret = site.node.apply()
    assert set(ret.changed) == {RESTARTED}
    assert site.node.daemon_pid() != pid
    assert site.node.apply().changed == {}


@pytest.mark.parametrize("number", range(KILLS))
def test_a_run_that_is_killed_at_any_moment(site, two_texts, duration, phases, number):
    old, new = two_texts if site.text() == two_texts[0] else reversed(two_texts)
    site.node.pillar(settings({"oom_score": -400 if new == two_texts[1] else -500}))
    pid = site.node.daemon_pid()
    site.node.begin()
    threading.Event().wait(moment(number, KILLS, duration))
    site.node.kill()
    restarted = site.node.daemon_pid() != pid
    phase = "after the restart" if restarted else "before the write" if site.text() == old else "between"
    site.progress(f"kill {number} of seed {SEED}, {moment(number, KILLS, duration):.1f} s: {phase}")
    phases.add(phase)
    converges(site, two_texts)


def test_the_kills_hit_the_run_before_and_after_what_matters(phases):
    """
    Else the tests above would pass without having interrupted anything.
    """
    assert phases >= {"before the write", "after the restart"} or KILLS < 10


@pytest.mark.parametrize("number", range(CHANGES))
def test_each_of_many_changes_restarts_exactly_once(site, number):
    log = ["journalctl", "--boot", "--unit=containerd", "--output=cat", "--grep=^Started containerd"]
    before = len(site.node.run(log).stdout.splitlines())
    ret = site.apply({"oom_score": -900 + number})
    assert ret.failed == {}
    assert set(ret.changed) == {MANAGED, RUNNING}
    assert len(site.node.run(log).stdout.splitlines()) == before + 1


def test_the_pod_is_still_known_to_containerd(site):
    with Cri(site.node.machine.forward_socket(SOCKET)) as connection:
        assert [connection.container(name).pid for name in connection.containers()] == [site.pod[0]]
