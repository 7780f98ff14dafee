"""
The table itself, and what it says where the releases of one schema have several names for one thing.
"""

import importlib
import pathlib
import sys
import types

import pytest
from containerd_formula import schema, table
from containerd_formula.data import put
from containerd_formula.table import IDS, NAMES, ROWS, SCHEMAS, named, setting
from library.texts import CRI, RT, fragment, refusals, translated


def test_no_schema_has_two_rows_for_one_path():
    """Catches a row that another one silently replaces."""
    for version in SCHEMAS:
        paths = [paths[version] for paths, _ in ROWS if paths[version]]
        paths += [path for path in NAMES[version] if path not in paths]
        assert sorted(paths) == sorted(set(paths))


def test_every_fact_is_one_that_the_functions_know():
    known = {"kind", "choices", "open", "since", "gone", "deprecated", "instead", "unprinted"}
    known |= {"list", "never", "otherwise", "type"}
    for _, facts in ROWS:
        assert set(facts) <= known
        assert facts.get("open") in (None, "name", "below")
        if {"gone", "deprecated"} & set(facts):
            assert facts["instead"]


def test_several_names_are_names_of_one_place():
    for names in NAMES.values():
        for path, parts in names.items():
            assert path[-1] in parts and len(set(parts)) == len(parts) > 1
            assert all(names[(*path[:-1], part)] == parts for part in parts)


def test_what_has_a_list_by_one_name_has_several_names():
    for paths, facts in ROWS:
        for version in SCHEMAS if "list" in facts else ():
            assert facts["list"][0] in NAMES[version][paths[version]]


@pytest.mark.parametrize(
    ("short", "path"),
    [
        ("root", ("root",)),
        ("grpc.address", ("grpc", "address")),
        ("CRI.sandbox_image", ("plugins", "io.containerd.grpc.v1.cri", "sandbox_image")),
        ("RT.containerd.runtimes", ("plugins", "io.containerd.cri.v1.runtime", "containerd", "runtimes")),
        ("DEVMAPPER.pool_name", ("plugins", "io.containerd.snapshotter.v1.devmapper", "pool_name")),
        ("CRI", ("plugins", "io.containerd.grpc.v1.cri")),
    ],
)
def test_the_short_notation(short, path):
    assert setting(short) == path


def test_a_default_decides_between_names():
    new, old = setting("RT.cni.bin_dirs"), setting("RT.cni.bin_dir")
    for path in (new, old):
        for base in (None, {}, fragment({RT + ".cni.conf_dir": "/etc"}), BASES["2.1"]):
            assert named(path, 3, base) == new
        assert named(path, 3, BASES["2.0"]) == old
    assert named((*old, "below"), 4, BASES["2.0"]) == (*old, "below")
    assert named(old, 2) == old


BASES = {
    "2.0": fragment({RT + ".cni.bin_dir": "/opt/cni/bin"}),
    "2.1": fragment({RT + ".cni.bin_dir": "", RT + ".cni.bin_dirs": ["/opt/cni/bin"]}),
    None: None,
}


