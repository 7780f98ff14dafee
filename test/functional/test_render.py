"""
Every SLS renders on every os and pillar that README and docs name, and says what is wrong on others.
"""

import re

import pytest
from support import ROOT
from support.rendering import APT, DOCKER, GRAINS, PILLARS, SLS, closure, required

MATRIX = [
    pytest.param(name, pillar, marks=() if pillar == "empty" else pytest.mark.once)
    for name in GRAINS
    for pillar in (PILLARS if name in APT else ("empty", "distro", "null", "an empty config"))
]


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
    assert required(chunks["containerd old archives are removed"], chunks) == {"containerd is ready"}
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
    # What is not done is said.
    for name in ("kernel modules are loaded", "sysctls are set now", "is not started"):
        assert "containerd:service:manage is false: " in chunks[f"containerd {name}"]["comment"]


@pytest.mark.parametrize("manage", [True, False])
@pytest.mark.parametrize("source", ["docker", "distro"])
def test_a_package_starts_the_daemon_where_the_formula_does(apply_with, source, manage):
    given = {"containerd": {"package": {"source": source}, "service": {"manage": manage}}}
    chunks = apply_with("containerd", GRAINS["debian-12"], given)
    assert chunks["containerd package is installed"]["start"] is manage


def test_what_does_something_waits_until_it_is_known_whether_something_can_be_started(apply_with):
    chunks = apply_with(
        "containerd", GRAINS["debian-12"], {"containerd": {"runtimes": {"crun": {"package": "crun"}}}}
    )
    needs = {name: required(chunk, chunks) for name, chunk in chunks.items()}
    before = [name for name in chunks if "containerd can be started" not in closure(name, needs)]
    assert before == [
        "containerd pillar is valid",
        "containerd Salt modules are loaded",
        "containerd Salt modules are synced",
        "containerd can be started",
    ]


@pytest.mark.parametrize("restart", ["auto", "manual"])
def test_a_restart_is_automatic_or_not(apply_with, restart):
    chunks = apply_with("containerd", GRAINS["debian-12"], {"containerd": {"service": {"restart": restart}}})
    running = chunks["containerd service is running"]
    changed = ["containerd configuration is managed", "containerd service drop-in is managed"]
    assert running.get("watch", []) == (changed if restart == "auto" else [])
    assert set(changed) <= required(running, chunks)


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


def test_runtimes_are_a_concern_and_a_layer_where_there_are_any(apply_with):
    """
    They come before config.toml names them, and are asked again once the daemon is ready.
    """
    runtimes = {"default": "crun", "crun": {"package": "crun"}, "nvidia": None}
    settings = {"runtimes": runtimes, "sandbox_image": "registry.k8s.io/pause:3.10"}
    chunks = apply_with("containerd", GRAINS["debian-12"], {"containerd": settings})
    overrides = chunks["containerd configuration is managed"]["overrides"]
    assert [next(iter(layer)) for layer in overrides] == [
        "formula",
        "os",
        "runtimes",
        "sandbox_image",
        "pillar",
    ]
    assert overrides[2] == {"runtimes": runtimes, "of": "runtimes", "systemd": True}
    assert overrides[3] == {"sandbox_image": "registry.k8s.io/pause:3.10", "of": "sandbox_image"}
    names = [name for name in chunks if "runtime" in name or name.endswith(("n is managed", "is ready"))]
    assert names == [
        "containerd runtimes are installed",
        "containerd runtime specs are managed",
        "containerd runtimes can be used",
        "containerd configuration is managed",
        "containerd service drop-in is managed",
        "containerd is ready",
        "containerd runtimes are proved",
        "containerd old runtimes are removed",
    ]
    assert all(chunks[name]["runtimes"] == runtimes for name in names if "runtime" in name)
    assert "containerd runtimes are installed" in required(chunks["containerd runtimes can be used"], chunks)
    assert {"containerd is ready"} == required(chunks["containerd runtimes are proved"], chunks)
    none = apply_with("containerd", GRAINS["debian-12"], {"containerd": {"runtimes": {}}})
    # What is left of runtimes goes all the same.
    assert [name for name in none if "runtime" in name] == ["containerd old runtimes are removed"]
    assert len(none["containerd configuration is managed"]["overrides"]) == 3
    image = {"containerd": {**settings, "service": {"manage": False}}}
    assert "containerd runtimes are proved" not in apply_with("containerd", GRAINS["debian-12"], image)


def test_wrong_runtimes_stop_the_run_before_anything_changes(apply_with):
    wrong = {"containerd": {"runtimes": {"crun": {"binery": "/usr/bin/crun"}}}}
    chunk = apply_with("containerd", GRAINS["debian-12"], wrong)["containerd pillar is valid"]
    assert "containerd:runtimes:crun:binery: there is no such key; did you mean binary?" in chunk["comment"]


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


def test_the_map_is_rendered_as_rarely_as_can_be(apply_with):
    """
    It is a third of what a converged run costs, each time.
    """
    rendered = {chunk["__sls__"] for chunk in apply_with("containerd", GRAINS["debian-12"], {}).values()}
    files = [ROOT / sls.replace(".", "/") for sls in rendered]
    files = [path / "init.sls" if path.is_dir() else path.with_suffix(".sls") for path in files]
    # What a condition indents is not for each run.
    always = re.compile(r'^\{%-? from "containerd/map.jinja"', re.MULTILINE)
    assert len([path for path in files if always.search(path.read_text(encoding="utf-8"))]) == 8
