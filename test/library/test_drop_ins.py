"""
Drop-in files: which of them break or mask the main file.
"""

import pytest
from containerd_formula import drop_ins, toml

CRI = "io.containerd.grpc.v1.cri"
RUNTIME = "io.containerd.cri.v1.runtime"
NAME = "/etc/containerd/conf.d/99-nvidia.toml"


def findings(main, text):
    return drop_ins.findings(main, [(NAME, toml.loads(text))])


@pytest.mark.parametrize(
    ("imports", "patterns"),
    [
        ({"imports": ["conf.d/*.toml", 5, "gone.toml"]}, ["conf.d/*.toml", "gone.toml"]),
        ({"imports": "conf.d/*.toml"}, []),
        ({}, []),
    ],
)
def test_imports_are_texts_in_a_list(imports, patterns):
    assert drop_ins.patterns(imports) == patterns


@pytest.mark.parametrize(
    ("main", "text", "words"),
    [
        ({"version": 2}, "version = 3\n", "has version = 3 and the main file 2"),
        ({"version": 3}, "version = 4\n", "has version = 4 and the main file 3"),
        ({"version": 2}, "version = 1\n", "ignores the plugin settings of all files"),
        ({}, "version = 2\n", "has version = 2 and the main file 1"),
        (
            {"version": 2, "plugins": {CRI: {"sandbox_image": "x", "cni": {"conf_dir": "y"}}}},
            f'version = 2\n[plugins."{CRI}".containerd]\ndefault_runtime_name = "nvidia"\n',
            "takes it instead of the whole table in the main file, so that 2 settings of that are lost",
        ),
        (
            {"version": 2, "plugins": {CRI: {"sandbox_image": "x"}}},
            f'[plugins."{CRI}"]\nsandbox_image = "y"\n',
            "takes it instead of the whole table in the main file, so that 1 settings of that are lost",
        ),
        (
            {"version": 3, "plugins": {RUNTIME: {"containerd": {"default_runtime_name": "runc"}}}},
            f'version = 3\n[plugins."{RUNTIME}".containerd]\ndefault_runtime_name = "nvidia"\n',
            "default_runtime_name to 'nvidia' over 'runc' of the main file.",
        ),
        ({"version": 3}, 'version = "x"\n', "is no configuration of containerd"),
        ({"version": 3}, "version = 3\nplugins = 3\n", "is no configuration of containerd"),
        ({"version": 3}, f'version = 3\ndisabled_plugins = ["{CRI}"]\n', "there will be no CRI"),
        ({"version": 3}, f'version = 3\ndisabled_plugins = ["{RUNTIME}"]\n', "there will be no CRI"),
        ({"version": 2, "oom_score": -1}, "version = 2\noom_score = 5\n", "sets oom_score to 5 over -1"),
    ],
)
def test_a_drop_in_that_breaks_or_masks_is_named(main, text, words):
    [finding] = findings(main, text)
    assert (finding.key, finding.level) == (NAME, "warning")
    assert finding.message.startswith(f"{NAME} ")
    assert words in finding.message


@pytest.mark.parametrize(
    ("main", "text"),
    [
        (
            {"version": 3, "plugins": {RUNTIME: {"a": 1}}},
            f'version = 3\n[plugins."{RUNTIME}"]\na = 1\nb = 2\n',
        ),
        ({"version": 3}, "version = 2\n"),
        ({"version": 2, "plugins": {}}, 'version = 2\n[plugins."com.example.own"]\na = 1\n'),
        ({"version": 2, "plugins": {}}, "[plugins]\n"),
        ({}, "oom_score = 1\n"),
        ({"version": 3, "disabled_plugins": ["a"]}, 'disabled_plugins = ["b"]\n'),
        ({"version": 3}, "disabled_plugins = 5\n"),
        ({"version": "x"}, "version = 3\n"),
    ],
)
def test_a_harmless_drop_in_is_not(main, text):
    assert findings(main, text) == []


def test_one_that_cannot_be_read_is_named():
    [finding] = drop_ins.findings({"version": 2}, [(NAME, f"{NAME}: there is no such file.")])
    assert finding.message == (
        f"{NAME} is imported and cannot be used, so that containerd will not start: "
        f"{NAME}: there is no such file."
    )


def test_a_secret_of_a_drop_in_is_not_shown():
    main = {"version": 3, "plugins": {"x": {"password": "mine"}}}
    [finding] = findings(main, '[plugins.x]\npassword = "theirs"\n')
    assert "'(secret)' over '(secret)'" in finding.message
