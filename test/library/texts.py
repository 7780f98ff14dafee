"""
What the tests of the schemas share: settings by their dotted keys, and a fragment's translation.
"""

from containerd_formula.data import put, walk
from containerd_formula.findings import errors
from containerd_formula.paths import dotted
from containerd_formula.toml import key
from containerd_formula.translation import translate

CRI = 'plugins."io.containerd.grpc.v1.cri"'
IMG = 'plugins."io.containerd.cri.v1.images"'
RT = 'plugins."io.containerd.cri.v1.runtime"'
SERVER = 'plugins."io.containerd.server.v1'
PROMETHEUS = 'plugins."io.containerd.metrics.v1.grpc-prometheus"'
TASK = 'plugins."io.containerd.runtime.v2.task"'
SHIM = 'plugins."io.containerd.shim.v1.manager"'


def fragment(settings):
    """Build a fragment from {dotted key: value}."""
    data = {}
    for text, value in settings.items():
        put(data, key(text), value)
    return data


def flat(data):
    """Return a fragment as {dotted key: value}."""
    return {dotted(path): value for path, value in walk(data)}


def translated(settings, version, base=None):
    """Return the translation of settings that the schema can express."""
    made = translate(fragment(settings), version, base)
    assert errors(made.findings) == []
    return flat(made.fragment)


def refusals(settings, version, base=None):
    """Return what is said of settings that the schema cannot express."""
    said = errors(translate(fragment(settings), version, base).findings)
    assert said
    return "\n".join(said)
