"""
Fetch what has to be checked into memory, within limits of size and time: no server is trusted to keep them.
"""

import base64
import contextvars
import http.client
import re
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import salt.utils.http
from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()
from containerd_formula import places, secrets

_BLOCK = 1 << 14


def content(address, limit, label):
    """
    Return the bytes at an ``http(s)://``, ``salt://`` or ``file://`` address, at most ``limit``.

    :raises CommandExecutionError: it cannot be fetched in time, or is larger. ``label`` begins the message.
    """
    if address.startswith(("http://", "https://")):
        return _within_time(address, limit, label)
    try:
        path = __salt__["cp.get_url"](address, "")
    except Exception as err:  # noqa: BLE001 - Salt's fetchers raise whatever their libraries do.
        raise CommandExecutionError(f"{label} cannot be fetched: {secrets.masked_url(str(err))}.") from err
    if not path:
        raise CommandExecutionError(f"{label} cannot be fetched: there is no such file.")
    return read(path, limit, label)


def read(path, limit, label):
    """Return the bytes of a file, at most ``limit``; the message of an error begins with ``label``."""
    try:
        data = __salt__["containerd_files.content"](path)
    except CommandExecutionError as err:
        raise CommandExecutionError(f"{label} cannot be read: {_why(err)}") from err
    if len(data) > limit:
        raise CommandExecutionError(f"{label} is refused: it has more than {limit} bytes.")
    return data


def _why(err):
    """Return why a file cannot be read, without its name, which in Salt's cache is another one."""
    _, mark, reason = str(err).partition(" cannot be read: ")
    return reason if mark else "that is not a file path."


def proxy(address=""):
    """
    Return the proxy of the minion's options for an address, with its credentials; an empty text for none.
    """
    host, port = __opts__.get("proxy_host"), __opts__.get("proxy_port")
    direct = __opts__.get("no_proxy") or []
    # Salt wants a list; others know it as a text.
    direct = re.split(r"[,\s]+", direct) if isinstance(direct, str) else direct
    if not (host and port) or _host(address) in direct:
        return ""
    user = ":".join(
        urllib.parse.quote(str(__opts__[key]), safe="")
        for key in ("proxy_username", "proxy_password")
        if __opts__.get(key)
    )
    return f"http://{user}{'@' if user else ''}{host}:{port}"


def _host(address):
    """Return the host that an address names, or None. Who fetches tells what is wrong with the address."""
    try:
        return urllib.parse.urlsplit(address).hostname
    except (ValueError, AttributeError):
        return None


def _within_time(address, limit, label):
    """Return the bytes at an address, fetched in a thread: also a DNS lookup or a handshake may never end."""
    deadline = time.monotonic() + places.FETCH_TIMEOUT
    outcome = {}

    def fetch():
        try:
            with _opener(address).open(_request(address), timeout=places.FETCH_TIMEOUT) as answer:
                outcome["content"] = _whole(answer, limit, label, deadline)
        except Exception as err:  # noqa: BLE001 - The thread that waits reports it below.
            outcome["error"] = err

    # The loader's context has __opts__. After the timeout nothing waits for the thread.
    thread = threading.Thread(target=contextvars.copy_context().run, args=(fetch,), daemon=True)
    thread.start()
    thread.join(places.FETCH_TIMEOUT)
    if "content" in outcome:
        return outcome["content"]
    err = outcome.get("error", TimeoutError())
    if isinstance(err, CommandExecutionError):
        raise err
    raise CommandExecutionError(f"{label} cannot be fetched: {_reason(err)}") from err


def _request(address):
    """Return a request for an address; its credentials go to its own server only."""
    parts = urllib.parse.urlsplit(address)
    credentials, at, server = parts.netloc.rpartition("@")
    url = parts._replace(netloc=server, fragment="").geturl()
    request = urllib.request.Request(url, headers={"User-Agent": salt.utils.http.USERAGENT})  # noqa: S310
    if at:
        user, _, password = credentials.partition(":")
        pair = f"{urllib.parse.unquote(user)}:{urllib.parse.unquote(password)}".encode()
        # A redirect to another server does not take this header along.
        request.add_unredirected_header("Authorization", f"Basic {base64.b64encode(pair).decode()}")
    return request


def _opener(address):
    """Return an opener that follows redirects within http(s), through Salt's or the environment's proxy."""
    proxies = None
    if __opts__.get("proxy_host") and __opts__.get("proxy_port"):
        own = proxy(address)
        proxies = {"http": own, "https": own} if own else {}
    context = ssl.create_default_context(cafile=salt.utils.http.get_ca_bundle(__opts__))
    opener = urllib.request.OpenerDirector()
    # build_opener would add file:// and ftp://, to which a server might redirect us.
    for handler in (
        urllib.request.ProxyHandler(proxies),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=context),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _whole(file, limit, label, deadline):
    """Return the content of an answer; fail if it is too large or takes too long."""
    data = b""
    while block := file.read1(_BLOCK):
        data += block
        if len(data) > limit:
            raise CommandExecutionError(f"{label} is refused: it has more than {limit} bytes.")
        if time.monotonic() > deadline:
            raise TimeoutError
    return data


def _reason(err):
    """Return what went wrong with a web server, as a sentence, without its address and its own text."""
    if isinstance(err, urllib.error.HTTPError):
        return f"the server answers {err.code} {http.client.responses.get(err.code, '')}".rstrip() + "."
    reason = err.reason if isinstance(err, urllib.error.URLError) else err
    if isinstance(reason, TimeoutError):
        return f"the server did not answer within {places.FETCH_TIMEOUT} s."
    if isinstance(reason, ssl.SSLCertVerificationError):
        return (
            f"its certificate is refused ({reason.verify_message}). Correct the server's certificate, or add "
            "its authority to the minion's ca_bundle."
        )
    if isinstance(reason, (http.client.InvalidURL, ValueError)):
        return "that is not the address of a web server."
    if isinstance(reason, http.client.HTTPException):
        return f"that is not a web server ({type(reason).__name__})."
    return f"{secrets.masked_url(str(getattr(reason, 'strerror', None) or reason))}."
