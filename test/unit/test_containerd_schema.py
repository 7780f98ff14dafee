"""The schema table and the functions over it, without containerd."""

import copy

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st
from salt.exceptions import SaltInvocationError
from support import load

schema = load("_modules/containerd_schema.py")

CRI = 'plugins."io.containerd.grpc.v1.cri"'
IMG = 'plugins."io.containerd.cri.v1.images"'
RT = 'plugins."io.containerd.cri.v1.runtime"'
SERVER = 'plugins."io.containerd.server.v1'
PROMETHEUS = 'plugins."io.containerd.metrics.v1.grpc-prometheus"'
TASK = 'plugins."io.containerd.runtime.v2.task"'
SHIM = 'plugins."io.containerd.shim.v1.manager"'


def fragment(*settings):
    """Build a fragment from (dotted key, value) pairs."""
    data = {}
    for key, value in settings:
        *parents, name = schema.parse_key(key)
        table = data
        for part in parents:
            table = table.setdefault(part, {})
        table[name] = value
    return data


def flat(data):
    """Return a fragment as {dotted key: value}."""
    return {schema.dotted(path): value for path, value in schema._leaves(data)}


def translated(settings, version, base=None):
    return flat(schema.translate(fragment(*settings.items()), version, base))


# (schema 2, schema 3 and 4): each is translated both ways. A mutation of a row breaks its case.
MOVED = [
    ("sandbox_image", IMG + ".pinned_images.sandbox", "pause:3.9"),
    ("registry.config_path", IMG + ".registry.config_path", "/etc/containerd/certs.d"),
    ('registry.mirrors."docker.io".endpoint', IMG + '.registry.mirrors."docker.io".endpoint', []),
    ("registry.auths.x.auth", IMG + ".registry.auths.x.auth", "dTpw"),
    ("registry.configs.x.auth.password", IMG + ".registry.configs.x.auth.password", "p"),
    ("registry.headers.X-Meta", IMG + ".registry.headers.X-Meta", ["1"]),
    ("containerd.snapshotter", IMG + ".snapshotter", "native"),
    ("containerd.disable_snapshot_annotations", IMG + ".disable_snapshot_annotations", False),
    ("containerd.discard_unpacked_layers", IMG + ".discard_unpacked_layers", True),
    ("image_decryption.key_model", IMG + ".image_decryption.key_model", "node"),
    ("max_concurrent_downloads", IMG + ".max_concurrent_downloads", 5),
    ("image_pull_progress_timeout", IMG + ".image_pull_progress_timeout", "1m"),
    ("image_pull_with_sync_fs", IMG + ".image_pull_with_sync_fs", True),
    ("stats_collect_period", IMG + ".stats_collect_period", 20),
    ("containerd.default_runtime_name", RT + ".containerd.default_runtime_name", "crun"),
    (
        "containerd.runtimes.runc.options.SystemdCgroup",
        RT + ".containerd.runtimes.runc.options.SystemdCgroup",
        True,
    ),
    ("containerd.runtimes.x.snapshotter", RT + ".containerd.runtimes.x.snapshotter", "native"),
    ("containerd.runtimes.x.sandbox_mode", RT + ".containerd.runtimes.x.sandboxer", "shim"),
    (
        "containerd.ignore_rdt_not_enabled_errors",
        RT + ".containerd.ignore_rdt_not_enabled_errors",
        True,
    ),
    ("cni.conf_dir", RT + ".cni.conf_dir", "/etc/cni"),
    ("enable_cdi", RT + ".enable_cdi", True),
    ("max_container_log_line_size", RT + ".max_container_log_line_size", 0),
    ("drain_exec_sync_io_timeout", RT + ".drain_exec_sync_io_timeout", "5s"),
    ("stream_server_port", CRI + ".stream_server_port", "10010"),
    ("stream_server_address", CRI + ".stream_server_address", "::1"),
    ("stream_idle_timeout", CRI + ".stream_idle_timeout", "1h"),
    ("enable_tls_streaming", CRI + ".enable_tls_streaming", True),
    ("disable_tcp_service", CRI + ".disable_tcp_service", False),
    ("cni.ip_pref", RT + ".cni.ip_pref", "ipv6"),
    ("x509_key_pair_streaming.tls_cert_file", CRI + ".x509_key_pair_streaming.tls_cert_file", "c"),
]


@pytest.mark.parametrize("target", [3, 4])
@pytest.mark.parametrize(("old", "new", "value"), MOVED)
def test_cri_settings_move_between_schema_2_and_3(old, new, value, target):
    old = f"{CRI}.{old}"
    assert translated({"version": 2, old: value}, target) == {"version": target, new: value}
    assert translated({"version": target, new: value}, 2) == {"version": 2, old: value}
    assert translated({"version": 2, old: None}, target) == {"version": target, new: None}
    assert translated({"version": target, new: None}, 2) == {"version": 2, old: None}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("io.containerd.internal.v1.restart", "io.containerd.monitor.container.v1.restart"),
        ("io.containerd.monitor.v1.cgroups", "io.containerd.monitor.task.v1.cgroups"),
    ],
)
def test_renamed_plugins_move_with_their_tables_and_their_ids(old, new):
    lists = {"disabled_plugins": [old], "required_plugins": [old]}
    renamed = {"disabled_plugins": [new], "required_plugins": [new]}
    for target in (3, 4):
        moved = translated({f'plugins."{old}".key': "v", **lists}, target)
        assert moved == {f'plugins."{new}".key': "v", **renamed}
        assert translated(moved, 2) == {f'plugins."{old}".key': "v", **lists}
    assert translated(lists, 3) == renamed


