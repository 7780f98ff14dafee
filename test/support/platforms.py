"""
The platforms that test/platforms.yml lists.
"""

import yaml

from support import ROOT

LISTED = yaml.safe_load((ROOT / "test/platforms.yml").read_text(encoding="utf-8"))
PLATFORMS = {row["name"]: row for row in LISTED}


def titles(tested):
    """
    Return what the platforms are called to which the tests have come so near.
    """
    return [row["title"] for row in PLATFORMS.values() if row["tested"] == tested]
