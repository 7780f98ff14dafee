"""
What root runs by the real defaults and the real daemon: each place is known, and nothing of others is run.
"""

import os
import re

import pytest
from containerd_formula import schema
from containerd_formula.data import walk
from containerd_formula.paths import dotted
from containerd_formula.toml import loads
from salt.exceptions import CommandExecutionError

CRI = "io.containerd.grpc.v1.cri"
KINDS = {"program", "folder", "folders", "prefix", "root", "path", "socket", "environment"}
PLACES = re.compile(r"(path|dirs?|root|socket|address|file|_ca|_cert|_key|engine|BinaryName)$")
# What is called alike: addresses with a port, a cgroup, a switch, the name of a profile, keys of images; and
# what is never set.
OTHERS = re.compile(
    r"(metrics\"?|tcp|server)[._]address$|"
    r"^cgroup.path|netns_mounts|seccomp_profile|^stream_processors.*args|^plugin_dir$"
)


def test_each_place_of_a_default_has_a_kind(salt_functions):
    """
    Also those that are empty, by their names: a new release brings new ones.
    """
    default = loads(salt_functions["containerd_daemon.config_default"]())
    unknown = []
    for path, value in walk(default):
        named = PLACES.search(path[-1])
        there = any(str(item).startswith("/") for item in (value if isinstance(value, list) else [value]))
        if (named or there) and schema.kind(path) not in KINDS:
            unknown.append(dotted(path))
    assert [key for key in unknown if not OTHERS.search(key)] == []


@pytest.fixture
def theirs(tmp_path):
    """
    A program in a folder of user 1000's.
    """
    folder = tmp_path / "theirs"
    folder.mkdir()
    program = folder / "runc"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    os.chown(folder, 1000, 1000)
    return program


def overrides(program, key="options"):
    value = {"BinaryName": str(program)} if key == "options" else str(program)
    runc = {"runtime_type": "io.containerd.runc.v2", key: value}
    return {"version": 2, "plugins": {CRI: {"containerd": {"runtimes": {"runc": runc}}}}}


@pytest.mark.parametrize("key", ["options", "runtime_path"])
def test_no_program_of_others_is_tried(salt_functions, monkeypatch, release, theirs, tmp_path, key):
    """
    containerd 2.x runs the runtime as root when it comes up, in a trial as well.
    """
    if release.startswith("1.4") and key == "runtime_path":
        pytest.skip("this release has no such key")
    trials = []
    answer = {"ok": True, "reason": "", "sandbox": "locked"}
    monkeypatch.setitem(salt_functions, "containerd_trial.start", lambda *_: trials.append(1) or answer)
    plan = salt_functions["containerd_toml.plan"]
    with pytest.raises(CommandExecutionError) as refused:
        plan(str(tmp_path / "config.toml"), overrides(theirs, key), trial=20)
    name = "runtimes.runc.options.BinaryName" if key == "options" else "runtimes.runc.runtime_path"
    assert f"containerd.{name}: {theirs.parent} belongs to user 1000, so that others" in str(refused.value)
    assert "nothing was changed" in str(refused.value)
    assert trials == []

    os.chown(theirs.parent, 0, 0)
    assert plan(str(tmp_path / "config.toml"), overrides(theirs, key), trial=20)["write"]
    assert trials


def test_a_default_folder_of_others_is_a_warning(salt_functions, monkeypatch, tmp_path):
    """
    Archives of CNI plugins are unpacked with the owner that they name.
    """
    why = salt_functions["containerd_paths.why_not_roots"]
    told = {
        "/opt/cni/bin": "/opt/cni/bin belongs to user 1001",
        "/usr/lib/cni": "/usr/lib/cni belongs to 1001",
    }
    monkeypatch.setitem(
        salt_functions, "containerd_paths.why_not_roots", lambda path: told.get(path) or why(path)
    )
    plan = salt_functions["containerd_toml.plan"](str(tmp_path / "config.toml"), {"oom_score": -1})
    assert [one for one in plan["warnings"] if "cni.bin_dir" in one and "1001, so that others" in one]