@pytest.mark.parametrize(
    ("old", "new", "value"),
    [
        ("grpc.tcp_address", f'{SERVER}.grpc-tcp".address', "127.0.0.1:1"),
        ("grpc.tcp_tls_cert", f'{SERVER}.grpc-tcp".tls_cert', "c"),
        ("grpc.tcp_tls_key", f'{SERVER}.grpc-tcp".tls_key', "k"),
        ("grpc.tcp_tls_ca", f'{SERVER}.grpc-tcp".tls_ca', "a"),
        ("grpc.tcp_tls_common_name", f'{SERVER}.grpc-tcp".tls_common_name', "n"),
        ("ttrpc.address", f'{SERVER}.ttrpc".address', "/t"),
        ("ttrpc.uid", f'{SERVER}.ttrpc".uid', 1),
        ("ttrpc.other", f'{SERVER}.ttrpc".other', 1),
        ("ttrpc.gid", f'{SERVER}.ttrpc".gid', 1),
        ("debug.address", f'{SERVER}.debug".address', "/d"),
        ("debug.uid", f'{SERVER}.debug".uid', 1),
        ("debug.gid", f'{SERVER}.debug".gid', 1),
        ("metrics.address", f'{SERVER}.metrics".address', ":1338"),
        (
            "metrics.grpc_histogram",
            'plugins."io.containerd.metrics.v1.grpc-prometheus".grpc_histogram',
            True,
        ),
    ],
)
def test_server_sections_become_plugins_in_schema_4(old, new, value):
    for source in (2, 3):
        assert translated({"version": source, old: value}, 4) == {"version": 4, new: value}
        assert translated({new: value}, source) == {old: value}
        assert translated({"version": source, old: None}, 4) == {"version": 4, new: None}
        assert translated({new: None}, source) == {old: None}
    assert translated({"version": 2, old: value}, 3) == {"version": 3, old: value}


def test_debug_level_stays_in_every_schema():
    for target in (2, 3, 4):
        assert translated({"debug.level": "info"}, target) == {"debug.level": "info"}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        # Each of these was derived by the daemon of schema 2 and 3 itself.
        (
            {"grpc.address": "/run/a.sock"},
            {'.grpc".address': "/run/a.sock", '.ttrpc".address': "/run/a.sock.ttrpc"},
        ),
        ({"grpc.gid": 7}, {'.grpc".gid': 7, '.ttrpc".gid': 7}),
        ({"grpc.gid": 7, "ttrpc.gid": 8}, {'.grpc".gid': 7, '.ttrpc".gid': 8}),
        (
            {"grpc.gid": 7, "grpc.address": "/a", "ttrpc.address": "/t"},
            {'.grpc".gid': 7, '.grpc".address': "/a", '.ttrpc".address': "/t"},
        ),
        (
            {"grpc.address": "/a", "ttrpc.address": ""},
            {'.grpc".address': "/a", '.ttrpc".address': "/a.ttrpc"},
        ),
        ({"ttrpc.address": ""}, {'.ttrpc".address': None}),
        ({"grpc.address": ""}, {'.grpc".address': None, '.ttrpc".address': None}),
        ({"grpc.address": None}, {'.grpc".address': None, '.ttrpc".address': None}),
        (
            {"grpc.max_recv_message_size": 9},
            {'.grpc".max_recv_message_size': 9, '.grpc-tcp".max_recv_message_size': 9},
        ),
        (
            {"grpc.max_send_message_size": 0},
            {'.grpc".max_send_message_size': None, '.grpc-tcp".max_send_message_size': None},
        ),
    ],
)
def test_schema_4_is_told_what_earlier_daemons_derived_from_grpc(settings, expected):
    assert translated(settings, 4) == {SERVER + key: value for key, value in expected.items()}


@pytest.mark.parametrize("key", ["max_recv_message_size", "max_send_message_size"])
def test_one_message_limit_for_both_servers_before_schema_4(key):
    both = {f'{SERVER}.grpc".{key}': 9, f'{SERVER}.grpc-tcp".{key}': 9}
    assert translated(both, 3) == {f"grpc.{key}": 9}
    both[f'{SERVER}.grpc-tcp".{key}'] = 8
    with pytest.raises(SaltInvocationError, match="is the limit of both servers"):
        translated(both, 3)


BASES = {
    "2.0": fragment((RT + ".cni.bin_dir", "/opt/cni/bin")),
    "2.1": fragment((RT + ".cni.bin_dir", ""), (RT + ".cni.bin_dirs", ["/opt/cni/bin"])),
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
    ],
)
def test_the_base_says_how_the_cni_directory_is_called(release, settings, version, expected):
    assert translated(settings, version, BASES[release]) == expected


@pytest.mark.parametrize(("release", "version"), [("2.0", 3), (None, 2)])
def test_two_cni_directories_are_refused_where_there_is_one(release, version):
    with pytest.raises(SaltInvocationError, match="bin_dirs.*one CNI directory"):
        translated({RT + ".cni.bin_dirs": ["/a", "/b"]}, version, BASES[release])


def test_both_names_of_the_cni_directory_are_refused():
    with pytest.raises(SaltInvocationError, match="bin_dirs is set as well"):
        translated({RT + ".cni.bin_dirs": ["/a"], RT + ".cni.bin_dir": "/b"}, 3)


