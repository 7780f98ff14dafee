"""
It never breaks a node: runs that are killed, and power that is cut, at any moment; and many changes in a row.

One machine, of the first Salt release. The counts are small here: ``make test-reliability`` has the full.
"""

import os
import random
import threading
import time

import pytest
from conftest import SALTS, SOCKET
from lab.cri import Cri
from steady import CONFIG, MANAGED, RESTARTED, RUNNING, settings

pytestmark = [
    pytest.mark.parametrize("node", SALTS[:1], indirect=True),
    pytest.mark.usefixtures("the_container_survives"),
]

KILLS = int(os.environ.get("KILLS", "3"))
POWER_CUTS = int(os.environ.get("POWER_CUTS", "1"))
CHANGES = int(os.environ.get("CHANGES", "4"))
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 10**6)


@pytest.fixture(scope="module")
def two_texts(site):
    """
    What config.toml holds with one pillar and the other.
    """
    texts = []
    for score in (-500, -400):
        site.converge(config={"oom_score": score})
        texts.append(site.text())
    return texts


@pytest.fixture(scope="module")
def duration(site, two_texts):
    """
    How long a changing run takes, in seconds.
    """
    site.node.pillar(settings({"oom_score": -500}))
    started = time.monotonic()
    assert site.node.apply().failed == {}
    return time.monotonic() - started


def converges(site, texts):
    """
    Assert that the file is whole, and that the next run ends what was begun.
    """
    assert site.text() in texts
    ret = site.node.apply()
    assert ret.failed == {}, ret.failed
    assert site.node.apply().changed == {}
    report = site.node.salt("containerd.status")
    assert (report["not_in_effect"], report["restart_pending"], report["cri_ok"]) == ({}, False, True)
    return ret


def test_a_run_that_is_killed_between_write_and_restart_is_ended_by_the_next(site, two_texts):
    site.node.pillar(settings({"oom_score": -400}))
    pid = site.node.daemon_pid()
    inode = site.node.run(["stat", "-c", "%i", CONFIG]).stdout.strip()
    site.start()
    site.node.run(
        f'while [ "$(stat -c %i {CONFIG})" = {inode} ]; do :; done; pkill -KILL salt-call', timeout=120
    )
    assert (site.text(), site.node.daemon_pid()) == (two_texts[1], pid)
    assert site.node.salt("containerd.status")["restart_pending"] is True
    ret = site.node.apply()
    assert set(ret.changed) == {RESTARTED}
    assert site.node.daemon_pid() != pid
    assert site.node.apply().changed == {}


@pytest.mark.parametrize("number", range(KILLS))
def test_a_run_that_is_killed_at_any_moment(site, two_texts, duration, number):
    moment = random.Random(SEED + number).uniform(0, duration)
    site.progress(f"kill {number} of seed {SEED}: after {moment:.1f} s")
    other = -500 if site.text() == two_texts[1] else -400
    site.node.pillar(settings({"oom_score": other}))
    site.start()
    threading.Event().wait(moment)
    site.node.run("pkill -KILL salt-call", check=False)
    converges(site, two_texts)


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


@pytest.mark.parametrize("number", range(POWER_CUTS))
def test_a_power_cut_at_any_moment(site, two_texts, duration, number):
    """
    The pod ends with the power; it is not asked for any more.
    """
    moment = random.Random(SEED - number).uniform(duration / 2, duration)
    site.progress(f"power cut {number} of seed {SEED}: after {moment:.1f} s")
    site.converge(config={"oom_score": -500})
    site.node.pillar(settings({"oom_score": -400}))
    site.node.run(["sync"])
    site.start()
    threading.Event().wait(moment)
    site.node.machine.power_cut()
    site.pod = None
    assert site.ready()
    converges(site, two_texts)
