"""
An address of Salt's file server is in the saltenv of the SLS.
"""

import pytest
from containerd_formula.addresses import in_saltenv


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
