"""
Drop-in files: which are read, and which of them break or mask the main file.
"""

import pytest
from support import salt_functions

SALT = salt_functions()
CRI = "io.containerd.grpc.v1.cri"
RUNTIME = "io.containerd.cri.v1.runtime"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "conf.d").mkdir()
    return tmp_path


def findings(folder, main, text):
    (folder / "conf.d/99-nvidia.toml").write_text(text, encoding="utf-8")
    main = {"imports": ["conf.d/*.toml"], **main}
    return SALT["containerd_imports.findings"](str(folder / "config.toml"), main)


def test_files_are_those_that_containerd_reads(folder):
    for name in ("b.toml", "a.toml", "note.txt"):
        (folder / "conf.d" / name).touch()
    main = {
        "imports": [
            "conf.d/*.toml",
            "conf.d/a.toml",
            "gone.toml",
            "conf.d/?.toml",
            str(folder / "config.toml"),
        ]
    }
    found = SALT["containerd_imports.files"](str(folder / "config.toml"), main)
    assert [name.removeprefix(f"{folder}/") for name in found] == [
        "conf.d/a.toml",
        "conf.d/b.toml",
        "gone.toml",
        "conf.d/?.toml",
    ]


@pytest.mark.parametrize(
    ("main", "text", "words"),
    [
        ({"version": 2}, "version = 3\n", "has version = 3 and the main file 2"),
        ({"version": 3}, "version = 4\n", "has version = 4 and the main file 3"),
        ({"version": 2}, "version = 1\n", "ignores the plugin settings of all files"),
        (
            {"version": 2, "plugins": {CRI: {"sandbox_image": "x", "cni": {"conf_dir": "y"}}}},
            f'version = 2\n[plugins."{CRI}".containerd]\ndefault_runtime_name = "nvidia"\n',
            "takes it instead of the whole table in the main file, so that 2 settings of that are lost",
        ),
        (
            {"version": 3, "plugins": {RUNTIME: {"containerd": {"default_runtime_name": "runc"}}}},
            f'version = 3\n[plugins."{RUNTIME}".containerd]\ndefault_runtime_name = "nvidia"\n',
            "default_runtime_name to 'nvidia' over 'runc' of the main file.",
        ),
        ({"version": 3}, "version = = 3\n", "containerd will not start"),
        ({"version": 3}, 'version = "x"\n', "is no configuration of containerd"),
        ({"version": 3}, "version = 3\nplugins = 3\n", "is no configuration of containerd"),
        ({"version": 3}, f'version = 3\ndisabled_plugins = ["{CRI}"]\n', "there will be no CRI"),
        ({"version": 2, "oom_score": -1}, "version = 2\noom_score = 5\n", "sets oom_score to 5 over -1"),
    ],
)
def test_a_drop_in_that_breaks_or_masks_is_named(folder, main, text, words):
    [finding] = findings(folder, main, text)
    assert finding["key"] == str(folder / "conf.d/99-nvidia.toml")
    assert finding["level"] == "warning"
    assert words in finding["message"]


@pytest.mark.parametrize(
    ("main", "text"),
    [
        (
            {"version": 3, "plugins": {RUNTIME: {"a": 1}}},
            f'version = 3\n[plugins."{RUNTIME}"]\na = 1\nb = 2\n',
        ),
        ({"version": 3}, "version = 2\n"),
        ({"version": 2, "plugins": {}}, 'version = 2\n[plugins."com.example.own"]\na = 1\n'),
    ],
)
def test_a_harmless_drop_in_is_not(folder, main, text):
    assert findings(folder, main, text) == []


def test_a_missing_literal_import_is_named(folder):
    main = {"version": 2, "imports": ["gone.toml"]}
    [finding] = SALT["containerd_imports.findings"](str(folder / "config.toml"), main)
    assert "will not start" in finding["message"]
