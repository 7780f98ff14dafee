"""
Render the SLS of the formula with the grains of other nodes.
"""

import functools
import shutil

import pytest
import yaml
from saltfactories.utils.functional import Loaders

from support import ROOT
from support.platforms import PLATFORMS

GRAINS = {name: tuple(row["grains"]) for name, row in PLATFORMS.items()}
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
SLS = sorted(
    str(path.relative_to(ROOT).with_suffix("")).replace("/", ".").removesuffix(".init")
    for path in (ROOT / "containerd").rglob("*.sls")
    # For the master.
    if path.parent.name != "orchestrate"
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


def required(chunk, chunks):
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


def closure(name, needs):
    seen, todo = set(), [name]
    while todo:
        for needed in needs[todo.pop()] - seen:
            seen.add(needed)
            todo.append(needed)
    return seen
