"""The one error of the library, and how a program tells of its own."""

import functools
import re

from containerd_formula.secrets import masked_url

# Not every error ends a daemon: CNI that is not configured yet is one, too. A panic of Go ends in its stack.
_FATAL = re.compile(r"^(?:containerd: |ctr: |panic: |.*level=fatal).*$", re.MULTILINE)

# Characters of one sentence, and sentences of one message.
_SENTENCE = 1000
_SENTENCES = 100


class Refused(Exception):
    """What a person must mend: one message that names the key or file, what is wrong, and the cure."""

    def __init__(self, message):
        super().__init__(brief(masked_url(message)))


def brief(text):
    """Return a message without what nobody reads: the middle of a long line, and the end of many lines."""
    lines = [_cut(line) for line in text.split("\n")]
    more = [f"... and {len(lines) - _SENTENCES} more."] if len(lines) > _SENTENCES else []
    return "\n".join(lines[:_SENTENCES] + more)


def quoted(value):
    """Return a value as a message may have it: of what may be endless, or is not for people, the type."""
    if isinstance(value, int) and abs(value) < 2**64 or isinstance(value, (str, float, type(None))):
        return repr(value)
    return f"a {type(value).__name__}"


def _cut(line):
    # The beginning names the key, the end the cure. A surrogate could be neither printed nor sent.
    half = _SENTENCE // 2
    short = line if len(line) <= _SENTENCE else f"{line[:half]} ... {line[-half:]}"
    return short.encode("utf-8", "backslashreplace").decode()


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
    return brief(re.sub(r"^(?:containerd|ctr): ", "", lines[-1])) if lines else ""


def last_words(text):
    """Return why a program ended: its fatal line, else its last."""
    lines = text.strip().splitlines() or ["it ended without a word"]
    return fatal_line(text) or brief(lines[-1])
