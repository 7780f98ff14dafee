"""
Every SLS renders on every os and pillar that README and docs name, and says what is wrong on others.
"""

import functools
import re
import shutil
import subprocess

import pytest
import yaml
from saltfactories.utils.functional import Loaders
from support import ROOT

GRAINS = {
    "ubuntu-20.04": ("Ubuntu", "Debian", "Ubuntu-20.04", "focal", "amd64"),
    "ubuntu-22.04": ("Ubuntu", "Debian", "Ubuntu-22.04", "jammy", "arm64"),
    "ubuntu-24.04": ("Ubuntu", "Debian", "Ubuntu-24.04", "noble", "amd64"),
    "debian-11": ("Debian", "Debian", "Debian-11", "bullseye", "arm64"),
    "debian-12": ("Debian", "Debian", "Debian-12", "bookworm", "amd64"),
    "debian-13": ("Debian", "Debian", "Debian-13", "trixie", "amd64"),
    "rhel-9": ("RedHat", "RedHat", "Red Hat Enterprise Linux-9", "", "x86_64"),
    "rocky-9": ("Rocky", "RedHat", "Rocky Linux-9", "", "x86_64"),
    "fedora-42": ("Fedora", "RedHat", "Fedora Linux-42", "", "x86_64"),
    "amazon-2023": ("Amazon", "RedHat", "Amazon Linux-2023", "", "x86_64"),
    "opensuse-15": ("SUSE", "Suse", "Leap-15", "", "x86_64"),
    "arch": ("Arch", "Arch", "Arch", "", "x86_64"),
}
# Where Docker has packages.
DOCKER = [name for name in GRAINS if name not in ("opensuse-15", "arch")]
APT = [name for name in DOCKER if GRAINS[name][1] == "Debian"]
UNKNOWN = ("Plan9", "Bell", "Plan9-4", "fourth", "mips")
EXAMPLE = yaml.safe_load((ROOT / "pillar.example").read_text(encoding="utf-8"))
PILLARS = {
    "empty": {},
    "example": EXAMPLE,
    "distro": {"containerd": {"package": {"source": "distro"}}},
    "null": {"containerd": None},
    "an empty config": {"containerd": {"config": None}},
    "mirror": {"containerd": {"package": {"docker": {"url": "https://mirror.example.org/docker"}}}},
}
MATRIX = [
    (name, pillar)
    for name in GRAINS
    for pillar in (PILLARS if name in APT else ("empty", "distro", "null", "an empty config"))
]
SLS = sorted(
    str(path.relative_to(ROOT).with_suffix("")).replace("/", ".").removesuffix(".init")
    for path in (ROOT / "containerd").rglob("*.sls")
)


@pytest.fixture(scope="module")
def apply_with(make_minion_opts):
    """
    Render an SLS with the grains of another node; return the low chunks by their IDs.
    """

    @functools.cache
    def loaders_of(grains, root, saltenv, packages):
        keys = ("os", "os_family", "osfinger", "oscodename", "osarch")
        machine = "aarch64" if grains[4] in ("arm64", "aarch64") else "x86_64"
        static = {**dict(zip(keys, grains)), "cpuarch": machine, "systemd": {"version": "252"}}
        options = {"file_roots": {saltenv: [str(root)]}} if root else {}
        # Not this machine's.
        options.update(providers={"pkg": "node_pkg"}, test_packages=dict.fromkeys(packages, "1.6.20"))
        return Loaders(make_minion_opts(f"render-{grains[2]}", grains=static, **options))

    def render(sls, grains, pillar, test=False, root=None, saltenv="base", packages=()):
        show = loaders_of(grains, root, saltenv, packages).modules.state.show_low_sls
        chunks = show(sls, pillar=pillar, test=test, saltenv=saltenv)
        assert all(isinstance(chunk, dict) for chunk in chunks), chunks
        return {chunk["__id__"]: chunk for chunk in chunks}

    return render


