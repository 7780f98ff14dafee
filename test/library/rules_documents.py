"""
What the tests of the rules share: a small default of each schema, and the cases of one rule.
"""

import copy

import pytest
from containerd_formula import rules, toml
from containerd_formula.data import put
from containerd_formula.findings import errors
from containerd_formula.rules.context import Node

CRI = 'plugins."io.containerd.grpc.v1.cri"'
IMG = 'plugins."io.containerd.cri.v1.images"'
RT = 'plugins."io.containerd.cri.v1.runtime"'
GRPC = 'plugins."io.containerd.server.v1.grpc"'
TCP = 'plugins."io.containerd.server.v1.grpc-tcp"'
METRICS = 'plugins."io.containerd.server.v1.metrics"'
OVERLAYFS = 'plugins."io.containerd.snapshotter.v1.overlayfs"'
NATIVE = 'plugins."io.containerd.snapshotter.v1.native"'
GC = 'plugins."io.containerd.gc.v1.scheduler"'
SHIM_LOAD = 'timeouts."io.containerd.timeout.shim.load"'
RUNC2 = f"{CRI}.containerd.runtimes.runc"
RUNC = f"{RT}.containerd.runtimes.runc"
CRUN2 = f"{CRI}.containerd.runtimes.crun"
CRUN = f"{RT}.containerd.runtimes.crun"
RUNC_TYPE = "io.containerd.runc.v2"
KATA_TYPE = "io.containerd.kata.v2"

ALL, NEW = (2, 3, 4), (3, 4)
# One file, and no cgroup v2.
NODE = Node(is_file=lambda path: path == "/etc/containerd/here.toml", cgroup_v2=False)


def tree(pairs):
    """Build a document from (dotted key, value) pairs."""
    data = {}
    for key, value in pairs:
        put(data, toml.key(key), value)
    return data


def merged(base, overrides):
    """Merge as RFC 7396 does."""
    result = copy.deepcopy(base)
    for key, value in overrides.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            table = result.get(key)
            result[key] = merged(table if isinstance(table, dict) else {}, value)
        else:
            result[key] = value
    return result


TOP = [
    *(("root", "/var/lib/containerd"), ("state", "/run/containerd"), ("oom_score", 0)),
    *(("disabled_plugins", []), ("required_plugins", []), ("imports", [])),
    *(("debug.level", ""), ("debug.format", ""), (SHIM_LOAD, "5s")),
    *((f"{GC}.startup_delay", "100ms"), (f"{GC}.pause_threshold", 0.02)),
    *((f"{CRI}.stream_server_port", "0"), (f"{CRI}.stream_idle_timeout", "4h0m0s")),
    *((f"{OVERLAYFS}.root_path", ""), (f"{NATIVE}.root_path", "")),
]
RUNTIME = [
    *(("runtime_type", RUNC_TYPE), ("base_runtime_spec", ""), ("snapshotter", "")),
    ("privileged_without_host_devices", False),
    ("privileged_without_host_devices_all_devices_allowed", False),
]
SOCKET = "/run/containerd/containerd.sock"
SERVERS = [("grpc.address", SOCKET), ("grpc.tcp_address", ""), ("metrics.address", "")]
SPLIT = [
    *((f"{IMG}.snapshotter", "overlayfs"), (f"{IMG}.max_concurrent_downloads", 3)),
    *((f"{IMG}.image_pull_progress_timeout", "5m0s"), (f"{IMG}.use_local_image_pull", False)),
    *((f"{IMG}.registry.config_path", ""), (f"{IMG}.pinned_images.sandbox", "pause")),
    (f"{RT}.containerd.default_runtime_name", "runc"),
    *((f"{RUNC}.{key}", value) for key, value in RUNTIME),
    *((f"{RUNC}.cgroup_writable", False), (f"{RUNC}.io_type", ""), (f"{RUNC}.options.SystemdCgroup", False)),
    *((f"{RT}.cni.bin_dir", ""), (f"{RT}.cni.bin_dirs", ["/opt/cni/bin"]), (f"{RT}.enable_selinux", False)),
]
ONE_CRI = [
    *((f"{CRI}.sandbox_image", "pause"), (f"{CRI}.systemd_cgroup", False), (f"{CRI}.enable_selinux", False)),
    *((f"{CRI}.image_pull_progress_timeout", "5m0s"), (f"{CRI}.max_concurrent_downloads", 3)),
    *((f"{CRI}.registry.config_path", ""), (f"{CRI}.registry.mirrors", {})),
    (f"{CRI}.cni.bin_dir", "/opt/cni/bin"),
    *((f"{CRI}.containerd.snapshotter", "overlayfs"), (f"{CRI}.containerd.default_runtime_name", "runc")),
    *((f"{RUNC2}.{key}", value) for key, value in RUNTIME),
    *((f"{RUNC2}.runtime_engine", ""), (f"{RUNC2}.options.SystemdCgroup", False), ("plugin_dir", "")),
]
PLUGIN_SERVERS = [(f"{GRPC}.address", SOCKET), (f"{TCP}.address", ""), (f"{METRICS}.address", "")]
BASES = {
    2: tree([("version", 2), *TOP, *SERVERS, *ONE_CRI]),
    3: tree([("version", 3), *TOP, *SERVERS, *SPLIT]),
    4: tree([("version", 4), *TOP, *SPLIT, *PLUGIN_SERVERS]),
}


def found(version, pairs, base=None, node=NODE, **options):
    """Return what the rules find; they change nothing that they are given."""
    base = base or BASES[version]
    overrides = tree(pairs)
    before = copy.deepcopy((base, overrides))
    findings = rules.findings(base, overrides, merged(base, overrides), node=node, **options)
    assert (base, overrides) == before
    for finding in findings:
        assert finding.message == f"{finding.key}: {finding.words}"
    return findings


def keys(findings):
    """Return the keys that were found, in their order."""
    return [finding.key for finding in findings]


def cases(versions, bad, words, good, key=None, level="error", also=None):
    """
    Return the cases of one rule: ``bad`` is wrong, ``good`` is its negative twin; ``also`` is set in both.

    Each is a pair of key and value, or a list of pairs; ``key`` is the one that is found, else the first.
    """
    bad, good, also = ([given] if isinstance(given, tuple) else given or [] for given in (bad, good, also))
    key = key or bad[0][0]
    return [
        pytest.param((version, bad, words, good, key, level, also), id=f"{version}-{key}")
        for version in versions
    ]


def prove(version, bad, words, good, key, level, also):
    """Make sure that one rule finds what is wrong, and nothing where it is right."""
    wrong = found(version, [*also, *bad])
    hits = [finding for finding in wrong if finding.key == key and words in finding.message]
    assert len(hits) == 1, wrong
    assert hits[0].level == level
    right = found(version, [*also, *good])
    assert not [finding for finding in right if words in finding.message]
    assert not errors(right)
