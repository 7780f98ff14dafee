"""
Where containerd comes from, on a real machine: from a mirror of Docker's repository that this host serves, up
and down through its releases, then removed, and from upstream's archive. The tests run in this order.
"""

import hashlib
import os

import pytest
from lab import repository
from support.formula import FormulaNode
from support.nodes import SALTS, SUITE, TOMLKIT, container, tomlkit_wheel

V2 = "io.containerd.grpc.v1.cri"
PAUSE = "example.org/pause:1"
CONFIG = {"version": 2, "oom_score": -500, "plugins": {V2: {"sandbox_image": PAUSE}}}
# Release to the Debian suite whose package it is made of.
RELEASES = {"1.6.20": "bookworm", "1.7.24": "trixie", "2.1.9": "forky"}
PACKAGE = "containerd package is installed"
MANAGED = "containerd configuration is managed"
WHEEL = f"tomlkit-{TOMLKIT}-py3-none-any.whl"
# Names, inodes and targets: not the times of a folder in which something came and went.
LISTED = ["find", "/opt/containerd-formula", "/usr/local/bin", "-printf", "%i %p %l\\n"]
SOURCES = "cd /etc/apt && find . -name '*.list' -o -name '*.sources' | sort | xargs head -v -n 99"
# The newest Salt alone, unless asked for more: little here depends on Salt, and the rest takes minutes.
PACKAGE_SALTS = os.environ.get("PACKAGE_SALTS", SALTS[-1]).split()


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    made = {name: repository.Key(folder, name) for name in ("docker", "other")}
    yield made
    for key in made.values():
        key.close()


@pytest.fixture(scope="module")
def server(keys):
    """
    A mirror of Docker's repository, one that somebody else has signed, and a download server.
    """
    with repository.Server() as server:
        debs = [repository.containerd_io(suite) for suite in RELEASES.values()]
        server.docker = server.apt("docker", debs, keys["docker"])
        server.forged = server.apt("forged", debs, keys["other"])
        server.key = server.put("docker.asc", keys["docker"].text)
        for release, suite in RELEASES.items():
            server.put(f"containerd-{release}-linux-amd64.tar.gz", repository.release_archive(suite))
        server.put("runc.amd64", repository.runc())
        yield server


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return tomlkit_wheel(tmp_path_factory.mktemp("wheel"))[0]


@pytest.fixture(scope="module", params=PACKAGE_SALTS, ids=lambda salt: f"salt-{salt}")
def node(request, progress, server, wheel):
    """
    A machine of these tests' own, bare before the first one, which reaches no PyPI.
    """
    with container(SUITE, request.param, f"package-{request.param.replace('.', '-')}", progress) as machine:
        node = FormulaNode(machine)
        node.install()
        machine.put(f"/srv/salt/{WHEEL}", wheel)
        node.wheel_sha256 = hashlib.sha256(wheel).hexdigest()
        machine.write("/etc/pip.conf", f"[global]\nindex-url = {server.url_down}/simple\nretries = 0\n")
        yield node


@pytest.fixture(scope="module")
def docker(server, keys):
    """
    Return the pillar of the mirror, in a version.
    """

    def make(version, hold=True, **changed):
        docker = {"url": server.docker, "key": server.key, "fingerprints": [keys["docker"].fingerprint]}
        return {"version": version, "hold": hold, "docker": {**docker, **changed}}

    return make


@pytest.fixture(scope="module")
def archive(server):
    """
    Return the pillar of upstream's archive, in a version.
    """
    hashes = {
        release: {"amd64": repository.sha256(repository.release_archive(suite))}
        for release, suite in RELEASES.items()
    }

    def make(version, **changed):
        runc = {
            "version": "1.1.5",
            "url": f"{server.url}/runc.{{arch}}",
            "sha256": {"1.1.5": {"amd64": repository.sha256(repository.runc())}},
        }
        url = f"{server.url}/containerd-{{version}}-linux-{{arch}}.tar.gz"
        pinned = {"url": url, "sha256": hashes, "runc": runc, **changed}
        return {"source": "archive", "version": version, "archive": pinned}

    return make


def apply(node, package, *sls, test=False):
    salt = {"wheel": f"salt://{WHEEL}", "wheel_sha256": node.wheel_sha256}
    node.pillar({"package": package, "config": CONFIG, "salt": salt})
    return node.apply(*sls, test=test)


def starts(node):
    log = node.run(["journalctl", "--boot", "--unit=containerd", "--output=cat"]).stdout
    return log.count("Started containerd")


