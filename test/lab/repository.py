"""A web server with a signed apt repository in the shape of Docker's, and archives in that of upstream's.

Both are made of Debian's own packages, so that nothing but Debian's archive is needed. A node reaches this
host, and so the server, at 10.0.2.2.
"""

from __future__ import annotations

import hashlib
import http.server
import os
import re
import shutil
import socket
import ssl
import subprocess
import tarfile
import tempfile
import threading
from pathlib import Path

from . import cache, debian, host
from .authority import Certificate

# What Docker's package holds, whatever the release: CRI is off.
CONFIG = 'disabled_plugins = ["cri"]\n'
# Docker's package brings runc along. One for all: it depends on nothing that bookworm does not have.
RUNC_SUITE = "bookworm"
NODE_SEES_HOST = "10.0.2.2"


def containerd_io(suite: str) -> Path:
    """Return Debian's containerd of a suite as Docker would have packaged it."""

    def make(target: Path) -> None:
        archive = debian.Archive(suite, target.parent / "apt")
        root = target.parent / "root"
        debian.run(["dpkg-deb", "--raw-extract", str(archive.download("containerd")), str(root)])
        (root / "etc/containerd/config.toml").write_text(CONFIG)
        shutil.copy(runc(), root / "usr/bin/runc")
        (root / "DEBIAN/md5sums").unlink()
        (root / "DEBIAN/control").write_text(_control((root / "DEBIAN/control").read_text()))
        # Fast to unpack on an emulated node.
        debian.run(["dpkg-deb", "-Zgzip", "-z1", "--root-owner-group", "--build", str(root), str(target)])

    return cache.artefact(
        f"containerd.io-{suite}", [suite, host.mirror(), CONFIG, RUNC_SUITE, 1], make, ".deb"
    )


def release_archive(suite: str) -> Path:
    """Return Debian's containerd of a suite as an archive like upstream's."""

    def make(target: Path) -> None:
        binaries = debian.unpacked("containerd", suite) / "usr/bin"
        with tarfile.open(target, "w:gz", compresslevel=1) as tar:
            for name in ("containerd", "containerd-shim-runc-v2", "ctr"):
                tar.add(binaries / name, f"bin/{name}")

    return cache.artefact(f"containerd-{suite}", [suite, host.mirror(), "archive"], make, ".tar.gz")


def runc() -> Path:
    """Return a runc binary."""
    return debian.unpacked("runc", RUNC_SUITE) / "usr/sbin/runc"


def _control(text: str) -> str:
    """Return the control file of Docker's package for that of Debian's."""
    return (
        f"Package: containerd.io\nVersion: {_upstream(text)}-1\nArchitecture: {host.DEBIAN_ARCH}\n"
        "Maintainer: nobody <nobody@example.org>\nDepends: libc6 (>= 2.34), libseccomp2 (>= 2.5.0)\n"
        "Provides: containerd, runc\nConflicts: containerd, runc\nReplaces: containerd, runc\n"
        "Section: admin\nPriority: optional\nDescription: An open and reliable container runtime\n"
    )


def upstream(package: str, suite: str) -> str:
    """Return upstream's part of the version of a suite's package: ``1.6.20``."""
    return _upstream(debian.run(["dpkg-deb", "--field", str(debian.package(package, suite))]))


def _upstream(text: str) -> str:
    return re.search(r"^Version: (\d+\.\d+\.\d+)", text, re.MULTILINE)[1]


class Key:
    """An OpenPGP key of its own keyring."""

    def __init__(self, folder: Path, name: str = "lab", born: str = "", lifetime: str = "0"):
        self._home = folder / f"gnupg-{name}"
        self._home.mkdir(mode=0o700)
        clock = ["--faked-system-time", born] if born else []
        self._gpg(*clock, "--quick-generate-key", f"{name}@example.org", "rsa2048", "sign", lifetime)
        listed = self._gpg("--list-keys", "--with-colons")
        self.fingerprint = re.search(r"^fpr:+([0-9A-F]{40}):", listed, re.MULTILINE)[1]
        self.text = self._gpg("--armor", "--export")

    def sign(self, text: str) -> str:
        """Return a text with its signature around it."""
        # An expired key signs as of the day on which it was good.
        day = self._gpg("--list-keys", "--with-colons").split("pub:")[1].split(":")[4]
        return self._gpg("--faked-system-time", str(int(day) + 1), "--clearsign", input=text)

    def detached(self, text: str) -> str:
        """Return the signature of a text."""
        return self._gpg("--armor", "--detach-sign", input=text)

    def detached_bytes(self, content: bytes) -> bytes:
        """Return the signature of bytes, as bytes: pacman reads no other."""
        with tempfile.TemporaryDirectory(dir=self._home) as folder:
            signed = Path(folder) / "signed"
            signed.write_bytes(content)
            self._gpg("--output", f"{signed}.sig", "--detach-sign", str(signed))
            return Path(f"{signed}.sig").read_bytes()

    def sign_rpm(self, path: Path) -> None:
        """Sign a package in its own file."""
        defines = {"_gpg_name": self.fingerprint, "_gpg_path": self._home, "__gpg": shutil.which("gpg")}
        argv = [word for name, value in defines.items() for word in ("--define", f"{name} {value}")]
        debian.run(["rpmsign", *argv, "--addsign", str(path)])

    def revoke(self) -> None:
        """Take the key back by the certificate that gpg made with it."""
        made = (self._home / "openpgp-revocs.d" / f"{self.fingerprint}.rev").read_text()
        # A colon keeps a person from using it by accident.
        self._gpg("--import", input=made.replace(":-----BEGIN", "-----BEGIN"))
        self.text = self._gpg("--armor", "--export")

    def _gpg(self, *argv: str, input: str = "") -> str:
        command = ["gpg", "--homedir", str(self._home), "--batch", "--quiet", "--passphrase", "", *argv]
        done = subprocess.run(command, input=input, capture_output=True, text=True, check=False)
        if done.returncode:
            raise host.LabError(f"{' '.join(argv)} failed:\n{done.stderr}")
        return done.stdout

    def close(self) -> None:
        """End the agent that gpg started for this key."""
        subprocess.run(["gpgconf", "--homedir", str(self._home), "--kill", "all"], check=False)


