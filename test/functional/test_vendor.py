"""
What a preview says of a change of containerd's vendor and version, by a real apt and dpkg.

They have a database and sources of their own, by their own variables: this machine's are left alone.
"""

import os
import subprocess
import time

import pytest
from lab.repository import Key, Server
from saltfactories.utils.functional import Loaders

pytestmark = pytest.mark.once

INSTALLED = {"containerd": "1.6.20~ds1-1+b1", "runc": "1.1.5+ds1-1+b1"}
GONE = {name: {"old": version, "new": ""} for name, version in INSTALLED.items()}
STATE = "containerd package is installed"


def control(name, version, **fields):
    base = {"Package": name, "Version": version, "Architecture": "amd64", "Maintainer": "a <a@example.org>"}
    lines = {**base, **fields, "Description": "a package"}
    return "".join(f"{key}: {value}\n" for key, value in lines.items())


# Docker's package has the files of two of Debian's.
SAME = dict.fromkeys(("Provides", "Conflicts", "Replaces"), "containerd, runc")


def deb(folder, version, name="containerd.io", **fields):
    """
    Build a package, empty but for what apt needs to know.
    """
    root = folder / f"{name}_{version}"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN/control").write_text(control(name, version, **fields), encoding="utf-8")
    subprocess.run(["dpkg-deb", "--build", root], check=True, capture_output=True)
    return root.with_name(f"{root.name}.deb")


class Apt:
    """
    A node's apt, and a repository that it may be given.
    """

    def __init__(self, folder, server, key):
        self.folder, self.server, self.key = folder, server, key
        self.debs = []
        self.published = time.time() - 86400
        for path in ("state/lists/partial", "cache/archives/partial", "etc/sources.list.d", "dpkg"):
            (folder / path).mkdir(parents=True)
        settings = {
            "Dir::State": folder / "state",
            "Dir::State::status": folder / "dpkg/status",
            "Dir::Cache": folder / "cache",
            "Dir::Etc": folder / "etc",
            "APT::Architecture": "amd64",
        }
        lines = [f'{name} "{value}";\n' for name, value in settings.items()]
        (folder / "apt.conf").write_text("".join(lines), encoding="utf-8")
        self.has(INSTALLED)

    def has(self, packages, **fields):
        fields["Status"] = "install ok installed"
        status = [control(name, version, **fields) for name, version in packages.items()]
        (self.folder / "dpkg/status").write_text("\n".join(status), encoding="utf-8")

    def publish(self, *versions, name="containerd.io"):
        fields = SAME if name == "containerd.io" else {}
        self.debs += [deb(self.folder / "debs", version, name, **fields) for version in versions]
        self.server.apt("docker", self.debs, self.key)
        # apt asks for what changed since, in whole seconds: each publication is a minute newer.
        self.published += 60
        for path in self.server.root.rglob("*"):
            os.utime(path, (self.published, self.published))

    def configure(self):
        inline = "".join(f" {line or '.'}\n" for line in self.key.text.splitlines())
        uri = self.server.url.replace("10.0.2.2", "127.0.0.1") + "/docker/debian"
        (self.folder / "etc/sources.list.d/docker.sources").write_text(
            f"Types: deb\nURIs: {uri}\nSuites: bookworm\nComponents: stable\nSigned-By:\n{inline}",
            encoding="utf-8",
        )

    def update(self):
        subprocess.run(["apt-get", "update"], check=True, capture_output=True)

    def files(self):
        # But for apt's caches of them.
        found = [path for path in self.folder.rglob("*") if path.is_file() and path.suffix != ".bin"]
        return {str(path): path.stat().st_mtime_ns for path in found}


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    made = Key(tmp_path_factory.mktemp("key"))
    yield made
    made.close()


@pytest.fixture
def apt(tmp_path, key, monkeypatch):
    with Server() as server:
        made = Apt(tmp_path, server, key)
        monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
        monkeypatch.setenv("DPKG_ADMINDIR", str(tmp_path / "dpkg"))
        yield made


