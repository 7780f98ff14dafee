"""
An address of Salt's file server is in the saltenv of the SLS.
"""

import pytest
from containerd_formula.addresses import in_saltenv, is_address, is_sha256


@pytest.mark.parametrize(
    ("address", "saltenv", "expected"),
    [
        ("salt://a/{version}.tar", "prod", "salt://a/{version}.tar?saltenv=prod"),
        ("salt://a?saltenv=dev", "prod", "salt://a?saltenv=dev"),
        ("salt://a", "base", "salt://a"),
        ("salt://a", None, "salt://a"),
        ("https://example.org/a", "prod", "https://example.org/a"),
        ("-----BEGIN PGP PUBLIC KEY BLOCK-----", "prod", "-----BEGIN PGP PUBLIC KEY BLOCK-----"),
    ],
)
def test_only_an_address_without_a_saltenv_gets_one(address, saltenv, expected):
    assert in_saltenv(address, saltenv) == expected


@pytest.mark.parametrize("address", ["https://a/b", "salt://a", "file:///a"])
def test_what_a_file_with_a_hash_may_come_from(address):
    assert is_address(address)
    for wrong in (
        f" {address}",
        f"{address} b",
        address.replace(":/", ""),
        f"ht{address}",
        "http://a/b",
        None,
    ):
        assert not is_address(wrong)


def test_a_hash_is_as_sha256sum_prints_it():
    assert is_sha256("a" * 64)
    assert not any(map(is_sha256, ("a" * 63, "A" * 64, f"{'a' * 64}\n", 0, None)))