class Server:
    """A web server on a free port; what it shall serve is put into ``root``.

    name, certificate
        A host name and its certificate, for one over TLS. Nobody but a proxy of this host knows the name.
    """

    def __init__(self, name: str = NODE_SEES_HOST, certificate: Certificate | None = None) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="lab-http-", dir=cache.folder()))
        #: The paths that were asked for, in their order.
        self.requests: list[str] = []
        server = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *args: object) -> None:
                super().__init__(*args, directory=str(server.root))

            def log_message(self, *_args: object) -> None:
                server.requests.append(self.path)

        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"{'https' if certificate else 'http'}://{name}:{self._http.server_port}"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.cert, certificate.key)
            # In the thread of the connection: a client may never begin.
            self._http.socket = context.wrap_socket(
                self._http.socket, server_side=True, do_handshake_on_connect=False
            )
        # A port that is taken, and where nobody listens: a server that is down.
        self._deaf = socket.socket()
        self._deaf.bind(("127.0.0.1", 0))
        self.url_down = f"http://{NODE_SEES_HOST}:{self._deaf.getsockname()[1]}"

    def __enter__(self) -> Server:
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._deaf.close()
        shutil.rmtree(self.root)

    def put(self, name: str, content: str | bytes | Path) -> str:
        """Serve a text, bytes or a file under a name, and return its address for a node."""
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        before = target.stat().st_mtime if target.exists() else 0
        target.unlink(missing_ok=True)
        if isinstance(content, Path):
            os.link(content, target)
        else:
            target.write_bytes(content if isinstance(content, bytes) else content.encode())
            # A client asks for what is newer, in whole seconds.
            now = max(target.stat().st_mtime, before + 1)
            os.utime(target, (now, now))
        return f"{self.url}/{name}"

    def replace(self, name: str, folder: Path) -> None:
        """Serve what a folder has under a name, and nothing else there."""
        target = self.root / name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder, target)

    def apt(
        self,
        name: str,
        debs: list[Path],
        key: Key,
        suite: str = "bookworm",
        component: str = "stable",
        distribution: str = "debian",
    ) -> str:
        """Serve a signed apt repository, laid out as Docker's; return its address."""
        base = f"{name}/{distribution}"
        stanzas = []
        for deb in debs:
            pool = f"dists/{suite}/pool/{component}/{host.DEBIAN_ARCH}/{deb.name}"
            self.put(f"{base}/{pool}", deb)
            stanzas.append(stanza(deb, pool))
        packages = "\n".join(stanzas).encode()
        listed = f"{component}/binary-{host.DEBIAN_ARCH}/Packages"
        self.put(f"{base}/dists/{suite}/{listed}", packages)
        release = (
            f"Origin: Docker\nSuite: {suite}\nCodename: {suite}\nComponents: {component}\n"
            f"Architectures: {host.DEBIAN_ARCH}\nDate: Sat, 01 Aug 2026 00:00:00 UTC\n"
            f"SHA256:\n {hashlib.sha256(packages).hexdigest()} {len(packages)} {listed}\n"
        )
        self.put(f"{base}/dists/{suite}/InRelease", key.sign(release))
        return f"{self.url}/{name}"


def stanza(deb: Path, name: str) -> str:
    """Return what the list of a repository says of a package, which lies there under a name."""
    facts = {"Filename": name, "Size": deb.stat().st_size, "SHA256": sha256(deb)}
    extra = "".join(f"{field}: {value}\n" for field, value in facts.items())
    return debian.run(["dpkg-deb", "--field", str(deb)]).rstrip("\n") + f"\n{extra}"


def sha256(path: Path) -> str:
    """Return the hash of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
