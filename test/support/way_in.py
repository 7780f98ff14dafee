"""
The law of the way in, with containerd itself as its judge: what a file has in effect is what it had before.
"""

import subprocess

import tomlkit
from containerd_formula.durations import nanoseconds
from containerd_formula.paths import dotted
from containerd_formula.schema import cri_plugins, plugins
from containerd_formula.table import RUNC_OPTIONS
from salt.exceptions import CommandExecutionError

SYSTEMD = {"containerd": {"runtimes": {"runc": {"options": {"SystemdCgroup": True}}}}}
# What to do about a drop-in whose settings would be lost.
CURE = "with the names of that schema, or set this key in pillar"
# What lies beneath pillar on a node with systemd.
FORMULA = [{"formula": {"version": 2, "plugins": {"io.containerd.grpc.v1.cri": SYSTEMD}}}]
ID_LISTS = (("disabled_plugins",), ("required_plugins",))
# The dumps write it otherwise, or not at all.
_EMPTY = ("", 0, False, [], {}, None)


def dumped(path):
    """
    Return what the containerd in PATH makes of a file: its dump as flat data, None where it refuses it.
    """
    argv = ["containerd", "--config", str(path), "config", "dump"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return _by_their_names(_flat(tomlkit.parse(done.stdout).unwrap())) if done.returncode == 0 else None


def came_in(functions, path, pillar=None):
    """
    Return minimal's answer for a file and the plan that it makes, which must be accepted.

    What it is refused for is only what a drop-in would lose or mask, and minimal tells that as well.
    """
    answer = functions["containerd_toml.minimal"](str(path), show_secrets=True, beneath=FORMULA)
    overrides = [*FORMULA, {"pillar": answer["containerd"]["config"]}]
    left_out = answer.get("left_out", [])
    theirs = [
        sentence for sentence in left_out if CURE in sentence or " would not be in effect, " in sentence
    ]
    try:
        return answer, functions["containerd_toml.plan"](str(path), overrides, show_secrets=True)
    except CommandExecutionError as err:
        # After them come the faults of files.
        refused = [line for line in str(err).splitlines()[1:] if not line.startswith("/")]
        assert refused and refused == theirs, err
    return answer, functions["containerd_toml.plan"](str(path), overrides, strict=False, show_secrets=True)


def untold(before, after, told):
    """
    Return the settings that differ between two dumps, and that no sentence names.
    """
    keys = dict.fromkeys([*before, *after])
    # What is disabled is not in effect, and CRI's plugins are by any of their names.
    disabled = [{*dump.get(("disabled_plugins",), [])} for dump in (before, after)]
    off = disabled[0] & disabled[1]
    off |= {*cri_plugins()} if {"cri", *cri_plugins()} & disabled[0] else set()
    return {
        dotted(key): (before.get(key), after.get(key))
        for key in keys
        if key[0] not in ("version", "imports")
        and not (key[0] == "plugins" and key[1] in off)
        and not _alike(before.get(key), after.get(key))
        and not any(
            sentence.startswith(f"{dotted(key[:length])}{end}")
            for sentence in told
            for length in range(1, len(key) + 1)
            for end in (":", " ")
        )
    }


def _by_their_names(settings):
    """
    Return a dump with runc's options and plugins by their full names: it repeats what the file calls them.
    """
    right = {name.lower(): name for name in RUNC_OPTIONS}
    found = dict(settings)
    # Schema 1 has short ids.
    for key in [key for key in found if key in ID_LISTS]:
        found[key] = [_full(plugin) for plugin in found[key]]
    for *above, name in list(found):
        # The older name wins, and 2.1 takes it for a list of one.
        if name == "bin_dir" and (*above, "bin_dirs") in found and found[(*above, name)]:
            found[(*above, "bin_dirs")] = [found.pop((*above, name))]
    for key in [key for key in found if key[-2:-1] == ("options",)]:
        name = right.get(key[-1].lower(), key[-1])
        if name != key[-1]:
            found[(*key[:-1], name)] = found.pop(key)
    return found


def _full(plugin):
    return next((full for full in plugins() if "." not in plugin and full.endswith(f".{plugin}")), plugin)


def _alike(one, other):
    if one in _EMPTY and other in _EMPTY:
        return True
    durations = nanoseconds(one), nanoseconds(other)
    return one == other or (None not in durations and durations[0] == durations[1])


def _flat(data, path=()):
    for key, value in data.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, (*path, key))
        else:
            yield (*path, key), value
