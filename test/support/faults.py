"""
Configurations that containerd boots with and serves no CRI, or does not start with at all; no dump shows it.

A release that has not got the key yet would ignore it: then the row begins later.
"""

CRI = "io.containerd.grpc.v1.cri"
RUNTIME = "io.containerd.cri.v1.runtime"


def cri(**settings):
    """
    Return a fragment with settings of CRI, in schema 2.
    """
    return {"version": 2, "plugins": {CRI: settings}}


_BOTH_BIN_DIRS = {"bin_dir": "/a", "bin_dirs": ["/b"]}
_MIRRORS = {"mirrors": {"m.example.org": {"endpoint": ["https://m.example.org"]}}}
_NO_CERTIFICATE = {"tls_cert_file": "/n", "tls_key_file": "/n"}
_NO_SPEC = {"runc": {"base_runtime_spec": "/nope.json"}}
# A name to the first release, the fragment, and what the daemon says.
FAULTS = {
    "default runtime missing": (
        "1.4",
        cri(containerd={"default_runtime_name": "kata"}),
        "default_runtime_name",
    ),
    "bad timeout": ("1.4", {"timeouts": {"io.containerd.timeout.shim.load": "5x"}}, "5x"),
    "unknown snapshotter": ("1.4", cri(containerd={"snapshotter": "nope"}), "nope"),
    "bad stream_idle_timeout": ("1.4", cri(stream_idle_timeout="5hours"), "5hours"),
    "bad image_pull_progress_timeout": ("1.7", cri(image_pull_progress_timeout="5x"), "5x"),
    "bad drain_exec_sync_io_timeout": ("1.7", cri(drain_exec_sync_io_timeout="5x"), "5x"),
    "config_path and mirrors": ("1.5", cri(registry={"config_path": "/x", **_MIRRORS}), "config_path"),
    "base_runtime_spec missing": ("1.5", cri(containerd={"runtimes": _NO_SPEC}), "nope.json"),
    "bin_dir and bin_dirs": ("2.1", {"version": 3, "plugins": {RUNTIME: {"cni": _BOTH_BIN_DIRS}}}, "bin_dir"),
    "certificate missing": (
        "1.4",
        cri(enable_tls_streaming=True, x509_key_pair_streaming=_NO_CERTIFICATE),
        "x509",
    ),
    "bad log level": ("1.4", {"debug": {"level": "loud"}}, "loud"),
    "bad log format": ("1.5", {"debug": {"format": "xml"}}, "xml"),
    "bad metrics address": ("1.4", {"version": 2, "metrics": {"address": "nonsense"}}, "nonsense"),
    "root is state": ("1.4", {"root": "/run/containerd"}, "root and state"),
    "required plugin missing": (
        "1.4",
        {"required_plugins": ["io.containerd.x.v1.y"]},
        "io.containerd.x.v1.y",
    ),
}


def known_to(release):
    """
    Return the rows of which a release has the key.
    """
    return {name: row for name, row in FAULTS.items() if _numbers(row[0]) <= _numbers(release)}


def _numbers(text):
    return tuple(int(part) for part in text.split("."))
