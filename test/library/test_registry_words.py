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