def assert_settings_in_effect(node, release):
    """
    The daemon that runs is this release, with the site's settings and CRI ok.
    """
    assert node.run(["ctr", "version"]).stdout.count(release) >= 2
    assert node.effective("oom_score") == -500
    if release.startswith("1."):
        assert node.effective("version") == 2
        assert node.effective("plugins", V2, "sandbox_image") == PAUSE
    else:
        assert node.effective("version") == 3
        pinned = node.effective("plugins", "io.containerd.cri.v1.images", "pinned_images")
        assert pinned["sandbox"] == PAUSE
    assert node.salt("containerd.ready", "timeout=60") == {"ready": True, "answers": True, "reason": ""}
    assert node.salt("containerd.status")["restart_pending"] is False


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        # First those that leave no key on the node: a good one is not fetched again.
        ({"key": "down"}, "Connection refused"),
        ({"fingerprints": ["0" * 40]}, "and pinned is 0000"),
        ({"url": "forged"}, "NO_PUBKEY"),
        ({"url": "down"}, "Connection refused"),
    ],
    ids=["key server down", "another key", "another signature", "server down"],
)
def test_a_repository_that_is_not_to_be_trusted_leaves_the_node_alone(node, docker, server, changed, words):
    addresses = {"forged": server.forged, "down": server.url_down}
    changed = {
        key: addresses.get(value, value) if key != "fingerprints" else value for key, value in changed.items()
    }
    before = node.run(SOURCES).stdout
    ret = apply(node, docker("1.6.*", **changed), "containerd.package")
    assert ret.retcode != 0
    assert words in " ".join(ret.failed.values())
    assert "Traceback" not in ret.output
    assert set(ret.changed) <= {
        "containerd Salt modules are synced",
        "containerd repository key can be read",
        "containerd repository key is installed",
    }
    assert node.run(SOURCES).stdout == before
    assert node.run(["test", "-e", "/usr/bin/containerd"], check=False).returncode == 1


def test_without_pypi_the_cure_is_told(node, docker):
    node.pillar({"package": docker("1.6.*")})
    ret = node.apply("containerd.salt")
    assert (
        "set wheel, index_url or package in containerd:salt"
        in ret.failed["containerd TOML library is installed"]
    )


def test_a_package_with_cri_disabled_ends_ready_from_a_pinned_source(node, docker, server):
    """
    Beside a source of another tool, with which apt would read nothing, and without PyPI.
    """
    rival = f"deb [signed-by=/usr/share/keyrings/mine.gpg] {server.docker}/debian {SUITE} stable\n"
    node.machine.write("/etc/apt/sources.list.d/docker.list", rival)

    ret = apply(node, docker("1.6.*"))
    assert ret.failed == {}
    assert ret.changed[PACKAGE]["containerd.io"] == {"old": "", "new": "1.6.20-1"}
    assert ret.changed[PACKAGE]["containerd.io hold"] == {"old": False, "new": True}
    # What Docker's package has is what makes this test one.
    assert ret.changed[MANAGED]["disabled_plugins"] == {"old": ["cri"], "new": []}
    assert_settings_in_effect(node, "1.6.20")
    assert node.run(["stat", "--format=%a", "/etc/apt/keyrings/docker.asc"]).stdout == "644\n"
    assert node.run(["apt-get", "check"]).returncode == 0
    assert node.machine.read("/etc/apt/sources.list.d/docker.list") == (
        f"# Set aside by containerd-formula: {rival}"
    )


def test_the_second_run_changes_nothing_and_asks_no_server(node, docker, server):
    server.requests.clear()
    ret = apply(node, docker("1.6.*"))
    assert (ret.failed, ret.changed) == ({}, {})
    assert server.requests == []


def test_an_upgrade_of_everything_leaves_what_is_held(node):
    told = node.run(["apt-get", "--yes", "upgrade"]).stdout
    assert "kept back" in told
    assert node.run(["apt-mark", "showhold"]).stdout == "containerd.io\n"
    assert "1.6.20" in node.run(["containerd", "--version"]).stdout


def test_a_version_that_there_is_not_changes_nothing(node, docker):
    pid = node.daemon_pid()
    ret = apply(node, docker("1.9.*"), "containerd.package")
    assert "has containerd.io 1.9.*: they offer 2.1.9-1, 1.7.24-1, 1.6.20-1." in ret.failed[PACKAGE]
    assert ret.changed == {}
    assert node.daemon_pid() == pid
    assert node.run(["apt-mark", "showhold"]).stdout == "containerd.io\n"


def test_a_preview_of_an_upgrade_predicts_it(node, docker):
    pid = node.daemon_pid()
    ret = apply(node, docker("1.7.24"), test=True)
    assert ret.failed == {}
    assert ret.changed[PACKAGE] == {"containerd.io": {"old": "1.6.20-1", "new": "1.7.24-1"}}
    assert node.daemon_pid() == pid


