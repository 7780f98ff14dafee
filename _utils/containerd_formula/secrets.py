"""What must not be shown: which keys hold secrets, and how a value or a text looks without them."""

import json
import re

MASK = "(secret)"
# What to do about a mask that was pasted as a value.
UNMASK = (
    f"a value with {MASK} in it is what this formula shows instead of a secret: write the real one, from the "
    "node's file or with show_secrets=True"
)
# As a word of its own, wherever masks are put.
_MASKED = re.compile(r"(?<!\w)\(secret\)(?!\w)")
_WORDS = r"passw|passphrase|secret|token|credential|authorization|api_?key|private_?key"
_SAYS_SO = re.compile(_WORDS, re.IGNORECASE)
# tls_key is a path; what else ends so is the key itself: access_key, encryption_key.
_NAME = re.compile(
    rf"{_WORDS}|(?<!tls)_key$|(?:access|encryption|signing)key$|^pass$|(?:^|_)pwd$", re.IGNORECASE
)
# Whatever stands in these tables of a registry, misspelled or misplaced, may be a credential.
_REGISTRY_TABLES = {"auths", "configs", "headers"}
# Lists of NAME=value.
_ENVIRONMENTS = {"env", "envs", "environ", "environment"}
# Patterns here take linear time: what is in a word is found by hand.
_WORD = re.compile(r"\S+")
# Also of an address whose slashes are wrong.
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
# Letters. What is shorter is hidden only where it stands alone.
_SHORT = 4
# As strconv.Quote of Go writes them; others that cannot be printed by their number.
_GO_ESCAPES = {
    **{"\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v"},
    **{"\\": r"\\", '"': r"\""},
}


def is_secret(path):
    """Tell whether a key's value must not be shown: by its name, or as a registry's credential."""
    # containerd matches keys without regard to case.
    names = [name.lower() for name in (path[2:] if path[:1] == ("plugins",) else path)]
    # Names with dots above it are those of hosts and plugins.
    named = [*(name for name in names[:-1] if "." not in name), *names[-1:]]
    if path[:1] != ("timeouts",) and any(map(_NAME.search, named)):
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
        return {masked_url(key): masked(inner, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return _masked_list(value, path)
    return masked_command(value) if isinstance(value, str) else value


def is_masked(value):
    """Tell whether a value, or one in its lists and tables, is as it is shown and not as it is."""
    return any(_MASKED.search(text) for text in _texts(value))


def masked_url(text):
    """Return a text without what identifies somebody in its URLs."""
    return _WORD.sub(lambda word: _masked_address(word[0]), text) if _MARK.search(text) else text


def bare_url(text):
    """Return a text whose URLs name nobody, as some programs tell of them."""
    return masked_url(text).replace(f"{MASK}@", "")


def masked_command(text):
    """Return a setting's text, an address or a command, as it may be shown."""
    # Alone it may have blanks in its password.
    shown = _masked_address(text) if _ADDRESS.match(text) else masked_url(text)
    shown = _SCHEME_OF_HEADER.sub(lambda found: f"{found[1]}{MASK}", shown)
    shown = _USER.sub(lambda found: f"{found[1]}{MASK}" if ":" in found[2] else found[0], shown)
    return _masked_arguments(shown)


def masked_variable(name, value):
    """Return a variable's value as it may be shown: of an address its host, of another nothing."""
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
    """Return what a program says without the values that ``secrets`` found, also escaped or by line."""
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
    """Return a word, or a value, without what is between :// and the last @, and behind a ? or #."""
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
        # Nobody can tell whether it belongs to a password.
        return f"{head}{MASK}"
    query = _QUERY.search(server)
    if query and re.search(r"\w", server[query.end() :]):
        server = f"{server[: query.end()]}{MASK}"
    return f"{head}{MASK}@{server}" if user else f"{head}{server}"


def _masked_arguments(text):
    """Return a command without what stands behind a word that says so."""
    shown, end = [], 0
    for found in _NAMED.finditer(text):
        if found.start() >= end and _SAYS_SO.search(found[0]):
            argument = _ARGUMENT.match(text, found.end())
            if argument:
                shown += [text[end : found.end()], MASK]
                end = argument.end()
    return "".join([*shown, text[end:]])


def _masked_list(items, path):
    """Return a list as it may be shown: of variables, of arguments, or of anything."""
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
    """Return the texts of a value that another, as it may be shown, has not."""
    if isinstance(value, list) and isinstance(shown, list):
        return [text for pair in zip(value, shown) for text in _hidden(*pair)]
    if isinstance(value, dict) and isinstance(shown, dict):
        return [text for pair in zip(value.values(), shown.values()) for text in _hidden(*pair)]
    return [] if value == shown else _texts(value)


def _texts(value):
    if isinstance(value, (dict, list)):
        inner = value.values() if isinstance(value, dict) else value
        return [text for item in inner for text in _texts(item)]
    return [str(value)]


def _parts(secret):
    """Return a secret, its lines, and what is behind its =, which a program may tell alone."""
    lines = [line.strip() for line in secret.splitlines()]
    parts = [secret, secret.partition("=")[2], *(line for line in lines if len(line) >= _SHORT)]
    return [part for part in parts if part.strip()]


def _forms(text):
    """Return a text as it is, as Go quotes it, also in a line that is quoted again, and as TOML has it."""
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
