"""The sandbox image: with an invalid reference the daemon is ready, but no pod can start."""

import re

from containerd_formula.data import at
from containerd_formula.rules.context import shown

# The grammar of distribution/reference: letters and digits, separated by these or by hyphens.
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:__|[._]|-+)[a-z0-9]+)*")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}")
_DEFAULT = "docker.io/library/"
# Characters of a name without tag and digest.
_LONGEST = 255


def sandbox(context):
    """The sandbox image, which each pod needs: with an invalid reference none can start."""
    path = context.locate("CRI.sandbox_image")
    image = at(context.overrides, path)
    if isinstance(image, str) and not is_reference(image):
        wrong = f"{shown(image, path)} names no image" if image else "it is empty"
        yield path, f"{wrong}, so no pod can start: {_cure(image)}"


def is_reference(text):
    """Tell whether a text names an image, as CRI reads it: ``pause`` is one of Docker Hub's."""
    rest, mark, digest = text.partition("@")
    if mark and not _DIGEST.fullmatch(digest):
        return False
    head, slash, last = rest.rpartition("/")
    last, mark, tag = last.partition(":")
    if mark and not _TAG.fullmatch(tag):
        return False
    name = head + slash + last
    domain, slash, path = name.partition("/")
    if not slash or not _is_domain(domain):
        domain, path = "docker.io", name
    elif not _DOMAIN.fullmatch(domain):
        return False
    parts = path.split("/")
    # A name without a folder gets Docker Hub's own, which counts.
    longest = _LONGEST - (len(_DEFAULT) if name == path and len(parts) == 1 else len(domain) + 1)
    return len(path) <= longest and all(_COMPONENT.fullmatch(part) for part in parts)


def _is_domain(text):
    """Tell whether the part before the first slash is a registry, not a folder of Docker Hub."""
    return text == "localhost" or any(mark in text for mark in ".:") or text != text.lower()


def _cure(image):
    """Return what to write instead of a bad image reference."""
    if not image:
        return "write one, or null for containerd's own"
    if image.split() != [image]:
        return "write it without blanks"
    if is_reference(image.lower()):
        return f"write it in lower case, {image.lower()}"
    return "write one such as registry.example.org/pause:3.10"


RULES = (sandbox,)
