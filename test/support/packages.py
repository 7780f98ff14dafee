"""
A package manager that remembers what it was asked, and the formula's modules over it.
"""

import pytest
from salt.exceptions import CommandExecutionError

from support import functions_of, load


class Pkg:
    """
    A package manager that remembers what it was asked.
    """

    def __init__(self, installed=None, offered=None, held=()):
        self.installed = installed or {}
        self.offered = offered or {}
        self.held = list(held)
        # The package manager's own choice of the newest, where it is not the first of those offered.
        self.newest = {}
        self.answers = {"update": {"retcode": 0, "stderr": "", "stdout": ""}}
        self.done = []

    def functions(self):
        return {
            "pkg.version": lambda name: self.installed.get(name, ""),
            "pkg.list_repo_pkgs": lambda name: {name: self.offered[name]} if name in self.offered else {},
            "pkg.latest_version": self.latest,
            "pkg.version_cmp": lambda a, b: (numbers(a) > numbers(b)) - (numbers(a) < numbers(b)),
            "pkg.get_selections": lambda state: {state: self.held},
            "pkg.list_holds": lambda full: self.held,
            "pkg.refresh_db": lambda: self.done.append("refresh"),
            "containerd_lists.refresh": lambda _: self.done.append("refresh") or [],
            "pkg.install": self.install,
            "pkg.hold": lambda pkgs: self.hold("hold", pkgs),
            "pkg.unhold": lambda pkgs: self.hold("unhold", pkgs),
            "containerd_command.run": self.run,
            **functions_of("containerd_files", "containerd_paths"),
        }

    def latest(self, name, refresh):
        assert refresh is False
        newest = self.newest.get(name, next(iter(self.offered.get(name, [])), ""))
        there = self.installed.get(name, "0")
        return newest if newest and numbers(newest) > numbers(there) else ""

    def run(self, *argv, timeout=None, env=None):
        if argv[0] == "apt-cache":
            return self.answers["madison"]
        assert (argv[0], timeout, env["LC_ALL"]) == ("apt-get", 900, "C.UTF-8")
        function = "update" if "update" in argv else "simulate"
        self.done.append(function)
        self.argv = argv
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
        state.__salt__ = {**module.__salt__, **own, **functions_of("containerd_sources")}
        state.__opts__ = {"test": test}
        return state

    return make
