"""
containerd_runtimes.specs_managed as Salt runs it, with the real ctr of each release, beside config.toml.
"""

import json
import os
import shutil
from pathlib import Path

import pytest
from containerd_formula import base_specs, places
from support.binaries import binaries, on_path, release, started  # noqa: F401

pytestmark = pytest.mark.once

NOFILE = {"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 65536}
ONE = {"runc": {"base_spec": {"process": {"rlimits": [NOFILE]}}}, "crun": {"package": "crun"}}
OTHER = {"runc": {"base_spec": {"process": {"rlimits": [{**NOFILE, "hard": 4096}]}}}}


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "CONFIG", str(tmp_path / "config.toml"))
    return tmp_path / "base-specs"


@pytest.fixture
def managed(loaders, on_path, root):  # noqa: F811
    def run(runtimes, test=False):
        return loaders.states.containerd_runtimes.specs_managed(name=str(root), runtimes=runtimes, test=test)

    return run


def names(root):
    return sorted(path.name for path in root.iterdir()) if root.exists() else []


def test_a_spec_is_predicted_and_written_alike(managed, root, release):  # noqa: F811
    predicted = managed(ONE, test=True)
    assert (predicted.result, root.exists()) == (None, False), predicted.comment
    done = managed(ONE)
    path = base_specs.path("runc", ONE["runc"]["base_spec"], release)
    assert done.result and done.changes == predicted.changes == {
        str(root / os.path.basename(path)): {"old": None, "new": "created"}
    }  # fmt: skip
    [name] = names(root)
    assert (root / name).stat().st_mode & 0o777 == 0o644
    spec = json.loads((root / name).read_text())
    assert spec["process"]["rlimits"] == [NOFILE] and spec["process"]["capabilities"]


def test_the_second_run_changes_nothing_and_starts_no_binary(managed, root, started):  # noqa: F811
    managed(ONE)
    before = [(path.name, path.stat().st_mtime_ns) for path in root.iterdir()]
    started()
    for test in (True, False):
        again = managed(ONE, test=test)
        assert (again.result, again.changes) == (True, {})
        assert started() == []
    assert [(path.name, path.stat().st_mtime_ns) for path in root.iterdir()] == before


def test_without_a_spec_nothing_is_started(managed, root, started):  # noqa: F811
    for runtimes in (None, {}, {"default": "runc", "runc": {"version": "1.3.*"}, "crun": None}):
        assert managed(runtimes).changes == {}
    assert (started(), root.exists()) == ([], False)


