"""
What is written is what containerd reads: each release judges it by its own ``config dump``.
"""

import pytest
from salt.exceptions import CommandExecutionError
from support import wired

toml = wired("containerd_toml")
loads = toml.__salt__["containerd_document.loads"]

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
    assert salt_functions["containerd.version"]() == release


def test_merging_nothing_changes_no_byte(salt_functions):
    default = salt_functions["containerd.config_default"]()
    assert toml.merge(default, {}) == default


def test_overrides_are_in_effect(salt_functions, release, tmp_path):
    default = salt_functions["containerd.config_default"]()
    schema = loads(default)["version"]
    path = tmp_path / "config.toml"
    path.write_text(toml.merge(default, NATIVE[schema]), encoding="utf-8")

    dump = salt_functions["containerd.config_dump"](str(path))
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
    default = salt_functions["containerd.config_default"]()
    schema = loads(default)["version"]
    merged = toml.merge(default, NATIVE[schema])
    changes = toml.diff(
        loads(default),
        loads(merged),
    )
    assert len(changes) == 3, changes


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"disabled_plugins": ["io.containerd.x"]}, "disabled_plugins: io.containerd.x is no plugin id"),
        ({"proxy_plugins": {"x": {"type": ["snapshot"], "address": "/s"}}}, "containerd refuses it"),
        ({"timeouts": {"x": 5}}, "timeouts.x"),
    ],
)
def test_what_containerd_refuses_is_refused(salt_functions, tmp_path, overrides, words):
    with pytest.raises(CommandExecutionError, match="is refused; nothing was changed") as refused:
        salt_functions["containerd_toml.plan"](str(tmp_path / "config.toml"), overrides)
    assert words in str(refused.value)


def test_proof_leaves_no_file(salt_functions, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    salt_functions["containerd_toml.plan"](str(tmp_path / "config.toml"), {"oom_score": -1})
    assert not list(tmp_path.iterdir())
