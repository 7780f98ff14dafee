"""
Every SLS renders on every os and pillar that the README names, and says what is wrong on others.
"""

import functools

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
}
UNKNOWN = ("Plan9", "Bell", "Plan9-4", "fourth", "mips")
EXAMPLE = yaml.safe_load((ROOT / "pillar.example").read_text(encoding="utf-8"))
PILLARS = {
    "empty": {},
    "example": EXAMPLE,
    "distro": {"containerd": {"package": {"source": "distro"}}},
    "null": {"containerd": None},
    "mirror": {"containerd": {"package": {"docker": {"url": "https://mirror.example.org/docker"}}}},
}
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
    def loaders_of(grains):
        keys = ("os", "os_family", "osfinger", "oscodename", "osarch")
        static = {**dict(zip(keys, grains)), "systemd": {"version": "252"}}
        return Loaders(make_minion_opts(f"render-{grains[2]}", grains=static))

    def render(sls, grains, pillar, test=False):
        chunks = loaders_of(grains).modules.state.show_low_sls(sls, pillar=pillar, test=test)
        assert all(isinstance(chunk, dict) for chunk in chunks), chunks
        return {chunk["__id__"]: chunk for chunk in chunks}

    return render


@pytest.mark.parametrize("pillar", PILLARS.values(), ids=PILLARS)
@pytest.mark.parametrize("grains", GRAINS.values(), ids=GRAINS)
def test_the_formula_renders(apply_with, grains, pillar):
    chunks = apply_with("containerd", grains, pillar)
    assert chunks["containerd settings are valid"]["fun"] == "nop", chunks["containerd settings are valid"]
    source = ((pillar.get("containerd") or {}).get("package") or {}).get("source", "docker")
    assert chunks["containerd package is installed"]["name"] == (
        "containerd" if source == "distro" else "containerd.io"
    )


@pytest.mark.parametrize("test", [False, True], ids=["live", "test"])
@pytest.mark.parametrize("sls", SLS)
def test_each_sls_renders_alone(apply_with, sls, test):
    assert apply_with(sls, GRAINS["debian-12"], {}, test)


@pytest.mark.parametrize("name", GRAINS)
def test_repository_is_that_of_the_node(apply_with, name):
    os, _, _, codename, arch = GRAINS[name]
    text = apply_with("containerd.package", GRAINS[name], {})["containerd repository is configured"][
        "contents"
    ]
    assert text.splitlines()[1:] == [
        "Types: deb",
        f"URIs: https://download.docker.com/linux/{os.lower()}",
        f"Suites: {codename}",
        "Components: stable",
        f"Architectures: {arch}",
        "Signed-By: /etc/apt/keyrings/docker.asc",
    ]


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


def test_order_of_the_overrides_is_that_of_the_pillar(apply_with):
    pillar = {"containerd": {"config": {"version": 2, "zeta": 1, "alpha": {"b": 1, "a": 2}}}}
    chunk = apply_with("containerd.config", GRAINS["debian-12"], pillar)[
        "containerd configuration is managed"
    ]
    assert list(chunk["overrides"][-1]["pillar"]) == ["version", "zeta", "alpha"]
    assert list(chunk["overrides"][-1]["pillar"]["alpha"]) == ["b", "a"]


@pytest.mark.parametrize(
    ("grains", "containerd", "words"),
    [
        (UNKNOWN, {}, "os_family 'Bell' is not supported"),
        (GRAINS["debian-12"], {"package": {"source": "pigeon"}}, "containerd:package:source is 'pigeon'"),
        (GRAINS["debian-12"], "docker", "containerd is a string; it must be a mapping."),
        (GRAINS["debian-12"], {"kernel": {"modules": "overlay"}}, "containerd:kernel:modules is a string"),
        (GRAINS["debian-12"], {"config": None}, "containerd:config is a null; it must be a mapping."),
        (GRAINS["debian-12"], {"packages": {}}, "did you mean package?"),
        (GRAINS["debian-12"], {"config": ["a"]}, "containerd:config is a list; it must be a mapping."),
    ],
)
@pytest.mark.parametrize("sls", ["containerd", "containerd.clean"])
@pytest.mark.parametrize("test", [False, True], ids=["live", "test"])
def test_a_wrong_pillar_fails_first_and_alone(apply_with, grains, containerd, words, test, sls):
    """
    One state fails with the reason; everything that changes the node requires it.
    """
    pillar = {"containerd": containerd}
    chunks = apply_with(sls, grains, pillar, test)
    first = min(chunks.values(), key=lambda chunk: chunk["order"])
    assert (first["__id__"], first["fun"]) == ("containerd settings are valid", "fail_without_changes")
    assert words in first["name"]

    needs = {name: _required(chunk, chunks) for name, chunk in chunks.items()}
    for name, chunk in chunks.items():
        if chunk["state"] != "test":
            assert first["__id__"] in _closure(name, needs), f"{name} would run with a wrong pillar"


def _required(chunk, chunks):
    names = set()
    for requisite in [*chunk.get("require", []), *chunk.get("watch", [])]:
        kind, value = next(iter(requisite.items())) if isinstance(requisite, dict) else ("id", requisite)
        if kind == "sls":
            names |= {name for name, other in chunks.items() if other["__sls__"] in (value, f"{value}.init")}
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
