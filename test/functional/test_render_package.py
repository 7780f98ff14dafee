"""
Where containerd comes from, as it is rendered: repositories, keys, mirrors, vendors and versions.
"""

import re
import subprocess

import pytest
from support.rendering import APT, GRAINS, PILLARS

pytestmark = pytest.mark.once


@pytest.mark.parametrize("name", APT)
def test_apt_repository_is_that_of_the_node(apply_with, name):
    os, _, _, codename, arch = GRAINS[name]
    chunks = apply_with("containerd.package", GRAINS[name], {})
    chunk = chunks["containerd repository is configured"]
    assert (chunk["name"], chunk["mode"]) == ("/etc/apt/sources.list.d/docker.sources", "0644")
    assert chunk["contents"].splitlines()[1:] == [
        "Types: deb",
        f"URIs: https://download.docker.com/linux/{os.lower()}",
        f"Suites: {codename}",
        "Components: stable",
        f"Architectures: {arch}",
        "Signed-By: /etc/apt/keyrings/docker.asc",
    ]
    key = chunks["containerd repository key is installed"]
    assert (key["name"], key["source"], key["fingerprints"]) == (
        "/etc/apt/keyrings/docker.asc",
        "https://download.docker.com/linux/debian/gpg",
        ["9DC858229FC7DD38854AE2D88D81803C0EBFCD88"],
    )
    rivals = chunks["containerd repository has no rival"]
    assert (rivals["uri"], rivals["suite"]) == (f"https://download.docker.com/linux/{os.lower()}", codename)


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("rhel-9", "rhel/$releasever"),
        ("rockylinux-8", "centos/$releasever"),
        ("rockylinux-9", "centos/$releasever"),
        ("almalinux-9", "centos/$releasever"),
        ("fedora-42", "fedora/$releasever"),
        ("amazonlinux-2023", "centos/9"),
    ],
)
def test_yum_repository_is_that_of_the_node(apply_with, name, base):
    """
    As Docker's own docker-ce.repo has it, but for the place of the key.
    """
    chunks = apply_with("containerd.package", GRAINS[name], {"containerd": {"package": {"hold": True}}})
    chunk = chunks["containerd repository is configured"]
    assert (chunk["name"], chunk["mode"]) == ("/etc/yum.repos.d/docker.repo", "0644")
    assert chunk["contents"].splitlines()[1:] == [
        "[docker-stable]",
        "name=Docker stable",
        f"baseurl=https://download.docker.com/linux/{base}/$basearch/stable",
        "enabled=1",
        "gpgcheck=1",
        "gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-docker",
    ]
    assert "containerd repository lists can be forged" not in chunks
    asked = chunks["containerd repository answers"]
    assert (asked["name"], asked["contents"]) == (chunk["name"], chunk["contents"])
    assert "containerd repository answers" in str(chunk["require"])
    key = chunks["containerd repository key is installed"]
    assert (key["name"], key["source"], key["fingerprints"]) == (
        "/etc/pki/rpm-gpg/RPM-GPG-KEY-docker",
        "https://download.docker.com/linux/centos/gpg",
        ["060A61C51B558A7F742B77AAC52FEB6B621E9F35"],
    )
    held = chunks["containerd package can be held"]
    assert (held["needs"], held["hold"]) == (["python3-dnf-plugin-versionlock"], True)
    assert "containerd repository has no rival" not in chunks


@pytest.mark.parametrize(
    ("name", "docker", "warned"),
    [
        ("rockylinux-9", {"url": "http://mirror.example.org"}, True),
        ("rockylinux-9", {"url": "http://mirror.example.org", "repo_gpgcheck": True}, False),
        ("rockylinux-9", {"url": "file:///srv/mirror"}, False),
        # apt's lists are signed.
        ("debian-12", {"url": "http://mirror.example.org"}, False),
    ],
)
def test_lists_that_anybody_can_forge_are_a_warning(apply_with, name, docker, warned):
    chunks = apply_with("containerd.package", GRAINS[name], {"containerd": {"package": {"docker": docker}}})
    found = chunks.get("containerd repository lists can be forged", {})
    assert ("a man in the middle can offer old packages" in str(found.get("warnings"))) is warned
    assert found.get("changes") in (None, False)
    lines = chunks["containerd repository is configured"]["contents"].splitlines()
    assert ("repo_gpgcheck=1" in lines) is docker.get("repo_gpgcheck", False)


