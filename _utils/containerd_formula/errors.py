"""The one error of the library, and how a program tells of its own."""

import functools
import re

# Not every error ends a daemon: CNI that is not configured yet is one, too. A panic of Go ends in its stack.
_FATAL = re.compile(r"^(?:containerd: |ctr: |panic: |.*level=fatal).*$", re.MULTILINE)


class Refused(Exception):
    """What a person must mend: one message that names the key or file, what is wrong, and the cure."""


def told_as(error):
    """Return a decorator: where the library refuses something, the function raises ``error``, Salt's own."""

    def decorate(function):
        @functools.wraps(function)
        def telling(*args, **kwargs):
            try:
                return function(*args, **kwargs)
            except Refused as err:
                raise error(str(err)) from err

        return telling

    return decorate


def fatal_line(text):
    """Return the line by which containerd or ctr tells why it ended, empty where there is none."""
    lines = _FATAL.findall(text)
    return re.sub(r"^(?:containerd|ctr): ", "", lines[-1]) if lines else ""


def last_words(text):
    """Return why a program ended: its fatal line, else its last."""
    lines = text.strip().splitlines() or ["it ended without a word"]
    return fatal_line(text) or lines[-1]
