"""
Each rule by one case, and by its negative twin: the right value at the same place gives no finding.
"""

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import wired

schema = wired("containerd_schema")
check = wired("containerd_check")

CRI = 'plugins."io.containerd.grpc.v1.cri"'
IMG = 'plugins."io.containerd.cri.v1.images"'
RT = 'plugins."io.containerd.cri.v1.runtime"'
GRPC = 'plugins."io.containerd.server.v1.grpc"'
TCP = 'plugins."io.containerd.server.v1.grpc-tcp"'
METRICS = 'plugins."io.containerd.server.v1.metrics"'
OVERLAYFS = 'plugins."io.containerd.snapshotter.v1.overlayfs"'
GC = 'plugins."io.containerd.gc.v1.scheduler"'
RUNC2 = f"{CRI}.containerd.runtimes.runc"
RUNC = f"{RT}.containerd.runtimes.runc"
CRUN2 = f"{CRI}.containerd.runtimes.crun"
CRUN = f"{RT}.containerd.runtimes.crun"
RUNC_TYPE = "io.containerd.runc.v2"
KATA_TYPE = "io.containerd.kata.v2"


def tree(pairs):
    """Build a document from (dotted key, value) pairs."""
    data = {}
    for key, value in pairs:
        *parents, name = schema.parse_key(key)
        table = data
        for part in parents:
            table = table.setdefault(part, {})
        table[name] = value
    return data


def merged(base, overrides):
    """Merge as RFC 7396 does."""
    result = copy.deepcopy(base)
    for key, value in overrides.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            table = result.get(key)
            result[key] = merged(table if isinstance(table, dict) else {}, value)
        else:
            result[key] = value
    return result


TOP = [
    *(("root", "/var/lib/containerd"), ("state", "/run/containerd"), ("oom_score", 0)),
    *(("disabled_plugins", []), ("required_plugins", []), ("imports", [])),
    *(("debug.level", ""), ("debug.format", "")),
    ('timeouts."io.containerd.timeout.shim.load"', "5s"),
    *((f"{GC}.startup_delay", "100ms"), (f"{GC}.pause_threshold", 0.02)),
    (f"{CRI}.stream_server_port", "0"),
    (f"{CRI}.stream_idle_timeout", "4h0m0s"),
    (f"{OVERLAYFS}.root_path", ""),
    ('plugins."io.containerd.snapshotter.v1.native".root_path', ""),
]
RUNTIME = [
    *(("runtime_type", RUNC_TYPE), ("base_runtime_spec", ""), ("snapshotter", "")),
    ("privileged_without_host_devices", False),
    ("privileged_without_host_devices_all_devices_allowed", False),
]
SERVERS = [
    ("grpc.address", "/run/containerd/containerd.sock"),
    ("grpc.tcp_address", ""),
    ("metrics.address", ""),
]
SPLIT = [
    *((f"{IMG}.snapshotter", "overlayfs"), (f"{IMG}.max_concurrent_downloads", 3)),
    *((f"{IMG}.image_pull_progress_timeout", "5m0s"), (f"{IMG}.use_local_image_pull", False)),
    *((f"{IMG}.registry.config_path", ""), (f"{IMG}.pinned_images.sandbox", "pause")),
    (f"{RT}.containerd.default_runtime_name", "runc"),
    *((f"{RUNC}.{key}", value) for key, value in RUNTIME),
    *((f"{RUNC}.cgroup_writable", False), (f"{RUNC}.io_type", ""), (f"{RUNC}.options.SystemdCgroup", False)),
    *((f"{RT}.cni.bin_dir", ""), (f"{RT}.cni.bin_dirs", ["/opt/cni/bin"]), (f"{RT}.enable_selinux", False)),
]
BASES = {
    2: tree(
        [
            *(("version", 2), *TOP, *SERVERS),
            *(
                (f"{CRI}.sandbox_image", "pause"),
                (f"{CRI}.systemd_cgroup", False),
                (f"{CRI}.enable_selinux", False),
            ),
            *((f"{CRI}.image_pull_progress_timeout", "5m0s"), (f"{CRI}.max_concurrent_downloads", 3)),
            *(
                (f"{CRI}.registry.config_path", ""),
                (f"{CRI}.registry.mirrors", {}),
                (f"{CRI}.cni.bin_dir", "/opt/cni/bin"),
            ),
            *(
                (f"{CRI}.containerd.snapshotter", "overlayfs"),
                (f"{CRI}.containerd.default_runtime_name", "runc"),
            ),
            *((f"{RUNC2}.{key}", value) for key, value in RUNTIME),
            *((f"{RUNC2}.runtime_engine", ""), (f"{RUNC2}.options.SystemdCgroup", False), ("plugin_dir", "")),
        ]
    ),
    3: tree([("version", 3), *TOP, *SERVERS, *SPLIT]),
    4: tree(
        [
            *(("version", 4), *TOP, *SPLIT),
            *(
                (f"{GRPC}.address", "/run/containerd/containerd.sock"),
                (f"{TCP}.address", ""),
                (f"{METRICS}.address", ""),
            ),
        ]
    ),
}


