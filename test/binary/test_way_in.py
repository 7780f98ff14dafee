"""
The way in for a node that another tool configured: with minimal's pillar nothing that is in effect changes.
"""

import os
from pathlib import Path

import pytest
import tomlkit
from containerd_formula.data import walk
from containerd_formula.translation import translate
from salt.exceptions import CommandExecutionError
from support.binaries import default
from support.way_in import CURE, FORMULA, came_in, dumped, untold

# Small, each in the style of a public project.
V2 = "io.containerd.grpc.v1.cri"
FILES = sorted((Path(__file__).parent / "files").glob("*.toml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_of_another_tool_comes_in_without_a_change(salt_functions, tmp_path, file):
    path = tmp_path / "config.toml"
    path.write_bytes(file.read_bytes())
    before = dumped(path)
    if before is None:
        with pytest.raises(CommandExecutionError, match="config dump failed"):
            salt_functions["containerd_toml.minimal"](str(path), beneath=FORMULA)
        return
    answer, plan = came_in(salt_functions, path)
    new = tmp_path / "new.toml"
    new.write_text(plan["text"], encoding="utf-8")
    told = answer.get("left_out", [])
    assert untold(before, dumped(new), told) == {}
    assert {key for key in plan["changes"] if key not in ("version", str(path))} <= {
        key for key in plan["changes"] if any(sentence.startswith(key) for sentence in told)
    }
    # And once it is written, it is the formula's, and stays.
    again = salt_functions["containerd_toml.plan"](
        str(new), [*FORMULA, {"pillar": answer["containerd"]["config"]}]
    )
    assert not again["write"]


@pytest.fixture
def way_in(salt_functions, tmp_path):
    """
    Return a function that gives minimal's answer for a file's text or name, and the plan of some overrides.
    """
    path = tmp_path / "config.toml"

    def ask(text, overrides=None):
        named = {file.stem: file.read_text(encoding="utf-8") for file in FILES}
        path.write_text(named.get(text, text), encoding="utf-8")
        answer = salt_functions["containerd_toml.minimal"](str(path), beneath=FORMULA)
        overrides = FORMULA if overrides is None else overrides
        plan = salt_functions["containerd_toml.plan"](str(path), overrides, strict=False)
        return answer["containerd"]["config"], answer.get("left_out", []), plan

    return ask


def settings(data, name):
    return [value for key, value in walk(data) if key[-1] == name]


def test_a_setting_that_containerd_loses_is_not_what_runs(way_in, release):
    """
    containerd 2.x loses the snapshotter of a file of version 2 when it migrates one without runtimes.
    """
    native = {"version": 2, "plugins": {V2: {"containerd": {"snapshotter": "native"}}}}
    config, left_out, plan = way_in("snapshotter-lost", native)
    changes = {key.rpartition(".")[2]: change for key, change in plan["changes"].items()}
    if not release.startswith("2."):
        assert settings(config, "snapshotter") == ["native"]
        assert "snapshotter" not in changes
        return
    assert settings(config, "snapshotter") == []
    assert changes["snapshotter"] == {"old": "overlayfs", "new": "native"}
    [told] = [sentence for sentence in left_out if ".snapshotter: " in sentence]
    assert "the file has 'native', but this containerd runs with 'overlayfs'" in told
    assert any(told in warning for warning in plan["warnings"])


def test_a_file_without_a_version_is_read_as_containerd_does(way_in):
    """
    No release of these takes CRI settings with full ids from it.
    """
    config, left_out, plan = way_in("no-version")
    assert settings(config, "sandbox_image") + settings(config, "sandbox") == []
    assert any("sandbox_image: the file has 'registry.example.org/pause:3.9'" in one for one in left_out)
    assert not any("sandbox" in key for key in plan["changes"])


def test_mixed_schemas_are_read_as_containerd_does(way_in, release):
    config, left_out, _ = way_in("aks-mixed")
    if release.startswith("2."):
        assert settings(config, "sandbox") == ["registry.example.org/oss/pause:3.6"]
        assert [sentence for sentence in left_out if ": a secret, " not in sentence] == []
    else:
        assert settings(config, "sandbox_image") == []
        assert any("pinned_images.sandbox: " in sentence for sentence in left_out)


def test_cri_that_was_off_is_said_to_come_on(way_in, release):
    """
    Docker's own file: its cgroup driver was never in effect, and is no setting to keep.
    """
    config, left_out, plan = way_in("docker-stock")
    assert list(config) == ["version"]
    assert "CRI goes from off to on" in left_out[0]
    assert any("CRI goes from off to on" in warning for warning in plan["warnings"])
    [told] = [sentence for sentence in left_out if "SystemdCgroup: " in sentence]
    assert "by the layer formula" in told
    # What somebody set is kept for the day when it is on.
    config, _, _ = way_in(
        f'version = 2\ndisabled_plugins = ["{V2}"]\n[plugins."{V2}"]\nsandbox_image = "x/p:1"\n'
    )
    assert settings(config, "sandbox_image") + settings(config, "sandbox") == ["x/p:1"]


def test_what_the_formula_refuses_is_left_out_with_the_cure(way_in, tmp_path):
    """
    A runtime whose program others may change: half of the runtime would be another one.
    """
    program = tmp_path / "runtime"
    program.touch()
    os.chown(program, 1000, 1000)
    config, left_out, _ = way_in(f"""
        version = 2
        [plugins."{V2}".containerd]
        default_runtime_name = "site"
        [plugins."{V2}".containerd.runtimes.site]
        runtime_type = "io.containerd.runc.v2"
        [plugins."{V2}".containerd.runtimes.site.options]
        BinaryName = "{program}"
    """)
    assert settings(config, "BinaryName") + settings(config, "default_runtime_name") == []
    [told] = [sentence for sentence in left_out if "BinaryName: " in sentence]
    assert "belongs to user 1000" in told and "chown root" in told and "Left out here" in told


def test_the_commonest_file_of_all_comes_in_on_a_newer_release(way_in, release):
    """
    1.7's own default with the systemd cgroup driver: its keys that are gone are none of the pillar's.
    """
    text = default("1.7.24").replace("SystemdCgroup = false", "SystemdCgroup = true")
    config, left_out, plan = way_in(text)
    assert "plugin_dir" not in config and not any("plugin_dir" in sentence for sentence in left_out)
    assert settings(config, "SystemdCgroup") == []
    if release == "1.7.24":
        assert (list(config), left_out, plan["write"]) == (["version"], [], False)


def test_a_program_that_is_missing_already_is_a_warning(salt_functions, release, tmp_path):
    """
    Pods cannot start without it: a run that brings that about is refused, one that finds it so is not.
    """
    path = tmp_path / "config.toml"
    options = {"BinaryName": "/nowhere/runc"}
    overrides = {"version": 2, "plugins": {V2: {"containerd": {"runtimes": {"runc": {"options": options}}}}}}
    with pytest.raises(CommandExecutionError, match="no program '/nowhere/runc'.* no pod can start"):
        salt_functions["containerd_toml.plan"](str(path), overrides)
    made = salt_functions["containerd_document.compose"](default(release), overrides)
    path.write_text(made.text, encoding="utf-8")
    plan = salt_functions["containerd_toml.plan"](str(path), overrides)
    assert plan["changes"] == {}
    assert any("no program '/nowhere/runc'" in warning for warning in plan["warnings"])


RUNC = {"runtime_type": "io.containerd.runc.v2", "options": {"SystemdCgroup": True}}
NVIDIA = {
    "runtime_type": "io.containerd.runc.v2",
    "options": {"BinaryName": "/bin/true", "SystemdCgroup": True},
}
MAIN = {"sandbox_image": "x/y:1", "containerd": {"runtimes": {"runc": RUNC}}}
THEIRS = {"containerd": {"default_runtime_name": "nvidia", "runtimes": {"nvidia": NVIDIA}}}
WHOLE = {
    **MAIN,
    "containerd": {"default_runtime_name": "nvidia", "runtimes": {"runc": RUNC, "nvidia": NVIDIA}},
}
GROUPS = {"containerd": {"runtimes": {"runc": {**RUNC, "options": {"SystemdCgroup": False}}}}}
# What the main file has, and what its drop-in: CRI's settings, and others.
LAYOUTS = {
    "a runtime more": ((MAIN, {}), (THEIRS, {})),
    "all of CRI in both": ((MAIN, {}), (WHOLE, {})),
    "all of CRI in the drop-in": (({}, {}), (WHOLE, {})),
    "another cgroup driver": ((MAIN, {}), (GROUPS, {})),
    "its cgroup driver": (({}, {}), (GROUPS, {})),
    "a masked number": ((MAIN, {"oom_score": -1}), ({}, {"oom_score": -5})),
    "CRI off": ((MAIN, {}), ({}, {"disabled_plugins": [V2]})),
}


@pytest.fixture
def beside(tmp_path):
    """
    Return a function that writes a main file of schema 2 and its drop-in, and returns the two paths.
    """

    def write(layout):
        path, drop_in = tmp_path / "config.toml", tmp_path / "conf.d" / "99-theirs.toml"
        drop_in.parent.mkdir()
        main, theirs = (
            {"version": 2, **others, **({"plugins": {V2: cri}} if cri else {})}
            for cri, others in LAYOUTS[layout]
        )
        path.write_text(tomlkit.dumps({"imports": [f"{drop_in.parent}/*.toml"], **main}), encoding="utf-8")
        drop_in.write_text(tomlkit.dumps(theirs), encoding="utf-8")
        return path, drop_in

    return write


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "CRI off"])
def test_what_a_drop_in_sets_stays_or_is_told(salt_functions, release, tmp_path, beside, layout):
    """
    With the file of the newer schema, containerd 2.x drops what a drop-in of the older one says.
    """
    path, drop_in = beside(layout)
    before, new = dumped(path), tmp_path / "new.toml"
    answer, plan = came_in(salt_functions, path)
    new.write_text(plan["text"], encoding="utf-8")
    told = answer.get("left_out", [])
    assert untold(before, dumped(new), told) == {}
    dies = [sentence for sentence in told if CURE in sentence]
    assert bool(dies) == (release.startswith("2.") and "nvidia" in drop_in.read_text(encoding="utf-8"))
    assert {sentence.partition(":")[0] for sentence in dies} <= plan["changes"].keys()
    if not dies:
        return
    assert f"rewrite {drop_in} as version = 3" in dies[0]
    # That cure cures: the same pillar, and nothing changes.
    made = salt_functions["containerd_document.report"](FORMULA)
    moved = translate(tomlkit.parse(drop_in.read_text(encoding="utf-8")).unwrap(), 3, base=made.default)
    drop_in.write_text(tomlkit.dumps(moved.fragment), encoding="utf-8")
    overrides = [*FORMULA, {"pillar": answer["containerd"]["config"]}]
    new.write_text(salt_functions["containerd_toml.plan"](str(path), overrides)["text"], encoding="utf-8")
    assert untold(before, dumped(new), []) == {}


def test_what_a_drop_in_masks_is_none_of_the_pillars(salt_functions, beside):
    path, drop_in = beside("a masked number")
    answer, plan = came_in(salt_functions, path)
    assert "oom_score" not in answer["containerd"]["config"]
    assert "oom_score: it is -5 by an imported file; -1, as here, " in "".join(answer["left_out"])
    assert "oom_score" not in plan["changes"]


def test_settings_of_cri_that_a_drop_in_turns_off_are_kept(salt_functions, beside):
    path, _ = beside("CRI off")
    answer = salt_functions["containerd_toml.minimal"](str(path), beneath=FORMULA)
    config = answer["containerd"]["config"]
    assert settings(config, "sandbox_image") + settings(config, "sandbox") == ["x/y:1"]


def test_a_drop_in_that_is_taken_out_takes_its_settings_along(salt_functions, beside):
    path, _ = beside("a runtime more")
    plan = salt_functions["containerd_toml.plan"](str(path), [*FORMULA, {"pillar": {"imports": []}}])
    assert "imports" in plan["changes"]
    [name] = [key for key in plan["changes"] if key.endswith(".default_runtime_name")]
    assert plan["changes"][name] == {"old": "nvidia", "new": "runc"}