def test_the_cni_directory_keeps_its_place():
    settings = {CRI + ".cni.bin_dir": "/a", CRI + ".cni.conf_dir": "/b"}
    assert list(translated(settings, 3)) == [RT + ".cni.bin_dirs", RT + ".cni.conf_dir"]


def test_core_scheduling_is_a_variable_of_the_shims_since_schema_3():
    base = fragment((SHIM + ".env", ["A=1", "SCHED_CORE=0"]))
    sched_core, env = TASK + ".sched_core", SHIM + ".env"
    assert translated({sched_core: True}, 3) == {env: ["SCHED_CORE=1"]}
    assert translated({sched_core: True}, 4, base) == {env: ["A=1", "SCHED_CORE=1"]}
    assert translated({sched_core: False}, 3, base) == {env: ["A=1"]}
    assert translated({sched_core: None}, 3) == {env: None}
    assert translated({env: ["SCHED_CORE=1"]}, 2) == {sched_core: True}
    assert translated({env: []}, 2) == {sched_core: False}
    assert translated({"version": 3, env: ["A=1"]}, 4) == {"version": 4, env: ["A=1"]}
    with pytest.raises(SaltInvocationError, match="can only express SCHED_CORE=1"):
        translated({env: ["A=1"]}, 2)
    with pytest.raises(SaltInvocationError, match="'yes' must be true or false"):
        translated({sched_core: "yes"}, 3)


# Removed in 2.0, and what the message must say.
REMOVED = [
    (CRI + ".systemd_cgroup", "options.SystemdCgroup"),
    (CRI + ".disable_cgroup", "cgroup v2"),
    (CRI + ".containerd.no_pivot", "NoPivotRoot"),
    (CRI + ".containerd.default_runtime.runtime_type", "default_runtime_name"),
    (CRI + ".containerd.untrusted_workload_runtime.runtime_type", "untrusted"),
    (CRI + ".containerd.runtimes.x.runtime_engine", "options.BinaryName"),
    (CRI + ".containerd.runtimes.x.runtime_root", "options.Root"),
    (CRI + ".containerd.runtimes.runc.options.CriuPath", "$PATH"),
    (CRI + ".registry.configs.x.tls.ca_file", "hosts.toml"),
    ('plugins."io.containerd.runtime.v1.linux".shim', "io.containerd.runc.v2"),
    ('plugins."io.containerd.snapshotter.v1.aufs".root_path', "overlayfs"),
]


@pytest.mark.parametrize("target", [3, 4])
@pytest.mark.parametrize(("key", "cure"), REMOVED)
def test_removed_settings_are_errors_with_their_cure(key, cure, target):
    result = schema.translate(fragment((key, "x"), ("root", "/r")), target, findings=True)
    assert result["fragment"] == {"root": "/r"}
    (finding,) = result["findings"]
    assert finding["level"] == "error"
    assert key.startswith(finding["key"]) and finding["key"] in finding["message"]
    assert "removed in containerd 2.0" in finding["message"] and cure in finding["message"]
    # To remove what is not there is no error, and is not hidden either.
    (warning,) = schema.translate(fragment((key, None)), target, findings=True)["findings"]
    assert warning["level"] == "warning"
    assert schema.translate(fragment((key, None)), target) == {}
    (use,) = schema.deprecated(fragment((key, "x")))
    assert "containerd 2.0 removes it" in use["message"] and cure in use["message"]


def test_a_removed_table_is_one_finding():
    table = CRI + ".containerd.default_runtime"
    data = fragment((table + ".options", {}), (table + ".snapshotter", "x"), (table + ".a", "x"))
    found = schema.translate(data, 3, findings=True)["findings"]
    assert [(item["key"], item["level"]) for item in found] == [
        (table, "warning"),
        (table, "error"),
    ]


def test_the_error_names_every_key():
    with pytest.raises(SaltInvocationError) as error:
        translated({key: "x" for key, _ in REMOVED}, 4)
    for key, cure in REMOVED:
        assert key.rpartition(".")[0] in str(error.value) and cure in str(error.value)


@pytest.mark.parametrize(
    ("key", "since"),
    [
        (IMG + ".use_local_image_pull", ""),
        (IMG + ".pinned_images.other", ""),
        (IMG + ".runtime_platforms.x.snapshotter", ""),
        (RT + ".stats_collect_period", "2.3"),
        (RT + ".stats_retention_period", "2.3"),
        (RT + ".enable_criu", "2.2.7"),
        (RT + ".enable_experimental_restore_via_create", "2.2.7"),
        (RT + ".cni.use_internal_loopback", "2.0"),
        (RT + ".containerd.runtimes.x.io_type", "2.0"),
        (RT + ".containerd.runtimes.x.cgroup_writable", "2.1"),
        (RT + ".containerd.runtimes.x.disable_pause_image_pull", "2.4"),
        (SHIM + ".socket_dir", ""),
    ],
)
def test_settings_that_schema_2_lacks_are_errors(key, since):
    with pytest.raises(SaltInvocationError, match="schema 2 has no such key") as error:
        translated({key: "x"}, 2)
    assert not since or f"(it came with containerd {since}): " in str(error.value)
    assert translated({"version": 3, key: "x"}, 4) == {"version": 4, key: "x"}
    assert translated({"version": 4, key: "x"}, 3) == {"version": 3, key: "x"}


