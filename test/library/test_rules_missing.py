"""
What is named and not on the node: an error where no pod can start, a warning where some cannot, or not yet.
"""

import pytest
from containerd_formula.places import DAEMON_PATH
from containerd_formula.rules.context import Node
from library.rules_documents import (
    BASES,
    CRI,
    IMG,
    KATA_TYPE,
    RT,
    RUNC_TYPE,
    found,
    merged,
    tree,
)

RUNC_SHIM, KATA_SHIM = "/usr/bin/containerd-shim-runc-v2", "/opt/kata/bin/containerd-shim-kata-v2"
TABLES = {2: f"{CRI}.containerd", 3: f"{RT}.containerd", 4: f"{RT}.containerd"}
EACH = pytest.mark.parametrize("version", TABLES)


def said(version, pairs, programs=(), folders=(), base=None, files=()):
    """
    Return (key, level, words) of what is told on a node with these programs, folders and files alone.
    """
    node = Node(
        is_file=lambda path: True,
        cgroup_v2=True,
        exists=lambda path: path in (*folders, *files),
        is_folder=lambda path: path in folders,
        is_executable=lambda path: path in programs,
        path=(*DAEMON_PATH, "/opt/kata/bin"),
    )
    return [(one.key, one.level, one.words) for one in found(version, pairs, node=node, base=base)]


@EACH
def test_the_default_of_a_bare_node_is_not_looked_at(version):
    options = f"{TABLES[version]}.runtimes.runc.options.SystemdCgroup"
    assert said(version, []) == []
    assert said(version, [(options, True)]) == []


@EACH
def test_a_shim_that_is_missing(version):
    kata = f"{TABLES[version]}.runtimes.kata.runtime_type"
    default = f"{TABLES[version]}.default_runtime_name"
    words = (
        "there is no program 'containerd-shim-kata-v2' in the daemon's PATH, and {} without it: install it "
    )
    words += "first"
    assert said(version, [(kata, KATA_TYPE)]) == [
        (kata, "warning", words.format("no pod of the runtime kata can start"))
    ]
    assert said(version, [(kata, KATA_TYPE), (default, "kata")]) == [
        (kata, "error", words.format("no pod can start"))
    ]
    # Beside containerd it is found, too.
    assert said(version, [(kata, KATA_TYPE), (default, "kata")], [KATA_SHIM]) == []


@EACH
def test_the_default_runtime_that_the_site_names(version):
    default = f"{TABLES[version]}.default_runtime_name"
    assert said(version, [(default, "runc")], [RUNC_SHIM]) == []
    [(key, level, words)] = said(version, [(default, "runc")])
    assert (key, level) == (default, "error")
    assert "no program 'containerd-shim-runc-v2' in the daemon's PATH, and no pod can start" in words


@EACH
@pytest.mark.parametrize(
    ("binary", "where"),
    [("crun", "in the daemon's PATH"), ("/usr/local/nvidia/toolkit/runtime", "on this node")],
)
def test_a_binary_of_runc(version, binary, where):
    runtime = f"{TABLES[version]}.runtimes.x"
    pairs = [(f"{runtime}.runtime_type", RUNC_TYPE), (f"{runtime}.options.BinaryName", binary)]
    [(key, level, words)] = said(version, pairs, [RUNC_SHIM])
    assert (key, level) == (f"{runtime}.options.BinaryName", "warning")
    assert words.startswith(f"there is no program {binary!r} {where}, and no pod of the runtime x can start")
    there = binary if binary.startswith("/") else f"/usr/sbin/{binary}"
    assert said(version, pairs, [RUNC_SHIM, there]) == []
    # Of another shim it is no option.
    other = [(f"{runtime}.runtime_type", KATA_TYPE), (f"{runtime}.options.BinaryName", binary)]
    assert said(version, other, [KATA_SHIM]) == []


@EACH
def test_a_path_of_a_shim_comes_before_its_type(version):
    runtime = f"{TABLES[version]}.runtimes.x"
    pairs = [(f"{runtime}.runtime_type", "io.containerd.x.v2"), (f"{runtime}.runtime_path", KATA_SHIM)]
    path = next(key for key, _ in pairs if key.endswith("runtime_path"))
    base = merged(BASES[version], tree([(f"{TABLES[version]}.runtimes.runc.runtime_path", "")]))
    assert said(version, pairs, [KATA_SHIM], base=base) == []
    assert [one[:2] for one in said(version, pairs, base=base)] == [(path, "warning")]
    kind = [(f"{runtime}.runtime_type", "/opt/x")]
    assert said(version, kind, ["/opt/x"]) == []
    assert "no program '/opt/x' on this node" in said(version, kind)[0][2]


@EACH
@pytest.mark.parametrize("kind", ["crun", ".v2", "io.containerd.runc."])
def test_a_type_that_is_none(version, kind):
    key = f"{TABLES[version]}.runtimes.x.runtime_type"
    [(found_key, level, words)] = said(version, [(key, kind)])
    assert (found_key, level) == (key, "error")
    assert words.startswith(f"{kind!r} is not a runtime type, so each of its pods fails: write {RUNC_TYPE}")


def test_a_runtime_without_a_shim_of_its_own():
    runtime = f"{RT}.containerd.runtimes"
    base = merged(BASES[3], tree([(f"{runtime}.runc.sandboxer", "podsandbox")]))
    pairs = [(f"{runtime}.x.runtime_type", "io.containerd.kuasar-vmm.v1")]
    assert said(3, [*pairs, (f"{runtime}.x.sandboxer", "vmm")], base=base) == []
    assert len(said(3, [*pairs, (f"{runtime}.x.sandboxer", "podsandbox")], base=base)) == 1


