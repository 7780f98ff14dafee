"""Paths of values in a document: a tuple of keys in code, a dotted TOML key in text."""

import json
import re

from containerd_formula.secrets import masked_url

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def dotted(path):
    """Return a path as a dotted TOML key, quoted where needed; credentials in addresses are masked."""
    return ".".join(part if _BARE.fullmatch(part) else _quoted(masked_url(part)) for part in path)


def _quoted(part):
    # TOML escapes like JSON, except for DEL, which JSON leaves alone.
    return json.dumps(part, ensure_ascii=False).replace("\x7f", "\\u007F")
