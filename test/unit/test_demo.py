"""
What make try prints, and that its pillar is one for each suite; it runs on a machine that no test here boots.
"""

import importlib
import sys
import types

import pytest
import yaml
from support import ROOT
from support.formula import Applied

CAUSE = "/etc/containerd/config.toml is refused; nothing was changed."
MANAGED = "containerd configuration is managed"


@pytest.fixture
def demo(monkeypatch):
    """
    The tool without its client of CRI, which needs grpc.
    """
    monkeypatch.setitem(sys.modules, "lab.cri", types.SimpleNamespace(Cri=None))
    return importlib.import_module("tools.demo")


def ret(name, result, comment, changes=()):
    return {"__id__": name, "result": result, "comment": comment, "changes": dict(changes)}


class Node:
    """
    A node on which a run says what a test lets it say.
    """

    def __init__(self, states=(), effective=None):
        self.states, self.dump = states, effective

    def apply(self):
        return Applied({one["__id__"]: one for one in self.states}, 2, "")

    def effective(self):
        return self.dump


def test_a_cause_is_told_once(demo, capsys):
    requisite = "One or more requisite failed: containerd.config.containerd configuration is managed"
    states = [
        ret("containerd package is installed", True, ""),
        ret(MANAGED, False, CAUSE),
        *(ret(name, False, requisite) for name in ("containerd service is running", "containerd is ready")),
    ]
    assert demo.show(Node(states)) == [f"{MANAGED}: {CAUSE}"]


def test_a_state_that_failed_for_others_alone_is_told_all_the_same():
    states = {"a": ret("a", False, "One or more requisite failed: b.c")}
    assert list(Applied(states, 2, "").causes) == ["a"]


def test_what_is_in_effect_is_told_by_the_dump(demo):
    """
    That of 1.4 has no options of a runtime.
    """
    runc = 'plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc'
    changes = {
        "/etc/containerd/config.toml": {"old": None, "new": "created"},
        "oom_score": {"old": 0, "new": -500},
        "grpc.gid": {"old": 0, "new": 5},
        f"{runc}.options.SystemdCgroup": {"old": None, "new": True},
    }
    left_out = "layer pillar >=1.5: left out, since it is for >=1.5 and containerd is 1.4.13."
    states = [ret(MANAGED, True, f"It was written.\n{left_out}", changes)]
    cri = {"containerd": {"runtimes": {"runc": {"options": {}}}}}
    dump = {"oom_score": -500, "grpc": {"gid": 0}, "plugins": {"io.containerd.grpc.v1.cri": cri}}
    problems = []
    lines = dict(demo.overrides(Node(effective=dump), Node(states).apply(), problems))
    assert problems == ["grpc.gid is 0 in effect, not 5"]
    assert left_out in lines
    assert lines["oom_score"] == "0 -> -500"
    assert lines[f"{runc}.options.SystemdCgroup"] == "None -> True, which the dump leaves out"


def test_its_pillar_is_right(demo):
    from containerd_formula.pillar import problems

    defaults = yaml.safe_load((ROOT / "containerd/defaults.yaml").read_text(encoding="utf-8"))
    grains = {"os": "Debian", "os_family": "Debian", "cpuarch": "x86_64"}
    assert problems(demo.PILLAR, defaults, {"Debian": {}}, grains) == []
