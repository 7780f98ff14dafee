"""
Names that containerd does not know, each by a case and by its negative twin.
"""

import pytest
from library.rules_documents import (
    ALL,
    BASES,
    CRI,
    CRUN2,
    GRPC,
    IMG,
    NEW,
    OVERLAYFS,
    RT,
    RUNC_TYPE,
    SHIM_LOAD,
    cases,
    found,
    keys,
    prove,
)

CASES = [
    *cases(ALL, ("debgu.level", "info"), "the nearest key is debug", ("debug.level", "info"), key="debgu"),
    *cases(ALL, ("debug.lvl", "info"), "is debug.level", ("debug.level", "info")),
    *cases(
        (2,),
        (f"{CRI}.snapshotter", "native"),
        f"is {CRI}.containerd.snapshotter",
        (f"{CRI}.containerd.snapshotter", "native"),
    ),
    *cases((2,), ("debug.log_trace_id", True), "came with containerd 2.3", ("debug.level", "")),
    *cases((3,), ("plugin_dir", "/p"), "use proxy_plugins", ("proxy_plugins", {})),
    *cases(ALL, ("debgu", None), "nearest key is debug", ("debug", None), level="warning"),
    *cases(ALL, ("Debug.level", "info"), "write debug", ("debug.level", "info"), key="Debug"),
    *cases(NEW, (f"{RT}.Enable_Selinux", True), "write enable_selinux", (f"{RT}.enable_selinux", True)),
    # Plugins.
    *cases(
        ALL,
        ("plugins.cri.sandbox_image", "x"),
        "write io.containerd.grpc.v1.cri",
        (f"{CRI}.stream_server_port", "1"),
        key="plugins.cri",
    ),
    *cases(
        ALL, ('plugins."io.containerd.grpc".x', 1), "not a plugin id", [], key='plugins."io.containerd.grpc"'
    ),
    *(
        one
        for plugin in ("io.containerd.grpc.v1.crii", "io.contianerd.grpc.v1.cri")
        for one in cases(ALL, (f'plugins."{plugin}".x', 1), f"write {CRI}", [], key=f'plugins."{plugin}"')
    ),
    # A slip in a short name, where a key is one of the plugin that was meant; and a plugin that is not ours.
    *cases(
        ALL,
        ('plugins."io.containerd.grpc.v1.cir".stream_server_port', "1"),
        f"write {CRI}",
        [],
        key='plugins."io.containerd.grpc.v1.cir"',
        also=(f"{CRI}.stream_server_port", "1"),
    ),
    *cases(
        ALL,
        ('plugins."io.containerd.snapshotter.v1.fuse-overlayfs".root_path', "/x"),
        "compiled into",
        [],
        key='plugins."io.containerd.snapshotter.v1.fuse-overlayfs"',
        level="warning",
    ),
    *cases(
        ALL,
        ('plugins."io.containerd.snapshotter.v1.stargz".x', 1),
        "compiled into",
        [],
        key='plugins."io.containerd.snapshotter.v1.stargz"',
        level="warning",
    ),
    *cases(
        ALL,
        ('plugins."io.containerd.snapshotter.v1.zfs".root_path', "/x"),
        "has no such plugin",
        (f"{OVERLAYFS}.root_path", "/x"),
        key='plugins."io.containerd.snapshotter.v1.zfs"',
    ),
    *cases(
        ALL,
        ('plugins."io.containerd.grpc.v1.tasks".x', 1),
        "has no settings",
        [],
        key='plugins."io.containerd.grpc.v1.tasks"',
        level="warning",
    ),
    *cases(
        ALL,
        ('timeouts."io.containerd.timeout.shim.laod"', "5s"),
        f"is {SHIM_LOAD}",
        (SHIM_LOAD, "5s"),
        level="warning",
    ),
    # What other schemas and releases have; a misspelled key of this schema is none of theirs.
    *cases(
        NEW,
        (f"{CRI}.stream_server_prt", "1"),
        f"the nearest key is {CRI}.stream_server_port",
        (f"{CRI}.stream_server_port", "1"),
    ),
    *cases(
        (3,),
        (f"{CRI}.sandbox_image", "x"),
        f"{IMG}.pinned_images.sandbox",
        (f"{IMG}.pinned_images.sandbox", "x"),
    ),
    *cases((4,), ("grpc.address", "/x"), f"{GRPC}.address", (f"{GRPC}.address", "/x")),
    *cases(
        NEW,
        (f"{RT}.cni.bin_dir", "/b"),
        "containerd 2.4 removes it",
        (f"{RT}.cni.bin_dirs", ["/b"]),
        level="warning",
    ),
]


@pytest.mark.parametrize("case", CASES)
def test_rule(case):
    prove(*case)


@pytest.mark.parametrize("version", ALL)
def test_unknown_keys_are_warnings_where_the_site_wants_that(version):
    assert [finding.level for finding in found(version, [("debgu.x", 1)])] == ["error"]
    assert [finding.level for finding in found(version, [("debgu.x", 1)], strict=False)] == ["warning"]


def test_what_is_said_of_a_name_is_not_said_of_its_value():
    assert len(found(2, [(f"{CRI}.cni.ip_pref", "zzz")])) == 1
    assert len(found(3, [(f"{CRI}.cni.ip_pref", "zzz")])) == 1


def test_many_keys_of_one_unknown_table_are_one_finding():
    assert len(found(3, [("debgu.a", 1), ("debgu.b", 1)])) == 1


def test_an_unknown_timeout_is_still_a_duration():
    assert [finding.level for finding in found(3, [("timeouts.x", "5x")])] == ["warning", "error"]


def test_a_default_that_another_release_has_is_not_known_here():
    """1.4 has runc without cni_conf_dir, and so it has no crun with it; it does not print annotations."""
    pairs = [
        (f"{CRUN2}.runtime_type", RUNC_TYPE),
        (f"{CRUN2}.cni_conf_dir", "/c"),
        (f"{CRUN2}.pod_annotations", ["a"]),
    ]
    assert keys(found(2, pairs)) == [f"{CRUN2}.cni_conf_dir"]


def test_what_is_wrong_already_is_not_deprecated_too():
    pairs = [(f"{RT}.cni.bin_dir", "/b"), (f"{RT}.cni.bin_dirs", ["/a"])]
    [finding] = found(3, pairs)
    assert "bin_dirs only" in finding.message
    assert BASES[3]["plugins"]["io.containerd.cri.v1.runtime"]["cni"]["bin_dir"] == ""