@pytest.mark.parametrize(
    ("signer", "checked", "taken"),
    [("good", True, True), ("other", True, False), (None, True, False), ("other", False, True)],
)
def test_dnf_reads_the_repository_and_checks_who_made_its_lists(
    apply_with, keys, tmp_path, signer, checked, taken
):
    package = {"docker": {"url": f"file://{tmp_path}/mirror", "repo_gpgcheck": checked}}
    chunks = apply_with("containerd.package", GRAINS["rockylinux-9"], {"containerd": {"package": package}})
    text = chunks["containerd repository is configured"]["contents"]
    key = tmp_path / "key.asc"
    key.write_text(keys["good"].text, encoding="utf-8")
    repository = tmp_path / "mirror/centos/9/x86_64/stable"
    repository.mkdir(parents=True)
    subprocess.run(["createrepo_c", "--quiet", repository], check=True)
    if signer:
        signature = keys[signer].detached((repository / "repodata/repomd.xml").read_text(encoding="utf-8"))
        (repository / "repodata/repomd.xml.asc").write_text(signature, encoding="utf-8")
    repos = tmp_path / "repos"
    repos.mkdir()
    (repos / "docker.repo").write_text(
        text.replace("/etc/pki/rpm-gpg/RPM-GPG-KEY-docker", str(key)), encoding="utf-8"
    )
    (tmp_path / "dnf.conf").write_text(f"[main]\nreposdir={repos}\n", encoding="utf-8")
    argv = ["dnf", f"--config={tmp_path}/dnf.conf", f"--installroot={tmp_path}/root", "--releasever=9"]
    argv += ["--forcearch=x86_64", "--assumeyes", "makecache"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is taken, done.stderr
    assert taken or re.search("GPG (signature )?verification", done.stderr)


@pytest.mark.parametrize("source", ["distro", "none", "archive"])
def test_nothing_restarts_for_a_runtime(apply_with, source):
    """
    Not the daemon, which starts the one that is there with the next container.
    """
    package = {"source": source, "upgrade": source == "distro"}
    if source == "archive":
        package.update(version="1.7.24", archive={"sha256": {"1.7.24": {"amd64": "0" * 64}}})
    pillar = {"containerd": {"package": package, "runtimes": {"runc": {"upgrade": True}}}}
    chunks = apply_with("containerd", GRAINS["debian-12"], pillar)
    assert chunks["containerd pillar is valid"]["fun"] == "nop"
    installed = chunks["containerd runtimes are installed"]
    assert (installed["source"], installed["runtimes"]["runc"]) == (source, {"upgrade": True})
    followed = [
        str(one)
        for chunk in chunks.values()
        for key in ("watch", "listen", "onchanges")
        for one in chunk.get(key, [])
    ]
    assert followed
    assert not [one for one in followed if "runtime" in one]
    assert not [key for key in installed if key.endswith("_in")]
    tidied = chunks["containerd old runtimes are removed"]
    assert "containerd is ready" in str(tidied["require"])


@pytest.mark.parametrize("name", ["rockylinux-9", "debian-12"])
def test_the_credentials_of_a_mirror_are_for_root(apply_with, name):
    docker = {"url": "https://me:hunter2@mirror.example.org/docker"}
    chunks = apply_with("containerd.package", GRAINS[name], {"containerd": {"package": {"docker": docker}}})
    chunk = chunks["containerd repository is configured"]
    assert (chunk["mode"], chunk["show_changes"]) == ("0600", False)


@pytest.mark.parametrize("name", ["opensuse-15", "arch"])
def test_docker_has_nothing_for_the_others(apply_with, name):
    pillar = {"containerd": {"package": {"source": "docker"}}}
    assert (
        "Docker has no packages for"
        in apply_with("containerd", GRAINS[name], pillar)["containerd pillar is valid"]["name"]
    )


def test_a_derivative_takes_the_packages_of_another(apply_with):
    mint = ("Mint", "Debian", "Mint-22", "wilma", "amd64")
    docker = {"distributions": {"Mint": "ubuntu"}, "release": "noble"}
    chunks = apply_with("containerd.package", mint, {"containerd": {"package": {"docker": docker}}})
    lines = chunks["containerd repository is configured"]["contents"].splitlines()
    assert {"URIs: https://download.docker.com/linux/ubuntu", "Suites: noble"} <= set(lines)


@pytest.mark.parametrize("name", GRAINS)
def test_source_none_leaves_packages_and_repositories_alone(apply_with, name):
    chunks = apply_with("containerd", GRAINS[name], {"containerd": {"package": {"source": "none"}}})
    assert chunks["containerd package is installed"]["fun"] == "nop"
    assert not [name for name in chunks if "repository" in name]
    assert chunks["containerd configuration is managed"]["fun"] == "managed"


@pytest.mark.parametrize(
    ("name", "installed", "package", "source", "told"),
    [
        ("debian-12", (), {}, "docker", "docker, the default"),
        ("debian-12", ("containerd", "runc"), {}, "distro", "distro, as installed"),
        ("rockylinux-9", ("containerd",), {"hold": True}, "distro", "distro, as installed"),
        ("rockylinux-9", ("containerd.io",), {}, "docker", "docker, as installed"),
        # That of no vendor of containerd's.
        ("debian-12", ("runc",), {}, "docker", "docker, the default"),
        ("debian-12", ("containerd",), {"source": "docker"}, "docker", ""),
        ("debian-12", ("containerd.io",), {"source": "distro"}, "distro", ""),
        ("opensuse-15", (), {}, "distro", "distro, the default"),
    ],
)
@pytest.mark.parametrize("root", ["file_root", "other_release"])
def test_the_vendor_of_a_node_stays_unless_pillar_says_so(
    request, apply_with, name, installed, package, source, told, root
):
    """
    Also on a minion that has no modules yet.
    """
    given = {
        "pillar": {"containerd": {"package": package}},
        "root": request.getfixturevalue(root),
        "packages": installed,
    }
    chunks = apply_with("containerd", GRAINS[name], **given)
    assert chunks["containerd pillar is valid"]["fun"] == "nop"
    chunk = chunks["containerd package is installed"]
    assert (chunk["packages"][0], chunk["source"]) == (
        {"docker": "containerd.io"}.get(source, "containerd"),
        told,
    )
    assert bool([name for name in chunks if "repository" in name]) is (source == "docker")
    layers = chunks["containerd configuration is managed"]["overrides"]
    assert bool(layers[1]["os"]) is (source == "distro" and name == "debian-12")
    cleaned = apply_with("containerd.clean", GRAINS[name], **given)["containerd package is removed"]
    assert cleaned["packages"] == chunk["packages"]


def test_version_and_hold_reach_the_package(apply_with):
    pillar = {"containerd": {"package": {"version": "1.7.*", "hold": True, "upgrade": True}}}
    for source in ("docker", "distro"):
        pillar["containerd"]["package"]["source"] = source
        chunk = apply_with("containerd", GRAINS["debian-12"], pillar)["containerd package is installed"]
        assert (chunk["version"], chunk["hold"], chunk["upgrade"]) == ("1.7.*", True, True)
    pillar["containerd"]["package"]["source"] = "docker"
    chunk = apply_with("containerd", GRAINS["debian-12"], pillar)["containerd package is installed"]
    assert chunk["repository"] == "https://download.docker.com/linux/debian"
    assert (
        apply_with("containerd", GRAINS["debian-12"], {})["containerd package is installed"]["hold"] is None
    )


def test_repository_url_is_replaceable(apply_with):
    chunks = apply_with("containerd.package", GRAINS["debian-12"], PILLARS["mirror"])
    text = chunks["containerd repository is configured"]["contents"]
    assert "URIs: https://mirror.example.org/docker/debian\n" in text


def test_distro_configures_no_repository(apply_with):
    chunks = apply_with("containerd", GRAINS["debian-12"], PILLARS["distro"])
    assert not [name for name in chunks if "repository" in name]
