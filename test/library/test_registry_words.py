"""
What ctr says of a folder: the hosts that it would ask, and why one of them gives nothing.
"""

import pytest
from containerd_formula import registry_words
from containerd_formula.registries import read


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ({"mirrors": ["https://a.io", "m.io"]}, ["https://a.io", "https://m.io"]),
        ({"mirrors": ["m.io"], "server": "m.io"}, ["https://m.io"]),
        ({"mirrors": ["http://a.io", "m.io"]}, ["http://a.io", "https://m.io", "https://a.io"]),
    ],
)
def test_a_host_that_is_meant_twice_is_found_once(host, found):
    [question] = registry_words.questions(read({"hosts": {"a.io": host}}).registries[0])
    found = [f"{one}/v2/containerd-formula" for one in found]
    assert registry_words.is_as_meant(found, question)
    for other in (found[1:], found[::-1] if len(found) > 1 else [], [*found, "https://c.io/v2/x"]):
        assert not registry_words.is_as_meant(other, question)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            "unexpected status from HEAD request to https://m.io/v2/x: 401 Unauthorized",
            "401 and no credentials",
        ),
        (
            "pull access denied or may require authorization: no basic auth credentials",
            "401 and no credentials",
        ),
        (
            "failed to authorize: failed to fetch anonymous token: "
            "unexpected status from GET request to https://t.io/token: 500 Internal Server Error",
            "the token service that it names, or a proxy before that, answers 500",
        ),
        ("unexpected status from HEAD request to https://m.io/v2/x: 500 Internal", "it answers 500"),
    ],
)
def test_an_answer_is_told_by_its_number(said, words):
    assert registry_words.reason(f"ctr: {said}\n", False, "there:1").startswith(words)
