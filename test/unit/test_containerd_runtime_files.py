"""
Archives of runtimes: what is not whole, not what was pinned, or not harmless leaves everything as it was.
"""

import os
import re
import stat
import subprocess
import sys
from types import SimpleNamespace

import pytest
from salt.exceptions import CommandExecutionError
from support.runtimes import FILE, FOLDER, HARD, LINK, archive, sha256, youki

PROGRAM = b"#!/bin/sh\necho crun 1.28\n"


def run(runtime_files, path):
    return subprocess.run(
        [f"{runtime_files.places.RUNTIMES}/{path}"], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_one_program_is_an_archive_too(runtime_states, runtime_files, served_runtime):
    given = {"crun": served_runtime(PROGRAM)}
    ret = runtime_states.installed("x", given)
    assert ret["result"] is True, ret["comment"]
    assert ret["changes"] == {"crun archive": {"old": "", "new": sha256(PROGRAM)[:12]}}
    assert run(runtime_files, "crun/crun") == "crun 1.28"
    assert os.readlink(f"{runtime_files.places.RUNTIMES}/crun") == f"crun@{sha256(PROGRAM)}"
    assert runtime_files.current("crun") == sha256(PROGRAM)


@pytest.mark.parametrize("packed", ["", "gz", "xz", "bz2"])
def test_a_tar_is_unpacked_for_all_to_read_and_none_to_become_root(
    runtime_states, runtime_files, served_runtime, packed
):
    before = os.umask(0o077)
    try:
        ret = runtime_states.installed(
            "x", {"youki": served_runtime(youki(packed=packed), binary="bin/youki")}
        )
    finally:
        os.umask(before)
    assert ret["result"] is True, ret["comment"]
    root = runtime_files.places.RUNTIMES
    for program in ("bin/youki", "bin/youki-link", "lib/youki", "lib/hard"):
        assert run(runtime_files, f"youki/{program}") == "1"
    modes = {
        os.path.relpath(path, root): stat.S_IMODE(os.stat(path).st_mode)
        for path in (
            f"{root}/youki",
            f"{root}/youki/bin/youki",
            f"{root}/youki/README.md",
            f"{root}/youki/lib",
        )
    }
    assert modes == {"youki": 0o755, "youki/bin/youki": 0o755, "youki/README.md": 0o644, "youki/lib": 0o755}
    assert os.stat(f"{root}/youki/README.md").st_uid == os.getuid()


def test_a_second_run_fetches_nothing(runtime_states, served_runtime, tmp_path):
    given = {"youki": served_runtime(youki(), binary="bin/youki")}
    runtime_states.installed("x", given)
    (tmp_path / "file").unlink()
    ret = runtime_states.installed("x", given)
    assert (ret["result"], ret["changes"]) == (True, {})
    assert ret["comment"] == "The runtimes are installed."


def test_a_dry_run_predicts_and_changes_nothing(runtime_states, runtime_files, served_runtime):
    given = {"youki": served_runtime(youki(), binary="bin/youki"), "crun": {"package": "crun"}}
    runtime_states.__opts__["test"] = True
    runtime_states.answer = {
        "result": None,
        "changes": {"crun": {"old": "", "new": "1.28"}},
        "comment": "would.",
    }
    predicted = runtime_states.installed("x", given)
    assert predicted["result"] is None
    assert not os.path.exists(runtime_files.places.ARCHIVES)
    runtime_states.__opts__["test"] = False
    runtime_states.answer["result"] = True
    assert runtime_states.installed("x", given)["changes"] == predicted["changes"]
    runtime_states.__opts__["test"] = True
    runtime_states.answer = {"result": True, "changes": {}, "comment": "as specified."}
    assert runtime_states.installed("x", given)["result"] is True


def test_a_new_release_is_one_rename_and_the_old_one_goes_later(
    runtime_states, runtime_files, served_runtime
):
    old, new = youki("1"), youki("2")
    runtime_states.installed("x", {"youki": served_runtime(old, binary="bin/youki")})
    given = {"youki": served_runtime(new, binary="bin/youki")}
    ret = runtime_states.installed("x", given)
    assert ret["changes"] == {"youki archive": {"old": sha256(old)[:12], "new": sha256(new)[:12]}}
    assert run(runtime_files, "youki/bin/youki") == "2"
    folder = f"{runtime_files.places.RUNTIMES}/youki@{sha256(old)}"
    runtime_states.__opts__["test"] = True
    predicted = runtime_states.tidied("x", given)
    assert (predicted["result"], os.path.isdir(folder)) == (None, True)
    runtime_states.__opts__["test"] = False
    ret = runtime_states.tidied("x", given)
    assert (ret["result"], ret["changes"]) == (True, {folder: {"old": "present", "new": ""}})
    assert predicted["changes"] == ret["changes"]
    assert sorted(os.listdir(runtime_files.places.RUNTIMES)) == ["youki", f"youki@{sha256(new)}"]
    assert runtime_states.tidied("x", given)["changes"] == {}


def entry(name, kind=FILE, content="x", mode=0o755):
    return archive(("youki", FILE, "#!/bin/sh\n", 0o755), (name, kind, content, mode))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (entry("../evil"), "the path ../evil leads out of it"),
        (entry("/etc/evil"), "the path /etc/evil leads out of it"),
        (entry("a/../../evil"), "leads out of it"),
        (entry("evil", LINK, "/etc/passwd"), "the link evil leads out of it, to /etc/passwd"),
        (entry("evil", LINK, "../../../evil"), "the link evil leads out of it"),
        (entry("evil", HARD, "../../evil"), "leads out of it"),
        (entry("evil", HARD, "/etc/passwd"), "leads out of it"),
        (entry("evil", b"3"), "it holds a device or pipe, evil"),
        (entry("evil", b"6"), "it holds a device or pipe, evil"),
        (entry("youki"), "File exists"),
        # Each alone seems to stay inside.
        (
            archive(
                ("x/y/d", LINK, "../..", 0o777),
                ("evil", LINK, "x/y/d/../../../..", 0o777),
                ("youki", FILE, "#!/bin/sh\n", 0o755),
            ),
            "leads out of it",
        ),
        # Nothing is written through a link.
        (
            archive(("d", LINK, "/tmp", 0o777), ("d/evil", FILE, "x", 0o755)),
            "File exists",
        ),
        (youki()[:200], "cannot be unpacked"),
        (youki(packed="xz")[:120], "neither a program nor a tar|cannot be unpacked"),
        (b"<html>", "is neither a program nor a tar"),
        (b"", "is neither a program nor a tar"),
        (b"\x28\xb5\x2f\xfd", "is neither a program nor a tar .plain or packed with gzip"),
        (archive(("bin/other", FILE, "x", 0o755)), r"holds no program youki: .*Its programs are bin/other\."),
        (archive(("youki", FILE, "x", 0o644)), r"holds no program youki: .*programs are none\."),
        (archive(("youki", FOLDER, "", 0o755)), "holds no program youki"),
    ],
    # The bytes differ from one process to the next.
    ids=lambda value: "" if isinstance(value, bytes) else value,
)
def test_what_is_not_the_runtime_leaves_the_old_one(
    runtime_states, runtime_files, served_runtime, content, words, tmp_path
):
    good = archive(("youki", FILE, "#!/bin/sh\necho 1\n", 0o755))
    runtime_states.installed("x", {"youki": served_runtime(good)})
    before = sorted(tmp_path.rglob("opt/**/*"))
    ret = runtime_states.installed("x", {"youki": served_runtime(content)})
    assert (ret["result"], ret["changes"]) == (False, {})
    assert re.search(words, ret["comment"]), ret["comment"]
    assert sorted(tmp_path.rglob("opt/**/*")) == before
    assert run(runtime_files, "youki/youki") == "1"
    assert not [path for path in tmp_path.rglob("*evil*") if "opt" in path.parts]


