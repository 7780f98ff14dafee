"""
What pillar ``registries`` may say of one host that is asked for images, and what is wrong with it.

containerd tells nobody of a hosts.toml that it cannot use: what is wrong is found here.
"""

import re
from typing import NamedTuple

from containerd_formula.conditions import is_since
from containerd_formula.data import is_unicode
from containerd_formula.durations import nanoseconds
from containerd_formula.errors import quoted
from containerd_formula.findings import ERROR, WARNING, of_pillar
from containerd_formula.names import nearest
from containerd_formula.secrets import MASK, UNMASK, is_masked, masked_url

# What is for https alone.
TLS = ("ca", "client", "skip_verify")
ENDPOINT = (*TLS, "auth", "dial_timeout")
ASKED = ("url", "capabilities", "override_path", *TLS, "dial_timeout", "header", "auth")
_AUTH = ("username", "password", "basic")
CAPABILITIES = ("pull", "resolve", "push", "referrers")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?"
NAME = re.compile(rf"({_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:.]+\])(?::([0-9]{{1,5}}))?")
# In no part of an address, and what is not printed at all.
_NOT = r"?#@\s\"\\\x00-\x20\x7f-\x9f"
_URL = re.compile(rf"(?:([A-Za-z]+)://)?([^/{_NOT}]+)((?:/[^{_NOT}]*)?)")
# DNS has no longer name, and the kernel no longer folder.
_LONGEST = 253
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
PORTS = {"https": "443", "http": "80"}
PEM = "-----BEGIN "
_CERTIFICATE = "-----BEGIN CERTIFICATE-----"


class Url(NamedTuple):
    """The address of a registry or a mirror."""

    scheme: str
    # With the port, where one is written.
    host: str
    path: str

    def __str__(self):
        return f"{self.scheme}://{self.host}{self.path}"

    @property
    def places(self):
        """Return the names that an endpoint may have: with and without the port, where that is the usual."""
        name, port = NAME.fullmatch(self.host).groups()
        usual = PORTS[self.scheme]
        return (name, f"{name}:{usual}") if port in (None, usual) else (self.host,)


def parsed(url):
    """Return an address, None where that is none; without a scheme it is https."""
    found = _URL.fullmatch(url) if isinstance(url, str) else None
    if not found:
        return None
    scheme, host, path = (found[1] or "https").lower(), found[2], found[3].rstrip("/")
    return Url(scheme, host, path) if scheme in PORTS and is_host(host) else None


def is_host(text):
    """Tell whether a text is a host, or host and port."""
    found = NAME.fullmatch(text)
    return bool(found) and len(text) <= _LONGEST and 0 < int(found[2] or 1) < 65536


def own_host(registry):
    """Return the host of a registry itself: Docker Hub's alone has another name than its images say."""
    return "registry-1.docker.io" if registry == "docker.io" else registry


def shown(name):
    """Return a name for a message: if somebody wrote more than a name there, without what may be a secret."""
    if NAME.fullmatch(name) or "://" in name:
        return masked_url(name)
    _, mark, host = name.rpartition("@")
    if mark:
        return f"{MASK}@{host}"
    head = re.split(r"[:\s]", name, maxsplit=1)[0]
    return name if head == name else f"{head}:{MASK}"


def has_certificates_alone(text):
    """Tell whether a PEM text may be read by everybody: it has certificates, and no key."""
    return _CERTIFICATE in text and "PRIVATE KEY-----" not in text


