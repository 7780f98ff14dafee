"""The Debian cloud kernel of a suite, and initial RAM disks to boot it with."""

from __future__ import annotations

import lzma
import os
import re
import shutil
import subprocess
from pathlib import Path

from . import cache, debian, host

META_PACKAGE = f"linux-image-cloud-{host.DEBIAN_ARCH}"
INITRD_PARTS = Path(__file__).parent / "initrd"

# What a node must have before its root file system is mounted, and its network card.
EARLY_MODULES = ("virtio_pci", "virtio_blk", "ext4", "virtio_net")


def kernel(suite: str) -> Path:
    """Return a folder with the suite's newest cloud kernel: ``vmlinuz`` and ``lib/modules``."""
    return cache.artefact(
        f"kernel-{suite}", [suite, host.mirror(), META_PACKAGE], lambda path: _download(suite, path)
    )


def config(suite: str) -> Path:
    """Return the file with which that kernel was configured: ``config-`` and its release."""
    release = next((kernel(suite) / "lib/modules").iterdir()).name
    return debian.unpacked(f"linux-image-{release}", suite) / f"boot/config-{release}"


def initrd(suite: str) -> Path:
    """Return the initial RAM disk that boots a node of this suite."""
    tree = kernel(suite)
    inputs = [tree.name, (INITRD_PARTS / "init").read_text(), EARLY_MODULES]
    return cache.artefact(f"initrd-{suite}", inputs, lambda path: _pack(path, "init", tree), ".cpio")


def probe_initrd() -> Path:
    """Return an initial RAM disk whose guest says a word and powers off."""
    inputs = (INITRD_PARTS / "probe").read_text()
    return cache.artefact("initrd-probe", inputs, lambda path: _pack(path, "probe"), ".cpio")


def _download(suite: str, target: Path) -> None:
    archive = debian.Archive(suite, target.parent / "apt")
    package = re.search(r"^Depends: (linux-image-\S+)", archive.show(META_PACKAGE), re.MULTILINE)
    if not package:
        raise host.LabError(f"{META_PACKAGE} of {suite} names no kernel package")
    unpacked = target.parent / "unpacked"
    debian.run(["dpkg-deb", "-x", str(archive.download(package.group(1))), str(unpacked)])
    # Up to Debian 12 the package has them in /lib, from 13 on in /usr/lib.
    base = unpacked if (unpacked / "lib/modules").exists() else unpacked / "usr"
    version = next(path.name for path in (base / "lib/modules").iterdir())
    debian.run(["depmod", "-b", str(base), version])
    (target / "lib").mkdir(parents=True)
    (unpacked / "boot" / f"vmlinuz-{version}").rename(target / "vmlinuz")
    (base / "lib/modules").rename(target / "lib/modules")


def _pack(target: Path, init: str, tree: Path | None = None) -> None:
    """Write an uncompressed archive of busybox, an init script and the early modules of a kernel."""
    root = target.parent / "root"
    for folder in ("bin", "dev", "modules", "proc", "root"):
        (root / folder).mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin/busybox")
    shutil.copy(INITRD_PARTS / init, root / "init")
    if tree:
        _copy_modules(next((tree / "lib/modules").iterdir()), root / "modules")
    names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
    with open(target, "wb") as archive:
        subprocess.run(
            ["cpio", "--quiet", "-o", "-H", "newc"],
            cwd=root,
            input=names.encode(),
            stdout=archive,
            check=True,
        )


def _copy_modules(modules: Path, target: Path) -> None:
    """Copy the early modules, unpacked, and write the order to load them in to ``order``."""
    needs = {}
    for line in (modules / "modules.dep").read_text().splitlines():
        name, _, needed = line.partition(":")
        # depmod puts what must be loaded first last.
        needs[_module_name(name)] = [*reversed(needed.split()), name]
    order: list[str] = []
    for early in EARLY_MODULES:
        # A module that is not listed is built into the kernel.
        order += [path for path in needs.get(early, []) if path not in order]
    for path in order:
        content = (modules / path).read_bytes()
        if path.endswith(".xz"):
            content = lzma.decompress(content)
        (target / _module_name(path)).write_bytes(content)
    (target / "order").write_text("".join(f"{_module_name(path)}\n" for path in order))


def _module_name(path: str) -> str:
    return os.path.basename(path).split(".ko")[0].replace("-", "_")
