"""
What is fetched for a check: into memory, within a size and a time. Nobody is trusted to keep either.
"""

import base64
import contextvars
import http.client
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

    :raises CommandExecutionError: it cannot be fetched, in time, or has more; ``label`` begins the message.
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
    """Return why a file cannot be read, without its name: a copy in Salt's cache has another one."""
    _, mark, reason = str(err).partition(" cannot be read: ")
    return reason if mark else "that is no path of a file."


def _within_time(address, limit, label):
    """Return the bytes at an address, in a thread: names, handshakes and headers may be endless, too."""
    deadline = time.monotonic() + places.FETCH_TIMEOUT
    outcome = {}

    def fetch():
        try:
            with _opener(address).open(_request(address), timeout=places.FETCH_TIMEOUT) as answer:
                outcome["content"] = _whole(answer, limit, label, deadline)
        except Exception as err:  # noqa: BLE001 - It is told below, in the thread that waits.
            outcome["error"] = err

    # In the context of the loader, where __opts__ is. Nothing waits for the thread of a server that goes on.
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
    """Return a request for an address; the credentials in it go to its own server alone."""
    parts = urllib.parse.urlsplit(address)
    credentials, at, server = parts.netloc.rpartition("@")
    url = parts._replace(netloc=server, fragment="").geturl()
    request = urllib.request.Request(url, headers={"User-Agent": salt.utils.http.USERAGENT})  # noqa: S310
    if at:
        user, _, password = credentials.partition(":")
        pair = f"{urllib.parse.unquote(user)}:{urllib.parse.unquote(password)}".encode()
        # A redirect to another server does not take it along.
        request.add_unredirected_header("Authorization", f"Basic {base64.b64encode(pair).decode()}")
    return request


def _opener(address):
    """Return what follows redirects within http, through Salt's proxy or that of the environment."""
    host, port = __opts__.get("proxy_host"), __opts__.get("proxy_port")
    proxies = None
    if host and port:
        user = ":".join(
            urllib.parse.quote(str(__opts__[key]), safe="")
            for key in ("proxy_username", "proxy_password")
            if __opts__.get(key)
        )
        proxy = f"http://{user}{'@' if user else ''}{host}:{port}"
        proxies = {"http": proxy, "https": proxy}
        if urllib.parse.urlsplit(address).hostname in (__opts__.get("no_proxy") or []):
            proxies = {}
    context = ssl.create_default_context(cafile=salt.utils.http.get_ca_bundle(__opts__))
    opener = urllib.request.OpenerDirector()
    # build_opener would add those for file:// and ftp://, to which a server might send us.
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
    """Return what an answer holds, unless there is more than a limit, or it lasts too long."""
    data = b""
    while block := file.read1(_BLOCK):
        data += block
        if len(data) > limit:
            raise CommandExecutionError(f"{label} is refused: it has more than {limit} bytes.")
        if time.monotonic() > deadline:
            raise TimeoutError
    return data


def _reason(err):
    """Return what went wrong with a web server, as a sentence: without the address, and without its words."""
    if isinstance(err, urllib.error.HTTPError):
        return f"the server answers {err.code} {http.client.responses.get(err.code, '')}".rstrip() + "."
    reason = err.reason if isinstance(err, urllib.error.URLError) else err
    if isinstance(reason, TimeoutError):
        return f"it did not come within {places.FETCH_TIMEOUT} s."
    if isinstance(reason, ssl.SSLCertVerificationError):
        return (
            f"its certificate is refused ({reason.verify_message}). Have the server mended, or its authority "
            "in the minion's ca_bundle."
        )
    if isinstance(reason, (http.client.InvalidURL, ValueError)):
        return "that is no address of a web server."
    if isinstance(reason, http.client.HTTPException):
        return f"that is no web server ({type(reason).__name__})."
    return f"{secrets.masked_url(str(getattr(reason, 'strerror', None) or reason))}."