class Settings:
    """The settings of one host, as a release of containerd takes them, and what is found wrong meanwhile."""

    def __init__(self, release):
        self.release = release
        self.found = []

    def tell(self, where, words, level=ERROR):
        """Note what is wrong with a key."""
        key = ("containerd", "registries", *map(shown, where))
        self.found.append(of_pillar(key, where, words, level))

    def has(self, since):
        """Tell whether this release has what came with another."""
        return is_since(since, self.release)

    def mapping(self, name, value):
        if not isinstance(value, (dict, type(None))):
            self.tell((name,), "it must be a mapping: name to settings")
            return {}
        return value or {}

    def keys(self, where, data, known):
        """Tell of keys that are not known, and of values that are masks."""
        for key, value in data.items():
            if key not in known:
                near = nearest(key, known)
                self.tell(
                    (*where, key),
                    "there is no such key; "
                    + (f"did you mean {near}?" if near else f"known are {', '.join(known)}"),
                )
            elif not isinstance(value, dict) and is_masked(value):
                self.tell((*where, key), UNMASK)

    def flag(self, where, data, key):
        """Return a boolean, None where there is none."""
        value = data.get(key)
        if value is not None and not isinstance(value, bool):
            self.tell((*where, key), f"it is {quoted(value)}; it must be true or false, without quotes")
            return None
        return value

    def address(self, where, text):
        """Return the address of a host that is asked, None where it is none."""
        url = parsed(text)
        if url:
            return url
        if isinstance(text, str) and "@" in text:
            words = "containerd ignores credentials in an address: write auth, here or in endpoints"
        elif text is None:
            words = "it has no url: write one such as https://harbor.corp"
        else:
            words = "it is no address of a registry: write one such as https://harbor.corp:8443/path"
        self.tell((*where, "url"), words)
        return None

    def settings(self, where, given, url):
        """Return the settings of a host as this release takes them; tell of those that it does not."""
        result = self.common(where, given)
        if url.scheme == "http":
            for key in [key for key in TLS if result.pop(key, None)]:
                self.tell((*where, key), "it is for https, and the address is http: leave it out")
        if "capabilities" in given:
            result["capabilities"] = self.capabilities(where, given["capabilities"])
        override = self.flag(where, given, "override_path")
        # Such a path is a whole one: below it, nobody has another /v2.
        result["override_path"] = f"{url.path}/".startswith("/v2/") if override is None else override
        if result["override_path"] and self.has("1.5") and not self.has("1.6"):
            words = "it needs override_path, which came with containerd 1.6: name another mirror"
            self.tell(where, words)
        if "header" in given:
            result["header"] = self.header(where, given["header"])
        return result

    def common(self, where, given):
        """Return the settings that an endpoint has, too."""
        result = {}
        if "ca" in given:
            result["ca"] = self.authorities(where, given["ca"])
        if "client" in given:
            result["client"] = self.client(where, given["client"])
        if "skip_verify" in given:
            result["skip_verify"] = bool(self.flag(where, given, "skip_verify"))
        if "auth" in given:
            result["auth"] = self.auth(where, given["auth"])
        if "dial_timeout" in given:
            result["dial_timeout"] = self.timeout(where, given["dial_timeout"])
        return result

    def capabilities(self, where, words):
        where = (*where, "capabilities")
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            self.tell(where, f"it must be a list of {', '.join(CAPABILITIES)}")
            return []
        for word in words:
            if word.lower() not in CAPABILITIES:
                near = nearest(word.lower(), CAPABILITIES)
                cure = f"did you mean {near}?" if near else f"known are {', '.join(CAPABILITIES)}"
                self.tell(where, f"{quoted(word[:100])} is none, and makes the file unreadable; {cure}")
        if words and not self.has("1.5"):
            told = f"containerd {self.release} has none, and asks this host for everything: left out"
            self.tell(where, told, WARNING)
            return []
        if self.has("2.2"):
            return words
        kept = [word for word in words if word.lower() != "referrers"]
        if len(kept) < len(words):
            told = "referrers came with containerd 2.2, and makes the file unreadable before"
            if kept:
                self.tell(where, f"{told}: left out", WARNING)
            else:
                self.tell(where, f"{told}: write pull, resolve, or leave the mirror out")
        return kept

    def timeout(self, where, text):
        where = (*where, "dial_timeout")
        span = nanoseconds(text)
        if span is None or span <= 0:
            self.tell(where, f"it is {quoted(text)}; write a duration with its unit, such as 2s")
            return None
        if not self.has("2.0.7"):
            self.tell(where, f"containerd {self.release} has none, it came with 2.0.7: left out", WARNING)
            return None
        return text

    def header(self, where, given):
        where, result = (*where, "header"), {}
        if not isinstance(given, dict):
            self.tell(where, "it must be a mapping: name to text, or to a list of texts")
            return result
        for name, value in given.items():
            texts = value if isinstance(value, list) else [value]
            if not _TOKEN.fullmatch(name):
                self.tell(where, f"{quoted(shown(name)[:100])} is no name of a header: write such as X-Name")
            elif not texts or not all(isinstance(text, str) and text.isprintable() for text in texts):
                self.tell((*where, name), "it must be one line of text, or a list of such, in quotes")
            elif is_masked(texts):
                self.tell((*where, name), UNMASK)
            else:
                result[name] = texts
        return result

    def auth(self, where, given):
        where = (*where, "auth")
        if not isinstance(given, dict):
            self.tell(where, "it must be a mapping with username and password")
            return {}
        self.keys(where, given, _AUTH)
        self.flag(where, given, "basic")
        for key in ("username", "password"):
            value = given.get(key)
            if not isinstance(value, str) or not value or not value.isprintable():
                self.tell((*where, key), "it must be one line of text, in quotes")
                return {}
        if ":" in given["username"]:
            self.tell((*where, "username"), "it has a colon, which no user of a registry can have")
            return {}
        return given

    def authorities(self, where, given):
        where = (*where, "ca")
        items = given if isinstance(given, list) else [given]
        kept = [item for item in items if self.file(where, item)]
        for item in kept:
            if PEM in item and not has_certificates_alone(item):
                self.tell(where, "a text of it is not that of certificates alone")
        return kept

    def client(self, where, given):
        where = (*where, "client")
        if isinstance(given, str):
            given = {"both": given}
        elif (
            isinstance(given, list) and len(given) == 1 and isinstance(given[0], list) and len(given[0]) == 2
        ):
            given = dict(zip(("cert", "key"), given[0]))
        if not isinstance(given, dict) or set(given) not in ({"both"}, {"cert", "key"}):
            self.tell(where, "write a mapping with cert and key, or the path of a file that has both")
            return {}
        if all([self.file((*where, key), value) for key, value in given.items()]):
            return given
        return {}

    def file(self, where, text):
        """Tell whether a text is one of the three ways to name a file."""
        if isinstance(text, str) and is_unicode(text):
            if PEM in text and "-----END " in text:
                return True
            if "\n" not in text and text.isprintable() and text.startswith(("salt://", "/")):
                return True
        self.tell(where, "write PEM text, a salt:// address, or the absolute path of a file on the node")
        return False
