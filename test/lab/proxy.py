"""An HTTP proxy on this host, for a node that reaches nothing else: GET and CONNECT, with a password or not.

The names that it knows are this host's, at the ports that clients ask for. A node sees it at 10.0.2.2.
"""

from __future__ import annotations

import base64
import http.client
import http.server
import select
import socket
import threading
from urllib.parse import urlsplit

from .repository import NODE_SEES_HOST

_BLOCK = 1 << 16
# Of one hop, in a request and in an answer.
_HOP = ("proxy-authorization", "proxy-connection", "connection", "transfer-encoding", "host")


class Proxy:
    """A proxy, while it is in use: ``asked`` are (method, address, status) of each request.

    names
        The hosts that it knows; any other is unknown.

    user, password
        What it asks clients for; nothing if there is no user.
    """

    def __init__(self, names: list[str], user: str = "", password: str = ""):
        self.asked: list[tuple[str, str, int]] = []
        self.names = names
        self.wanted = f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}" if user else ""
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.host, self.port = NODE_SEES_HOST, self._server.server_port
        credentials = f"{user}:{password}@" if user else ""
        self.url = f"http://{credentials}{self.host}:{self.port}"

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def news(self) -> list[tuple[str, str, int]]:
        """Return what was asked for since this was called last."""
        found, self.asked = self.asked, []
        return found


def _handler(proxy: Proxy) -> type:  # noqa: C901 - A class of several methods.
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if not self._lets_in(parts.hostname or ""):
                return
            link = http.client.HTTPConnection("127.0.0.1", parts.port or 80, timeout=60)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            path = parts._replace(scheme="", netloc="").geturl()
            link.request(self.command, path, headers={**headers, "Host": parts.netloc})
            self._pass_on(link.getresponse())
            link.close()

        do_HEAD = do_GET

        def do_CONNECT(self) -> None:
            name, _, port = self.path.rpartition(":")
            if not self._lets_in(name):
                return
            with socket.create_connection(("127.0.0.1", int(port))) as server:
                self._note(200)
                self.send_response(200)
                self.end_headers()
                _join(self.connection, server)
            self.close_connection = True

        def _lets_in(self, name: str) -> bool:
            """Tell whether this client may ask for a host; else refuse."""
            status = 407 if self.headers.get("Proxy-Authorization", "") != proxy.wanted else 502
            if status != 407 and name in proxy.names:
                return True
            self._note(status)
            self.send_response(status)
            if status == 407:
                self.send_header("Proxy-Authenticate", 'Basic realm="lab"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return False

        def _pass_on(self, answer: http.client.HTTPResponse) -> None:
            body = answer.read()
            self._note(answer.status)
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in (*_HOP, "content-length"):
                    self.send_header(name, value)
            length = answer.getheader("Content-Length", "0") if self.command == "HEAD" else str(len(body))
            self.send_header("Content-Length", length)
            self.end_headers()
            self.wfile.write(body)

        def _note(self, status: int) -> None:
            proxy.asked.append((self.command, self.path, status))

        def log_message(self, *_args: object) -> None:
            pass

    return Handler


def _join(one: socket.socket, other: socket.socket) -> None:
    """Pass on what two sockets say, until one of them ends."""
    ends = {one: other, other: one}
    while True:
        for ready in select.select(list(ends), [], [])[0]:
            data = ready.recv(_BLOCK)
            if not data:
                return
            ends[ready].sendall(data)