def test_another_file_than_the_pinned_one_installs_nothing_at_all(
    runtime_states, runtime_files, served_runtime
):
    given = {"crun": served_runtime(PROGRAM), "youki": {"package": "youki"}}
    given["bad"] = {**served_runtime(PROGRAM, binary="bad"), "sha256": "0" * 64}
    ret = runtime_states.installed("x", given)
    assert (ret["result"], ret["changes"], runtime_states.asked) == (False, {}, [])
    assert "pinned is 0000" in ret["comment"]
    assert not os.path.lexists(f"{runtime_files.places.RUNTIMES}/crun")


def test_packages_that_cannot_be_installed_leave_the_archives_in_use(
    runtime_states, runtime_files, served_runtime
):
    runtime_states.answer = {"result": False, "changes": {}, "comment": "no such version"}
    ret = runtime_states.installed("x", {"crun": served_runtime(PROGRAM), "youki": {"package": "youki"}})
    assert (ret["result"], ret["comment"]) == (False, "no such version")
    assert not os.path.lexists(f"{runtime_files.places.RUNTIMES}/crun")


def test_an_archive_larger_than_it_may_be_is_refused(runtime_states, served_runtime, monkeypatch):
    monkeypatch.setattr(sys.modules["formula._modules.containerd_unpack"], "_LARGEST", 10)
    ret = runtime_states.installed("x", {"youki": served_runtime(youki(), binary="bin/youki")})
    assert ret["result"] is False
    assert "it holds more than" in ret["comment"]


