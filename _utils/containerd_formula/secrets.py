"""What must not be shown: which keys hold secrets, and how a value looks without them."""

import re

MASK = "(secret)"
# What to do about a mask that was pasted as a value.
UNMASK = (
    f"a value with {MASK} in it is what this formula shows instead of a secret: write the real one, from the "
    "node's file or with show_secrets=True"
)
# Alone, as the user of an address, or as the path behind its host.
_MASKED = re.compile(r"(?:^|[/:=])\(secret\)(?:@|$)")
_NAME = re.compile(
    r"passw|passphrase|secret|token|credential|authorization|api_?key|private_?key|^pass$", re.IGNORECASE
)
# Whatever stands in these tables of a registry, misspelled or misplaced, may be a credential.
_REGISTRY_TABLES = {"auths", "configs", "headers"}
# What may be an address as a whole. Patterns here take linear time: what is in a word is found by hand.
_WORD = re.compile(r"[^\s\"'<>]+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_HOST = re.compile(r"[^\s/?#@]+")
# Variables of a daemon in which nobody keeps a secret.
_OPEN_VARIABLES = {"NO_PROXY", "GOMAXPROCS", "GOGC", "GOMEMLIMIT", "GODEBUG", "TZ", "LANG", "PATH", "TMPDIR"}


def is_secret(path):
    """Tell whether a key's value must not be shown: by its name, or as a registry's credential."""
    # containerd matches keys without regard to case.
    names = [name.lower() for name in (path[2:] if path[:1] == ("plugins",) else path)]
    # Names with dots are those of hosts and plugins.
    if path[:1] != ("timeouts",) and any(_NAME.search(name) for name in names if "." not in name):
        return True
    tables = (names[number + 1 :] for number, name in enumerate(names[:-1]) if name == "registry")
    return any(
        table in _REGISTRY_TABLES and (table, below[1:2]) != ("configs", ["tls"]) for table, *below in tables
    )


def masked(value, path):
    """Return a value as it may be shown; a table or list that holds secrets is walked."""
    if not value:
        return value
    if path and is_secret(tuple(path)):
        return MASK
    if isinstance(value, dict):
        return {key: masked(inner, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [masked(item, path) for item in value]
    return masked_url(value) if isinstance(value, str) else value


def is_masked(value):
    """Tell whether a value, or one in its lists and tables, is as it is shown and not as it is."""
    return any(_MASKED.search(word) for text in _texts(value) for word in text.split())


def masked_url(text):
    """Return a text without what identifies somebody in its URLs."""
    return _WORD.sub(_without_user, text) if "://" in text else text


def bare_url(text):
    """Return a text whose URLs name nobody, as some programs tell of them."""
    return masked_url(text).replace(f"{MASK}@", "")


def masked_variable(name, value):
    """Return a variable's value as it may be shown: of an address its host, of another nothing."""
    if not value or name.upper() in _OPEN_VARIABLES:
        return value
    scheme, mark, address = value.partition("://")
    _, user, server = address.rpartition("@")
    host = _HOST.match(server)
    if not (mark and host and _SCHEME.fullmatch(scheme)) or value.split() != [value]:
        return MASK
    rest = server[host.end() :]
    return f"{scheme}{mark}{f'{MASK}@' if user else ''}{host[0]}{f'/{MASK}' if rest.strip('/') else rest}"


def secrets(data, path=()):
    """Return the values in a document that ``masked`` hides, as text."""
    found = []
    for key, value in data.items():
        here = (*path, key)
        if isinstance(value, dict) and value:
            found += secrets(value, here)
        elif masked(value, here) != value:
            found += _texts(value)
    return found


def without(found, text):
    """Return a text without the values that ``secrets`` found."""
    for secret in found:
        text = text.replace(secret, MASK) if secret else text
    return text


def _without_user(word):
    # Between :// and the last @: https://TOKEN@host, https://user:p@ss/word@host.
    head, mark, address = word[0].partition("://")
    _, user, server = address.rpartition("@")
    return f"{head}{mark}{MASK}@{server}" if user else word[0]


def _texts(value):
    if isinstance(value, (dict, list)):
        inner = value.values() if isinstance(value, dict) else value
        return [text for item in inner for text in _texts(item)]
    return [str(value)]
