"""
salt-ssh: a node that has Python and nothing of Salt. The tests run in this order.

The settings are those of docs/ways-in.md.
"""

import json
import shlex

import pytest
import yaml
from support import FORMULA, ROOT
from support.fleet import HOST, QUICK, ROOTS, SALT
from support.formula import Applied
from support.nodes import SALTS, SUITE, container
from support.pages import block

# The newest Salt alone: each command takes seconds, and both have the same code for it.
WANTED = SALTS[-1:]
V2 = "io.containerd.grpc.v1.cri"
MANAGED = "containerd configuration is managed"
LOADED = "containerd Salt modules are loaded"
LIBRARY = "containerd TOML library is installed"
# A container may not lower this score where the host's root may not.
CONFIG = {
    "version": 2,
    "oom_score": -500,
    "plugins": {V2: {"sandbox_image": "example.org/pause:1", "restrict_oom_score_adj": True}},
}
PAGE = "docs/ways-in.md"


class Control:
    """
    A machine that has salt-ssh, the formula and a roster with one node; no master runs.
    """

    def __init__(self, machine, node):
        self.machine, self.run = machine, machine.run
        _, port, key = node.address()
        machine.put("/root/.ssh/id", key.read_bytes(), 0o600)
        for folder in FORMULA:
            machine.copy_tree(ROOT / folder, f"{ROOTS}/{folder}", exclude=("__pycache__",))
        roster = {"host": HOST, "port": port, "user": "root", "priv": "/root/.ssh/id", "minion_opts": QUICK}
        self.write("roster", {node.name: roster})
        own = [yaml.safe_load(block(PAGE, title)) for title in ("master", "salt-ssh: master")]
        self.master = {**own[0], **own[1]}
        self.configure()
        machine.write("/srv/pillar/top.sls", "base: {'*': [containerd]}\n")
        self.pillar()
        machine.run(f"ssh-keyscan -p {port} {HOST} >/root/.ssh/known_hosts")
        machine.run([f"{SALT}/pip", "install", "--quiet", *self.words("salt-ssh: tomlkit")[2:]])

    def write(self, name, data):
        self.machine.write(f"/etc/salt/{name}", yaml.safe_dump(data))

    def configure(self, **changed):
        self.write("master", {**self.master, "pillar_roots": {"base": ["/srv/pillar"]}, **changed})

    def pillar(self, **settings):
        pillar = {"containerd": {"package": {"source": "distro"}, "config": CONFIG, **settings}}
        self.machine.write("/srv/pillar/containerd.sls", yaml.safe_dump(pillar))

    @staticmethod
    def words(title):
        return shlex.split(block(PAGE, title).strip().splitlines()[0])

    def ssh(self, *arguments, name="bare"):
        """
        Return what salt-ssh says of the node, called as the page does it.
        """
        environment, command, *_ = self.words("salt-ssh: run")
        assert command == "salt-ssh"
        done = self.run(
            ["env", environment, f"{SALT}/{command}", "--out=json", name, *arguments], check=False
        )
        try:
            answer = json.loads(done.stdout)[name]
        except (ValueError, KeyError):
            raise AssertionError(f"{arguments}\n{done.stdout}\n{done.stderr}") from None
        return answer.get("return", answer) if isinstance(answer, dict) else answer

    def salt_run(self, *words):
        environment = self.words("salt-ssh: run")[0]
        command = ["env", environment, f"{SALT}/salt-run", "--log-level=quiet", "--out=json", *words]
        return self.run(command, check=False)

    def sync_runners(self):
        return self.salt_run("saltutil.sync_all").stdout

    def apply(self, *arguments):
        states = self.ssh(*(arguments or ("state.apply", "containerd")))
        assert isinstance(states, dict), states
        # A state that Salt does not know has no id.
        for tag, ret in states.items():
            ret.setdefault("__id__", tag.split("_|-")[1])
        return Applied(states, 0, json.dumps(states))


@pytest.fixture(scope="module", params=WANTED, ids=lambda salt: f"salt-{salt}")
def machines(request, progress):
    with container(SUITE, request.param, "control", progress) as control:
        with container(SUITE, request.param, "bare", progress) as bare:
            bare.run("rm -rf /opt/salt /usr/local/bin/salt-call")
            yield Control(control, bare), bare


@pytest.fixture(scope="module")
def control(machines):
    return machines[0]


@pytest.fixture(scope="module")
def bare(machines):
    return machines[1]


def no_traceback(run):
    assert "Traceback" not in run.output
    return run