@pytest.mark.parametrize(
    ("wanted", "old", "new"),
    [("1.7.24", "1.6.20", "1.7.24"), ("2.1.9-1", "1.7.24", "2.1.9"), ("1.7.*", "2.1.9", "1.7.24")],
)
def test_an_intended_change_of_version_takes_one_run(node, docker, wanted, old, new):
    """
    Package and document together, up and down: the schema is the release's, the settings are the site's.

    On the way down the package's own start fails: 1.7 refuses the schema of 2.1.
    """
    before = starts(node)
    ret = apply(node, docker(wanted))
    assert ret.failed == {}
    assert ret.changed[PACKAGE] == {"containerd.io": {"old": f"{old}-1", "new": f"{new}-1"}}
    assert_settings_in_effect(node, new)
    # The package's own start, and ours.
    assert starts(node) - before <= 2
    assert node.run(["apt-mark", "showhold"]).stdout == "containerd.io\n"


def test_clean_gives_back_the_node_as_it_was(node, docker):
    ret = apply(node, docker("1.7.*"), "containerd.clean")
    assert ret.failed == {}
    sources = node.run(SOURCES).stdout
    assert "Managed by Salt" not in sources
    assert "\ndeb [signed-by=/usr/share/keyrings/mine.gpg]" in sources
    for path in ("/usr/bin/containerd", "/etc/apt/keyrings/docker.asc", "/etc/containerd/config.toml"):
        assert node.run(["test", "-e", path], check=False).returncode == 1, path
    assert node.run(["apt-mark", "showhold"]).stdout == ""
    assert node.run(["test", "-d", "/var/lib/containerd/io.containerd.metadata.v1.bolt"]).returncode == 0
    node.run(["rm", "/etc/apt/sources.list.d/docker.list"])
    assert apply(node, docker("1.7.*"), "containerd.clean").changed == {}


def test_an_archive_makes_a_node_ready(node, archive):
    ret = apply(node, archive("1.6.20"))
    assert ret.failed == {}
    assert_settings_in_effect(node, "1.6.20")
    assert node.run(["systemctl", "is-enabled", "containerd"]).stdout == "enabled\n"
    assert apply(node, archive("1.6.20")).changed == {}


def test_an_archive_that_is_not_the_release_leaves_the_node_alone(node, archive, server):
    pid = node.daemon_pid()
    before = node.run(LISTED).stdout
    wrong = apply(node, archive("2.1.9", sha256={"2.1.9": {"amd64": "0" * 64}}), "containerd.package")
    assert "and pinned is 0000" in " ".join(wrong.failed.values())
    whole = repository.release_archive(RELEASES["2.1.9"])
    cut = server.put("cut-2.1.9", whole.read_bytes()[:9_000_000]).replace("2.1.9", "{version}")
    ret = apply(node, archive("2.1.9", url=cut), "containerd.package")
    assert "the download was cut" in " ".join(ret.failed.values())
    # A disk that is nearly full: a file system of its own, with what is there in it.
    node.run(
        "mkdir /tmp/kept && cp -a /opt/containerd-formula/. /tmp/kept && "
        "mount -t tmpfs -o size=100M tmpfs /opt/containerd-formula && "
        "cp -a /tmp/kept/. /opt/containerd-formula"
    )
    full = apply(node, archive("2.1.9"), "containerd.package")
    assert "No space left on device" in " ".join(full.failed.values())
    node.run("umount /opt/containerd-formula")
    assert (wrong.changed, ret.changed, full.changed) == ({}, {}, {})
    assert node.run(LISTED).stdout == before
    assert node.daemon_pid() == pid


@pytest.mark.parametrize(("old", "new"), [("1.6.20", "2.1.9"), ("2.1.9", "1.7.24")])
def test_another_archive_takes_one_run_and_the_old_one_goes_when_it_is_ready(node, archive, old, new):
    """
    Also where the daemon does not start with the document of before: 1.7 refuses the schema of 2.1.
    """
    before = starts(node)
    ret = apply(node, archive(new))
    assert ret.failed == {}
    assert ret.changed[PACKAGE] == {"containerd": {"old": old, "new": new}}
    assert list(ret.changed["containerd old archives are removed"]) == [
        f"/opt/containerd-formula/containerd-{old}"
    ]
    assert_settings_in_effect(node, new)
    assert starts(node) - before <= 2


def test_a_package_takes_the_place_of_an_archive(node, docker):
    """
    install -> clean -> install ends where it began, by way of another source.
    """
    ret = apply(node, docker("2.1.9", hold=False))
    assert ret.failed == {}
    assert_settings_in_effect(node, "2.1.9")
    assert node.run(["sh", "-c", "command -v containerd"]).stdout == "/usr/bin/containerd\n"
    assert node.run(["test", "-e", "/opt/containerd-formula"], check=False).returncode == 1
    assert apply(node, docker("2.1.9", hold=False)).changed == {}