def test_a_binary_that_the_archive_in_use_lacks_is_told_in_a_dry_run_too(runtime_states, served_runtime):
    given = served_runtime(youki(), binary="bin/youki")
    runtime_states.installed("x", {"youki": given})
    runtime_states.__opts__["test"] = True
    ret = runtime_states.installed("x", {"youki": {**given, "binary": "bin/yuoki"}})
    assert ret["result"] is False
    assert "containerd:runtimes:youki: its archive holds no program bin/yuoki" in ret["comment"]


def test_a_file_in_the_place_of_the_link_stays(runtime_states, runtime_files, served_runtime):
    os.makedirs(f"{runtime_files.places.RUNTIMES}/crun")
    ret = runtime_states.installed("x", {"crun": served_runtime(PROGRAM)})
    assert ret["result"] is False
    assert "crun is not a link of this formula: move it away" in ret["comment"]


def test_a_release_by_which_no_pod_would_start_is_not_switched_to(
    runtime_states, runtime_files, served_runtime
):
    runtime_states.installed("x", {"crun": served_runtime(PROGRAM)})
    given = {
        "crun": {**served_runtime(b"#!/bin/sh\nfalse\n", options={"SystemdCgroup": True}), "version": "1.8.1"}
    }
    runtime_states.verdict = {"ok": False, "how": "", "reason": "unknown version specified"}
    ret = runtime_states.installed("x", given)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"].endswith(
        "its archive fails the proof, and is not in use: unknown version specified."
    )
    assert run(runtime_files, "crun/crun") == "crun 1.28"
    folder = f"{runtime_files.places.RUNTIMES}/crun@{given['crun']['sha256']}"
    assert runtime_states.proved[-1] == {
        "crun": {"binary": f"{folder}/crun", "options": {"SystemdCgroup": True}}
    }
    # A node without a containerd cannot tell.
    runtime_states.__salt__["containerd_release.installed"] = lambda: None
    assert runtime_states.installed("x", given)["result"] is True


def test_the_shim_of_an_archive_is_proved_where_it_will_run(runtime_states, runtime_files, served_runtime):
    content = archive(("bin/shim", FILE, "#!/bin/sh\n", 0o755))
    given = served_runtime(content, path="bin/shim", options={"ConfigPath": "/etc/kata.toml"})
    runtime_states.installed("x", {"kata": given})
    folder = f"{runtime_files.places.RUNTIMES}/kata@{given['sha256']}"
    assert runtime_states.proved == [{"kata": {"path": f"{folder}/bin/shim", "options": given["options"]}}]


def test_a_folder_of_others_is_not_taken_for_an_archive(runtime_files, tmp_path):
    folder = tmp_path / f"opt/runtimes/crun@{'0' * 64}"
    folder.mkdir(parents=True)
    os.chown(folder, 1000, 1000)
    with pytest.raises(CommandExecutionError, match="belongs to user 1000. Its programs run as root"):
        runtime_files.unpack("crun", "file:///nowhere", "0" * 64, [])


@pytest.mark.parametrize("name", ["../a", "a/b", "", ".a", "a\n"])
def test_a_name_that_is_no_file_is_refused(runtime_files, name):
    with pytest.raises(CommandExecutionError, match="is not a runtime and its sha256"):
        runtime_files.unpack(name, "file:///nowhere", "0" * 64, [])


def test_what_a_killed_run_was_unpacking_is_swept(runtime_states, runtime_files, served_runtime):
    left = f"{runtime_files.places.RUNTIMES}/.runtime-ab_cd123"
    os.makedirs(f"{left}/content")
    for path in (f"{left}/content", left):
        os.utime(path, (0, 0))
    runtime_states.installed("x", {"crun": served_runtime(PROGRAM)})
    assert not os.path.exists(left)


@pytest.mark.parametrize("source", ["distro", "none", "archive"])
@pytest.mark.parametrize(
    ("given", "package"),
    [
        ({"version": "1.3.*"}, {"version": "1.3.*"}),
        ({"upgrade": True}, {"upgrade": True}),
        ({"hold": False}, {"hold": False}),
        ({"package": "runc-stable"}, {"packages": ["runc-stable"]}),
    ],
)
def test_runc_is_the_package_of_the_distribution(runtime_files, source, given, package):
    found = runtime_files.wanted({"runc": given}, source)["packages"]
    base = {"packages": ["runc"], "version": "", "hold": None, "upgrade": False}
    assert found == [{**base, **package, "key": "containerd:runtimes:runc:version"}]


