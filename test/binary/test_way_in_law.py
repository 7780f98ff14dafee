"""
The law of the way in, over files that nobody wrote: mutated defaults of each release, read by each release.

``WAY_IN_EXAMPLES`` says how many files of each release are tried.
"""

import os

import pytest
import tomlkit
from containerd_formula.data import at, leaves, put
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from salt.exceptions import CommandExecutionError
from support.binaries import RELEASES, default
from support.way_in import came_in, dumped, untold

EXAMPLES = int(os.environ.get("WAY_IN_EXAMPLES", "4"))
TEXTS = (
    "",
    "x",
    "debug",
    "native",
    "runc",
    "/etc/site/x",
    "10s",
    "0s",
    "127.0.0.1:1338",
    "io.containerd.runc.v2",
)
LISTS = ([], ["x"], ["/etc/site/x"], ["io.containerd.snapshotter.v1.btrfs"])
V2, RT = (("plugins", plugin) for plugin in ("io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime"))
# What people add, in whichever schema.
ADDED = (
    {("version",): 2},
    {("version",): 3},
    {("bogus",): 1},
    {("grpc", "address"): "/run/site/c.sock"},
    {("metrics", "address"): "127.0.0.1:1338"},
    {("imports",): ["/etc/containerd/no-such-folder/*.toml"]},
    {("disabled_plugins",): ["io.containerd.grpc.v1.cri"]},
    {("disabled_plugins",): ["cri", "btrfs"]},
    {("required_plugins",): ["io.containerd.grpc.v1.cri"]},
    {("proxy_plugins", "p", "type"): "snapshot", ("proxy_plugins", "p", "address"): "/run/p.sock"},
    {("plugins", "cri", "sandbox_image"): "example.org/pause:1"},
    {("plugins", "io.site.example.v1.x", "a"): 1},
    {(*V2, "registry", "mirrors", "r", "endpoint"): ["https://m.example.org"]},
    {(*V2, "containerd", "runtimes", "runc", "options", "systemdcgroup"): True},
    {(*RT, "containerd", "runtimes", "runc", "options", "SystemdCgroup"): True},
    *(
        {
            (*above, "containerd", "runtimes", "crun", "runtime_type"): "io.containerd.runc.v2",
            (*above, "containerd", "runtimes", "crun", "options", "BinaryName"): "/usr/bin/crun",
            (*above, "containerd", "default_runtime_name"): "crun",
        }
        for above in (V2, RT)
    ),
)


def other(value):
    """
    Return values of the same type, some of them of sense.
    """
    if isinstance(value, bool):
        return st.just(not value)
    pools = {str: TEXTS, int: (0, 1, 5, 4096, -1), float: (0.0, 0.5), list: LISTS}
    return st.sampled_from(pools.get(type(value), (value,)))


@st.composite
def files(draw):
    """
    Return a default with some keys changed, gone, or added; or but a few keys of it.
    """
    data = tomlkit.parse(default(draw(st.sampled_from(sorted(RELEASES))))).unwrap()
    keys = leaves(data)
    kept = keys
    if draw(st.booleans()):
        chosen = draw(st.lists(st.sampled_from(sorted(keys)), max_size=12, unique=True))
        kept = {key: keys[key] for key in keys if key in chosen or key == ("version",)}
    result = {}
    for key, value in kept.items():
        put(result, key, value)
    for key in draw(st.lists(st.sampled_from(sorted(kept)), max_size=6, unique=True)):
        put(result, key, draw(other(kept[key])))
    for key in draw(st.lists(st.sampled_from(sorted(kept)), max_size=2, unique=True)):
        if key == ("version",):
            result.pop("version")
        elif isinstance(at(result, key[:-1]), dict):
            at(result, key[:-1]).pop(key[-1], None)
    for more in draw(st.lists(st.sampled_from(ADDED), max_size=2)):
        for key, value in more.items():
            put(result, key, value)
    return tomlkit.dumps(result)


@st.composite
def drop_ins(draw):
    """
    Return some keys of a default as a drop-in has them, with others of what people add.
    """
    data = tomlkit.parse(default(draw(st.sampled_from(sorted(RELEASES))))).unwrap()
    keys, result = leaves(data), {}
    keys.pop(("imports",), None)
    chosen = draw(st.lists(st.sampled_from(sorted(keys)), max_size=6, unique=True))
    for key in [key for key in keys if key in chosen or key == ("version",)]:
        put(result, key, data["version"] if key == ("version",) else draw(other(keys[key])))
    for key, value in draw(st.sampled_from([more for more in ADDED if ("imports",) not in more])).items():
        put(result, key, value)
    return tomlkit.dumps(result)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="WAY_IN_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
@given(text=files(), drop_in=st.one_of(st.none(), drop_ins()))
def test_nothing_in_effect_changes_untold(salt_functions, release, tmp_path_factory, text, drop_in):
    path = tmp_path_factory.mktemp("way") / "config.toml"
    if drop_in is not None:
        path.with_name("theirs.toml").write_text(drop_in, encoding="utf-8")
        text = tomlkit.dumps(
            {**tomlkit.parse(text).unwrap(), "imports": [str(path.with_name("theirs.toml"))]}
        )
        note(drop_in)
    path.write_text(text, encoding="utf-8")
    note(text)
    before = dumped(path)
    if before is None:
        with pytest.raises(CommandExecutionError, match="config dump failed"):
            came_in(salt_functions, path)
        return
    answer, plan = came_in(salt_functions, path)
    path.with_name("new.toml").write_text(plan["text"], encoding="utf-8")
    note(answer)
    assert untold(before, dumped(path.with_name("new.toml")), answer.get("left_out", [])) == {}
