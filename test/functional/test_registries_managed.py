"""
containerd_registries.managed as Salt runs it, with the real ctr of each release as the judge of its files.
"""

import os
import sys

import pytest
from support.binaries import binaries, on_path, release, started  # noqa: F401
from support.registry import Registry

pytestmark = pytest.mark.once

PEM = "-----BEGIN CERTIFICATE-----\nhunter2\n-----END CERTIFICATE-----"
HUB = {"mirrors": ["https://b.invalid/v2/hub", {"url": "http://127.0.0.1:9", "capabilities": ["pull"]}]}
WHOLE = {
    "docker.io": HUB,
    "quay.io": {"mirrors": ["https://b.invalid", "https://a.invalid"], "fallback": False},
    "a.invalid:5000": {},
    "*": {"mirrors": ["https://cache.invalid"]},
}


@pytest.fixture(autouse=True)
def a_release_with_files(release):  # noqa: F811
    if release == "1.4.13":
        pytest.skip("it has no hosts.toml")


@pytest.fixture
def root(tmp_path):
    return tmp_path / "certs.d"


@pytest.fixture
def managed(loaders, on_path, root):  # noqa: F811
    def run(hosts, test=False, **more):
        registries = {"check": False, "hosts": hosts, **more}
        return loaders.states.containerd_registries.managed(name=str(root), registries=registries, test=test)

    return run


