"""
One pillar serves a fleet: whichever schema it is written in, every release runs with its settings.
"""

import pytest
import yaml
from containerd_formula import toml
from salt.exceptions import CommandExecutionError

# The same settings three times, by the keys of config version 2, 3 and 4.
PILLARS = {
    2: """
version: 2
debug: {level: debug}
grpc: {max_recv_message_size: 33554432, max_send_message_size: 33554432}
metrics: {address: '127.0.0.1:1338'}
plugins:
  io.containerd.nri.v1.nri: {plugin_path: /opt/site/nri}
  io.containerd.grpc.v1.cri:
    sandbox_image: example.org/pause:1
    stream_server_address: 127.0.0.2
    stream_server_port: 10010
    enable_cdi: true
    cdi_spec_dirs: [/etc/site/cdi]
    registry: {config_path: /etc/containerd/certs.d}
    cni: {bin_dir: /opt/site/cni, conf_dir: /etc/site/cni}
    containerd:
      snapshotter: native
      runtimes:
        runc: {options: {SystemdCgroup: true}}
        crun: {runtime_type: io.containerd.runc.v2, options: {BinaryName: /usr/bin/crun, SystemdCgroup: true}}
""",
    3: """
version: 3
debug: {level: debug}
grpc: {max_recv_message_size: 33554432, max_send_message_size: 33554432}
metrics: {address: '127.0.0.1:1338'}
plugins:
  io.containerd.nri.v1.nri: {plugin_path: /opt/site/nri}
  io.containerd.grpc.v1.cri: {stream_server_address: 127.0.0.2, stream_server_port: 10010}
  io.containerd.cri.v1.images:
    snapshotter: native
    pinned_images: {sandbox: example.org/pause:1}
    registry: {config_path: /etc/containerd/certs.d}
  io.containerd.cri.v1.runtime:
    enable_cdi: true
    cdi_spec_dirs: [/etc/site/cdi]
    cni: {bin_dirs: [/opt/site/cni], conf_dir: /etc/site/cni}
    containerd:
      runtimes:
        runc: {options: {SystemdCgroup: true}}
        crun: {runtime_type: io.containerd.runc.v2, options: {BinaryName: /usr/bin/crun, SystemdCgroup: true}}
""",
    4: """
version: 4
debug: {level: debug}
plugins:
  io.containerd.server.v1.grpc: {max_recv_message_size: 33554432, max_send_message_size: 33554432}
  io.containerd.server.v1.grpc-tcp: {max_recv_message_size: 33554432, max_send_message_size: 33554432}
  io.containerd.server.v1.metrics: {address: '127.0.0.1:1338'}
  io.containerd.nri.v1.nri: {plugin_path: /opt/site/nri}
  io.containerd.grpc.v1.cri: {stream_server_address: 127.0.0.2, stream_server_port: 10010}
  io.containerd.cri.v1.images:
    snapshotter: native
    pinned_images: {sandbox: example.org/pause:1}
    registry: {config_path: /etc/containerd/certs.d}
  io.containerd.cri.v1.runtime:
    enable_cdi: true
    cdi_spec_dirs: [/etc/site/cdi]
    cni: {bin_dirs: [/opt/site/cni], conf_dir: /etc/site/cni}
    containerd:
      runtimes:
        runc: {options: {SystemdCgroup: true}}
        crun: {runtime_type: io.containerd.runc.v2, options: {BinaryName: /usr/bin/crun, SystemdCgroup: true}}
""",
}
# What a release has no such setting for.
LACKS = {
    "1.4.13": ("registry.config_path", "enable_cdi", "cdi_spec_dirs", '"io.containerd.nri.v1.nri"'),
    "1.6.20": ("enable_cdi", "cdi_spec_dirs", '"io.containerd.nri.v1.nri"'),
}
V2 = ("plugins", "io.containerd.grpc.v1.cri")
IMAGES = ("plugins", "io.containerd.cri.v1.images")
RUNTIME = ("plugins", "io.containerd.cri.v1.runtime")
EVERYWHERE = {
    ("debug", "level"): "debug",
    ("grpc", "max_recv_message_size"): 33554432,
    ("grpc", "max_send_message_size"): 33554432,
    ("metrics", "address"): "127.0.0.1:1338",
    (*V2, "stream_server_address"): "127.0.0.2",
    (*V2, "stream_server_port"): "10010",
}
IN_SCHEMA_2 = {
    (*V2, "sandbox_image"): "example.org/pause:1",
    (*V2, "cni", "bin_dir"): "/opt/site/cni",
    (*V2, "cni", "conf_dir"): "/etc/site/cni",
    (*V2, "containerd", "snapshotter"): "native",
    (*V2, "containerd", "runtimes", "crun", "runtime_type"): "io.containerd.runc.v2",
}
SINCE_1_5 = {
    (*V2, "registry", "config_path"): "/etc/containerd/certs.d",
    (*V2, "containerd", "runtimes", "crun", "options", "BinaryName"): "/usr/bin/crun",
    (*V2, "containerd", "runtimes", "runc", "options", "SystemdCgroup"): True,
}
NRI = {("plugins", "io.containerd.nri.v1.nri", "plugin_path"): "/opt/site/nri"}
CDI = {(*V2, "enable_cdi"): True, (*V2, "cdi_spec_dirs"): ["/etc/site/cdi"]}
IN_SCHEMA_3 = {
    (*IMAGES, "pinned_images", "sandbox"): "example.org/pause:1",
    (*IMAGES, "snapshotter"): "native",
    (*IMAGES, "registry", "config_path"): "/etc/containerd/certs.d",
    (*RUNTIME, "enable_cdi"): True,
    (*RUNTIME, "cdi_spec_dirs"): ["/etc/site/cdi"],
    (*RUNTIME, "cni", "bin_dirs"): ["/opt/site/cni"],
    (*RUNTIME, "cni", "conf_dir"): "/etc/site/cni",
    (*RUNTIME, "containerd", "runtimes", "crun", "runtime_type"): "io.containerd.runc.v2",
    (*RUNTIME, "containerd", "runtimes", "crun", "options", "BinaryName"): "/usr/bin/crun",
    (*RUNTIME, "containerd", "runtimes", "runc", "options", "SystemdCgroup"): True,
}
EFFECTIVE = {
    "1.4.13": {**EVERYWHERE, **IN_SCHEMA_2},
    "1.6.20": {**EVERYWHERE, **IN_SCHEMA_2, **SINCE_1_5},
    "1.7.24": {**EVERYWHERE, **IN_SCHEMA_2, **SINCE_1_5, **NRI, **CDI},
    "2.1.9": {**EVERYWHERE, **IN_SCHEMA_3, **NRI},
}