@pytest.mark.parametrize(
    ("version", "key", "value"),
    [
        (2, f"{CRI}.cni.bin_dir", "/opt/cny/bin"),
        (3, f"{RT}.cni.bin_dirs", ["/opt/cny/bin", "/opt/cni/bin"]),
        (2, f"{CRI}.cni.conf_dir", "/etc/cny/net.d"),
        (3, f"{RT}.containerd.runtimes.runc.cni_conf_dir", "/etc/cny/net.d"),
    ],
)
def test_folders_of_cni(version, key, value):
    *table, name = key.rpartition(".")[::2]
    base = merged(BASES[version], tree([(key, [] if isinstance(value, list) else "")]))
    folders = value if isinstance(value, list) else [value]
    [(found_key, level, words)] = said(version, [(key, value)], base=base)
    assert (found_key, level) == (key, "warning")
    assert words == (
        f"{' and '.join(folders)}: not on this node, and no pod with a network can start until it is: put it "
        "there, or correct the path"
    )
    assert said(version, [(key, value)], folders=folders[-1:], base=base) == []


@pytest.mark.parametrize(
    ("version", "key", "value", "hurt"),
    [
        (2, f"{CRI}.cni.bin_dir", "/opt/cni/bin", "no pod with a network can start"),
        (3, f"{RT}.cni.bin_dirs", ["/usr/lib/cni", "/opt/x"], "no pod with a network can start"),
        (2, f"{CRI}.cni.conf_dir", "/etc/cni/net.d/10-x.conflist", "CRI does not start"),
        (3, f"{RT}.containerd.runtimes.runc.cni_conf_dir", "/etc/x", "CRI does not start"),
        (2, f"{CRI}.registry.config_path", "/etc/hosts.toml", "no image can be pulled"),
        (3, f"{IMG}.registry.config_path", "/etc/hosts.toml", "no image can be pulled"),
    ],
)
def test_a_file_where_a_folder_should_be(version, key, value, hurt):
    base = merged(BASES[version], tree([(key, [] if isinstance(value, list) else "")]))
    files = value if isinstance(value, list) else [value]
    words = f"{' and '.join(files)} is no folder on this node, and {hurt}: name the folder"
    assert said(version, [(key, value)], base=base, files=files) == [(key, "error", words)]
    # Of several folders one is enough.
    if len(files) > 1:
        assert said(version, [(key, value)], base=base, files=files[:1], folders=files[1:]) == []
        [(_, level, _)] = said(version, [(key, value)], base=base, files=files[:1])
        assert level == "warning"


def test_a_file_among_the_folders_of_certificates():
    key, places = f"{CRI}.registry.config_path", ["/etc/containerd/certs.d", "/etc/hosts.toml"]
    [(_, level, words)] = said(2, [(key, ":".join(places))], folders=places[:1], files=places[1:])
    assert (level, words.partition(",")[0]) == ("error", "/etc/hosts.toml is no folder on this node")


@pytest.mark.parametrize("folder", ["/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni"])
def test_where_cni_usually_comes_to_is_no_mistake(folder):
    assert said(2, [(f"{CRI}.cni.bin_dir", folder)]) == []
    assert said(3, [(f"{RT}.cni.bin_dirs", [folder])]) == []


@pytest.mark.parametrize(("version", "table"), [(2, CRI), (3, IMG), (4, IMG)])
def test_folders_of_certificates(version, table):
    key = f"{table}.registry.config_path"
    [(found_key, level, words)] = said(version, [(key, "/etc/containerd/certs.d")])
    assert (found_key, level) == (key, "warning")
    assert words.startswith("/etc/containerd/certs.d is not on this node; until it is, images come from the ")
    assert said(version, [(key, "/etc/containerd/certs.d")], folders=["/etc/containerd/certs.d"]) == []
    assert said(version, [(key, "")]) == []


def test_a_list_of_folders_is_one_path_for_the_transfer_service():
    places = ["/etc/containerd/certs.d", "/etc/docker/certs.d"]
    old, new = f"{CRI}.registry.config_path", f"{IMG}.registry.config_path"
    assert said(2, [(old, ":".join(places))], folders=places) == []
    [(_, level, words)] = said(3, [(new, ":".join(places))], folders=places)
    assert level == "warning"
    assert "takes a list of folders for one path, and so uses none: write one folder" in words
    # Where images are pulled in the old way, it is a list.
    for more in ((f"{IMG}.use_local_image_pull", True), (f"{IMG}.registry.configs.x.auth.username", "u")):
        assert not [one for one in said(3, [(new, ":".join(places)), more], folders=places) if one[0] == new]
    [(_, level, words)] = said(
        3, [(new, ":".join(places)), (f"{IMG}.use_local_image_pull", True)], folders=places[:1]
    )
    assert words.startswith("/etc/docker/certs.d is not on this node")


@EACH
def test_the_shim_of_a_type_that_2_0_removed_is_not_told_as_well(version):
    told = said(version, [(f"{TABLES[version]}.runtimes.runc.runtime_type", "io.containerd.runc.v1")])
    shim = [words for _, _, words in told if "containerd-shim-runc-v1" in words]
    assert len(shim) == (version == 2)
    assert any("removed io.containerd.runc.v1" in words for _, _, words in told) is (version > 2)