def found(version, pairs, base=None, **options):
    base = base or BASES[version]
    overrides = tree(pairs)
    before = copy.deepcopy((base, overrides))
    findings = check.findings(base, overrides, merged(base, overrides), **options)
    assert (base, overrides) == before
    for finding in findings:
        assert set(finding) == {"key", "level", "message"}
        assert finding["message"].startswith(finding["key"] + ": ")
    return findings


def case(versions, bad, key, words, good, level="error", also=()):
    """Cases of one rule: `bad` is wrong, `good` is its negative twin; `also` is set in both."""
    return [
        pytest.param(version, bad, key, words, good, level, also, id=f"{version}-{key}")
        for version in versions
    ]


def runtime_cases(versions, runtimes, crun):
    runc, name = f"{runtimes}.runc", f"{runtimes.removesuffix('.runtimes')}.default_runtime_name"
    kind = (f"{crun}.runtime_type", RUNC_TYPE)
    options = f"{runc}.options"
    return [
        *case(versions, [(name, "crun")], name, "no runtime crun", [(name, "runc")]),
        *case(versions, [(name, "")], name, "empty", [(name, "runc")]),
        *case(versions, [(name, "crun")], name, "no runtime crun", [(name, "crun"), kind]),
        *case(versions, [(f"{crun}.snapshotter", "native")], crun, "no runtime_type", [kind]),
        *case(
            versions,
            [(f"{runc}.runtime_type", "")],
            runc,
            "no runtime_type",
            [(f"{runc}.runtime_type", KATA_TYPE)],
        ),
        *case(
            versions,
            [(f"{crun}.runtime_typ", 1), kind],
            f"{crun}.runtime_typ",
            f"is {crun}.runtime_type",
            [kind],
        ),
        *case(
            versions,
            [(f"{crun}.Snapshotter", "native")],
            f"{crun}.Snapshotter",
            "takes it for snapshotter",
            [(f"{crun}.snapshotter", "native")],
            also=[kind],
        ),
        *case(
            versions,
            [(f"{runc}.snapshotter", "zzz")],
            f"{runc}.snapshotter",
            "write one of overlayfs, native",
            [(f"{runc}.snapshotter", "native")],
        ),
        *case(
            versions,
            [(f"{options}.systemdcgroup", True)],
            f"{options}.systemdcgroup",
            "write SystemdCgroup",
            [(f"{options}.SystemdCgroup", True)],
        ),
        *case(
            versions,
            [(f"{options}.SystemDCgroupp", True)],
            f"{options}.SystemDCgroupp",
            "write SystemdCgroup",
            [(f"{crun}.runtime_type", KATA_TYPE), (f"{crun}.options.SystemDCgroupp", True)],
        ),
        *case(
            versions,
            [(f"{options}.SystemdCgroup", "true")],
            f"{options}.SystemdCgroup",
            "write true or false",
            [(f"{options}.SystemdCgroup", True)],
        ),
        *case(
            versions, [(f"{options}.IoUid", -1)], f"{options}.IoUid", "0 or more", [(f"{options}.IoUid", 1)]
        ),
        *case(
            versions, [(f"{options}.IoUid", True)], f"{options}.IoUid", "0 or more", [(f"{options}.IoUid", 0)]
        ),
        *case(
            versions,
            [(f"{options}.BinaryName", 5)],
            f"{options}.BinaryName",
            "in quotes",
            [(f"{options}.BinaryName", "crun"), (f"{options}.Root", None)],
        ),
        *case(
            versions,
            [(f"{runc}.privileged_without_host_devices_all_devices_allowed", True)],
            f"{runc}.privileged_without_host_devices_all_devices_allowed",
            "set that to true",
            [
                (f"{runc}.privileged_without_host_devices_all_devices_allowed", True),
                (f"{runc}.privileged_without_host_devices", True),
            ],
        ),
    ]


