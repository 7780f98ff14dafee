"""
Which version a pillar means, what apt's answers mean, and which sources would clash with ours.
"""

import pytest
from salt.exceptions import CommandExecutionError, SaltInvocationError
from support import load

URL = "https://download.docker.com/linux/debian"
SIMULATED = """NOTE: This is only a simulation!
Remv docker.io [20.10.24]
Remv runc [1.1.5+ds1-1]
Inst containerd.io [1.6.20-1] (1.7.24-1 Docker:bookworm [amd64])
Inst libseccomp2 (2.5.4-1 Debian:12.9/stable [amd64])
Conf containerd.io (1.7.24-1 Docker:bookworm [amd64])
"""


class Pkg:
    """
    A package manager that remembers what it was asked.
    """

    def __init__(self, installed=None, offered=None, held=()):
        self.installed = installed or {}
        self.offered = offered or {}
        self.held = list(held)
        self.answers = {"update": {"retcode": 0, "stderr": "", "stdout": ""}}
        self.done = []

    def functions(self):
        return {
            "pkg.version": lambda name: self.installed.get(name, ""),
            "pkg.list_repo_pkgs": lambda name: {name: self.offered[name]} if name in self.offered else {},
            "pkg.version_cmp": lambda a, b: (numbers(a) > numbers(b)) - (numbers(a) < numbers(b)),
            "pkg.get_selections": lambda state: {state: self.held},
            "pkg.list_holds": lambda full: self.held,
            "pkg.refresh_db": lambda: self.done.append("refresh"),
            "pkg.install": self.install,
            "pkg.hold": lambda pkgs: self.hold("hold", pkgs),
            "pkg.unhold": lambda pkgs: self.hold("unhold", pkgs),
            "cmd.run_all": self.run_all,
        }

    def run_all(self, argv, **_options):
        function = "update" if "update" in argv else "simulate"
        self.done.append(function)
        return self.answers[function]

    def install(self, pkgs, refresh):
        assert refresh is False
        self.done.append(("install", pkgs))
        if self.answers.get("install"):
            raise CommandExecutionError(self.answers["install"])
        changed = {}
        for item in pkgs:
            name, version = (
                next(iter(item.items())) if isinstance(item, dict) else (item, self.offered[item][0])
            )
            changed[name] = {"old": self.installed.get(name, ""), "new": version}
            self.installed[name] = version
        return changed

    def hold(self, function, pkgs):
        self.done.append((function, pkgs))
        self.held = [*self.held, *pkgs] if function == "hold" else [p for p in self.held if p not in pkgs]
        return {name: {"result": True, "comment": ""} for name in pkgs}


def numbers(version):
    return [int(part) for part in version.split("-")[0].split(".")]


@pytest.fixture
def module():
    return load("_modules/containerd_package.py")


@pytest.fixture
def wire(module):
    """
    Return state and execution module over a package manager.
    """

    def make(pkg, family="RedHat", test=False):
        state = load("_states/containerd_package.py")
        module.__grains__ = {"os_family": family}
        module.__salt__ = pkg.functions()
        own = {f"containerd_package.{n}": f for n, f in vars(module).items() if callable(f)}
        state.__salt__ = {**module.__salt__, **own}
        state.__opts__ = {"test": test}
        return state

    return make


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
def test_a_version_is_what_the_pillar_means(module, found, wanted, expected):
    assert module.matches(found, wanted) is expected


def test_the_newest_that_fits_is_chosen(module, wire):
    wire(Pkg(offered={"c": ["1.7.9-1", "1.7.24-1", "1.6.20-1", "2.1.9-1"]}))
    assert module.choose("c", "1.7.*") == "1.7.24-1"


def test_a_version_that_is_not_offered_names_those_that_are(module, wire):
    wire(Pkg(offered={"c": ["1.6.20-1", "1.7.24-1"]}))
    with pytest.raises(
        CommandExecutionError,
        match=r"No repository of this node has c 9\.\*: there are 1.7.24-1, 1.6.20-1. Nothing was",
    ):
        module.choose("c", "9.*")
    with pytest.raises(CommandExecutionError, match="they have no version of it"):
        module.choose("d", "1")


