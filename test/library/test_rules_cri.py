"""
What makes CRI or the pods of a runtime fail, each rule by a case and by its negative twin.
"""

import copy

import pytest
from containerd_formula.rules.context import Node
from library.rules_documents import (
    ALL,
    BASES,
    CRI,
    CRUN,
    CRUN2,
    IMG,
    KATA_TYPE,
    NEW,
    RT,
    RUNC,
    RUNC2,
    RUNC_TYPE,
    cases,
    found,
    keys,
    merged,
    prove,
    tree,
)


def runtime_cases(versions, table):
    """The same in one plugin, and in the plugin that 2.0 split off."""
    runc, crun, name = f"{table}.runtimes.runc", f"{table}.runtimes.crun", f"{table}.default_runtime_name"
    kind, options = (f"{crun}.runtime_type", RUNC_TYPE), f"{runc}.options"
    less, more = "privileged_without_host_devices", "privileged_without_host_devices_all_devices_allowed"
    return [
        *cases(versions, (name, "crun"), "no runtime crun", (name, "runc")),
        *cases(versions, (name, ""), "empty", (name, "runc")),
        *cases(versions, (name, "crun"), "no runtime crun", [(name, "crun"), kind]),
        *cases(versions, (f"{crun}.snapshotter", "native"), "no runtime_type", kind, key=crun),
        *cases(
            versions,
            (f"{runc}.runtime_type", ""),
            "no runtime_type",
            (f"{runc}.runtime_type", KATA_TYPE),
            key=runc,
        ),
        *cases(versions, [(f"{crun}.runtime_typ", 1), kind], f"is {crun}.runtime_type", kind),
        *cases(
            versions,
            (f"{crun}.Snapshotter", "native"),
            "takes it for snapshotter",
            (f"{crun}.snapshotter", "native"),
            also=kind,
        ),
        *cases(
            versions,
            (f"{runc}.snapshotter", "zzz"),
            "write one of overlayfs, native",
            (f"{runc}.snapshotter", "native"),
        ),
        *cases(
            versions,
            (f"{options}.systemdcgroup", True),
            "write SystemdCgroup",
            (f"{options}.SystemdCgroup", True),
        ),
        *cases(
            versions,
            (f"{options}.SystemDCgroupp", True),
            "write SystemdCgroup",
            [(f"{crun}.runtime_type", KATA_TYPE), (f"{crun}.options.SystemDCgroupp", True)],
        ),
        *cases(
            versions,
            (f"{options}.SystemdCgroup", "true"),
            "write true or false",
            (f"{options}.SystemdCgroup", True),
        ),
        *cases(versions, (f"{options}.IoUid", -1), "0 or more", (f"{options}.IoUid", 1)),
        *cases(versions, (f"{options}.IoUid", True), "0 or more", (f"{options}.IoUid", 0)),
        *cases(
            versions,
            (f"{options}.BinaryName", 5),
            "in quotes",
            [(f"{options}.BinaryName", "crun"), (f"{options}.Root", None)],
        ),
        *cases(
            versions,
            (f"{runc}.{more}", True),
            "set that to true",
            [(f"{runc}.{more}", True), (f"{runc}.{less}", True)],
        ),
    ]


def image_cases(versions, snapshotter, registry):
    """The same in one plugin, and in the plugin that 2.0 split off."""
    return [
        *cases(versions, (snapshotter, "zzz"), "no snapshotter zzz", (snapshotter, "native")),
        *cases(
            versions,
            (snapshotter, "stargz"),
            "or add it to proxy_plugins",
            [(snapshotter, "stargz"), ("proxy_plugins.stargz.type", "snapshot")],
        ),
        *cases(
            versions,
            ("disabled_plugins", ["io.containerd.snapshotter.v1.overlayfs"]),
            "overlayfs is disabled",
            ("disabled_plugins", ["io.containerd.snapshotter.v1.native"]),
        ),
        *cases(
            versions,
            (f"{registry}.mirrors.x.endpoint", ["https://m"]),
            "with both",
            (f"{registry}.configs.x.auth.username", "u"),
            key=f"{registry}.mirrors",
            also=(f"{registry}.config_path", "/c"),
        ),
        *cases(
            versions,
            (f"{registry}.mirors.x.endpoint", []),
            f"is {registry}.mirrors",
            (f"{registry}.headers.X", ["1"]),
            key=f"{registry}.mirors",
        ),
    ]