def image_cases(versions, image, snapshotter, registry):
    pull = f"{image}.image_pull_progress_timeout"
    return [
        *case(versions, [(snapshotter, "zzz")], snapshotter, "no snapshotter zzz", [(snapshotter, "native")]),
        *case(
            versions,
            [(snapshotter, "stargz")],
            snapshotter,
            "or add it to proxy_plugins",
            [(snapshotter, "stargz"), ("proxy_plugins.stargz.type", "snapshot")],
        ),
        *case(
            versions,
            [("disabled_plugins", ["io.containerd.snapshotter.v1.overlayfs"])],
            "disabled_plugins",
            "overlayfs is disabled",
            [("disabled_plugins", ["io.containerd.snapshotter.v1.native"])],
        ),
        *case(versions, [(pull, "")], pull, 'write text with a unit, as "0s"', [(pull, "0s")]),
        *case(
            versions,
            [(f"{registry}.mirrors.x.endpoint", ["https://m"])],
            f"{registry}.mirrors",
            "with both",
            [(f"{registry}.configs.x.auth.username", "u")],
            also=[(f"{registry}.config_path", "/c")],
        ),
        *case(
            versions,
            [(f"{registry}.mirors.x.endpoint", [])],
            f"{registry}.mirors",
            f"is {registry}.mirrors",
            [(f"{registry}.headers.X", ["1"])],
        ),
    ]