@pytest.mark.parametrize("testmode", [True, False])
def test_more_open_files_than_the_kernel_allows_are_refused(managed, root, testmode):
    """
    Each container would fail: "error setting rlimit type 7".
    """
    limits = [{"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 2**40}]
    ret = managed({"runc": {"base_spec": {"process": {"rlimits": limits}}}}, test=testmode)
    assert (ret.result, ret.changes, root.exists()) == (False, {}, False)
    assert "lower it, or raise fs.nr_open" in ret.comment


def test_an_old_file_goes_once_no_configuration_names_it(managed, root):
    managed(ONE)
    [old] = names(root)
    config = root.parent / "config.toml"
    config.write_text(f'base_runtime_spec = "{root}/{old}"\n')
    predicted, done = managed(OTHER, test=True), managed(OTHER)
    assert done.changes == predicted.changes and len(done.changes) == 1
    # The daemon has it still, and the way back is to it.
    assert old in names(root) and len(names(root)) == 2
    config.write_text("")
    (root / "theirs.json").write_text("{}")
    predicted = managed(OTHER, test=True)
    assert f"{old} would be removed: no configuration names it" in predicted.comment and old in names(root)
    done = managed(OTHER)
    assert (done.result, done.changes) == (predicted.result, predicted.changes) == (True, {})
    assert f"{old} was removed" in done.comment
    assert old not in names(root) and "theirs.json" in names(root)
    (root / "theirs.json").unlink()
    managed({"runc": {}})
    assert not root.exists()


@pytest.mark.parametrize("kind", ["good", "rejected"])
def test_a_file_stays_as_long_as_a_copy_names_it(loaders, managed, root, kind):
    managed(ONE)
    [old] = names(root)
    copy = Path(loaders.modules.containerd_change.copies(places.CONFIG)[kind])
    copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    copy.write_text(f'base_runtime_spec = "{root}/{old}"\n')
    managed(OTHER)
    assert "removed" not in managed(OTHER).comment and old in names(root)
    copy.unlink()
    managed(OTHER)
    assert old not in names(root)


def test_a_file_that_somebody_changed_is_written_again(managed, root):
    managed(ONE)
    [name] = names(root)
    text = (root / name).read_text()
    (root / name).write_text(text.replace("65536", "1"))
    predicted, done = managed(ONE, test=True), managed(ONE)
    assert done.changes == predicted.changes and done.changes[str(root / name)]["new"] == "replaced"
    assert (root / name).read_text() == text
    (root / name).chmod(0o666)
    assert managed(ONE).changes and (root / name).stat().st_mode & 0o777 == 0o644
    (root / name).unlink()
    (root / name).symlink_to("/etc/passwd")
    refused = managed(ONE)
    assert not refused.result or not (root / name).is_symlink()
    assert "root:" in open("/etc/passwd").read()


def test_what_is_not_roots_alone_or_wrong_is_refused(managed, root):
    root.mkdir()
    root.chmod(0o777)
    for test in (True, False):
        refused = managed(ONE, test=test)
        assert refused.result is False and "users other than root may write" in refused.comment
    root.chmod(0o755)
    wrong = {"runc": {"base_spec": {"process": {"rlimits": "many"}}}}
    for test in (True, False):
        refused = managed(wrong, test=test)
        assert (
            refused.result is False and "runc:base_spec:process:rlimits: it must be a list" in refused.comment
        )
    assert names(root) == []


def test_without_containerd_a_dry_run_says_what_it_does_not_know(loaders, root, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    state = loaders.states.containerd_runtimes.specs_managed
    predicted = state(name=str(root), runtimes=ONE, test=True)
    assert predicted.result is None and "names follow from the release of containerd" in predicted.comment
    refused = state(name=str(root), runtimes=ONE)
    assert refused.result is False and "containerd is not installed" in refused.comment


@pytest.fixture
def both(loaders, on_path, monkeypatch, tmp_path):  # noqa: F811
    """
    Return a function that applies the specs and config.toml; the sandbox sees the folder of the specs.
    """
    folder = f"/etc/containerd-formula-test-{os.getpid()}"
    monkeypatch.setattr(base_specs, "BASE_SPECS", folder)
    monkeypatch.setattr(places, "CONFIG", str(tmp_path / "config.toml"))

    def run(runtimes, test=False, specs=True):
        states = loaders.states
        layer = {"runtimes": runtimes, "of": "runtimes", "systemd": True}
        first = (
            states.containerd_runtimes.specs_managed(name=folder, runtimes=runtimes, test=test)
            if specs
            else None
        )
        config = states.containerd_toml.managed(name=places.CONFIG, overrides=[layer], test=test)
        return first, config

    yield run
    shutil.rmtree(folder, ignore_errors=True)


def named(config):
    return [change["new"] for key, change in config.changes.items() if key.endswith("base_runtime_spec")]


def test_config_toml_names_the_spec_from_the_dry_run_on(both, root, release):  # noqa: F811
    _, predicted = both(ONE, test=True)
    assert predicted.result is None and "trial start" not in predicted.comment, predicted.comment
    first, config = both(ONE)
    assert first.result and config.result, config.comment
    assert config.changes == predicted.changes and named(config) == list(first.changes)
    # A dry run of a change, and the change: the old file is still there for the way back.
    _, predicted = both(OTHER, test=True)
    second, config = both(OTHER)
    assert config.changes == predicted.changes and named(config) == list(second.changes)
    assert all(os.path.isfile(path) for path in (*first.changes, *second.changes))
    assert [one.changes for one in both(OTHER)] == [{}, {}]


def test_config_toml_is_not_written_before_its_spec(both):
    _, config = both(ONE, specs=False)
    assert config.result is False and config.changes == {}
    assert "must be there first: apply containerd.runtimes" in config.comment
    assert not os.path.exists(places.CONFIG)
