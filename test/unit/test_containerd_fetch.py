"""
What a server may send, how long it may take, and what is said of it: by servers that keep to nothing.
"""

import contextlib
import datetime
import ipaddress
import os
import socket
import ssl
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from salt.exceptions import CommandExecutionError
from support import functions_of, load

LIMIT = 1000
OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"


@pytest.fixture
def fetch(monkeypatch):
    """
    Return the module, as on a minion without a proxy.
    """
    module = load("_modules/containerd_fetch.py")
    module.__opts__ = {}
    module.__salt__ = functions_of("containerd_files", "containerd_paths")
    for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return module


@pytest.fixture
def hurried(fetch, monkeypatch):
    """
    Return the module where what is fetched must come within half a second.
    """
    monkeypatch.setattr(fetch.places, "FETCH_TIMEOUT", 0.5)
    return fetch


@pytest.fixture
def serve():
    """
    Return a function that starts a server; it sends blocks of bytes: a list, or what a generator makes.
    """
    with contextlib.ExitStack() as stack:

        def start(answer, context=None):
            listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            seen = []

            def run():
                with contextlib.suppress(OSError):
                    while True:
                        connection, _ = listening.accept()
                        threading.Thread(target=talk, args=(connection,), daemon=True).start()

            def talk(connection):
                with contextlib.suppress(OSError), connection:
                    if context:
                        connection = context.wrap_socket(connection, server_side=True)
                    seen.append(connection.recv(9999).decode())
                    for block in answer if isinstance(answer, list) else answer():
                        connection.sendall(block)

            threading.Thread(target=run, daemon=True).start()
            return f"127.0.0.1:{listening.getsockname()[1]}", seen

        yield start


def dripping(*first):
    """
    Return an answer that never ends, a byte in a tenth of a second.
    """

    def answer():
        yield from first
        while True:
            yield b"x"
            time.sleep(0.1)

    return answer


def endless(*first):
    def answer():
        yield from first
        while True:
            yield b"x" * 65536

    return answer


@pytest.mark.parametrize(
    "first",
    [(), (OK,), (OK, b"X: "), (OK, b"\r\n"), (OK, b"Transfer-Encoding: chunked\r\n\r\n1;")],
    ids=["status", "headers", "a header", "body", "a chunk's size"],
)
def test_a_server_that_drips_is_left_in_time(hurried, serve, first):
    server, _ = serve(dripping(*first))
    begun = time.monotonic()
    with pytest.raises(
        CommandExecutionError, match=r"^It cannot be fetched: the server did not answer within 0.5 s\.$"
    ):
        hurried.content(f"http://{server}/key", LIMIT, "It")
    assert time.monotonic() - begun < 5


def test_a_server_that_never_answers_is_left_in_time(hurried, serve):
    def silence():
        time.sleep(9)
        yield b""

    server, _ = serve(silence)
    with pytest.raises(CommandExecutionError, match="did not answer within 0.5 s|timed out"):
        hurried.content(f"http://{server}/key", LIMIT, "It")


@pytest.mark.parametrize(
    "first",
    [(OK, b"\r\n"), (OK, b"Content-Length: 99999999999\r\n\r\n"), (b"HTTP/1.1 200 OK\r\n\r\n",)],
    ids=["until it closes", "with a length", "kept alive"],
)
def test_no_more_than_the_limit_is_read(fetch, serve, first):
    server, _ = serve(endless(*first))
    with pytest.raises(CommandExecutionError, match=r"^It is refused: it has more than 1000 bytes\.$"):
        fetch.content(f"http://{server}/key", LIMIT, "It")


@pytest.mark.parametrize("size", [0, 1, LIMIT])
def test_what_is_within_the_limit_comes_as_it_is(fetch, serve, size):
    body = bytes(number % 256 for number in range(size))
    server, seen = serve([OK, b"Content-Type: text/plain\r\n\r\n", body])
    assert fetch.content(f"http://{server}/a?b=c", LIMIT, "It") == body
    assert seen[0].startswith("GET /a?b=c HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([b"HTTP/1.1 404 evil words\r\nConnection: close\r\n\r\nno"], "the server answers 404 Not Found"),
        ([b"HTTP/1.1 799 evil words\r\nConnection: close\r\n\r\nno"], "the server answers 799"),
        ([b"SSH-2.0-OpenSSH evil words\r\n"], r"that is not a web server \(BadStatusLine\)"),
        ([], r"that is not a web server \(RemoteDisconnected\)"),
        (
            [b"HTTP/1.1 302 Found\r\nLocation: ftp://127.0.0.1/x\r\nConnection: close\r\n\r\n"],
            "unknown url type: ftp",
        ),
        (
            [b"HTTP/1.1 302 Found\r\nLocation: file:///etc/shadow\r\nConnection: close\r\n\r\n"],
            "the server answers 302 Found",
        ),
        (
            [b"HTTP/1.1 302 Found\r\nLocation: /again\r\nConnection: close\r\n\r\n"],
            "the server answers 302 Found",
        ),
    ],
    ids=["404", "799", "ssh", "nothing", "to ftp", "to a file", "in a circle"],
)
def test_another_answer_is_told_in_our_words(fetch, serve, answer, words):
    server, _ = serve(answer)
    with pytest.raises(CommandExecutionError, match=rf"^It cannot be fetched: {words}\.$") as refused:
        fetch.content(f"http://me:hunter2@{server}/key", LIMIT, "It")
    assert "evil" not in str(refused.value)


