"""
What minimal leaves out, and what it keeps beside it.
"""

import json

import pytest
from containerd_formula.data import at
from support.way_in import FORMULA, came_in

V2 = "io.containerd.grpc.v1.cri"
RT = "io.containerd.cri.v1.runtime"


@pytest.fixture
def came(salt_functions, tmp_path):
    """
    Return a function that gives minimal's config and left_out for a file, and the plan made of it.
    """
    path = tmp_path / "config.toml"

    def ask(text):
        path.write_text(text, encoding="utf-8")
        answer, plan = came_in(salt_functions, path)
        return answer["containerd"]["config"], answer.get("left_out", []), plan

    return ask


def test_a_dead_option_does_not_take_its_runtime_along(came, release):
    """
    The option that the driver's installer wrote for the runtime v1; pods run with BinaryName.
    """
    nvidia = f'plugins."{V2}".containerd.runtimes.nvidia'
    config, left_out, _ = came(
        f'version = 2\n[plugins."{V2}".containerd]\ndefault_runtime_name = "nvidia"\n'
        f'[{nvidia}]\nruntime_type = "io.containerd.runc.v2"\n'
        f'[{nvidia}.options]\nBinaryName = "/bin/true"\nRuntime = "/bin/true"\n'
    )
    containerd = at(config, ("plugins", RT if release.startswith("2.") else V2, "containerd"))
    assert containerd["default_runtime_name"] == "nvidia"
    assert containerd["runtimes"]["nvidia"]["options"] == {"BinaryName": "/bin/true"}
    [told] = [one for one in left_out if ".options.Runtime: " in one]
    assert told.endswith("Left out here.")
    assert "left out with that" not in json.dumps(left_out)


def test_a_secret_takes_its_entry_along(salt_functions, tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(
        'version = 2\n[stream_processors.x]\naccepts = ["a"]\nreturns = "b"\npath = "/bin/true"\n'
        'args = ["--password=abc", "--token=abc"]\n',
        encoding="utf-8",
    )
    shown, hidden = (
        salt_functions["containerd_toml.minimal"](str(path), show_secrets=show, beneath=FORMULA)
        for show in (True, False)
    )
    assert shown["containerd"]["config"]["stream_processors"]["x"]["path"] == "/bin/true"
    assert "stream_processors" not in hidden["containerd"]["config"]
    told = [one.partition(": ")[0] for one in hidden["left_out"]]
    assert {"stream_processors.x.args", "stream_processors.x"} <= {*told}


def test_options_that_1_4_does_not_show_are_no_change(salt_functions, tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(
        f'version = 2\n[plugins."{V2}".containerd.runtimes.runc]\nruntime_type = "io.containerd.runc.v2"\n',
        encoding="utf-8",
    )
    assert "left_out" not in salt_functions["containerd_toml.minimal"](str(path), beneath=FORMULA)


def test_a_file_without_version_is_not_told_of_keys_that_are_gone(came, release):
    """
    containerd 1.x looks in it for short plugin ids alone, 2.0 to 2.2 lose CRI's settings.
    """
    crun = f'plugins."{V2}".containerd.runtimes.crun'
    config, left_out, _ = came(f'[{crun}]\nruntime_type = "io.containerd.runc.v2"\n')
    assert "crun" not in str(config)
    [told] = [one for one in left_out if one.startswith(f"{crun}.runtime_type: ")]
    deaf = "in a file without version = 2 this containerd reads plugins by their short ids alone"
    assert told.endswith(deaf) or release.startswith("2.")
    assert "has no such key" not in told


def test_a_name_of_a_newer_schema_is_no_newer_key(came, release):
    """
    1.7 has it as sandbox_mode, and 1.6 and 1.4 have no such.
    """
    if release.startswith("2."):
        pytest.skip("containerd 2.x takes it from there")
    kata = f'plugins."{RT}".containerd.runtimes.kata'
    _, left_out, _ = came(f'version = 2\n[{kata}]\nsandboxer = "podsandbox"\n')
    [told] = [one for one in left_out if one.startswith(f"{kata}.sandboxer: not in effect: ")]
    here = f'schema 2 calls it plugins."{V2}".containerd.runtimes.kata.sandbox_mode'
    older = "it came with containerd 1.7, and this one is older"
    assert told.endswith(here if release.startswith("1.7") else older)


def test_an_option_in_another_case_is_in_effect(came):
    """
    kubespray writes systemdCgroup, and its pods are in systemd's groups.
    """
    runc = f'plugins."{V2}".containerd.runtimes.runc'
    _, left_out, plan = came(
        f'version = 2\n[{runc}]\nruntime_type = "io.containerd.runc.v2"\n'
        f'[{runc}.options]\nsystemdCgroup = true\nbinaryName = "/bin/true"\n'
    )
    assert "ystemdCgroup" not in json.dumps(left_out) and "inaryName" not in json.dumps(left_out)
    assert not [key for key in plan["changes"] if ".options." in key]
