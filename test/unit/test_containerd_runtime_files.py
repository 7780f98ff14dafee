"""
Archives of runtimes: what is not whole, not what was pinned, or not harmless leaves everything as it was.
"""

import os
import re
import shutil
import stat
import subprocess
import sys

import pytest
from salt.exceptions import CommandExecutionError
from support import load, wired
from support.runtimes import FILE, FOLDER, HARD, LINK, archive, sha256, youki

PROGRAM = b"#!/bin/sh\necho crun 1.28\n"


@pytest.fixture
def files(tmp_path, monkeypatch):
    """
    Return the execution module over folders of the test's own.
    """
    module = wired("containerd_runtime_files")
    monkeypatch.setattr(module.places, "ARCHIVES", str(tmp_path / "opt"))
    monkeypatch.setattr(module.places, "RUNTIMES", str(tmp_path / "opt/runtimes"))
    monkeypatch.setattr(module.runtime_settings, "RUNTIMES", str(tmp_path / "opt/runtimes"))
    return module


@pytest.fixture
def states(files):
    """
    Return the state module over it, on a node without packages.
    """
    module = load("_states/containerd_runtimes.py")
    module.__opts__ = {"test": False}
    module.asked = []

    def all_installed(name, wanted):
        module.asked.append(wanted)
        return dict(module.answer, name=name)

    module.answer = {"result": True, "changes": {}, "comment": "as specified."}
    module.__states__ = {"containerd_package.all_installed": all_installed}
    own = {f"containerd_runtime_files.{n}": f for n, f in vars(files).items() if callable(f)}
    module.proved, module.verdict = [], {"ok": True, "how": "", "reason": ""}

    def prove(name, given):
        module.proved.append(given)
        return {name: module.verdict}

    module.__salt__ = {
        **own,
        "containerd_change.pending": list,
        "containerd_runtimes.prove": prove,
        "containerd_release.installed": lambda: "2.1.9",
    }
    return module


@pytest.fixture
def served(tmp_path):
    """
    Return a function that puts a file down, and gives what a pillar says of it.
    """

    def make(content, name="file", **given):
        (tmp_path / name).write_bytes(content)
        return {"archive": f"file://{tmp_path / name}", "sha256": sha256(content), **given}

    return make