@pytest.mark.parametrize("installed", ["1.7.20-1", "1.7.24-1"])
def test_a_version_that_fits_is_left_alone_and_nothing_is_asked(wire, installed):
    pkg = Pkg({"c": installed}, {"c": ["1.7.24-1"]})
    ret = wire(pkg).installed("x", ["c"], version="1.7.*")
    assert (ret["result"], ret["changes"], pkg.done) == (True, {}, [])


@pytest.mark.parametrize("hold", [True, False, None])
@pytest.mark.parametrize("held", [["c"], []])
def test_a_hold_is_lifted_for_a_change_and_set_again(wire, hold, held):
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


def test_a_change_that_fails_leaves_the_hold(wire):
    pkg = Pkg({"c": "1.6.20-1"}, {"c": ["1.7.24-1"]}, ["c"])
    pkg.answers["install"] = "disk full"
    ret = wire(pkg).installed("x", ["c"], version="1.7.24", hold=True)
    assert (ret["result"], ret["changes"], ret["comment"]) == (False, {}, "disk full")
    assert pkg.held == ["c"]


def test_only_the_hold_changes(wire):
    pkg = Pkg({"c": "1.6.20-1"})
    ret = wire(pkg).installed("x", ["c"], hold=True)
    assert ret["changes"] == {"c hold": {"old": False, "new": True}}
    assert pkg.done == [("hold", ["c"])]


def test_without_the_plugin_nothing_is_held(module, wire):
    wire(Pkg())

    def refuse(full):
        raise SaltInvocationError("Cannot proceed, python3-dnf-plugin-versionlock is not installed.")

    module.__salt__["pkg.list_holds"] = refuse
    assert module.held(["c"]) == []


def test_a_preview_of_a_bare_node_says_what_is_wanted(wire):
    pkg = Pkg()
    ret = wire(pkg, "Debian", test=True).installed("x", ["c"], version="1.7.*")
    assert (ret["result"], ret["changes"]) == (None, {"c": {"old": "", "new": "1.7.*"}})
    ret = wire(pkg, "Debian", test=True).installed("x", ["c"])
    assert ret["changes"] == {"c": {"old": "", "new": "the newest"}}
    assert pkg.done == []


def test_a_preview_does_not_trust_old_lists(wire):
    pkg = Pkg({"c": "1.6.20-1"}, {"c": ["1.6.20-1"]})
    ret = wire(pkg, "Debian", test=True).installed("x", ["c"], version="1.7.24")
    assert (ret["result"], ret["changes"]) == (None, {"c": {"old": "1.6.20-1", "new": "1.7.24"}})
    ret = wire(pkg, "Debian").installed("x", ["c"], version="1.7.24")
    assert (ret["result"], ret["changes"]) == (False, {})


def test_apt_says_beforehand_what_it_will_do(module, wire):
    pkg = Pkg({"containerd.io": "1.6.20-1"}, {"containerd.io": ["1.7.24-1"]})
    pkg.answers["simulate"] = {"retcode": 0, "stdout": SIMULATED.replace("Remv docker.io", "#"), "stderr": ""}
    wire(pkg, "Debian")
    assert module.plan(["containerd.io"], "1.7.24")["changes"] == {
        "runc": {"old": "1.1.5+ds1-1", "new": ""},
        "containerd.io": {"old": "1.6.20-1", "new": "1.7.24-1"},
        "libseccomp2": {"old": "", "new": "2.5.4-1"},
    }


def test_a_held_package_of_another_source_gives_way(wire):
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


def test_what_would_remove_a_stranger_is_refused(wire):
    pkg = Pkg({"containerd.io": "1.6.20-1"}, {"containerd.io": ["1.7.24-1"]})
    pkg.answers["simulate"] = {"retcode": 0, "stdout": SIMULATED, "stderr": ""}
    ret = wire(pkg, "Debian").installed("x", ["containerd.io"], version="1.7.24")
    assert ret["result"] is False
    assert "would remove docker.io; nothing was changed" in ret["comment"]
    assert pkg.done == ["update", "simulate"]


