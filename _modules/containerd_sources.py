"""
apt's sources on this node: those of other tools that clash with ours. And those, or dnf's, that need its key.
"""

import glob
import os

import containerd_formula
from salt.exceptions import CommandExecutionError

containerd_formula.renew()
from containerd_formula import apt, places
from containerd_formula.data import is_unicode


def rivals(uri, suite, own):
    """
    Return the apt sources that clash with ours.

    uri
        The address of our source.

    suite
        The suite of our source.

    own
        The file of our source.

    :return: a dictionary: file to its text with the lines of such sources commented out.
    """
    return _rewritten(own, lambda path, text: apt.set_aside(path, text, uri, suite))


def restored_rivals(own):
    """
    Return the apt sources that were commented out for ours.

    own
        The file of our source.

    :return: a dictionary: file to its text without these comments.
    """
    return _rewritten(own, lambda path, text: apt.restored(text))


def users_of_key(path, own):
    """
    Return the files of other sources of apt, and other repositories of dnf, that use a key.

    path
        The file of the key.

    own
        The file of our source.

    :return: a list of paths.
    """
    repositories = sorted(glob.glob(os.path.join(places.DNF_REPOSITORIES, "*.repo")))
    texts = {**_sources(own), **_texts(own, repositories)}
    return [source for source, text in texts.items() if path in text]


def _rewritten(own, rewrite):
    """Return {path: new text} of the apt sources that a function changes."""
    texts = _sources(own)
    new = {path: rewrite(path, text) for path, text in texts.items()}
    changed = {path: text for path, text in new.items() if text != texts[path]}
    for path, text in changed.items():
        if not is_unicode(text):
            raise CommandExecutionError(f"{path} has to be changed, and is not UTF-8: rewrite it in UTF-8.")
    return changed


def _sources(own):
    """Return {path: text} of the files in which apt looks for sources, without ours."""
    paths = [os.path.join(places.APT_SOURCES, "sources.list")]
    for ending in ("list", "sources"):
        paths += sorted(glob.glob(os.path.join(places.APT_SOURCES, "sources.list.d", f"*.{ending}")))
    return _texts(own, paths)


def _texts(own, paths):
    """Return {path: text} of those files that are there, without ours."""
    texts = {}
    for path in paths:
        if path != own and os.path.isfile(path):
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                texts[path] = file.read()
    return texts