def test_without_the_library_the_cure_is_told(control, bare, progress):
    control.configure(thin_extra_mods="")
    run = no_traceback(control.apply("state.apply", "containerd", "test=True"))
    progress("told of the library")
    assert "set thin_extra_mods to containerd_formula,tomlkit" in run[LOADED]["name"]
    assert {ret["comment"].split(":")[0] for name, ret in run.states.items() if ret["result"] is False} == {
        "One or more requisite failed",
        "If we weren't testing, this would be a failure!",
    }
    assert bare.run("ls /etc/containerd; command -v containerd", check=False).stdout == ""


def test_without_tomlkit_the_cure_is_told(control, progress):
    control.configure(thin_extra_mods="containerd_formula")
    run = no_traceback(control.apply("--regen-thin", "state.apply", "containerd.salt"))
    progress("told of tomlkit")
    assert "with salt-ssh name tomlkit in thin_extra_mods" in run[LIBRARY]["comment"]


def test_the_first_preview_is_the_whole_one(control, bare, progress):
    control.configure()
    run = no_traceback(control.apply("--regen-thin", "state.apply", "containerd", "test=True"))
    progress("preview")
    assert run.failed == {}
    assert run["containerd package is installed"]["result"] is None
    assert "written once containerd is installed" in run[MANAGED]["comment"]
    assert bare.run("ls /etc/containerd; command -v containerd", check=False).stdout == ""


def test_a_mistake_in_pillar_stops_the_run(control, bare):
    control.pillar(nope=1)
    run = no_traceback(control.apply())
    assert "containerd:nope is not a setting" in run["containerd pillar is valid"]["comment"]
    assert bare.run("ls /etc/containerd; command -v containerd", check=False).stdout == ""
    control.pillar()


def test_it_makes_the_node_ready(control, bare, progress):
    run = no_traceback(control.apply())
    progress("applied")
    assert run.failed == {}, run.failed
    assert "oom_score = -500\n" in bare.run("containerd config dump").stdout
    assert control.ssh("containerd.ready", "timeout=60")["ready"] is True


def test_the_second_run_changes_nothing(control, progress):
    run = control.apply()
    assert (run.failed, run.changed) == ({}, {})
    progress("second run")


def test_a_roll_goes_over_the_roster(control, bare, progress):
    """
    Without a master that runs: the runner asks by salt-ssh's client.
    """
    control.pillar(config={**CONFIG, "oom_score": -400})
    assert "runners.containerd" in control.sync_runners()

    def roll(*words):
        done = control.salt_run("containerd.roll", "*", "ssh=True", *words)
        at = f"\n{done.stdout}".index("\n{")
        return done.returncode, json.loads(done.stdout[at:])["nodes"]

    code, nodes = roll("test=True")
    assert (code, nodes["bare"][-14:]) == (0, "with a restart"), nodes
    assert roll() == (0, {"bare": "changed"})
    assert "oom_score = -400\n" in bare.run("containerd config dump").stdout
    progress("rolled")
    assert roll() == (0, {"bare": "already right"})
    control.pillar(nope=1)
    code, nodes = roll()
    assert code == 1 and "containerd:nope is not a setting" in nodes["bare"]
    control.pillar()
    assert roll() == (0, {"bare": "changed"})


def test_what_needs_the_sls_on_the_node_says_so(control):
    report = control.ssh("containerd.status")
    assert report["cri_ok"] is True
    assert "with salt-ssh always" in report["errors"][0]
    told = control.ssh("containerd.status", f"overrides={json.dumps(CONFIG)}")
    assert (told["not_in_effect"], "Traceback" in json.dumps(report)) == ({}, False)


def test_the_library_of_before_an_upgrade_is_told(control, progress):
    """
    salt-ssh brings new modules by itself, and the new library only when told to.
    """
    files = "_modules/containerd.py _utils/containerd_formula/release.py containerd/map.jinja"
    stamp = f"cd {ROOTS} && sed -Ei 's/(RELEASE|release) = \"0/\\1 = \"1.0/'"
    control.run(f"{stamp} {files} containerd/salt/sync.jinja")
    run = no_traceback(control.apply("state.apply", "containerd", "test=True"))
    progress("told of the old library")
    assert "or one of another release" in run[LOADED]["name"]
    # The runners of the roll above: their library is the one that is packed.
    assert "salt-run saltutil.sync_all" in run[LOADED]["name"]
    control.sync_runners()
    run = control.apply("--regen-thin", "state.apply", "containerd", "test=True")
    assert (run.failed, run.changed) == ({}, {})
