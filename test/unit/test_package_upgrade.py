"""
The newest is wanted: what fits gives way to what is newer, and never to what is older.
"""

import pytest
from support import load
from support.packages import Pkg, module, wire  # noqa: F401

FAMILIES = ["Debian", "RedHat", "Suse", "Arch"]
SIMULATED = "Inst c [1.7.20-1] (1.7.24-1 Debian:12 [amd64])\n"


def node(installed="1.7.20-1", offered=("2.1.9-1", "1.7.24-1", "1.7.20-1"), held=()):
    pkg = Pkg({"c": installed}, {"c": list(offered)}, held)
    pkg.answers["simulate"] = {"retcode": 0, "stdout": SIMULATED, "stderr": ""}
    return pkg


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("version", "newest"), [("1.7.*", "1.7.24-1"), ("", "2.1.9-1")])
def test_a_newer_version_that_fits_is_installed(wire, family, version, newest):  # noqa: F811
    pkg = node()
    pkg.answers["simulate"]["stdout"] = SIMULATED.replace("1.7.24-1", newest)
    predicted = wire(pkg, family, test=True).installed("x", ["c"], version=version, upgrade=True)
    assert predicted["result"] is None
    assert not {"update", "refresh"} & set(pkg.done)
    ret = wire(pkg, family).installed("x", ["c"], version=version, upgrade=True)
    assert (ret["result"], ret["changes"]) == (True, {"c": {"old": "1.7.20-1", "new": newest}})
    assert predicted["changes"] == ret["changes"]
    # The lists are refreshed first, once.
    refresh = "update" if family == "Debian" else "refresh"
    assert pkg.done.index(refresh) < pkg.done.index(("install", [{"c": newest}]))
    assert pkg.done.count(refresh) == 1


@pytest.mark.parametrize("version", ["1.7.*", ""])
def test_without_upgrade_what_fits_stays(wire, version):  # noqa: F811
    pkg = node()
    assert wire(pkg).installed("x", ["c"], version=version)["changes"] == {}
    assert pkg.done == []


@pytest.mark.parametrize("version", ["1.7.*", ""])
@pytest.mark.parametrize("offered", [("1.7.24-1", "1.7.20-1"), ("1.7.20-1",), ()])
def test_a_run_that_finds_nothing_newer_looks_and_changes_nothing(wire, version, offered):  # noqa: F811
    """
    Nor is anything downgraded: the repository may have taken a release back.
    """
    pkg = node("1.7.24-1", offered)
    ret = wire(pkg).installed("x", ["c"], version=version, upgrade=True)
    assert (ret["result"], ret["changes"], pkg.done) == (True, {}, ["refresh"])
    assert ret["comment"] == "c: as specified."


def test_the_newest_is_the_one_that_the_package_manager_would_take(wire):  # noqa: F811
    """
    Backports are offered too, and apt takes them for nobody who did not ask.
    """
    pkg = node(offered=("2.1.9-1~bpo12", "1.7.24-1"))
    pkg.newest["c"] = "1.7.24-1"
    ret = wire(pkg, "Debian").installed("x", ["c"], upgrade=True)
    assert ret["changes"] == {"c": {"old": "1.7.20-1", "new": "1.7.24-1"}}


def test_a_version_outside_of_pillars_is_left_for_an_older_one_as_ever(wire):  # noqa: F811
    pkg = node("2.1.9-1")
    ret = wire(pkg).installed("x", ["c"], version="1.7.*", upgrade=True)
    assert ret["changes"] == {"c": {"old": "2.1.9-1", "new": "1.7.24-1"}}


def test_a_dry_run_does_not_say_that_it_looked(wire):  # noqa: F811
    pkg = node("2.1.9-1")
    ret = wire(pkg, "Debian", test=True).installed("x", ["c"], upgrade=True)
    assert (ret["result"], ret["changes"], pkg.done) == (True, {}, [])
    assert "not refreshed in a dry run: there may be a newer c." in ret["comment"]


def test_lists_that_cannot_be_refreshed_are_told(wire):  # noqa: F811
    pkg = node("2.1.9-1")
    pkg.answers["update"] = {"retcode": 0, "stdout": "", "stderr": "W: Failed to fetch http://me:pw@x/In"}
    ret = wire(pkg, "Debian").installed("x", ["c"], upgrade=True)
    assert ret["result"] is True
    assert "Not all lists could be refreshed" in ret["comment"]
    assert "pw" not in ret["comment"]


