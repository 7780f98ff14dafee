"""
Overrides for some releases of containerd, with the real ones.
"""

import importlib
import sys
import types

import pytest
from support.binaries import binaries, on_path, release, started  # noqa: F401
from test_managed import OVERRIDES, managed  # noqa: F401

pytestmark = pytest.mark.once

V2 = "io.containerd.grpc.v1.cri"

CONFIG_PATH = {"version": 2, "plugins": {V2: {"registry": {"config_path": "/etc/a"}}}}
FOR_SOME = [
    {"pillar": OVERRIDES},
    {"pillar >=1.5": CONFIG_PATH, "for": ">=1.5"},
    {"pillar <2.0": {"oom_score": -1}, "for": "<2.0"},
    {"pillar >=9": {"nonsense": 1}, "for": ">=9"},
]


def test_a_layer_for_some_releases_is_laid_over_those_alone(managed, loaders, release, testmode):  # noqa: F811
    """
    containerd 1.4 has no config_path; a wrong key is refused where it would be laid over.
    """
    ret = managed(FOR_SOME, test=testmode, strict=True)
    assert ret.result is (None if testmode else True), ret.comment
    has = {key.rpartition(".")[2]: change["new"] for key, change in ret.changes.items()}
    assert has.get("config_path") == (None if release == "1.4.13" else "/etc/a")
    assert has["oom_score"] == (-999 if release.startswith("2.") else -1)
    left_out = {"1.4.13": [">=1.5", ">=9"], "2.1.9": ["<2.0", ">=9"]}.get(release, [">=9"])
    told = [line for line in ret.comment.splitlines() if line.startswith("layer")]
    assert told == [
        f"layer pillar {condition}: left out, since it is for {condition} and containerd is {release}."
        for condition in left_out
    ]
    layers = {one["layer"] for one in loaders.modules.containerd_toml.explain(overrides=FOR_SOME).values()}
    assert layers == {"pillar", *(f"pillar {one}" for one in (">=1.5", "<2.0") if one not in left_out)}
    wrong = managed([*FOR_SOME, {"pillar >=1": {"nonsense": 1}, "for": ">=1"}], test=testmode)
    assert (wrong.result, "nonsense" in wrong.comment) == (False, True)


def test_the_pillar_of_make_try_is_taken_on_each_suite(managed, release, monkeypatch):  # noqa: F811
    monkeypatch.setitem(sys.modules, "lab.cri", types.SimpleNamespace(Cri=None))
    pillar = importlib.import_module("tools.demo").PILLAR
    for_some = [{f"pillar {key}": given, "for": key} for key, given in pillar["config_for"].items()]
    ret = managed([{"pillar": pillar["config"]}, *for_some])
    assert ret.result is True, ret.comment
    assert any(key.endswith("config_path") for key in ret.changes) is (release != "1.4.13")


def test_only_a_layer_for_some_releases_asks_for_the_release(managed, started):  # noqa: F811
    managed(FOR_SOME)
    started()
    managed(FOR_SOME)
    assert sorted(started()) == ["containerd config default", "ctr --version"]


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ({"a": {}, "for": "new"}, "layer a: 'new' is not a condition: write one such as '>=1.5'"),
        ({"a": {}, "for": 1.5}, "layer a: 1.5 is not a condition"),
        ({"a": {}, "for": None}, "layer a: '' is not a condition"),
        ({"a": {}, "b": {}, "for": ">=1"}, "overrides must be a fragment of config.toml"),
    ],
)
def test_a_condition_that_is_none_is_refused(managed, config_path, layer, words):  # noqa: F811
    ret = managed([layer])
    assert (ret.result, words in ret.comment) == (False, True), ret.comment
    assert not config_path.exists()
