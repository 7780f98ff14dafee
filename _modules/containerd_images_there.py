"""
The images that kubelet's containerd has, by ``ctr``: listed, imported, named, labelled, removed.
"""

import time

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import errors, image_words

# What CRI shows to a kubelet.
_NAMESPACE = ("--namespace", "k8s.io")
# Seconds: a slow disk writes 10 MB in one.
_IMPORT_TIMEOUT = 3600
_POLL = 0.25


def rows():
    """
    Return the images: name to the library's ``Row``.

    :raises CommandExecutionError: no daemon answers.
    """
    # With a lost content it fails, and lists all the same.
    return image_words.images(_ctr("ls", header=True))


def whole(names, unpacked=False):
    """
    Return those of some names whose images have all their content for this node, or with ``unpacked`` files.
    """
    if not names:
        return []
    return image_words.whole(_ctr("check", *image_words.filters(names), header=True), unpacked)


def take(path, unpack=True):
    """
    Import all images of an archive.

    :raises CommandExecutionError: containerd refuses it; the message has its words.
    """
    _ctr("import", *(() if unpack else ("--no-unpack",)), path, timeout=_IMPORT_TIMEOUT)


def tag(name, other):
    """
    Give an image another name.
    """
    _ctr("tag", "--force", name, other)


def label(name, labels):
    """
    Set labels of an image; an empty one goes.
    """
    _ctr("label", name, *(f"{key}={value}" for key, value in labels.items()))


def remove(names):
    """
    Remove names of images: what no name and no container needs goes from the disk a little later.
    """
    try:
        _ctr("rm", *names)
    except CommandExecutionError:
        # Others may have been faster.
        if set(names) & set(rows()):
            raise


def taken_up(names, timeout):
    """
    Wait until CRI shows images; return the names that it does not show after a time.
    """
    deadline = time.monotonic() + timeout
    while True:
        found = rows()
        missing = [name for name in names if name not in found or not found[name].is_taken_up]
        if not missing or time.monotonic() >= deadline:
            return missing
        time.sleep(_POLL)


def _ctr(verb, *arguments, header=False, **options):
    """Run a command for images; return what it printed."""
    result = __salt__["containerd_daemon.ctr"](*_NAMESPACE, "images", verb, *arguments, **options)
    if result["retcode"] and not (header and result["stdout"].startswith("REF ")):
        words = errors.last_words(result["stderr"].strip() or result["stdout"])
        raise CommandExecutionError(f"ctr images {verb} failed: {words}")
    return result["stdout"]
