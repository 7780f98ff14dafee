"""
Pillar ``registries`` as a model: which hosts are asked for a registry's images, in which order, with what.
"""

import re
from typing import NamedTuple

from containerd_formula.data import plain, without_null
from containerd_formula.errors import Refused, quoted
from containerd_formula.findings import WARNING
from containerd_formula.places import DEFAULT_REGISTRY
from containerd_formula.registry_settings import ASKED, ENDPOINT, PORTS, TLS, Settings, Url, is_host, own_host

# Of the pillar: what a key must be.
_TOP = ("prune", "check", "endpoints", "hosts")
_HOST = ("mirrors", "server", "fallback", "probe")
CHECKS = ("warn", "fail", False)
# Names of Docker Hub whose folders nobody reads.
_HUB = ("registry-1.docker.io", "index.docker.io", "registry.hub.docker.com", "hub.docker.com")
# Where nobody else hears it.
_LOOPBACK = re.compile(r"(?:localhost|127\.[0-9.]+|\[::1\])(?::|\Z)")
# Such a word before the first slash is no host to CRI, but a user of Docker Hub.
_HUBS_OWN = re.compile(r"(?!localhost\Z)[a-z0-9_-]+")
_PROBE = re.compile(r"[a-z0-9][a-z0-9._/-]*(?::[\w][\w.-]*)?(?:@sha256:[0-9a-f]{64})?", re.ASCII)


class Asked(NamedTuple):
    """A host that is asked for images."""

    url: Url
    # containerd's own, but for those below.
    keys: dict
    header: dict
    # Each a PEM text, an address of Salt's file server, or a path on the node.
    ca: list
    # ``both``, or ``cert`` and ``key``.
    client: dict
    auth: dict

    def base(self):
        """Return the address below which it has its images."""
        return str(self.url) if self.keys.get("override_path") else f"{self.url}/v2"

    def may(self, *capabilities):
        """Tell whether it is asked for something: for a tag, one has to have both pull and resolve."""
        words = [word.lower() for word in self.keys.get("capabilities", ())]
        return not words or set(capabilities) <= set(words)


class Registry(NamedTuple):
    """A registry whose images are asked for elsewhere, or with something."""

    # As pillar has it, and its folder.
    name: str
    folder: str
    # None is the registry itself.
    server: object
    mirrors: tuple
    probe: str

    def asked(self):
        """Return the hosts in the order in which they are asked, as far as they are written."""
        return [*self.mirrors, *([self.server] if self.server else [])]


class Model(NamedTuple):
    """What pillar ``registries`` says to one release of containerd."""

    registries: list
    findings: list
    # Credentials that this release takes from config.toml alone: by the name of the host.
    auths: dict
    prune: bool = True
    check: object = "warn"


def read(registries, release=None):
    """Return the model of a pillar; without a release it is that of the newest."""
    return _Reader(release).read(registries)


