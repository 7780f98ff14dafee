"""
What is installed, held and refused, whatever the package manager; which sources of apt's would clash.
"""

import os
from types import SimpleNamespace

import pytest
from salt.exceptions import CommandExecutionError, SaltInvocationError
from support.packages import Pkg, module, wire  # noqa: F401

URL = "https://download.docker.com/linux/debian"


def test_the_newest_that_fits_is_chosen(module, wire):  # noqa: F811
    wire(Pkg(offered={"c": ["1.7.9-1", "1.7.24-1", "1.6.20-1", "2.1.9-1"]}))
    assert module.plan(["c"], "1.7.*")["install"] == {"c": "1.7.24-1"}


def test_where_salt_compares_no_versions_their_texts_are(module, wire):  # noqa: F811
    pkg = Pkg(offered={"c": ["1.7.2-1", "1.7.3-1", "1.7.1-1"]})
    wire(pkg, "Arch")
    del module.__salt__["pkg.version_cmp"]
    assert module.plan(["c"], "1.7.*")["install"] == {"c": "1.7.3-1"}


def test_a_version_that_is_not_offered_is_an_error_of_salts(module, wire):  # noqa: F811
    wire(Pkg(offered={"c": ["1.6.20-1", "1.7.24-1"]}))
    with pytest.raises(
        CommandExecutionError, match=r"has c 9\.\*: they offer 1.7.24-1, 1.6.20-1. Nothing was"
    ):
        module.plan(["c"], "9.*")
    with pytest.raises(CommandExecutionError, match="they have no version of it"):
        module.plan(["d"], "1")


@pytest.mark.parametrize("installed", ["1.7.20-1", "1.7.24-1"])
def test_a_version_that_fits_is_left_alone_and_nothing_is_asked(wire, installed):  # noqa: F811
    pkg = Pkg({"c": installed}, {"c": ["1.7.24-1"]})
    ret = wire(pkg).installed("x", ["c"], version="1.7.*")
    assert (ret["result"], ret["changes"], pkg.done) == (True, {}, [])


@pytest.mark.parametrize("hold", [True, False, None])
@pytest.mark.parametrize("held", [["c"], []])
def test_a_hold_is_lifted_for_a_change_and_set_again(wire, hold, held):  # noqa: F811
    pkg = Pkg({"c": "1.6.20-1"}, {"c": ["1.6.20-1", "1.7.24-1"]}, held)
    predicted = wire(pkg, test=True).installed("x", ["c"], version="1.7.24", hold=hold)
    assert (predicted["result"], pkg.done) == (None, [])
    ret = wire(pkg).installed("x", ["c"], version="1.7.24", hold=hold)
    assert ret["result"] is True
    assert ret["changes"] == predicted["changes"]
    wanted = held if hold is None else ["c"] if hold else []
    assert pkg.held == wanted
    assert (("unhold", ["c"]) in pkg.done) is bool(held)
    assert wire(pkg).installed("x", ["c"], version="1.7.24", hold=hold)["changes"] == {}


def test_a_change_that_fails_leaves_the_hold(wire):  # noqa: F811
    pkg = Pkg({"c": "1.6.20-1"}, {"c": ["1.7.24-1"]}, ["c"])
    pkg.answers["install"] = "disk full"
    ret = wire(pkg).installed("x", ["c"], version="1.7.24", hold=True)
    assert (ret["result"], ret["changes"], ret["comment"]) == (False, {}, "disk full")
    assert pkg.held == ["c"]


def test_a_read_only_usr_is_the_reason_and_not_only_that_dpkg_failed(wire, module, monkeypatch):  # noqa: F811
    pkg = Pkg(offered={"c": ["1.7.24-1"]})
    pkg.answers["install"] = "Sub-process /usr/bin/dpkg returned an error code (1)"
    mounted = {"/usr": SimpleNamespace(f_flag=os.ST_RDONLY)}
    monkeypatch.setattr(module.os, "statvfs", mounted.__getitem__)
    ret = wire(pkg).installed("x", ["c"])
    assert ret["comment"].startswith(
        "Sub-process /usr/bin/dpkg returned an error code (1) /usr is mounted read"
    )
    # A version that there is not has another reason: apt may remount /usr for each change.
    told = wire(pkg).installed("x", ["c"], version="9.9")["comment"]
    assert "9.9" in told and "read-only" not in told
    mounted["/usr"].f_flag = 0
    assert wire(pkg).installed("x", ["c"])["comment"].endswith("code (1)")


def test_only_the_hold_changes(wire):  # noqa: F811
    pkg = Pkg({"c": "1.6.20-1"})
    ret = wire(pkg).installed("x", ["c"], hold=True)
    assert ret["changes"] == {"c hold": {"old": False, "new": True}}
    assert pkg.done == [("hold", ["c"])]


