"""
What a proof of a runtime understands, and the RuntimeClass objects.
"""

import pytest
import yaml
from containerd_formula.runtime_classes import as_yaml
from containerd_formula.runtime_proof import can_run_programs, in_effect, misspelt, settings, why
from containerd_formula.runtime_settings import read

BEFORE = "ctr: failed to create shim task: OCI runtime create failed: "


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (f"{BEFORE}unknown version specified: unknown\n", "1.8.1 is too old, and 1.21 is new enough"),
        (f"{BEFORE}unknown version specified\n", "(unknown version specified)"),
        (
            f"{BEFORE}unable to retrieve OCI runtime error (open /s/log.json: no such file or directory): "
            "fork/exec /usr/bin/crun: no such file or directory: unknown\n",
            "fork/exec /usr/bin/crun: no such file or directory",
        ),
        ("/usr/bin/crun cannot be run: [Errno 8] Exec format error: '/usr/bin/crun'", "another processor"),
        (
            "crun: error while loading shared libraries: libyajl.so.2: cannot open",
            "not on this node: install it",
        ),
        (f"{BEFORE}cgroups in hybrid mode not supported, drop all", "crun needs cgroup v1 or v2"),
        ("ctr: something else", "something else"),
        ("", "it ended without a message"),
    ],
)
def test_the_reason_is_told_with_the_cure(said, reason):
    told = why(said)
    assert reason in told and "OCI runtime create" not in told and not told.endswith(": unknown")


def test_a_shim_that_may_run_other_things_is_not_tried():
    assert can_run_programs("io.containerd.runc.v2") and can_run_programs("io.containerd.kata-qemu.v2")
    assert not can_run_programs("io.containerd.spin.v2") and not can_run_programs("/opt/shim")


def runtime(**given):
    return read({"x": given}).runtimes[0]


def test_an_option_that_runcs_shim_would_ignore_is_named():
    assert misspelt(runtime(binary="crun", options={"SystemdCgroup": True})) == []
    [found] = misspelt(runtime(binary="crun", options={"SystemdGroup": True}))
    assert found == "there is no option SystemdGroup: write SystemdCgroup"
    assert misspelt(runtime(type="io.containerd.kata.v2", options={"ConfigPath": "/a"})) == []


def test_other_settings_are_another_proof():
    one, other = runtime(binary="crun"), runtime(binary="crun", options={"NoPivotRoot": True})
    assert settings(one) == settings(runtime(binary="crun")) != settings(other)


@pytest.mark.parametrize(
    ("version", "plugin"), [(2, "io.containerd.grpc.v1.cri"), (3, "io.containerd.cri.v1.runtime")]
)
def test_the_runtimes_in_effect_are_those_of_the_dump(version, plugin):
    options = {"BinaryName": "/usr/bin/crun", "Root": "", "SystemdCgroup": True}
    tables = {
        "crun": {"runtime_type": "io.containerd.runc.v2", "options": options},
        "none": {"runtime_type": ""},
        "odd": 5,
    }
    containerd = {"default_runtime_name": "crun", "runtimes": tables}
    found, default = in_effect({"version": version, "plugins": {plugin: {"containerd": containerd}}})
    assert list(found) == ["crun"] and default == "crun"
    assert found["crun"].binary == "/usr/bin/crun" and found["crun"].options == {"SystemdCgroup": True}
    assert in_effect({}) == ({}, "")


def test_each_runtime_but_the_default_has_a_class():
    [found] = yaml.safe_load_all(as_yaml(["runc", "crun"], "runc"))
    assert found == {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": "crun"},
        "handler": "crun",
    }
    assert [one["handler"] for one in yaml.safe_load_all(as_yaml(["runc", "a", "b"], "b"))] == ["runc", "a"]


def test_a_name_that_is_no_label_is_a_comment():
    text = as_yaml(["runc", "a_b\nkind: x", "on"], "runc")
    [found] = yaml.safe_load_all(text)
    # A word that YAML takes for true.
    assert found["handler"] == "on"
    assert r"# No RuntimeClass can name the runtime 'a_b\nkind: x': use small letters" in text
    assert yaml.safe_load(as_yaml(["runc"], "runc")) is None
