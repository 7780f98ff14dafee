"""
TOML text: keys, errors, the library that may be missing.
"""

import sys
import types

import pytest
from containerd_formula import toml
from containerd_formula.errors import Refused
from containerd_formula.paths import dotted
from hypothesis import given
from hypothesis import strategies as st


@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=4))
def test_a_key_that_is_written_is_read_back(parts):
    assert toml.key(dotted(parts)) == tuple(parts)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("debug.level", ("debug", "level")),
        (" a . 'b.c' ", ("a", "b.c")),
        ('plugins."io.containerd.grpc.v1.cri"', ("plugins", "io.containerd.grpc.v1.cri")),
        ('"\\u00e9\\t"', ("\u00e9\t",)),
    ],
)
def test_keys_as_toml_has_them(text, parts):
    assert toml.key(text) == parts


@pytest.mark.parametrize(
    "text",
    ["", " ", "a.", ".a", "a..b", "a b", "a = 1 #", "a = 0 #", "a=0\nb", "[a]", "[a]\nb", "a\n", '"a',
     '"\\x"', '"""a"""', "\u00e9", "a # b", '"\n"', "a\x00", '"\\ud800"', None, 5],
)  # fmt: skip
def test_what_is_no_key_is_refused_with_the_cure(text):
    with pytest.raises(Refused, match="is not a TOML key: put parts|is not text: put it in quotes"):
        toml.key(text)


def test_an_error_names_the_source_and_the_place():
    with pytest.raises(Refused, match=r"the file is not valid TOML: .* at line 2 col"):
        toml.loads("a = 1\nb = = 2\n", "the file")


def missing(name):
    raise ImportError(f"No module named {name}")


def test_a_missing_library_is_an_error_with_its_cure(monkeypatch):
    assert toml.version()
    monkeypatch.setattr(toml.importlib, "import_module", missing)
    assert toml.version() == ""
    for function in (toml.loads, toml.key):
        with pytest.raises(Refused, match="apply containerd.salt"):
            function("a")


@pytest.mark.parametrize("found", ["0.11.7", "0.15.0", "0.15", "x"])
def test_a_library_that_was_replaced_in_this_run_is_seen(monkeypatch, found):
    """
    The minion has imported the old one before.
    """
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "tomlkit"}
    monkeypatch.setitem(sys.modules, "tomlkit", types.SimpleNamespace(__version__=found))
    assert toml.is_new_enough(toml.version())
    # Its classes must be those that other tests have.
    sys.modules.update(before)
