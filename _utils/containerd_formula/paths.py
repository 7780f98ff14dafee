"""Where a value stands in a document: a path is the tuple of its keys, and text has TOML's dotted keys."""

import json
import re

from containerd_formula.secrets import masked_url

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def dotted(path):
    """Return a path as TOML writes the key, with quotes where a part needs them; addresses name nobody."""
    return ".".join(part if _BARE.fullmatch(part) else _quoted(masked_url(part)) for part in path)


def _quoted(part):
    # TOML's escapes are JSON's, but for DEL, which JSON does not escape.
    return json.dumps(part, ensure_ascii=False).replace("\x7f", "\\u007F")
