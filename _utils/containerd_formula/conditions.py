"""Conditions on the release of containerd: ``>=1.5``, ``<2.0``, ``>=1.6,<2.0``, ``1.7`` (any 1.7)."""

import re

from containerd_formula.errors import Refused, quoted

_TERM = re.compile(r"(>=|<|)(\d{1,4}(?:\.\d{1,4}){0,2})", re.ASCII)
FORMS = "write one such as '>=1.5', '<2.0', '>=1.6,<2.0', or '1.7' for any 1.7"
ALONE = "write one entry for each, or a range such as '>=1.6,<2.0'"


def parsed(condition):
    """Return a condition as a list of (sign, numbers)."""
    if not isinstance(condition, str):
        raise Refused(f"{quoted(condition)} is not a condition: {FORMS}, in quotation marks.")
    terms = [_TERM.fullmatch(term.strip()) for term in condition[:100].split(",")]
    if not all(terms):
        raise Refused(f"{condition!r} is not a condition: {FORMS}.")
    found = [(term[1], _numbers(term[2])) for term in terms]
    if len(found) > 1 and any(not sign for sign, _ in found):
        raise Refused(f"{condition!r} has a release beside another term: {ALONE}.")
    starts, ends = ([_padded(numbers) for sign, numbers in found if sign == wanted] for wanted in (">=", "<"))
    if starts and ends and max(starts) >= min(ends):
        raise Refused(f"{condition!r} holds for no release: {FORMS}.")
    return found


def holds(condition, release):
    """Tell whether a condition matches a release of containerd; a pre-release counts as its final release."""
    found = _numbers(re.match(r"[0-9.]{0,50}", release)[0])
    return all(_holds(sign, numbers, found) for sign, numbers in parsed(condition))


def is_since(since, release):
    """Tell whether a release has what came with another; one that is not known is the newest."""
    return release is None or holds(f">={since}", release)


def has_fix(release, *fixed):
    """Tell whether a release has a fix that came with patch releases of some minors, the oldest first."""
    if release is None:
        return True
    minors = [fix.rpartition(".")[0] for fix in fixed]
    ends = [*minors[1:], None]
    return any(holds(f">={fix},<{end}" if end else f">={fix}", release) for fix, end in zip(fixed, ends))


def _holds(sign, numbers, found):
    """Tell whether one term of a condition matches the numbers of a release."""
    if sign == ">=":
        return found >= numbers
    if sign == "<":
        return found < numbers
    return found[: len(numbers)] == numbers


def _padded(numbers):
    return (*numbers, 0, 0)[:3]


def _numbers(text):
    return tuple(int(number) for number in text.split(".") if number)
