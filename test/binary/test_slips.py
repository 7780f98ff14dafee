"""
A slip in a plugin's id, which containerd 2.x takes without a word, and repeats in its dump.
"""

import pytest
from salt.exceptions import CommandExecutionError
from support.way_in import FORMULA, dumped

SLIP = {"version": 2, "plugins": {"io.containerd.grpc.v1.cir": {"sandbox_image": "x/y:1"}}}
OWN = "io.containerd.snapshotter.v1.soci"


def test_a_slip_in_the_id_of_cri_is_refused(salt_functions, tmp_path):
    with pytest.raises(CommandExecutionError, match="containerd has no such plugin: write plugins"):
        salt_functions["containerd_toml.plan"](str(tmp_path / "config.toml"), [*FORMULA, {"pillar": SLIP}])


def test_what_a_dump_repeats_of_a_plugin_that_is_not_there_is_not_in_effect(salt_functions, tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(f'version = 2\n[plugins."{OWN}"]\nroot_path = "/x"\n', encoding="utf-8")
    overrides = [{"pillar": {"version": 2, "plugins": {OWN: {"root_path": "/x"}}}}]
    [facts] = salt_functions["containerd_toml.explain"](
        f'plugins."{OWN}".root_path', overrides, str(path)
    ).values()
    assert (facts["value"], facts["in_effect"], facts["effective"]) == ("/x", False, None)


def test_a_plugin_of_somebody_else_is_refused_where_containerd_does_not_have_it(salt_functions, tmp_path):
    """
    Releases of 2.x show it as if it were in effect, those of 1.x do not.
    """
    path, overrides = tmp_path / "config.toml", {"version": 2, "plugins": {OWN: {"root_path": "/x", "a": {}}}}
    layers = [*FORMULA, {"pillar": overrides}]
    with pytest.raises(CommandExecutionError, match=r'v1\.soci".* would not be in effect') as refused:
        salt_functions["containerd_toml.plan"](str(path), layers)
    assert str(refused.value).count(OWN) == 1
    plan = salt_functions["containerd_toml.plan"](str(path), layers, strict=False)
    assert [words for words in plan["warnings"] if OWN in words and " would not be in effect" in words]
    # And what is not in effect in a file is left out of its pillar.
    path.write_text(plan["text"], encoding="utf-8")
    answer = salt_functions["containerd_toml.minimal"](str(path), beneath=FORMULA)
    assert OWN not in str(answer["containerd"])
    assert [words for words in answer["left_out"] if OWN in words] == [
        f'plugins."{OWN}": not in effect: this containerd has no such plugin, or none with settings'
    ]


def test_names_of_schema_3_in_a_drop_in_are_dead_in_1_x(salt_functions, tmp_path, release):
    """
    The dump of the real binary has nothing of them, and the plan says so.
    """
    if release.startswith("2."):
        pytest.skip("containerd 2.x knows these names")
    nvidia = 'plugins."io.containerd.cri.v1.runtime".containerd.runtimes.nvidia'
    text = f'version = 2\n[{nvidia}]\nruntime_type = "io.containerd.runc.v2"\n'
    (tmp_path / "gpu.toml").write_text(text, encoding="utf-8")
    main, overrides = tmp_path / "config.toml", {"version": 2, "imports": [str(tmp_path / "gpu.toml")]}
    plan = salt_functions["containerd_toml.plan"](str(main), [*FORMULA, {"pillar": overrides}])
    [told] = [words for words in plan["warnings"] if "which containerd drops without an error" in words]
    assert 'schema 2 calls it plugins."io.containerd.grpc.v1.cri".containerd.runtimes.nvidia' in told
    main.write_text(plan["text"], encoding="utf-8")
    assert not any("nvidia" in key for key in dumped(main))


@pytest.mark.parametrize("key", ["registry", "cri.registry", "Registry.configs"])
def test_explain_takes_the_end_of_a_tables_name(salt_functions, tmp_path, key):
    configs = {"registry": {"configs": {"r.example": {"auth": {"username": "u"}}}}}
    overrides = [{"pillar": {"version": 2, "plugins": {"io.containerd.grpc.v1.cri": configs}}}]
    told = salt_functions["containerd_toml.explain"](key, overrides, str(tmp_path / "config.toml"))
    assert all(".registry." in path for path in told)
    assert [path for path in told if path.endswith('.registry.configs."r.example".auth.username')]