def run(files, path):
    return subprocess.run(
        [f"{files.places.RUNTIMES}/{path}"], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_one_program_is_an_archive_too(states, files, served):
    given = {"crun": served(PROGRAM)}
    ret = states.installed("x", given)
    assert ret["result"] is True, ret["comment"]
    assert ret["changes"] == {"crun archive": {"old": "", "new": sha256(PROGRAM)[:12]}}
    assert run(files, "crun/crun") == "crun 1.28"
    assert os.readlink(f"{files.places.RUNTIMES}/crun") == f"crun@{sha256(PROGRAM)}"
    assert files.current("crun") == sha256(PROGRAM)


@pytest.mark.parametrize("packed", ["", "gz", "xz", "bz2"])
def test_a_tar_is_unpacked_for_all_to_read_and_none_to_become_root(states, files, served, packed):
    before = os.umask(0o077)
    try:
        ret = states.installed("x", {"youki": served(youki(packed=packed), binary="bin/youki")})
    finally:
        os.umask(before)
    assert ret["result"] is True, ret["comment"]
    root = files.places.RUNTIMES
    for program in ("bin/youki", "bin/youki-link", "lib/youki", "lib/hard"):
        assert run(files, f"youki/{program}") == "1"
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


def test_a_second_run_fetches_nothing(states, served, tmp_path):
    given = {"youki": served(youki(), binary="bin/youki")}
    states.installed("x", given)
    (tmp_path / "file").unlink()
    ret = states.installed("x", given)
    assert (ret["result"], ret["changes"]) == (True, {})
    assert ret["comment"] == "The runtimes are installed."


def test_a_dry_run_predicts_and_changes_nothing(states, files, served):
    given = {"youki": served(youki(), binary="bin/youki"), "crun": {"package": "crun"}}
    states.__opts__["test"] = True
    states.answer = {"result": None, "changes": {"crun": {"old": "", "new": "1.28"}}, "comment": "would."}
    predicted = states.installed("x", given)
    assert predicted["result"] is None
    assert not os.path.exists(files.places.ARCHIVES)
    states.__opts__["test"] = False
    states.answer["result"] = True
    assert states.installed("x", given)["changes"] == predicted["changes"]
    states.__opts__["test"] = True
    states.answer = {"result": True, "changes": {}, "comment": "as specified."}
    assert states.installed("x", given)["result"] is True


def test_a_new_release_is_one_rename_and_the_old_one_goes_later(states, files, served):
    old, new = youki("1"), youki("2")
    states.installed("x", {"youki": served(old, binary="bin/youki")})
    given = {"youki": served(new, binary="bin/youki")}
    ret = states.installed("x", given)
    assert ret["changes"] == {"youki archive": {"old": sha256(old)[:12], "new": sha256(new)[:12]}}
    assert run(files, "youki/bin/youki") == "2"
    folder = f"{files.places.RUNTIMES}/youki@{sha256(old)}"
    states.__opts__["test"] = True
    predicted = states.tidied("x", given)
    assert (predicted["result"], os.path.isdir(folder)) == (None, True)
    states.__opts__["test"] = False
    ret = states.tidied("x", given)
    assert (ret["result"], ret["changes"]) == (True, {folder: {"old": "present", "new": ""}})
    assert predicted["changes"] == ret["changes"]
    assert sorted(os.listdir(files.places.RUNTIMES)) == ["youki", f"youki@{sha256(new)}"]
    assert states.tidied("x", given)["changes"] == {}


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
def test_what_is_not_the_runtime_leaves_the_old_one(states, files, served, content, words, tmp_path):
    good = archive(("youki", FILE, "#!/bin/sh\necho 1\n", 0o755))
    states.installed("x", {"youki": served(good)})
    before = sorted(tmp_path.rglob("opt/**/*"))
    ret = states.installed("x", {"youki": served(content)})
    assert (ret["result"], ret["changes"]) == (False, {})
    assert re.search(words, ret["comment"]), ret["comment"]
    assert sorted(tmp_path.rglob("opt/**/*")) == before
    assert run(files, "youki/youki") == "1"
    assert not [path for path in tmp_path.rglob("*evil*") if "opt" in path.parts]


def test_another_file_than_the_pinned_one_installs_nothing_at_all(states, files, served):
    given = {"crun": served(PROGRAM), "youki": {"package": "youki"}}
    given["bad"] = {**served(PROGRAM, binary="bad"), "sha256": "0" * 64}
    ret = states.installed("x", given)
    assert (ret["result"], ret["changes"], states.asked) == (False, {}, [])
    assert "pinned is 0000" in ret["comment"]
    assert not os.path.lexists(f"{files.places.RUNTIMES}/crun")


def test_packages_that_cannot_be_installed_leave_the_archives_in_use(states, files, served):
    states.answer = {"result": False, "changes": {}, "comment": "no such version"}
    ret = states.installed("x", {"crun": served(PROGRAM), "youki": {"package": "youki"}})
    assert (ret["result"], ret["comment"]) == (False, "no such version")
    assert not os.path.lexists(f"{files.places.RUNTIMES}/crun")


def test_an_archive_larger_than_it_may_be_is_refused(states, served, monkeypatch):
    monkeypatch.setattr(sys.modules["formula._modules.containerd_unpack"], "_LARGEST", 10)
    ret = states.installed("x", {"youki": served(youki(), binary="bin/youki")})
    assert ret["result"] is False
    assert "it holds more than" in ret["comment"]


def test_a_binary_that_the_archive_in_use_lacks_is_told_in_a_dry_run_too(states, served):
    given = served(youki(), binary="bin/youki")
    states.installed("x", {"youki": given})
    states.__opts__["test"] = True
    ret = states.installed("x", {"youki": {**given, "binary": "bin/yuoki"}})
    assert ret["result"] is False
    assert "containerd:runtimes:youki: its archive holds no program bin/yuoki" in ret["comment"]


def test_a_file_in_the_place_of_the_link_stays(states, files, served):
    os.makedirs(f"{files.places.RUNTIMES}/crun")
    ret = states.installed("x", {"crun": served(PROGRAM)})
    assert ret["result"] is False
    assert "crun is not a link of this formula: move it away" in ret["comment"]


def test_a_release_by_which_no_pod_would_start_is_not_switched_to(states, files, served):
    states.installed("x", {"crun": served(PROGRAM)})
    given = {"crun": {**served(b"#!/bin/sh\nfalse\n", options={"SystemdCgroup": True}), "version": "1.8.1"}}
    states.verdict = {"ok": False, "how": "", "reason": "unknown version specified"}
    ret = states.installed("x", given)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"].endswith(
        "its archive fails the proof, and is not in use: unknown version specified."
    )
    assert run(files, "crun/crun") == "crun 1.28"
    folder = f"{files.places.RUNTIMES}/crun@{given['crun']['sha256']}"
    assert states.proved[-1] == {"crun": {"binary": f"{folder}/crun", "options": {"SystemdCgroup": True}}}
    # A node without a containerd cannot tell.
    states.__salt__["containerd_release.installed"] = lambda: None
    assert states.installed("x", given)["result"] is True


