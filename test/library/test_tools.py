"""
The files of crictl and nerdctl, read again as their own parsers would.
"""

import pytest
import tomlkit
import yaml
from containerd_formula import tools
from containerd_formula.errors import Refused

SCHEMA_2 = {
    "version": 2,
    "grpc": {"address": "/run/two.sock"},
    "plugins": {
        "io.containerd.grpc.v1.cri": {
            "containerd": {"snapshotter": "stargz"},
            "registry": {"config_path": "/etc/containerd/certs.d:/etc/docker/certs.d"},
        }
    },
}
SCHEMA_4 = {
    "version": 4,
    "plugins": {
        "io.containerd.server.v1.grpc": {"address": "/run/four.sock"},
        "io.containerd.cri.v1.images": {"snapshotter": "native", "registry": {"config_path": ""}},
    },
}
LOADS = {"crictl": yaml.safe_load, "nerdctl": lambda text: tomlkit.loads(text).unwrap()}


def made(tool, given=None, effective=None, coming=None):
    return LOADS[tool](tools.render(tool, tools.settings(tool, given, effective or {}, coming)))


def test_crictl_has_the_socket_of_the_document():
    for document, socket in ((SCHEMA_2, "/run/two.sock"), (SCHEMA_4, "/run/four.sock")):
        assert set(made("crictl", effective=document).values()) == {f"unix://{socket}"}
    assert made("crictl") == dict.fromkeys(
        ("runtime-endpoint", "image-endpoint"), "unix:///run/containerd/containerd.sock"
    )


def test_nerdctl_has_what_cri_has():
    assert made("nerdctl", effective=SCHEMA_2) == {
        "address": "/run/two.sock",
        "namespace": "k8s.io",
        "snapshotter": "stargz",
        "hosts_dir": ["/etc/containerd/certs.d", "/etc/docker/certs.d"],
    }
    # Without a folder of registries nerdctl keeps its own default.
    assert made("nerdctl", effective=SCHEMA_4) == {
        "address": "/run/four.sock",
        "namespace": "k8s.io",
        "snapshotter": "native",
    }


def test_a_dry_run_has_what_will_be():
    coming = {
        "grpc.address": {"old": "/run/two.sock", "new": "/run/new.sock"},
        'plugins."io.containerd.cri.v1.images".registry.config_path': {"old": "", "new": "/certs"},
        'plugins."io.containerd.grpc.v1.cri".containerd.snapshotter': {"old": "stargz", "new": None},
    }
    assert made("nerdctl", effective=SCHEMA_2, coming=coming) == {
        "address": "/run/new.sock",
        "namespace": "k8s.io",
        "hosts_dir": ["/certs"],
    }


def test_pillar_is_merged_over_it_with_the_types_of_the_tool():
    given = {"timeout": "10", "debug": "true", "image-endpoint": None, "max-retries": 3}
    assert made("crictl", given) == {
        "runtime-endpoint": "unix:///run/containerd/containerd.sock",
        **{"timeout": 10, "debug": True, "max-retries": 3},
    }
    text = 'quotes "and" \\ \u00e4'
    assert made("nerdctl", {"data_root": text, "namespace": None, "dns": ["1.1.1.1"]}) == {
        "address": "/run/containerd/containerd.sock",
        **{"data_root": text, "dns": ["1.1.1.1"]},
    }


@pytest.mark.parametrize(
    ("tool", "given", "words"),
    [
        ("crictl", {"runtime_endpoint": "x"}, "config:runtime_endpoint is not a setting of crictl, which"),
        ("crictl", {"runtime_endpoint": "x"}, "did you mean runtime-endpoint?"),
        ("nerdctl", {"zzz": 1}, "known are address, namespace"),
        ("crictl", {"timeout": 1.5}, "config:timeout is 1.5, a float; it must be a whole number"),
        ("nerdctl", {"hosts_dir": "/a"}, "hosts_dir is '/a', a string; it must be a list of strings"),
        ("nerdctl", {"address": "(secret)"}, "config:address: (secret) is what this formula shows"),
        ("crictl", [], "containerd:tools:crictl:config must be a mapping."),
        ("critcl", {}, "'critcl' is no tool with a file of its own; did you mean crictl?"),
    ],
)
def test_what_the_tool_would_not_run_with_is_refused(tool, given, words):
    with pytest.raises(Refused) as refused:
        tools.settings(tool, given, {})
    assert words in str(refused.value)


def test_all_faults_are_told_at_once():
    with pytest.raises(Refused) as refused:
        tools.settings("crictl", {"a": 1, "debug": "b"}, {})
    assert len(str(refused.value).split("\n")) == 2


@pytest.mark.parametrize(
    ("tool", "broken"),
    [
        ("crictl", "runtime-endpoint: unix:///run/a.sock\ntimeout: 2\n  debug: false\n"),
        ("crictl", "runtime-endpoint: unix:///run/a.sock\n- timeout: 2\n"),
        ("crictl", ""),
        ("nerdctl", 'debug = false\nnamespace = "k8s.io"\n[\n'),
        ("nerdctl", "debug = false\nnamespace = k8s.io\n"),
    ],
)
def test_a_broken_text_says_nothing_of_the_kind(tool, broken):
    new = {"runtime-endpoint": "unix:///run/a.sock", "timeout": 2, "debug": False}
    new = new if tool == "crictl" else {"debug": False, "namespace": "k8s.io"}
    assert not tools.says_the_same(tool, broken, tools.render(tool, new))


@pytest.mark.parametrize(
    ("tool", "by_hand"),
    [
        ("crictl", "---\n# by hand\nruntime-endpoint: unix:///run/a.sock\ntimeout: 2\ndebug: false\n"),
        ("nerdctl", 'debug = false\n\nhosts_dir      = ["/a", "/b"]\nnamespace = \'k8s.io\'\n'),
    ],
)
def test_a_text_of_somebody_else_is_read_as_it_is_meant(tool, by_hand):
    meant = LOADS[tool](by_hand)
    assert not tools.is_ours(by_hand)
    assert tools.says_the_same(tool, by_hand, tools.render(tool, meant))
    assert not tools.says_the_same(tool, by_hand, tools.render(tool, {**meant, "debug": True}))


def test_changes_are_keys():
    old = tools.render("crictl", {"timeout": 2, "debug": True})
    assert tools.changes("crictl", old, tools.render("crictl", {"timeout": 3})) == {
        "timeout": {"old": 2, "new": 3},
        "debug": {"old": True, "new": None},
    }
    assert tools.is_ours(old)
