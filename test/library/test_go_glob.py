"""
Patterns as Go has them; test/binary/test_imports.py asks containerd itself.
"""

import time

import pytest
from containerd_formula import go_glob
from containerd_formula.errors import Refused


@pytest.mark.parametrize(
    ("pattern", "folder", "names"),
    [
        ("/etc/containerd/conf.d/*.toml", "/etc/containerd/conf.d", ["a.toml"]),
        ("/etc/*/x.toml", "/etc", ["containerd", "x.toml"]),
        ("//etc/./c//[ab]*", "/etc/c", ["a"]),
        ("*", "", ["x"]),
        ("/*", "/", ["x"]),
        ("conf.d/*", "conf.d", ["x"]),
        ("/etc/none", "/etc/none", []),
    ],
)
def test_where_the_search_begins_and_what_it_looks_for(pattern, folder, names):
    start, matchers = go_glob.split(pattern)
    assert start.rstrip("/") == folder.rstrip("/")
    assert [matches(name) for matches, name in zip(matchers, names)] == [True] * len(matchers)
    assert len(matchers) == len(names)


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("*.toml", [".toml", ".x.toml", "a.toml", "a\n.toml"], ["a.tomlx", "a.Toml", "toml"]),
        ("a?c", ["abc", "a.c", "aéc"], ["ac", "abbc"]),
        ("[^a]x", ["bx", "!x"], ["ax", "x"]),
        # In a shell ! would negate.
        ("[!a]x", ["!x", "ax"], ["bx"]),
        ("[a-c-]*", None, None),
        ("[]a]", None, None),
        ("[a", None, None),
        ("a*\\", None, None),
        ("[b-a]x", [], ["ax", "bx"]),
        ("[^b-a]x", ["ax", "bx"], ["x"]),
        ("[\\]]*", ["]", "]a"], ["a"]),
        ("\\*", ["*"], ["a", "\\*"]),
        ("a*b*c", ["abc", "axbxc", "abbcc"], ["ac", "acb"]),
        ("**a**", ["a", "ba", "ab"], ["b"]),
        ("*a*a", ["aa", "baxa"], ["a", "ba"]),
        ("(.+)*", ["(.+)"], ["x"]),
    ],
)
def test_what_matches(pattern, yes, no):
    if yes is None:
        with pytest.raises(Refused, match="is not a pattern that containerd can read"):
            go_glob.split(pattern)
        return
    [matches] = go_glob.split(pattern)[1]
    assert [name for name in (*yes, *no) if matches(name)] == yes


def test_many_stars_take_no_time():
    [matches] = go_glob.split("*a" * 100 + "*b")[1]
    began = time.monotonic()
    assert not matches("a" * 255)
    assert time.monotonic() - began < 1