def test_the_shim_of_an_archive_is_proved_where_it_will_run(states, files, served):
    content = archive(("bin/shim", FILE, "#!/bin/sh\n", 0o755))
    given = served(content, path="bin/shim", options={"ConfigPath": "/etc/kata.toml"})
    states.installed("x", {"kata": given})
    folder = f"{files.places.RUNTIMES}/kata@{given['sha256']}"
    assert states.proved == [{"kata": {"path": f"{folder}/bin/shim", "options": given["options"]}}]


def test_a_folder_of_others_is_not_taken_for_an_archive(files, tmp_path):
    folder = tmp_path / f"opt/runtimes/crun@{'0' * 64}"
    folder.mkdir(parents=True)
    os.chown(folder, 1000, 1000)
    with pytest.raises(CommandExecutionError, match="belongs to user 1000. Its programs run as root"):
        files.unpack("crun", "file:///nowhere", "0" * 64, [])


@pytest.mark.parametrize("name", ["../a", "a/b", "", ".a", "a\n"])
def test_a_name_that_is_no_file_is_refused(files, name):
    with pytest.raises(CommandExecutionError, match="is not a runtime and its sha256"):
        files.unpack(name, "file:///nowhere", "0" * 64, [])


def test_what_a_killed_run_was_unpacking_is_swept(states, files, served):
    left = f"{files.places.RUNTIMES}/.runtime-ab_cd123"
    os.makedirs(f"{left}/content")
    for path in (f"{left}/content", left):
        os.utime(path, (0, 0))
    states.installed("x", {"crun": served(PROGRAM)})
    assert not os.path.exists(left)


@pytest.fixture
def shim(states, files, served, tmp_path):
    """
    Return a function that starts a process as a shim of a runtime would run, and gives its folder.
    """
    started = []

    def start(program, written):
        bundle = tmp_path / f"bundle{len(started)}"
        bundle.mkdir()
        for name, text in written.items():
            (bundle / name).write_text(text, encoding="utf-8")
        os.makedirs(os.path.dirname(program), exist_ok=True)
        shutil.copy(shutil.which("sleep"), program)
        started.append(subprocess.Popen([program, "60"], cwd=bundle))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize("file", ["runtime", "options.json", "shim-binary-path"])
def test_a_runtime_that_containers_need_stays_until_they_have_ended(
    states, files, served, shim, tmp_path, file
):
    """
    Their shim starts it to stop them; no process of it runs meanwhile.
    """
    states.installed("x", {"crun": served(PROGRAM), "other": served(PROGRAM, "o", binary="other")})
    process = shim(
        str(tmp_path / "bin/containerd-shim-runc-v2"),
        {file: f'{{"binary_name":"{files.places.RUNTIMES}/crun/crun"}}'},
    )
    ret = states.tidied("x", {"crun": None, "other": None})
    assert {os.path.basename(path)[:5] for path in ret["changes"]} == {"other"}
    assert f"{files.places.RUNTIMES}/crun stays: process {process.pid} needs it." in ret["comment"]
    assert states.tidied("x", {})["changes"] == {}
    assert run(files, "crun/crun") == "crun 1.28"
    process.kill()
    process.wait()
    assert len(states.tidied("x", {})["changes"]) == 2
    assert not os.path.exists(files.places.ARCHIVES)