@pytest.mark.parametrize("plugin", [f'{SERVER}.grpc-tcp"', PROMETHEUS])
def test_keys_of_schema_4_servers_that_the_sections_lack_are_errors(plugin):
    with pytest.raises(SaltInvocationError, match="schema 3 has no such key"):
        translated({plugin + ".other": 1}, 3)


def test_schema_4_is_told_nothing_that_it_did_not_derive():
    settings = {"version": 4, f'{SERVER}.grpc".gid': 7, f'{SERVER}.grpc".address': ""}
    assert translated(settings, 4) == settings


def test_plugin_dir_ends_with_schema_3():
    assert translated({"version": 2, "plugin_dir": "/p"}, 3) == {"version": 3, "plugin_dir": "/p"}
    with pytest.raises(SaltInvocationError, match="plugin_dir: removed in containerd 2.1"):
        translated({"plugin_dir": "/p"}, 4)


@pytest.mark.parametrize(
    ("source", "key", "cure"),
    [
        (3, RT + ".containerd.runtimes.x.sandbox_mode", "sandboxer"),
        (3, RT + ".containerd.runtimes.x.runtime_root", "options.Root"),
        (4, RT + ".sandbox_image", "pinned_images.sandbox"),
        (4, IMG + ".registry.configs.x.tls.ca_file", "hosts.toml"),
        (2, CRI + ".containerd.runtimes.x.sandboxer", "sandbox_mode"),
        (2, CRI + ".enable_criu", "schema 2 has no such key"),
    ],
)
def test_half_translated_keys_are_errors_in_their_own_schema(source, key, cure):
    """Catches the plugin id changed by hand, and the key below it forgotten."""
    data = fragment((key, "x"))
    (finding,) = schema.removed(data, source)
    assert cure in finding["message"]
    for target in (2, 3, 4):
        with pytest.raises(SaltInvocationError) as error:
            schema.translate({"version": source, **data}, target)
        assert cure in str(error.value)


def test_unknown_plugins_and_free_tables_stay_as_they_are():
    settings = {
        'plugins."io.example.x.v1.y".a.b': 1,
        'timeouts."io.containerd.timeout.x"': "1s",
        "proxy_plugins.stargz.type": "snapshot",
        'stream_processors."a.b".args': ["x"],
        "root": "/r",
        'plugins."io.containerd.transfer.v1.local".unpack_config': [{"platform": "linux/amd64"}],
    }
    for source in (2, 3, 4):
        for target in (2, 3, 4):
            expected = {"version": target, **settings}
            assert translated({"version": source, **settings}, target) == expected


LIMITS = ("max_recv_message_size", "max_send_message_size")
IMAGE_SETTINGS = (
    *("sandbox_image", "registry", "image_decryption", "max_concurrent_downloads"),
    *("containerd.snapshotter", "containerd.disable_snapshot_annotations"),
    *("containerd.discard_unpacked_layers", "image_pull_progress_timeout"),
    *("image_pull_with_sync_fs", "stats_collect_period"),
)
RUNTIME_SETTINGS = (
    *("enable_selinux", "selinux_category_range", "max_container_log_line_size", "cni"),
    *("disable_apparmor", "restrict_oom_score_adj", "disable_proc_mount", "enable_cdi"),
    *("unset_seccomp_profile", "cdi_spec_dirs", "tolerate_missing_hugetlb_controller"),
    *("disable_hugetlb_controller", "netns_mounts_under_state_dir", "enable_unprivileged_ports"),
    *("device_ownership_from_security_context", "ignore_image_defined_volumes"),
    *("enable_unprivileged_icmp", "ignore_deprecation_warnings", "drain_exec_sync_io_timeout"),
)


@pytest.mark.parametrize(
    ("source", "table", "target", "contains", "lacks"),
    [
        (2, CRI, 3, {RT, IMG + ".registry", CRI + ".stream_server_port"}, {IMG, CRI}),
        (
            2,
            CRI + ".containerd",
            4,
            {RT + ".containerd", IMG + ".snapshotter", IMG + ".discard_unpacked_layers"},
            {IMG},
        ),
        (2, CRI + ".registry", 3, {IMG + ".registry"}, {IMG + ".registry.mirrors"}),
        (2, CRI + ".image_decryption", 3, {IMG + ".image_decryption"}, set()),
        (
            3,
            RT,
            2,
            {
                *(f"{CRI}.{name}" for name in RUNTIME_SETTINGS),
                CRI + ".containerd.runtimes",
                CRI + ".containerd.default_runtime_name",
                CRI + ".containerd.ignore_blockio_not_enabled_errors",
                CRI + ".containerd.ignore_rdt_not_enabled_errors",
            },
            {CRI, CRI + ".containerd", CRI + ".sandbox_image", CRI + ".stream_server_port"},
        ),
        (
            3,
            RT + ".containerd",
            2,
            {CRI + ".containerd.runtimes", CRI + ".containerd.default_runtime_name"},
            {CRI + ".containerd", CRI + ".containerd.snapshotter"},
        ),
        (
            3,
            IMG,
            2,
            {f"{CRI}.{name}" for name in IMAGE_SETTINGS},
            {CRI, CRI + ".enable_selinux"},
        ),
        (3, RT + ".cni", 2, {CRI + ".cni"}, set()),
        (3, "grpc", 4, {f'{SERVER}.grpc"', f'{SERVER}.grpc-tcp".address'}, {"grpc"}),
        (
            4,
            f'{SERVER}.grpc"',
            3,
            {f"grpc.{key}" for key in ("address", "uid", "gid", *LIMITS)},
            {"grpc", "grpc.tcp_address"},
        ),
        (4, f'{SERVER}.grpc-tcp"', 3, {"grpc.tcp_address"}, {"grpc", "grpc.address"}),
        (3, "debug", 4, {"debug", f'{SERVER}.debug".address'}, set()),
        (
            4,
            "debug",
            3,
            {"debug.level", "debug.format", "debug.log_trace_id"},
            {"debug", "debug.address"},
        ),
        (3, "metrics", 4, {f'{SERVER}.metrics"'}, {"metrics"}),
        (4, f'{SERVER}.metrics"', 3, {"metrics.address"}, {"metrics", "metrics.grpc_histogram"}),
    ],
)
def test_null_on_a_table_removes_what_the_table_held_and_no_more(source, table, target, contains, lacks):
    moved = translated({"version": source, table: None}, target)
    assert set(moved.values()) == {None, target}
    assert contains <= set(moved)
    assert not lacks & set(moved)


