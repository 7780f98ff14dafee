"""RPM packages made of Debian's, and signed repositories of them, by the real rpmbuild and createrepo_c."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from . import cache, debian, repository

TOOLS = ("rpmbuild", "rpmsign", "createrepo_c")
ARCH = "x86_64"
# What the macros of systemd become: a package's service is not started, but restarted by an upgrade.
SCRIPTS = {
    "post": "[ $1 -ne 1 ] || systemctl --no-reload preset containerd.service || :",
    "preun": "[ $1 -ne 0 ] || systemctl --no-reload disable --now containerd.service || :",
    "postun": "systemctl daemon-reload || :\n[ $1 -lt 1 ] || systemctl try-restart containerd.service || :",
}


@dataclass(frozen=True)
class Package:
    """What an RPM is built of; ``files`` has the place in it and the file here, or its text."""

    name: str
    version: str
    release: str = "1"
    arch: str = ARCH
    files: dict[str, Path | str] = field(default_factory=dict)
    #: Lines of the spec's head: ``("Provides: runc",)``.
    head: tuple[str, ...] = ()
    scripts: dict[str, str] = field(default_factory=dict)
    #: What goes before the line of a file: ``{"/etc/x.toml": "%config(noreplace)"}``.
    marks: dict[str, str] = field(default_factory=dict)

    def build(self) -> Path:
        """Return the RPM, unsigned."""
        facts = [self.name, self.version, self.release, self.arch, self.head, self.scripts, self.marks]
        facts += [{place: str(file) for place, file in self.files.items()}, 1]
        return cache.artefact(f"{self.name}-{self.version}-{self.release}", facts, self._make, ".rpm")

    def _make(self, target: Path) -> None:
        top = target.parent / "rpmbuild"
        tree = top / "tree"
        for place, file in self.files.items():
            (tree / place[1:]).parent.mkdir(parents=True, exist_ok=True)
            if isinstance(file, Path):
                shutil.copy(file, tree / place[1:])
            else:
                (tree / place[1:]).write_text(file)
        tree.mkdir(parents=True, exist_ok=True)
        spec = top / "package.spec"
        spec.write_text(self._spec(tree))
        debian.run(["rpmbuild", "-bb", "--quiet", f"--define=_topdir {top}", str(spec)])
        next((top / "RPMS").rglob("*.rpm")).rename(target)

    def _spec(self, tree: Path) -> str:
        scripts = "".join(f"%{name}\n{text}\n\n" for name, text in self.scripts.items())
        listed = "".join(f"{self.marks.get(place, '')} {place}\n" for place in self.files)
        return (
            # Nothing of Debian's files is changed, and packing costs no time.
            "%global __os_install_post %{nil}\n%global debug_package %{nil}\n%global _build_id_links none\n"
            "%global _binary_payload w1.gzdio\n"
            f"Name: {self.name}\nVersion: {self.version}\nRelease: {self.release}\nBuildArch: {self.arch}\n"
            "Summary: of the lab\nLicense: Apache-2.0\nAutoReqProv: no\n"
            + "".join(f"{line}\n" for line in self.head)
            + f"\n%description\nOf the lab.\n\n%install\ncp -a {tree}/. %{{buildroot}}\n\n"
            + f"{scripts}%files\n{listed}"
        )


def containerd_io(suite: str) -> Package:
    """Return Debian's containerd of a suite as Docker would have packaged it for CentOS."""
    return Package(
        "containerd.io",
        repository.upstream("containerd", suite),
        "3.1.el9",
        files={
            **_binaries(suite, "/usr/bin", "ctr"),
            "/usr/bin/runc": repository.runc(),
            "/etc/containerd/config.toml": repository.CONFIG,
        },
        head=(
            *("Provides: containerd", "Provides: runc", "Obsoletes: containerd", "Obsoletes: runc"),
            *("Conflicts: containerd", "Conflicts: runc"),
        ),
        scripts=SCRIPTS,
        marks={"/etc/containerd/config.toml": "%config(noreplace)"},
    )


def suse(suite: str) -> list[Package]:
    """Return Debian's containerd of a suite as openSUSE has packaged it: ctr goes by another name."""
    version = repository.upstream("containerd", suite)
    files = _binaries(suite, "/usr/sbin", "containerd-ctr")
    ctr = {"/usr/sbin/containerd-ctr": files.pop("/usr/sbin/containerd-ctr")}
    text = "# See containerd-config.toml(5) for documentation.\n"
    return [
        Package(
            "containerd",
            version,
            "150000.1.1",
            files={**files, "/etc/containerd/config.toml": text},
            head=("Requires: runc",),
            scripts=SCRIPTS,
            marks={"/etc/containerd/config.toml": "%config"},
        ),
        Package(
            "containerd-ctr", version, "150000.1.1", files=ctr, head=(f"Requires: containerd = {version}",)
        ),
    ]


def of_debian(name: str, package: str, files: tuple[str, ...], version: str = "1") -> Package:
    """Return files of a Debian package as an RPM of another name."""
    root = debian.unpacked(package, repository.RUNC_SUITE)
    return Package(name, version, files={f"/{path}": root / path for path in files})


def _binaries(suite: str, folder: str, ctr: str) -> dict[str, Path | str]:
    """Return containerd's own files, in the folder where a distribution has its programs."""
    root = debian.unpacked("containerd", suite)
    # In /lib, or in /usr/lib.
    unit = next(root.rglob("containerd.service")).read_text().replace("/usr/bin", folder)
    return {
        f"{folder}/containerd": root / "usr/bin/containerd",
        f"{folder}/containerd-shim-runc-v2": root / "usr/bin/containerd-shim-runc-v2",
        f"{folder}/{ctr}": root / "usr/bin/ctr",
        "/usr/lib/systemd/system/containerd.service": unit.replace(
            "/usr/bin/containerd", f"{folder}/containerd"
        ),
    }


def serve(
    server: repository.Server,
    folder: str,
    packages: list[Package],
    key: repository.Key,
    listed_by: repository.Key | None,
) -> str:
    """Serve a repository of packages that a key signed, with lists that another did; return its address."""
    with tempfile.TemporaryDirectory(dir=cache.folder()) as scratch:
        work = Path(scratch)
        for package in packages:
            target = (
                work / "Packages" / f"{package.name}-{package.version}-{package.release}.{package.arch}.rpm"
            )
            target.parent.mkdir(exist_ok=True)
            shutil.copy(package.build(), target)
            key.sign_rpm(target)
        debian.run(["createrepo_c", "--quiet", str(work)])
        if listed_by:
            listed = work / "repodata/repomd.xml"
            (work / "repodata/repomd.xml.asc").write_text(listed_by.detached(listed.read_text()))
            (work / "repodata/repomd.xml.key").write_text(listed_by.text)
        server.replace(folder, work)
    return f"{server.url}/{folder}"
