"""
What containerd/check.py says of a pillar; the render matrix shows that it stops the run.
"""

import pytest
import yaml
from support import ROOT, load

check = load("containerd/check.py")
DEFAULTS = yaml.safe_load((ROOT / "containerd/defaults.yaml").read_text(encoding="utf-8"))
DEBIAN = {"os": "Debian", "os_family": "Debian"}


def problems(given, grains=DEBIAN):
    return check.find_problems(given, DEFAULTS, {"Debian": {}}, grains)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"config": {"any": {"thing": [1, None, True]}}},
        {"kernel": {"modules": [], "sysctls": {"a.b": "1 2 3", "c.d": 1, "e.f": None}}},
        {"package": {"source": "distro"}},
        {"service": {"ready_timeout": 0.5}},
    ],
)
def test_a_right_pillar_has_no_problems(given):
    assert problems(given) == []


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"kernel": {"modules": [1]}}, "containerd:kernel:modules has an entry that is a number"),
        ({"kernel": {"sysctls": {"a.b": True}}}, "containerd:kernel:sysctls:a.b is a boolean"),
        ({"kernel": {"sysctls": []}}, "containerd:kernel:sysctls is a list; it must be a mapping."),
        (
            {"kernel": {"sysctl": {}}},
            "containerd:kernel:sysctl is not a setting of this formula; did you mean",
        ),
        ({"nope": 1}, "containerd:nope is not a setting of this formula; known are kernel, package"),
        ({"service": {"ready_timeout": "60"}}, "containerd:service:ready_timeout is a string"),
        ({"service": {"ready_timeout": 0}}, "containerd:service:ready_timeout is 0; it must be above 0"),
        ({"service": {"ready_timeout": True}}, "containerd:service:ready_timeout is a boolean"),
        ({"package": {"source": "Docker"}}, "must be one of docker, distro."),
    ],
)
def test_a_wrong_pillar_has_one_clear_problem(given, sentence):
    found = problems(given)
    assert len(found) == 1
    assert sentence in found[0]


def test_all_problems_are_told_at_once():
    assert len(problems({"nope": 1, "kernel": {"modules": "overlay"}, "config": []})) == 3


def test_docker_has_no_packages_for_a_derivative():
    grains = {"os": "Linuxmint", "os_family": "Debian"}
    assert problems({}, grains) == [
        "containerd:package:source is docker, and Docker has no packages for 'Linuxmint'; set it to distro."
    ]
    assert problems({"package": {"source": "distro"}}, grains) == []