@pytest.fixture(params=PILLARS, ids=lambda schema: f"written-in-{schema}")
def pillar(request):
    return yaml.safe_load(PILLARS[request.param])


def test_every_setting_is_in_effect(salt_functions, release, pillar, tmp_path):
    plan = salt_functions["containerd_toml.plan"](str(tmp_path / "none.toml"), pillar, strict=False)
    path = tmp_path / "config.toml"
    path.write_text(plan["text"], encoding="utf-8")
    dump = salt_functions["containerd_daemon.config_dump"](str(path))
    if release.startswith("2."):
        assert not dump["warnings"]
    effective = toml.loads(dump["text"])
    for keys, value in EFFECTIVE[release].items():
        found = effective
        for key in keys:
            found = found[key]
        assert found == value, keys


def test_all_three_give_the_same_bytes(salt_functions, tmp_path):
    texts = {
        salt_functions["containerd_toml.plan"](str(tmp_path / "none"), yaml.safe_load(text), strict=False)[
            "text"
        ]
        for text in PILLARS.values()
    }
    assert len(texts) == 1


def test_what_a_release_lacks_is_named_and_refused(salt_functions, release, pillar, tmp_path):
    path = str(tmp_path / "config.toml")
    lacks = LACKS.get(release, ())
    if not lacks:
        salt_functions["containerd_toml.plan"](path, pillar)
        return
    with pytest.raises(CommandExecutionError) as refused:
        salt_functions["containerd_toml.plan"](path, pillar)
    for key in lacks:
        assert key in str(refused.value)


def test_what_a_release_lacks_is_a_warning_where_that_is_allowed(salt_functions, release, pillar, tmp_path):
    plan = salt_functions["containerd_toml.plan"](str(tmp_path / "config.toml"), pillar, strict=False)
    for key in LACKS.get(release, ()):
        assert any(key in warning for warning in plan["warnings"]), (key, plan["warnings"])


def test_minimal_is_the_way_back(salt_functions, release, pillar, tmp_path):
    """
    What a file changes against the default, taken as pillar, makes it again, but for what was dead.
    """
    path = tmp_path / "config.toml"
    plan = salt_functions["containerd_toml.plan"](str(path), pillar, strict=False)
    path.write_text(plan["text"], encoding="utf-8")
    found = salt_functions["containerd_toml.minimal"](str(path), beneath=[])["containerd"]["config"]
    again = salt_functions["containerd_toml.plan"](str(path), found, strict=False)
    dead = LACKS.get(release, ())
    assert again["write"] == bool(dead)
    assert [key for key in again["changes"] if not any(one in key for one in dead)] == []
    # No default is in it.
    assert "cgroup" not in found
    assert "address" not in found["grpc"]


FORMULA = [
    {
        "formula": {
            "version": 2,
            "plugins": {
                "io.containerd.grpc.v1.cri": {
                    "containerd": {"runtimes": {"runc": {"options": {"SystemdCgroup": True}}}}
                }
            },
        }
    }
]


@pytest.mark.parametrize(
    "text",
    [
        # kubespray and nvidia-ctk write empty values for keys that are gone.
        """
version = 2
[plugins."io.containerd.grpc.v1.cri".containerd]
default_runtime_name = "nvidia"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.nvidia]
runtime_type = "io.containerd.runc.v2"
runtime_engine = ""
runtime_root = ""
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.nvidia.options]
BinaryName = "/usr/bin/env"
""",
        # A node with the cgroupfs driver keeps it: the formula's default is not what it has.
        "version = 2\noom_score = -999\n",
        "",
    ],
)
def test_minimal_of_another_tools_file_changes_no_setting(salt_functions, tmp_path, text):
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    found = salt_functions["containerd_toml.minimal"](str(path), beneath=FORMULA)
    pillar = [*FORMULA, {"pillar": found["containerd"]["config"]}]
    plan = salt_functions["containerd_toml.plan"](str(path), pillar)
    # Sparse became whole, and some keys are gone; no value differs.
    changed = {key: change for key, change in plan["changes"].items() if change["old"] not in (None, "", 2)}
    assert {key for key, change in changed.items() if change["old"] != change["new"]} <= {"version"}, changed


def test_minimal_says_what_it_leaves_out(salt_functions, tmp_path):
    """
    Docker's packaged file turns CRI off, which a node for Kubernetes does not keep.
    """
    path = tmp_path / "config.toml"
    path.write_text('disabled_plugins = ["cri"]\n', encoding="utf-8")
    found = salt_functions["containerd_toml.minimal"](str(path), beneath=[])
    assert list(found["containerd"]["config"]) == ["version"]
    assert "disabled_plugins" in found["left_out"][0]