ALL, NEW = (2, 3, 4), (3, 4)
CASES = [
    # Names.
    *case(ALL, [("debgu.level", "info")], "debgu", "the nearest key is debug", [("debug.level", "info")]),
    *case(ALL, [("debug.lvl", "info")], "debug.lvl", "is debug.level", [("debug.level", "info")]),
    *case(
        (2,),
        [(f"{CRI}.snapshotter", "native")],
        f"{CRI}.snapshotter",
        f"is {CRI}.containerd.snapshotter",
        [(f"{CRI}.containerd.snapshotter", "native")],
    ),
    *case(
        (2,),
        [("debug.log_trace_id", True)],
        "debug.log_trace_id",
        "came with containerd 2.3",
        [("debug.level", "")],
    ),
    *case((3,), [("plugin_dir", "/p")], "plugin_dir", "use proxy_plugins", [("proxy_plugins", {})]),
    *case(ALL, [("debgu", None)], "debgu", "nearest key is debug", [("debug", None)], "warning"),
    *case(ALL, [("Debug.level", "info")], "Debug", "write debug", [("debug.level", "info")]),
    *case(
        NEW,
        [(f"{RT}.Enable_Selinux", True)],
        f"{RT}.Enable_Selinux",
        "write enable_selinux",
        [(f"{RT}.enable_selinux", True)],
    ),
    *case(
        ALL,
        [("plugins.cri.sandbox_image", "x")],
        "plugins.cri",
        "write io.containerd.grpc.v1.cri",
        [(f"{CRI}.stream_server_port", "1")],
    ),
    *case(ALL, [('plugins."io.containerd.grpc".x', 1)], 'plugins."io.containerd.grpc"', "no plugin id", []),
    *case(
        ALL,
        [('plugins."io.containerd.grpc.v1.crii".x', 1)],
        'plugins."io.containerd.grpc.v1.crii"',
        f"write {CRI}",
        [],
    ),
    *case(
        ALL,
        [('plugins."io.contianerd.grpc.v1.cri".x', 1)],
        'plugins."io.contianerd.grpc.v1.cri"',
        f"write {CRI}",
        [],
    ),
    *case(
        ALL,
        [('plugins."io.containerd.snapshotter.v1.stargz".x', 1)],
        'plugins."io.containerd.snapshotter.v1.stargz"',
        "compiled into",
        [],
        "warning",
    ),
    *case(
        ALL,
        [('plugins."io.containerd.snapshotter.v1.zfs".root_path', "x")],
        'plugins."io.containerd.snapshotter.v1.zfs"',
        "has no such plugin",
        [(f"{OVERLAYFS}.root_path", "x")],
    ),
    *case(
        ALL,
        [('plugins."io.containerd.grpc.v1.tasks".x', 1)],
        'plugins."io.containerd.grpc.v1.tasks"',
        "has no settings",
        [],
        "warning",
    ),
    *case(
        ALL,
        [('timeouts."io.containerd.timeout.shim.laod"', "5s")],
        'timeouts."io.containerd.timeout.shim.laod"',
        'is timeouts."io.containerd.timeout.shim.load"',
        [('timeouts."io.containerd.timeout.shim.load"', "5s")],
        "warning",
    ),
    *case(
        (3,),
        [(f"{CRI}.sandbox_image", "x")],
        f"{CRI}.sandbox_image",
        f"{IMG}.pinned_images.sandbox",
        [(f"{IMG}.pinned_images.sandbox", "x")],
    ),
    *case((4,), [("grpc.address", "/x")], "grpc.address", f"{GRPC}.address", [(f"{GRPC}.address", "/x")]),
    *case(
        (2,),
        [("plugin_dir", "/p")],
        "plugin_dir",
        "containerd 2.1 removes it",
        [("plugin_dir", "")],
        "warning",
    ),
    *case(
        NEW,
        [(f"{RT}.cni.bin_dir", "/b")],
        f"{RT}.cni.bin_dir",
        "containerd 2.4 removes it",
        [(f"{RT}.cni.bin_dirs", ["/b"])],
        "warning",
    ),
    # Values of the daemon.
    *case(
        ALL, [(f"{GC}.startup_delay", 5)], f"{GC}.startup_delay", 'as "5s"', [(f"{GC}.startup_delay", "1.5s")]
    ),
    *case(
        ALL,
        [('timeouts."io.containerd.timeout.shim.load"', "5x")],
        'timeouts."io.containerd.timeout.shim.load"',
        "'5x' is no duration",
        [('timeouts."io.containerd.timeout.shim.load"', "-1s")],
    ),
    *case(
        ALL,
        [(f"{CRI}.stream_idle_timeout", "5")],
        f"{CRI}.stream_idle_timeout",
        'as "5s"',
        [(f"{CRI}.stream_idle_timeout", "")],
    ),
    *case(ALL, [("debug.level", "loud")], "debug.level", "panic, fatal, error", [("debug.level", "INFO")]),
    *case(ALL, [("debug.format", "JSON")], "debug.format", "text, json", [("debug.format", "json")]),
    *case(
        NEW,
        [(f"{RUNC}.io_type", "pipe")],
        f"{RUNC}.io_type",
        "fifo, streaming",
        [],
        also=[(f"{RUNC}.io_type", None)],
    ),
    *case(
        ALL,
        [(f"{CRI}.stream_server_port", 10010)],
        f"{CRI}.stream_server_port",
        'write "10010"',
        [(f"{CRI}.stream_server_port", "10010")],
    ),
    *case(
        ALL,
        [(f"{CRI}.stream_server_port", "65536")],
        f"{CRI}.stream_server_port",
        "no port",
        [(f"{CRI}.stream_server_port", "65535")],
    ),
    *case(
        (2, 3),
        [("metrics.address", "localhost")],
        "metrics.address",
        "not host:port",
        [("metrics.address", "127.0.0.1:1338")],
    ),
    *case(
        (4,),
        [(f"{METRICS}.address", "1338")],
        f"{METRICS}.address",
        "not host:port",
        [(f"{METRICS}.address", "[::1]:1338")],
    ),
    *case(
        (4,), [(f"{TCP}.address", "a:b:1")], f"{TCP}.address", "not host:port", [(f"{TCP}.address", ":1338")]
    ),
    *case((4,), [(f"{GRPC}.address", "")], f"{GRPC}.address", "listens nowhere", [(f"{GRPC}.address", None)]),
    *case(ALL, [("state", "/var/lib/containerd/")], "state", "same folder", [("state", "/run/containerd")]),
    *case(ALL, [("root", "/run/containerd")], "root", "same folder", [("root", "/data")]),
    *case(ALL, [("oom_score", -1001)], "oom_score", "-1000 to 1000", [("oom_score", -1000)]),
    *case(ALL, [("oom_score", 1001)], "oom_score", "-1000 to 1000", [("oom_score", 1000)]),
    *case(
        ALL,
        [("imports", ["no.toml"])],
        "imports",
        "is no file",
        [("imports", ["here.toml", "conf.d/*.toml"])],
    ),
    *case(ALL, [("disabled_plugins", ["cri"])], "disabled_plugins", "write io.containerd.grpc.v1.cri", []),
    *case(
        ALL,
        [("disabled_plugins", ["io.containerd.grpc.v1.cri"])],
        "disabled_plugins",
        "no pod runs",
        [("disabled_plugins", ["io.containerd.internal.v1.opt"])],
    ),
    *case(
        NEW, [("disabled_plugins", ["io.containerd.cri.v1.images"])], "disabled_plugins", "no pod runs", []
    ),
    *case(
        ALL,
        [("disabled_plugins", ["io.containerd.snapshotter.v1.nativ"])],
        "disabled_plugins",
        "write io.containerd.snapshotter.v1.native",
        [("disabled_plugins", ["io.example.v1.other"])],
        "warning",
    ),
    *case(
        ALL,
        [("required_plugins", ["cri"])],
        "required_plugins",
        "write io.containerd.grpc.v1.cri",
        [("required_plugins", ["io.containerd.grpc.v1.cri", "io.containerd.grpc.v1.tasks"])],
    ),
    *case(
        ALL,
        [("required_plugins", ["io.containerd.grpc.v1.crii"])],
        "required_plugins",
        "write io.containerd.grpc.v1.cri",
        [("required_plugins", [])],
    ),
    *case(
        ALL,
        [("required_plugins", ["io.containerd.snapshotter.v1.stargz"])],
        "required_plugins",
        "unknown",
        [
            ("required_plugins", ["io.containerd.snapshotter.v1.stargz"]),
            ("proxy_plugins.stargz.type", "snapshot"),
        ],
    ),
    *case(
        ALL,
        [("required_plugins", ["io.containerd.snapshotter.v1.native"])],
        "required_plugins",
        "one of the two",
        [],
        also=[("disabled_plugins", ["io.containerd.snapshotter.v1.native"])],
    ),
    *case(
        ALL,
        [("proxy_plugins.x.address", "/s")],
        "proxy_plugins.x",
        "no type",
        [("proxy_plugins.x.type", "diff")],
    ),
    # CRI.
    *runtime_cases((2,), f"{CRI}.containerd.runtimes", CRUN2),
    *runtime_cases(NEW, f"{RT}.containerd.runtimes", CRUN),
    *image_cases((2,), CRI, f"{CRI}.containerd.snapshotter", f"{CRI}.registry"),
    *image_cases(NEW, IMG, f"{IMG}.snapshotter", f"{IMG}.registry"),
    *case(
        (2,),
        [(f"{CRI}.containerd.runtimes", None)],
        f"{CRI}.containerd.runtimes",
        "no runtime runc",
        [(f"{CRI}.containerd.runtimes.runc.options", None)],
    ),
    *case(
        NEW,
        [(f"{RUNC}.runtime_type", "io.containerd.runc.v1")],
        f"{RUNC}.runtime_type",
        f"write {RUNC_TYPE}",
        [],
    ),
    *case(
        (2,),
        [(f"{CRI}.systemd_cgroup", True)],
        f"{CRI}.systemd_cgroup",
        "options.SystemdCgroup",
        [(f"{CRI}.systemd_cgroup", False)],
    ),
    *case((2,), [(f"{RUNC2}.runtime_engine", "crun")], f"{RUNC2}.runtime_engine", "options.BinaryName", []),
    *case(
        (2,),
        [(f"{CRI}.registry.configs.x.tls.ca_file", "/c")],
        f"{CRI}.registry.configs.x.tls",
        "with both",
        [(f"{CRI}.registry.configs.x.auth.auth", "a")],
        also=[(f"{CRI}.registry.config_path", "/c")],
    ),
    *case(
        NEW,
        [(f"{RT}.cni.bin_dirs", ["/a"])],
        f"{RT}.cni.bin_dir",
        "bin_dirs only",
        [(f"{RT}.cni.bin_dirs", ["/opt/cni/bin"])],
        also=[(f"{RT}.cni.bin_dir", "/b")],
    ),
    *case(
        NEW,
        [(f"{IMG}.max_concurrent_downloads", 9)],
        f"{IMG}.max_concurrent_downloads",
        "io.containerd.transfer",
        [(f"{IMG}.max_concurrent_downloads", 9), (f"{IMG}.use_local_image_pull", True)],
        "warning",
    ),
    *case(
        NEW,
        [(f"{IMG}.max_concurrent_downloads", 9)],
        f"{IMG}.max_concurrent_downloads",
        "io.containerd.transfer",
        [(f"{IMG}.max_concurrent_downloads", 3)],
        "warning",
    ),
]