class _Reader(Settings):
    """The way of one pillar to its model, and what is wrong with it."""

    def __init__(self, release):
        super().__init__(release)
        self.endpoints, self.used, self.auths = {}, set(), {}

    def read(self, given):
        try:
            data = plain({} if given is None else given, ("containerd", "registries"))
        except Refused as err:
            self.tell((), str(err))
            data = {}
        if not isinstance(data, dict):
            self.tell((), "it must be a mapping")
            data = {}
        self.keys((), data, _TOP)
        check = data.get("check", CHECKS[0])
        if not any(check is one or (one and check == one) for one in CHECKS):
            self.tell(("check",), f"it is {quoted(check)}; it must be warn, fail or false")
        self.flag((), data, "prune")
        hosts, endpoints = (self.mapping(name, data.get(name)) for name in ("hosts", "endpoints"))
        for name, endpoint in endpoints.items():
            self.endpoint(name, endpoint)
        self.alike()
        registries = [one for name, host in hosts.items() if (one := self.registry(name, host))]
        self.unused()
        prune = data.get("prune", True) is not False
        return Model(registries, self.found, self.auths, prune, check)

    def registry(self, name, host):
        """Return the model of one registry, None where it is not wanted or wrong."""
        where = ("hosts", name)
        if host is None:
            return None
        if not isinstance(host, dict):
            self.tell(where, "it must be a mapping with mirrors or server, or null to take it away")
            return None
        self.keys(where, host, _HOST)
        host = without_null(host)
        if wrong := self.misnamed(name):
            self.tell(where, wrong)
            return None
        mirrors = host.get("mirrors", [])
        if not isinstance(mirrors, list):
            self.tell((*where, "mirrors"), "it must be a list: its order is that in which they are asked")
            mirrors = []
        made = [self.asked((*where, "mirrors", str(at)), given) for at, given in enumerate(mirrors)]
        self.twice(where, made)
        self.bracketed(where, made)
        made = [one for one in made if one]
        server = self.server(where, name, host, made)
        if self.flag(where, host, "fallback") is False and made:
            # The upstream is asked last, whatever comes before it: so that place is the last mirror's.
            made, server = made[:-1], made[-1]
        one = Registry(
            name, DEFAULT_REGISTRY if name == "*" else name, server, tuple(made), self.probe(where, host)
        )
        written = one.asked()
        if server and not any(each.may("pull", "resolve") for each in written):
            self.tell(
                where, "none of its hosts has both pull and resolve, so no tag is found: give them to one"
            )
        return one

    def misnamed(self, name):
        """Return what is wrong with the name of a registry, empty where nothing is."""
        if name == "*":
            if self.has("1.6.17") or not self.has("1.5"):
                return ""
            cure = "name each registry, or upgrade to 1.6.17"
            return f"containerd {self.release} has no folder _default: {cure}"
        if "/" in name:
            return "write the host alone, as it stands in the names of images, such as quay.io"
        if name == DEFAULT_REGISTRY:
            return 'write "*" for all registries that are not named'
        if "*" in name:
            return 'containerd knows no patterns: name each registry, or write "*" for all others'
        if name in _HUB:
            return "images of Docker Hub are docker.io's: write docker.io"
        if not is_host(name):
            return "write the host alone, as it stands in names of images, such as quay.io:5000"
        if _HUBS_OWN.fullmatch(name):
            return "images of such a name are docker.io's: write the host with its domain or port"
        return ""

    def server(self, where, name, host, mirrors):
        """Return what is asked last where that is written: by pillar, or since an endpoint is for it."""
        if host.get("fallback") is False:
            if "server" in host:
                self.tell(where, "fallback: false and server exclude each other: leave one out")
            if not mirrors:
                self.tell(where, "fallback: false needs a mirror: nothing would be asked")
            return None
        if "server" in host:
            return self.asked((*where, "server"), host["server"])
        if name == "*":
            return None
        own = Url("https", own_host(name), "")
        if any(place in self.endpoints for place in own.places):
            return self.asked((*where, "server"), str(own))
        return None

    def twice(self, where, made):
        urls = [str(one.url) for one in made if one]
        for url in dict.fromkeys(url for url in urls if urls.count(url) > 1):
            self.tell((*where, "mirrors"), f"{url} is there twice, which makes the file unreadable")

    def bracketed(self, where, made):
        """Tell of addresses that the TOML parser of 1.x cannot have in the name of a table."""
        if not self.has("2.0") and self.has("1.5"):
            for one in filter(None, made):
                if "[" in one.url.host:
                    words = f"containerd {self.release} cannot read {one.url} as a mirror: write a name"
                    self.tell((*where, "mirrors"), words)

    def probe(self, where, host):
        image = host.get("probe", "")
        if image and not (isinstance(image, str) and _PROBE.fullmatch(image)):
            self.tell((*where, "probe"), "write an image without its registry, such as library/busybox:1")
            return ""
        return image

    def asked(self, where, given):
        """Return one host that is asked, None where that is wrong."""
        given = {"url": given} if isinstance(given, str) else given
        if not isinstance(given, dict):
            self.tell(where, "it must be an address, or a mapping with url")
            return None
        self.keys(where, given, ASKED)
        given = without_null(given)
        url = self.address(where, given.get("url"))
        if not url:
            return None
        own = self.settings(where, given, url)
        theirs = next((self.endpoints[place] for place in url.places if place in self.endpoints), {})
        self.used.update(url.places)
        auth = own.get("auth") or theirs.get("auth")
        if auth and url.scheme == "http" and not _LOOPBACK.match(url.host):
            self.tell((*where, "auth"), f"its password goes to {url} in clear: write https", WARNING)
        if url.scheme == "http":
            theirs = {key: value for key, value in theirs.items() if key not in TLS}
        if "dial_timeout" in {**theirs, **own} and url.scheme == "http" and self.is_2_0():
            if "dial_timeout" in own:
                told = f"with it, containerd {self.release} tries TLS first on http: left out"
                self.tell((*where, "dial_timeout"), told, WARNING)
            theirs, own = ({k: v for k, v in one.items() if k != "dial_timeout"} for one in (theirs, own))
        return self.made(where, url, {**theirs, **own})

    def is_2_0(self):
        return self.has("2.0") and not self.has("2.1")

    def made(self, where, url, given):
        auth, header = given.get("auth", {}), dict(given.get("header", {}))
        if auth and any(name.lower() == "authorization" for name in header):
            self.tell((*where, "header"), "it has Authorization, and auth says it too: leave one out")
        if auth and not (self.has("2.1") or (self.has("1.5") and auth.get("basic"))):
            self.credentials(where, url.host, {key: auth[key] for key in ("username", "password")})
            auth = {}
        keys = {
            key: given[key]
            for key in ("capabilities", "override_path", "skip_verify", "dial_timeout")
            # What is false by itself is not written: there it would count as said.
            if given.get(key) not in (None, False, [])
        }
        return Asked(url, keys, header, given.get("ca", []), given.get("client", {}), auth)

    def credentials(self, where, host, auth):
        """Note credentials for config.toml, which has one pair for a host."""
        if self.auths.setdefault(host, auth) != auth:
            words = f"containerd {self.release} takes one user for {host}, and elsewhere it has another"
            self.tell((*where, "auth"), f"{words}: write the same at each place, or upgrade to 2.1")

    def endpoint(self, name, given):
        where = ("endpoints", name)
        if given is None:
            return
        if not isinstance(given, dict):
            self.tell(where, "it must be a mapping")
            return
        if not is_host(name):
            self.tell(where, "it is no host, or host and port, such as harbor.corp:443")
            return
        self.keys(where, given, ENDPOINT)
        self.endpoints[name] = self.common(where, without_null(given))

    def alike(self):
        """Tell of endpoints that are one host: of two only one would be used."""
        for name in self.endpoints:
            host, mark, port = name.rpartition(":")
            if mark and port in PORTS.values() and host in self.endpoints:
                words = f"{host} is the same host, and only one of both is used: write all at one of them"
                self.tell(("endpoints", name), words)

    def unused(self):
        """Tell of endpoints that no mirror and no server has: often they are misspelt."""
        for name in self.endpoints:
            if name not in self.used:
                words = "no mirror and no server is there, so it is not used: mend its name, or add a host"
                self.tell(("endpoints", name), words, WARNING)
