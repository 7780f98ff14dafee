"""
What stands between a change and the node, as Salt runs it: owner and mode, containers, what was rolled back.
"""

import os
from pathlib import Path

import pytest
from support.binaries import binaries, on_path, release  # noqa: F401

pytestmark = pytest.mark.once

V2 = "io.containerd.grpc.v1.cri"
SECRET = {"plugins": {V2: {"registry": {"configs": {"r.example.org": {"auth": {"password": "hunter2"}}}}}}}


@pytest.fixture
def config(config_path):
    config_path.parent.mkdir()
    config_path.write_text("version = 2\n", encoding="utf-8")
    return config_path


@pytest.fixture
def managed(loaders, on_path, config_path):  # noqa: F811
    def run(overrides, test=False, **options):
        return loaders.states.containerd_toml.managed(
            name=str(config_path), overrides=overrides, test=test, **options
        )

    return run


@pytest.mark.parametrize(
    ("overrides", "before", "after"),
    [({}, 0o666, 0o644), ({"version": 2, **SECRET}, 0o644, 0o600), ({}, 0o640, 0o640)],
)
def test_a_mode_that_lets_others_in_is_closed(loaders, config, overrides, before, after):
    config.chmod(before)
    state = loaders.states.containerd_toml.protected
    predicted = state(name=str(config), overrides=overrides, test=True)
    assert config.stat().st_mode & 0o777 == before
    ret = state(name=str(config), overrides=overrides)
    assert config.stat().st_mode & 0o777 == after
    wanted = {} if before == after else {"mode": {"old": f"{before:04o}", "new": f"{after:04o}"}}
    assert predicted.changes == ret.changes == wanted
    assert (predicted.result, ret.result) == (None if wanted else True, True)


@pytest.mark.parametrize(("condition", "mode"), [(">=1.4", 0o600), (">=9", 0o644)])
def test_a_secret_for_other_releases_closes_nothing(loaders, on_path, config, condition, mode):  # noqa: F811
    config.chmod(0o644)
    layer = {"pillar of some": {"version": 2, **SECRET}, "for": condition}
    ret = loaders.states.containerd_toml.protected(name=str(config), overrides=[{"pillar": {}}, layer])
    assert ret.result is True, ret.comment
    assert config.stat().st_mode & 0o777 == mode