@pytest.mark.parametrize(
    ("release", "settings", "version", "expected"),
    [
        ("2.1", {CRI + ".cni.bin_dir": "/a"}, 3, {RT + ".cni.bin_dirs": ["/a"]}),
        ("2.1", {CRI + ".cni.bin_dir": "/a"}, 4, {RT + ".cni.bin_dirs": ["/a"]}),
        (None, {CRI + ".cni.bin_dir": "/a"}, 3, {RT + ".cni.bin_dirs": ["/a"]}),
        ("2.1", {CRI + ".cni.bin_dir": ""}, 3, {RT + ".cni.bin_dirs": []}),
        ("2.1", {CRI + ".cni.bin_dir": None}, 3, {RT + ".cni.bin_dirs": None}),
        ("2.0", {CRI + ".cni.bin_dir": "/a"}, 3, {RT + ".cni.bin_dir": "/a"}),
        ("2.0", {RT + ".cni.bin_dirs": ["/a"]}, 3, {RT + ".cni.bin_dir": "/a"}),
        ("2.1", {RT + ".cni.bin_dir": "/a"}, 3, {RT + ".cni.bin_dirs": ["/a"]}),
        ("2.1", {RT + ".cni.bin_dir": ""}, 3, {RT + ".cni.bin_dir": ""}),
        ("2.1", {RT + ".cni.bin_dirs": ["/a", "/b"]}, 4, {RT + ".cni.bin_dirs": ["/a", "/b"]}),
        (None, {RT + ".cni.bin_dirs": ["/a"]}, 2, {CRI + ".cni.bin_dir": "/a"}),
        (None, {RT + ".cni.bin_dirs": []}, 2, {CRI + ".cni.bin_dir": ""}),
        (None, {RT + ".cni.bin_dirs": None}, 2, {CRI + ".cni.bin_dir": None}),
        (None, {RT + ".cni.bin_dir": "/a"}, 2, {CRI + ".cni.bin_dir": "/a"}),
        # As the default of 2.1 has them, whichever is the empty one and comes first.
        ("2.1", {RT + ".cni.bin_dir": "", RT + ".cni.bin_dirs": ["/a"]}, 3, None),
        (None, {RT + ".cni.bin_dir": "", RT + ".cni.bin_dirs": ["/a"]}, 2, {CRI + ".cni.bin_dir": "/a"}),
        (None, {RT + ".cni.bin_dirs": ["/a"], RT + ".cni.bin_dir": ""}, 2, {CRI + ".cni.bin_dir": "/a"}),
        ("2.0", {RT + ".cni.bin_dir": "", RT + ".cni.bin_dirs": ["/a"]}, 3, {RT + ".cni.bin_dir": "/a"}),
        ("2.1", {RT + ".cni.bin_dirs": [], RT + ".cni.bin_dir": "/a"}, 3, {RT + ".cni.bin_dirs": ["/a"]}),
        # containerd 2.1 reads the new name in a file of schema 2.
        ("2.1", {CRI + ".cni.bin_dirs": ["/a"]}, 3, {RT + ".cni.bin_dirs": ["/a"]}),
        ("2.0", {CRI + ".cni.bin_dirs": ["/a"]}, 3, {RT + ".cni.bin_dir": "/a"}),
        (None, {CRI + ".cni.bin_dirs": ["/a"]}, 2, {CRI + ".cni.bin_dir": "/a"}),
        (None, {CRI + ".cni.bin_dirs": []}, 2, {CRI + ".cni.bin_dir": ""}),
        ("2.1", {CRI + ".cni.Bin_Dir": "/a"}, 3, {RT + ".cni.bin_dirs": ["/a"]}),
        # What stands below is no value of it, and is left for the check of types.
        ("2.1", {CRI + ".cni.bin_dir.x": "/a"}, 3, {RT + ".cni.bin_dirs.x": "/a"}),
    ],
)
def test_the_base_says_how_the_cni_directory_is_called(release, settings, version, expected):
    assert translated(settings, version, BASES[release]) == (expected or settings)


@pytest.mark.parametrize(("release", "version"), [("2.0", 3), (None, 2)])
def test_two_cni_directories_are_refused_where_there_is_one(release, version):
    said = refusals({RT + ".cni.bin_dirs": ["/a", "/b"]}, version, BASES[release])
    assert said == f"{RT}.cni.bin_dirs: containerd before 2.1 has one CNI directory: give one"


def test_both_names_of_the_cni_directory_are_refused():
    said = refusals({RT + ".cni.bin_dirs": ["/a"], RT + ".cni.bin_dir": "/b"}, 3)
    assert said == f"{RT}.cni.bin_dir: bin_dirs is set as well: remove one of the two"
    assert "bin_dirs is set as well" in refusals({CRI + ".cni.bin_dirs": ["/a"], CRI + ".cni.bin_dir": ""}, 3)


def test_the_cni_directory_keeps_its_place():
    settings = {CRI + ".cni.bin_dir": "/a", CRI + ".cni.conf_dir": "/b"}
    assert list(translated(settings, 3)) == [RT + ".cni.bin_dirs", RT + ".cni.conf_dir"]


@pytest.fixture
def reread(monkeypatch):
    """
    Return a function: the library as it would be were one cell of the table another.
    """

    def read(cell, other):
        source = pathlib.Path(table.__file__).read_text(encoding="utf-8")
        assert source.count(cell) == 1
        # The package too: it holds its modules as attributes.
        for name in [name for name in sys.modules if name.partition(".")[0] == "containerd_formula"]:
            monkeypatch.delitem(sys.modules, name)
        module = types.ModuleType("containerd_formula.table")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(source.replace(cell, other), vars(module))  # noqa: S102
        return [importlib.import_module(f"containerd_formula.{name}") for name in ("schema", "translation")]

    return read


