"""
Values that somebody made to hang or crash what reads them.
"""

import ast
import datetime
import decimal
import inspect
import re
import time

SECONDS = 5
LONGEST = 200_000
MANY = {f"key{number}": number for number in range(100_000)}


def nested(levels, make):
    value = 1
    for _ in range(levels):
        value = make(value)
    return value


def _endless(kind):
    value = kind()
    value.append(value) if kind is list else value.update(a=value)
    return value


def _laughs():
    value = ["ha"] * 10
    for _ in range(20):
        value = [value] * 10
    return value


TEXTS = {
    "empty": "",
    "nul": "a\0b",
    "control": "\x1b[2J\r\n\x7f\x85",
    "surrogate": "a\ud800b",
    "digits": "9" * 5000,
    "huge": "x" * 10_000_000,
    "lines": "\n" * 100_000,
    "blanks": " " * 200_000,
    "addresses": "://" * 70_000,
    "garbage": bytes(range(256)).decode("utf-8", "surrogateescape") * 100,
    "line ends": "\ufeffa = 1\r\nb = 2\rc = 3\n",
    "tables": f"[{'.'.join('a' * 3000)}]\n",
    "dotted": f"{'.'.join('a' * 3000)} = 1\n",
    "arrays": f"a = {'[' * 3000}{']' * 3000}\n",
    "inline": f"a = {'{a=' * 3000}1{'}' * 3000}\n",
    "big number": f"a = 0x{'f' * 5000}\nb = {2**64}\n",
    "no number": "a = nan\nb = 1e999\n",
    "twice": "a = 1\na = 2\n",
    "two versions": "version = 'x'\nplugins = 5\n",
}
VALUES = {
    "none": None,
    "true": True,
    "beyond 64 bits": 2**64,
    "5,000 digits": 10**5000,
    "nan": float("nan"),
    "infinite": float("inf"),
    "bytes": b"\xff",
    "set": {1},
    "date": datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc),
    "decimal": decimal.Decimal(1),
    "object": object(),
    "list": [],
    "list of none": [None],
    "table": {},
    "deep table": nested(3000, lambda value: {"a": value}),
    "deep list": nested(3000, lambda value: [value]),
    "endless table": _endless(dict),
    "endless list": _endless(list),
    "laughs": _laughs(),
    "many": MANY,
    "many texts": list(MANY),
    "huge key": {"x" * 10_000_000: 1},
    "digits as a key": {10**5000: 1},
    "keys of all kinds": {None: 1, (1, 2): 1, True: 1, 1.5: 1, b"k": 1},
    "surrogate as a key": {"a\ud800": 1},
    "a huge secret": {"plugins": {"x": {"password": "hunter2" * 100_000}}},
}
ANY = {**TEXTS, **VALUES}


def within(value):
    """
    Return a value with others of its kind below the settings of containerd and of the formula.
    """
    return [value, {"a": value}, {"plugins": {"io.containerd.grpc.v1.cri": value}}, [{"a": value}]]


def called(function, allowed, /, seconds=SECONDS, **arguments):
    """
    Call a function; return what it returns, or the error of the one kind that it may raise.
    """
    # Of this process: a busy machine fails nothing.
    started = time.process_time()
    try:
        result = function(**arguments)
    except allowed as err:
        result = err
        assert 0 < len(str(err)) <= LONGEST and "hunter2" not in str(err)
        str(err).encode("utf-8")
    assert time.process_time() - started < seconds
    return result


def public_functions(module):
    """
    Return the functions that a module defines for others: name to function.
    """
    return {
        name: function
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if not name.startswith("_") and function.__module__ == module.__name__
    }


def patterns(path, names):
    """
    Return the regular expressions of a Python file with how they are used: (pattern, method).

    ``names`` are the module's, which know what a pattern is made of.
    """
    found = set()
    # What a function fills in is a word.
    words = {"binary": "containerd", "kind": "runc", "files": ".*", "folders": "trial-.*", **names}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, (ast.Attribute, ast.Call)):
            continue
        called = ast.unparse(node.func if isinstance(node, ast.Call) else node)
        name, _, method = called.rpartition(".")
        if name == "re" and isinstance(node, ast.Call) and method not in ("compile", "escape"):
            text = eval(ast.unparse(node.args[0]), words)  # noqa: S307 - it is our own source.
            multiline = re.MULTILINE if "re.MULTILINE" in ast.unparse(node) else 0
            found.add((re.compile(text, multiline), method))
        elif isinstance(names.get(name), re.Pattern) and method != "pattern":
            found.add((names[name], method))
    # Workers have to find the same tests in the same order.
    return sorted(found, key=repr)


# What patterns repeat, and what may stand before and behind it.
_UNITS = (
    *(
        "://",
        "a://",
        "@",
        "1",
        " ",
        "a",
        '"',
        "a:",
        "[",
        "]",
        "[a]",
        "(",
        "\\",
        "\n",
        "\n ",
        "\n \n",
        " \t",
        "a b ",
    ),
    *(
        "=,",
        ">=1, ",
        "1.",
        "1h",
        ".",
        "+",
        "~",
        "~ds",
        "~ds1.",
        'key="',
        "key=",
        "plugin=",
        "level=fatal",
        "/",
        "/a",
    ),
    *(
        "a@",
        "a:b@",
        ":b",
        "a://b@c",
        "-",
        "::",
        '\\"',
        "{a",
        "{a}",
        "Inst a [",
        "deb [a] ",
        "[GNUPG:] IMPORT_RES 1",
    ),
)
_HEADS = (
    "",
    "a",
    "Inst a [",
    "Inst a ",
    "deb ",
    "deb [",
    "/",
    "a://",
    'key="',
    "Remv a [",
    "tomlkit",
    "[GNUPG:] IMPORT_RES ",
)


def assert_linear(pattern, method):
    """
    Assert that a pattern, used as it is, takes no more than linear time; a quadratic one takes seconds.
    """
    for head in _HEADS:
        for unit in _UNITS:
            text = f"{head}{unit * (20_000 // len(unit))} \x01!"
            text = text.encode() if isinstance(pattern.pattern, bytes) else text
            started = time.process_time()
            getattr(pattern, method)(*((text[:0], text) if method == "sub" else (text,)))
            assert time.process_time() - started < 0.2, (pattern.pattern, head, unit)
