"""
Plain data: what pillar gives in plain types, in the types of the default, compared, merged and walked.
"""

import collections
import types

import pytest
from containerd_formula.data import (
    at,
    combine,
    fit,
    leaves,
    plain,
    put,
    same,
    table,
    texts,
    walk,
    without_null,
)
from containerd_formula.errors import Refused


class Hidden(str):
    """Salt 3008 has such a type."""

    def __str__(self):
        return "**********"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"a": 2**63}, "a is a number of more than 64 bits: quote it."),
        ({"a": -(2**63) - 1}, "a is a number of more than 64 bits: quote it."),
        ({"a": float("nan")}, "a is not a number"),
        ({"a": [1, None]}, "a is a list with a null in it"),
        ({"a": {1, 2}}, "a is a set"),
        ({"a": b"x"}, "a is a bytes"),
        ({"a": {True: 1}}, "a has the key True: quote it"),
        ({"a": {None: 1}}, "a has the key None"),
        ({"a": {1: 1, "1": 2}}, "a has the key '1' twice"),
        ({"a": "\ud800"}, "a holds text that is not Unicode"),
        ({"\ud800": 1}, "the overrides holds text that is not Unicode"),
        ({"a.b": [{"c": b"x"}]}, '"a.b".0.c is a bytes'),
    ],
)
def test_what_toml_cannot_hold_is_refused(value, words):
    with pytest.raises(Refused) as refused:
        plain(value)
    assert words in str(refused.value)


def test_pillar_classes_become_plain_values():
    fragment = collections.OrderedDict(
        a=Hidden("secret"), b=(1, 2), c=types.MappingProxyType({5000: Hidden("x")}), d={Hidden("k"): None}
    )
    result = plain(fragment)
    assert result == {"a": "secret", "b": [1, 2], "c": {"5000": "x"}, "d": {"k": None}}
    assert type(result) is type(result["c"]) is dict
    assert type(result["a"]) is type(*result["d"]) is str


def test_numbers_stay_what_they_are():
    given = [2**63 - 1, -(2**63), 0.5, True, float("inf")]
    assert [(value, type(value)) for value in plain(given)] == [(value, type(value)) for value in given]


@pytest.mark.parametrize(
    ("value", "default", "fitted"),
    [
        ([8, "a"], ["x"], ["8", "a"]),
        ([8], [], [8]),
        ([8], [9], [8]),
        ("-5", 0, -5),
        ({"a": 1}, {}, {"a": 1}),
    ],
)
def test_lists_take_the_type_of_what_the_default_holds(value, default, fitted):
    assert same(fit(value, default, ("a",)), fitted)


@pytest.mark.parametrize(
    ("value", "default", "words"),
    [
        ([1.5], ["x"], "a.0 is 1.5, a float; containerd's default is 'x', a string"),
        (True, 0, "a is True, a boolean; containerd's default is 0, an integer"),
        ("5.0", 0, "a is '5.0', a string"),
        (1.0, 1, "a is 1.0, a float"),
        (None, "x", "a is None, a NoneType"),
    ],
)
def test_a_value_of_another_type_is_refused(value, default, words):
    with pytest.raises(Refused) as refused:
        fit(value, default, ("a",))
    assert words in str(refused.value)


def test_a_refused_secret_is_not_shown():
    with pytest.raises(Refused) as refused:
        fit(["hunter2"], "x", ("plugins", "io.x.v1.y", "token"))
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *((1, True), (1, 1.0), (True, 1.0), ("1", 1), ([1], [True]), ([1], [1, 1]), ([1], [])),
        *(({"a": 1}, {"a": 1.0}), ({"a": 1}, {"b": 1}), ({"a": {"b": [0]}}, {"a": {"b": [False]}})),
        *(({}, []), (None, {}), ("", None)),
    ],
)
def test_what_differs_in_type_alone_is_not_the_same(one, other):
    assert not same(one, other) and not same(other, one)
    assert same(one, one) and same(other, other)


def test_a_patch_over_data_keeps_its_nulls():
    data, patch = {"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": None, "x": {"y": None}}, "d": {"e": 4}}
    assert combine(data, patch) == {"a": {"b": None, "c": 2, "x": {"y": None}}, "d": {"e": 4}}
    assert data == {"a": {"b": 1, "c": 2}, "d": 3}


def test_nulls_remove_nothing_where_nothing_is():
    assert without_null({"a": None, "b": [{"c": None, "d": 1}], "e": {"f": None}}) == {
        "b": [{"d": 1}],
        "e": {},
    }


def test_the_leaves_are_values_and_empty_tables():
    data = {"a": {"b": 1, "c": {}, "d": {"e": None}}, "f": [{"g": 1}], "h": types.MappingProxyType({"i": 2})}
    expected = {("a", "b"): 1, ("a", "c"): {}, ("a", "d", "e"): None, ("f",): [{"g": 1}], ("h", "i"): 2}
    assert leaves(data) == expected
    assert list(walk(data)) == list(expected.items())


def test_what_stands_at_a_path():
    data = {"a": {"b": {"c": 0}, "d": "x"}}
    assert at(data, ()) == data
    assert at(data, ("a", "b", "c")) == 0
    assert at(data, ("a", "d", "x")) is at(data, ("b",)) is at(None, ("a",)) is None
    assert table(data, ("a", "b")) == {"c": 0}
    assert table(data, ("a", "d")) == table(data, ("x", "y")) == {}
    put(data, ("a", "n", "m"), 1)
    put(data, ("a", "d"), "y")
    assert data == {"a": {"b": {"c": 0}, "d": "y", "n": {"m": 1}}}


def test_texts_of_a_list():
    assert texts(["a", 1, None, "b"]) == ["a", "b"]
    assert texts("ab") == texts(None) == texts({"a": 1}) == []
