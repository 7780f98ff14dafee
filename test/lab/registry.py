"""Image registries on this host, for a node that reaches no other: a real one, and two stand-ins.

A node reaches this host at 10.0.2.2; ``make_known`` tells it the names.
"""

from __future__ import annotations

import atexit
import base64
import ctypes
import hashlib
import http.client
import http.server
import io
import json
import re
import secrets
import socket
import ssl
import subprocess
import tarfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from . import debian, host, wait
from .authority import Authority, Certificate
from .machine import Machine
from .repository import NODE_SEES_HOST

# It runs on this host, and needs nothing of it but an old libc.
SUITE = "bookworm"
LISTEN_LIMIT = 30
LOGGED = re.compile(r'"([A-Z]+) (\S+) HTTP/[0-9.]+" (\d{3}) ')


@dataclass(frozen=True)
class Request:
    """What a client asked for, and the status that it got."""

    method: str
    path: str
    status: int


def make_known(machine: Machine, *names: str) -> None:
    """Let a node find names at this host."""
    lines = "".join(f"{NODE_SEES_HOST} {name}\n" for name in names)
    machine.run("cat >>/etc/hosts", input=lines)


class Image:
    """An OCI image layout, opened."""

    def __init__(self, archive: bytes):
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            files = {item.name: tar.extractfile(item).read() for item in tar if item.isfile()}
        self.blobs = {name.replace("blobs/sha256/", "sha256:"): blob for name, blob in files.items()}
        [self.entry] = json.loads(files["index.json"])["manifests"]
        self.manifest = self.blobs[self.entry["digest"]]

    def parts(self) -> dict[str, bytes]:
        """Return configuration and layers by digest."""
        manifest = json.loads(self.manifest)
        digests = [part["digest"] for part in (manifest["config"], *manifest["layers"])]
        return {digest: self.blobs[digest] for digest in digests}


