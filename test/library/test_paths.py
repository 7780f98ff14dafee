"""
Paths as TOML writes keys.
"""

import pytest
import tomlkit
from containerd_formula.paths import dotted
from hypothesis import given
from hypothesis import strategies as st


@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=3))
def test_keys_are_written_as_toml(path):
    """The oracle is tomlkit: it must find the value at the path."""
    data = tomlkit.parse(f"{dotted(path)} = 1").unwrap()
    for part in path:
        data = data[part]
    assert data == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("a", "B-c_1"), "a.B-c_1"),
        (("a.b", 'c"d', ""), '"a.b"."c\\"d".""'),
        (("é😀\t\x7f",), '"é😀\\t\\u007F"'),
        (("a\\b",), '"a\\\\b"'),
        ((), ""),
    ],
)
def test_only_what_needs_quotes_has_them(path, text):
    assert dotted(path) == text
