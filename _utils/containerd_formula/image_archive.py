"""
What an archive of images holds, and what of it a node takes: one image, for its platform, by its name.

``ctr images import`` takes all that an archive has: images of other platforms, and those without a name not
at all, and says that it did. So it is given an archive of what is chosen here.
"""

import json
import re
from typing import NamedTuple

from containerd_formula.data import at, table
from containerd_formula.errors import Refused, brief
from containerd_formula.image_settings import normalised

_INDEX, _LAYOUT, _DOCKER = "index.json", "oci-layout", "manifest.json"
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
_NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
# Bytes. An index has some thousand.
_LARGEST = 4 << 20
# An index in an index in an index is somebody's mistake, and a manifest has less than 200 layers.
_DEEPEST, _MOST = 4, 1000
# What the kernel calls a machine, to what Go does.
_MACHINES = {
    **dict.fromkeys(("x86_64", "amd64"), "amd64"),
    **dict.fromkeys(("aarch64", "arm64"), "arm64"),
    **{"armv7l": "arm/v7", "armv6l": "arm/v6", "armv8l": "arm/v7"},
    **dict.fromkeys(("i386", "i586", "i686"), "386"),
    "loongarch64": "loong64",
}


class Found(NamedTuple):
    """An image of an archive."""

    # As the archive has them: whole ones, tags alone, or none.
    names: list
    platforms: list
    # Descriptors of an OCI layout, or the entry of docker's manifest.
    parts: list


class Chosen(NamedTuple):
    """What of an archive is imported."""

    # Empty where only the import makes it, from docker's form.
    digest: str
    # The members, and those that have another content than in the archive.
    files: list
    replaced: dict


def platform(machine):
    """Return the platform of a Linux node, as images call it, by what its kernel calls the machine."""
    return f"linux/{_MACHINES.get(machine, machine)}"


def found(members, read):
    """
    Return the images of an archive.

    members
        The archive's files: name to size.

    read
        A function that returns the content of a file by its name.
    """
    return _Archive(members, read).images()


def chosen(members, read, image, node):
    """
    Return what of an archive becomes an image of pillar, on a node of a platform.

    The other arguments are those of ``found``. It is refused if the archive does not have the image, not for
    that platform, or not whole.
    """
    archive = _Archive(members, read)
    one = archive.named(image)
    # None has a platform where all is attestations.
    if not any(_fits(each, node) for each in one.platforms):
        has = ", ".join(one.platforms) or "no platform"
        raise Refused(
            f"{image.name} of this archive is for {has}, and this node is {node}: its pods would fail. Make "
            f"the archive for {node}."
        )
    return archive.docker(one, image) if archive.is_docker else archive.layout(one, image, node)