@pytest.fixture
def preview(apt, make_minion_opts):
    """
    Return a function that previews a version of Docker's package; nothing of apt's is written meanwhile.
    """
    grains = {"os": "Debian", "os_family": "Debian", "osfinger": "Debian-12", "osarch": "amd64"}
    loaders = Loaders(make_minion_opts("vendor", grains={**grains, "oscodename": "bookworm"}))
    apt.loaders = loaders

    def ask(version="", **given):
        loaders.context.clear()
        before = apt.files()
        ret = loaders.states.containerd_package.installed(
            name="x", packages=["containerd.io"], version=version, repository="http://x", test=True, **given
        )
        assert apt.files() == before
        return ret

    return ask


def test_what_goes_for_another_vendor_is_told_before_its_repository_is_configured(apt, preview):
    ret = preview()
    assert ret.result is None
    assert ret.changes == {**GONE, "containerd.io": {"old": "", "new": "the newest"}}
    assert "No repository that is configured now lists containerd.io" in ret.comment
    ret = preview("1.9.*")
    assert ret.changes["containerd.io"] == {"old": "", "new": "1.9.*"}
    assert "whether there is such a version" in ret.comment


def test_apt_is_asked_where_its_repository_is_configured(apt, preview):
    apt.publish("1.7.24-1", "1.6.9-1")
    apt.configure()
    apt.update()
    for version in ("", "1.7.*"):
        ret = preview(version)
        assert ret.changes == {**GONE, "containerd.io": {"old": "", "new": "1.7.24-1"}}
        assert (ret.result, "asked" in ret.comment) == (None, False)


def test_a_version_that_no_repository_has_is_no_installation(apt, preview):
    apt.publish("1.7.24-1", "1.6.9-1")
    apt.configure()
    apt.update()
    ret = preview("1.9.*")
    assert (ret.result, ret.changes) == (False, {})
    assert "has containerd.io 1.9.*: they offer 1.7.24-1, 1.6.9-1. Nothing was changed." in ret.comment


def test_a_version_that_came_since_the_last_update_is_found_and_the_lists_stay(apt, preview):
    apt.publish("1.7.24-1")
    apt.configure()
    apt.update()
    apt.publish("1.9.1-1", "1.9.10-1")
    ret = preview("1.9.*")
    assert ret.changes == {**GONE, "containerd.io": {"old": "", "new": "1.9.10-1"}}
    assert "It is unknown which" in ret.comment
    apt.update()
    assert preview("1.9.*").changes == ret.changes


def test_a_mirror_that_is_down_is_told_and_not_that_it_has_no_such_version(apt, preview):
    apt.publish("1.7.24-1")
    apt.configure()
    apt.update()
    sources = apt.folder / "etc/sources.list.d/docker.sources"
    down = apt.server.url_down.replace("10.0.2.2", "127.0.0.1")
    text = sources.read_text(encoding="utf-8")
    url = apt.server.url.replace("10.0.2.2", "127.0.0.1")
    # The lists of before are those of another address: give them its name.
    lists = apt.folder / "state/lists"
    for path in lists.iterdir():
        old = url.removeprefix("http://").replace("/", "_")
        path.rename(lists / path.name.replace(old, down.removeprefix("http://")))
    sources.write_text(text.replace(url, down), encoding="utf-8")
    assert preview().changes["containerd.io"]["new"] == "1.7.24-1"
    ret = preview("1.9.*")
    assert (ret.result, ret.changes) == (False, {})
    assert "The repositories cannot be asked for containerd.io: " in ret.comment
    assert "refused" in ret.comment


def test_apt_itself_says_what_is_newer_and_takes_nothing_older(apt, preview):
    apt.has({"containerd.io": "1.7.24-1"})
    apt.publish("1.7.23-1", "1.7.24-1")
    apt.configure()
    apt.update()
    ret = preview(upgrade=True)
    assert (ret.result, ret.changes) == (True, {})
    assert "there may be a newer containerd.io" in ret.comment
    apt.publish("1.7.30-1", "2.1.9-1")
    assert preview(upgrade=True).changes == {}
    plan = apt.loaders.modules.containerd_package.plan
    newer = {version: plan(["containerd.io"], version, upgrade=True) for version in ("1.7.*", "")}
    assert {version: one["install"]["containerd.io"] for version, one in newer.items()} == {
        "1.7.*": "1.7.30-1",
        "": "2.1.9-1",
    }
    # The lists were refreshed by that.
    assert preview("1.7.*", upgrade=True).changes == {"containerd.io": {"old": "1.7.24-1", "new": "1.7.30-1"}}
    apt.has({"containerd.io": "2.2.0-1"})
    apt.loaders.context.clear()
    assert plan(["containerd.io"], upgrade=True)["install"] == {}


