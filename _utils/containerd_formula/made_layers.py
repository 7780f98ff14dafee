"""Layers of the document that are made of other pillar, and what no layer beside them may set."""

from typing import NamedTuple

from containerd_formula import registry_config, runtime_config, runtime_settings, sandbox_image, schema
from containerd_formula.data import at, leaves, plain, table
from containerd_formula.errors import Refused, brief
from containerd_formula.findings import WARNING, Finding, finding
from containerd_formula.places import CERTS

# The key beside a layer's name: that it is no fragment, but the pillar of this name, of which one is made.
SOURCE = "of"
REGISTRIES, RUNTIMES, SANDBOX = "registries", "runtimes", "sandbox_image"
# And, for runtimes: whether the node's cgroups are systemd's.
SYSTEMD = "systemd"
SOURCES = (REGISTRIES, RUNTIMES, SANDBOX)


class Layer(NamedTuple):
    """One layer of overrides."""

    name: str
    # Plain data.
    fragment: dict
    # Empty for a fragment that somebody wrote.
    source: str = ""
    findings: tuple = ()
    # The names that its pillar takes away.
    gone: tuple = ()


def made(name, layer, release):
    """Return a layer as it is, or made of the pillar that it names."""
    given, source = layer[name], layer.get(SOURCE) if len(layer) > 1 else ""
    if source == SANDBOX:
        fragment, told = sandbox_image.as_told(given, release)
    elif given is not None and not hasattr(given, "items"):
        raise Refused(f"layer {name} of overrides must be a fragment of config.toml: a mapping.")
    elif source == RUNTIMES:
        fragment, told = runtime_config.as_told(given, release, layer.get(SYSTEMD) is True)
    elif source == REGISTRIES:
        fragment, told = registry_config.as_config(given, release), []
    else:
        fragment, told = given or {}, []
    found = tuple(Finding(f"containerd:{source}", brief(words), WARNING) for words in told)
    gone = [one for one, value in given.items() if value is None] if source == RUNTIMES and given else ()
    return Layer(str(name), plain(fragment), source, found, tuple(gone))


def needs_release(name, layer):
    """Tell whether a layer that is made depends on the installed release: if its pillar says anything."""
    given = layer[name]
    if layer.get(SOURCE) == SANDBOX:
        return bool(given)
    values = given if hasattr(given, "items") else {}
    if layer.get(SOURCE) == REGISTRIES:
        return bool(values.get("hosts"))
    return any(value is not None for value in values.values())


def owned(source, applied, version, default, gone=()):
    """Return what a layer that was made has for itself: path in the document to what the pillar does."""
    result, away = {}, {}
    if source == SANDBOX:
        result[schema.locate("CRI.sandbox_image", version, default)] = "containerd:sandbox_image"
    if source == RUNTIMES:
        runtimes = schema.locate("CRI.containerd.runtimes", version, default)
        name = schema.locate("CRI.containerd.default_runtime_name", version, default)
        result = {(*runtimes, one): f"containerd:runtimes:{one}" for one in table(applied, runtimes)}
        result[name] = "containerd:runtimes:default"
        # Without its own table runc has containerd's: others may still add to that.
        names = [one for one in gone if one not in ("default", runtime_settings.RUNC)]
        away = {(*runtimes, one): f"containerd:runtimes:{one}, null, takes it away" for one in names}
    there = {path: key for path, key in result.items() if path and at(applied, path) is not None}
    return {**{path: f"so does {key}" for path, key in there.items()}, **away}


def twice(layer, applied, owned):
    """Yield an error for what a layer sets of that which one before it has for itself."""
    for path in leaves(applied):
        for place, words in owned.items():
            if path[: len(place)] == place or place[: len(path)] == path:
                words = f"layer {layer} sets this, and {words}: leave one of both out"
                yield finding(path, words, about="value")


def past_the_files(default, result):
    """Yield an error where containerd would not read the files of pillar ``registries``."""
    path = schema.locate("CRI.registry.config_path", default["version"], default)
    if at(default, path) is not None and at(result, path) != CERTS:
        words = f"the files of containerd:registries are in {CERTS}, and nowhere else: remove this key"
        yield finding(path, words, about="value")