def test_null_on_all_plugins_is_refused():
    with pytest.raises(SaltInvocationError, match="name the plugins"):
        schema.translate({"version": 2, "plugins": None}, 3)


@pytest.mark.parametrize("key", ["disabled_plugins", "required_plugins"])
def test_the_cri_plugin_is_disabled_and_required_by_one_id_everywhere(key):
    for source in (2, 3, 4):
        for target in (2, 3, 4):
            data = {"version": source, key: ["io.containerd.grpc.v1.cri"]}
            assert schema.translate(data, target) == {**data, "version": target}


@pytest.mark.parametrize(
    ("key", "uri", "target", "words"),
    [
        ("disabled_plugins", "cri", 3, "no plugin id"),
        ("disabled_plugins", "io.containerd.cri.v1.runtime", 2, "io.containerd.grpc.v1.cri"),
        ("required_plugins", "io.containerd.cri.v1.images", 2, "io.containerd.grpc.v1.cri"),
        ("disabled_plugins", "io.containerd.server.v1.debug", 3, "has no plugin"),
        ("required_plugins", "io.containerd.runtime.v1.linux", 3, "has no plugin"),
    ],
)
def test_plugin_ids_that_mean_nothing_in_the_target_are_errors(key, uri, target, words):
    source = 2 if "linux" in uri or uri == "cri" else 4
    with pytest.raises(SaltInvocationError, match=words):
        schema.translate({"version": source, key: [uri]}, target)


def test_a_plugin_that_is_gone_may_stay_disabled():
    data = {"disabled_plugins": ["io.containerd.snapshotter.v1.aufs"]}
    assert schema.translate({"version": 2, **data}, 4) == {"version": 4, **data}
    assert schema.version_of(data) is None


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, None),
        ({"debug.level": "info"}, None),
        ({CRI + ".stream_server_port": "0"}, None),
        ({'plugins."io.containerd.nri.v1.nri".disable': True}, None),
        ({"version": 3, "debug.level": "info"}, 3),
        ({CRI + ".sandbox_image": "x"}, 2),
        ({CRI + ".Sandbox_Image": "x"}, 2),
        ({IMG + ".snapshotter": "x"}, 3),
        ({RT + ".enable_cdi": True, "grpc.gid": 1}, 3),
        ({"grpc.gid": 1}, 2),
        ({"metrics": None}, 2),
        ({TASK: {}}, None),
        ({f'{SERVER}.grpc".gid': 1}, 4),
        ({f'{SERVER}.grpc".gid': 1, RT + ".enable_cdi": True}, 4),
        ({"disabled_plugins": ["io.containerd.internal.v1.restart"]}, 2),
        ({"disabled_plugins": ["io.containerd.grpc.v1.cri"]}, None),
        ({'plugins."io.containerd.monitor.task.v1.cgroups".no_prometheus': True}, 3),
    ],
)
def test_the_schema_of_a_fragment_is_told_by_its_keys(settings, expected):
    assert schema.version_of(fragment(*settings.items())) == expected


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({CRI + ".sandbox_image": "x", RT + ".enable_cdi": True}, [".sandbox_image", "enable_cdi"]),
        ({"grpc.gid": 1, f'{SERVER}.debug".gid': 1}, ["grpc.gid", "server.v1.debug"]),
        ({"version": 3, CRI + ".sandbox_image": "x"}, ["version: 3", "pinned_images.sandbox"]),
        ({"version": 2, IMG + ".snapshotter": "x"}, ["version: 2", "cri.v1.images"]),
        ({"version": 4, "metrics.address": "x"}, ["version: 4", "server.v1.metrics"]),
        (
            {"version": 3, "disabled_plugins": ["io.containerd.monitor.v1.cgroups"]},
            ["version: 3", "monitor.v1.cgroups", "monitor.task.v1.cgroups"],
        ),
    ],
)
def test_mixed_schemas_are_an_error_that_names_both(settings, words):
    with pytest.raises(SaltInvocationError, match="Two schemas are mixed") as error:
        schema.version_of(fragment(*settings.items()))
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize("version", [0, 1, 5, "2", True, 3.0])
def test_versions_that_cannot_be_translated_are_refused(version):
    with pytest.raises(SaltInvocationError, match="write 2, 3 or 4"):
        schema.version_of({"version": version})
    with pytest.raises(SaltInvocationError, match="write 2, 3 or 4"):
        schema.translate({}, version)
    with pytest.raises(SaltInvocationError, match="write 2, 3 or 4"):
        schema.removed({}, version)