class _Archive:
    """The files of an archive."""

    def __init__(self, members, read):
        self.members, self.read = members, read
        if not self.members.keys() & {_INDEX, _DOCKER}:
            raise Refused("it is no archive of images: it has neither index.json nor manifest.json.")
        # Newer docker writes both; containerd takes the layout then.
        self.is_docker = _INDEX not in self.members or (
            _LAYOUT not in self.members and _DOCKER in self.members
        )

    def images(self):
        entries = self.docker_entries() if self.is_docker else self.groups()
        # One image may have several names.
        result = {}
        for names, parts in entries:
            key = json.dumps([part.get("digest") or part for part in parts], sort_keys=True)
            known = result.setdefault(key, Found([], [], parts))
            known.names.extend(names)
            if not known.platforms:
                known.platforms.extend(self.platforms(parts))
        return list(result.values())

    def named(self, image):
        """Return the image of the archive that pillar means."""
        images = self.images()
        if len(images) == 1:
            return images[0]
        wanted = {normalised(image.name), normalised(image.reference)} - {""}
        for names in (wanted, {image.tag}):
            same = [
                one
                for one in images
                if any(name and (name in names or normalised(name) in names) for name in one.names)
            ]
            if len(same) == 1:
                return same[0]
        told = [", ".join(one.names) or "one without a name" for one in images]
        has = "; ".join(told[:20]) or "no image"
        raise Refused(brief(f"{image.name} is not in this archive, which has {has}: correct one of them."))

    def platforms(self, parts):
        if self.is_docker:
            return [self.of_config(parts[0]["Config"])]
        return list(dict.fromkeys(name for part in parts for name, _ in self.leaves(part)))

    # docker save

    def docker_entries(self):
        given = self.json(_DOCKER)
        entries = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
        for one in entries[:_MOST]:
            layers = one.get("Layers")
            if not isinstance(one.get("Config"), str) or not isinstance(layers, list):
                raise Refused(f"{_DOCKER} of this archive has an image without Config or Layers.")
            tags = one.get("RepoTags")
            names = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
            yield names, [{"Config": one["Config"], "Layers": [str(layer) for layer in layers[:_MOST]]}]

    def docker(self, one, image):
        """Return what is imported of an archive in docker's form."""
        if image.digest:
            raise Refused(
                f"{image.name} has a digest, and an archive of docker save has none: write a tag, or make "
                "the archive with ctr or skopeo."
            )
        entry = one.parts[0]
        files = list(dict.fromkeys([entry["Config"], *entry["Layers"]]))
        for name in files:
            self.must_have(name, None, image)
        data = json.dumps([{**entry, "RepoTags": [image.reference]}]).encode()
        return Chosen("", [*files, _DOCKER], {_DOCKER: data})

    # OCI layout

    def groups(self):
        """Yield each name of the index, with the manifests or indexes that it stands for."""
        parts = {}
        for part in _tables(self.json(_INDEX), "manifests"):
            if not _is_attestation(part):
                parts.setdefault(_name(part), []).append(part)
        for name, some in parts.items():
            yield ([name] if name else []), some

    def layout(self, one, image, node):
        """Return what is imported of an OCI layout."""
        top, leaf = self.best(one, image, node)
        if not _SHA256.fullmatch(top["digest"]):
            shown = brief(top["digest"])[:80]
            raise Refused(f"{image.name} of this archive has the digest {shown}: make it anew, with sha256.")
        config = self.blob(leaf, image)
        needed = [*self.indexes(top), leaf, config.get("config"), *_tables(config, "layers")]
        files = []
        for part in needed:
            name = _path(part)
            if not name:
                raise Refused(f"{image.name} of this archive has a manifest without config or layers.")
            self.must_have(name, part.get("size"), image)
            files.append(name)
        reference = image.reference or image.references(top["digest"])[-1]
        part = {**top, "annotations": {_NAMES[0]: reference}}
        index = {"schemaVersion": 2, "manifests": [part]}
        replaced = {_INDEX: json.dumps(index).encode(), _LAYOUT: b'{"imageLayoutVersion": "1.0.0"}'}
        return Chosen(top["digest"], [*dict.fromkeys(files), *replaced], replaced)

    def best(self, one, image, node):
        """Return the descriptor that gets the name, and that of the manifest for this node."""
        fitting = [(top, leaf) for top in one.parts for name, leaf in self.leaves(top) if _fits(name, node)]
        if not image.digest:
            return fitting[0]
        for top, leaf in fitting:
            for part in (top, leaf):
                if part.get("digest") == image.digest:
                    return part, leaf
        has = ", ".join(str(top.get("digest")) for top, _ in fitting)
        raise Refused(f"{image.name}: this archive has {has}: correct one of them.")

    def leaves(self, part, depth=0):
        """Yield the platform and the descriptor of each manifest below a descriptor."""
        content = self.maybe(part)
        if "manifests" in content or "index" in str(part.get("mediaType")):
            for inner in _tables(content, "manifests") if depth < _DEEPEST else ():
                if not _is_attestation(inner):
                    yield from self.leaves(inner, depth + 1)
        elif content:
            given = part.get("platform")
            config = _path(content.get("config"))
            name = _platform(given) if isinstance(given, dict) else self.of_config(config)
            if name:
                yield name, part

    def indexes(self, part, depth=0):
        """Return the descriptors of the indexes from a descriptor down, as far as the archive has them."""
        inner = _tables(self.maybe(part), "manifests")
        if not inner or depth > _DEEPEST:
            return []
        return [part, *(one for each in inner for one in self.indexes(each, depth + 1))]

    def of_config(self, name):
        """Return the platform that the configuration of an image says, empty where it is not there."""
        given = self.json(name) if name in self.members else {}
        return _platform(given) if isinstance(given, dict) else ""

    def blob(self, part, image):
        self.must_have(_path(part), part.get("size"), image)
        return self.json(_path(part))

    def maybe(self, part):
        """Return the content of a blob as a table, an empty one where the archive has it not."""
        name = _path(part)
        data = self.json(name) if name in self.members else {}
        return data if isinstance(data, dict) else {}

    def must_have(self, name, size, image):
        if name not in self.members or (isinstance(size, int) and self.members[name] != size):
            shown = brief(str(name))[-80:]
            raise Refused(
                f"{image.name} is not whole in this archive: {shown} is missing or cut. Make it anew."
            )

    def json(self, name):
        if self.members[name] > _LARGEST:
            raise Refused(f"{name} of this archive is larger than {_LARGEST >> 20} MB: it is no image's.")
        try:
            return json.loads(self.read(name))
        except (ValueError, RecursionError) as err:
            raise Refused(f"{brief(name)} of this archive cannot be read: it is not JSON.") from err


def _tables(data, key):
    """Return the tables in a list of a table."""
    value = at(data, (key,)) if isinstance(data, dict) else None
    return [one for one in value[:_MOST] if isinstance(one, dict)] if isinstance(value, list) else []


def _path(part):
    """Return the file of a descriptor's blob, empty if it is none."""
    digest = part.get("digest") if isinstance(part, dict) else None
    kind, mark, value = digest.partition(":") if isinstance(digest, str) else ("", "", "")
    return f"blobs/{kind}/{value}" if mark else ""


def _name(part):
    given = table(part, ("annotations",))
    return next((given[key] for key in _NAMES if isinstance(given.get(key), str) and given[key]), "")


def _is_attestation(part):
    return "vnd.docker.reference.type" in table(part, ("annotations",)) or (
        at(part, ("platform", "os")) == "unknown"
    )


def _platform(data):
    """Return a platform in one word, empty where there is none."""
    system, machine, variant = (data.get(key) for key in ("os", "architecture", "variant"))
    if not isinstance(system, str) or not isinstance(machine, str) or not (system and machine):
        return ""
    return f"{system}/{machine}" + (f"/{variant}" if isinstance(variant, str) and variant else "")


def _fits(image, node):
    """Tell whether containerd on a node takes an image of a platform."""
    system, machine, variant = [*image.split("/"), "", ""][:3]
    own_system, own_machine, own_variant = [*node.split("/"), "", ""][:3]
    if (system, machine) != (own_system, own_machine):
        return False
    if machine == "arm":
        return (variant or "v7") <= (own_variant or "v7")
    usual = {"amd64": "v1", "arm64": "v8"}.get(machine)
    return not variant or usual is None or variant == usual
