"""What is found wrong: one shape, from the translation to the report of a run."""

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
    # "value": the key is right, and its value cannot be expressed. "layer": a whole layer is wrong. "pods":
    # the daemon is ready with it, and pods cannot start. "ignored": containerd takes no notice of the key.
    about: str = "key"

    def shown(self):
        """Return it as a person gets it from Salt."""
        return {"key": self.key, "level": self.level, "message": masked_url(self.message)}


def finding(path, words, level=ERROR, about="key"):
    """Return a finding about a key of the document."""
    key = dotted(path)
    return Finding(key, brief(f"{key}: {words}"), level, tuple(path), words, about)


def errors(findings):
    """Return the sentences of those that are errors."""
    return [masked_url(one.message) for one in findings if one.level == ERROR]


def warnings(findings):
    """Return the sentences of those that are not."""
    return [masked_url(one.message) for one in findings if one.level == WARNING]