@pytest.fixture(autouse=True)
def node(monkeypatch, tmp_path):
    (tmp_path / "here.toml").touch()
    monkeypatch.setattr(check, "NODE_ROOT", str(tmp_path))
    monkeypatch.setattr(check, "CGROUP_V2", str(tmp_path / "cgroup.controllers"))
    return tmp_path


@pytest.mark.parametrize(("version", "bad", "key", "words", "good", "level", "also"), CASES)
def test_rule(version, bad, key, words, good, level, also, node):
    wrong = found(version, [*also, *bad], folder=str(node))
    hits = [finding for finding in wrong if finding["key"] == key and words in finding["message"]]
    assert len(hits) == 1, wrong
    assert hits[0]["level"] == level
    right = found(version, [*also, *good], folder=str(node))
    assert not [finding for finding in right if words in finding["message"]]
    assert not [finding for finding in right if finding["level"] == "error"]


@pytest.mark.parametrize("version", ALL)
def test_nothing_overridden_is_nothing_found(version):
    assert found(version, []) == []


@pytest.mark.parametrize("version", ALL)
def test_unknown_keys_are_warnings_where_the_site_wants_that(version):
    assert [finding["level"] for finding in found(version, [("debgu.x", 1)])] == ["error"]
    assert [finding["level"] for finding in found(version, [("debgu.x", 1)], strict=False)] == ["warning"]


