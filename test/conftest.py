"""Fixtures that tests of several folders share."""

import pytest


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
    """A good OpenPGP key, another one, and one that has expired."""
    from lab.repository import Key

    folder = tmp_path_factory.mktemp("keys")
    made = {"good": Key(folder, "good", lifetime="1y"), "other": Key(folder, "other")}
    made["old"] = Key(folder, "old", born="20200101T000000", lifetime="1d")
    yield made
    for key in made.values():
        key.close()
