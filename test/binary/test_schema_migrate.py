"""
The table against containerd's own migration: every setting lands where containerd puts it.
"""

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
import tomlkit
from containerd_formula import schema
from containerd_formula.data import combine, leaves, put
from containerd_formula.findings import ERROR, errors
from containerd_formula.translation import translate
from lab.debian import unpacked
from support.binaries import RELEASES

OLD, NEW = (
    unpacked("containerd", RELEASES[release]) / "usr/bin/containerd" for release in ("1.7.24", "2.1.9")
)

CRI = ("plugins", "io.containerd.grpc.v1.cri")
RT = ("plugins", "io.containerd.cri.v1.runtime")
RUNTIMES = (*CRI, "containerd", "runtimes")

# What containerd carries along although nothing in it reads it any more: ours is an error.
DEAD = {
    (*RUNTIMES, "runc", "options", "CriuPath"),
    *(
        ("plugins", "io.containerd.runtime.v1.linux", key)
        for key in ("no_shim", "runtime", "runtime_root", "shim", "shim_debug")
    ),
    ("plugins", "io.containerd.snapshotter.v1.aufs", "root_path"),
}
# What containerd 2.1 drops and 2.0 still reads, so that it stays in schema 3.
DROPPED = {("plugin_dir",)}

# Settings that no default configuration prints.
MORE = {
    (*CRI, "registry", "mirrors", "docker.io", "endpoint"): ["https://mirror.example"],
    (*CRI, "registry", "configs", "a.example:5000", "auth", "username"): "user",
    (*CRI, "registry", "configs", "a.example:5000", "auth", "password"): "secret",
    (*CRI, "registry", "configs", "a.example:5000", "tls", "ca_file"): "/ca.pem",
    (*CRI, "registry", "auths", "https://a.example", "auth"): "dTpw",
    (*CRI, "registry", "headers", "X-Meta"): ["1"],
    (*RUNTIMES, "runc", "options", "Unheard"): True,
    (*RUNTIMES, "runc", "snapshotter"): "native",
    ("timeouts", "io.containerd.timeout.new"): "9s",
    ("stream_processors", "x.y", "path"): "/bin/x",
    ("plugins", "io.example.other.v1.thing", "key"): "value",
    ("plugins", "io.containerd.tracing.processor.v1.otlp", "endpoint"): "http://x",
    ("plugins", "io.containerd.internal.v1.tracing", "sampling_ratio"): 0.5,
}


def containerd(binary, *arguments):
    run = subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return tomlkit.parse(run.stdout).unwrap()


def full(value):
    """Return a list's tables without the empty members that containerd writes out."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [{key: item for key, item in table.items() if item} for table in value]
    return value


def nest(path, value):
    data = {}
    put(data, path, value)
    return data


def changed(path, value):
    """Return another value of the same type that containerd accepts."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    if isinstance(value, str):
        return "7s" if "duration" in (schema.kind(path) or "") else value + "x"
    if value and isinstance(value[0], dict):
        return [{**value[0], "snapshotter": "native"}]
    return [*value, "io.containerd.x.v1.y"]


@pytest.fixture(scope="module")
def old_default():
    return containerd(OLD, "config", "default")


@pytest.fixture(scope="module")
def new_default():
    return containerd(NEW, "config", "default")


@pytest.fixture(scope="module")
def settings(old_default):
    """Return each setting of the old default with another value, and some more."""
    return {
        path: changed(path, value)
        for path, value in leaves(old_default).items()
        if path != ("version",) and value != {}
    } | MORE


@pytest.fixture(scope="module")
def migrated(old_default, settings, tmp_path_factory):
    """Return what each setting, changed alone, changes in the migrated document."""
    directory = tmp_path_factory.mktemp("migrate")

    def migrate(document, name):
        file = directory / f"{name}.toml"
        file.write_text(tomlkit.dumps(document))
        return leaves(containerd(NEW, "-c", file, "config", "migrate"))

    plain = migrate(old_default, "plain")

    def change(item):
        number, (path, value) = item
        new = migrate(combine(old_default, nest(path, value)), number)
        # A new entry of a free table brings its other keys along, empty.
        return {
            key: full(leaf)
            for key, leaf in new.items()
            if plain.get(key) != leaf and (key in plain or leaf not in ("", [], {}, 0))
        }

    with ThreadPoolExecutor(8) as pool:
        return dict(zip(settings, pool.map(change, enumerate(settings.items()))))


def ours(path, value, base):
    result = translate(nest(path, value), 3, base)
    return {path: full(leaf) for path, leaf in leaves(result.fragment).items()}


def test_each_setting_lands_where_containerd_migrates_it(settings, new_default, migrated):
    """Catches a row with a wrong path, and a move that no row tells."""
    expected = {path: ours(path, value, new_default) for path, value in settings.items()}
    differs = {path for path in settings if migrated[path] != expected[path]}
    assert differs == DEAD | DROPPED, {path: (migrated[path], expected[path]) for path in differs}
    for path in DEAD:
        assert migrated[path] and not expected[path]
    for path in DROPPED:
        assert expected[path] and not migrated[path]


def test_what_containerd_drops_is_an_error_that_names_it(settings, new_default, migrated):
    """Catches a setting that vanishes without a word: what migrate loses, translate reports."""
    lost = {path for path, change in migrated.items() if not change} - DROPPED
    assert len(lost) > 20
    for path in lost | DEAD:
        found = translate(nest(path, settings[path]), 3, new_default).findings
        assert [one.level for one in found] == [ERROR], path
        assert path[: len(found[0].path)] == found[0].path


@pytest.mark.parametrize("key", ["snapshotter", "discard_unpacked_layers"])
def test_kept_where_containerd_loses_it_for_want_of_runtimes(key, new_default, tmp_path):
    """Names a loss of migrate: image settings in a file without a `runtimes` table."""
    value = "native" if key == "snapshotter" else True
    fragment = {"version": 2, **nest((*CRI, "containerd", key), value)}
    file = tmp_path / "config.toml"
    file.write_text(tomlkit.dumps(fragment))
    target = ("plugins", "io.containerd.cri.v1.images", key)
    assert leaves(containerd(NEW, "-c", file, "config", "migrate"))[target] != value
    assert leaves(translate(fragment, 3, new_default).fragment)[target] == value


def test_merged_translation_is_a_configuration_that_containerd_reads(
    settings, new_default, migrated, tmp_path
):
    """Catches a translation that containerd only carries along: each value must be in its dump."""
    fragment = {"version": 2}
    for path, value in settings.items():
        if migrated[path] and path not in DEAD:
            fragment = combine(fragment, nest(path, value))
    translated, found = translate(fragment, 3, new_default)
    assert errors(found) == []
    file = tmp_path / "config.toml"
    file.write_text(tomlkit.dumps(combine(new_default, translated)))
    run = subprocess.run([NEW, "-c", file, "config", "dump"], capture_output=True, text=True, timeout=60)
    dump = leaves(tomlkit.parse(run.stdout).unwrap())
    for path, value in leaves(translated).items():
        assert full(dump.get(path)) == full(value), path
    known_to_debian_build = "io.containerd.snapshotter.v1.zfs"
    unknown = [line for line in run.stderr.splitlines() if "unknown key" in line]
    assert [line for line in unknown if known_to_debian_build not in line] == []
