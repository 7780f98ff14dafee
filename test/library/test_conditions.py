"""
For which releases a layer is: as a person means it, and the same for the check of the pillar.
"""

import pytest
from containerd_formula import conditions, pillar
from containerd_formula.conditions import has_fix
from containerd_formula.errors import Refused

RELEASES = ["1.4.13", "1.6.20", "1.7.0", "1.7.24", "2.0.0-rc.1", "2.0.0", "2.1.9", "2.4.0-beta.1", "2.10.0"]
NONE = [
    "",
    ">",
    "1.x",
    ">1.5",
    "<=1.7",
    "==1.7",
    "~=1.7",
    "v1.7",
    "1.7.*",
    ">=1.5,",
    "1.2.3.4",
    "new",
    "\u0661.7",
]


@pytest.mark.parametrize(
    ("condition", "meant"),
    [
        (">=1.5", RELEASES[1:]),
        ("<2.0", RELEASES[:4]),
        ("<2", RELEASES[:4]),
        (">=2", RELEASES[4:]),
        (">=1.6,<2.0", RELEASES[1:4]),
        (" >=1.6 , <2.0 ", RELEASES[1:4]),
        ("1.7", ["1.7.0", "1.7.24"]),
        ("1.7.24", ["1.7.24"]),
        (">=1.7.24", RELEASES[3:]),
        ("<1.7.24", RELEASES[:3]),
        # A pre-release counts as its release, and ten is more than four.
        (">=2.4", ["2.4.0-beta.1", "2.10.0"]),
        ("2.1", ["2.1.9"]),
    ],
)
def test_a_condition_holds_for_the_releases_that_are_meant(condition, meant):
    assert [release for release in RELEASES if conditions.holds(condition, release)] == meant
    assert list(pillar._conditions({condition: {}})) == []


@pytest.mark.parametrize("condition", [*NONE, 1.7, 2])
def test_what_is_none_is_refused_with_its_cure(condition):
    with pytest.raises(Refused, match="is not a condition: write one such as '>=1.5', '<2.0'"):
        conditions.holds(condition, "1.7.24")
    [told] = pillar._conditions({condition: {}})
    assert "containerd:config_for has the key" in told
    assert ("write releases such as '>=1.5'" if isinstance(condition, str) else "quotation marks") in told


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("1.6,1.7", "a release beside another term"),
        (">=1.6, 1.7", "a release beside another term"),
        (">=2.0,<1.0", "holds for no release"),
        (">=1.7,<1.7.0", "holds for no release"),
        ("<2.1,>=1.6,>=2.1.0", "holds for no release"),
    ],
)
def test_what_could_never_hold_is_refused(condition, words):
    with pytest.raises(Refused, match=words):
        conditions.holds(condition, "1.7.24")
    [told] = pillar._conditions({condition: {}})
    assert "containerd:config_for has the key" in told and words in told


@pytest.mark.parametrize(
    ("release", "fixed"),
    [
        *((release, False) for release in ("1.4.13", "1.6.21", "1.7.0", "1.7.2")),
        *((release, True) for release in ("1.6.22", "1.6.39", "1.7.3", "1.7.24", "2.1.9", None)),
    ],
)
def test_a_fix_that_came_to_several_minors(release, fixed):
    assert has_fix(release, "1.6.22", "1.7.3") is fixed