@pytest.mark.parametrize(
    ("family", "held"), [("Debian", ["c"]), ("RedHat", ["c"]), ("Suse", ["c"]), ("Arch", []), ("Other", [])]
)
def test_what_is_held_is_asked_of_those_who_can_hold(module, wire, family, held):  # noqa: F811
    wire(Pkg(held=["c", "d"]), family)
    assert module.held(["b", "c"]) == held


def test_without_the_plugin_nothing_is_held(module, wire):  # noqa: F811
    wire(Pkg())

    def refuse(full):
        raise SaltInvocationError("Cannot proceed, python3-dnf-plugin-versionlock is not installed.")

    module.__salt__["pkg.list_holds"] = refuse
    assert module.held(["c"]) == []


def test_a_preview_of_a_bare_node_says_what_is_wanted(wire):  # noqa: F811
    pkg = Pkg()
    ret = wire(pkg, "Debian", test=True).installed("x", ["c"], version="1.7.*")
    assert (ret["result"], ret["changes"]) == (None, {"c": {"old": "", "new": "1.7.*"}})
    ret = wire(pkg, "Debian", test=True).installed("x", ["c"])
    assert ret["changes"] == {"c": {"old": "", "new": "the newest"}}
    assert pkg.done == []


def test_a_preview_does_not_trust_old_lists(wire):  # noqa: F811
    pkg = Pkg({"c": "1.6.20-1"}, {"c": ["1.6.20-1"]})
    listed = " c | 1.7.24-1 | http://x Packages\n c | 1.6.20-1 | http://x Packages\n"
    pkg.answers["madison"] = {"retcode": 0, "stderr": "", "stdout": listed}
    ret = wire(pkg, "Debian", test=True).installed("x", ["c"], version="1.7.24")
    assert (ret["result"], ret["changes"]) == (None, {"c": {"old": "1.6.20-1", "new": "1.7.24-1"}})
    assert "It is unknown which" in ret["comment"]
    ret = wire(pkg, "Debian").installed("x", ["c"], version="1.7.24")
    assert (ret["result"], ret["changes"]) == (False, {})


@pytest.mark.parametrize(
    ("family", "package", "installed", "gone"),
    [
        ("RedHat", "containerd.io", ("containerd", "runc"), ("containerd", "runc")),
        ("RedHat", "containerd", ("containerd.io", "runc"), ("containerd.io",)),
        ("Debian", "containerd", ("runc",), ()),
    ],
)
def test_what_goes_for_another_vendor_is_told_where_nobody_is_asked(wire, family, package, installed, gone):  # noqa: F811
    pkg = Pkg(dict.fromkeys(installed, "1-1"), held=["containerd"])
    ret = wire(pkg, family, test=True).installed("x", [package])
    changes = {key: value for key, value in ret["changes"].items() if not key.endswith(" hold")}
    assert changes == {
        **{name: {"old": "1-1", "new": ""} for name in gone},
        package: {"old": "", "new": "the newest"},
    }
    assert ("containerd hold" in ret["changes"]) is ("containerd" in gone)
    assert "t is unknown wh" in ret["comment"]


def test_a_preview_with_lists_that_cannot_be_renewed_is_an_error(wire):  # noqa: F811
    """
    Those of a package manager that we do not know.
    """
    pkg = Pkg({}, {"c": ["1.7.24-1"]})
    ret = wire(pkg, "Other", test=True).installed("x", ["c"], version="1.9.*")
    assert (ret["result"], ret["changes"], pkg.done) == (False, {}, [])
    assert "they offer 1.7.24-1" in ret["comment"]


def test_apt_says_beforehand_what_it_will_do(module, wire):  # noqa: F811
    pkg = Pkg({"containerd.io": "1.6.20-1"}, {"containerd.io": ["1.7.24-1"]})
    told = "Remv runc [1.1.5]\nInst containerd.io [1.6.20-1] (1.7.24-1 Docker:bookworm [amd64])\n"
    pkg.answers["simulate"] = {"retcode": 0, "stdout": told, "stderr": ""}
    wire(pkg, "Debian")
    assert module.plan(["containerd.io"], "1.7.24")["changes"] == {
        "runc": {"old": "1.1.5", "new": ""},
        "containerd.io": {"old": "1.6.20-1", "new": "1.7.24-1"},
    }
    assert pkg.argv[-1] == "containerd.io=1.7.24-1"
    pkg.answers["simulate"] = {"retcode": 100, "stdout": told, "stderr": "E: held\n  broken\n"}
    with pytest.raises(CommandExecutionError, match="^apt cannot install containerd.io: E: held broken$"):
        module.plan(["containerd.io"], "1.7.24")


