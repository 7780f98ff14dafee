"""
Translation: each setting keeps its meaning under the name that the other schema has for it.
"""

import copy

import pytest
from containerd_formula.errors import Refused
from containerd_formula.paths import dotted
from containerd_formula.table import ROWS
from containerd_formula.translation import translate, version_of
from hypothesis import given
from hypothesis import strategies as st
from library.texts import CRI, IMG, PROMETHEUS, RT, SERVER, SHIM, TASK, flat, fragment, refusals, translated

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
        ("metrics.grpc_histogram", PROMETHEUS + ".grpc_histogram", True),
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
        ({"ttrpc": None}, {'.ttrpc"': None}),
        ({"grpc.gid": 7, "ttrpc": None}, {'.grpc".gid': 7, '.ttrpc".gid': 7}),
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
    assert "is the limit of both servers" in refusals(both, 3)


def test_core_scheduling_is_a_variable_of_the_shims_since_schema_3():
    base = fragment({SHIM + ".env": ["A=1", "SCHED_CORE=0"]})
    sched_core, env = TASK + ".sched_core", SHIM + ".env"
    assert translated({sched_core: True}, 3) == {env: ["SCHED_CORE=1"]}
    assert translated({sched_core: True}, 4, base) == {env: ["A=1", "SCHED_CORE=1"]}
    assert translated({sched_core: False}, 3, base) == {env: ["A=1"]}
    assert translated({sched_core: None}, 3) == {env: None}
    assert translated({env: ["SCHED_CORE=1"]}, 2) == {sched_core: True}
    assert translated({env: []}, 2) == {sched_core: False}
    assert translated({"version": 3, env: ["A=1"]}, 4) == {"version": 4, env: ["A=1"]}
    assert "can only express SCHED_CORE=1" in refusals({env: ["A=1"]}, 2)
    assert "'yes' must be true or false" in refusals({sched_core: "yes"}, 3)


def test_schema_4_is_told_nothing_that_it_did_not_derive():
    settings = {"version": 4, f'{SERVER}.grpc".gid': 7, f'{SERVER}.grpc".address': ""}
    assert translated(settings, 4) == settings


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
        (
            3,
            "grpc",
            4,
            {
                *(f'{SERVER}.grpc"', f'{SERVER}.grpc-tcp".address'),
                *(f'{SERVER}.grpc-tcp".{key}' for key in LIMITS),
                *(f'{SERVER}.ttrpc".{key}' for key in ("address", "uid", "gid")),
            },
            {"grpc"},
        ),
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
    with pytest.raises(Refused, match="name the plugins"):
        translate({"version": 2, "plugins": None}, 3)


@pytest.mark.parametrize("key", ["disabled_plugins", "required_plugins"])
def test_the_cri_plugin_is_disabled_and_required_by_one_id_everywhere(key):
    for source in (2, 3, 4):
        for target in (2, 3, 4):
            data = {"version": source, key: ["io.containerd.grpc.v1.cri"]}
            assert translate(data, target) == ({**data, "version": target}, [])


def test_a_plugin_that_is_gone_may_stay_disabled():
    data = {"disabled_plugins": ["io.containerd.snapshotter.v1.aufs"]}
    assert translate({"version": 2, **data}, 4) == ({"version": 4, **data}, [])
    assert version_of(data) is None


def test_two_keys_for_one_setting_are_refused():
    """containerd matches keys without regard to case, so these are one."""
    assert "remove one of the two" in refusals({CRI + ".sandbox_image": "a", CRI + ".Sandbox_Image": "b"}, 3)


def test_an_empty_table_beside_its_keys_says_nothing():
    settings = {CRI + ".Registry.config_path": "/a", CRI + ".registry": {}}
    assert translated(settings, 3) == {IMG + ".registry.config_path": "/a"}


def test_the_input_is_neither_changed_nor_shared():
    data = fragment({"version": 2, CRI + ".cni.bin_dir": "/a", CRI + ".registry.headers.A": ["1"]})
    base = fragment({SHIM + ".env": ["A=1"]})
    before = copy.deepcopy(data), copy.deepcopy(base)
    result = translate(data, 3, base).fragment
    result["plugins"]["io.containerd.cri.v1.images"]["registry"]["headers"]["A"].append("2")
    assert (data, base) == before


def test_the_order_of_keys_and_the_place_of_version_are_kept():
    settings = {RT + ".enable_cdi": True, "version": 3, "oom_score": 1, "debug.level": "info"}
    assert list(translated(settings, 4)) == list(settings)
    assert "version" not in translated({IMG + ".snapshotter": "x"}, 4)


@st.composite
def entries(draw, *versions):
    """Return the fragments of one setting of the table that all these schemas have."""
    row = draw(st.sampled_from([paths for paths, _ in ROWS if all(paths[v] for v in versions)]))
    path = row[versions[0]]
    name = draw(st.text("abc.\"'\\é \n-_1", max_size=6))
    path = tuple(f"x.{name}" if part == "*" else part for part in path)
    below = draw(st.lists(st.sampled_from(["alpha", "b.c"]), max_size=2))
    values = [st.integers(1), st.text(min_size=1), st.lists(st.text())]
    # A null on a table that other schemas split is spelt out, which is not undone.
    split = any((other[v] or ())[: len(path)] == path for other, _ in ROWS if other != row for v in versions)
    value = draw(st.one_of(*values, *([] if split else [st.none()])))
    if path[-1] == "sched_core":
        below, value = [], True
    if path[-1] == "env":
        below, value = [], ["SCHED_CORE=1"]
    if path[-1].startswith("bin_dir"):
        below, value = [], "/dir" if path[-1] == "bin_dir" else ["/dir"]
    return fragment({dotted([*path, *below]): value})


def there_and_back(data, here, there):
    """Assert that a translation is undone by the translation back."""
    data = {"version": here, **data}
    away = translate(data, there).fragment
    back = translate(away, here).fragment
    assert translate(back, there).fragment == away
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
    assert translate(translate(data, 3).fragment, 4) == translate(data, 4)


@given(entries(3), st.sampled_from([2, 3, 4]))
def test_nothing_is_dropped_without_a_finding(data, target):
    result = translate({"version": 3, **data}, target)
    assert len(flat(result.fragment)) > 1 or result.findings