def test_short_plugin_ids_are_refused():
    with pytest.raises(SaltInvocationError, match=r"plugins\.cri.*write the full id"):
        schema.version_of({"plugins": {"cri": {"sandbox_image": "x"}}})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((["x"], 3), "fragment must be a mapping"),
        (({}, 3, "x"), "base must be a mapping"),
        (({"grpc": {1: 2}}, 3), "key 1 in grpc is no text"),
    ],
)
def test_wrong_arguments_are_refused(arguments, words):
    with pytest.raises(SaltInvocationError, match=words):
        schema.translate(*arguments)


def test_two_keys_for_one_setting_are_refused():
    """containerd matches keys without regard to case, so these are one."""
    with pytest.raises(SaltInvocationError, match="remove one of the two"):
        translated({CRI + ".sandbox_image": "a", CRI + ".Sandbox_Image": "b"}, 3)


def test_the_input_is_neither_changed_nor_shared():
    data = fragment((CRI + ".cni.bin_dir", "/a"), (CRI + ".registry.headers.A", ["1"]))
    data["version"] = 2
    base = fragment((SHIM + ".env", ["A=1"]))
    before = copy.deepcopy(data), copy.deepcopy(base)
    result = schema.translate(data, 3, base)
    result["plugins"]["io.containerd.cri.v1.images"]["registry"]["headers"]["A"].append("2")
    assert (data, base) == before


def test_the_order_of_keys_and_the_place_of_version_are_kept():
    settings = {RT + ".enable_cdi": True, "version": 3, "oom_score": 1, "debug.level": "info"}
    assert list(translated(settings, 4)) == list(settings)
    assert "version" not in translated({IMG + ".snapshotter": "x"}, 4)


# Facts of the table itself.

ROWS = schema.settings()


def test_no_schema_has_two_rows_for_one_path():
    """Catches a row that another one silently replaces."""
    for version in (2, 3, 4):
        paths = [tuple(row["paths"][version]) for row in ROWS if row["paths"][version]]
        assert sorted(paths) == sorted(set(paths))


def test_every_fact_is_one_that_the_functions_know():
    known = {"kind", "choices", "open", "secret", "since", "gone", "deprecated", "instead", "unprinted"}
    for row in ROWS:
        assert set(row["facts"]) <= known
        assert row["facts"].get("open") in (None, "name", "below")
        if {"gone", "deprecated"} & set(row["facts"]):
            assert row["facts"]["instead"]


@st.composite
def entries(draw, *versions):
    """Return the fragments of one setting of the table that all these schemas have."""
    row = draw(st.sampled_from([row for row in ROWS if all(row["paths"][v] for v in versions)]))
    path = row["paths"][versions[0]]
    name = draw(st.text("abc.\"'\\é \n-_1", max_size=6))
    path = [f"x.{name}" if part == "*" else part for part in path]
    below = draw(st.lists(st.sampled_from(["alpha", "b.c"]), max_size=2))
    values = [st.integers(1), st.text(min_size=1), st.lists(st.text())]
    # A null on a table that other schemas split is spelt out, which is not undone.
    split = any(
        (other["paths"][v] or [])[: len(path)] == path for other in ROWS if other != row for v in versions
    )
    value = draw(st.one_of(*values, *([] if split else [st.none()])))
    if path[-1] == "sched_core":
        below, value = [], True
    if path[-1] == "env":
        below, value = [], ["SCHED_CORE=1"]
    if path[-1].startswith("bin_dir"):
        below, value = [], "/dir"
    return fragment((schema.dotted([*path, *below]), value))


def there_and_back(data, here, there):
    """Assert that a translation is undone by the translation back."""
    data = {"version": here, **data}
    away = schema.translate(data, there)
    back = schema.translate(away, here)
    assert schema.translate(back, there) == away
    if "bin_dir" in str(data) and here == 3:
        # The older of the two names of schema 3 comes back as the newer one.
        return
    assert flat(data).items() <= flat(back).items()
    # What schema 4 is told besides comes back as well.
    assert all(key.startswith("ttrpc") for key in set(flat(back)) - set(flat(data)))


@given(entries(2, 3))
def test_round_trip_from_schema_2_over_3(data):
    there_and_back(data, 2, 3)


@given(entries(3, 4))
def test_round_trip_from_schema_3_over_4(data):
    there_and_back(data, 3, 4)


@given(entries(2, 4))
def test_round_trip_from_schema_2_over_4(data):
    there_and_back(data, 2, 4)


@given(entries(2, 3, 4))
def test_schema_4_is_reached_over_schema_3_as_directly(data):
    """Catches a row whose columns disagree with another's."""
    data = {"version": 2, **data}
    assert schema.translate(schema.translate(data, 3), 4) == schema.translate(data, 4)


@given(entries(3), st.sampled_from([2, 3, 4]))
def test_nothing_is_dropped_without_a_finding(data, target):
    result = schema.translate({"version": 3, **data}, target, findings=True)
    assert len(flat(result["fragment"])) > 1 or result["findings"]


