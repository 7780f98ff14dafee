"""
A master and two minions, each on a node of its own: from a cold minion's first preview to an upgrade of the
formula under running minions. One of them does everything in one process. The tests run in this order.

The settings and the commands are those of docs/ways-in.md.
"""

import contextlib
import shlex

import pytest
import yaml
from support import ROOT
from support.fleet import Bus, Master
from support.nodes import SALTS, SUITE, container
from support.pages import block
from support.releases import Root

PAGE = "docs/ways-in.md"
V2 = "io.containerd.grpc.v1.cri"
MANAGED = "containerd configuration is managed"
SYNCED = "containerd Salt modules are synced"
LIBRARY = "containerd TOML library is installed"
MINIONS = ("node-many", "node-one")
SECRET, OTHER = "open-sesame-1", "open-sesame-2"
# A container may not lower this score where the host's root may not.
CRI = {"sandbox_image": "example.org/pause:1", "restrict_oom_score_adj": True}
EXTMODS = "ls /var/cache/salt/minion/extmods 2>/dev/null"
TOP = {
    "*": ["containerd"],
    "node-one": ["own"],
    "os:Debian": [{"match": "grain"}, "debian"],
    "os:Nothing": [{"match": "grain"}, "foreign"],
}


def pillar(secret):
    auth = {"username": "robot", "password": secret}
    registries = {"endpoints": {"harbor.corp": {"auth": auth}}, "hosts": {"harbor.corp": {}}}
    config = {"version": 2, "oom_score": -500, "plugins": {V2: CRI}}
    return {"containerd": {"package": {"source": "distro"}, "registries": registries, "config": config}}


def config(**values):
    return {"containerd": {"config": values}}


class Fleet:
    def __init__(self, master, minions):
        self.master, self.minions = master, minions
        self.bus = Bus(master)

    def pillar(self, secret=SECRET, own=None):
        """
        Write what all have, what one has by its name, what Debian has by a grain, and what none has.
        """
        one = {"containerd": {**config(oom_score=-600)["containerd"], **(own or {})}}
        files = {"own": one, "debian": config(debug={"level": "info"}), "foreign": config(oom_score=-1)}
        self.master.pillar(TOP, containerd=pillar(secret), **files)

    def apply(self, *arguments, function="state.apply", test=False):
        words = [*(arguments or (["containerd"] if function == "state.apply" else []))]
        runs = self.master.states(function, *words, *(["test=True"] if test else []))
        assert set(runs) == set(MINIONS)
        return runs

    def say(self, number):
        """
        Run a line of the page.
        """
        salt, target, *words = shlex.split(block(PAGE, "master: run").splitlines()[number])
        assert (salt, target) == ("salt", "*")
        return self.master.states(*words)

    def run(self, command):
        return {
            name: daemon.machine.run(command, check=False).stdout for name, daemon in self.minions.items()
        }


@pytest.fixture(scope="module", params=SALTS, ids=lambda salt: f"salt-{salt}")
def fleet(request, progress):
    with contextlib.ExitStack() as stack:
        machines = [
            stack.enter_context(container(SUITE, request.param, name, progress))
            for name in ("master", *MINIONS)
        ]
        roots = {**yaml.safe_load(block(PAGE, "master")), "pillar_roots": {"base": ["/srv/pillar"]}}
        machines[0].write("/srv/salt/top.sls", "base:\n  '*':\n    - containerd\n")
        master = Master(machines[0], **roots)
        master.give()
        minions = {
            machine.name: master.minion(machine, multiprocessing=machine.name != "node-one")
            for machine in machines[1:]
        }
        master.up(*minions)
        progress("master and minions are up")
        made = Fleet(master, minions)
        made.pillar()
        yield made


