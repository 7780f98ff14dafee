"""A container image without a registry: the host's static busybox as an OCI image layout."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path

from . import host

BUSYBOX = Path("/bin/busybox")
# The first process of a container ignores TERM unless it asks for it, hence the trap.
SLEEP = ["/bin/sh", "-c", "trap 'exit 0' TERM; sleep 2147483647 & wait"]


def busybox_image(name: str, mark: str = "") -> bytes:
    """Return a tar for ``ctr -n k8s.io images import``; the same bytes for the same name and busybox.

    name
        The name the node knows the image by: ``registry.k8s.io/pause:3.9``. Its default command
        sleeps until TERM, so it serves as sandbox image too.

    mark
        Images of one mark are one image to the node, by several names.
    """
    layer = _tar(_root_files())
    config = _json(
        {
            "architecture": host.DEBIAN_ARCH,
            "os": "linux",
            "config": {"Cmd": SLEEP, "Env": ["PATH=/bin", *([f"MARK={mark}"] if mark else [])]},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": _descriptor("application/vnd.oci.image.config.v1+json", config),
            "layers": [_descriptor("application/vnd.oci.image.layer.v1.tar", layer)],
        }
    )
    index = _json(
        {
            "schemaVersion": 2,
            "manifests": [
                {
                    **_descriptor("application/vnd.oci.image.manifest.v1+json", manifest),
                    "annotations": {"io.containerd.image.name": name},
                }
            ],
        }
    )
    files = [_file("oci-layout", _json({"imageLayoutVersion": "1.0.0"})), _file("index.json", index)]
    files += [_file(f"blobs/sha256/{_digest(blob)[7:]}", blob) for blob in (config, manifest, layer)]
    return _tar(files)


def _root_files() -> list[tuple[tarfile.TarInfo, bytes]]:
    listed = subprocess.run([str(BUSYBOX), "--list"], stdout=subprocess.PIPE, text=True, check=True)
    applets = sorted(set(listed.stdout.split()) - {"busybox"})
    return [
        *(_entry(folder, tarfile.DIRTYPE) for folder in ("bin", "dev", "etc", "proc", "sys", "tmp")),
        _file("bin/busybox", BUSYBOX.read_bytes(), 0o755),
        *(_entry(f"bin/{applet}", tarfile.SYMTYPE, "busybox") for applet in applets),
    ]


def _file(name: str, content: bytes, mode: int = 0o644) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), mode
    return info, content


def _entry(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.linkname = kind, 0o755, target
    return info, b""


def _tar(files: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    # Owner 0 and time 0 are what TarInfo starts with, so nothing of this host gets in.
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for info, content in files:
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def _json(data: object) -> bytes:
    return json.dumps(data, sort_keys=True).encode()


def _digest(blob: bytes) -> str:
    return "sha256:" + hashlib.sha256(blob).hexdigest()


def _descriptor(media_type: str, blob: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": _digest(blob), "size": len(blob)}