@pytest.mark.parametrize("hold", [None, True])
def test_a_hold_does_not_stop_it_and_stays(wire, hold):  # noqa: F811
    pkg = node(held=["c"])
    ret = wire(pkg).installed("x", ["c"], version="1.7.*", hold=hold, upgrade=True)
    assert ret["changes"] == {"c": {"old": "1.7.20-1", "new": "1.7.24-1"}}
    assert pkg.held == ["c"]


@pytest.mark.parametrize("test", [True, False])
def test_what_cannot_hold_says_so(wire, test):  # noqa: F811
    ret = wire(node(), "Arch", test=test).all_installed("x", [{"packages": ["c"], "hold": True}])
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"] == "hold is set, and this node's package manager holds no packages: leave it out."


def test_several_packages_are_one_refresh_and_one_install(wire):  # noqa: F811
    pkg = Pkg({"a": "1.0-1", "b": "1.0-1"}, {"a": ["2.0-1"], "b": ["3.0-1", "1.1-1"], "d": ["1.0-1"]}, ["b"])
    wanted = [
        {"packages": ["a"], "upgrade": True},
        {"packages": ["b"], "version": "1.1"},
        {"packages": ["d"], "hold": True},
    ]
    predicted = wire(pkg, "Suse", test=True).all_installed("x", wanted)
    ret = wire(pkg, "Suse").all_installed("x", wanted)
    assert ret["result"] is True
    assert ret["changes"] == {
        "a": {"old": "1.0-1", "new": "2.0-1"},
        "b": {"old": "1.0-1", "new": "1.1-1"},
        "d": {"old": "", "new": "1.0-1"},
        "d hold": {"old": False, "new": True},
    }
    # What nobody has asked yet is the newest, in words.
    assert {**predicted["changes"], "d": ret["changes"]["d"]} == ret["changes"]
    assert pkg.held == ["b", "d"]
    assert pkg.done.count("refresh") == 1
    assert [one[0] for one in pkg.done if one[0] == "install"] == ["install"]


def test_runc_displaces_no_containerd(wire):  # noqa: F811
    """
    Docker's package brings its own, and conflicts with that of the distribution.
    """
    pkg = Pkg({"containerd.io": "1.7.24-1"}, {"runc": ["1.3.1-1"]})
    pkg.answers["simulate"] = {"retcode": 0, "stdout": "Remv containerd.io [1.7.24-1]\n", "stderr": ""}
    ret = wire(pkg, "Debian").all_installed("x", [{"packages": ["runc"]}])
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "installing runc would remove containerd.io; nothing was changed" in ret["comment"]


RUNC = {"runc": {"version": "1.3.*", "hold": True}, "default": "runc", "kata": None}


@pytest.mark.parametrize(
    ("hold", "runtimes", "held"),
    [
        (True, {}, True),
        (None, RUNC, True),
        (False, {"crun": {"package": "crun", "hold": False}}, False),
        (None, {"crun": {"package": "crun"}}, False),
        (None, None, False),
    ],
)
def test_what_holds_is_installed_if_pillar_holds_a_package(hold, runtimes, held):
    states = load("_states/containerd_package.py")
    asked = []
    states.__states__ = {"pkg.installed": lambda **given: asked.append(given) or {"result": True}}
    ret = states.can_hold("x", ["versionlock"], hold, runtimes)
    assert (ret["result"], asked) == (True, [{"name": "x", "pkgs": ["versionlock"]}] if held else [])


@pytest.mark.parametrize(("family", "asked"), [("Debian", True), ("Suse", False), ("Arch", False)])
def test_a_repository_that_was_not_tested_is_not_said_to_answer(wire, family, asked, monkeypatch):  # noqa: F811
    states = wire(Pkg(), family)
    if asked:
        states.__salt__["containerd_package.probe"] = lambda text: True
    ret = states.repository_answers("/nowhere/docker.repo", "[docker]")
    told = "The repository answers." if asked else "The repository was not tested: "
    assert (ret["result"], ret["comment"].startswith(told)) == (True, True)
