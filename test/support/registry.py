"""
A registry of one image on this machine, over TLS or not, that asks for what a test wants and notes who came.
"""

import base64
import datetime
import http.server
import ipaddress
import json
import ssl
import threading
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

USER, PASSWORD = "puller", "hunter2"
_MANIFEST = json.dumps({"schemaVersion": 2, "layers": []}).encode()
_TYPE = "application/vnd.oci.image.manifest.v1+json"
_NOW = datetime.datetime.now(datetime.timezone.utc)


class Authority:
    """
    A certificate authority: what it issues is for this machine's address, unless it is for another.
    """

    def __init__(self, name="authority"):
        self._key, self._name = ec.generate_private_key(ec.SECP256R1()), _named(name)
        self._certificate = self._signed(self._name, self._key, True, [], 1)
        self.pem = _pem(self._certificate)

    def issue(self, address="127.0.0.1", days=1):
        """
        Return (certificate, key) as PEM; with negative days it has expired.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.IPAddress(ipaddress.ip_address(address))]
        key_pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return _pem(self._signed(_named("node"), key, False, names, days)), key_pem.decode()

    def _signed(self, name, key, is_authority, names, days):
        until = _NOW + datetime.timedelta(days=days)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(until - datetime.timedelta(days=30))
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if names:
            made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return made.sign(self._key, hashes.SHA256())


class Registry:
    """
    A server, while it is in use: ``asked`` are (path, header) of each request.
    """

    def __init__(self, folder, certificate=None, wants="", clients=None):
        self.asked, self.wants = [], wants
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        scheme = "http"
        if certificate:
            scheme, context = "https", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            file = Path(folder) / f"{self._server.server_port}.pem"
            file.write_text("".join(certificate))
            context.load_cert_chain(file)
            if clients:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(cadata=clients)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.host = f"127.0.0.1:{self._server.server_port}"
        self.url = f"{scheme}://{self.host}"
        self.scheme = scheme

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_exception):
        self._server.shutdown()
        self._server.server_close()


def _handler(registry):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            given = self.headers.get("Authorization", "")
            registry.asked.append((self.path, dict(self.headers)))
            basic = f"Basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"
            if self.path.startswith("/token"):
                self._answer(200 if given == basic else 401, b'{"token": "t"}')
            elif registry.wants == "basic" and given != basic:
                self._answer(401, b"", {"WWW-Authenticate": 'Basic realm="r"'})
            elif registry.wants == "token" and given != "Bearer t":
                realm = f'Bearer realm="{registry.url}/token",service="s"'
                self._answer(401, b"", {"WWW-Authenticate": realm})
            elif self.path.partition("?")[0].endswith(("there/manifests/1", f"/there/manifests/{_digest()}")):
                self._answer(200, _MANIFEST, {"Docker-Content-Digest": _digest()})
            else:
                self._answer(404, b"{}")

        do_GET = do_HEAD

        def _answer(self, code, body, header=None):
            self.send_response(code)
            for name, value in {"Content-Type": _TYPE, **(header or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler


def _digest():
    digest = hashes.Hash(hashes.SHA256())
    digest.update(_MANIFEST)
    return f"sha256:{digest.finalize().hex()}"


def _named(name):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
