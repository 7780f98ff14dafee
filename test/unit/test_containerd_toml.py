"""
The face of the document: files, and the errors that a person gets.
"""

import pytest
from salt.exceptions import CommandExecutionError
from support import wired

toml = wired("containerd_toml")


def test_read_says_where_the_file_is_wrong(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("version = 2\nversion = 3\n", encoding="utf-8")
    with pytest.raises(CommandExecutionError, match="is not valid TOML"):
        toml.read(str(path))
    with pytest.raises(CommandExecutionError, match="cannot be read"):
        toml.read(str(tmp_path / "missing"))


def test_expected_needs_neither_containerd_nor_tomlkit(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tomlkit", None)
    layers = [
        {"os": {"version": 2, "a": {"b": 1}}},
        {"pillar": {"a": {"b": 2}, "plugins": {"x": {"password": "x"}}, "gone": None}},
    ]
    assert toml.expected(layers) == {
        "version": {"new": 2},
        "a.b": {"new": 2},
        "plugins.x.password": {"new": "(secret)"},
    }


@pytest.mark.parametrize(("release", "plugin"), [("1.6.20", "grpc.v1.cri"), ("2.1.9", "cri.v1.runtime")])
def test_expected_is_in_the_words_of_a_containerd_that_is_there(monkeypatch, release, plugin):
    monkeypatch.setitem(toml.__salt__, "containerd_release.installed", lambda: release)
    found = toml.expected([{"runtimes": {"crun": {"binary": "/usr/bin/crun"}}, "of": "runtimes"}])
    assert any(f'io.containerd.{plugin}".containerd.runtimes.crun' in key for key in found), found


def test_a_report_refuses_a_layer_that_cannot_be_translated():
    functions = toml.__salt__
    functions["containerd_daemon.config_default"] = lambda: "version = 2"
    mixed = {"version": 3, "plugins": {"io.containerd.grpc.v1.cri": {"sandbox_image": "x"}}}
    for report in ("explain", "deprecations"):
        with pytest.raises(CommandExecutionError, match="Two schemas are mixed"):
            functions[f"containerd_toml.{report}"](overrides=mixed)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("get", ("", "a b")),
        ("merge", ("a = 1", {"a": "x"})),
        ("translate", ({"version": 9}, 2)),
        ("translate", ({"plugin_dir": "/x"}, 4)),
        ("check", ("a = = 1", {})),
        ("expected", ("x",)),
    ],
)
def test_what_the_library_refuses_is_an_error_of_salts(function, arguments, tmp_path):
    """
    Any other exception would be a traceback on the command line.
    """
    path = tmp_path / "config.toml"
    path.touch()
    if function == "get":
        arguments = (str(path), *arguments[1:])
    with pytest.raises(CommandExecutionError):
        getattr(toml, function)(*arguments)