@pytest.mark.parametrize(
    ("stderr", "retcode", "fails"),
    [
        ("", 0, False),
        (f"W: Failed to fetch {URL}/dists/bookworm/InRelease  Could not connect", 0, True),
        (f"E: The repository '{URL} bookworm InRelease' is not signed.", 100, True),
        ("E: The repository 'https://other.example.org/apt x InRelease' is not signed.", 100, False),
        ("W: Failed to fetch https://other.example.org/apt/InRelease", 0, False),
        ("E: Could not get lock /var/lib/apt/lists/lock.", 100, True),
    ],
)
def test_only_our_repository_must_answer(module, wire, stderr, retcode, fails):
    pkg = Pkg()
    pkg.answers["update"] = {"retcode": retcode, "stderr": stderr, "stdout": ""}
    wire(pkg, "Debian")
    if fails:
        with pytest.raises(
            CommandExecutionError, match=f"cannot be used: {stderr[3:20]}.*Nothing was installed"
        ):
            module.refresh(URL)
    else:
        assert module.refresh(URL) == stderr.splitlines()


RIVAL = f"deb [arch=amd64 signed-by=/usr/share/keyrings/docker.gpg] {URL} bookworm stable\n"
STANZA = f"Types: deb\nURIs: {URL}/\nSuites: bookworm\nComponents: stable\nSigned-By: /x.gpg\n"
OTHERS = "# a remark\ndeb https://deb.debian.org/debian bookworm main\n"
OTHER_STANZA = "Types: deb\nURIs: https://deb.debian.org/debian\nSuites: bookworm\nComponents: main\n"


@pytest.fixture
def apt(module, tmp_path):
    """
    Write apt's folder; return a function that reads a file of it.
    """
    module.APT_SOURCES = str(tmp_path)
    (tmp_path / "sources.list.d").mkdir()
    own = tmp_path / "sources.list.d" / "docker.sources"
    own.write_text(STANZA, encoding="utf-8")
    module.own = str(own)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [
        ("sources.list", OTHERS + RIVAL, 1),
        ("sources.list.d/docker.list", RIVAL + RIVAL.replace("deb ", "deb-src ", 1), 2),
        ("sources.list.d/a.list", RIVAL.replace(" stable", " test").replace(URL, f"{URL}/"), 1),
        ("sources.list.d/b.sources", f"{OTHER_STANZA}\n{STANZA}\n{OTHER_STANZA}", 5),
        ("sources.list.d/c.sources", STANZA.replace("Suites: bookworm", "Suites:\n bullseye\n bookworm"), 7),
        ("sources.list.d/d.list", RIVAL.replace("bookworm", "bullseye"), 0),
        ("sources.list.d/e.list", f"#{RIVAL}", 0),
        ("sources.list.d/f.list.save", RIVAL, 0),
        ("sources.list.d/g.list", RIVAL.replace("debian", "ubuntu"), 0),
    ],
)
def test_rivals_are_set_aside_and_come_back(module, apt, name, text, lines):
    path = apt / name
    path.write_text(text, encoding="utf-8")
    found = module.rivals(URL, "bookworm", module.own)
    assert list(found) == ([str(path)] if lines else [])
    if lines:
        assert found[str(path)].count(module.ASIDE) == lines
        path.write_text(found[str(path)], encoding="utf-8")
        assert module.rivals(URL, "bookworm", module.own) == {}
        assert module.set_aside(module.own) == {str(path): text}


def test_a_key_that_another_source_needs_has_a_user(module, apt):
    path = apt / "sources.list.d" / "other.list"
    path.write_text(RIVAL, encoding="utf-8")
    assert module.users_of_key("/usr/share/keyrings/docker.gpg", module.own) == [str(path)]
    assert module.users_of_key("/x.gpg", module.own) == []
