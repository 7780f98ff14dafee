"""
Nodes of one master, with containerd 1.6, 1.7 and 2.1: rolls that go well, and each that stops.

``FLEET`` is how many, three at least; what is marked ``fleet_whole`` needs six. The tests run in this order.
"""

import contextlib
import hashlib
import json
import os
import re
import subprocess

import pytest
from lab import debian, repository, wait
from support.fleet import SALT, Master
from support.kubectl import cluster
from support.nodes import SALTS, SUITE, TOMLKIT, container, tomlkit_wheel

RELEASES = {"a": "1.6.20", "b": "1.7.24", "c": "2.1.9"}
SUITES = {"1.6.20": "bookworm", "1.7.24": "trixie", "2.1.9": "forky"}
NODES = [
    f"{role}{number}" for role in RELEASES for number in range(1, int(os.environ.get("FLEET", 12)) // 3 + 1)
]
V2 = "io.containerd.grpc.v1.cri"
CRI = {"sandbox_image": "example.org/pause:1", "restrict_oom_score_adj": True}
WHEEL = f"tomlkit-{TOMLKIT}-py3-none-any.whl"
BROKEN = "/etc/systemd/system/containerd.service.d/99-broken.conf"
RUNC = "/opt/containerd-formula/runtimes/runc/runc"
whole = pytest.mark.fleet_whole
# Booting twelve nodes takes minutes, and little here depends on Salt.
FLEET_SALTS = os.environ.get("FLEET_SALTS", SALTS[-1]).split()


class Fleet:
    def __init__(self, master, machines, pillar):
        self.master, self.machines, self._base = master, machines, pillar
        self.minions = {}

    def pillar(self, score, versions=RELEASES, **roles):
        """
        Write one pillar for all, the version of each role, and what a role has besides.
        """
        config = {"version": 2, "oom_score": score, "plugins": {V2: CRI}}
        top, files = {"*": ["all"]}, {"all": {"containerd": {**self._base, "config": config}}}
        for role, version in versions.items():
            top[f"{role}*"] = [role]
            files[role] = {"containerd": {"package": {"version": version}, **roles.get(role, {})}}
        self.master.pillar(top, **files)

    def command(self, function, *words):
        return [f"{SALT}/salt-run", "--log-level=quiet", "--out=json", function, *words]

    def roll(self, *words, target="*"):
        """
        Return the exit code, what was told on the way, what became of each node, and the comment.
        """
        command = self.command("containerd.roll", target, "canary=1", "batch=4", *words)
        done = self.master.run(command, check=False, timeout=1500)
        return self.told(done.stdout, done.returncode)

    def told(self, stdout, retcode):
        at = f"\n{stdout}".index("\n{")
        answer = json.loads(stdout[at:])
        print(stdout[:at], answer["comment"])
        return retcode, stdout[:at], answer["nodes"], answer["comment"]

    def runc(self, suite):
        """
        Let pillar have the runc of a suite, alone.
        """
        program, name = debian.unpacked("runc", suite) / "usr/sbin/runc", f"runc-{suite}"
        self.master.machine.put(f"/srv/salt/{name}", program.read_bytes())
        self.master.run([f"{SALT}/salt-run", "--log-level=quiet", "fileserver.clear_file_list_cache"])
        archive = {"archive": f"salt://{name}", "sha256": repository.sha256(program)}
        self._base["runtimes"] = {"runc": archive}
        self.pillar(-200, dict.fromkeys("abc", "2.1.9"))

    def kubernetes(self, folder, version):
        """
        Give the master a stand-in for kubectl, and return the arguments that lead to it.
        """
        node = {"runtime": f"containerd://{version}", "ready": True}
        program, config = cluster(folder, *NODES, nodes=dict.fromkeys(NODES, node))
        self.master.machine.write("/srv/cluster.json", config.read_text("utf-8"))
        text = program.read_text("utf-8").partition("\n")[2]
        self.master.machine.write("/srv/kubectl", f"#!{SALT}/python3\n{text}")
        self.master.run(["chmod", "+x", "/srv/kubectl"])
        return ["kubectl=/srv/kubectl", "kubeconfig=/srv/cluster.json", "soak=0"]

    def table(self):
        done = self.master.run(self.command("containerd.fleet"), check=False, timeout=300)
        return json.loads(done.stdout)["nodes"]

    def starts(self):
        log = ["journalctl", "--boot", "--unit=containerd", "--output=cat"]
        return {name: m.run(log).stdout.count("Started containerd") for name, m in self.machines.items()}

    @contextlib.contextmanager
    def deaf(self, name):
        send = "systemctl kill --kill-who=all --signal={} salt-minion"
        self.machines[name].run(send.format("STOP"))
        try:
            yield
        finally:
            self.machines[name].run(send.format("CONT"))

    @contextlib.contextmanager
    def broken(self, name):
        """
        Keep the daemon of a node from coming up at its next start.
        """
        machine = self.machines[name]
        machine.write(BROKEN, "[Service]\nExecStartPre=/bin/false\n")
        machine.run("systemctl daemon-reload")
        try:
            yield
        finally:
            machine.run(f"rm {BROKEN} && systemctl daemon-reload")

    def mend(self, name):
        """
        Do what the page says of a node that was rolled back for a reason that was not its configuration's.
        """
        self.machines[name].run("rm -f /var/lib/containerd-formula/*.rejected")
        self.machines[name].run("systemctl reset-failed containerd; systemctl restart containerd")


@pytest.fixture(scope="module", params=FLEET_SALTS, ids=lambda salt: f"salt-{salt}")
def fleet(request, progress, tmp_path_factory):
    salt, folder = request.param, tmp_path_factory.mktemp("fleet")
    wheel = tomlkit_wheel(folder)[0]
    with contextlib.ExitStack() as stack:
        key = repository.Key(folder, "docker")
        stack.callback(key.close)
        server = stack.enter_context(repository.Server())
        docker = {
            "url": server.apt("docker", [repository.containerd_io(suite) for suite in SUITES.values()], key),
            "key": server.put("docker.asc", key.text),
            "fingerprints": [key.fingerprint],
        }
        machines = {
            name: stack.enter_context(container(SUITE, salt, name, progress)) for name in ("master", *NODES)
        }
        own = machines.pop("master")
        roots = ["/srv/salt", "/srv/formulas/containerd-formula"]
        own.write("/srv/salt/top.sls", "base:\n  '*':\n    - containerd\n")
        own.put(f"/srv/salt/{WHEEL}", wheel)
        master = Master(own, file_roots={"base": roots}, pillar_roots={"base": ["/srv/pillar"]}, timeout=20)
        master.give()
        sha256 = hashlib.sha256(wheel).hexdigest()
        made = Fleet(
            master,
            machines,
            {
                "package": {"docker": docker, "hold": True},
                "salt": {"wheel": f"salt://{WHEEL}", "wheel_sha256": sha256},
                "service": {"ready_timeout": 20},
            },
        )
        made.pillar(-500)
        for name, machine in machines.items():
            made.minions[name] = master.minion(machine)
        master.up(*NODES)
        progress(f"{len(NODES)} minions are up")
        done = master.run([f"{SALT}/salt-run", "--out=json", "saltutil.sync_all"])
        assert "runners.containerd" in done.stdout
        yield made


def test_bare_nodes_are_rolled_wave_by_wave(fleet, progress):
    code, told, nodes, comment = fleet.roll("test=True")
    assert code == 0, told
    waves = 1 + -(-(len(NODES) - 1) // 4)
    assert f"{len(NODES)} nodes: 0 already right, {len(NODES)} to change in {waves} waves" in told
    assert f"wave 1 of {waves}: a1" in told
    progress("preview of the fleet")
    code, told, nodes, comment = fleet.roll()
    assert (code, nodes) == (0, dict.fromkeys(NODES, "changed")), told
    progress("first roll")
    rows = fleet.table()
    assert {name: row["version"] for name, row in rows.items()} == {n: RELEASES[n[0]] for n in NODES}
    assert all(row["cri"] and not row["drift"] and not row["restart"] for row in rows.values()), rows


@whole
def test_a_change_of_all_restarts_each_once(fleet, progress):
    before = fleet.starts()
    fleet.pillar(-400)
    code, told, nodes, comment = fleet.roll()
    assert (code, comment) == (0, f"{len(NODES)} changed"), told
    assert f"  {NODES[-1]}  changed, restarted" in told
    assert fleet.starts() == {name: count + 1 for name, count in before.items()}
    code, told, nodes, comment = fleet.roll()
    assert (code, set(nodes.values())) == (0, {"already right"})
    progress("second roll")


def test_a_mistake_for_one_role_changes_nobody(fleet):
    fleet.pillar(-300, b={"config": {"oom_skore": 1}})
    code, told, nodes, comment = fleet.roll()
    assert code == 1 and "oom_skore" in nodes["b1"], nodes
    assert re.match("stopped: the plan of b1(, .*)? fails; nothing was changed", comment)
    assert {row["drift"] for name, row in fleet.table().items() if name[0] != "b"} == {1}


def test_a_canary_whose_daemon_does_not_come_up_is_the_end(fleet):
    fleet.pillar(-300)
    with fleet.broken("a1"):
        code, told, nodes, comment = fleet.roll()
    assert code == 1 and nodes["a1"].startswith("failed: containerd"), nodes
    assert {nodes[name] for name in NODES[1:]} == {"not tried"}
    # Not tried again until somebody looked at it.
    code, told, nodes, comment = fleet.roll("test=True")
    assert code == 1 and nodes["a1"].startswith(
        "failed: its plan fails: containerd configuration is managed:"
    )
    fleet.mend("a1")


@whole
def test_a_node_in_the_middle_is_and_the_next_roll_goes_on(fleet, progress):
    bad = NODES[2]
    with fleet.broken(bad):
        code, told, nodes, comment = fleet.roll()
    assert code == 1 and nodes[bad].startswith("failed: containerd"), nodes
    assert comment.startswith(f"stopped: {bad}: containerd")
    assert [nodes[name] for name in NODES[:5] if name != bad] == ["changed"] * 4
    assert {nodes[name] for name in NODES[5:]} == {"not tried"}
    fleet.mend(bad)
    code, told, nodes, comment = fleet.roll()
    assert code == 0, told
    assert nodes[bad] == "changed" and {nodes[name] for name in NODES[:5] if name != bad} == {"already right"}
    progress("resumed")


@whole
def test_a_node_that_is_deaf_or_dead_at_the_start_is_named(fleet):
    fleet.pillar(-200)
    with fleet.deaf(NODES[-1]):
        code, told, nodes, comment = fleet.roll()
        assert (code, comment) == (1, f"no answer from {NODES[-1]}: nothing was changed")
    # A stop of the unit alone leaves the minion's own child.
    fleet.machines[NODES[-1]].run("systemctl kill --kill-who=all --signal=KILL salt-minion")
    code, told, nodes, comment = fleet.roll()
    assert (code, comment) == (1, f"no answer from {NODES[-1]}: nothing was changed")
    fleet.machines[NODES[-1]].run("systemctl restart salt-minion")
    fleet.master.up(*NODES)


@whole
def test_a_node_that_goes_deaf_in_the_middle_stops_the_roll(fleet, progress):
    command = fleet.command("containerd.roll", "*", "canary=1", "batch=4", "timeout=60")
    process = fleet.master.machine.popen(command, stdout=subprocess.PIPE, text=True)
    said = []
    for line in process.stdout:
        said.append(line)
        if "wave 1 of" in line:
            break
    bad = NODES[3]
    with fleet.deaf(bad):
        said += process.stdout
        code, told, nodes, comment = fleet.told("".join(said), process.wait(60))
    assert code == 1 and "it did not answer; when it wakes" in nodes[bad], nodes
    assert {nodes[name] for name in NODES[5:]} == {"not tried"}
    # It does what it was told, by itself.
    wait.until(lambda: fleet.table()[bad]["drift"] == 0, 120, "the node that woke")
    code, told, nodes, comment = fleet.roll()
    assert code == 0 and nodes[bad] == "already right", nodes
    progress("a node went deaf, and the roll was resumed")


@whole
def test_an_upgrade_is_the_same_roll(fleet, progress):
    """
    One role goes from 1.6 to 1.7, and then all to 2.1, with one pillar of version 2.
    """
    fleet.pillar(-200, versions={**RELEASES, "a": "1.7.24"})
    code, told, nodes, comment = fleet.roll()
    assert code == 0, told
    assert {name for name, words in nodes.items() if words == "changed"} == {n for n in NODES if n[0] == "a"}
    progress("upgrade of a role")
    code, told, nodes, comment = (fleet.pillar(-200, dict.fromkeys("abc", "2.1.9")), *fleet.roll())[1:]
    assert code == 0, told
    assert {row["version"] for row in fleet.table().values()} == {"2.1.9"}


@whole
def test_a_day_with_a_cve_of_runc_restarts_and_drains_nothing(fleet, progress, tmp_path):
    fleet.runc("bullseye")
    code, told, nodes, comment = fleet.roll()
    assert code == 0 and f"  {NODES[-1]}  changed, restarted" in told, (told, nodes)
    progress("runc of an archive")
    before = fleet.starts()
    fleet.runc("bookworm")
    code, told, nodes, comment = fleet.roll("drain=True", *fleet.kubernetes(tmp_path, "2.1.9"))
    assert (code, comment) == (0, f"{len(NODES)} changed"), told
    assert f"{len(NODES)} nodes need no drain" in told and "restarted" not in told
    assert fleet.starts() == before
    assert "drain" not in fleet.master.run(["cat", "/srv/cluster.json"]).stdout
    for machine in fleet.machines.values():
        assert "version 1.1.5" in machine.run([RUNC, "--version"]).stdout
    progress("another runc")