def test_runc_is_upgraded_by_apt_itself_and_never_for_a_containerd(apt, preview):
    """
    The second is the containerd.io that somebody else installed, where the source is none.
    """
    apt.publish("1.1.5+ds1-1+b2", "1.3.1-1", name="runc")
    apt.publish("1.30-1", name="crun")
    apt.configure()
    apt.update()
    states = apt.loaders.states.containerd_runtimes
    given = {"name": "x", "runtimes": {"runc": {"upgrade": True}, "crun": {"package": "crun"}}, "test": True}
    ret = states.installed(**given, source="distro")
    assert (ret.result, ret.changes) == (
        None,
        {"runc": {"old": INSTALLED["runc"], "new": "1.3.1-1"}, "crun": {"old": "", "new": "1.30-1"}},
    )
    given["runtimes"]["runc"] = {"version": "1.1.5"}
    assert list(states.installed(**given, source="distro").changes) == ["crun"]
    apt.has({"containerd.io": "1.7.24-1"}, **SAME)
    apt.loaders.context.clear()
    ret = states.installed(**given, source="none")
    assert (ret.result, ret.changes) == (False, {})
    assert "would remove containerd.io; nothing was changed" in ret.comment
    given["runtimes"]["runc"] = {"version": "9.*"}
    ret = states.installed(**given, source="none")
    assert "Correct containerd:runtimes:runc:version or the repository" in ret.comment


@pytest.mark.parametrize(
    ("package", "installed", "told"),
    [
        ({}, INSTALLED, "The source is distro, as installed; containerd:package:source sets it."),
        ({}, {"containerd.io": "1.7.24-1"}, "The source is docker, as installed; "),
        ({}, {}, "The source is docker, the default; "),
        ({"source": "distro"}, INSTALLED, None),
    ],
)
def test_the_formula_keeps_the_vendor_and_says_so(apt, preview, package, installed, told, monkeypatch):
    apt.has(installed)
    monkeypatch.setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
    docker = {"key": apt.key.text, "fingerprints": [apt.key.fingerprint]}
    pillar = {"containerd": {"package": {**package, "docker": docker}}}
    states = apt.loaders.modules.state.apply("containerd.package", test=True, pillar=pillar)
    states = {ret["__id__"]: ret for ret in states.raw.values()}
    ret = states[STATE]
    assert (told in ret["comment"]) if told else ("source" not in ret["comment"])
    assert ret["result"] is (True if installed else None)
    assert ("containerd repository is configured" in states) is ("docker" in (told or ""))


def test_a_run_reads_the_database_of_packages_once(apt, preview, tmp_path, monkeypatch):
    """
    The map, which each SLS renders, reads it too.
    """
    wrapper, log = tmp_path / "bin/dpkg-query", tmp_path / "started"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\necho x >>{log}\nexec /usr/bin/dpkg-query "$@"\n', encoding="utf-8")
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", str(wrapper.parent), prepend=os.pathsep)
    states = apt.loaders.modules.state.apply("containerd", test=True)
    assert states.raw
    assert log.read_text(encoding="utf-8").count("x") == 1


def test_a_containerd_of_no_package_is_told_where_the_source_is_the_default(
    apt, preview, tmp_path, monkeypatch
):
    apt.has({})
    path = tmp_path / "bin/containerd"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\n", encoding="utf-8")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(path.parent), prepend=os.pathsep)
    given = {"name": "x", "packages": ["containerd.io"], "repository": "http://x", "test": True}
    installed = apt.loaders.states.containerd_package.installed
    assert (
        f"{path} belongs to none of these packages"
        in installed(**given, source="docker, the default").comment
    )
    assert str(path) not in installed(**given).comment
    apt.has({"containerd.io": "1.7.24-1"})
    apt.loaders.context.clear()
    assert str(path) not in installed(**given, source="docker, as installed").comment