@pytest.fixture(scope="module")
def other_release(file_root, tmp_path_factory):
    """
    A file root whose map finds modules of another release, so that a renderer checks the pillar.
    """
    root = tmp_path_factory.mktemp("roots") / "other"
    shutil.copytree(file_root, root)
    path = root / "containerd/map.jinja"
    text = path.read_text(encoding="utf-8")
    assert 'release = "' in text
    path.write_text(text.replace('release = "', 'release = "0.'), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def no_check(other_release):
    """
    The same without the file that checks the pillar.
    """
    root = other_release.with_name("none")
    shutil.copytree(other_release, root)
    (root / "_utils/containerd_formula/pillar.py").unlink()
    return root


@pytest.mark.parametrize(("name", "pillar"), MATRIX)
def test_the_formula_renders(apply_with, name, pillar):
    chunks = apply_with("containerd", GRAINS[name], PILLARS[pillar])
    assert chunks["containerd pillar is valid"]["fun"] == "nop", chunks["containerd pillar is valid"]
    distro = ["containerd", "containerd-ctr"] if name == "opensuse-15" else ["containerd"]
    expected = ["containerd.io"] if pillar != "distro" and name in DOCKER else distro
    assert chunks["containerd package is installed"]["packages"] == expected


@pytest.mark.parametrize("test", [False, True], ids=["live", "test"])
@pytest.mark.parametrize("sls", SLS)
def test_each_sls_renders_alone(apply_with, sls, test):
    assert apply_with(sls, GRAINS["debian-12"], {}, test)


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
        ("rocky-9", "centos/$releasever"),
        ("fedora-42", "fedora/$releasever"),
        ("amazon-2023", "centos/9"),
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
    key = chunks["containerd repository key is installed"]
    assert (key["name"], key["source"], key["fingerprints"]) == (
        "/etc/pki/rpm-gpg/RPM-GPG-KEY-docker",
        "https://download.docker.com/linux/centos/gpg",
        ["060A61C51B558A7F742B77AAC52FEB6B621E9F35"],
    )
    assert chunks["containerd package can be held"]["pkgs"] == ["python3-dnf-plugin-versionlock"]
    assert "containerd repository has no rival" not in chunks


@pytest.mark.parametrize(
    ("name", "docker", "warned"),
    [
        ("rocky-9", {"url": "http://mirror.example.org"}, True),
        ("rocky-9", {"url": "http://mirror.example.org", "repo_gpgcheck": True}, False),
        ("rocky-9", {"url": "file:///srv/mirror"}, False),
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
    chunks = apply_with("containerd.package", GRAINS["rocky-9"], {"containerd": {"package": package}})
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


@pytest.mark.parametrize("name", ["rocky-9", "debian-12"])
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
        ("rocky-9", ("containerd",), {"hold": True}, "distro", "distro, as installed"),
        ("rocky-9", ("containerd.io",), {}, "docker", "docker, as installed"),
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
    pillar = {"containerd": {"package": {"version": "1.7.*", "hold": True}}}
    chunk = apply_with("containerd", GRAINS["debian-12"], pillar)["containerd package is installed"]
    assert (chunk["version"], chunk["hold"]) == ("1.7.*", True)
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


def test_packaged_settings_of_debian_are_a_layer_of_their_own(apply_with):
    """
    Debian 12's package puts the CNI plugins elsewhere than its binary's default does.
    """
    chunks = apply_with("containerd.config", GRAINS["debian-12"], PILLARS["distro"])
    layers = {
        k: v for layer in chunks["containerd configuration is managed"]["overrides"] for k, v in layer.items()
    }
    assert list(layers) == ["formula", "os", "pillar"]
    assert layers["os"]["plugins"]["io.containerd.grpc.v1.cri"]["cni"]["bin_dir"] == "/usr/lib/cni"
    docker = apply_with("containerd.config", GRAINS["debian-12"], {})["containerd configuration is managed"]
    assert docker["overrides"][1] == {"os": {}}


@pytest.mark.parametrize(("name", "arch"), [("debian-12", "amd64"), ("debian-11", "arm64")])
def test_an_archive_is_that_of_the_machine_and_tidied_after_it_is_ready(apply_with, name, arch):
    archive = {"sha256": {"1.7.24": {arch: "0" * 64}}}
    package = {"source": "archive", "version": "1.7.24", "archive": archive}
    chunks = apply_with("containerd", GRAINS[name], {"containerd": {"package": package}})
    # A unit file that was there may set a proxy with its password.
    assert chunks["containerd archive has a unit file"]["show_changes"] is False
    unpacked, used = chunks["containerd archive is unpacked"], chunks["containerd package is installed"]
    assert (unpacked["arch"], unpacked["releases"]["containerd"]["sha256"]) == (arch, archive["sha256"])
    assert used["releases"] == unpacked["releases"]
    assert list(used["releases"]) == ["containerd"]
    assert _required(chunks["containerd old archives are removed"], chunks) == {"containerd is ready"}
    package["archive"] = {**archive, "runc": {"version": "1.1.15", "sha256": {"1.1.15": {arch: "0" * 64}}}}
    given = {"containerd": {"package": package, "service": {"manage": False}}}
    # By itself, too, where an image is built.
    assert apply_with("containerd.package.tidy", GRAINS[name], given)["containerd old archives are removed"]
    chunks = apply_with("containerd", GRAINS[name], given)
    assert chunks["containerd archive is unpacked"]["releases"]["runc"]["version"] == "1.1.15"
    # Nothing is started where an image is built.
    assert "containerd old archives are removed" not in chunks


def test_an_image_is_built_without_a_start(apply_with):
    chunks = apply_with("containerd", GRAINS["debian-12"], {"containerd": {"service": {"manage": False}}})
    assert chunks["containerd kernel modules are loaded"]["state"] == "test"
    assert chunks["containerd sysctls are set now"]["state"] == "test"
    assert [name for name in chunks if name.startswith("containerd service")] == [
        "containerd service drop-in is managed",
        "containerd service is enabled",
    ]
    assert not {"containerd is ready", "containerd configuration is rolled back"} & set(chunks)


@pytest.mark.parametrize("restart", ["auto", "manual"])
def test_a_restart_is_automatic_or_not(apply_with, restart):
    chunks = apply_with("containerd", GRAINS["debian-12"], {"containerd": {"service": {"restart": restart}}})
    running = chunks["containerd service is running"]
    changed = ["containerd configuration is managed", "containerd service drop-in is managed"]
    assert running.get("watch", []) == (changed if restart == "auto" else [])
    assert set(changed) <= _required(running, chunks)


def test_the_configuration_knows_what_becomes_of_the_unit(apply_with):
    """
    Two changes that failed together are refused before either is written.
    """
    service = {"environment": {"B": "1", "A": "2"}, "limits": {"LimitNOFILE": 5}}
    chunks = apply_with("containerd", GRAINS["debian-12"], {"containerd": {"service": service}})
    assert chunks["containerd configuration is managed"]["service"] == {**service, "directives": {}}
    # It sees whether the configuration was refused.
    drop_in = chunks["containerd service drop-in is managed"]
    assert chunks["containerd configuration is managed"]["order"] < drop_in["order"]


@pytest.mark.parametrize("cri", [True, False])
def test_a_node_without_a_kubelet_needs_no_cri(apply_with, cri):
    chunks = apply_with("containerd", GRAINS["debian-12"], {"containerd": {"service": {"cri": cri}}})
    names = ("configuration is managed", "is ready", "configuration is rolled back")
    assert [chunks[f"containerd {name}"]["cri"] for name in names] == [cri] * 3


@pytest.mark.parametrize("restart", ["auto", "manual"])
@pytest.mark.parametrize("source", ["docker", "distro", "archive"])
def test_a_switch_of_the_archive_restarts_as_the_service_does(apply_with, source, restart):
    package = {"source": source}
    if source == "archive":
        package.update(version="1.7.24", archive={"sha256": {"1.7.24": {"amd64": "0" * 64}}})
    given = {"containerd": {"package": package, "service": {"restart": restart}}}
    chunks = apply_with("containerd.package", GRAINS["debian-12"], given)
    name = "package is installed" if source == "archive" else "archive is not in use"
    assert chunks[f"containerd {name}"]["restart"] == restart


def test_sysctls_know_the_modules_that_bring_them(apply_with):
    pillar = {"containerd": {"kernel": {"modules": ["overlay", "nf_conntrack"]}}}
    chunks = apply_with("containerd.kernel", GRAINS["debian-12"], pillar)
    assert chunks["containerd sysctls are set now"]["modules"] == ["overlay", "nf_conntrack"]


def test_null_takes_a_sysctl_out(apply_with):
    pillar = {"containerd": {"kernel": {"sysctls": {"net.ipv4.ip_forward": None, "vm.overcommit_memory": 1}}}}
    contents = apply_with("containerd.kernel", GRAINS["debian-12"], pillar)[
        "containerd sysctls are set at boot"
    ]
    assert contents["contents"][1:] == [
        "net.bridge.bridge-nf-call-iptables = 1",
        "net.bridge.bridge-nf-call-ip6tables = 1",
        "vm.overcommit_memory = 1",
    ]


def test_registries_are_files_and_a_layer_of_the_configuration(apply_with):
    """
    The files come first: until they are there, config.toml would name a folder in vain.
    """
    hosts = {"z.io": {"mirrors": ["https://b.io", "https://a.io"]}, "a.io": None}
    pillar = {"containerd": {"registries": {"hosts": hosts}}}
    chunks = apply_with("containerd", GRAINS["debian-12"], pillar)
    registries = {"prune": True, "check": "warn", "endpoints": {}, "hosts": hosts}
    assert chunks["containerd registries are managed"]["registries"] == registries
    overrides = chunks["containerd configuration is managed"]["overrides"]
    assert [next(iter(layer)) for layer in overrides] == ["formula", "os", "registries", "pillar"]
    assert overrides[2] == {"registries": registries, "of": "registries"}
    order = list(chunks)
    assert order.index("containerd registries are managed") < order.index(
        "containerd configuration is managed"
    )
    # What is wrong for each release stops the run before anything changes.
    wrong = {"containerd": {"registries": {"hosts": {"z.io": {"mirrors": "b.io"}}}}}
    chunk = apply_with("containerd", GRAINS["debian-12"], wrong)["containerd pillar is valid"]
    assert "containerd:registries:hosts:z.io:mirrors: it must be a list" in chunk["comment"]


def test_order_of_the_overrides_is_that_of_the_pillar(apply_with):
    pillar = {"containerd": {"config": {"version": 2, "zeta": 1, "alpha": {"b": 1, "a": 2}}}}
    chunk = apply_with("containerd.config", GRAINS["debian-12"], pillar)[
        "containerd configuration is managed"
    ]
    assert list(chunk["overrides"][-1]["pillar"]) == ["version", "zeta", "alpha"]
    assert list(chunk["overrides"][-1]["pillar"]["alpha"]) == ["b", "a"]


def test_what_is_for_some_releases_is_a_layer_of_its_own(apply_with):
    for_some = {">=1.6,<2.0": {"zeta": 1, "alpha": 2}, ">=1.5": {"oom_score": 1}}
    pillar = {"containerd": {"config": {"oom_score": 0}, "config_for": for_some}}
    chunks = apply_with("containerd.config", GRAINS["debian-12"], pillar)
    overrides = chunks["containerd configuration is managed"]["overrides"]
    assert overrides[2:] == [
        {"pillar": {"oom_score": 0}},
        *({f"pillar {condition}": given, "for": condition} for condition, given in for_some.items()),
    ]
    assert list(overrides[3]["pillar >=1.6,<2.0"]) == ["zeta", "alpha"]
    assert chunks["containerd configuration is protected"]["overrides"] == overrides


@pytest.mark.parametrize(
    ("grains", "containerd", "words"),
    [
        (UNKNOWN, {}, "os_family 'Bell' is not supported"),
        (GRAINS["debian-12"], {"package": {"source": "pigeon"}}, "containerd:package:source is 'pigeon'"),
        (GRAINS["debian-12"], "docker", "containerd is a string; it must be a mapping."),
        (GRAINS["debian-12"], {"kernel": {"modules": "overlay"}}, "containerd:kernel:modules is a string"),
        (GRAINS["debian-12"], {"packages": {}}, "did you mean package?"),
        (GRAINS["debian-12"], {"config": ["a"]}, "containerd:config is a list; it must be a mapping."),
    ],
)
@pytest.mark.parametrize("sls", ["containerd", "containerd.clean"])
# Asked of the minion's own module, and of a renderer.
@pytest.mark.parametrize(("root", "test"), [("file_root", False), ("other_release", True)])
def test_a_wrong_pillar_fails_first_and_alone(
    request, apply_with, grains, containerd, words, test, root, sls
):
    """
    One state fails with the reason; everything that changes the node requires it.
    """
    root = request.getfixturevalue(root)
    chunks = apply_with(sls, grains, {"containerd": containerd}, test, root)
    assert words in _fails_first(chunks)


@pytest.mark.parametrize(
    "pillar", [{}, {"containerd": {"package": {"source": "pigeon"}}}], ids=["right", "wrong"]
)
@pytest.mark.parametrize("saltenv", ["base", "prod"])
@pytest.mark.parametrize("sls", ["containerd", "containerd.clean"])
def test_without_its_check_no_pillar_is_right(apply_with, no_check, pillar, saltenv, sls):
    chunks = apply_with(sls, GRAINS["debian-12"], pillar, root=no_check, saltenv=saltenv)
    assert "The pillar was not checked" in _fails_first(chunks)


@pytest.mark.parametrize("sls", ["containerd", "containerd.clean"])
def test_the_pillar_is_checked_in_another_saltenv(apply_with, other_release, sls):
    """
    By the file of that saltenv: there is none in base.
    """
    chunks = apply_with(sls, GRAINS["debian-12"], {}, root=other_release, saltenv="prod")
    assert chunks["containerd pillar is valid"]["fun"] == "nop"
    wrong = {"containerd": {"nope": 1}}
    chunks = apply_with(sls, GRAINS["debian-12"], wrong, root=other_release, saltenv="prod")
    assert "containerd:nope is not a setting" in _fails_first(chunks)


def test_the_map_is_rendered_as_rarely_as_can_be(apply_with):
    """
    It is a third of what a converged run costs, each time.
    """
    rendered = {chunk["__sls__"] for chunk in apply_with("containerd", GRAINS["debian-12"], {}).values()}
    files = [ROOT / sls.replace(".", "/") for sls in rendered]
    files = [path / "init.sls" if path.is_dir() else path.with_suffix(".sls") for path in files]
    assert len([path for path in files if "map.jinja" in path.read_text(encoding="utf-8")]) <= 7


def _fails_first(chunks):
    """
    Assert that the state of the pillar fails, and that nothing changes the node without it; return its words.
    """
    first = min(chunks.values(), key=lambda chunk: chunk["order"])
    assert (first["__id__"], first["fun"]) == ("containerd pillar is valid", "fail_without_changes")
    needs = {name: _required(chunk, chunks) for name, chunk in chunks.items()}
    for name, chunk in chunks.items():
        if chunk["state"] != "test":
            assert first["__id__"] in _closure(name, needs), f"{name} would run with a wrong pillar"
    return first["name"]


def _required(chunk, chunks):
    names = set()
    for requisite in [*chunk.get("require", []), *chunk.get("watch", [])]:
        kind, value = next(iter(requisite.items())) if isinstance(requisite, dict) else ("id", requisite)
        if kind == "sls":
            of_sls = {name for name, other in chunks.items() if other["__sls__"] == value}
            assert of_sls, f"{value} has no states: {chunk['__id__']} waits for nothing"
            names |= of_sls
        else:
            names.add(value)
    return names


def _closure(name, needs):
    seen, todo = set(), [name]
    while todo:
        for needed in needs[todo.pop()] - seen:
            seen.add(needed)
            todo.append(needed)
    return seen