def test_the_first_preview_of_cold_minions_is_the_whole_one(fleet, progress):
    assert set(fleet.run(EXTMODS).values()) == {""}
    first = fleet.say(0)
    progress("first preview")
    for run in first.values():
        assert run.failed == {}
        assert run["containerd package is installed"]["result"] is None
        assert "written once containerd and tomlkit are installed" in run[MANAGED]["comment"]
        assert "is not ready now" in run["containerd is ready"]["comment"]
    second = fleet.apply(test=True)
    told = [
        {
            name: {ret["__id__"]: (ret["result"], ret["comment"]) for ret in run.states.values()}
            for name, run in runs.items()
        }
        for runs in (first, second)
    ]
    assert told[0] == told[1]
    assert set(fleet.run("command -v containerd; ls /etc/containerd").values()) == {""}


def test_one_command_makes_all_ready(fleet, progress):
    for run in fleet.say(1).values():
        assert run.failed == {}, run.failed
    progress("applied")
    for answer in fleet.master.salt("containerd.ready", "timeout=60").values():
        assert answer["ready"] is True, answer
    scores = {"node-many": -500, "node-one": -600}
    for name, wanted in scores.items():
        told = fleet.master.salt("containerd_toml.explain", "oom_score", target=name)[name]
        assert (told["oom_score"]["value"], told["oom_score"]["layer"]) == (wanted, "pillar"), told
    # Of a grain, and of the daemon itself.
    for name, dump in fleet.run("containerd config dump").items():
        assert f"oom_score = {scores[name]}\n" in dump
        assert 'level = "info"' in dump


def test_a_highstate_changes_nothing_then(fleet, progress):
    for run in fleet.apply(function="state.highstate").values():
        assert (run.failed, run.changed) == ({}, {})
    progress("highstate")


def test_an_upgrade_is_used_by_running_minions_in_the_run_that_brings_it(fleet, tmp_path, progress):
    """
    Library, modules and states; files that no minion has seen are among them.
    """
    before = {name: daemon.pid() for name, daemon in fleet.minions.items()}
    root = Root(tmp_path / "release", ROOT)
    told = root.upgrade()
    fleet.master.give(root.folder)
    for run in fleet.apply(test=True).values():
        assert (run.failed, run.changed) == ({}, {})
        assert run[LIBRARY]["comment"].endswith(told)
    progress("upgraded")
    assert all(mark in told for mark in fleet.master.salt("containerd_salt.mark").values())
    assert {name: daemon.pid() for name, daemon in fleet.minions.items()} == before


def test_a_fleet_report_of_all(fleet, progress):
    for name, report in fleet.master.salt("containerd.status").items():
        assert report["errors"] == [], (name, report)
        assert report["not_in_effect"] == {}
    progress("status")


def test_a_mistake_in_one_minion_s_pillar_stops_that_one(fleet, progress):
    fleet.pillar(own={"nope": 1, "token": OTHER})
    runs = fleet.apply()
    assert "containerd:nope is not a setting" in runs["node-one"].output
    assert (runs["node-many"].failed, runs["node-many"].changed) == ({}, {})
    progress("mistake")


def test_a_new_password_reaches_the_nodes_and_no_log(fleet, progress):
    """
    All of before is in the job cache, too: Salt keeps what every run said for a day.
    """
    fleet.pillar(secret=OTHER)
    for run in fleet.apply().values():
        assert run.failed == {}, run.failed
        assert MANAGED in run.changed
    progress("new password")
    for text in fleet.run("cat /etc/containerd/config.toml").values():
        assert OTHER in text
    jobs = fleet.master.run("find /var/cache/salt/master/jobs -type f | wc -l").stdout
    assert int(jobs) > 10
    places = "/var/cache/salt/master/jobs /var/log/salt"
    found = fleet.master.run(f"grep -rlaE '{SECRET}|{OTHER}' {places}", check=False).stdout
    assert found == ""
    events = fleet.bus.text()
    # It has seen the runs.
    assert "would be written" in events
    assert SECRET not in events
    assert OTHER not in events
    # Salt keeps a run's states with their arguments, for root alone.
    for name, found in fleet.run(f"grep -rlaE '{SECRET}|{OTHER}' /var/log /var/cache/salt").items():
        assert found == "/var/cache/salt/minion/highstate.cache.p\n", name
    modes = set(fleet.run("stat -c '%a %U' /var/cache/salt/minion/highstate.cache.p").values())
    assert modes == {"600 root\n"}
