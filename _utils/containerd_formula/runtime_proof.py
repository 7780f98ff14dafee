"""What a proof of a runtime asks and understands: its files, its options, and why a container did not run."""

import re

from containerd_formula.data import at, table
from containerd_formula.errors import brief, last_words
from containerd_formula.names import nearest
from containerd_formula.runtime_settings import Runtime, is_runc_shim
from containerd_formula.schema import locate
from containerd_formula.table import RUNC_OPTIONS

# How far a proof went.
RAN, TOLD, THERE = "a container ran", "it tells its version", "it is there"
# A shim of another type may run WebAssembly alone: that it does not run our program means nothing.
_LINUX = re.compile(r"io\.containerd\.(?:runc|runsc|kata|kata-[a-z0-9]+)\.v[0-9]{1,2}")
# What containerd, ctr and the shim put before the reason, and behind it.
_BEFORE = ("failed to create shim task: ", "failed to start shim: ", "OCI runtime create failed: ")
_NO_REASON, _END = "unable to retrieve OCI runtime error (", "): "
_BEHIND = ": unknown"
# What they say, and what a person understands.
_REASONS = (
    (
        "unknown version specified",
        "it does not know the version of the OCI spec that this containerd writes: install a newer one (of "
        "crun, 1.8.1 is too old, and 1.21 is new enough)",
    ),
    ("cgroups in hybrid mode not supported", "crun needs cgroup v1 or v2, and this node has both mixed"),
    ("exec format error", "it is for another processor, or no program at all: install the one for this node"),
    (
        "error while loading shared libraries",
        "a library that it needs is not on this node: install it by its package",
    ),
)


def can_run_programs(kind):
    """Tell whether a runtime of a type runs ordinary Linux programs, so that one can be tried."""
    return bool(_LINUX.fullmatch(kind))


def why(words, limit=300):
    """Return why a runtime failed, of what ctr or its own binary said, with the cure where it is known."""
    said = last_words(words)
    for before in _BEFORE:
        said = said.replace(before, "")
    if said.startswith(_NO_REASON):
        said = said.rpartition(_END)[2] or said
    said = said[: -len(_BEHIND)] if said.endswith(_BEHIND) else said
    meant = next((meaning for mark, meaning in _REASONS if mark in said.lower()), "")
    # Its own words are what a person can search for.
    return brief(f"{meant} ({said[:limit].strip()})" if meant else said[:limit].strip())


def misspelt(runtime):
    """Return a sentence about each option that the shim of runc does not have: it ignores them in silence."""
    if not is_runc_shim(runtime.type):
        return []
    return [
        f"there is no option {option[:100]}: "
        + (
            f"write {near}"
            if (near := nearest(option, RUNC_OPTIONS))
            else f"known are {', '.join(RUNC_OPTIONS)}"
        )
        for option in runtime.options
        if option not in RUNC_OPTIONS
    ]


def in_effect(dump):
    """Return the runtimes of a ``config dump``, by name, and the name of the default one."""
    version = dump.get("version", 2)
    place, default = (
        locate(f"CRI.containerd.{key}", version, dump) for key in ("runtimes", "default_runtime_name")
    )
    found = {
        name: _of_table(name, one)
        for name, one in table(dump, place).items()
        if isinstance(one, dict) and one.get("runtime_type")
    }
    chosen = at(dump, default)
    return found, chosen if isinstance(chosen, str) else ""


def settings(runtime):
    """Return what of a runtime a proof is of, as text."""
    return repr((runtime.type, runtime.path, runtime.binary, sorted(map(repr, runtime.options.items()))))


def _of_table(name, one):
    """Return the runtime that a table of config.toml makes."""
    options = {key: value for key, value in table(one, ("options",)).items() if value not in ("", 0, False)}
    kind, path = (
        one.get(key) if isinstance(one.get(key), str) else "" for key in ("runtime_type", "runtime_path")
    )
    binary = options.pop("BinaryName", "")
    return Runtime(
        name=name,
        type=kind,
        path=path,
        binary=binary if isinstance(binary, str) else "",
        options=options,
        keys={},
        **dict.fromkeys(("package", "archive", "sha256", "version"), ""),
        hold=None,
        upgrade=False,
        base_spec=None,
    )
