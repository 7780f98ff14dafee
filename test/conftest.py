"""Fixtures that tests of several folders share."""

import os

import containerd_formula
import pytest
from support.binaries import RELEASES

# The library stays the one that was imported, whatever an editor does to its files meanwhile: a library that
# is imported anew would forget what a test has put in its place.
containerd_formula._times = lambda: containerd_formula._IMPORTED
# What `make test` runs, which takes minutes, and what it leaves to `make test-rest`; all without a word.
PARTS = {"quick": True, "rest": False}
NEWEST = list(RELEASES)[-1]
# A master of their own, a container for each release, all platforms: the slowest for what they show, the
# longest first.
LONG = (
    *("test_roll_kubernetes", "test_cold", "test_roll_ssh", "test_render_package", "test_fleet", "test_roll"),
    *("test_shadowed", "test_gitfs", "test_saltenv", "test_samples", "test_render", "test_runtimes_proved"),
    *("test_runtime_container", "test_images_imported"),
)


def is_quick(item):
    """Tell whether `make test` runs a test: with the newest containerd alone, and no long ones."""
    release = getattr(item, "callspec", None) and item.callspec.params.get("release")
    return release in (None, NEWEST) and item.path.stem not in LONG


def pytest_collection_modifyitems(config, items):
    """Begin with what takes long, so that nothing is left to wait for, and leave the other part out."""
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))
    if not (part := os.environ.get("PART")):
        return
    if part not in PARTS:
        raise pytest.UsageError(f"PART={part}: write {' or '.join(PARTS)}, or leave it out for all.")
    config.hook.pytest_deselected(items=[item for item in items if is_quick(item) != PARTS[part]])
    items[:] = [item for item in items if is_quick(item) == PARTS[part]]


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