def test_a_redirect_is_followed_and_takes_no_password_along(fetch, serve):
    other, seen_by_other = serve([OK, b"\r\n", b"key"])
    moved = f"HTTP/1.1 301 Moved\r\nLocation: http://{other}/key\r\nConnection: close\r\n\r\n"
    server, seen = serve([moved.encode()])
    assert fetch.content(f"http://me:hunter%402@{server}/key", LIMIT, "It") == b"key"
    # me:hunter@2
    assert "Authorization: Basic bWU6aHVudGVyQDI=\r\n" in seen[0]
    assert "Authorization" not in seen_by_other[0]


def test_salts_proxy_is_asked(fetch, serve):
    proxy, seen = serve([OK, b"\r\n", b"key"])
    host, _, port = proxy.partition(":")
    fetch.__opts__ = {"proxy_host": host, "proxy_port": int(port)}
    fetch.__opts__.update({"proxy_username": "me", "proxy_password": "hunter@2", "no_proxy": ["a"]})
    assert fetch.content("http://mirror.example.org/key", LIMIT, "It") == b"key"
    assert seen[0].startswith("GET http://mirror.example.org/key HTTP/1.1\r\n")
    assert "\r\nproxy-authorization: basic bWU6aHVudGVyQDI=\r\n".lower() in seen[0].lower()
    fetch.__opts__["no_proxy"].append("127.0.0.1")
    server, seen = serve([OK, b"\r\n", b"of its own"])
    assert fetch.content(f"http://{server}/key", LIMIT, "It") == b"of its own"


def test_the_proxy_of_the_options_is_told_to_pip(fetch):
    assert fetch.proxy() == ""
    fetch.__opts__ = {"proxy_host": "proxy.corp", "proxy_port": 3128, "no_proxy": ["a.corp"]}
    assert fetch.proxy("https://b.corp/simple") == fetch.proxy("") == "http://proxy.corp:3128"
    assert fetch.proxy("https://a.corp/simple") == ""
    # What is no address, pip tells; and a site may have written no_proxy as the environment has it.
    assert fetch.proxy("https://[a.corp/simple") == fetch.proxy(5) == "http://proxy.corp:3128"
    fetch.__opts__["no_proxy"] = "z.corp, a.corp"
    assert fetch.proxy("https://a.corp/simple") == ""
    assert fetch.proxy() == fetch.proxy("https://corp/") == "http://proxy.corp:3128"
    fetch.__opts__.update({"proxy_username": "me", "proxy_password": "hunter@2"})
    assert fetch.proxy() == "http://me:hunter%402@proxy.corp:3128"


def test_the_proxy_of_the_environment_is_asked(fetch, serve, monkeypatch):
    proxy, _ = serve([OK, b"\r\n", b"key"])
    monkeypatch.setenv("http_proxy", f"http://{proxy}")
    assert fetch.content("http://mirror.example.org/key", LIMIT, "It") == b"key"


@pytest.fixture
def certificate(tmp_path):
    """
    Return a file with a certificate of 127.0.0.1 that is its own authority, and its key.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "here")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
    alias = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = made.add_extension(alias, critical=False).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    form = (pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path / "server.pem"
    path.write_bytes(key.private_bytes(*form) + signed.public_bytes(pem))
    return str(path)


def test_an_unknown_authority_is_refused_and_one_of_the_minion_is_taken(fetch, serve, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server, seen = serve([OK, b"\r\n", b"key"], context)
    words = r"^It cannot be fetched: its certificate is refused \(self.signed certificate.*\)\. Correct the"
    with pytest.raises(CommandExecutionError, match=words):
        fetch.content(f"https://{server}/key", LIMIT, "It")
    assert seen == []
    fetch.__opts__["ca_bundle"] = certificate
    assert fetch.content(f"https://{server}/key", LIMIT, "It") == b"key"
    with pytest.raises(CommandExecutionError, match="refused .*Hostname mismatch"):
        fetch.content(f"https://{server.replace('127.0.0.1', 'localhost')}/key", LIMIT, "It")


@pytest.mark.parametrize("address", ["http://[x/", "http://x:y/", "http://a b/", "http:///key"])
def test_what_is_no_address_is_said(fetch, address):
    with pytest.raises(CommandExecutionError, match=r"^It cannot be fetched: .*\.$"):
        fetch.content(address, LIMIT, "It")


def test_what_salt_fetches_has_the_same_limit(fetch, tmp_path):
    path = tmp_path / "key"
    path.write_bytes(b"x" * LIMIT)
    fetch.__salt__["cp.get_url"] = lambda *_: str(path)
    assert fetch.content("salt://key", LIMIT, "It") == b"x" * LIMIT
    path.write_bytes(b"x" * (LIMIT + 1))
    with pytest.raises(CommandExecutionError, match="more than 1000 bytes"):
        fetch.content("salt://key", LIMIT, "It")
    fetch.__salt__["cp.get_url"] = lambda *_: ""
    with pytest.raises(CommandExecutionError, match="^It cannot be fetched: there is no such file.$"):
        fetch.content("salt://key", LIMIT, "It")


@pytest.mark.parametrize(
    "path", ["fifo", "/dev/zero", "/proc/kmsg", "/proc/self/environ", "nowhere", "a\0b", 5]
)
def test_what_is_no_file_is_refused_at_once(fetch, tmp_path, path):
    os.mkfifo(tmp_path / "fifo")
    path = str(tmp_path / path) if path in ("fifo", "nowhere") else path
    started = time.monotonic()
    with pytest.raises(CommandExecutionError, match="^It cannot be read: (it is n|that is not a file path)"):
        fetch.read(path, LIMIT, "It")
    assert time.monotonic() - started < 1


def test_an_error_of_salts_shows_no_password(fetch):
    def fail(*_):
        raise OSError("salt://me:hunter2@x does not answer")

    fetch.__salt__["cp.get_url"] = fail
    with pytest.raises(CommandExecutionError, match="cannot be fetched") as refused:
        fetch.content("salt://x", LIMIT, "It")
    assert "hunter2" not in str(refused.value)
