"""Durations as Go reads them (time.ParseDuration)."""

import re

_DURATION = re.compile(r"([+-]?)(?:0|((?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+))")
_UNIT = re.compile(r"([^0-9.]+)")
_MINUTE = 60 * 10**9
# The micro sign and the Greek letter are two characters; Go takes both.
_UNITS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": _MINUTE,
    "h": 60 * _MINUTE,
}


def nanoseconds(text):
    """Return a duration as a whole number, None for what Go takes for none."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if not match:
        return None
    parts = _UNIT.split(match[2] or "")
    total = sum(float(number) * _UNITS[unit] for number, unit in zip(parts[::2], parts[1::2]))
    # Go counts them in 64 bits.
    if total >= 2**63:
        return None
    return -round(total) if match[1] == "-" else round(total)
