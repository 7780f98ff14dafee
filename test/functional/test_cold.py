"""
A minion that has never seen the formula, or has the modules of another release: no sync beforehand.

On a real master and minion, since the loaders of the other tests find the modules without a sync. Nothing
here changes the host: ``containerd.salt`` only syncs, and tomlkit is there.
"""

from pathlib import Path

import pytest

LIBRARY = "containerd TOML library is installed"
SYNCED = "containerd Salt modules are synced"


@pytest.fixture(scope="module")
def minion(salt_factories, file_root):
    config = {"file_roots": {"base": [str(file_root)]}, "pillar_roots": {"base": []}}
    master = salt_factories.salt_master_daemon("cold-master", defaults={"open_mode": True}, overrides=config)
    minion = master.salt_minion_daemon("cold-minion")
    with master.started(), minion.started():
        yield master, minion


@pytest.fixture
def apply(minion):
    master, daemon = minion

    def run(sls, **options):
        # The default of five seconds is too short for a busy machine, and the next test would meet this job.
        done = master.salt_cli(timeout=180).run("state.apply", sls, minion_tgt=daemon.id, **options)
        assert isinstance(done.data, dict), done
        return {ret["__id__"]: ret for ret in done.data.values()}

    return run


@pytest.fixture
def extmods(minion):
    return Path(minion[1].config["extension_modules"])


def test_preview_of_a_cold_minion_says_what_it_leaves_out(apply, extmods):
    assert not list(extmods.glob("*/containerd*.py"))
    states = apply("containerd", test=True, pillar={"containerd": {"package": {"source": "distro"}}})
    assert "run saltutil.sync_all for the full preview" in states[SYNCED]["comment"]
    assert "Left out of this preview" in states["containerd is ready"]["comment"]
    assert [ret["comment"] for ret in states.values() if ret["result"] is False] == []
    assert not list(extmods.glob("*/containerd*.py"))


def test_the_first_run_of_a_cold_minion_uses_what_it_syncs(apply, extmods):
    states = apply("containerd.salt")
    assert states[SYNCED]["changes"]
    assert (states[LIBRARY]["result"], states[LIBRARY]["comment"]) == (True, "tomlkit 0.15.2 is installed.")


def test_the_next_run_syncs_nothing(apply):
    states = apply("containerd.salt")
    assert [ret["changes"] for ret in states.values() if ret["changes"]] == []
    assert apply("containerd.salt")[SYNCED]["name"] == SYNCED


def test_modules_of_another_release_are_replaced_and_used_in_the_same_run(apply, extmods):
    old = extmods / "modules" / "containerd.py"
    current = old.read_text(encoding="utf-8")
    old.write_text(current.replace('RELEASE = "', 'RELEASE = "0.0.'), encoding="utf-8")
    library = extmods / "modules" / "containerd_toml.py"
    library.write_text("def library():\n    return ''\n", encoding="utf-8")
    states = apply("containerd.salt")
    assert states[SYNCED]["changes"]
    assert states[LIBRARY]["comment"] == "tomlkit 0.15.2 is installed."
    assert old.read_text(encoding="utf-8") == current


def test_a_converged_run_asks_neither_sync_nor_pip(apply):
    """
    The two cost more than all other states together.
    """
    started = {ret["__id__"]: ret["duration"] for ret in apply("containerd.salt").values()}
    assert started[SYNCED] + started[LIBRARY] < 600
