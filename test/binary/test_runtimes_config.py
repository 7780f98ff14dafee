"""
What of pillar runtimes and sandbox_image is in config.toml: each release comes up with it.
"""

import json
import os

import pytest
import tomlkit
from containerd_formula import places
from containerd_formula.data import at
from containerd_formula.runtime_config import RUNTIMES
from containerd_formula.table import setting
from salt.exceptions import CommandExecutionError

PAUSE = "registry.k8s.io/pause:3.10"
LIMITS = [{"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 65536}]
SPEC = {"process": {"rlimits": LIMITS}}
IMAGE = {"sandbox_image": PAUSE, "of": "sandbox_image"}
OLDEST = {
    "runc": {"options": {"NoPivotRoot": False}},
    "crun": {"package": "crun", "pod_annotations": ["a.*"]},
    "youki": {"package": "youki"},
    "nvidia": {"package": "nvidia-container-toolkit"},
    "kata": {},
    "runsc": {"options": {"TypeUrl": "io.containerd.runsc.v1.options", "ConfigPath": "/etc/runsc.toml"}},
}


def layer(given):
    return {"runtimes": given, "of": "runtimes", "systemd": True}


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """
    The folder of base specs: one that the sandbox has too, as it has the real one.
    """
    path = f"/etc/containerd-formula-test-{os.getpid()}"
    monkeypatch.setattr("containerd_formula.base_specs.BASE_SPECS", path)
    return path


def runtimes(plan):
    data = tomlkit.parse(plan["text"]).unwrap()
    return next(found for path in RUNTIMES.values() if (found := at(data, path)))


def test_each_release_comes_up_with_all_of_them(planned, release):
    newer = release not in ("1.4.13", "1.6.20")
    kata = {"path": "/opt/kata/shim"} if newer else {}
    plan = planned(layer({**OLDEST, "default": "crun", "kata": kata}), IMAGE)
    assert plan["write"] and plan["awaits"] == []
    there = runtimes(plan)
    assert list(there) == list(OLDEST) and there["crun"]["options"]["BinaryName"] == "/usr/bin/crun"
    assert {name for name, one in there.items() if one.get("options", {}).get("SystemdCgroup")} == {
        *("runc", "crun", "youki", "nvidia")
    }
    data = tomlkit.parse(plan["text"]).unwrap()
    places_of_it = (setting("CRI.sandbox_image"), setting("IMG.pinned_images.sandbox"))
    assert PAUSE in [at(data, path) for path in places_of_it]


def test_a_preview_starts_with_a_spec_that_is_not_there_yet(planned, folder, release):
    plan = planned(layer({"runc": {"base_spec": SPEC}}))
    [path] = plan["awaits"]
    assert runtimes(plan)["runc"]["base_runtime_spec"] == path and path.startswith(f"{folder}/runc-")
    assert not os.path.exists(folder)
    told = [line for line in plan["warnings"] if "rlimits" in line]
    assert len(plan["warnings"]) == len(told) == (release == "1.4.13")


def test_a_spec_that_containerd_does_not_read_is_refused_before(planned, folder):
    """
    The checks know nothing of hooks: the daemon does, when it starts.
    """
    with pytest.raises(CommandExecutionError, match="does not come up with it .trial start."):
        planned(layer({"runc": {"base_spec": {"hooks": "nope"}}}))


def test_a_spec_of_somebody_else_that_is_missing_is_refused(planned, folder):
    with pytest.raises(CommandExecutionError, match="/nonexistent/spec.json is not a file on this node"):
        planned(layer({"crun": {"package": "crun", "base_runtime_spec": "/nonexistent/spec.json"}}))


def test_a_trial_start_with_a_missing_spec_fails(trial, release):
    """
    This is why a preview brings the spec along.
    """
    version = 3 if release.startswith("2") else 2
    given = {"runtimes": {"runc": {"base_runtime_spec": "/nonexistent/spec.json"}}}
    for part in reversed(RUNTIMES[version][:-1]):
        given = {part: given}
    answer = trial({"version": version, **given})
    assert answer["ok"] is False and "/nonexistent/spec.json" in answer["reason"]


def test_the_spec_is_the_own_one_of_the_release(salt_functions, folder, tmp_path):
    given = {"runc": {"base_spec": {**SPEC, "linux": {"sysctl": {"net.core.somaxconn": "9"}}}}}
    plan = salt_functions["containerd_specs.plan"](str(tmp_path / "specs"), given)
    [text] = plan["files"].values()
    spec = json.loads(text)
    assert spec["process"]["rlimits"] == LIMITS and spec["linux"]["sysctl"] == {"net.core.somaxconn": "9"}
    assert spec["process"]["capabilities"]["bounding"] and spec["mounts"]
    done = []
    salt_functions["containerd_specs.apply"](plan, done)
    assert list(plan["files"]) == done
    assert salt_functions["containerd_specs.plan"](str(tmp_path / "specs"), given)["changes"] == {}
    assert places.BASE_SPECS == "/etc/containerd/base-specs"


def test_what_the_release_does_not_have_is_refused_with_its_cure(planned, release):
    if release in ("1.4.13", "1.6.20"):
        with pytest.raises(CommandExecutionError, match="path: containerd .* does nothing with it: upgrade"):
            planned(layer({"kata": {"path": "/opt/kata/shim"}}))
    if not release.startswith("2"):
        with pytest.raises(CommandExecutionError, match="cgroup_writable.*2.1"):
            planned(layer({"crun": {"package": "crun", "cgroup_writable": True}}))


def test_both_places_at_once_are_refused_by_name(planned, release):
    path = RUNTIMES[3 if release.startswith("2") else 2]
    site = {"crun": {"options": {"Root": "/a"}}}
    for part in reversed(path):
        site = {part: site}
    with pytest.raises(
        CommandExecutionError, match="layer pillar sets this, and so does containerd:runtimes:crun"
    ):
        planned(layer({"crun": {"package": "crun"}}), {"pillar": site})


def test_explain_names_the_layer(salt_functions, folder, tmp_path):
    layers = [layer({"crun": {"package": "crun"}}), IMAGE]
    facts = salt_functions["containerd_toml.explain"](None, layers, str(tmp_path / "none.toml"))
    assert {fact["layer"] for path, fact in facts.items() if "crun" in path} == {"runtimes"}
    assert {fact["layer"] for fact in facts.values() if fact["value"] == PAUSE} == {"sandbox_image"}
