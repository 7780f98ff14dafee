"""
What containerd/check.py says of a pillar; the render matrix shows that it stops the run.
"""

import pytest
import yaml
from support import ROOT, load

check = load("containerd/check.py")
DEFAULTS = yaml.safe_load((ROOT / "containerd/defaults.yaml").read_text(encoding="utf-8"))
DEBIAN = {"os": "Debian", "os_family": "Debian", "cpuarch": "x86_64"}
HASH = "0" * 64
ARCHIVE = {"source": "archive", "version": "1.7.24", "archive": {"sha256": {"1.7.24": {"amd64": HASH}}}}


def problems(given, grains=DEBIAN):
    return check.find_problems(given, DEFAULTS, {"Debian": {}}, grains)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"config": {"any": {"thing": [1, None, True]}}},
        {"kernel": {"modules": [], "sysctls": {"a.b": "1 2 3", "c.d": 1, "e.f": None}}},
        {"package": {"source": "distro"}},
        {"package": {"source": "none"}},
        {"package": {"version": "5:1.7.24~rc.1-1+b2", "hold": None}},
        {"package": {"version": "1.[67].*", "hold": True}},
        {"package": {"docker": {"key": "salt://docker.asc", "fingerprints": ["9dc8 5822" * 5]}}},
        {"package": {"docker": {"key": "-----BEGIN PGP PUBLIC KEY BLOCK-----\n"}}},
        {"package": ARCHIVE},
        {"salt": {"wheel": "salt://files/tomlkit-0.15.2-py3-none-any.whl"}},
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
        ({"package": {"source": "Docker"}}, "must be one of docker, distro, archive, none."),
        ({"package": {"version": 1.7}}, "containerd:package:version is a number; it must be a string."),
        ({"package": {"version": "1.7 -o x=y"}}, "containerd:package:version is '1.7 -o x=y'"),
        ({"package": {"version": "-1"}}, "containerd:package:version is '-1'"),
        ({"package": {"hold": "yes"}}, "containerd:package:hold is a string; it must be a boolean."),
        ({"package": {"docker": {"url": "https://a b"}}}, "containerd:package:docker:url is 'https://a b'"),
        ({"package": {"docker": {"url": "https://a\nSuites: b"}}}, "containerd:package:docker:url is"),
        ({"package": {"docker": {"channel": "a\nb"}}}, "containerd:package:docker:channel is"),
        ({"package": {"docker": {"distributions": {"Debian": "a/\nb"}}}}, "distributions:Debian is 'a/"),
        ({"package": {"docker": {"key": "/etc/key"}}}, "containerd:package:docker:key is neither"),
        ({"package": {"docker": {"fingerprints": []}}}, "containerd:package:docker:fingerprints is empty"),
        ({"package": {"docker": {"fingerprints": ["0EBFCD88"]}}}, "fingerprints has '0EBFCD88'"),
        (
            {"package": {"docker": {"fingerprints": "0EBFCD88"}}},
            "fingerprints is a string; it must be a list",
        ),
        ({"package": {"source": "none", "hold": True}}, "source none has no package to hold"),
        ({"package": {"source": "none", "version": "1"}}, "source none installs nothing"),
        ({"package": {**ARCHIVE, "version": "1.7.*"}}, "'1.7.*'; an archive takes an exact one"),
        ({"package": {**ARCHIVE, "version": "1.7.25"}}, "archive:sha256:1.7.25:amd64 is None; pin the 64"),
        ({"package": {**ARCHIVE, "archive": {"sha256": {"1.7.24": HASH}}}}, "1.7.24:amd64 is None; pin"),
        ({"package": {**ARCHIVE, "hold": True}}, "source archive has no package to hold"),
        (
            {"package": {**ARCHIVE, "archive": {**ARCHIVE["archive"], "runc": {"version": "1.1.15"}}}},
            "containerd:package:archive:runc:sha256:1.1.15:amd64 is None",
        ),
        (
            {"package": {**ARCHIVE, "archive": {**ARCHIVE["archive"], "url": "/tmp/x"}}},
            "containerd:package:archive:url is '/tmp/x'",
        ),
        ({"salt": {"wheel": "salt://tomlkit.tar.gz"}}, "containerd:salt:wheel is"),
        ({"salt": {"index_url": "pypi"}}, "containerd:salt:index_url is 'pypi'"),
        ({"salt": {"index_url": "https://a/", "package": "x"}}, "has index_url and package; one says"),
    ],
)
def test_a_wrong_pillar_has_one_clear_problem(given, sentence):
    found = problems(given)
    assert len(found) == 1
    assert sentence in found[0]


def test_all_problems_are_told_at_once():
    assert len(problems({"nope": 1, "kernel": {"modules": "overlay"}, "config": []})) == 3


def test_docker_has_no_packages_for_a_derivative():
    grains = {"os": "Mint", "os_family": "Debian"}
    (problem,) = problems({}, grains)
    assert problem.startswith(
        "containerd:package:source is docker, and Docker has no packages for 'Mint'; set it to distro, or"
    )
    assert problems({"package": {"source": "distro"}}, grains) == []
    assert (
        problems({"package": {"docker": {"distributions": {"Mint": "ubuntu"}, "release": "noble"}}}, grains)
        == []
    )


@pytest.mark.parametrize("name", ["AlmaLinux", "CentOS Stream", "CentOS", "Rocky", "OEL"])
def test_rebuilds_of_red_hat_take_the_packages_for_centos(name):
    assert check.find_problems({}, DEFAULTS, {"RedHat": {}}, {"os": name, "os_family": "RedHat"}) == []
    assert DEFAULTS["package"]["docker"]["distributions"][name] == "centos"


def test_an_archive_is_for_a_machine():
    (problem,) = problems({"package": ARCHIVE}, {**DEBIAN, "cpuarch": "mips"})
    assert "there are no archives for 'mips'" in problem
    (problem,) = problems({"package": ARCHIVE}, {**DEBIAN, "cpuarch": "aarch64"})
    assert "archive:sha256:1.7.24:arm64 is None" in problem


def test_pacman_holds_nothing():
    grains = {"os": "Arch", "os_family": "Debian"}
    assert problems({"package": {"source": "distro", "hold": False}}, grains) == []
    grains = {"os": "Arch", "os_family": "Arch"}
    found = check.find_problems(
        {"package": {"source": "distro", "hold": True}}, DEFAULTS, {"Arch": {}}, grains
    )
    assert ["pacman holds no packages" in problem for problem in found] == [True]
