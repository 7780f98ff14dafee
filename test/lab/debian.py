"""Packages of Debian's archive, by an apt of our own: the host's is left alone."""

from __future__ import annotations

import subprocess
from pathlib import Path

from . import cache, host

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def unpacked(package: str, suite: str) -> Path:
    """Return a folder with the files of a suite's newest version of a package, as ``/`` would have them."""

    def make(target: Path) -> None:
        archive = Archive(suite, target.parent / "apt")
        run(["dpkg-deb", "-x", str(archive.download(package)), str(target)])

    return cache.artefact(f"{package}-{suite}", [suite, host.mirror(), package], make)


def package(name: str, suite: str) -> Path:
    """Return the ``.deb`` of a suite's newest version of a package."""

    def make(target: Path) -> None:
        Archive(suite, target.parent / "apt").download(name).rename(target)

    return cache.artefact(f"package-{name}-{suite}", [suite, host.mirror(), name], make, ".deb")


class Archive:
    """The packages of one suite, listed in a folder of ours; its sources too, if asked for."""

    def __init__(self, suite: str, folder: Path, sources: bool = False):
        for part in ("lists/partial", "archives/partial"):
            (folder / part).mkdir(parents=True)
        listed = folder / "sources.list"
        kinds = ("deb", "deb-src") if sources else ("deb",)
        listed.write_text(
            "".join(f"{kind} [signed-by={KEYRING}] {host.mirror()} {suite} main\n" for kind in kinds)
        )
        settings = {
            "Dir::Etc::sourcelist": listed,
            "Dir::Etc::sourceparts": "-",
            "Dir::State": folder,
            "Dir::State::status": "/dev/null",
            "Dir::Cache": folder,
            "APT::Architecture": host.DEBIAN_ARCH,
            "APT::Sandbox::User": "root",
        }
        self._folder = folder
        self._options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
        run(["apt-get", "-qq", *self._options, "update"])

    def show(self, package: str) -> str:
        """Return what the archive says of a package."""
        return run(["apt-cache", *self._options, "show", package])

    def download(self, package: str) -> Path:
        """Return the downloaded ``.deb`` of a package."""
        run(["apt-get", "-qq", *self._options, "download", package], cwd=self._folder)
        return next(self._folder.glob("*.deb"))

    def source(self, package: str, target: Path) -> None:
        """Unpack the source of a package, which apt has compared with what the archive has signed."""
        run(["apt-get", "-qq", *self._options, "--download-only", "source", package], cwd=self._folder)
        described = next(self._folder.glob("*.dsc"))
        run(["dpkg-source", "--no-check", "-x", str(described), str(target)])


def run(argv: list[str], cwd: Path | None = None) -> str:
    """Run a command and return what it printed; ``LabError`` with its own words if it fails."""
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise host.LabError(f"{' '.join(argv)} failed:\n{done.stderr[-2000:]}")
    return done.stdout