def test_where_containerd_is_not_installed_any_secret_counts(loaders, config, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    layer = {"pillar of some": {"version": 2, **SECRET}, "for": ">=9"}
    ret = loaders.states.containerd_toml.protected(name=str(config), overrides=[layer])
    assert (ret.result, config.stat().st_mode & 0o777) == (True, 0o600)


def test_an_owner_other_than_root_is_replaced(loaders, config):
    os.chown(config, 65534, 0)
    ret = loaders.states.containerd_toml.protected(name=str(config))
    assert ret.changes == {"user": {"old": "nobody", "new": "root"}}
    assert config.stat().st_uid == 0


@pytest.mark.parametrize(("owner", "mode"), [(65534, 0o644), (0, 0o666)])
def test_who_has_it_open_writes_into_it_no_more(loaders, config, owner, mode):
    os.chown(config, owner, 0)
    config.chmod(mode)
    with config.open("a", encoding="utf-8") as file:
        loaders.states.containerd_toml.protected(name=str(config))
        file.write('plugin_dir = "/evil"')
    assert config.read_text(encoding="utf-8") == "version = 2\n"
    assert (config.stat().st_uid, config.stat().st_mode & 0o777) == (0, 0o644)


def test_what_is_not_there_yet_needs_no_protection(loaders, config_path, testmode):
    ret = loaders.states.containerd_toml.protected(name=str(config_path), test=testmode)
    assert (ret.result, ret.changes) == (True, {})


def test_directories_do_not_move_from_under_containers(managed, config_path, tmp_path):
    state = tmp_path / "state"
    (state / "io.containerd.runtime.v2.task" / "k8s.io" / "abc").mkdir(parents=True)
    assert managed({"state": str(state)}, trial_start=False).result is True
    for test in (True, False):
        ret = managed({"state": "/run/other", "root": "/var/lib/other"}, test=test)
        assert (ret.result, ret.changes) == (False, {})
        for key in ("root", "state"):
            assert f"{key}: 1 containers run on this node" in ret.comment
    (state / "io.containerd.runtime.v2.task" / "k8s.io" / "abc").rmdir()
    assert managed({"state": "/run/other"}).result is True


def managed_text(managed, config_path):
    """
    Return what the file holds with oom_score 2, and leave it with 1.
    """
    managed({"oom_score": 2})
    text = config_path.read_text(encoding="utf-8")
    managed({"oom_score": 1})
    return text


def test_content_that_was_rolled_back_is_not_tried_again(managed, config_path, loaders):
    text = f"# Rolled back: it failed\n{managed_text(managed, config_path)}"
    kept = Path(loaders.modules.containerd_change.copies(str(config_path))["rejected"])
    kept.write_text(text, encoding="utf-8")
    for test in (True, False):
        ret = managed({"oom_score": 2}, test=test)
        assert (ret.result, ret.changes) == (False, {})
        assert f"{kept} says why" in ret.comment
    assert managed({"oom_score": 3}).result is True


def test_a_trial_that_cannot_be_made_is_said_and_is_no_obstacle(managed, monkeypatch, tmp_path):
    bwrap = tmp_path / "bwrap"
    bwrap.write_text("#!/bin/sh\necho 'bwrap: Operation not permitted' >&2\nexit 1\n", encoding="utf-8")
    bwrap.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    ret = managed({"oom_score": 1})
    assert ret.result is True
    words = "containerd read the configuration on the node itself: no sandbox can be made here: bwrap:"
    assert f"There was no trial start, and {words}" in ret.comment
    comment = managed({"oom_score": 2}, trial_start=False).comment
    assert words in comment
    assert "trial start" not in comment


def test_what_the_checks_do_not_know_the_trial_finds(managed, config_path):
    """
    A certificate that is not there: no rule, no dump.
    """
    tls = {
        "enable_tls_streaming": True,
        "x509_key_pair_streaming": {"tls_cert_file": "/n", "tls_key_file": "/n"},
    }
    overrides = {"version": 2, "plugins": {V2: tls}}
    for test in (True, False):
        ret = managed(overrides, test=test)
        assert (ret.result, ret.changes) == (False, {})
        assert "containerd does not come up with it (trial start): " in ret.comment
        assert "x509" in ret.comment
    assert not config_path.exists()


def test_a_file_that_was_lost_comes_back_although_containers_run(managed, loaders, config_path, tmp_path):
    """
    What the daemon runs with is known: it is not containerd's default.
    """
    state = tmp_path / "state"
    (state / "io.containerd.runtime.v2.task" / "k8s.io" / "abc").mkdir(parents=True)
    overrides = {"state": str(state), "root": "/data/containerd"}
    managed(overrides, trial_start=False)
    loaders.modules.containerd_change.settle()
    for damage in ("", "version = = 2"):
        config_path.write_text(damage, encoding="utf-8")
        assert managed(overrides, trial_start=False).result is True
    assert managed({"state": str(state)}, trial_start=False).result is False


def test_the_mode_of_a_first_secret_is_predicted_once(managed, loaders, config_path):
    """
    In one run, as the SLS has it: ``protected`` knows what ``managed`` has foretold.
    """
    managed({"oom_score": 1})
    arguments = [{"name": str(config_path)}, {"overrides": {"version": 2, **SECRET}}]
    run = {
        name: {
            "containerd_toml": [function, *arguments, {"order": number}],
            "__sls__": "x",
            "__env__": "base",
        }
        for number, (name, function) in enumerate([("written", "managed"), ("closed", "protected")])
    }
    for test in (True, False):
        rets = loaders.modules.state.high(run, test=test)
        changes = {ret["__id__"]: ret["changes"] for ret in rets.raw.values()}
        assert changes["written"]
        assert changes["closed"] == {}


@pytest.mark.parametrize("hand", ["link", "folder"])
def test_a_file_in_the_hands_of_others_is_refused_and_stays(managed, loaders, config, tmp_path, hand):
    """
    In a dry run too, and as well where nothing is to be changed.
    """
    victim = tmp_path / "victim"
    if hand == "link":
        victim.write_text("theirs", encoding="utf-8")
        os.chown(victim, 1000, 0)
        config.unlink()
        config.symlink_to(victim)
    else:
        os.chown(config.parent, 1000, 0)
    for test in (True, False):
        ret = managed({"oom_score": 1}, test=test)
        assert (ret.result, ret.changes) == (False, {})
        assert "belongs to user 1000" in ret.comment
    assert loaders.states.containerd_toml.protected(name=str(config)).result is False
    if hand == "link":
        assert (victim.read_text(encoding="utf-8"), victim.stat().st_uid) == ("theirs", 1000)


def test_copies_of_an_older_release_are_taken_over_by_a_real_run(managed, loaders, config):
    old = config.with_name("config.toml.good")
    worked = "# Managed by Salt (containerd-formula). Edits are\nworked"
    old.write_text(worked, encoding="utf-8")
    managed({"oom_score": 1}, test=True)
    assert old.exists()
    managed({"oom_score": 1})
    assert not old.exists()
    assert loaders.modules.containerd_change.good(str(config)) == worked


def test_a_dry_run_sweeps_what_a_killed_run_left(managed, config):
    left = config.with_name(".config.toml.containerd-formula-abcdefgh")
    left.write_text("secret", encoding="utf-8")
    os.utime(left, (0, 0))
    managed({"oom_score": 1}, test=True)
    assert [path.name for path in config.parent.iterdir()] == ["config.toml"]


def test_an_import_that_others_may_change_is_refused(managed, config):
    site = config.with_name("site.toml")
    site.write_text("oom_score = 7\n", encoding="utf-8")
    site.chmod(0o666)
    for test in (True, False):
        ret = managed({"imports": [str(site)]}, test=test)
        assert (ret.result, ret.changes) == (False, {})
        assert f"{site} is imported, and users other than root may write to {site}" in ret.comment
