"""
What archives of images hold, and what of them a node takes.
"""

import json

import pytest
from containerd_formula.errors import Refused
from containerd_formula.image_archive import chosen, found, platform
from containerd_formula.image_settings import read
from support.images import INDEX, Image, descriptor, digest, index, layout, reader, tar

AMD, ARM, V3 = Image("linux/amd64"), Image("linux/arm64/v8"), Image("linux/amd64/v3", "fast")
BOTH = index(AMD.described(platform="linux/amd64"), ARM.described(platform="linux/arm64/v8"))
NODE = "linux/amd64"


def image(name="example.org/app:1"):
    [one] = read([{"name": name, "archive": "salt://a", "sha256": "0" * 64}]).images
    return one


def told(data):
    return [(one.names, one.platforms) for one in found(*reader(data))]


def take(data, name="example.org/app:1", node=NODE):
    return chosen(*reader(data), image(name), node)


def named(one):
    """
    Return the one descriptor of the index that is imported.
    """
    [part] = json.loads(one.replaced["index.json"])["manifests"]
    return part["digest"], part["annotations"]["io.containerd.image.name"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (AMD.archive(name="a.io/a:1"), [(["a.io/a:1"], [NODE])]),
        (AMD.archive(ref="3.9"), [(["3.9"], [NODE])]),
        (AMD.archive(), [([], [NODE])]),
        (AMD.docker("a.io/a:1", "a.io/a:2"), [(["a.io/a:1", "a.io/a:2"], [NODE])]),
        (AMD.docker(), [([], [NODE])]),
        (
            layout(index(AMD.described(name="a.io/a:1"), AMD.described(name="a.io/b:1")), *AMD.blobs),
            [(["a.io/a:1", "a.io/b:1"], [NODE])],
        ),
        (
            layout(index(descriptor(BOTH, INDEX, name="a.io/a:1")), BOTH, *AMD.blobs, *ARM.blobs),
            [(["a.io/a:1"], [NODE, "linux/arm64/v8"])],
        ),
        # Of what an index names, only what the archive has.
        (
            layout(index(descriptor(BOTH, INDEX, name="a.io/a:1")), BOTH, *AMD.blobs),
            [(["a.io/a:1"], [NODE])],
        ),
        (
            layout(index(AMD.described(), ARM.described(platform="unknown/unknown")), *AMD.blobs, *ARM.blobs),
            [([], [NODE])],
        ),
    ],
)
def test_names_and_platforms(data, expected):
    assert told(data) == expected


def test_docker_of_today_writes_both_forms_and_containerd_takes_the_layout():
    sizes, get = reader(AMD.archive(name="a.io/a:1"))
    files = {name: get(name) for name in sizes}
    one = take(tar({**files, "manifest.json": b"[]"}))
    assert named(one) == (AMD.digest, "example.org/app:1") and "manifest.json" not in one.files


def test_an_image_is_taken_whole_and_under_the_name_of_pillar():
    one = take(AMD.archive(name="other.io/x:7"))
    assert one.digest == AMD.digest and named(one) == (AMD.digest, "example.org/app:1")
    blobs = [f"blobs/sha256/{digest(blob)[7:]}" for blob in AMD.blobs]
    assert sorted(one.files) == sorted([*blobs, "index.json", "oci-layout"])


def test_of_an_index_only_the_blobs_of_the_platform_are_taken():
    data = layout(index(descriptor(BOTH, INDEX)), BOTH, *AMD.blobs, *ARM.blobs)
    one = take(data)
    assert named(one) == (digest(BOTH), "example.org/app:1")
    assert not set(one.files) & {f"blobs/sha256/{digest(blob)[7:]}" for blob in (ARM.manifest, ARM.config)}
    assert take(data, node="linux/arm64").digest == digest(BOTH)


@pytest.mark.parametrize("order", [(AMD, ARM, V3), (V3, ARM, AMD)])
def test_of_a_flat_index_the_manifest_of_the_platform(order):
    blobs = {digest(blob): blob for one in order for blob in one.blobs}.values()
    data = layout(index(*(one.described(name="a.io/a:1") for one in order)), *blobs)
    assert take(data).digest == AMD.digest
    assert take(data, node="linux/arm64").digest == ARM.digest