class Registry:
    """Debian's ``docker-registry`` over TLS.

    name
        The host name in its certificate.

    users
        Name to password; anybody is let in if there are none.
    """

    def __init__(self, folder: Path, name: str, authority: Authority, users: dict[str, str] | None = None):
        self.name = name
        [self.port] = host.free_ports(1)
        #: What an image's name begins with, and the name of a folder of certs.d.
        self.address = f"{name}:{self.port}"
        self.url = f"https://{self.address}"
        self._folder = folder / f"registry-{name}"
        self._folder.mkdir()
        self._log = self._folder / "log"
        self._log.touch()
        self._read = 0
        self._authority = authority
        self._users = users or {}
        self._certificate = authority.sign(name)
        self._process: subprocess.Popen | None = None
        if users:
            self.let_in(users)
        atexit.register(self.stop)

    def __enter__(self) -> Registry:
        return self.start()

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def start(self, certificate: Certificate | None = None) -> Registry:
        """Start it on its port and wait until it listens.

        certificate
            Another one than its own.
        """
        settings = self._folder / "config.yml"
        settings.write_text(json.dumps(self._settings(certificate or self._certificate)))
        binary = debian.unpacked("docker-registry", SUITE) / "usr/bin/docker-registry"
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                [str(binary), "serve", str(settings)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait.until(self._listens, LISTEN_LIMIT, f"registry {self.name}")
        return self

    def stop(self) -> None:
        """End it: its port refuses from now on."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def let_in(self, users: dict[str, str]) -> None:
        """Let in these users, and no others from now on."""
        lines = "".join(f"{user}:{_bcrypt(password)}\n" for user, password in users.items())
        # It reads the file again when its time changes.
        (self._folder / "htpasswd").write_text(lines)
        self._users = users

    def push(self, name: str, tag: str, archive: bytes) -> None:
        """Put an OCI image layout in under a name."""
        image = Image(archive)
        for digest, blob in image.parts().items():
            where = self._ask("POST", f"/v2/{name}/blobs/uploads/", 202).headers["Location"]
            parts = urlsplit(where)
            self._ask("PUT", f"{parts.path}?{parts.query}&digest={digest}", 201, blob)
        self._ask("PUT", f"/v2/{name}/manifests/{tag}", 201, image.manifest, image.entry["mediaType"])

    def news(self) -> list[Request]:
        """Return what it was asked since this was called last."""
        with open(self._log, "rb") as log:
            log.seek(self._read)
            text = log.read()
            # A line that is half written is for the next time.
            self._read += text.rfind(b"\n") + 1
        found = LOGGED.findall(text[: text.rfind(b"\n") + 1].decode(errors="replace"))
        return [Request(method, path, int(status)) for method, path, status in found]

    def _settings(self, certificate: Certificate) -> dict:
        settings = {
            "version": "0.1",
            "storage": {"filesystem": {"rootdirectory": str(self._folder / "data")}},
            "http": {
                "addr": f"127.0.0.1:{self.port}",
                "secret": secrets.token_hex(),
                "tls": {"certificate": str(certificate.cert), "key": str(certificate.key)},
            },
        }
        if self._users:
            settings["auth"] = {"htpasswd": {"realm": "lab", "path": str(self._folder / "htpasswd")}}
        return settings

    def _listens(self) -> bool:
        if self._process.poll() is not None:
            raise host.LabError(f"registry {self.name} ended:\n{self._log.read_text()[-2000:]}")
        with socket.socket() as link:
            return link.connect_ex(("127.0.0.1", self.port)) == 0

    def _ask(
        self, method: str, path: str, wanted: int, body: bytes = b"", kind: str = "application/octet-stream"
    ) -> http.client.HTTPResponse:
        trusted = ssl.create_default_context(cadata=self._authority.text)
        headers = {"Content-Type": kind}
        for user, password in list(self._users.items())[:1]:
            headers["Authorization"] = basic(user, password)
        link = http.client.HTTPSConnection("127.0.0.1", self.port, context=trusted, timeout=LISTEN_LIMIT)
        try:
            link.request(method, path, body, headers)
            answer = link.getresponse()
            said = answer.read().decode(errors="replace")
        finally:
            link.close()
        if answer.status != wanted:
            raise host.LabError(f"{method} {path} at registry {self.name}: {answer.status} {said}")
        return answer


class Upstream:
    """A small registry in this process, to be read from only, which tells who so much as connected to it.

    authority
        Signs its certificate; without one it speaks plain HTTP.

    others
        More names of it.
    """

    def __init__(self, name: str, authority: Authority | None = None, others: Sequence[str] = ()):
        self.name = name
        #: Connections, whether or not anything was asked.
        self.connections = 0
        self._requests: list[Request] = []
        self._objects: dict[str, tuple[str, bytes]] = {}
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.port = self._http.server_port
        self.address = f"{name}:{self.port}"
        self.url = f"{'https' if authority else 'http'}://{self.address}"
        if authority:
            made = authority.sign(name, *others)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(made.cert, made.key)
            # The handshake is for the thread of the connection: a client that does not go on stops nobody.
            self._http.socket = context.wrap_socket(
                self._http.socket, server_side=True, do_handshake_on_connect=False
            )

    def __enter__(self) -> Upstream:
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def push(self, name: str, tag: str, archive: bytes) -> None:
        """Put an OCI image layout in under a name."""
        image = Image(archive)
        for reference in (tag, image.entry["digest"]):
            self._objects[f"/v2/{name}/manifests/{reference}"] = (image.entry["mediaType"], image.manifest)
        for digest, blob in image.parts().items():
            self._objects[f"/v2/{name}/blobs/{digest}"] = ("application/octet-stream", blob)

    def news(self) -> list[Request]:
        """Return what it was asked since this was called last."""
        found, self._requests = self._requests, []
        return found

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        upstream = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                upstream.connections += 1
                super().setup()

            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:
                    # A client that does not trust us, or has enough.
                    self.close_connection = True

            def do_HEAD(self) -> None:
                kind, body = upstream._objects.get(urlsplit(self.path).path, ("", b""))
                status = 200 if kind else 404
                upstream._requests.append(Request(self.command, self.path, status))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                if kind:
                    self.send_header("Content-Type", kind)
                    self.send_header("Docker-Content-Digest", f"sha256:{hashlib.sha256(body).hexdigest()}")
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            do_GET = do_HEAD

            def log_message(self, *_args: object) -> None:
                pass

        return Handler


class Silent:
    """A server that lets everybody connect, and never says a word."""

    def __init__(self, name: str):
        self.name = name
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        # The kernel connects whoever comes; nobody takes them from its queue.
        self._socket.listen(128)
        self.address = f"{name}:{self._socket.getsockname()[1]}"
        # Of TLS containerd would not wait longer than 10 s for the first word.
        self.url = f"http://{self.address}"

    def __enter__(self) -> Silent:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._socket.close()


def basic(user: str, password: str) -> str:
    """Return the header ``Authorization`` of a user."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _bcrypt(password: str) -> str:
    """Return a password as docker-registry wants it; Python has no crypt any more."""
    crypt = ctypes.CDLL("libcrypt.so.1").crypt
    crypt.restype = ctypes.c_char_p
    salt = secrets.token_hex(11)
    return crypt(password.encode(), f"$2b$04${salt}".encode()).decode()
