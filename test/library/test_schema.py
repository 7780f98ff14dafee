"""
What each schema has, and what is to know of a setting.
"""

import pytest
from containerd_formula import schema
from containerd_formula.findings import WARNING
from containerd_formula.translation import version_of
from library.texts import CRI, IMG, RT, fragment, key


def test_removed_tells_the_legacy_sections_of_a_schema_4_document():
    settings = {"grpc.address": "/a", "metrics.address": "x", "debug.gid": 1, "debug.level": "info"}
    found = schema.removed(fragment(settings), 4)
    assert [one.key for one in found] == ["grpc.address", "metrics.address", "debug.gid"]
    assert all("server.v1" in one.message for one in found)
    assert schema.removed(fragment(settings), 3) == []
    assert schema.removed(fragment({CRI: {}}), 4) == []


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
    data = fragment({key: value})
    (finding,) = schema.deprecated(data, version_of(data) or 4)
    assert (finding.key, finding.level) == (key, WARNING)
    assert f"containerd {goes} removes it: " in finding.message


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
    data = fragment({key: value})
    assert schema.deprecated(data, version_of(data) or 4) == []


@pytest.mark.parametrize(
    "text",
    [
        CRI + ".containerd.runtimes.crun",
        CRI + ".containerd.default_runtime.options.Root",
        CRI + ".containerd.default_runtime.pod_annotations",
        CRI + ".containerd.untrusted_workload_runtime.options.Root",
        CRI + ".containerd.untrusted_workload_runtime.container_annotations",
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
def test_free_form_keys(text):
    assert schema.is_free_form(key(text)) is True


@pytest.mark.parametrize(
    "text",
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
def test_keys_that_must_be_in_the_default(text):
    assert schema.is_free_form(key(text)) is False


@pytest.mark.parametrize(
    ("text", "expected"),
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
        ("root", "root"),
        ("state", "path"),
        (CRI + ".registry.config_path", "folders"),
        ("oom_score", None),
    ],
)
def test_kinds(text, expected):
    assert schema.kind(key(text)) == expected


def test_choices():
    assert "trace" in schema.choices(key("debug.level")) and "loud" not in schema.choices(key("debug.level"))
    assert schema.choices(key("debug.format")) == ["", "text", "json"]
    assert schema.choices(key(RT + ".cni.ip_pref")) == ["", "ipv4", "ipv6", "cni"]
    assert schema.choices(key("root")) is None


def test_facts_are_those_of_the_setting_itself():
    assert schema.facts(key(CRI + ".registry.config_path")) == {"kind": "folders", "since": "1.5"}
    assert schema.facts(key("debug.log_trace_id")) == {"since": "2.3"}
    assert schema.facts(key("debug.log_trace_id.x")) == schema.facts(()) == {}
    # What is returned is the caller's own.
    schema.facts(key("debug.level")).clear()
    schema.choices(key("debug.level")).clear()
    assert "trace" in schema.choices(key("debug.level"))


@pytest.mark.parametrize(
    ("short", "version", "text"),
    [
        ("CRI.containerd.snapshotter", 2, CRI + ".containerd.snapshotter"),
        ("CRI.containerd.snapshotter", 3, IMG + ".snapshotter"),
        ("grpc.address", 3, "grpc.address"),
        ("grpc.address", 4, 'plugins."io.containerd.server.v1.grpc".address'),
        (("grpc", "address"), 4, 'plugins."io.containerd.server.v1.grpc".address'),
        ("root", 4, "root"),
    ],
)
def test_a_setting_is_located(short, version, text):
    assert schema.locate(short, version) == key(text)
    assert schema.locate("CRI.systemd_cgroup", 3) is None


def test_the_plugins():
    assert schema.plugins()["io.containerd.grpc.v1.cri"] is True
    assert schema.plugins()["io.containerd.content.v1.content"] is False
    assert schema.cri_plugins() == [key(text)[1] for text in (CRI, IMG, RT)]
