"""
Upstream's archives: what is not whole, or not what was pinned, leaves everything as it was.
"""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
from types import SimpleNamespace

import pytest
from salt.exceptions import CommandExecutionError
from support import load

NAMES = ("containerd", "containerd-shim-runc-v2", "ctr")


def release(version, names=NAMES, more=()):
    """
    Return the bytes of an archive like upstream's.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, kind, content in [*((f"bin/{name}", tarfile.REGTYPE, version) for name in names), *more]:
            member = tarfile.TarInfo(name)
            member.type = kind
            member.size = len(content) if kind == tarfile.REGTYPE else 0
            member.linkname = content if kind != tarfile.REGTYPE else ""
            tar.addfile(member, io.BytesIO(content.encode()))
    return buffer.getvalue()


@pytest.fixture
def states(archive):
    """
    Return the state module over it, with a service that counts its restarts.
    """
    module = load("_states/containerd_archive.py")
    module.restarts = []

    def restart():
        module.restarts.append("containerd")
        return " The service was restarted."

    module.__opts__ = {"test": False}
    module.__salt__ = {
        **{f"containerd_archive.{n}": f for n, f in vars(archive).items() if callable(f)},
        "containerd_unpack.must_start_programs": archive.__salt__["containerd_unpack.must_start_programs"],
        "cmd.which": lambda name: f"/usr/bin/{name}",
        "containerd_service.restart_if_running": restart,
        "containerd_service.reload": lambda: True,
        "containerd_service.properties": lambda: {"MainPID": "0"},
        "containerd_change.pending": list,
    }
    return module


@pytest.fixture
def pinned(tmp_path):
    """
    Return a function that serves a release, and gives what a pillar says of it.
    """

    def make(version, content=None, sha256=None, kind="containerd"):
        content = release(version) if content is None else content
        path = tmp_path / f"{kind}-{version}-amd64"
        path.write_bytes(content)
        digest = sha256 or hashlib.sha256(content).hexdigest()
        url = f"file://{tmp_path}/{kind}-{{version}}-{{arch}}"
        return {kind: {"version": version, "url": url, "sha256": {version: {"amd64": digest}}}}

    return make


def install(states, releases):
    ret = states.unpacked("x", releases, "amd64")
    return states.in_use("x", releases) if ret["result"] is True else ret


def content(archive, name="bin/ctr"):
    with open(os.path.join(archive.places.PREFIX, name), encoding="utf-8") as file:
        return file.read()


def test_a_release_is_installed_switched_and_the_old_one_kept_until_tidied(states, archive, pinned):
    assert install(states, pinned("1.6.20"))["result"] is True
    assert content(archive) == "1.6.20"
    assert not os.path.lexists(f"{archive.places.PREFIX}/sbin/runc")
    ret = install(states, pinned("1.7.24"))
    assert ret["changes"] == {"containerd": {"old": "1.6.20", "new": "1.7.24"}}
    assert (content(archive), archive.unpacked()) == ("1.7.24", ["1.6.20", "1.7.24"])
    assert states.restarts == ["containerd", "containerd"]
    assert list(states.tidied("x")["changes"]) == [f"{archive.places.ARCHIVES}/containerd-1.6.20"]
    assert (content(archive), archive.unpacked()) == ("1.7.24", ["1.7.24"])
    assert states.tidied("x")["changes"] == {}


def test_a_file_that_changes_after_it_was_hashed_is_not_what_is_unpacked(
    states, archive, pinned, monkeypatch
):
    """
    Whoever may write the file could put another one in its place between the two.
    """
    releases = pinned("1.7.24")
    path = releases["containerd"]["url"].replace("file://", "").format(version="1.7.24", arch="amd64")
    download = sys.modules["formula._modules.containerd_download"]
    verify = download._verify

    def swap(*arguments):
        verify(*arguments)
        with open(path, "wb") as file:
            file.write(release("6.6.6"))

    monkeypatch.setattr(download, "_verify", swap)
    assert install(states, releases)["result"] is True
    assert content(archive) == "1.7.24"


def test_a_second_run_changes_nothing(states, pinned):
    releases = {**pinned("1.7.24"), **pinned("1.1.15", b"runc", kind="runc")}
    install(states, releases)
    os.unlink(releases["containerd"]["url"].replace("file://", "").format(version="1.7.24", arch="amd64"))
    assert states.unpacked("x", releases, "amd64")["changes"] == {}
    assert states.in_use("x", releases)["changes"] == {}
    assert states.restarts == ["containerd"]


def test_runc_lies_beside_it(states, archive, pinned):
    install(states, {**pinned("1.7.24"), **pinned("1.1.15", b"runc", kind="runc")})
    assert content(archive, "sbin/runc") == "runc"
    assert os.access(os.path.join(archive.places.PREFIX, "sbin/runc"), os.X_OK)


def test_without_any_runc_nothing_is_installed(states, archive, pinned):
    states.__salt__["cmd.which"] = lambda name: None
    ret = states.unpacked("x", pinned("1.7.24"), "amd64")
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "pin one in containerd:package:archive:runc" in ret["comment"]
    assert not os.path.exists(archive.places.ARCHIVES)


@pytest.mark.parametrize(
    ("runc", "comes"),
    [
        ({"version": "1.3.*"}, True),
        ({"archive": "salt://runc", "sha256": "0" * 64}, True),
        ({"base_spec": {"process": {}}}, False),
        (None, False),
    ],
)
def test_a_runc_that_pillar_brings_later_is_enough(states, pinned, runc, comes):
    states.__salt__["cmd.which"] = lambda name: None
    ret = states.unpacked("x", pinned("1.7.24"), "amd64", {"runc": runc, "default": "runc"})
    assert ret["result"] is comes, ret["comment"]


@pytest.mark.parametrize(
    ("content_of", "sha256", "words"),
    [
        (release("2.1.9"), "0" * 64, "pinned is 0000"),
        (release("2.1.9")[:-20], hashlib.sha256(release("2.1.9")).hexdigest(), "the download was cut, or"),
        (release("2.1.9")[:60], None, "cannot be unpacked"),
        (b"<html>", None, "cannot be unpacked"),
        (release("2.1.9", names=("containerd", "ctr")), None, "it has no bin/containerd-shim-runc-v2"),
    ],
    # The bytes differ from one process to the next.
    ids=["wrong hash", "cut, hash of the whole", "cut", "no archive", "no shim"],
)
def test_what_is_not_the_release_leaves_the_old_one(states, archive, pinned, content_of, sha256, words):
    install(states, pinned("1.7.24"))
    ret = install(states, pinned("2.1.9", content_of, sha256))
    assert (ret["result"], ret["changes"]) == (False, {})
    assert words in ret["comment"]
    assert (content(archive), sorted(os.listdir(archive.places.ARCHIVES))) == (
        "1.7.24",
        ["containerd-1.7.24", "current-containerd"],
    )
    assert states.restarts == ["containerd"]


@pytest.mark.parametrize("test", [True, False], ids=["preview", "run"])
def test_a_folder_that_is_mounted_noexec_is_told(states, archive, pinned, monkeypatch, test):
    """
    By the preview, too: there the folder is not made yet.
    """
    states.__opts__["test"], asked = test, []
    monkeypatch.setattr(
        archive.os, "statvfs", lambda path: asked.append(path) or SimpleNamespace(f_flag=os.ST_NOEXEC)
    )
    ret = states.unpacked("x", pinned("1.7.24"), "amd64")
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "is mounted noexec, so nothing can be started from it: mount it without that" in ret["comment"]
    assert asked == [os.path.dirname(archive.places.ARCHIVES)]
    assert not os.path.exists(archive.places.ARCHIVES)


def test_a_full_disk_leaves_the_old_one(states, archive, pinned, monkeypatch):
    install(states, pinned("1.7.24"))

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive.shutil, "copyfileobj", full)
    ret = install(states, pinned("2.1.9"))
    assert "No space left on device" in ret["comment"]
    assert sorted(os.listdir(archive.places.ARCHIVES)) == ["containerd-1.7.24", "current-containerd"]
    assert content(archive) == "1.7.24"


def test_a_disk_that_a_download_filled_is_told_as_one(archive, monkeypatch):
    """
    Salt's own fetcher says "Connection closed" then.
    """

    def closed(_address, _path):
        raise OSError("Connection closed")

    archive.__salt__["cp.get_url"] = closed
    usage = archive.shutil.disk_usage("/")
    monkeypatch.setattr(archive.shutil, "disk_usage", lambda _path: usage._replace(free=4096))
    with pytest.raises(CommandExecutionError, match="cannot be fetched: No space left on device"):
        archive.unpack("runc", "1.1.15", "https://example.org/runc", "0" * 64, "amd64")


def test_nothing_of_an_archive_leaves_its_folder(states, archive, pinned, tmp_path):
    evil = [
        ("bin/../../../evil", tarfile.REGTYPE, "x"),
        ("/etc/evil", tarfile.REGTYPE, "x"),
        ("bin/deep/evil", tarfile.REGTYPE, "x"),
        ("bin/link", tarfile.SYMTYPE, "/etc/shadow"),
    ]
    assert install(states, pinned("1.7.24", release("1.7.24", more=evil)))["result"] is True
    assert sorted(os.listdir(f"{archive.places.ARCHIVES}/containerd-1.7.24/bin")) == sorted(NAMES)
    assert not list(tmp_path.rglob("*evil*"))


def test_a_file_of_somebody_else_is_not_replaced(states, archive, pinned):
    os.makedirs(f"{archive.places.PREFIX}/bin")
    with open(f"{archive.places.PREFIX}/bin/ctr", "w", encoding="utf-8") as file:
        file.write("mine")
    ret = install(states, pinned("1.7.24"))
    assert ret["result"] is False
    assert "ctr is not a link of this formula: move it away" in ret["comment"]
    assert content(archive) == "mine"


@pytest.mark.parametrize("told", ["", " The service did not start with the old configuration: x"])
def test_how_the_restart_went_is_told_and_fails_no_state(states, pinned, told):
    """
    The document is written anew after this state; 1.7 for one does not start with the schema of 2.1.
    """
    states.__salt__["containerd_service.restart_if_running"] = lambda: told
    ret = install(states, pinned("1.7.24"))
    assert (ret["result"], bool(ret["changes"])) == (True, True)
    assert ret["comment"] == f"The releases are in use.{told}"


@pytest.mark.parametrize(
    ("pending", "words"), [([], ""), (["/usr/local/bin/containerd"], "systemctl restart containerd")]
)
def test_with_manual_nothing_is_restarted_and_that_is_said(states, pinned, tmp_path, pending, words):
    states.__salt__["containerd_change.pending"] = lambda: pending
    releases = pinned("1.7.24")
    states.unpacked("x", releases, "amd64")
    ret = states.in_use("x", releases, restart="manual")
    assert (ret["result"], bool(ret["changes"]), states.restarts) == (True, True, [])
    gone = states.absent(str(tmp_path / "unit"), restart="manual")
    assert (gone["result"], bool(gone["changes"]), states.restarts) == (True, True, [])
    for comment in (ret["comment"], gone["comment"]):
        assert ("Restart pending" in comment) is bool(words)
        assert comment.endswith(words)


@pytest.fixture
def daemon(archive, pinned, states):
    """
    Return the id of a process that runs a release of the archive.
    """
    install(states, pinned("1.7.24"))
    program = f"{archive.places.ARCHIVES}/containerd-1.7.24/bin/containerd"
    os.unlink(program)
    shutil.copy(shutil.which("sleep"), program)
    process = subprocess.Popen([program, "60"])
    yield str(process.pid)
    process.kill()
    process.wait()


def test_a_daemon_of_another_release_than_that_in_use_is_known(states, archive, pinned, daemon):
    assert archive.running(daemon) == archive.current() == "1.7.24"
    for pid in (str(os.getpid()), "0", "", None, "1\0", "9" * 50):
        assert archive.running(pid) == ""
    install(states, pinned("2.1.9"))
    assert (archive.running(daemon), archive.current()) == ("1.7.24", "2.1.9")
    # What runs stays until it is restarted.
    states.__salt__["containerd_service.properties"] = lambda: {"MainPID": daemon}
    assert states.tidied("x")["changes"] == {}
    shutil.rmtree(f"{archive.places.ARCHIVES}/containerd-1.7.24")
    assert archive.running(daemon) == "1.7.24"


def test_a_systemd_that_does_not_answer_is_no_traceback(states, pinned):
    def refuse():
        raise CommandExecutionError("systemctl daemon-reload failed: no bus")

    states.__salt__["containerd_service.restart_if_running"] = refuse
    ret = install(states, pinned("1.7.24"))
    assert (ret["result"], bool(ret["changes"])) == (False, True)
    assert ret["comment"] == "The releases are in use. systemctl daemon-reload failed: no bus"


def test_absent_removes_what_it_made_and_nothing_else(states, archive, pinned, tmp_path):
    unit = tmp_path / "containerd.service"
    unit.write_text("mine", encoding="utf-8")
    assert states.absent(str(unit))["changes"] == {}
    assert unit.exists()
    install(states, pinned("1.7.24"))
    os.symlink("/usr/bin/ctr", f"{archive.places.PREFIX}/bin/nerdctl")
    ret = states.absent(str(unit))
    assert (ret["result"], states.restarts) == (True, ["containerd", "containerd"])
    assert ret["comment"].endswith(": removed. The service was restarted.")
    assert os.listdir(f"{archive.places.PREFIX}/bin") == ["nerdctl"]
    assert not os.path.exists(archive.places.ARCHIVES)
    assert not unit.exists()
    assert states.absent(str(unit))["changes"] == {}


def test_runtimes_and_a_unit_of_others_stay_where_there_is_no_archive(states, archive, pinned, tmp_path):
    """
    Runtimes lie in the same folder, with each source of containerd.
    """
    unit, runtime = tmp_path / "containerd.service", tmp_path / "opt/runtimes/crun"
    runtime.mkdir(parents=True)
    unit.write_text("mine", encoding="utf-8")
    assert states.absent(str(unit))["changes"] == {}
    install(states, pinned("1.7.24"))
    ret = states.absent(str(unit))
    assert {f"{tmp_path}/opt/{name}" for name in ("containerd-1.7.24", "current-containerd")} < set(
        ret["changes"]
    )
    assert (os.listdir(tmp_path / "opt"), unit.exists(), runtime.exists()) == (["runtimes"], False, True)


@pytest.mark.parametrize("made", ["empty", "link", "lost+found"])
def test_a_folder_that_an_administrator_made_is_no_archive(states, archive, tmp_path, made):
    unit, opt = tmp_path / "containerd.service", tmp_path / "opt"
    unit.write_text("mine", encoding="utf-8")
    (tmp_path / "disk").mkdir()
    opt.symlink_to("disk") if made == "link" else opt.mkdir()
    if made == "lost+found":
        (opt / made).mkdir()
    assert states.absent(str(unit))["changes"] == {}
    assert (unit.exists(), opt.exists(), states.restarts) == (True, True, [])


def test_a_preview_predicts_and_changes_nothing(states, archive, pinned):
    states.__opts__["test"] = True
    releases = pinned("1.7.24")
    predicted = [states.unpacked("x", releases, "amd64"), states.in_use("x", releases)]
    assert [ret["result"] for ret in predicted] == [None, None]
    assert not os.path.exists(archive.places.ARCHIVES)
    states.__opts__["test"] = False
    done = [states.unpacked("x", releases, "amd64"), states.in_use("x", releases)]
    assert [ret["changes"] for ret in done] == [ret["changes"] for ret in predicted]


def test_what_a_killed_run_was_unpacking_is_swept(states, archive, pinned):
    opt = archive.places.ARCHIVES
    for name in (".containerd-ab_cd123", ".containerd-notes", ".runc-ab_cd123"):
        os.makedirs(f"{opt}/{name}/bin")
        for path in (f"{opt}/{name}/bin", f"{opt}/{name}"):
            os.utime(path, (0, 0))
    os.utime(f"{opt}/.runc-ab_cd123")
    assert install(states, pinned("1.6.20"))["result"] is True
    assert [name for name in sorted(os.listdir(opt)) if name[0] == "."] == [
        ".containerd-notes",
        ".runc-ab_cd123",
    ]


@pytest.mark.parametrize("whose", ["opt", "opt/runc-1.1"])
def test_a_folder_of_others_is_not_taken_for_a_release(archive, tmp_path, whose):
    (tmp_path / "opt" / "runc-1.1").mkdir(parents=True)
    os.chown(tmp_path / whose, 1000, 1000)
    with pytest.raises(CommandExecutionError, match=f"{tmp_path / whose} belongs to user 1000. Its programs"):
        archive.unpack("runc", "1.1", "file:///nowhere", "0" * 64, "amd64")
    os.chown(tmp_path / whose, 0, 0)
    assert archive.unpack("runc", "1.1", "file:///nowhere", "0" * 64, "amd64") is True