def tree(root):
    return {
        str(path.relative_to(root)): (oct(path.stat().st_mode & 0o777), path.read_text())
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_files_are_predicted_proved_and_written_alike(managed, root):
    predicted = managed(WHOLE, test=True)
    assert (predicted.result, root.exists()) == (None, False), predicted.comment
    done = managed(WHOLE)
    assert (done.result, done.changes) == (True, predicted.changes), done.comment
    assert done.changes["docker.io/hosts.toml"]["mirrors"] == {
        "old": None,
        "new": ["https://b.invalid/v2/hub", "http://127.0.0.1:9"],
    }
    assert "not proved" not in done.comment
    assert sorted(tree(root)) == [
        f"{name}/hosts.toml" for name in ("_default", "a.invalid:5000", "docker.io", "quay.io")
    ]


def test_the_second_run_changes_nothing_and_starts_no_binary(managed, root, started):  # noqa: F811
    managed(WHOLE)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    started()
    for test in (True, False):
        again = managed(WHOLE, test=test)
        assert (again.result, again.changes) == (True, {})
        assert started() == []
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_without_registries_nothing_is_started(managed, root, started):  # noqa: F811
    assert managed({}).changes == {}
    assert (started(), root.exists()) == ([], False)


def test_what_pillar_no_longer_names_goes_and_another_ones_stays(managed, root):
    managed(WHOLE)
    (root / "their.io").mkdir()
    (root / "their.io/hosts.toml").write_text("[host]\n")
    (root / "empty.io").mkdir()
    (root / "a.invalid_5000_").mkdir()
    some = {name: WHOLE[name] for name in ("a.invalid:5000", "*")}
    kept = managed(some, prune=False)
    assert kept.changes == {} and f"{root}/quay.io is of this formula, and not in pillar" in kept.comment
    predicted, done = managed(some, test=True), managed(some)
    assert done.changes == predicted.changes and sorted(done.changes) == [
        "docker.io/hosts.toml",
        "quay.io/hosts.toml",
    ]
    assert not (root / "docker.io").exists() and (root / "their.io/hosts.toml").exists()
    assert f"{root}/their.io is another's, and stays." in done.comment
    assert f"{root}/empty.io is another's, and stays. Its images are not asked for" in done.comment
    assert f"{root}/a.invalid_5000_ is another's, and hides a.invalid:5000" in done.comment


def test_secrets_close_their_files_and_are_shown_nowhere(managed, root, caplog):
    auth = {"username": "u", "password": "hunter2", "basic": True}
    hosts = {"quay.io": {"mirrors": [{"url": "https://b.invalid", "auth": auth}]}}
    os.umask(0o022)
    managed({"quay.io": {"mirrors": ["https://b.invalid"]}})
    predicted, done = managed(hosts, test=True), managed(hosts)
    assert (
        done.changes
        == predicted.changes
        == {
            "quay.io": {"mode": {"old": "0755", "new": "0700"}},
            "quay.io/hosts.toml": {
                '"https://b.invalid".header.Authorization': {"old": None, "new": "(secret)"},
                "mode": {"old": "0644", "new": "0600"},
            },
        }
    )
    assert (root / "quay.io").stat().st_mode & 0o777 == 0o700
    assert tree(root)["quay.io/hosts.toml"][0] == "0o600"
    # As it is written. The log has what this test calls, too.
    shown = f"{done.full_return}{predicted.full_return}"
    assert "hunter2" not in shown and "dTpodW50ZXIy" not in shown + caplog.text
    assert managed(hosts).changes == {}


def test_what_containerd_cannot_use_is_refused_and_nothing_changes(managed, root):
    managed(WHOLE)
    before = tree(root)
    for mirror, words in (
        ({"url": "https://c.invalid", "ca": PEM}, "containerd cannot use it: unable to load CA"),
        (
            {"url": "https://c.invalid", "client": {"cert": PEM, "key": PEM}},
            "containerd cannot use it: failed to load X509",
        ),
    ):
        for test in (True, False):
            done = managed({**WHOLE, "ghcr.io": {"mirrors": [mirror]}, "docker.io": {}}, test=test)
            assert (done.result, done.changes) == (False, {})
            assert "ghcr.io/hosts.toml" in done.comment and words in done.comment, done.comment
            assert "nothing was changed" in done.comment and "hunter2" not in done.comment
    assert tree(root) == before


def test_a_file_that_containerd_reads_otherwise_is_refused(managed, root, monkeypatch):
    # Salt's loader has renewed the library since this file was read.
    hosts_toml = sys.modules["containerd_formula.hosts_toml"]
    written = hosts_toml._rendered
    monkeypatch.setattr(
        hosts_toml, "_rendered", lambda *args: (written(*args)[0].replace("b.invalid", "c.invalid"), False)
    )
    done = managed({"quay.io": WHOLE["quay.io"]})
    assert done.result is False and not root.exists()
    assert "containerd would ask https://c.invalid/v2/containerd-formula" in done.comment, done.comment


def test_another_ones_file_is_named_and_becomes_ours(managed, root):
    (root / "quay.io").mkdir(parents=True)
    (root / "quay.io/hosts.toml").write_text('server = "https://old.invalid"\n')
    done = managed({"quay.io": WHOLE["quay.io"]})
    assert done.changes["quay.io/hosts.toml"]["server"] == {
        "old": "https://old.invalid",
        "new": "https://a.invalid",
    }
    assert f"{root}/quay.io/hosts.toml is another's: pillar names this registry." in done.comment


@pytest.mark.parametrize("kind", ["a file for the folder", "a folder for the file", "others may write"])
def test_what_is_in_the_way_is_named(managed, root, kind):
    root.mkdir()
    if kind == "a file for the folder":
        (root / "quay.io").write_text("")
    elif kind == "a folder for the file":
        (root / "quay.io/hosts.toml").mkdir(parents=True)
    else:
        (root / "quay.io").mkdir()
        (root / "quay.io").chmod(0o777)
    done = managed({"quay.io": WHOLE["quay.io"]})
    assert done.result is False and "quay.io" in done.comment


def test_removed_leaves_nothing_of_ours(managed, root, loaders):
    managed(WHOLE)
    (root / "their.io").mkdir()
    done = loaders.states.containerd_registries.removed(name=str(root))
    assert done.result is True and len(done.changes) == 4
    assert [path.name for path in root.iterdir()] == ["their.io"]


def test_a_mirror_that_does_not_serve_is_named_or_keeps_the_files_as_they_are(managed, root):
    hosts = {"quay.io": {"mirrors": ["http://127.0.0.1:9", "https://b.invalid"]}}
    refused = managed(hosts, check="fail")
    assert refused.result is False and not root.exists()
    done = managed(hosts, check="warn")
    assert done.result is True
    for ret in (refused, done):
        assert "quay.io: http://127.0.0.1:9: it refuses connections." in ret.comment
        assert "quay.io: https://b.invalid: its name does not resolve." in ret.comment


def without_a_namespace(path, monkeypatch):
    path.mkdir()
    (path / "unshare").write_text("#!/bin/sh\necho 'unshare: unshare failed: not permitted' >&2; exit 1\n")
    (path / "unshare").chmod(0o755)
    monkeypatch.setenv("PATH", str(path), prepend=os.pathsep)


def test_without_a_namespace_it_is_proved_behind_a_proxy_that_nobody_is(managed, tmp_path, monkeypatch):
    without_a_namespace(tmp_path / "own", monkeypatch)
    bad = managed({"quay.io": {"mirrors": [{"url": "https://b.invalid", "ca": PEM}]}})
    assert bad.result is False and "containerd cannot use it: unable to load CA" in bad.comment
    with Registry(tmp_path) as registry:
        done = managed({"quay.io": WHOLE["quay.io"], "*": WHOLE["*"]})
        assert done.result is True and "not proved" not in done.comment, done.comment
        # It would really ask this one, and so does not.
        here = managed({"ghcr.io": {"mirrors": ["https://b.invalid", registry.url]}})
        assert registry.asked == []
    assert here.result is True and "ghcr.io/hosts.toml was not proved by containerd" in here.comment


def test_a_mirror_for_all_others_is_asked_for_the_image_that_it_has(managed, tmp_path):
    with Registry(tmp_path) as registry:
        done = managed({"*": {"mirrors": [registry.url], "probe": "there:1"}}, check="fail")
    assert done.result is True, done.comment
