"""
What a translation refuses, and what it cannot express: said with the key and its cure.
"""

import pytest
from containerd_formula.errors import Refused
from containerd_formula.findings import ERROR, WARNING
from containerd_formula.schema import deprecated, locate, removed
from containerd_formula.translation import translate, version_of
from library.texts import CRI, IMG, PROMETHEUS, RT, SERVER, SHIM, TASK, fragment, refusals, translated

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
    result = translate(fragment({key: "x", "root": "/r"}), target)
    assert result.fragment == {"root": "/r"}
    (finding,) = result.findings
    assert (finding.level, finding.about) == (ERROR, "key")
    assert key.startswith(finding.key) and finding.message == f"{finding.key}: {finding.words}"
    assert "removed in containerd 2.0" in finding.message and cure in finding.message
    # To remove what is not there is no error, and is not hidden either.
    fragment_of_it, (warning,) = translate(fragment({key: None}), target)
    assert (fragment_of_it, warning.level) == ({}, WARNING)
    (use,) = deprecated(fragment({key: "x"}), 2)
    assert "containerd 2.0 removes it" in use.message and cure in use.message


def test_a_removed_table_is_one_finding():
    table = CRI + ".containerd.default_runtime"
    data = fragment({table + ".options": {}, table + ".snapshotter": "x", table + ".a": "x"})
    found = translate(data, 3).findings
    assert [(one.key, one.level) for one in found] == [(table, WARNING), (table, ERROR)]


@pytest.mark.parametrize("value", ["", 0, False, [], {}])
def test_a_removed_key_that_says_nothing_is_a_warning(value):
    (warning,) = translate(fragment({CRI + ".containerd.runtimes.x.runtime_engine": value}), 3).findings
    assert warning.level == WARNING


def test_the_findings_name_every_key():
    said = refusals({key: "x" for key, _ in REMOVED}, 4)
    for key, cure in REMOVED:
        assert key.rpartition(".")[0] in said and cure in said


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
    said = refusals({key: "x"}, 2)
    assert "schema 2 has no such key" in said
    assert not since or f"(it came with containerd {since}): " in said
    assert translated({"version": 3, key: "x"}, 4) == {"version": 4, key: "x"}
    assert translated({"version": 4, key: "x"}, 3) == {"version": 3, key: "x"}


@pytest.mark.parametrize("plugin", [f'{SERVER}.grpc-tcp"', PROMETHEUS])
def test_keys_of_schema_4_servers_that_the_sections_lack_are_errors(plugin):
    assert "schema 3 has no such key" in refusals({plugin + ".other": 1}, 3)


def test_plugin_dir_ends_with_schema_3():
    assert translated({"version": 2, "plugin_dir": "/p"}, 3) == {"version": 3, "plugin_dir": "/p"}
    assert "plugin_dir: removed in containerd 2.1" in refusals({"plugin_dir": "/p"}, 4)


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
    (finding,) = removed(fragment({key: "x"}), source)
    assert cure in finding.message
    for target in (2, 3, 4):
        # Where another schema has it, two are mixed.
        try:
            assert cure in refusals({"version": source, key: "x"}, target)
        except Refused as error:
            assert cure in str(error)


@pytest.mark.parametrize(
    ("key", "uri", "target", "words"),
    [
        ("disabled_plugins", "cri", 3, "not a plugin id"),
        ("disabled_plugins", "io.containerd.cri.v1.runtime", 2, "io.containerd.grpc.v1.cri"),
        ("required_plugins", "io.containerd.cri.v1.images", 2, "io.containerd.grpc.v1.cri"),
        ("disabled_plugins", "io.containerd.server.v1.debug", 3, "has no plugin"),
        ("required_plugins", "io.containerd.runtime.v1.linux", 3, "has no plugin"),
    ],
)
def test_plugin_ids_that_mean_nothing_in_the_target_are_errors(key, uri, target, words):
    source = 2 if "linux" in uri or uri == "cri" else 4
    assert words in refusals({"version": source, key: [uri]}, target)
    (finding,) = translate({"version": source, key: [uri]}, target).findings
    assert finding.about == "value"


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
    assert version_of(fragment(settings)) == expected


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
    with pytest.raises(Refused, match="Two schemas are mixed") as error:
        version_of(fragment(settings))
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize("version", [0, 1, 5, "2", True, 3.0])
def test_versions_that_cannot_be_translated_are_refused(version):
    with pytest.raises(Refused, match="write 2, 3 or 4"):
        version_of({"version": version})
    with pytest.raises(Refused, match="write 2, 3 or 4"):
        translate({}, version)
    with pytest.raises(Refused, match="write 2, 3 or 4"):
        removed({}, version)
    with pytest.raises(Refused, match="write 2, 3 or 4"):
        deprecated({}, version)
    with pytest.raises(Refused, match="write 2, 3 or 4"):
        locate("debug.level", version)


def test_short_plugin_ids_are_refused():
    with pytest.raises(Refused, match=r"plugins\.cri.*write the full id"):
        version_of({"plugins": {"cri": {"sandbox_image": "x"}}})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((["x"], 3), "fragment must be a mapping"),
        (({}, 3, "x"), "base must be a mapping"),
    ],
)
def test_wrong_arguments_are_refused(arguments, words):
    with pytest.raises(Refused, match=words):
        translate(*arguments)
