"""
What is written is what containerd reads: each release judges it by its own ``config dump``.
"""

import pytest
from containerd_formula.diff import diff
from containerd_formula.document import merge
from containerd_formula.toml import loads
from salt.exceptions import CommandExecutionError

V2 = "io.containerd.grpc.v1.cri"
# The same three settings by the keys of each schema.
NATIVE = {
    2: {
        "version": 2,
        "plugins": {
            V2: {
                "sandbox_image": "example.org/pause:1",
                "containerd": {"runtimes": {"runc": {"options": {"SystemdCgroup": True}}}},
                "stream_server_port": 10010,
            }
        },
    },
    3: {
        "version": 3,
        "plugins": {
            "io.containerd.cri.v1.images": {"pinned_images": {"sandbox": "example.org/pause:1"}},
            "io.containerd.cri.v1.runtime": {
                "containerd": {"runtimes": {"runc": {"options": {"SystemdCgroup": True}}}}
            },
            V2: {"stream_server_port": 10010},
        },
    },
}


def test_version_is_that_of_the_package(salt_functions, release):
    assert salt_functions["containerd_daemon.version"]() == release


def test_merging_nothing_changes_no_byte(salt_functions):
    default = salt_functions["containerd_daemon.config_default"]()
    assert merge(default, {}) == default


def test_overrides_are_in_effect(salt_functions, release, tmp_path):
    default = salt_functions["containerd_daemon.config_default"]()
    schema = loads(default)["version"]
    path = tmp_path / "config.toml"
    path.write_text(merge(default, NATIVE[schema]), encoding="utf-8")

    dump = salt_functions["containerd_daemon.config_dump"](str(path))
    assert not dump["warnings"]
    effective = loads(dump["text"])["plugins"]
    assert effective[V2]["stream_server_port"] == "10010"
    if schema == 2:
        assert effective[V2]["sandbox_image"] == "example.org/pause:1"
        runc = effective[V2]["containerd"]["runtimes"]["runc"]
    else:
        assert effective["io.containerd.cri.v1.images"]["pinned_images"]["sandbox"] == "example.org/pause:1"
        runc = effective["io.containerd.cri.v1.runtime"]["containerd"]["runtimes"]["runc"]
    # 1.4 never prints the options of a runtime.
    assert release.startswith("1.4") or runc["options"]["SystemdCgroup"] is True


def test_only_the_overrides_differ_from_the_default(salt_functions):
    default = salt_functions["containerd_daemon.config_default"]()
    schema = loads(default)["version"]
    merged = merge(default, NATIVE[schema])
    changes = diff(loads(default), loads(merged))
    assert len(changes) == 3, changes


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"disabled_plugins": ["io.containerd.x"]}, "disabled_plugins: io.containerd.x is not a plugin id"),
        (
            {"proxy_plugins": {"x": {"type": "snapshot", "address": ["/s"]}}},
            "proxy_plugins.x.address is ['/s']",
        ),
        ({"imports": ["/nonexistent/[*.toml"]}, "is not a pattern that containerd can read"),
        ({"timeouts": {"x": 5}}, "timeouts.x"),
    ],
)
def test_what_containerd_refuses_is_refused(salt_functions, tmp_path, release, overrides, words):
    if release.startswith("1.4") and "imports" in overrides:
        pytest.skip("containerd 1.4 takes it")
    with pytest.raises(CommandExecutionError, match="is refused; nothing was changed") as refused:
        salt_functions["containerd_toml.plan"](str(tmp_path / "config.toml"), overrides)
    assert words in str(refused.value)


def test_proof_leaves_no_file(salt_functions, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    salt_functions["containerd_toml.plan"](str(tmp_path / "config.toml"), {"oom_score": -1})
    assert not list(tmp_path.iterdir())
