"""Durations: as Go reads them (time.ParseDuration), and as numbers of seconds."""

import re

from containerd_formula.errors import Refused, quoted

_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]+)")
_MINUTE = 60 * 10**9
# The micro sign and the Greek letter are two characters; Go takes both.
_UNITS = {
    "ns": 1,
    "us": 10**3,
    "\u00b5s": 10**3,
    "\u03bcs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": _MINUTE,
    "h": 60 * _MINUTE,
}
# Go counts in 64 bits: a number with more digits overflows. Go reads no more digits of a fraction.
_LARGEST, _DIGITS, _FRACTION = 2**63, 20, 18


def nanoseconds(text):
    """Return a duration as a whole number, or None if Go would refuse it."""
    if not isinstance(text, str):
        return None
    minus, rest = text[:1] == "-", text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return 0
    total, at = 0, 0
    while at < len(rest) or not rest:
        part = _PART.match(rest, at)
        value = _value(*part.groups()) if part else None
        if value is None:
            return None
        total, at = total + value, part.end()
        if total > _LARGEST:
            return None
    return None if total == _LARGEST and not minus else -total if minus else total


def seconds(value, name="timeout"):
    """Return a number of seconds that somebody gave; refuse anything else."""
    # False for infinity and NaN, too: a wait would never end.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 2**64:
        raise Refused(f"{name} is {quoted(value)}: write a number of seconds, such as 30.")
    return value


def _value(whole, fraction, unit):
    """Return a number with its unit in nanoseconds, or None if Go would refuse it."""
    digits = whole.lstrip("0")
    if unit not in _UNITS or not (whole or fraction) or len(digits) > _DIGITS:
        return None
    fraction = (fraction or "")[:_FRACTION]
    return int(digits or 0) * _UNITS[unit] + int(fraction or 0) * _UNITS[unit] // 10 ** len(fraction)
