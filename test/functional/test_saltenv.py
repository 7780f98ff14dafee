"""
A site that has the formula in a saltenv of its own and none in base: each way to say so, from bare.

By salt-call, a process for each run: loaders of the other tests find the modules without a sync.
"""

import hashlib

import pytest
import yaml
from support.binaries import RELEASES, binaries, on_path  # noqa: F401
from support.salt_call import Minion

# The pillar's own files are in the saltenv, too.
PILLAR = {
    "package": {"source": "distro"},
    # An image build: where the tests run, there may be no systemd.
    "service": {"manage": False},
    "config": {"version": 2, "oom_score": -999},
}


class Prod(Minion):
    """
    A minion whose file server has saltenv prod and no other.
    """

    def __init__(self, folder, file_root, way):
        self.way, self.states, self.formula = way, folder / "states", file_root
        self.states.mkdir()
        roots = {"prod": [self.states, file_root]}
        super().__init__(folder, roots, **({"saltenv": "prod"} if way == "option" else {}))
        self.pillar(PILLAR)

    def top(self, *names):
        (self.states / "top.sls").write_text(yaml.safe_dump({"prod": {"*": list(names)}}), encoding="utf-8")

    def call(self, function, *arguments):
        saltenv = ["saltenv=prod"] if self.way == "argument" and function.startswith("state.") else []
        return super().call(function, *arguments, *saltenv)


@pytest.fixture(params=["argument", "option", "top file"])
def minion(request, tmp_path, file_root):
    made = Prod(tmp_path, file_root, request.param)
    if request.param == "top file":
        made.top("containerd")
    return made


@pytest.fixture(scope="session")
def release():
    """Return one release: what is asked here depends on none."""
    return list(RELEASES)[-1]


def applied(minion, *arguments):
    """
    Apply as the site does it: a top file is for a highstate.
    """
    sls = () if minion.way == "top file" else ("containerd",)
    return minion.apply(*sls, *arguments)


def test_the_first_preview_is_whole_in_any_saltenv(minion):
    states = applied(minion, "test=True")
    assert [ret["comment"] for ret in states.values() if ret["result"] is False] == []
    assert states["containerd pillar is valid"]["result"] is True
    assert states["containerd sysctls are set at boot"]["result"] is not False
    minion.pillar({"nope": 1})
    for _ in range(2):
        states = applied(minion, "test=True")
        first = min(states.values(), key=lambda ret: ret["__run_num__"])
        assert (first["__id__"], first["result"]) == ("containerd pillar is valid", False)
        assert "containerd:nope is not a setting" in first["name"]
        # All that changes the node waits for it.
        others = [ret for ret in states.values() if ret["result"] is not False]
        assert {ret["name"] for ret in others if ret["changes"]} == set()


@pytest.mark.parametrize(
    ("minion", "top"), [("option", ""), ("top file", "containerd"), ("top file", "site")], indirect=["minion"]
)
def test_a_report_finds_the_formula_where_the_minion_takes_it_from(minion, on_path, tmp_path, top):  # noqa: F811
    if top:
        (minion.states / "site.sls").write_text("include: [containerd]\n", encoding="utf-8")
        minion.top(top)
    minion.call("saltutil.sync_all", "saltenv=prod")
    path = str(tmp_path / "config.toml")
    [facts] = minion.call("containerd_toml.explain", "oom_score", f"path={path}").values()
    assert (facts["value"], facts["layer"]) == (-999, "pillar")
    report = minion.call("containerd.status", path)
    assert not [error for error in report["errors"] if "render" in error]
    assert report["not_in_effect"]["oom_score"] == {"wanted": -999, "effective": None}


def test_what_pillar_names_on_the_file_server_is_that_of_the_saltenv(minion):
    """
    Once more in the saltenv that an address names itself.
    """
    wheel = minion.states / "tomlkit-0.99-py3-none-any.whl"
    wheel.write_bytes(b"not the pinned one")
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    # A library that is too old is what has it fetched.
    floor = "containerd_formula/toml.py"
    (minion.states / "_utils/containerd_formula").mkdir(parents=True)
    text = (minion.formula / "_utils" / floor).read_text(encoding="utf-8")
    assert "FLOOR = (0, 15, 1)" in text
    (minion.states / "_utils" / floor).write_text(text.replace("(0, 15, 1)", "(9, 9, 9)"), encoding="utf-8")
    for address in (f"salt://{wheel.name}", f"salt://other/{wheel.name}"):
        minion.pillar({**PILLAR, "salt": {"wheel": address, "wheel_sha256": "0" * 64}})
        sls = () if minion.way == "top file" else ("containerd.salt",)
        if minion.way == "top file":
            minion.top("containerd.salt")
        comment = minion.apply(*sls)["containerd TOML library is installed"]["comment"]
        if "other" in address:
            assert "cannot be fetched: there is no such file" in comment
        else:
            assert f"has the sha256 {found}" in comment