def test_of_several_images_the_one_with_the_name():
    two = Image(text="b")
    for keys in (("name", "example.org/app:1", "a.io/b:1"), ("ref", "1", "2")):
        kind, one, other = keys
        parts = [AMD.described(**{kind: one}), two.described(**{kind: other})]
        for order in (parts, parts[::-1]):
            assert take(layout(index(*order), *AMD.blobs, *two.blobs)).digest == AMD.digest
    docker = take(AMD.docker("x.io/a:1", more=[(two, ["example.org/app:1"])]))
    [entry] = json.loads(docker.replaced["manifest.json"])
    assert entry["RepoTags"] == ["example.org/app:1"] and entry["Config"] == f"{digest(two.config)[7:]}.json"
    # Short names in an archive are Docker Hub's.
    hub = AMD.docker("busybox:1", more=[(two, ["x.io/busybox:1"])])
    [entry] = json.loads(take(hub, "docker.io/library/busybox:1").replaced["manifest.json"])
    assert entry["Config"] == f"{digest(AMD.config)[7:]}.json"


def test_a_digest_of_pillar_is_that_of_the_index_or_the_manifest():
    data = layout(index(descriptor(BOTH, INDEX)), BOTH, *AMD.blobs)
    for wanted in (digest(BOTH), AMD.digest):
        one = take(data, f"example.org/app@{wanted}")
        assert (one.digest, named(one)) == (wanted, (wanted, f"example.org/app@{wanted}"))
    assert named(take(data, f"example.org/app:1@{AMD.digest}")) == (AMD.digest, "example.org/app:1")
    with pytest.raises(Refused, match=f"this archive has {digest(BOTH)}: correct one of them"):
        take(data, f"example.org/app@{ARM.digest}")
    with pytest.raises(Refused, match="an archive of docker save has none: write a tag"):
        take(AMD.docker("a.io/a:1"), f"example.org/app@{AMD.digest}")


def without(data, blob):
    sizes, get = reader(data)
    return tar({name: get(name) for name in sizes if digest(blob)[7:] not in name})


def cut(data, blob):
    sizes, get = reader(data)
    ours = digest(blob)[7:]
    return tar({name: get(name)[:-1] if ours in name and blob == get(name) else get(name) for name in sizes})


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (ARM.archive(name="example.org/app:1"), "is for linux/arm64/v8, and this node is linux/amd64"),
        (ARM.docker("example.org/app:1"), "is for linux/arm64/v8, and this node is linux/amd64"),
        (V3.archive(), "is for linux/amd64/v3, and this node is linux/amd64"),
        (layout(index(descriptor(BOTH, INDEX)), BOTH, *ARM.blobs), "is for linux/arm64/v8"),
        (without(AMD.archive(), AMD.layer), "is not whole in this archive"),
        (cut(AMD.archive(), AMD.layer), "is missing or cut"),
        (without(AMD.archive(), AMD.config), "is for no platform"),
        (
            layout(index(AMD.described(name="a.io/a:1"), ARM.described(name="a.io/b:1")), *AMD.blobs),
            "which has a.io/a:1; a.io/b:1: correct one of them",
        ),
        (layout(index()), "which has no image"),
        (tar({"a": b""}), "neither index.json nor manifest.json"),
        (tar({"index.json": b"{"}), "index.json of this archive cannot be read"),
        (tar({"manifest.json": b'[{"Config": "a"}]'}), "an image without Config or Layers"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_words(data, words):
    with pytest.raises(Refused) as refused:
        take(data)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        ("x86_64", "linux/amd64"),
        ("aarch64", "linux/arm64"),
        ("armv7l", "linux/arm/v7"),
        ("riscv64", "linux/riscv64"),
    ],
)
def test_the_platform_of_a_machine(machine, expected):
    assert platform(machine) == expected


@pytest.mark.parametrize(
    ("one", "node", "fits"),
    [
        ("linux/arm/v6", "linux/arm/v7", True),
        ("linux/arm/v7", "linux/arm/v6", False),
        ("linux/arm", "linux/arm/v7", True),
        ("linux/arm64", "linux/arm64", True),
        ("linux/amd64/v1", "linux/amd64", True),
        ("windows/amd64", "linux/amd64", False),
        ("linux/386", "linux/amd64", False),
    ],
)
def test_a_variant_fits_a_node_that_has_it(one, node, fits):
    data = Image(one).archive()
    if fits:
        assert take(data, node=node).files
    else:
        with pytest.raises(Refused):
            take(data, node=node)


def test_a_digest_that_containerd_would_not_list_is_refused():
    """
    It would be imported, and then not be found.
    """
    for own, path in (
        ("sha512:" + "a" * 128, "blobs/sha512/" + "a" * 128),
        ("sha256:a b", "blobs/sha256/a b"),
    ):
        part = {**AMD.described(name="a.io/a:1"), "digest": own}
        files = {f"blobs/sha256/{digest(blob)[7:]}": blob for blob in AMD.blobs}
        data = tar({"oci-layout": b"{}", "index.json": index(part), path: AMD.manifest, **files})
        with pytest.raises(Refused, match="make it anew, with sha256"):
            take(data, "a.io/a:1")
