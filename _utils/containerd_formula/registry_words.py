"""What ctr says of a folder such as certs.d: which hosts it would ask, and why a host gives nothing."""

import re
from typing import NamedTuple

from containerd_formula.errors import last_words
from containerd_formula.registry_settings import own_host

# No registry of anybody's: it has no folder of its own, so that the one for all others is taken.
_NOBODY = "nobody.invalid"
_HUB = "docker.io"
_IMAGE, _TAG = "containerd-formula", "probe"
_DIGEST = f"sha256:{'0' * 64}"
# Each attempt is told with the address and the host, in one line.
_ATTEMPT = re.compile(r"\bHead \\\"([^\"\\\s]+)")
_HERE = re.compile(r"(?:[a-z]+://)?(?:localhost|127\.[0-9.]+|\[::1\])[:/]")
_UNREADABLE = re.compile(r"msg=\"failed to decode[^\n]*")
# What it says, and what a person understands; {host} is the mirror's.
_REASONS = (
    (
        "certificate signed by unknown authority",
        "its certificate is signed by an unknown authority: give its ca",
    ),
    ("certificate has expired", "its certificate has expired, or is not valid yet: have it renewed"),
    (
        "x509: certificate is valid for",
        "its certificate is for other names: have it mended, or write one of them",
    ),
    ("doesn't contain any IP SANs", "its certificate is for no address of this kind: write its name"),
    ("x509:", "its certificate is refused"),
    ("certificate required", "it wants a client certificate: write client"),
    ("bad certificate", "it refuses the client certificate"),
    ("server gave HTTP response to HTTPS client", "it speaks http and not https: write http://"),
    ("first record does not look like a TLS handshake", "it speaks no TLS: write http://"),
    ("HTTP request to an HTTPS server", "it speaks https and not http: write https://"),
    ("no such host", "its name does not resolve"),
    ("server misbehaving", "its name does not resolve"),
    ("Temporary failure in name resolution", "its name does not resolve"),
    ("connection refused", "it refuses connections"),
    ("network is unreachable", "there is no route to it"),
    ("no route to host", "there is no route to it"),
    ("i/o timeout", "it does not answer"),
    ("deadline exceeded", "it does not answer"),
    *(
        (words, "it ends the connection: is http or https right, and does it want a client certificate?")
        for words in (": EOF", "broken pipe", "connection reset")
    ),
    ("unable to read CA cert", "a file of its ca cannot be read"),
    (
        "failed to load X509 key pair",
        "its client certificate and key cannot be read, or do not fit each other",
    ),
)
_STATUS = re.compile(r"\b(?:unexpected status|status code)\b[^\n]{0,500}?: ([45]\d\d)\b")


class Question(NamedTuple):
    """An image to ask for, and the addresses at which it must be looked for."""

    image: str
    # Without a scheme where nobody wrote one.
    addresses: list


def questions(registry):
    """Return what to ask ctr for, to see whether it reads the files of a registry as they are meant."""
    result = []
    for capabilities, suffix in ((("pull", "resolve"), f":{_TAG}"), (("pull",), f"@{_DIGEST}")):
        bases = [one.base() for one in registry.asked() if one.may(*capabilities)]
        if not registry.server:
            bases.append(own_base(registry.name))
        if bases:
            result.append(
                Question(
                    named(registry.name, f"{_path(registry.name)}{suffix}"),
                    [f"{base}/{_path(registry.name)}" for base in bases],
                )
            )
    # One that shows all hosts in their order is enough.
    every = len(registry.asked()) + (0 if registry.server else 1)
    whole = [question for question in result if len(question.addresses) == every]
    return whole[:1] or result


def named(registry, image):
    """Return an image of a registry as ctr is asked for it; of all others, one of a registry that is none."""
    return f"{_NOBODY if registry == '*' else registry}/{image}"


def is_here(addresses):
    """Tell whether one of some addresses is this machine's own: no proxy stands before it."""
    return any(map(_HERE.match, addresses))


def own_base(name):
    """Return below which address a registry has its images by itself, without a scheme."""
    return f"{own_host(_NOBODY if name == '*' else name)}/v2"


def asked_for(stderr):
    """Return the addresses at which ctr has looked for an image, in their order."""
    found = [url.partition("/manifests/")[0] for url in _ATTEMPT.findall(stderr) if "/manifests/" in url]
    # An attempt is told twice: as it fails, and where nothing is left.
    return list(dict.fromkeys(found))


def is_as_meant(found, question):
    """Tell whether ctr has looked for an image where it was meant to."""
    rest, seen = list(found), []
    for address in question.addresses:
        if rest and _is_at(rest[0], address):
            seen.append(rest.pop(0))
        # What comes again, such as the registry itself as its first mirror, is found once.
        elif not any(_is_at(one, address) for one in seen):
            return False
    return not rest


def _is_at(found, address):
    return found == address or ("://" not in address and found.partition("://")[2] == address)


def unreadable(stderr):
    """Return why ctr cannot use a folder whatever the hosts answer, empty where it can."""
    found = _UNREADABLE.search(stderr)
    if found:
        return last_words(found[0])
    return "" if asked_for(stderr) else last_words(stderr)


def reason(stderr, credentials, image):
    """
    Return why a host that ctr asked for an image gave none; empty where it is in order.

    Without an ``image`` of somebody's it need not have what it was asked for.
    """
    said = last_words(stderr)
    for words, told in _REASONS:
        if words in said:
            return told
    status = _STATUS.search(said)
    code = status[1] if status else ""
    asks = "no basic auth credentials" in said or "authoriz" in said
    if asks and code not in ("", "401", "403"):
        return f"the token service that it names, or a proxy before that, answers {code}"
    if asks or code in ("401", "403"):
        with_these = "with these credentials" if credentials else "and no credentials are written for it"
        hint = "" if image else "; it may say so of an image that it does not have: write probe"
        return f"{code or '401'} {with_these}{hint}"
    if code == "404" or said.endswith("not found"):
        return f"it does not have {image}" if image else ""
    return f"it answers {code}" if code else said


def _path(name):
    return f"library/{_IMAGE}" if name == _HUB else _IMAGE