def test_a_runc_of_which_pillar_wants_no_other_is_not_touched(runtime_states, runtime_files):
    given = {"runc": {"base_spec": {"process": {}}}, "crun": {"binary": "/usr/bin/crun"}}
    for source in ("docker", "distro"):
        assert runtime_files.wanted(given, source) == {"packages": [], "archives": {}}
    assert runtime_states.installed("x", given)["comment"] == "The runtimes are installed."


@pytest.mark.parametrize(
    "given",
    [
        *({"version": "1.3.*"}, {"upgrade": True}, {"package": "runc"}, {"hold": True}),
        {"package": "runc", "binary": "/usr/bin/runc"},
    ],
)
def test_docker_has_runc_in_its_own_package(runtime_states, given):
    given = {"other" if "binary" in given else "runc": given}
    ret = runtime_states.installed("x", given, "docker")
    assert (ret["result"], ret["changes"], runtime_states.asked) == (False, {}, [])
    assert "source docker has runc in containerd.io, which conflicts with the package runc" in ret["comment"]


def test_an_archive_of_runc_goes_with_each_source(runtime_states, runtime_files, served_runtime):
    ret = runtime_states.installed("x", {"runc": served_runtime(PROGRAM)}, "docker")
    assert ret["result"] is True, ret["comment"]
    assert run(runtime_files, "runc/runc") == "crun 1.28"


def test_two_runtimes_of_one_package_agree(runtime_files):
    kinds = {"type": "io.containerd.kata.v2", "package": "kata"}
    given = {"kata-qemu": kinds, "kata-clh": kinds}
    assert len(runtime_files.wanted(given)["packages"]) == 1
    given["kata-clh"] = {**kinds, "version": "3"}
    with pytest.raises(
        CommandExecutionError, match="runtimes:kata-clh: another runtime has the package kata"
    ):
        runtime_files.wanted(given)


def test_a_wrong_pillar_is_told_and_nothing_is_done(runtime_states):
    ret = runtime_states.installed("x", {"crun": {"pakage": "crun"}})
    assert (ret["result"], runtime_states.asked) == (False, [])
    assert "containerd:runtimes:crun:pakage: there is no such key; did you mean package?" in ret["comment"]


def test_what_is_in_the_place_of_the_link_is_told_before_anything_is_installed(
    runtime_states, runtime_files, served_runtime
):
    os.makedirs(f"{runtime_files.places.RUNTIMES}/crun")
    given = {"crun": served_runtime(PROGRAM), "youki": {"package": "youki"}}
    for test in (True, False):
        runtime_states.__opts__["test"] = test
        ret = runtime_states.installed("x", given)
        assert (ret["result"], ret["changes"], runtime_states.asked) == (False, {}, [])
        assert "crun is not a link of this formula: move it away" in ret["comment"]
    assert os.listdir(runtime_files.places.RUNTIMES) == ["crun"]


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize("test", [True, False], ids=["preview", "run"])
def test_a_folder_that_is_mounted_noexec_is_told(
    runtime_states, runtime_files, served_runtime, monkeypatch, is_there, test
):
    given = {"crun": served_runtime(PROGRAM)}
    if is_there:
        runtime_states.installed("x", given)
    found = SimpleNamespace(f_flag=os.ST_NOEXEC)
    monkeypatch.setattr(runtime_files.os, "statvfs", lambda path: found)
    runtime_states.__opts__["test"] = test
    ret = runtime_states.installed("x", given)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "is mounted noexec, so nothing can be started from it: mount it without that" in ret["comment"]


def test_a_program_that_was_removed_comes_back_with_its_folder(runtime_states, runtime_files, served_runtime):
    given = {"crun": served_runtime(PROGRAM)}
    runtime_states.installed("x", given)
    folder = os.path.realpath(f"{runtime_files.places.RUNTIMES}/crun")
    os.unlink(f"{folder}/crun")
    ret = runtime_states.installed("x", given)
    assert ret["result"] is False
    assert f"remove {folder}: a run unpacks it again" in ret["comment"]
    os.rmdir(folder)
    assert runtime_states.installed("x", given)["result"] is True
    assert run(runtime_files, "crun/crun") == "crun 1.28"