@pytest.mark.parametrize(
    ("name", "below"),
    [
        ("CRI", ("stream_server_port",)),
        ("IMG", ("registry", "config_path")),
        ("RT", ("cni", "conf_dir")),
        ("CGROUPS", ("no_prometheus",)),
        ("NRI", ("plugin_request_timeout",)),
        ("NRI", ("no_row_names_it",)),
        ("GRPC", ("address",)),
    ],
)
def test_a_plugin_that_is_renamed_within_a_schema_is_one_cell(reread, name, below):
    """
    Catches a place that knows a plugin's id beside the table.
    """
    old, new = IDS[name], "io.containerd.new.v1.name"
    schema, translation = reread(f'"{old}"', f'"{new} | {old}"')
    paths = {plugin: ("plugins", plugin, *below) for plugin in (old, new)}
    bases = {plugin: nested(("plugins", plugin), {"x": 1}) for plugin in (old, new)}
    for given in paths.values():
        for there, base in bases.items():
            # The default of the binary decides, and knows nothing else.
            moved = translation.translate({"version": 4, **nested(given, "5s")}, 4, base)
            assert moved == ({"version": 4, **nested(paths[there], "5s")}, [])
            assert translation.translate(nested(given, None), 4, base) == (nested(paths[there], None), [])
            ids = {"version": 4, "required_plugins": [given[1]]}
            assert translation.translate(ids, 4, base).fragment["required_plugins"] == [there]
        # What older schemas call it is the same, and from there the way is the same.
        back = translation.translate({"version": 4, **nested(given, "5s")}, 2).fragment
        for there, base in bases.items():
            moved = translation.translate(back, 4, base).fragment
            assert moved["plugins"][there] == nested(below, "5s")
        assert schema.removed(nested(given, "5s"), 4) == []
        assert schema.kind(given) == schema.kind(paths[new])
    assert schema.plugins()[new] is schema.plugins()[old] is True
    # A whole plugin is removed by either name.
    removed = [translation.translate({"version": 4, **nested(p[:2], None)}, 2) for p in paths.values()]
    assert removed[0] == removed[1]
    assert {new, old} & {*schema.cri_plugins()} == ({new, old} if name in ("CRI", "IMG", "RT") else set())


def test_cri_is_disabled_by_either_name(reread):
    old, new = IDS["CRI"], "io.containerd.new.v1.name"
    _, translation = reread(f'"{old}"', f'"{new} | {old}"')
    for given in (old, new):
        for there in (old, new):
            ids = {"version": 2, "disabled_plugins": [given]}
            moved = translation.translate(ids, 4, {"plugins": {there: {"x": 1}}}).fragment
            assert moved["disabled_plugins"] == [there]


def test_names_below_a_renamed_plugin(reread):
    old, new = IDS["RT"], "io.containerd.new.v1.name"
    _, translation = reread(f'"{old}"', f'"{new} | {old}"')
    for there in (old, new):
        base = nested(("plugins", there, "cni", "bin_dir"), "/opt")
        for given in (old, new):
            data = {"version": 3, **nested(("plugins", given, "cni", "bin_dirs"), ["/a"])}
            moved = translation.translate(data, 3, base).fragment
            assert moved["plugins"] == {there: {"cni": {"bin_dir": "/a"}}}


def test_a_renamed_server_gets_what_earlier_daemons_derived(reread):
    old, new = IDS["TTRPC"], "io.containerd.new.v1.name"
    _, translation = reread(f'"{old}"', f'"{new} | {old}"')
    moved = translation.translate({"grpc": {"address": "/a"}}, 4, {"plugins": {old: {}, IDS["GRPC"]: {}}})
    assert moved.fragment["plugins"] == {IDS["GRPC"]: {"address": "/a"}, old: {"address": "/a.ttrpc"}}


def test_a_setting_is_located_as_the_default_has_it(reread):
    old, new = IDS["IMG"], "io.containerd.new.v1.name"
    schema, _ = reread(f'"{old}"', f'"{new} | {old}"')
    assert schema.locate("CRI.containerd.snapshotter", 4) == ("plugins", new, "snapshotter")
    base = {"plugins": {old: {}}}
    assert schema.locate("CRI.containerd.snapshotter", 4, base) == ("plugins", old, "snapshotter")


def test_a_key_that_is_renamed_within_a_schema_is_one_cell(reread):
    cell = '("CRI.enable_cdi", "RT.enable_cdi", "=",'
    schema, translation = reread(cell, '("CRI.enable_cdi", "RT.enable_cdi", "RT.cdi | RT.enable_cdi",')
    old, new = setting("RT.enable_cdi"), setting("RT.cdi")
    for given in (old, new):
        for base, there in ((None, new), (nested(new, False), new), (nested(old, False), old)):
            moved = translation.translate({"version": 4, **nested(given, True)}, 4, base)
            assert moved == ({"version": 4, **nested(there, True)}, [])
        back = translation.translate({"version": 4, **nested(given, True)}, 2)
        assert back == ({"version": 2, **nested(setting("CRI.enable_cdi"), True)}, [])
    # Of several names all but the first are deprecated.
    assert [one.path for one in schema.deprecated(nested(old, True), 4)] == [old]
    assert schema.deprecated(nested(new, True), 4) == []


def nested(path, value):
    data = {}
    put(data, path, value)
    return data


def test_no_type_contradicts_what_a_folder_may_be():
    # Releases give one, or a list of them.
    for name in ("cdi_spec_dirs", "cni.bin_dirs", "cni.conf_dir"):
        assert schema.type_of(setting(f"CRI.{name}")) == (None, [])
