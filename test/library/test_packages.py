"""Which version of a package a pillar means."""

import pytest
from containerd_formula import packages
from containerd_formula.errors import Refused


@pytest.mark.parametrize(
    ("found", "wanted", "expected"),
    [
        ("1.7.24-1", "1.7.24-1", True),
        ("1.7.24-1", "1.7.24", True),
        ("1.7.24-1", "1.7.*", True),
        ("1.7.24-1", "1.7.2", False),
        ("1.7.24-1", "1.7", False),
        ("1.17.24-1", "1.7.*", False),
        ("1.6.20~ds1-1+deb12u3", "1.6.20", True),
        ("2.1.9+ds1-5", "2.1.9", True),
        ("1.7.24-0ubuntu1~22.04.1", "1.7.24", True),
        ("2:1.7.24-3.1.el9", "1.7.24", True),
        ("2:1.7.24-3.1.el9", "1.7.24-3.1.el9", True),
        ("2:1.7.24-3.1.el9", "2:1.7.24-3.1.el9", True),
        ("2.0.0~rc.1-1", "2.0.0", False),
        ("2.0.0~rc.1-1", "2.0.0~rc.1", True),
    ],
)
def test_a_version_is_what_the_pillar_means(found, wanted, expected):
    assert packages.matches(found, wanted) is expected


def test_only_a_containerd_displaces_another():
    assert packages.may_remove(["runc", "crun"]) == ()
    assert "containerd" in packages.may_remove(["containerd.io"])


def test_an_error_names_the_key_of_the_version():
    with pytest.raises(Refused, match="Correct containerd:runtimes:crun:version or the repository"):
        packages.newest("crun", "9.*", [], key="containerd:runtimes:crun:version")


def test_the_first_that_fits_is_taken():
    assert packages.newest("c", "1.7.*", ["2.1.9-1", "1.7.24-1", "1.7.9-1", "1.6.20-1"]) == "1.7.24-1"


@pytest.mark.parametrize(
    ("offered", "words"),
    [
        (["1.7.24-1", "1.6.20-1"], "they offer 1.7.24-1, 1.6.20-1."),
        ([str(number) for number in range(20, 0, -1)], "they offer 20, 19, 18, 17, 16, 15, 14, 13, 12, 11."),
        ([], "they have no version of it."),
    ],
)
def test_a_version_that_is_not_offered_names_those_that_are(offered, words):
    with pytest.raises(Refused) as caught:
        packages.newest("c", "9.*", offered, ["W: one", "W: two"])
    assert str(caught.value) == (
        f"No repository of this node has c 9.*: {words} Nothing was changed. Correct "
        "containerd:package:version or the repository. W: one W: two"
    )
