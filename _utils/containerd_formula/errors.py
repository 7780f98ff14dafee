"""The one error of the library."""

import functools


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
