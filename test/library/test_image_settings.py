"""
Pillar images, and what is wrong with it; names of images; what ctr says of them.
"""

import pytest
from containerd_formula import image_words as words
from containerd_formula.image_settings import can_pin, normalised, read

D = "sha256:" + "d" * 64
E = "sha256:" + "e" * 64
PAUSE = {"name": "registry.k8s.io/pause:3.10", "archive": "salt://images/pause.tar", "sha256": "0" * 64}


def test_an_image_and_its_names():
    [one] = read([PAUSE]).images
    assert (one.repository, one.tag, one.digest, one.pinned) == ("registry.k8s.io/pause", "3.10", "", True)
    assert one.references(D) == ["registry.k8s.io/pause:3.10", f"registry.k8s.io/pause@{D}"]
    [one] = read([{**PAUSE, "name": f"a.io:5000/b/c@{D}", "pinned": False}]).images
    assert (one.reference, one.key, one.references(D)) == ("", f"a.io:5000/b/c@{D}", [f"a.io:5000/b/c@{D}"])
    [one] = read([{**PAUSE, "name": f"localhost/b:1@{D}"}]).images
    assert (one.key, one.references(D)) == ("localhost/b:1", ["localhost/b:1", f"localhost/b@{D}"])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (None, []),
        ([], []),
        ({}, ["containerd:images: it must be a list of images, each with name, archive and sha256."]),
        ([None], ["images:0: it is null, and takes nothing away: leave the entry out of the list instead."]),
        (["a"], ["images:0: it must be a mapping with name, archive and sha256."]),
        ([{**PAUSE, "pined": True}], ["images:0:pined: there is no such key; did you mean pinned?"]),
        ([{**PAUSE, "pinned": "yes"}], ["images:0:pinned: it is 'yes'; it must be true or false, without"]),
        ([{**PAUSE, "name": "pause:3.9"}], ["it has no registry: write docker.io/library/pause:3.9, the"]),
        ([{**PAUSE, "name": "me/pause:3.9"}], ["it has no registry: write docker.io/me/pause:3.9, the name"]),
        ([{**PAUSE, "name": "docker.io/pause:1"}], ["containerd has it as docker.io/library/pause:1: write"]),
        ([{**PAUSE, "name": "a.io/pause"}], ["it has no tag: write a.io/pause:latest, if you mean that."]),
        ([{**PAUSE, "name": "a.io/Pause:1"}], ["'a.io/Pause:1' is no name of an image: write host/path:tag"]),
        ([{**PAUSE, "name": None}], ["images:0:name: it is missing"]),
        ([{**PAUSE, "sha256": "0" * 63}], ["pin the 64 hexadecimal digits that sha256sum prints for it"]),
        ([{**PAUSE, "sha256": 5}], ["images:0:sha256: it is 5; pin"]),
        (
            [{**PAUSE, "archive": "http://a/b.tar"}],
            ["it is not an address: write a salt://, https:// or file"],
        ),
        ([{**PAUSE, "archive": "/a.tar"}], ["it is not an address: write a salt://"]),
        ([PAUSE, PAUSE], ["images:1:name: registry.k8s.io/pause:3.10 is there twice: leave one out."]),
    ],
)
def test_what_is_wrong_is_told_with_its_cure(given, told):
    found = [one.message for one in read(given, "2.1.9").findings]
    assert len(found) == len(told) and all(words in one for words, one in zip(told, found)), found


def test_credentials_of_an_address_are_not_told():
    entry = {**PAUSE, "archive": "https://u:hunter2@a/b.tar", "https://u:hunter2@c": 1}
    shown = [one.shown()["message"] for one in read([entry]).findings]
    assert shown and "hunter2" not in "".join(shown)


@pytest.mark.parametrize(
    ("release", "can"),
    [
        *(("1.4.13", False), ("1.6.20", False), ("1.6.22", True), ("1.6.39", True), ("1.7.0", False)),
        *(("1.7.2", False), ("1.7.3", True), ("1.7.24", True), ("2.0.0", True), (None, True)),
    ],
)
def test_a_release_that_cannot_pin_is_told_of(release, can):
    assert can_pin(release) is can
    warned = [one.message for one in read([PAUSE], release).findings]
    assert bool(warned) is not can
    assert read([{**PAUSE, "pinned": False}], release).findings == []
    if warned:
        assert "cannot pin images" in warned[0] and "Upgrade to 1.6.22, 1.7.3 or newer" in warned[0]


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("pause", "docker.io/library/pause:latest"),
        ("me/pause:1", "docker.io/me/pause:1"),
        ("docker.io/pause:1", "docker.io/library/pause:1"),
        ("localhost/pause:1", "localhost/pause:1"),
        ("a.io:5000/b:1", "a.io:5000/b:1"),
        (f"a.io/b:1@{D}", f"a.io/b@{D}"),
        *(("", ""), ("-a.io/b:1", ""), ("A/b", ""), (None, ""), ("a.io/b:", ""), ("a b", "")),
        ("a.io/b@sha256:1", ""),
    ],
)
def test_the_name_by_which_containerd_has_an_image(name, whole):
    assert normalised(name) == whole


MARK = f"containerd-formula={'0' * 64}/a.io/a:1"
LISTED = f"""REF                 TYPE                                       DIGEST SIZE    PLATFORMS   LABELS
a.io/a:1 application/vnd.oci.image.manifest.v1+json {D} 2.0 MiB linux/amd64 {MARK},\
io.cri-containerd.image=managed,io.cri-containerd.pinned=pinned
{E} application/vnd.oci.image.manifest.v1+json {D} 422.0 B -           io.cri-containerd.image=managed
b.io/b:1 application/vnd.oci.image.index.v1+json {E} 2.0 MiB linux/amd64,linux/arm64 -
c.io/c:1 application/vnd.oci.image.manifest.v1+json {D} 2.0 MiB linux/amd64 {MARK}
"""


def test_what_ctr_lists():
    rows = words.images(LISTED)
    assert list(rows) == ["a.io/a:1", E, "b.io/b:1", "c.io/c:1"]
    one = rows["a.io/a:1"]
    assert (one.digest, one.archive, one.is_pinned, one.is_taken_up) == (D, "0" * 64, True, True)
    assert (rows[E].archive, rows[E].is_pinned, rows["b.io/b:1"].labels) == ("", False, {})
    # ctr of 1.x copied it.
    assert rows["c.io/c:1"].archive == ""


def test_which_images_are_whole():
    said = f"""REF TYPE DIGEST STATUS SIZE UNPACKED
a.io/a:1 t {D} complete (2/2)   2.0 MiB/2.0 MiB true
b.io/b:1 t {D} incomplete (1/2) 2.0 MiB/2.0 MiB false
c.io/c:1 t {D} unavailable (0/?) 0.0 B/? false
d.io/d:1 t {D} incomplete (1/2) 266.0 B/2.0 MiB true
"""
    assert words.whole(said) == ["a.io/a:1"]
    assert words.whole(said, unpacked=True) == ["a.io/a:1", "d.io/d:1"]


def test_cris_own_name_goes_with_the_last_other():
    rows = {"a.io/a:1": words.Row(D, {}), E: words.Row(D, {}), "sha256:" + "f" * 64: words.Row(E, {})}
    assert words.named_by_id(rows, [D, E]) == ["sha256:" + "f" * 64]
    del rows["a.io/a:1"]
    assert words.named_by_id(rows, [D]) == [E]
