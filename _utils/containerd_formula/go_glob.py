"""Go's patterns of file names, by which containerd finds its imports."""

import re

from containerd_formula.errors import Refused

_META = re.compile(r"[*?\[\\]")


def split(pattern):
    """Return the folder where the search for a pattern begins, and a function that tests each name below."""
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    plain = next((number for number, part in enumerate(parts) if _META.search(part)), len(parts))
    start = "/" if pattern.startswith("/") else ""
    return start + "/".join(parts[:plain]), [_matcher(part, pattern) for part in parts[plain:]]


def _matcher(part, pattern):
    """Return a function that tells whether a name matches one component; * matches a leading dot, too."""
    segments, rest = [""], part
    while rest:
        if rest[0] == "*":
            rest = rest[1:]
            segments.append("")
        else:
            one, rest = _character(rest, pattern)
            segments[-1] += one
    # Text between two stars is taken at the first place where it fits: no backtracking.
    middle = "".join(f"(?=(?P<g{n}>.*?{text}))(?P=g{n})" for n, text in enumerate(segments[1:-1]) if text)
    end = f".*{segments[-1]}" if len(segments) > 1 else ""
    compiled = re.compile(segments[0] + middle + end, re.DOTALL)
    return lambda name: bool(compiled.fullmatch(name))


def _character(rest, pattern):
    """Return the regular expression of a pattern's first character, and the rest of the pattern."""
    if rest[0] == "?":
        return ".", rest[1:]
    if rest[0] != "[":
        literal, rest = _literal(rest, pattern)
        return re.escape(literal), rest
    rest = rest[1:]
    negated, rest = rest[:1] == "^", rest[1:] if rest[:1] == "^" else rest
    ranges = []
    while not (ranges and rest[:1] == "]"):
        low, rest = _of_class(rest, pattern)
        high = low
        if rest[:1] == "-":
            high, rest = _of_class(rest[1:], pattern)
        ranges.append((low, high))
    inside = "".join(f"{re.escape(low)}-{re.escape(high)}" for low, high in ranges if low <= high)
    if negated:
        return f"[^{inside}]" if inside else ".", rest[1:]
    return f"[{inside}]" if inside else "(?!)", rest[1:]


def _of_class(rest, pattern):
    if rest[:1] in ("", "-", "]"):
        raise _bad(pattern)
    return _literal(rest, pattern)


def _literal(rest, pattern):
    """Return the literal character, perhaps escaped, that a pattern begins with, and the rest."""
    if rest[0] == "\\":
        rest = rest[1:]
    if not rest:
        raise _bad(pattern)
    return rest[0], rest[1:]


def _bad(pattern):
    return Refused(f"{pattern} is not a pattern that containerd can read: close each [ and write \\\\ for \\")