def test_a_held_package_of_another_source_gives_way(wire):  # noqa: F811
    """
    apt removes nothing that is held.
    """
    pkg = Pkg({"containerd.io": "1.7.24-1"}, {"containerd": ["1.6.20-1"]}, ["containerd.io"])
    told = "Remv containerd.io [1.7.24-1]\nInst containerd (1.6.20-1 Debian:12 [amd64])\n"
    pkg.answers["simulate"] = {"retcode": 0, "stdout": told, "stderr": ""}
    ret = wire(pkg, "Debian").installed("x", ["containerd"])
    assert ret["result"] is True
    assert ret["changes"]["containerd.io hold"] == {"old": True, "new": False}
    assert pkg.done.index(("unhold", ["containerd.io"])) < pkg.done.index(("install", ["containerd"]))
    assert pkg.held == []


def test_what_would_remove_a_stranger_is_refused(wire):  # noqa: F811
    pkg = Pkg({"containerd.io": "1.6.20-1"}, {"containerd.io": ["1.7.24-1"]})
    pkg.answers["simulate"] = {"retcode": 0, "stdout": "Remv docker.io [20.10.24]\n", "stderr": ""}
    ret = wire(pkg, "Debian").installed("x", ["containerd.io"], version="1.7.24")
    assert ret["result"] is False
    assert "would remove docker.io; nothing was changed" in ret["comment"]
    assert pkg.done == ["update", "simulate"]


@pytest.mark.parametrize(
    ("stderr", "retcode", "fails"),
    [
        (f"W: Failed to fetch {URL}/InRelease", 0, True),
        ("W: Failed to fetch https://other.example.org/InRelease", 100, False),
        ("", 100, True),
    ],
)
def test_a_repository_that_does_not_answer_installs_nothing(wire, stderr, retcode, fails):  # noqa: F811
    pkg = Pkg({}, {"c": ["1.7.24-1"]})
    pkg.answers["update"] = {"retcode": retcode, "stderr": stderr, "stdout": ""}
    pkg.answers["simulate"] = {"retcode": 0, "stdout": "Inst c (1.7.24-1 x [amd64])\n", "stderr": ""}
    ret = wire(pkg, "Debian").installed("x", ["c"], repository=URL)
    assert ret["result"] is not fails
    assert pkg.done[:1] == ["update"]
    if fails:
        assert ret["comment"] == f"The repository {URL} cannot be used: {stderr[3:]} Nothing was installed."
        assert pkg.installed == {}


@pytest.mark.parametrize(
    ("stderr", "retcode", "words"),
    [
        ("", 0, None),
        ("W: one\nE: two", 0, "one two"),
        ("", 100, "apt-get update ended with 100."),
    ],
)
def test_a_repository_is_asked_before_it_is_configured(wire, tmp_path, stderr, retcode, words):  # noqa: F811
    pkg = Pkg()
    pkg.answers["update"] = {"retcode": retcode, "stderr": stderr, "stdout": ""}
    state, path = wire(pkg, "Debian"), tmp_path / "docker.sources"
    ret = state.repository_answers(str(path), "Types: deb")
    assert (ret["result"], pkg.done) == (words is None, ["update"])
    if words:
        assert ret["comment"] == f"The repository cannot be used: {words} Nothing was changed."
    assert "Dir::Etc::sourceparts=-" in pkg.argv
    # apt's own user reads what comes from the network.
    assert not [word for word in pkg.argv if "Sandbox" in word]
    path.write_text("Types: deb\n", encoding="utf-8")
    assert state.repository_answers(str(path), "Types: deb")["result"] is True
    assert len(pkg.done) == 1


def test_a_package_manager_that_fails_shows_no_password(wire):  # noqa: F811
    pkg = Pkg(offered={"c": ["1.7.24-1"]})
    pkg.answers["install"] = "Cannot download https://me:hunter2@mirror.example.org/repodata/repomd.xml"
    ret = wire(pkg).installed("x", ["c"])
    assert ret["comment"] == "Cannot download https://(secret)@mirror.example.org/repodata/repomd.xml"


def test_a_simulation_that_fails_shows_no_password(wire):  # noqa: F811
    pkg = Pkg({}, {"c": ["1.7.24-1"]})
    told = "E: Failed to fetch https://me:hunter2@mirror.example.org/c.deb"
    pkg.answers["simulate"] = {"retcode": 100, "stdout": "", "stderr": told}
    ret = wire(pkg, "Debian").installed("x", ["c"])
    assert ret["result"] is False
    assert "hunter2" not in ret["comment"]


def test_a_package_that_there_is_not_is_told_in_apts_words_before_a_change(wire):  # noqa: F811
    pkg = Pkg(offered={})
    pkg.answers["simulate"] = {"retcode": 100, "stdout": "", "stderr": "E: Unable to locate package krun\n"}
    ret = wire(pkg, "Debian").installed("x", ["krun"])
    assert (ret["result"], ret["changes"], pkg.done) == (False, {}, ["update", "simulate"])
    assert ret["comment"] == "apt cannot install krun: E: Unable to locate package krun"