def test_an_old_release_whose_shim_runs_stays(states, files, served, shim):
    """
    Kata's shim is of the archive itself.
    """
    old, new = (
        served(archive(("bin/shim", FILE, f"#!{name}", 0o755)), name, type="a.b.v1", path="bin/shim")
        for name in "on"
    )
    states.installed("x", {"kata": old})
    folder = f"{files.places.RUNTIMES}/kata@{old['sha256']}"
    process = shim(f"{folder}/bin/containerd-shim-kata-v2", {})
    states.installed("x", {"kata": new})
    ret = states.tidied("x", {"kata": new})
    assert (ret["changes"], ret["comment"]) == ({}, f"{folder} stays: process {process.pid} needs it.")
    assert states.removed("x")["changes"] == {}
    process.kill()
    process.wait()
    assert list(states.tidied("x", {"kata": new})["changes"]) == [folder]


def test_what_a_daemon_may_still_start_stays_until_its_restart(states, files, served):
    states.installed("x", {"crun": served(PROGRAM)})
    states.__salt__["containerd_change.pending"] = lambda: ["/etc/containerd/config.toml"]
    ret = states.tidied("x", {"crun": None})
    assert ret["changes"] == {}
    assert "stays: the daemon may start containers by it until its restart." in ret["comment"]
    states.__salt__["containerd_change.pending"] = list
    assert len(states.tidied("x", {"crun": None})["changes"]) == 2


def test_what_others_put_there_stays(states, files, served):
    states.installed("x", {"crun": served(PROGRAM)})
    for name in ("notes", "crun@1", "mine@" + "0" * 63):
        os.mkdir(f"{files.places.RUNTIMES}/{name}")
    os.symlink("/usr/bin", f"{files.places.RUNTIMES}/bin")
    os.symlink(f"youki@{'0' * 64}", f"{files.places.RUNTIMES}/other")
    ret = states.removed("x")
    assert len(ret["changes"]) == 2
    assert sorted(os.listdir(files.places.RUNTIMES)) == [
        "bin",
        "crun@1",
        f"mine@{'0' * 63}",
        "notes",
        "other",
    ]


def test_clean_leaves_nothing(states, files, served):
    assert states.removed("x")["changes"] == {}
    states.installed("x", {"crun": served(PROGRAM)})
    states.__opts__["test"] = True
    predicted = states.removed("x")
    assert predicted["result"] is None
    states.__opts__["test"] = False
    assert states.removed("x")["changes"] == predicted["changes"]
    assert not os.path.exists(files.places.ARCHIVES)


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
def test_runc_is_the_package_of_the_distribution(files, source, given, package):
    found = files.wanted({"runc": given}, source)["packages"]
    base = {"packages": ["runc"], "version": "", "hold": None, "upgrade": False}
    assert found == [{**base, **package, "key": "containerd:runtimes:runc:version"}]


def test_a_runc_of_which_pillar_wants_no_other_is_not_touched(states, files):
    given = {"runc": {"base_spec": {"process": {}}}, "crun": {"binary": "/usr/bin/crun"}}
    for source in ("docker", "distro"):
        assert files.wanted(given, source) == {"packages": [], "archives": {}}
    assert states.installed("x", given)["comment"] == "The runtimes are installed."


@pytest.mark.parametrize(
    "given", [{"version": "1.3.*"}, {"upgrade": True}, {"package": "runc"}, {"hold": True}]
)
def test_docker_has_runc_in_its_own_package(states, given):
    ret = states.installed("x", {"runc": given}, "docker")
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "source docker has runc in containerd.io, which conflicts with the package runc" in ret["comment"]


def test_an_archive_of_runc_goes_with_each_source(states, files, served):
    ret = states.installed("x", {"runc": served(PROGRAM)}, "docker")
    assert ret["result"] is True, ret["comment"]
    assert run(files, "runc/runc") == "crun 1.28"


def test_two_runtimes_of_one_package_agree(files):
    kinds = {"type": "io.containerd.kata.v2", "package": "kata"}
    given = {"kata-qemu": kinds, "kata-clh": kinds}
    assert len(files.wanted(given)["packages"]) == 1
    given["kata-clh"] = {**kinds, "version": "3"}
    with pytest.raises(
        CommandExecutionError, match="runtimes:kata-clh: another runtime has the package kata"
    ):
        files.wanted(given)


def test_a_wrong_pillar_is_told_and_nothing_is_done(states):
    ret = states.installed("x", {"crun": {"pakage": "crun"}})
    assert (ret["result"], states.asked) == (False, [])
    assert "containerd:runtimes:crun:pakage: there is no such key; did you mean package?" in ret["comment"]
