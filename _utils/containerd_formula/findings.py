"""Findings: one shape for everything that is wrong, from the translation to the report of a run."""

from typing import NamedTuple

from containerd_formula.errors import brief
from containerd_formula.paths import dotted
from containerd_formula.secrets import masked_url

ERROR = "error"
WARNING = "warning"


class Finding(NamedTuple):
    """Something wrong with a key or a file; ``message`` is the whole sentence."""

    key: str
    message: str
    level: str = ERROR
    path: tuple = ()
    # The message without its key.
    words: str = ""
    # "value": the key is right, but its value cannot be expressed. "layer": the whole layer is wrong. "pods":
    # the daemon gets ready with it, but pods cannot start. "ignored": containerd ignores the key.
    about: str = "key"

    def shown(self):
        """Return the finding as a dictionary, for the output of Salt."""
        return {"key": self.key, "level": self.level, "message": masked_url(self.message)}


def finding(path, words, level=ERROR, about="key"):
    """Return a finding about a key of the document."""
    key = dotted(path)
    return Finding(key, brief(f"{key}: {words}"), level, tuple(path), words, about)


def of_pillar(key, where, words, level=ERROR):
    """Return a finding about a key of pillar, given by its parts."""
    key, end = ":".join(key), "" if words.endswith("?") else "."
    return Finding(key, brief(f"{key}: {words}{end}"), level, tuple(where), words)


def errors(findings):
    """Return the messages of the errors."""
    return [masked_url(one.message) for one in findings if one.level == ERROR]


def warnings(findings):
    """Return the messages of the warnings."""
    return [masked_url(one.message) for one in findings if one.level == WARNING]
