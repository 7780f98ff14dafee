"""
A minion that has never seen the formula, or has that of another release: no sync beforehand.

On a real master and real minions, since the loaders of the other tests find the modules without a sync.
Nothing here changes the host: real runs are those of ``containerd.salt``, which syncs, and tomlkit is there.
"""

from pathlib import Path

import pytest
from salt.version import __saltstack_version__
from support.releases import Root

LIBRARY = "containerd TOML library is installed"
SYNCED, VALID = "containerd Salt modules are synced", "containerd pillar is valid"
# That of an image build: where the tests run, there may be no systemd.
SETTINGS = {"package": {"source": "distro"}, "service": {"manage": False}}
PREVIEW = {"test": True, "pillar": {"containerd": SETTINGS}}


@pytest.fixture(scope="module")
def roots(tmp_path_factory, file_root):
    """
    Two saltenvs, each with the formula; base has another site's module, too, and prod has another release.
    """
    folder = tmp_path_factory.mktemp("roots")
    made = {saltenv: Root(folder / saltenv, file_root) for saltenv in ("base", "prod")}
    made["prod"].upgrade()
    other = folder / "base/_modules/other.py"
    other.write_text("def here():\n    return True\n", encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def master(salt_factories, roots):
    config = {
        "file_roots": {saltenv: [str(root.folder)] for saltenv, root in roots.items()},
        "pillar_roots": {"base": []},
        # A file that came since the last listing would be seen 20 seconds later.
        "fileserver_list_cache_time": 0,
    }
    master = salt_factories.salt_master_daemon("cold-master", defaults={"open_mode": True}, overrides=config)
    with master.started():
        yield master


class Node:
    """
    A minion that is cold at first.
    """

    def __init__(self, master, minion, saltenv):
        self.master, self.minion, self.saltenv = master, minion, saltenv
        self.extmods = Path(minion.config["extension_modules"])

    def call(self, function, *arguments, **options):
        # The default of five seconds is too short for a busy machine, and the next test would meet this job.
        cli = self.master.salt_cli(timeout=180)
        return cli.run(function, *arguments, minion_tgt=self.minion.id, **options).data

    def apply(self, sls, **options):
        states = self.call("state.apply", sls, saltenv=self.saltenv, **options)
        assert isinstance(states, dict), states
        return {ret["__id__"]: ret for ret in states.values()}


@pytest.fixture(scope="module", params=["base", "prod"])
def saltenv(request):
    return request.param


@pytest.fixture(scope="module")
def node(master, saltenv):
    """
    The minion of prod does all in one process: what that has imported once stays in it.
    """
    minion = master.salt_minion_daemon(f"cold-{saltenv}", overrides={"multiprocessing": saltenv == "base"})
    with minion.started():
        yield Node(master, minion, saltenv)


# Only the library finds this; a renderer has no library.
WRONG = {"package": {"source": "distro"}, "runtimes": {"mine": {"archive": "http://mirror.example.org/mine"}}}


def assert_stopped(states, by):
    assert "containerd:runtimes:mine" in states[by]["name"] + states[by]["comment"]
    assert states[by]["result"] is False
    # Nothing but our own modules comes before.
    others = {ret["__id__"] for ret in states.values() if ret["result"] is not False}
    assert others <= {VALID, "containerd Salt modules are loaded"}


def test_a_cold_minion_is_told_of_a_wrong_pillar(master, saltenv):
    minion = master.salt_minion_daemon(f"wrong-{saltenv}")
    with minion.started():
        states = Node(master, minion, saltenv).apply("containerd", test=True, pillar={"containerd": WRONG})
        # While a run renders, 3008 does not see modules that came meanwhile: then a state asks them.
        assert_stopped(states, VALID if __saltstack_version__.major < 3008 else SYNCED)


def told(states):
    return {name: (ret["result"], ret["changes"], ret["comment"]) for name, ret in states.items()}


def test_the_first_preview_is_the_whole_one(node):
    assert not list(node.extmods.glob("*/containerd*"))
    first = node.apply("containerd", **PREVIEW)
    assert told(first) == told(node.apply("containerd", **PREVIEW))
    assert [ret["comment"] for ret in first.values() if ret["result"] is False] == []
    # What a real run would do is foretold.
    assert first["containerd sysctls are set at boot"]["result"] is None
    assert "written once containerd is installed" in first["containerd configuration is managed"]["comment"]
    assert "nothing was started" in first["containerd is not started"]["comment"]


def test_a_run_that_needs_no_sync_makes_none(node):
    synced = {path: path.stat().st_mtime_ns for path in node.extmods.rglob("*.py")}
    states = node.apply("containerd.salt")
    assert {path: path.stat().st_mtime_ns for path in node.extmods.rglob("*.py")} == synced
    # Sync and pip cost more than all other states together.
    assert states[SYNCED]["duration"] + states[LIBRARY]["duration"] < 600


def test_an_upgrade_is_used_in_the_run_that_brings_it(node, roots):
    """
    Library, modules and states, under a minion that runs and has imported the old ones.
    """
    for _ in range(2):
        words = roots[node.saltenv].upgrade()
        states = node.apply("containerd.salt")
        assert [ret["comment"] for ret in states.values() if ret["result"] is not True] == []
        assert states[LIBRARY]["comment"].endswith(words)
        # And in what comes next.
        assert node.call("containerd_salt.mark") in words


def test_a_wrong_pillar_stops_the_run_that_brings_an_upgrade(node, roots):
    roots[node.saltenv].upgrade()
    assert_stopped(node.apply("containerd", test=True, pillar={"containerd": WRONG}), SYNCED)
    # And a right one goes on: to a state, 3008 shows pillar behind asterisks.
    roots[node.saltenv].upgrade()
    assert node.apply("containerd", **PREVIEW)[SYNCED]["result"] is True
    # And with the modules of the release.
    node.apply("containerd.salt")
    assert_stopped(node.apply("containerd", test=True, pillar={"containerd": WRONG}), VALID)


def test_the_sync_leaves_what_others_have_in_base(node):
    assert node.call("other.here") is True
