"""
Drop-ins of one schema under a main file of another: what the finding calls dead is what containerd drops.
"""

import subprocess

import pytest
import tomlkit
from containerd_formula import drop_ins, toml
from containerd_formula.data import at, put
from containerd_formula.document import compose
from containerd_formula.paths import dotted

CRI, IMG, RT = (
    ("plugins", name)
    for name in ("io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime")
)
NVIDIA = ("containerd", "runtimes", "nvidia", "runtime_type")
RUNC_TYPE = "io.containerd.runc.v2"
# A setting by its names in schema 2 and in schema 3.
SETTINGS = {
    "sandbox image": ((*CRI, "sandbox_image"), (*IMG, "pinned_images", "sandbox"), "theirs.example/pause:1"),
    "runtime": ((*CRI, *NVIDIA), (*RT, *NVIDIA), RUNC_TYPE),
    "default runtime": (
        (*CRI, "containerd", "default_runtime_name"),
        (*RT, "containerd", "default_runtime_name"),
        "nvidia",
    ),
    "snapshotter": ((*CRI, "containerd", "snapshotter"), (*IMG, "snapshotter"), "native"),
    "selinux": ((*CRI, "enable_selinux"), (*RT, "enable_selinux"), True),
    "CNI programs": ((*CRI, "cni", "bin_dir"), (*RT, "cni", "bin_dirs"), "/theirs"),
    "CNI folder": ((*CRI, "cni", "conf_dir"), (*RT, "cni", "conf_dir"), "/theirs"),
    "registry": ((*CRI, "registry", "config_path"), (*IMG, "registry", "config_path"), "/theirs"),
    "downloads": ((*CRI, "max_concurrent_downloads"), (*IMG, "max_concurrent_downloads"), 7),
    "streaming": ((*CRI, "stream_idle_timeout"),) * 2 + ("7h0m0s",),
    "restart": (
        ("plugins", "io.containerd.internal.v1.restart", "interval"),
        ("plugins", "io.containerd.monitor.container.v1.restart", "interval"),
        "7s",
    ),
    "collector": (("plugins", "io.containerd.gc.v1.scheduler", "startup_delay"),) * 2 + ("7s",),
}
STAMPS = (None, 1, 2, 3)


@pytest.fixture
def main(release, salt_functions):
    """
    Return the document that the formula writes for a release whose schema is 3.
    """
    if not release.startswith("2."):
        pytest.skip("containerd 1.x has no schema 3")
    base = salt_functions["containerd_daemon.config_default"]()
    made = compose(base, {"version": 2, "plugins": {CRI[1]: {"registry": {"config_path": "/etc/x"}}}})
    assert made.version == 3
    return made.result


@pytest.fixture
def effective(on_path, tmp_path):
    """
    Return a function that tells what is in effect with a main file and some drop-ins.
    """

    def dump(main, files):
        names = [f"{number}.toml" for number, _ in enumerate(files)]
        for name, data in zip([*names, "main"], [*files, {**main, "imports": names}]):
            (tmp_path / name).write_text(tomlkit.dumps(data), encoding="utf-8")
        command = [str(on_path / "containerd"), "--config", str(tmp_path / "main"), "config", "dump"]
        return toml.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    return dump


def drop_in(stamp, schema, *names):
    data = {} if stamp is None else {"version": stamp}
    for name in names:
        *paths, value = SETTINGS[name]
        many = name == "CNI programs" and schema == 3
        put(data, paths[schema - 2], [value] if many else value)
    return data


def is_lost(shown, name):
    _, path, value = SETTINGS[name]
    return at(shown, path) not in (value, [value])


def told(main, files):
    """
    Return what is dead: the number of its file, and its path.
    """
    found = drop_ins.findings(main, [(str(number), data) for number, data in enumerate(files)])
    merged, every = drop_ins.together(main, files), set()
    for number, data in enumerate(files):
        words = [one.message for one in found if one.key == str(number) and "drops without" in one.message]
        dead = [path for path, _ in drop_ins.dead(data, main, merged)]
        assert bool(words) == bool(dead)
        assert all(dotted(dead[0]) in message and "Write version = 3" in message for message in words)
        every |= {(number, path) for path in dead}
    return every


def agree(main, effective, files, held):
    shown, dead = effective(main, files), told(main, files)
    for number, schema, name in held:
        assert ((number, SETTINGS[name][schema - 2]) in dead) == is_lost(shown, name), (name, files)


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("schema", [2, 3])
@pytest.mark.parametrize("stamp", STAMPS)
def test_one_file(main, effective, stamp, schema, name):
    agree(main, effective, [drop_in(stamp, schema, name)], [(0, schema, name)])


@pytest.mark.parametrize("schema", [2, 3])
@pytest.mark.parametrize("stamp", STAMPS)
def test_all_at_once(main, effective, stamp, schema):
    held = [(0, schema, name) for name in SETTINGS]
    agree(main, effective, [drop_in(stamp, schema, *SETTINGS)], held)


@pytest.mark.parametrize("first", STAMPS)
@pytest.mark.parametrize("second", STAMPS)
def test_the_last_version_counts_for_all(main, effective, first, second):
    files = [drop_in(first, 2, "sandbox image", "runtime"), drop_in(second, 2, "restart", "selinux")]
    held = [(0, 2, "sandbox image"), (0, 2, "runtime"), (1, 2, "restart"), (1, 2, "selinux")]
    agree(main, effective, files, held)


def test_a_table_that_takes_the_place_of_another(main, effective):
    files = [{"version": 2, "plugins": {CRI[1]: {"registry": {"headers": {"X": ["1"]}}}}}]
    assert at(effective(main, files), (*IMG, "registry", "config_path")) == ""
    [found] = drop_ins.findings(main, [("0", files[0])])
    assert "so that 1 settings of that table are lost. Write version = 3" in found.message
