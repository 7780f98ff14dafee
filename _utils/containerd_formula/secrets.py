"""Secrets: which keys hold them, and how to show a value or a text without them."""

import json
import re

MASK = "(secret)"
# The message about a mask that was pasted as a value.
UNMASK = (
    f"{MASK} is what this formula shows instead of a secret: write the real value, from the node's file or "
    "with show_secrets=True"
)
# The mask as a separate word.
_MASKED = re.compile(r"(?<!\w)\(secret\)(?!\w)")
_WORDS = r"passw|passphrase|secret|token|credential|authorization|api_?key|private_?key"
_SAYS_SO = re.compile(_WORDS, re.IGNORECASE)
# tls_key is a path. Other names that end so hold the key itself: access_key, encryption_key.
_NAME = re.compile(
    rf"{_WORDS}|(?<!tls)_key$|(?:access|encryption|signing)key$|^pass$|(?:^|_)pwd$", re.IGNORECASE
)
# Anything in these tables of a registry, even misspelled or misplaced, may be a credential.
_REGISTRY_TABLES = {"auths", "configs", "headers"}
# Lists of NAME=value.
_ENVIRONMENTS = {"env", "envs", "environ", "environment"}
# These patterns take linear time: code, not a pattern, takes a word apart.
_WORD = re.compile(r"\S+")
# Also in an address with the wrong slashes.
_MARK = re.compile(r":[/\\]+")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[/\\]")
_QUERY = re.compile(r"[?#]")
_HOST = re.compile(r"[^\s/?#@]+")
_SCHEMES = {"http", "https", "socks4", "socks5", "socks5h", "tcp", "udp", "unix", "grpc", "ftp"}
# In a command: --token=a, --token a, TOKEN=a, X-Token: a; Bearer a; -u name:a.
_NAMED = re.compile(r"(?<![\w-])(?:[A-Za-z_][\w-]*[=:]\s*|-{1,2}[A-Za-z][\w-]*(?:=|\s+))", re.ASCII)
_ARGUMENT = re.compile(r"\"[^\"]*\"?|'[^']*'?|[^\s\"']+")
_SCHEME_OF_HEADER = re.compile(r"\b((?:bearer|basic|digest|negotiate)\s+)[^\s\"']+", re.IGNORECASE)
_USER = re.compile(rf"(?<!\S)((?:-u|-U|--user|--proxy-user)(?:=|\s*))({_ARGUMENT.pattern})")
# An option whose value is the next word.
_OPTION = re.compile(r"-{1,2}[A-Za-z][\w-]*")
# Variables of a daemon in which nobody keeps a secret.
_OPEN_VARIABLES = {
    *("NO_PROXY", "GOMAXPROCS", "GOGC", "GOMEMLIMIT", "GODEBUG", "TZ", "LANG", "PATH", "TMPDIR"),
    # A path, in containerd's own default.
    "OCICRYPT_KEYPROVIDER_CONFIG",
}
# Letters. A shorter secret is hidden only as a separate word.
_SHORT = 4
# As Go's strconv.Quote writes them; other unprintable characters become numbers.
_GO_ESCAPES = {
    **{"\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v"},
    **{"\\": r"\\", '"': r"\""},
}


def is_secret(path):
    """Tell whether a key's value must not be shown: by its name, or as a registry's credential."""
    # containerd matches keys without regard to case.
    names = [name.lower() for name in (path[2:] if path[:1] == ("plugins",) else path)]
    # Tables with dots in their names are hosts and plugins.
    named = [*(name for name in names[:-1] if "." not in name), *names[-1:]]
    if path[:1] != ("timeouts",) and any(map(_NAME.search, named)):
        return True
    tables = (names[number + 1 :] for number, name in enumerate(names[:-1]) if name == "registry")
    return any(
        table in _REGISTRY_TABLES and (table, below[1:2]) != ("configs", ["tls"]) for table, *below in tables
    )


