"""
Archives of images on the way to containerd: within the room of the disk, and nothing is left behind.
"""

import gzip
import hashlib
import io
import os
import subprocess
import tarfile
import time

import pytest
from containerd_formula.image_settings import read
from lab import wait
from salt.exceptions import CommandExecutionError
from support import wired
from support.images import Image, tar

NODE = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}.get(os.uname().machine)
ONE = Image(NODE)


@pytest.fixture
def files(tmp_path):
    """
    The module, whose folder for archives is one of the test's.
    """
    (tmp_path / "kept").mkdir()
    module = wired("containerd_image_files")
    module.__salt__["containerd_files.kept"] = lambda name, make: str(tmp_path / "kept" / name)
    return module


def given(tmp_path, data):
    path = tmp_path / "given.tar"
    path.write_bytes(data)
    entry = {"name": "a.io/a:1", "archive": f"file://{path}", "sha256": hashlib.sha256(data).hexdigest()}
    [image] = read([entry]).images
    return image


def members(path):
    with tarfile.open(path) as archive:
        return sorted(archive.getnames())


def test_what_is_imported_is_the_image_alone_and_nothing_stays(files, tmp_path):
    image = given(tmp_path, ONE.archive(name="b.io/b:2"))
    with files.folder() as place:
        path, digest = files.prepared(image, image.archive, place)
        assert digest == ONE.digest and len(members(path)) == 5
        assert os.stat(place).st_mode & 0o777 == 0o700
    assert os.listdir(tmp_path / "kept") == []


def test_two_images_of_one_archive_are_fetched_once(files, tmp_path):
    two = Image(NODE, "b")
    data = ONE.docker("a.io/a:1", more=[(two, ["a.io/b:1"])])
    image = given(tmp_path, data)
    with files.folder() as place:
        files.prepared(image, image.archive, place)
        os.unlink(tmp_path / "given.tar")
        other = image._replace(name="a.io/b:1", repository="a.io/b")
        assert f"{hashlib.sha256(two.config).hexdigest()}.json" in members(
            files.prepared(other, image.archive, place)[0]
        )


def test_links_of_old_docker_archives_are_followed(files, tmp_path):
    data = ONE.docker("a.io/a:1")
    with (
        tarfile.open(tmp_path / "links.tar", "w") as target,
        tarfile.open(fileobj=io.BytesIO(data)) as source,
    ):
        for member in source:
            content = source.extractfile(member)
            if member.name.endswith("layer.tar"):
                layer, member.name = member.name, "other/layer.tar"
                target.addfile(member, content)
                link = tarfile.TarInfo(layer)
                link.type, link.linkname = tarfile.SYMTYPE, "../other/layer.tar"
                target.addfile(link)
            else:
                target.addfile(member, content)
    image = given(tmp_path, (tmp_path / "links.tar").read_bytes())
    with files.folder() as place, tarfile.open(files.prepared(image, image.archive, place)[0]) as made:
        assert made.extractfile(layer).read() == ONE.layer


def test_a_link_that_leads_in_a_circle_or_nowhere_is_no_file(files, tmp_path):
    with tarfile.open(tmp_path / "links.tar", "w") as target:
        for name, leads in (("index.json", "b"), ("b", "index.json"), ("c", "/etc/passwd")):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, leads
            target.addfile(link)
    image = given(tmp_path, (tmp_path / "links.tar").read_bytes())
    with files.folder() as place, pytest.raises(CommandExecutionError, match="neither index.json nor"):
        files.prepared(image, image.archive, place)


@pytest.mark.parametrize(
    ("part", "words"), [(0, "needs more room than 0 MB"), (1, "(archive, content and files of it)")]
)
def test_a_disk_without_room_is_told_as_one(files, tmp_path, monkeypatch, part, words):
    data = ONE.archive()
    image, usage = given(tmp_path, data), files.shutil.disk_usage("/")
    # For the archive, but not for what containerd makes of it.
    free = files._RESERVE + part * (len(data) + 1)
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: usage._replace(free=free))
    with files.folder() as place, pytest.raises(CommandExecutionError) as told:
        files.prepared(image, image.archive, place)
    assert words in str(told.value) and "make room" in str(told.value)


def test_the_disk_of_containerd_needs_room_where_it_is_another(files, tmp_path, monkeypatch):
    """
    Else the import would fill that of the kubelet.
    """
    data = ONE.archive()
    image, usage = given(tmp_path, data), files.shutil.disk_usage("/")
    (tmp_path / "root").mkdir()
    root = str(tmp_path / "root")
    stat = os.stat

    def other_disk(path, **options):
        found = stat(path, **options)
        return os.stat_result([*found[:2], found.st_dev + 1, *found[3:10]]) if path == root else found

    monkeypatch.setattr(files.os, "stat", other_disk)
    rooms = {root: len(data)}
    given_to = lambda path: usage._replace(free=files._RESERVE + rooms.get(path, len(data)))  # noqa: E731
    monkeypatch.setattr(files.shutil, "disk_usage", given_to)
    with files.folder() as place, pytest.raises(CommandExecutionError, match=f"on the disk of {root}"):
        files.prepared(image, image.archive, place, root)
    rooms[root] = 2 * len(data)
    with files.folder() as place:
        assert files.prepared(image, image.archive, place, root)[1] == ONE.digest


def test_an_archive_that_is_larger_unpacked_than_the_room(files, tmp_path, monkeypatch):
    image = given(tmp_path, gzip.compress(tar({"a": bytes(9 << 20)})))
    usage = files.shutil.disk_usage("/")
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: usage._replace(free=files._RESERVE + (1 << 20)))
    with files.folder() as place, pytest.raises(CommandExecutionError, match="unpacked: make room"):
        files.prepared(image, image.archive, place)


def test_what_killed_runs_left_goes_and_what_is_in_use_or_of_others_stays(files, tmp_path):
    [ended] = {process.pid for process in [subprocess.Popen(["true"])] if not process.wait()}
    names = {f"images-{ended}-new", f"images-{ended}-old", f"images-{os.getpid()}-old"}
    stay = {f"images-{os.getpid()}-new", f"images-{os.getpid()}-filled-old", "change-old"}
    for name in names | stay:
        (tmp_path / "kept" / name).mkdir()
        if "filled" in name:
            (tmp_path / "kept" / name / "download").write_text("")
        if name.endswith("old"):
            then = time.time() - 3 * 3600
            os.utime(tmp_path / "kept" / name, (then, then))
    with files.folder() as place:
        assert set(os.listdir(tmp_path / "kept")) == {*stay, os.path.basename(place)}


def test_a_file_of_the_masters_file_server_is_read_where_it_is(files, tmp_path):
    data = gzip.compress(ONE.archive())
    image = given(tmp_path, data)
    for served in (data, ONE.archive()):
        path = tmp_path / "served"
        path.write_bytes(served)
        files.__salt__["cp.get_url"] = lambda *_: str(path)  # noqa: B023
        one = image._replace(sha256=hashlib.sha256(served).hexdigest())
        with files.folder() as place:
            assert files.prepared(one, "salt://a.tar", place)[1] == ONE.digest
        assert path.read_bytes() == served


def test_progress_is_logged(files, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(files, "_TELL_EVERY", 0.01)
    (tmp_path / "download").write_bytes(bytes(3 << 20))
    with caplog.at_level("INFO"), files._progress(str(tmp_path / "download"), "salt://a.tar"):
        wait.until(lambda: "salt://a.tar: 3 MB are there" in caplog.text, 10, "a line of the log")
