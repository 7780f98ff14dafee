"""Packages for pacman made of Debian's, and a signed repository of them."""

from __future__ import annotations

import base64
import io
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

from . import cache, debian, repository

ARCH = "x86_64"


@dataclass(frozen=True)
class Package:
    """What a package is made of; ``files`` has the place in it and the file here, or its text."""

    name: str
    version: str
    files: dict[str, Path | str] = field(default_factory=dict)
    depends: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """Return the name of its file, which a mirror has it under."""
        return f"{self.name}-{self.version}-{ARCH}.pkg.tar.gz"

    def build(self) -> Path:
        """Return the package, unsigned."""
        facts = [self.file, {place: str(file) for place, file in self.files.items()}, self.depends]
        return cache.artefact(f"pacman-{self.name}-{self.version}", facts, self._make, ".pkg.tar.gz")

    def _make(self, target: Path) -> None:
        facts = {
            **{"pkgname": self.name, "pkgbase": self.name, "pkgver": self.version, "pkgdesc": "of the lab"},
            **{"builddate": 1, "packager": "nobody <nobody@example.org>", "size": 1, "arch": ARCH},
        }
        lines = [*facts.items(), *(("depend", name) for name in self.depends)]
        with tarfile.open(target, "w:gz", compresslevel=1) as tar:
            _add(tar, ".PKGINFO", "".join(f"{key} = {value}\n" for key, value in lines))
            for place, file in self.files.items():
                if isinstance(file, Path):
                    tar.add(file, place[1:], filter=_as_root)
                else:
                    _add(tar, place[1:], file)


def containerd(suite: str, build: int = 1) -> list[Package]:
    """Return Debian's containerd and runc of a suite as Arch would have packaged them."""
    root = debian.unpacked("containerd", suite)
    unit = next(root.rglob("containerd.service")).read_text()
    programs = {
        f"/usr/bin/{name}": root / "usr/bin" / name
        for name in ("containerd", "containerd-shim-runc-v2", "ctr")
    }
    version = f"{repository.upstream('containerd', suite)}-{build}"
    files = {**programs, "/usr/lib/systemd/system/containerd.service": unit}
    return [
        Package("containerd", version, files, ("runc",)),
        Package("runc", "1.1.5-1", {"/usr/bin/runc": repository.runc()}),
    ]


def serve(
    server: repository.Server,
    folder: str,
    repo: str,
    packages: list[Package],
    key: repository.Key,
    listed_by: repository.Key,
) -> None:
    """Serve a repository that has each package in one version, as Arch's; another key may sign its list."""
    database = io.BytesIO()
    with tarfile.open(fileobj=database, mode="w:gz") as tar:
        for package in packages:
            built = package.build()
            server.put(f"{folder}/{package.file}", built)
            signature = key.detached_bytes(built.read_bytes())
            server.put(f"{folder}/{package.file}.sig", signature)
            _add(tar, f"{package.name}-{package.version}/desc", _described(package, built, signature))
    server.put(f"{folder}/{repo}.db", database.getvalue())
    server.put(f"{folder}/{repo}.db.sig", listed_by.detached_bytes(database.getvalue()))


def _described(package: Package, built: Path, signature: bytes) -> str:
    """Return what repo-add would write of a package."""
    facts = {
        **{"FILENAME": package.file, "NAME": package.name, "BASE": package.name, "VERSION": package.version},
        **{"DESC": "of the lab", "CSIZE": built.stat().st_size, "ISIZE": built.stat().st_size},
        **{"SHA256SUM": repository.sha256(built), "PGPSIG": base64.b64encode(signature).decode()},
        **{"ARCH": ARCH, "BUILDDATE": 1, "PACKAGER": "nobody <nobody@example.org>"},
    }
    if package.depends:
        facts["DEPENDS"] = "\n".join(package.depends)
    return "".join(f"%{key}%\n{value}\n\n" for key, value in facts.items())


def _add(tar: tarfile.TarFile, name: str, text: str) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(text.encode())
    tar.addfile(member, io.BytesIO(text.encode()))


def _as_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member