def masked(value, path):
    """Return a value with its secrets masked, also those inside tables and lists."""
    if not value:
        return value
    if path and is_secret(tuple(path)):
        return MASK
    if isinstance(value, dict):
        return {masked_url(key): masked(inner, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return _masked_list(value, path)
    return masked_command(value) if isinstance(value, str) else value


def is_masked(value):
    """Tell whether a value, or one inside its lists and tables, contains the mask."""
    return any(_MASKED.search(text) for text in _texts(value))


def masked_url(text):
    """Return a text with the credentials in its URLs masked."""
    return _WORD.sub(lambda word: _masked_address(word[0]), text) if _MARK.search(text) else text


def bare_url(text):
    """Return a text without the credentials in its URLs, as some programs print them."""
    return masked_url(text).replace(f"{MASK}@", "")


def masked_command(text):
    """Return an address or a command with its secrets masked."""
    # If the text is one address, its password may have blanks.
    shown = _masked_address(text) if _ADDRESS.match(text) else masked_url(text)
    shown = _SCHEME_OF_HEADER.sub(lambda found: f"{found[1]}{MASK}", shown)
    shown = _USER.sub(lambda found: f"{found[1]}{MASK}" if ":" in found[2] else found[0], shown)
    return _masked_arguments(shown)


def masked_variable(name, value):
    """Return an environment variable's value masked: an address keeps its host, another value nothing."""
    if not value or name.upper() in _OPEN_VARIABLES:
        return value
    scheme, mark, address = value.partition("://")
    _, user, server = address.rpartition("@")
    host = _HOST.match(server)
    if not (mark and host and scheme.lower() in _SCHEMES) or value.split() != [value]:
        return MASK
    rest = server[host.end() :]
    return f"{scheme}{mark}{f'{MASK}@' if user else ''}{host[0]}{f'/{MASK}' if rest.strip('/') else rest}"


def secrets(data, path=()):
    """Return the values in a document that ``masked`` hides, as text."""
    found = []
    for key, value in data.items():
        here = (*path, key)
        if masked_url(key) != key:
            found.append(key)
        if isinstance(value, dict) and value:
            found += secrets(value, here)
        else:
            found += _hidden(value, masked(value, here))
    return found


def without(found, text):
    """Return a program's output without the values that ``secrets`` found: whole, escaped, or by line."""
    parts = {part for secret in found for part in _parts(secret) if len(part) <= len(text)}
    forms = {form for part in parts for form in _forms(part)}
    # The longest first: another may be a part of it.
    for form in sorted(forms, key=lambda form: (-len(form), form)):
        if len(form) < _SHORT:
            text = re.compile(rf"(?<!\w){re.escape(form)}(?!\w)").sub(MASK, text)
        else:
            text = text.replace(form, MASK)
    return masked_url(text)


def _masked_address(word):
    """Return a word with its credentials (:// to the last @) and its query (after ? or #) masked."""
    mark = _MARK.search(word)
    if not mark:
        return word
    head, address = word[: mark.end()], word[mark.end() :]
    # https://TOKEN@host, https://user:p@ss/word@host.
    user, _, server = address.rpartition("@")
    if user == MASK:
        user = ""
        head += f"{MASK}@"
    if _QUERY.search(user):
        # The ? or # may belong to a password.
        return f"{head}{MASK}"
    query = _QUERY.search(server)
    if query and re.search(r"\w", server[query.end() :]):
        server = f"{server[: query.end()]}{MASK}"
    return f"{head}{MASK}@{server}" if user else f"{head}{server}"


def _masked_arguments(text):
    """Return a command with the values of secret-sounding options and names masked."""
    shown, end = [], 0
    for found in _NAMED.finditer(text):
        if found.start() >= end and _SAYS_SO.search(found[0]):
            argument = _ARGUMENT.match(text, found.end())
            if argument:
                shown += [text[end : found.end()], MASK]
                end = argument.end()
    return "".join([*shown, text[end:]])


def _masked_list(items, path):
    """Return a list of variables, arguments or other values with its secrets masked."""
    if path and path[-1].lower() in _ENVIRONMENTS and all(isinstance(item, str) for item in items):
        return [_masked_assignment(item) for item in items]
    shown, named = [], False
    for item in items:
        shown.append(MASK if named and item else masked(item, path))
        named = isinstance(item, str) and bool(_OPTION.fullmatch(item) and _SAYS_SO.search(item))
    return shown


def _masked_assignment(text):
    name, mark, value = text.partition("=")
    return f"{name}{mark}{masked_variable(name, value)}" if mark else text


def _hidden(value, shown):
    """Return the texts of a value that its masked form ``shown`` hides."""
    if isinstance(value, list) and isinstance(shown, list):
        return [text for pair in zip(value, shown) for text in _hidden(*pair)]
    if isinstance(value, dict) and isinstance(shown, dict):
        return [text for pair in zip(value.values(), shown.values()) for text in _hidden(*pair)]
    return [] if value == shown else _texts(value)


def _texts(value):
    """Return all texts inside a value."""
    if isinstance(value, (dict, list)):
        inner = value.values() if isinstance(value, dict) else value
        return [text for item in inner for text in _texts(item)]
    return [str(value)]


def _parts(secret):
    """Return a secret, its lines, and the part after its =: a program may print any of them alone."""
    lines = [line.strip() for line in secret.splitlines()]
    parts = [secret, secret.partition("=")[2], *(line for line in lines if len(line) >= _SHORT)]
    return [part for part in parts if part.strip()]


def _forms(text):
    """Return how a program may print a text: plain, quoted by Go (once or twice), or as TOML."""
    once = _quoted_by_go(text)
    toml = json.dumps(text, ensure_ascii=False)[1:-1]
    return {text, once, _quoted_by_go(once), toml, _quoted_by_go(toml)}


def _quoted_by_go(text):
    return "".join(
        _GO_ESCAPES.get(char) or (char if char.isprintable() else _numbered(ord(char))) for char in text
    )


def _numbered(number):
    if number < 0x80:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
