"""Fixtures that tests of several folders share."""

import containerd_formula
import pytest

# The library stays the one that was imported, whatever an editor does to its files meanwhile: a library that
# is imported anew would forget what a test has put in its place.
containerd_formula._times = lambda: containerd_formula._IMPORTED


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
