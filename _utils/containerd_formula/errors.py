"""The library's one error, and how to find the error in a program's output."""

import functools
import re

from containerd_formula.secrets import masked_url

# Not level=error: a missing CNI configuration is logged so, and ends nothing. A Go panic ends with its stack.
_FATAL = re.compile(r"^(?:containerd: |ctr: |panic: |.*level=fatal).*$", re.MULTILINE)

# Limits: characters of one sentence, sentences of one message.
_SENTENCE = 1000
_SENTENCES = 100


class Refused(Exception):
    """Input that a person must correct: the message names the key or file, what is wrong, and the cure."""

    def __init__(self, message):
        super().__init__(brief(masked_url(message)))


def brief(text):
    """Return a message shortened: the middle of long lines is cut, and so are lines over the limit."""
    lines = [_cut(line) for line in text.split("\n")]
    more = [f"... and {len(lines) - _SENTENCES} more."] if len(lines) > _SENTENCES else []
    return "\n".join(lines[:_SENTENCES] + more)


def quoted(value):
    """Return a value for a message; only its type if it may be very long or unreadable."""
    if isinstance(value, int) and abs(value) < 2**64 or isinstance(value, (str, float, type(None))):
        return repr(value)
    return f"a {type(value).__name__}"


def in_words(value):
    """Return what a program or a node said as text; of what is no text, only what it is."""
    if isinstance(value, str):
        return brief(value)
    if value and isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value[:_SENTENCES]):
        return brief(" ".join(value[:_SENTENCES]))
    return quoted(value)


def printable(text):
    """Return text that does nothing to a terminal: what cannot be printed is a space, ends of lines stay."""
    return "".join(character if character.isprintable() or character == "\n" else " " for character in text)


def _cut(line):
    """Return a line that can be printed; if it is very long, without its middle."""
    # The beginning names the key, the end the cure. A lone surrogate can be neither printed nor sent.
    half = _SENTENCE // 2
    short = line if len(line) <= _SENTENCE else f"{line[:half]} ... {line[-half:]}"
    return short.encode("utf-8", "backslashreplace").decode()


def told_as(error):
    """Return a decorator that turns the library's ``Refused`` into ``error``, an exception of Salt's."""

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
    """Return the line in which containerd or ctr says why it ended; empty if there is none."""
    lines = _FATAL.findall(text)
    return brief(re.sub(r"^(?:containerd|ctr): ", "", lines[-1])) if lines else ""


def last_words(text):
    """Return why a program ended: its fatal line, or else its last line."""
    lines = text.strip().splitlines() or ["it ended without a message"]
    return fatal_line(text) or brief(lines[-1])
