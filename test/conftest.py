"""Fixtures that tests of several folders share."""

import pytest


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
    """A good OpenPGP key, another one, one that has expired and one that was revoked."""
    from lab.repository import Key

    folder = tmp_path_factory.mktemp("keys")
    made = {"good": Key(folder, "good", lifetime="1y"), "other": Key(folder, "other")}
    made["revoked"] = Key(folder, "revoked")
    made["revoked"].revoke()
    made["old"] = Key(folder, "old", born="20200101T000000", lifetime="1d")
    yield made
    for key in made.values():
        key.close()