DOWNLOADS = (f"{IMG}.max_concurrent_downloads", 9)
CASES = [
    *runtime_cases((2,), f"{CRI}.containerd"),
    *runtime_cases(NEW, f"{RT}.containerd"),
    *image_cases((2,), f"{CRI}.containerd.snapshotter", f"{CRI}.registry"),
    *image_cases(NEW, f"{IMG}.snapshotter", f"{IMG}.registry"),
    *cases((2,), (f"{CRI}.containerd.runtimes", None), "no runtime runc", (f"{RUNC2}.options", None)),
    *cases(NEW, (f"{RUNC}.runtime_type", "io.containerd.runc.v1"), f"write {RUNC_TYPE}", []),
    *(
        one
        for kind in ("io.containerd.runc.v1", "io.containerd.runtime.v1.linux")
        for one in cases(
            (2,),
            (f"{RUNC2}.runtime_type", kind),
            f"containerd 2.0 removes {kind}: write {RUNC_TYPE}",
            (f"{RUNC2}.runtime_type", RUNC_TYPE),
            level="warning",
        )
    ),
    *(
        one
        for version, table in ((2, CRI), (3, IMG), (4, IMG))
        for one in cases(
            (version,),
            (f"{table}.registry.configs.x.auth.username", "u"),
            "hosts.toml has no credentials: use imagePullSecrets",
            (f"{table}.registry.headers.X", ["1"]),
            level="warning",
        )
    ),
    *cases((2,), (f"{CRI}.systemd_cgroup", True), "options.SystemdCgroup", (f"{CRI}.systemd_cgroup", False)),
    *cases((2,), (f"{RUNC2}.runtime_engine", "crun"), "options.BinaryName", []),
    *cases(
        (2,),
        (f"{CRI}.registry.configs.x.tls.ca_file", "/c"),
        "with both",
        (f"{CRI}.registry.configs.x.auth.auth", "a"),
        key=f"{CRI}.registry.configs.x.tls",
        also=(f"{CRI}.registry.config_path", "/c"),
    ),
    *cases(
        NEW,
        (f"{RT}.cni.bin_dirs", ["/a"]),
        "bin_dirs only",
        (f"{RT}.cni.bin_dirs", ["/opt/cni/bin"]),
        key=f"{RT}.cni.bin_dir",
        also=(f"{RT}.cni.bin_dir", "/b"),
    ),
    *cases(
        NEW,
        DOWNLOADS,
        "io.containerd.transfer",
        [DOWNLOADS, (f"{IMG}.use_local_image_pull", True)],
        level="warning",
    ),
    *cases(NEW, DOWNLOADS, "io.containerd.transfer", (f"{IMG}.max_concurrent_downloads", 3), level="warning"),
]


@pytest.mark.parametrize("case", CASES)
def test_rule(case):
    prove(*case)


def test_no_snapshotter_is_a_choice_of_1_x_only():
    assert found(2, [(f"{CRI}.containerd.snapshotter", "")]) == []
    assert keys(found(3, [(f"{IMG}.snapshotter", "")])) == [f"{IMG}.snapshotter"]
    assert found(3, [(f"{RUNC}.snapshotter", "")]) == []


def test_containerd_1_4_has_snapshotters_that_it_does_not_print():
    base = copy.deepcopy(BASES[2])
    for name in ("overlayfs", "native"):
        del base["plugins"][f"io.containerd.snapshotter.v1.{name}"]
    key = f"{CRI}.containerd.snapshotter"
    assert found(2, [(key, "zfs")], base=base) == []
    assert keys(found(2, [(key, "zzz")], base=base)) == [key]
    assert keys(found(2, [(key, "zfs")])) == [key]


def test_config_path_and_mirrors_are_no_conflict_on_1_4():
    base = copy.deepcopy(BASES[2])
    del base["plugins"]["io.containerd.grpc.v1.cri"]["registry"]["config_path"]
    pairs = [(f"{CRI}.registry.config_path", "/c"), (f"{CRI}.registry.mirrors.x.endpoint", [])]
    assert [finding.message.count("both") for finding in found(2, pairs, base=base)] == [0]


def test_mirrors_conflict_with_a_default_config_path():
    base = merged(BASES[3], tree([(f"{IMG}.registry.config_path", "/etc/containerd/certs.d")]))
    assert found(3, [], base=base) == []
    key = f"{IMG}.registry.mirrors"
    assert key in keys(found(3, [(f"{key}.x.endpoint", ["https://m"])], base=base))


def test_certificates_beside_config_path_are_of_1_x_only():
    pairs = [(f"{IMG}.registry.config_path", "/c"), (f"{IMG}.registry.configs.x.tls.ca_file", "/c")]
    [finding] = found(3, pairs)
    assert "removed in containerd 2.0" in finding.message


@pytest.mark.parametrize("version", NEW)
def test_runtimes_that_were_removed_are_still_there_by_default(version):
    assert found(version, [(f"{RT}.containerd.runtimes", None)]) == []


def test_files_and_cgroups_of_the_node():
    pairs = [(f"{RUNC}.base_runtime_spec", "/etc/spec.json"), (f"{RUNC}.cgroup_writable", True)]
    assert keys(found(3, pairs)) == [key for key, _ in pairs]
    node = Node(is_file=lambda path: path == "/etc/spec.json", cgroup_v2=True)
    assert found(3, pairs, node=node) == []


@pytest.mark.parametrize(("kind", "starts"), [("io.containerd.runtime.v1.linux", True), (RUNC_TYPE, False)])
def test_the_old_table_of_the_default_runtime_goes_before_its_name(kind, starts):
    table = f"{CRI}.containerd.default_runtime"
    base = merged(BASES[2], tree([(f"{table}.runtime_type", "")]))
    told = found(2, [(f"{CRI}.systemd_cgroup", True), (f"{table}.runtime_type", kind)], base)
    assert any("CRI does not start" in one.message for one in told) is not starts


def test_schema_2_needs_a_default_runtime_unless_the_old_table_is_it():
    name = f"{CRI}.containerd.default_runtime_name"
    old = (f"{CRI}.containerd.default_runtime.runtime_type", RUNC_TYPE)
    assert name in keys(found(2, [(name, "x")]))
    assert name not in keys(found(2, [(name, "x"), old]))


@pytest.mark.parametrize("version", ALL)
def test_a_runtime_that_nothing_is_set_of_is_not_looked_at(version):
    crun = CRUN2 if version == 2 else CRUN
    base = merged(BASES[version], tree([(f"{crun}.runtime_type", "")]))
    assert found(version, [("oom_score", 1)], base=base) == []