def test_removed_tells_the_legacy_sections_of_a_schema_4_document():
    settings = {"grpc.address": "/a", "metrics.address": "x", "debug.gid": 1, "debug.level": "info"}
    found = schema.removed(fragment(*settings.items()), 4)
    assert [item["key"] for item in found] == ["grpc.address", "metrics.address", "debug.gid"]
    assert all("server.v1" in item["message"] for item in found)
    assert schema.removed(fragment(*settings.items()), 3) == []
    assert schema.removed(fragment((CRI, {})), 4) == []


@pytest.mark.parametrize(
    ("key", "value", "goes"),
    [
        (IMG + ".registry.mirrors.x.endpoint", ["y"], "2.4"),
        (IMG + ".registry.configs.x.auth.username", "u", "2.4"),
        (IMG + ".registry.auths.x.auth", "u", "2.4"),
        (CRI + ".registry.mirrors.x.endpoint", ["y"], "2.4"),
        (RT + ".cni.bin_dir", "/a", "2.4"),
        (RT + ".enable_cdi", False, "2.4"),
        (RT + ".enable_experimental_restore_via_create", True, "2.4"),
        ('plugins."io.containerd.tracing.processor.v1.otlp".endpoint', "x", "2.4"),
        ('plugins."io.containerd.internal.v1.tracing".sampling_ratio', 0.5, "2.4"),
        ("plugin_dir", "/p", "2.1"),
    ],
)
def test_deprecated_names_the_release_and_the_cure(key, value, goes):
    (finding,) = schema.deprecated(fragment((key, value)))
    assert (finding["key"], finding["level"]) == (key, "warning")
    assert f"containerd {goes} removes it: " in finding["message"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (IMG + ".registry.config_path", "/a"),
        (IMG + ".registry.mirrors", {}),
        (RT + ".cni.bin_dir", ""),
        (RT + ".cni.bin_dirs", ["/a"]),
        (CRI + ".cni.bin_dir", "/a"),
        (CRI + ".enable_cdi", True),
        (RT + ".enable_cdi", None),
    ],
)
def test_what_is_not_in_use_or_not_deprecated_there_is_no_finding(key, value):
    assert schema.deprecated(fragment((key, value))) == []


@pytest.mark.parametrize(
    "key",
    [
        CRI + ".containerd.runtimes.crun",
        RT + ".containerd.runtimes.crun.runtime_type",
        RT + ".containerd.runtimes.crun.Runtime_Type",
        RT + ".containerd.runtimes.crun.sandboxer",
        RT + ".containerd.runtimes.crun.options.Any.depth",
        IMG + ".registry.mirrors",
        IMG + ".registry.headers",
        IMG + ".runtime_platforms",
        IMG + ".runtime_platforms.x",
        IMG + ".registry.mirrors.x",
        IMG + ".registry.configs",
        IMG + ".registry.configs.x",
        IMG + ".registry.auths",
        "stream_processors.x",
        "proxy_plugins.x",
        RT + ".containerd.runtimes.x.runtime_path",
        RT + ".containerd.runtimes.x.pod_annotations",
        RT + ".containerd.runtimes.x.container_annotations",
        RT + ".containerd.runtimes.x.privileged_without_host_devices",
        RT + ".containerd.runtimes.x.privileged_without_host_devices_all_devices_allowed",
        RT + ".containerd.runtimes.x.base_runtime_spec",
        RT + ".containerd.runtimes.x.cni_conf_dir",
        RT + ".containerd.runtimes.x.cni_max_conf_num",
        RT + ".containerd.runtimes.x.snapshotter",
        RT + ".containerd.runtimes.x.io_type",
        RT + ".containerd.runtimes.x.cgroup_writable",
        RT + ".containerd.runtimes.x.disable_pause_image_pull",
        CRI + ".containerd.runtimes.x.sandbox_mode",
        CRI + ".containerd.runtimes.x.runtime_engine",
        CRI + ".containerd.runtimes.x.runtime_root",
        IMG + ".runtime_platforms.x.platform",
        "proxy_plugins.x.address",
        "proxy_plugins.x.platform",
        "proxy_plugins.x.capabilities",
        "stream_processors.x.accepts",
        "stream_processors.x.returns",
        "stream_processors.x.args",
        "stream_processors.x.env",
        'plugins."io.containerd.tracing.processor.v1.otlp".insecure',
        'plugins."io.containerd.tracing.processor.v1.otlp".protocol',
        'plugins."io.containerd.internal.v1.tracing".service_name',
        'plugins."io.containerd.internal.v1.tracing".sampling_ratio',
        "proxy_plugins",
        IMG + ".registry.mirrors.x.endpoint",
        IMG + '.registry.configs."a:5000".auth.username',
        CRI + '.registry.configs."a:5000".tls.ca_file',
        IMG + ".registry.auths.x.username",
        IMG + ".registry.headers.A",
        IMG + ".pinned_images.other",
        IMG + ".runtime_platforms.x.snapshotter",
        "proxy_plugins.x.type",
        "proxy_plugins.x.exports.root",
        "stream_processors.x.path",
        "timeouts.x",
        'plugins."io.example.x.v1.y".any.key',
        'plugins."io.containerd.tracing.processor.v1.otlp".endpoint',
        'plugins."io.containerd.transfer.v1.local".unpack_config',
    ],
)
def test_free_form_keys(key):
    assert schema.is_free_form(key) is True
    assert schema.is_free_form(list(schema.parse_key(key))) is True


