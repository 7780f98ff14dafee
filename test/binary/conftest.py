"""
Fixtures of the tests against real containerd binaries.
"""

import pytest
import support
from support.binaries import binaries, on_path, release  # noqa: F401


@pytest.fixture
def salt_functions(on_path):  # noqa: F811
    """
    The formula's execution functions on a node that has this release.
    """
    return support.salt_functions()
