"""Pillar ``images`` as a model: which images a node has without a registry, and from which archives."""

import re
from typing import NamedTuple

from containerd_formula.addresses import is_address, is_sha256
from containerd_formula.conditions import has_fix
from containerd_formula.data import plain
from containerd_formula.errors import Refused, quoted
from containerd_formula.findings import ERROR, WARNING, of_pillar
from containerd_formula.names import nearest
from containerd_formula.secrets import MASK, masked_url

_KEYS = ("name", "archive", "sha256", "pinned")
# What registries and CRI take: a host, the path below it, a tag, a digest.
_HOST = r"(?:[A-Za-z0-9][A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+)*|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?"
_PART = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
REFERENCE = re.compile(
    rf"({_HOST})/({_PART}(?:/{_PART})*)(?::({_TAG}))?(?:@(sha256:[0-9a-f]{{64}}))?", re.ASCII
)
# Longer ones no registry has.
_LONGEST = 500
_HUB, _ALSO_HUB = "docker.io", "index.docker.io/"


class Image(NamedTuple):
    """An image that a node has to have."""

    # As in pillar.
    name: str
    # Host and path.
    repository: str
    # Either may be empty, not both.
    tag: str
    digest: str
    archive: str
    sha256: str
    pinned: bool

    @property
    def reference(self):
        """Return the name that the import gives it, empty where it has a digest alone."""
        return f"{self.repository}:{self.tag}" if self.tag else ""

    @property
    def key(self):
        """Return the name by which the import has it."""
        return self.reference or f"{self.repository}@{self.digest}"

    def references(self, digest):
        """Return the names under which pods find it: by its tag, and by its digest."""
        return [*([self.reference] if self.tag else []), f"{self.repository}@{digest}"]


class Model(NamedTuple):
    """What pillar ``images`` says."""

    images: list
    findings: list


def read(given, release=None):
    """Return the model of a pillar; without a release it is that of the newest."""
    return _Reader(release).read(given)


def can_pin(release):
    """Tell whether a release has images that kubelet's collection leaves alone."""
    return has_fix(release, "1.6.22", "1.7.3")


def normalised(name):
    """Return the name by which containerd has an image, empty if it is none; a short one is Docker Hub's."""
    if not isinstance(name, str) or not name or len(name) > _LONGEST:
        return ""
    name = f"{_HUB}/{name[len(_ALSO_HUB) :]}" if name.startswith(_ALSO_HUB) else name
    host, slash, rest = name.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        name = f"{_HUB}/{name}" if slash else f"{_HUB}/library/{name}"
    elif host == _HUB and "/" not in rest:
        name = f"{_HUB}/library/{rest}"
    found = REFERENCE.fullmatch(name)
    if not found:
        return ""
    # With a digest, containerd leaves the tag out.
    repository = f"{found[1]}/{found[2]}"
    return f"{repository}@{found[4]}" if found[4] else f"{repository}:{found[3] or 'latest'}"


class _Reader:
    """The way of one pillar to its model, and what is wrong with it."""

    def __init__(self, release):
        self.release = release
        self.found = []

    def tell(self, where, words, level=ERROR):
        """Note what is wrong with a key."""
        self.found.append(of_pillar(("containerd", "images", *where), where, words, level))

    def read(self, given):
        entries = [] if given is None else given
        if not isinstance(entries, (list, tuple)):
            self.tell((), "it must be a list of images, each with name, archive and sha256")
            entries = []
        images = []
        for at, entry in enumerate(entries):
            if len(self.found) > 100:
                break
            if (image := self.image((str(at),), entry)) and not self.is_twice((str(at),), image, images):
                images.append(image)
        if not can_pin(self.release) and (pinned := [one.name for one in images if one.pinned]):
            self.tell(
                (),
                f"containerd {self.release} cannot pin images: a kubelet short of disk may remove "
                f"{', '.join(pinned[:10])}, and only a registry brings them back until the next run. Upgrade "
                "to 1.6.22, 1.7.3 or newer, or raise imageGCHighThresholdPercent of the kubelet",
                WARNING,
            )
        return Model(images, self.found)

    def image(self, where, entry):
        """Return the model of one entry, None where it is wrong."""
        if entry is None:
            self.tell(where, "it is null, and takes nothing away: leave the entry out of the list instead")
            return None
        try:
            entry = plain(entry, where)
        except Refused as err:
            self.tell(where, str(err))
            return None
        if not isinstance(entry, dict):
            self.tell(where, "it must be a mapping with name, archive and sha256")
            return None
        before = len(self.found)
        for key in entry:
            if key not in _KEYS:
                near = nearest(key, _KEYS)
                cure = f"did you mean {near}?" if near else f"known are {', '.join(_KEYS)}"
                self.tell((*where, masked_url(key)), f"there is no such key; {cure}")
        parts = self.name((*where, "name"), entry.get("name"))
        archive = self.address((*where, "archive"), entry.get("archive"))
        sha256 = entry.get("sha256")
        if not is_sha256(sha256):
            words = f"it is {quoted(sha256)}; pin the 64 hexadecimal digits that sha256sum prints for it"
            self.tell((*where, "sha256"), words)
        pinned = entry.get("pinned", True)
        if not isinstance(pinned, bool):
            words = f"it is {quoted(pinned)}; it must be true or false, without quotes"
            self.tell((*where, "pinned"), words)
        if len(self.found) > before:
            return None
        return Image(entry["name"], *parts, archive, sha256, pinned)

    def name(self, where, name):
        """Return repository, tag and digest of a name; tell what is wrong with it."""
        if not isinstance(name, str) or not name:
            self.tell(where, "it is missing: write the one that pods use, such as registry.k8s.io/pause:3.10")
            return None
        whole = normalised(name)
        if not whole:
            self.tell(where, f"{quoted(name[:100])} is no name of an image: write host/path:tag")
            return None
        host = name.partition("/")[0]
        if host == name or not ("." in host or ":" in host or host == "localhost"):
            self.tell(where, f"it has no registry: write {whole}, the name by which containerd has it")
            return None
        found = REFERENCE.fullmatch(name)
        repository = f"{found[1]}/{found[2]}"
        if not whole.startswith((f"{repository}:", f"{repository}@")):
            self.tell(where, f"containerd has it as {whole}: write that")
            return None
        if not found[3] and not found[4]:
            self.tell(where, f"it has no tag: write {whole}, if you mean that")
            return None
        return repository, found[3] or "", found[4] or ""

    def address(self, where, address):
        if is_address(address) and MASK not in address:
            return address
        self.tell(where, "it is not an address: write a salt://, https:// or file:// one of a tar")
        return None

    def is_twice(self, where, image, others):
        """Tell whether another entry has the same name."""
        if image.key in {one.key for one in others}:
            self.tell((*where, "name"), f"{image.name} is there twice: leave one out")
            return True
        return False