@pytest.mark.parametrize(
    "key",
    [
        "rooot",
        "timeouts",
        "grpc.adress",
        RT + ".enable_cdii",
        RT + ".containerd.runtime.crun",
        RT + ".containerd.runtimes.crun.runtime_typ",
        IMG + ".registry.mirror.x",
        IMG + ".registry.mirrors.x.endpoints",
        IMG + ".registry.configs.x.password",
        "proxy_plugins.x.tpye",
        'plugins."io.containerd.snapshotter.v1.overlayfs".upperdir_lable',
        'plugins."io.containerd.tracing.processor.v1.otlp".end_point',
    ],
)
def test_keys_that_must_be_in_the_default(key):
    assert schema.is_free_form(key) is False


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        (CRI + ".registry.configs.x.auth.password", True),
        (IMG + ".registry.configs.x.auth.identitytoken", True),
        (IMG + ".registry.configs.x.AUTH.auth", True),
        (IMG + ".registry.configs.x.auth", True),
        (IMG + ".registry.auths.x.username", True),
        (IMG + ".registry.headers.Authorization", True),
        ('plugins."io.example.x.v1.y".api_token', True),
        ('plugins."io.example.x.v1.y".Password', True),
        # What stands there instead of a table is one, too.
        (IMG + ".registry.auths", True),
        (IMG + ".registry.headers", True),
        (IMG + ".registry.configs.x", True),
        (CRI + ".registry.configs.x.auht.passwrd", True),
        ("proxy_plugins.x.exports.token", True),
        ('plugins."io.example.x.v1.y".api_key', True),
        ('plugins."io.example.x.v1.y".credentials.user', True),
        (CRI + ".registry.configs.x.tls.key_file", False),
        (IMG + '.registry.mirrors."token.example".endpoint', False),
        ("grpc.tcp_tls_key", False),
        ("timeouts.token", False),
        ("root", False),
    ],
)
def test_secrets(key, secret):
    assert schema.is_secret(key) is secret


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("debug.level", "level"),
        ("debug.format", "format"),
        ("timeouts.x", "duration"),
        (CRI + ".stream_idle_timeout", "optional duration"),
        (CRI + ".stream_server_port", "port"),
        (CRI + ".drain_exec_sync_io_timeout", "optional duration"),
        (RT + ".stats_collect_period", "optional duration"),
        (IMG + ".stats_collect_period", None),
        (CRI + ".stats_collect_period", None),
        (IMG + ".image_pull_progress_timeout", "duration"),
        ('plugins."io.containerd.gc.v1.scheduler".pause_threshold', "float"),
        ('plugins."io.containerd.gc.v1.scheduler".startup_delay', "duration"),
        ('plugins."io.containerd.internal.v1.restart".interval', "duration"),
        ('plugins."io.containerd.monitor.container.v1.restart".interval', "duration"),
        (RT + ".cni.ip_pref", "enum"),
        (RT + ".stats_retention_period", "optional duration"),
        (RT + ".containerd.runtimes.x.io_type", "enum"),
        (IMG + ".image_decryption.key_model", "enum"),
        ('plugins."io.containerd.metadata.v1.bolt".content_sharing_policy', "enum"),
        ('plugins."io.containerd.tracing.processor.v1.otlp".protocol', "enum"),
        ('plugins."io.containerd.internal.v1.tracing".sampling_ratio', "float"),
        ('plugins."io.containerd.gc.v1.scheduler".schedule_delay', "duration"),
        ('plugins."io.containerd.nri.v1.nri".plugin_registration_timeout', "duration"),
        ('plugins."io.containerd.nri.v1.nri".plugin_request_timeout', "duration"),
        ('plugins."io.containerd.image-verifier.v1.bindir".per_verifier_timeout', "duration"),
        ("debug", None),
        ("debug.level.x", None),
        ("root", None),
    ],
)
def test_kinds(key, expected):
    assert schema.kind(key) == expected


def test_choices():
    assert "trace" in schema.choices("debug.level") and "loud" not in schema.choices("debug.level")
    assert schema.choices("debug.format") == ["", "text", "json"]
    assert schema.choices(RT + ".cni.ip_pref") == ["", "ipv4", "ipv6", "cni"]
    assert schema.choices("root") is None


@given(st.lists(st.text(), min_size=1))
def test_keys_round_trip(path):
    assert schema.parse_key(schema.dotted(path)) == tuple(path)


@given(st.lists(st.text(), min_size=1, max_size=3))
def test_keys_are_written_as_toml(path):
    """The oracle is tomlkit: it must find the value at the path."""
    data = tomlkit.parse(f"{schema.dotted(path)} = 1").unwrap()
    for part in path:
        data = data[part]
    assert data == 1


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a", ("a",)),
        ("a . b", ("a", "b")),
        ('\'a.b\'."c\\"d".3', ("a.b", 'c"d', "3")),
        ('"\\u00e9\\U0001F600\\t"', ("é😀\t",)),
        ("''", ("",)),
        ('"é"', ("é",)),
    ],
)
def test_keys_are_read(text, path):
    assert schema.parse_key(text) == path


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "a.", ".a", "a..b", "a b", "é", '"a', "'a", 'a"b"', '"a\nb"', "a=1"),
        *('"\\x41"', '"\\ud800"', '"\\U00110000"', '"\\u12"', "a:b", "a\n", "'a\tb\x7f'", 5),
    ],
)
def test_text_that_is_no_key_is_refused(text):
    with pytest.raises(SaltInvocationError):
        schema.parse_key(text)