def test_all_findings_come_at_once_and_in_the_order_of_the_overrides():
    pairs = [
        *(("debug.level", "loud"), (f"{CRI}.containerd.snapshotter", "zzz"), (f"{CRI}.containerd.no", 1)),
        *((f"{CRI}.stream_server_port", 1), ("disabled_plugins", ["cri", "io.containerd.grpc.v1.cri"])),
    ]
    keys = [finding["key"] for finding in found(2, pairs)]
    assert keys == [*(key for key, _ in pairs), "disabled_plugins"]


def test_what_is_said_of_a_name_is_not_said_of_its_value():
    assert len(found(2, [(f"{CRI}.cni.ip_pref", "zzz")])) == 1
    assert len(found(3, [(f"{CRI}.cni.ip_pref", "zzz")])) == 1


def test_no_snapshotter_is_a_choice_of_1_x_only():
    assert found(2, [(f"{CRI}.containerd.snapshotter", "")]) == []
    assert [finding["key"] for finding in found(3, [(f"{IMG}.snapshotter", "")])] == [f"{IMG}.snapshotter"]
    assert found(3, [(f"{RUNC}.snapshotter", "")]) == []


def test_a_port_may_be_the_name_of_a_service():
    assert found(3, [("metrics.address", ":http"), (f"{CRI}.stream_server_port", "http")]) == []


def test_many_keys_of_one_unknown_table_are_one_finding():
    assert len(found(3, [("debgu.a", 1), ("debgu.b", 1)])) == 1


def test_a_default_that_another_release_has_is_not_known_here():
    """1.4 has runc without cni_conf_dir, and so it has no crun with it; it does not print annotations."""
    pairs = [
        (f"{CRUN2}.runtime_type", RUNC_TYPE),
        (f"{CRUN2}.cni_conf_dir", "/c"),
        (f"{CRUN2}.pod_annotations", ["a"]),
    ]
    assert [finding["key"] for finding in found(2, pairs)] == [f"{CRUN2}.cni_conf_dir"]


def test_containerd_1_4_has_snapshotters_that_it_does_not_print():
    base = copy.deepcopy(BASES[2])
    for name in ("overlayfs", "native"):
        del base["plugins"][f"io.containerd.snapshotter.v1.{name}"]
    key = f"{CRI}.containerd.snapshotter"
    assert found(2, [(key, "zfs")], base=base) == []
    assert [finding["key"] for finding in found(2, [(key, "zzz")], base=base)] == [key]
    assert [finding["key"] for finding in found(2, [(key, "zfs")])] == [key]


def test_missing_imports_are_no_error_on_1_4():
    base = copy.deepcopy(BASES[2])
    del base["imports"]
    assert [finding["level"] for finding in found(2, [("imports", ["/no"])], base=base)] == ["warning"]


