"""
The files that a configuration imports: all that containerd would find, and none that others decide about.
"""

import os

import pytest
from support import wired

CRI = "io.containerd.grpc.v1.cri"
PROGRAM = f'[plugins."{CRI}".containerd.runtimes.runc.options]\nBinaryName = "%s"\n'


@pytest.fixture
def imports():
    return wired("containerd_imports")


@pytest.fixture
def told(imports, tmp_path):
    """Return a function that gives the errors and warnings about the imports of a configuration."""

    def tell(*patterns):
        found = imports.wrong(str(tmp_path / "config.toml"), {"version": 2, "imports": list(patterns)})
        return [(one.key.removeprefix(f"{tmp_path}/"), one.level, one.message) for one in found]

    return tell


def put(path, text="oom_score = 1\n", owner=0):
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(text, encoding="utf-8")
    os.chown(path, owner, owner)
    return path


def test_a_hidden_file_of_others_is_found(told, tmp_path):
    """Go's stars find names that begin with a dot, unlike Python's and those of a shell."""
    put(tmp_path / "conf.d/.x.toml", owner=1000)
    [(name, level, message)] = told("conf.d/*.toml")
    assert (name, level) == ("conf.d/.x.toml", "error")
    assert "belongs to user 1000" in message


@pytest.mark.parametrize("pattern", ["sub/*/x.toml", "sub/*/deep/*.toml", "s*/*/x.toml"])
def test_each_folder_that_a_pattern_looks_into_is_roots(told, tmp_path, pattern):
    """The file may come later."""
    folder = tmp_path / "sub/theirs"
    folder.mkdir(parents=True)
    (tmp_path / "sub/ours").mkdir()
    put(tmp_path / "sub/no-folder", owner=1000)
    os.chown(folder, 1000, 1000)
    (folder / "deep").mkdir()
    names = {name for name, _, _ in told(pattern)}
    assert names == ({"sub/theirs", "sub/theirs/deep"} if "deep" in pattern else {"sub/theirs"})


def test_what_an_import_imports_is_looked_at_from_where_it_lies(told, imports, tmp_path):
    put(tmp_path / "a/one.toml", 'imports = ["../b/*.toml", "/nonexistent/x.toml"]\n')
    put(tmp_path / "b/two.toml", f'imports = ["three.toml", "{tmp_path}/a/one.toml"]\n')
    put(tmp_path / "b/three.toml", owner=1000)
    assert [name for name, level, _ in told("a/*.toml") if level == "error"] == ["b/three.toml"]
    files = imports.files(str(tmp_path / "config.toml"), {"imports": ["a/one.toml"]})
    assert files == [str(tmp_path / name) for name in ("a/one.toml", "b/two.toml")]


def test_a_program_of_others_in_a_file_of_roots(told, tmp_path):
    program = put(tmp_path / "theirs/runc", owner=1000)
    put(tmp_path / "ours.toml", PROGRAM % program)
    [error] = [message for _, level, message in told("ours.toml") if level == "error"]
    assert error.startswith(f"{tmp_path}/ours.toml is imported, and sets plugins.")
    assert f"options.BinaryName: {program} belongs to user 1000, so that others decide" in error
    os.chown(program, 0, 0)
    assert told("ours.toml") == []


@pytest.mark.parametrize("text", ["a = = hunter2\n", 'a = "hunter2"\na = 1\n', "\udcff"])
def test_what_cannot_be_read_is_an_error_and_not_given_to_containerd(told, tmp_path, text):
    """Releases before 2.0 quote the line."""
    (tmp_path / "broken.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    [(name, level, message)] = told("broken.toml")
    assert (name, level) == ("broken.toml", "error")
    assert "hunter2" not in message


def test_one_that_waits_for_ever_is_an_error(told, tmp_path):
    os.mkfifo(tmp_path / "fifo.toml")
    [(name, level, message)] = told("*.toml")
    assert (name, level) == ("fifo.toml", "error")
    assert "it is not a regular file" in message


def test_one_that_is_missing_is_for_the_release(told):
    assert [level for _, level, _ in told("gone.toml")] == ["warning"]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("a\0*", "no path can hold a NUL"),
        ("[*", "is not a pattern that containerd can read"),
        ("/*/*/*/*/*", "more than 1000 files"),
    ],
)
def test_a_pattern_that_cannot_be_followed_is_an_error(told, pattern, words):
    [message] = {message for _, level, message in told(pattern) if level == "error" and words in message}
    assert message.startswith("/")


def test_imports_without_an_end_come_to_one(told, tmp_path, imports, monkeypatch):
    monkeypatch.setattr(imports, "MOST", 20)
    for number in range(30):
        put(tmp_path / f"{number}.toml", f'imports = ["{number + 1}.toml"]\n')
    assert [message for _, _, message in told("0.toml") if "more than 20 files" in message]


@pytest.mark.parametrize("of", ["root", "drop-in", "plugin_dir", "none"])
def test_plugins_that_a_mere_look_would_load(imports, tmp_path, of):
    path = tmp_path / "config.toml"
    put(tmp_path / "plugins/x-linux-amd64.so")
    put(tmp_path / "a.toml", f'root = "{tmp_path}"\n')
    put(tmp_path / "b.toml", f'plugin_dir = "{tmp_path}/plugins"\n')
    data = {
        "root": {"plugin_dir": "", "root": str(tmp_path)},
        "drop-in": {"plugin_dir": "", "imports": ["a.toml"]},
        "plugin_dir": {"plugin_dir": "", "imports": ["b.toml"]},
        "none": {"plugin_dir": "", "root": "/nonexistent", "imports": ["gone.toml"]},
    }[of]
    found = [one.message for one in imports.plugins(str(path), data)]
    assert [f"loads what lies in {tmp_path}/plugins" in one for one in found] == [True] * (of != "none")
    # Releases that load nothing have no such key.
    del data["plugin_dir"]
    assert imports.plugins(str(path), data) == []


def test_what_imports_bring_into_effect(imports, tmp_path):
    """Also in a schema that is read by containerd alone."""
    program = str(put(tmp_path / "theirs/runc", owner=1000))
    result = {"version": 2, "root": program, "imports": ["x.toml"]}
    dump = {**result, "state": program}
    [one] = imports.misplaced("/c.toml", dump, result)
    assert one.message.startswith(f"A file that is imported sets state: {program} belongs to user 1000")
    assert imports.misplaced("/c.toml", dump, {**result, "imports": []}) == []