def test_minimal_gives_no_plugins_to_load(salt_functions, release, tmp_path):
    path = tmp_path / "config.toml"
    path.write_text('version = 2\nplugin_dir = "/opt/plugins"\noom_score = -1\n', encoding="utf-8")
    found = salt_functions["containerd_toml.minimal"](str(path), beneath=[])
    assert found["containerd"]["config"]["oom_score"] == -1
    assert "plugin_dir" not in found["containerd"]["config"]
    assert [words for words in found["left_out"] if words.startswith("plugin_dir: ")]
    # Empty is what each default of 1.x has.
    path.write_text('version = 2\nplugin_dir = ""\n', encoding="utf-8")
    assert "left_out" not in salt_functions["containerd_toml.minimal"](str(path), beneath=[])


def without_bubblewrap(monkeypatch, salt_functions):
    monkeypatch.setitem(salt_functions, "containerd_sandbox.why_not", lambda: "bubblewrap is not installed")


@pytest.mark.parametrize("timeout", [0, 20])
def test_without_a_sandbox_the_comment_says_where_the_candidate_was_read(
    salt_functions, monkeypatch, tmp_path, timeout
):
    without_bubblewrap(monkeypatch, salt_functions)
    plan = salt_functions["containerd_toml.plan"](
        str(tmp_path / "config.toml"), {"oom_score": -1}, trial=timeout
    )
    said = "containerd read the configuration on the node itself: bubblewrap is not installed"
    assert [one for one in plan["warnings"] if one.endswith(said)]


def test_without_a_sandbox_the_comment_says_that_drop_ins_were_not_compared(
    salt_functions, monkeypatch, tmp_path
):
    """
    On 2.x the new file takes away what a drop-in of an older version sets, and only a sandbox would show it.
    """
    theirs, path = tmp_path / "theirs.toml", tmp_path / "config.toml"
    theirs.write_text('version = 2\n[plugins."io.containerd.grpc.v1.cri"]\nenable_selinux = true\n')
    path.write_text(f'version = 2\nimports = ["{theirs}"]\n', encoding="utf-8")
    overrides = {"imports": [str(theirs)], "oom_score": -1}
    said = f"imports: whether what {theirs} sets now stays in effect was not compared: bubblewrap is not "

    def told(new):
        warnings = salt_functions["containerd_toml.plan"](str(path), new, strict=False)["warnings"]
        return [one for one in warnings if one.startswith(said)]

    assert told(overrides) == []
    without_bubblewrap(monkeypatch, salt_functions)
    assert len(told(overrides)) == 1
    # Whoever takes it out of imports wants its settings gone.
    assert told({"oom_score": -1, "imports": []}) == []


def test_without_a_sandbox_nothing_is_loaded_by_reading(salt_functions, monkeypatch, release, tmp_path):
    """
    1.x loads what lies in ROOT/plugins, for a dump too.
    """
    without_bubblewrap(monkeypatch, salt_functions)
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "mine-linux-amd64.so").write_text("no library", encoding="utf-8")
    arguments = (str(tmp_path / "config.toml"), {"root": str(tmp_path)})
    if release.startswith("2."):
        assert salt_functions["containerd_toml.plan"](*arguments)["write"]
        return
    with pytest.raises(CommandExecutionError, match=f"containerd loads what lies in {tmp_path}/plugins when"):
        salt_functions["containerd_toml.plan"](*arguments)


def test_no_program_of_others_comes_by_an_import(salt_functions, theirs, tmp_path):
    path, drop_in = tmp_path / "config.toml", tmp_path / "ours.toml"
    nested = tmp_path / "nested.toml"
    drop_in.write_text(f'version = 2\nimports = ["{nested}"]\n', encoding="utf-8")
    nested.write_text(
        f'version = 2\n[plugins."{CRI}".containerd.runtimes.runc]\nruntime_type = "io.containerd.runc.v2"\n'
        f'[plugins."{CRI}".containerd.runtimes.runc.options]\nBinaryName = "{theirs}"\n',
        encoding="utf-8",
    )
    with pytest.raises(CommandExecutionError) as refused:
        salt_functions["containerd_toml.plan"](str(path), {"imports": [str(drop_in)]}, trial=20)
    assert f"{nested} is imported, and sets plugins." in str(refused.value)
    assert f"{theirs.parent} belongs to user 1000" in str(refused.value)
    os.chown(theirs.parent, 0, 0)
    assert salt_functions["containerd_toml.plan"](str(path), {"imports": [str(drop_in)]})["write"]
