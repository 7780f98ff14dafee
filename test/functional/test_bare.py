"""
A node that has no containerd and no tomlkit yet: an honest preview, and errors with their cure.
"""

import pytest

LAYERS = [{"formula": {"version": 2}}, {"pillar": {"oom_score": -999}}]


@pytest.fixture
def no_containerd(monkeypatch, tmp_path):
    for tool in ("sh", "env"):
        (tmp_path / tool).symlink_to(f"/bin/{tool}")
    monkeypatch.setenv("PATH", str(tmp_path))


def test_preview_shows_what_the_overrides_will_set(loaders, config_path, no_containerd):
    ret = loaders.states.containerd_toml.managed(name=str(config_path), overrides=LAYERS, test=True)
    assert ret.result is None
    assert ret.changes == {"version": {"new": 2}, "oom_score": {"new": -999}}
    assert "once containerd is installed" in ret.comment
    assert not config_path.parent.exists()


def test_preview_says_what_depends_on_the_release(loaders, config_path, no_containerd):
    layers = [*LAYERS, {"pillar >=2.1": {"oom_score": 5}, "for": ">=2.1"}]
    ret = loaders.states.containerd_toml.managed(name=str(config_path), overrides=layers, test=True)
    assert ret.result is None
    assert ret.changes["oom_score"] == {"new": -999}
    assert "It is unknown yet whether the overrides for these releases apply: >=2.1." in ret.comment


def test_preview_shows_what_runtimes_and_the_pause_image_will_set(loaders, config_path, no_containerd):
    layers = [
        *LAYERS,
        {
            "runtimes": {"crun": {"package": "crun"}, "runc": {"base_spec": {}}},
            "of": "runtimes",
            "systemd": True,
        },
        {"sandbox_image": "pause:3.10", "of": "sandbox_image"},
    ]
    ret = loaders.states.containerd_toml.managed(name=str(config_path), overrides=layers, test=True)
    assert ret.result is None, ret.comment
    told = {key.rpartition("containerd.runtimes.")[2]: change["new"] for key, change in ret.changes.items()}
    assert told["crun.options.BinaryName"] == "/usr/bin/crun"
    assert told["crun.options.SystemdCgroup"] is told["runc.options.SystemdCgroup"] is True
    assert told["runc.base_runtime_spec"].startswith("/etc/containerd/base-specs/runc-")
    assert "pause:3.10" in told.values()


def test_live_run_without_containerd_is_an_error_with_its_cure(loaders, config_path, no_containerd):
    ret = loaders.states.containerd_toml.managed(name=str(config_path), overrides=LAYERS)
    assert ret.result is False
    assert "apply containerd.package" in ret.comment
    assert not config_path.parent.exists()


def test_ready_is_false_where_there_is_no_daemon(loaders, no_containerd, testmode):
    ret = loaders.states.containerd.ready(name="x", timeout=1, test=testmode)
    assert ret.result is (None if testmode else False)
    assert "ctr is not installed" in ret.comment


def test_library_asks_no_pip_where_it_is_there(loaders, testmode, monkeypatch):
    monkeypatch.setenv("PATH", "")
    ret = loaders.states.containerd_salt.library_installed(name="tomlkit>=0.15.1", test=testmode)
    assert (ret.result, ret.changes) == (True, {})
    assert "tomlkit 0.15.2 is installed." in ret.comment


def test_modules_of_this_kernel_count_as_loaded(loaders, testmode):
    """
    proc is a file system of every kernel, and never a module of one.
    """
    ret = loaders.states.containerd_kernel.modules_loaded(name="x", modules=["proc"], test=testmode)
    assert (ret.result, ret.changes) == (True, {})