def test_config_path_and_mirrors_are_no_conflict_on_1_4():
    base = copy.deepcopy(BASES[2])
    del base["plugins"]["io.containerd.grpc.v1.cri"]["registry"]["config_path"]
    pairs = [(f"{CRI}.registry.config_path", "/c"), (f"{CRI}.registry.mirrors.x.endpoint", [])]
    assert [finding["message"].count("both") for finding in found(2, pairs, base=base)] == [0]


def test_mirrors_conflict_with_a_default_config_path():
    base = merged(BASES[3], tree([(f"{IMG}.registry.config_path", "/etc/containerd/certs.d")]))
    assert found(3, [], base=base) == []
    key = f"{IMG}.registry.mirrors"
    assert key in [finding["key"] for finding in found(3, [(f"{key}.x.endpoint", ["https://m"])], base=base)]


def test_files_and_cgroups_of_the_node(node):
    spec, writable = (f"{RUNC}.base_runtime_spec", "/etc/spec.json"), (f"{RUNC}.cgroup_writable", True)
    assert [finding["key"] for finding in found(3, [spec, writable])] == [spec[0], writable[0]]
    (node / "etc").mkdir()
    (node / "etc" / "spec.json").touch()
    (node / "cgroup.controllers").touch()
    assert found(3, [spec, writable]) == []


def test_schema_2_needs_a_default_runtime_unless_the_old_table_is_it():
    name = f"{CRI}.containerd.default_runtime_name"
    old = (f"{CRI}.containerd.default_runtime.runtime_type", RUNC_TYPE)
    assert name in [finding["key"] for finding in found(2, [(name, "x")])]
    assert name not in [finding["key"] for finding in found(2, [(name, "x"), old])]


@pytest.mark.parametrize(
    ("text", "right"),
    [
        *(
            (text, True)
            for text in ("1h30m", "1.5s", "100ms", "0", "-1s", "+1s", ".5s", "1.s", "1us1µs1μs1ns", "-0")
        ),
        *(
            (text, False)
            for text in ("", "5", "s", "1 s", "1S", "5x", "1h30", "--1s", ".s", "1s\n", "٣s", "1d")
        ),
        *(("2562047h", True), ("2562048h", False)),
    ],
)
def test_durations_are_those_of_go(text, right):
    assert check._is_duration(text) is right


def test_no_secret_is_shown():
    header = (f"{IMG}.registry.headers.Authorization", ["hunter2"])
    auth = (f"{IMG}.registry.configs.x.auth.password", "hunter2")
    option = (f"{RUNC}.options.password", "hunter2")
    findings = found(3, [header, auth, option])
    assert findings
    assert "hunter2" not in str(findings)


KEYS = sorted({part for version in ALL for path, _ in check._leaves(BASES[version]) for part in path})
VALUES = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    st.sampled_from(["", "5s", "runc", "zzz", "io.containerd.grpc.v1.cri", ":1338", RUNC_TYPE]),
    st.lists(st.one_of(st.text(), st.integers(), st.just("cri"), st.dictionaries(st.text(), st.text()))),
)
FRAGMENTS = st.dictionaries(
    st.lists(st.one_of(st.sampled_from(KEYS), st.text(max_size=3)), min_size=1, max_size=6).map(tuple), VALUES
)
PATHS = {v: st.sampled_from([path for path, _ in check._leaves(BASES[v])]) for v in ALL}


def assemble(paths):
    data = {}
    for path, value in paths.items():
        table = data
        for part in path[:-1]:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                break
        if isinstance(table, dict):
            table[path[-1]] = value
    return data


@settings(max_examples=200)
@given(st.data())
def test_whatever_is_given_it_does_not_raise_and_names_the_key(data):
    version = data.draw(st.sampled_from(ALL))
    paths = {**data.draw(FRAGMENTS), **data.draw(st.dictionaries(PATHS[version], VALUES))}
    overrides = assemble(paths)
    findings = check.findings(
        BASES[version], overrides, merged(BASES[version], overrides), data.draw(st.booleans())
    )
    for finding in findings:
        assert finding["message"].startswith(finding["key"] + ": ")
        assert finding["level"] in ("error", "warning")
    assert all(findings.count(finding) == 1 for finding in findings)


def test_keys_that_are_no_text_do_not_raise():
    overrides = {"timeouts": {5: 5}, 7: {8: None}}
    assert check.findings(BASES[3], overrides, merged(BASES[3], overrides))
