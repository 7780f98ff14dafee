"""
Archives of container images, whole and otherwise, as tests need them; and a daemon of each release for them.
"""

import hashlib
import io
import json
import tarfile

from support import daemon

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
NAME = "io.containerd.image.name"
REF = "org.opencontainers.image.ref.name"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def descriptor(data, kind=MANIFEST, platform=None, **annotations):
    """
    Return what an index says of a blob.
    """
    found = {"mediaType": kind, "digest": digest(data), "size": len(data)}
    if platform:
        found["platform"] = dict(zip(("os", "architecture", "variant"), platform.split("/")))
    keys = {"name": NAME, "ref": REF, "attests": "vnd.docker.reference.type"}
    given = {keys[key]: value for key, value in annotations.items()}
    return {**found, **({"annotations": given} if given else {})}


def index(*descriptors):
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": descriptors}).encode()


class Image:
    """
    An image of one platform: its blobs.
    """

    def __init__(self, platform="linux/amd64", text="a"):
        self.layer = tar({"etc/text": text.encode()})
        keys = dict(zip(("os", "architecture", "variant"), platform.split("/")))
        rootfs = {"type": "layers", "diff_ids": [digest(self.layer)]}
        self.config = json.dumps({**keys, "config": {}, "rootfs": rootfs}).encode()
        layer = descriptor(self.layer, "application/vnd.oci.image.layer.v1.tar")
        config = descriptor(self.config, "application/vnd.oci.image.config.v1+json")
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}
        self.manifest = json.dumps(manifest).encode()
        self.digest = digest(self.manifest)

    @property
    def blobs(self):
        return [self.manifest, self.config, self.layer]

    def described(self, **keys):
        return descriptor(self.manifest, **keys)

    def archive(self, **annotations):
        """
        Return an archive of this image alone.
        """
        return layout(index(self.described(**annotations)), *self.blobs)

    def docker(self, *names, more=()):
        """
        Return an archive as docker save made it, with other images behind it.
        """
        files, entries = {}, []
        for image, tags in ((self, names), *more):
            config = f"{digest(image.config)[7:]}.json"
            files.update({config: image.config, f"{config[:8]}/layer.tar": image.layer})
            entries.append(
                {"Config": config, "RepoTags": [*tags] or None, "Layers": [f"{config[:8]}/layer.tar"]}
            )
        return tar({**files, "manifest.json": json.dumps(entries).encode()})


def layout(index_json, *blobs):
    """
    Return an archive of an OCI image layout.
    """
    files = {f"blobs/sha256/{digest(blob)[7:]}": blob for blob in blobs}
    return tar({"oci-layout": b'{"imageLayoutVersion": "1.0.0"}', "index.json": index_json, **files})


def tar(files):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def reader(data):
    """
    Return what the library is given of an archive: the sizes of its files, and a function that reads one.
    """
    archive = tarfile.open(fileobj=io.BytesIO(data))
    sizes = {member.name: member.size for member in archive}
    return sizes, lambda name: archive.extractfile(name).read()


class Daemon(daemon.Daemon):
    """
    A daemon of a release whose images are the kubelet's.
    """

    NAMESPACE = ("--namespace", "k8s.io")

    def names(self):
        """
        Return the names of the images.
        """
        return sorted(self.ctr("images", "ls", "-q").stdout.split())
