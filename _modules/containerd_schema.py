"""
What containerd's configuration schemas call each setting: one table, and pure functions over it.

.. versionadded:: 0.1.0

Schema 2 is containerd 1.x, schema 3 is 2.0 to 2.2, schema 4 is 2.3 and later. Data come in and go
out as plain dictionaries; nothing is read from the node. A key of the document is a *path*, the
tuple of its parts; paths in text are TOML's dotted keys.

.. code-block:: bash

    salt '*' containerd_schema.translate '{"grpc": {"gid": 998}}' 4
"""

import copy
import re
from collections.abc import Mapping

from salt.exceptions import SaltInvocationError

_SCHEMAS = (2, 3, 4)
_CONTAINERD = {2: "containerd 1.x", 3: "containerd 2.0 to 2.2", 4: "containerd 2.3 and later"}

# The names that the table uses for plugin ids; each stands for plugins."<id>".
_IDS = {
    "CRI": "io.containerd.grpc.v1.cri",
    "IMG": "io.containerd.cri.v1.images",
    "RT": "io.containerd.cri.v1.runtime",
    "DEBUG": "io.containerd.server.v1.debug",
    "GRPC": "io.containerd.server.v1.grpc",
    "TCP": "io.containerd.server.v1.grpc-tcp",
    "TTRPC": "io.containerd.server.v1.ttrpc",
    "METRICS": "io.containerd.server.v1.metrics",
    "PROMETHEUS": "io.containerd.metrics.v1.grpc-prometheus",
    "RESTART2": "io.containerd.internal.v1.restart",
    "RESTART": "io.containerd.monitor.container.v1.restart",
    "CGROUPS2": "io.containerd.monitor.v1.cgroups",
    "CGROUPS": "io.containerd.monitor.task.v1.cgroups",
    "TASK": "io.containerd.runtime.v2.task",
    "SHIM": "io.containerd.shim.v1.manager",
    "LINUX": "io.containerd.runtime.v1.linux",
    "AUFS": "io.containerd.snapshotter.v1.aufs",
    "GC": "io.containerd.gc.v1.scheduler",
    "BOLT": "io.containerd.metadata.v1.bolt",
    "NRI": "io.containerd.nri.v1.nri",
    "VERIFIER": "io.containerd.image-verifier.v1.bindir",
    "TRANSFER": "io.containerd.transfer.v1.local",
    "OTLP": "io.containerd.tracing.processor.v1.otlp",
    "TRACING": "io.containerd.internal.v1.tracing",
}
# Plugins that a default configuration prints and that no row of the table needs.
_PLUGINS = {
    *_IDS.values(),
    *("io.containerd.differ.v1.erofs", "io.containerd.internal.v1.opt"),
    *("io.containerd.mount-handler.v1.erofs", "io.containerd.service.v1.diff-service"),
    "io.containerd.service.v1.tasks-service",
    *(
        f"io.containerd.snapshotter.v1.{name}"
        for name in ("blockfile", "btrfs", "devmapper", "erofs", "native", "overlayfs", "zfs")
    ),
}
# Plugins that a containerd of 1.4 to 2.3 lists, without settings: no default prints them.
_SILENT = {
    f"io.containerd.{kind}.{name}"
    for kind, names in (
        ("content.v1", "content"),
        ("differ.v1", "walking"),
        ("event.v1", "exchange"),
        ("grpc.v1", "containers content diff events healthcheck images introspection leases mounts "
         "namespaces sandbox-controllers sandboxes snapshots streaming tasks transfer version"),
        ("http.v1", "pprof"),
        ("lease.v1", "manager"),
        ("metrics.v1", "grpc-otel"),
        ("mount-manager.v1", "bolt"),
        ("podsandbox.controller.v1", "podsandbox"),
        ("runtime.v2", "shim"),
        ("sandbox.controller.v1", "local shim"),
        ("sandbox.store.v1", "local"),
        ("service.v1", "containers-service content-service images-service introspection-service "
         "leases-service namespaces-service snapshots-service"),
        ("streaming.v1", "manager"),
        ("ttrpc.v1", "otelttrpc"),
        ("warning.v1", "deprecations"),
    )
    for name in names.split()
}  # fmt: skip
# The options of runc's shim and their types: TOML calls them so, and no default prints them all.
_RUNC_OPTIONS = {
    **dict.fromkeys(("NoNewKeyring", "NoPivotRoot", "SystemdCgroup"), "boolean"),
    **dict.fromkeys(("BinaryName", "CriuImagePath", "CriuPath", "CriuWorkPath", "Root"), "text"),
    **dict.fromkeys(("ShimCgroup", "TaskApiAddress"), "text"),
    **dict.fromkeys(("IoGid", "IoUid", "TaskApiVersion"), "number"),
}

_DURATION = {"kind": "duration"}
_NAME = {"open": "name"}
_OPTIONAL = {"kind": "optional duration"}
_OTEL = {"instead": "use OpenTelemetry's environment variables", "deprecated": ("1.6.29", "2.4")}
# Old tables of a runtime: containerd 1.4 prints neither their annotations nor their options.
_DEFAULT_RUNTIME = {
    "gone": "2.0",
    "instead": "name a runtime of `runtimes` in default_runtime_name",
}
_UNTRUSTED = {"gone": "2.0", "instead": "make it a runtime of `runtimes`, with the name untrusted"}
_HOSTS = {"instead": "use registry.config_path with hosts.toml files"}

# THE TABLE. One row is a path in schema 2, 3 and 4: "=" is the path on its left, "-" is no such
# key, "*" is any one part, "{a b}" is a row for each key ("{}" repeats it). A row covers all that
# lies below its path, and the longest row wins: ("CRI", "RT", "=") moves what no longer row names.
# Facts: kind and choices of the value; open: legal though no default prints it ("name": the path,
# "below": whatever is below it); unprinted: known to a release that does not print it; secret: the
# path and all below; since, gone: the first release that has it, and that has not; deprecated:
# (release, release that removes it); instead: the cure.
_TABLE = (
    # CRI is one plugin in schema 2; since schema 3 it is images, runtime and streaming server.
    ("CRI", "RT", "="),
    ("-", "IMG", "="),
    ("CRI.sandbox_image", "IMG.pinned_images.sandbox", "="),
    ("-", "IMG.{pinned_images.* runtime_platforms runtime_platforms.*}", "=", _NAME),
    ("-", "IMG.runtime_platforms.*.{platform snapshotter}", "=", _NAME),
    ("CRI.{registry image_decryption stats_collect_period}", "IMG.{}", "="),
    ("CRI.{max_concurrent_downloads image_pull_with_sync_fs}", "IMG.{}", "="),
    ("CRI.image_pull_progress_timeout", "IMG.image_pull_progress_timeout", "=", _DURATION),
    ("CRI.image_decryption.key_model", "IMG.image_decryption.key_model", "=",
     {"kind": "enum", "choices": ("", "node")}),
    ("CRI.containerd.{snapshotter disable_snapshot_annotations discard_unpacked_layers}", "IMG.{}",
     "="),
    ("CRI.registry.{mirrors configs}", "IMG.registry.{}", "=",
     {**_HOSTS, "deprecated": ("1.5", "2.4"), "open": "name"}),
    ("CRI.registry.{mirrors.* mirrors.*.endpoint configs.*}", "IMG.registry.{}", "=", _NAME),
    ("CRI.registry.config_path", "IMG.registry.config_path", "=", {"since": "1.5"}),
    ("CRI.registry.configs.*.auth", "IMG.registry.configs.*.auth", "=",
     {"open": "below", "secret": True}),
    ("CRI.registry.configs.*.tls", "-", "=", {**_HOSTS, "gone": "2.0", "open": "below"}),
    ("CRI.registry.auths", "IMG.registry.auths", "=",
     {"deprecated": ("1.3", "2.4"), "instead": "use ImagePullSecrets", "open": "name"}),
    ("CRI.registry.auths.*", "IMG.registry.auths.*", "=", {"open": "below", "secret": True}),
    ("CRI.registry.headers", "IMG.registry.headers", "=", _NAME),
    ("CRI.registry.headers.*", "IMG.registry.headers.*", "=", {"open": "name", "secret": True}),
    # The streaming server keeps its plugin id and its keys.
    ("CRI.{stream_server_address enable_tls_streaming disable_tcp_service}", "=", "="),
    ("CRI.stream_server_port", "=", "=", {"kind": "port"}),
    ("CRI.stream_idle_timeout", "=", "=", _OPTIONAL),
    ("CRI.x509_key_pair_streaming", "=", "="),
    # Runtimes. Every key is named, because no default prints a runtime other than runc.
    ("CRI.containerd.{default_runtime_name runtimes}", "RT.containerd.{}", "="),
    ("CRI.containerd.{ignore_blockio_not_enabled_errors ignore_rdt_not_enabled_errors}",
     "RT.containerd.{}", "="),
    ("CRI.containerd.runtimes.*", "RT.containerd.runtimes.*", "=", _NAME),
    ("CRI.containerd.runtimes.*.{runtime_type runtime_path "
     "privileged_without_host_devices privileged_without_host_devices_all_devices_allowed "
     "base_runtime_spec cni_conf_dir cni_max_conf_num snapshotter}",
     "RT.containerd.runtimes.*.{}", "=", _NAME),
    # containerd 1.4 has these two and prints neither.
    ("CRI.containerd.runtimes.*.{pod_annotations container_annotations}",
     "RT.containerd.runtimes.*.{}", "=", {**_NAME, "unprinted": True}),
    ("CRI.containerd.runtimes.*.sandbox_mode", "RT.containerd.runtimes.*.sandboxer", "=", _NAME),
    ("-", "RT.containerd.runtimes.*.io_type", "=",
     {"open": "name", "since": "2.0", "kind": "enum", "choices": ("", "fifo", "streaming")}),
    ("-", "RT.containerd.runtimes.*.cgroup_writable", "=", {"open": "name", "since": "2.1"}),
    ("-", "RT.containerd.runtimes.*.disable_pause_image_pull", "=",
     {"open": "name", "since": "2.4"}),
    ("CRI.containerd.runtimes.*.options", "RT.containerd.runtimes.*.options", "=",
     {"open": "below"}),
    ("CRI.containerd.runtimes.*.options.CriuPath", "-", "=",
     {"gone": "2.0", "instead": "put the directory of criu into $PATH"}),
    ("CRI.containerd.runtimes.*.runtime_engine", "-", "=",
     {"gone": "2.0", "instead": "use options.BinaryName of the runtime", "open": "name"}),
    ("CRI.containerd.runtimes.*.runtime_root", "-", "=",
     {"gone": "2.0", "instead": "use options.Root of the runtime", "open": "name"}),
    ("CRI.containerd.default_runtime", "-", "=", _DEFAULT_RUNTIME),
    ("CRI.containerd.default_runtime.{pod_annotations container_annotations}", "-", "=",
     {**_DEFAULT_RUNTIME, "open": "name"}),
    ("CRI.containerd.default_runtime.options", "-", "=", {**_DEFAULT_RUNTIME, "open": "below"}),
    ("CRI.containerd.untrusted_workload_runtime", "-", "=", _UNTRUSTED),
    ("CRI.containerd.untrusted_workload_runtime.{pod_annotations container_annotations}", "-", "=",
     {**_UNTRUSTED, "open": "name"}),
    ("CRI.containerd.untrusted_workload_runtime.options", "-", "=",
     {**_UNTRUSTED, "open": "below"}),
    ("CRI.containerd.no_pivot", "-", "=",
     {"gone": "2.0", "instead": "use options.NoPivotRoot of the runtime"}),
    # The rest of the runtime plugin, by name, so that `null` on a whole table can be translated.
    ("CRI.{enable_selinux selinux_category_range max_container_log_line_size disable_apparmor "
     "restrict_oom_score_adj disable_proc_mount unset_seccomp_profile cdi_spec_dirs cni "
     "tolerate_missing_hugetlb_controller disable_hugetlb_controller netns_mounts_under_state_dir "
     "device_ownership_from_security_context ignore_image_defined_volumes "
     "enable_unprivileged_ports enable_unprivileged_icmp ignore_deprecation_warnings}",
     "RT.{}", "="),
    ("CRI.drain_exec_sync_io_timeout", "RT.drain_exec_sync_io_timeout", "=", _OPTIONAL),
    ("CRI.enable_cdi", "RT.enable_cdi", "=",
     {"deprecated": ("2.2", "2.4"), "instead": "remove it: CDI will always be enabled"}),
    ("CRI.cni.ip_pref", "RT.cni.ip_pref", "=",
     {"kind": "enum", "choices": ("", "ipv4", "ipv6", "cni")}),
    # A string before containerd 2.1, the list bin_dirs since: _bin_dirs() chooses.
    ("CRI.cni.bin_dir", "RT.cni.bin_dir", "=",
     {"deprecated": ("2.1", "2.4"), "instead": "use cni.bin_dirs, a list"}),
    ("-", "RT.cni.use_internal_loopback", "=", {"since": "2.0"}),
    ("-", "RT.enable_criu", "=", {"since": "2.2.7"}),
    ("-", "RT.enable_experimental_restore_via_create", "=",
     {"since": "2.2.7", "deprecated": ("2.3", "2.4"), "instead": "remove it: restoring in "
      "CreateContainer is gone"}),
    # IMG.stats_collect_period is in seconds; this one is a duration.
    ("-", "RT.{stats_collect_period stats_retention_period}", "=", {**_OPTIONAL, "since": "2.3"}),
    ("CRI.systemd_cgroup", "-", "=",
     {"gone": "2.0", "instead": "use containerd.runtimes.runc.options.SystemdCgroup"}),
    ("CRI.disable_cgroup", "-", "=",
     {"gone": "2.0", "instead": "use cgroup v2 delegation for a rootless containerd"}),
    # Plugins that were renamed or removed.
    ("RESTART2", "RESTART", "="),
    ("RESTART2.interval", "RESTART.interval", "=", _DURATION),
    ("CGROUPS2", "CGROUPS", "="),
    ("TASK", "=", "="),
    ("-", "SHIM", "="),
    # A boolean before, a variable of the shims' environment since: _sched_core() converts.
    ("TASK.sched_core", "SHIM.env", "="),
    ("LINUX", "-", "=", {"gone": "2.0", "instead": "use the runtime io.containerd.runc.v2"}),
    ("AUFS", "-", "=", {"gone": "2.0", "instead": "use the overlayfs snapshotter"}),
    # Servers are sections up to schema 3 and plugins in schema 4: see _servers() for the rest.
    ("grpc", "=", "GRPC"),
    ("grpc.{address uid gid max_recv_message_size max_send_message_size}", "=", "GRPC.{}"),
    ("-", "=", "TCP"),
    ("-", "=", "TCP.{max_recv_message_size max_send_message_size}",
     {"instead": "grpc.{} is the limit of both servers"}),
    ("grpc.tcp_address", "=", "TCP.address"),
    ("grpc.tcp_{tls_cert tls_key tls_ca tls_common_name}", "=", "TCP.{}"),
    ("ttrpc", "=", "TTRPC"),
    ("-", "=", "DEBUG"),
    ("debug.{address uid gid}", "=", "DEBUG.{}"),
    ("metrics", "=", "METRICS"),
    ("metrics.address", "=", "METRICS.address"),
    ("-", "=", "PROMETHEUS"),
    ("metrics.grpc_histogram", "=", "PROMETHEUS.grpc_histogram"),
    # The same in every schema; here for the facts.
    ("debug.level", "=", "=",
     {"kind": "level", "choices": ("", "panic", "fatal", "error", "warn", "warning", "info",
                                   "debug", "trace")}),
    ("debug.format", "=", "=", {"kind": "format", "choices": ("", "text", "json"), "since": "1.5"}),
    ("debug.log_trace_id", "=", "=", {"since": "2.3"}),
    ("plugin_dir", "=", "-", {"gone": "2.1", "instead": "use proxy_plugins"}),
    ("timeouts.*", "=", "=", {**_DURATION, "open": "name"}),
    ("{proxy_plugins proxy_plugins.*}", "=", "=", _NAME),
    ("proxy_plugins.*.{type address platform capabilities}", "=", "=", _NAME),
    ("proxy_plugins.*.exports", "=", "=", {"open": "below"}),
    # containerd 1.4 prints no imports and no stream_processors.
    ("{imports stream_processors stream_processors.*}", "=", "=", _NAME),
    ("stream_processors.*.{accepts returns path args env}", "=", "=", _NAME),
    ("GC.pause_threshold", "=", "=", {"kind": "float"}),
    ("GC.{schedule_delay startup_delay}", "=", "=", _DURATION),
    ("BOLT.content_sharing_policy", "=", "=", {"kind": "enum", "choices": ("shared", "isolated")}),
    ("NRI.{plugin_registration_timeout plugin_request_timeout}", "=", "=", _DURATION),
    ("VERIFIER.per_verifier_timeout", "=", "=", _DURATION),
    ("TRANSFER.unpack_config", "=", "=", _NAME),
    ("OTLP.{endpoint insecure}", "=", "=", {**_OTEL, "open": "name"}),
    ("OTLP.protocol", "=", "=",
     {**_OTEL, "open": "name", "kind": "enum", "choices": ("", "grpc", "http/protobuf")}),
    ("TRACING.service_name", "=", "=", {**_OTEL, "open": "name"}),
    ("TRACING.sampling_ratio", "=", "=", {**_OTEL, "open": "name", "kind": "float"}),
)  # fmt: skip

_SOCKET = ("address", "uid", "gid")
_LIMITS = ("max_recv_message_size", "max_send_message_size")
_URI_LISTS = (("disabled_plugins",), ("required_plugins",))
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_PART = re.compile(r"""[ \t]*(?:([A-Za-z0-9_-]+)|"((?:[^"\\]|\\.)*)"|'([^']*)')[ \t]*(\.|\Z)""")
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)")
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\"}
_QUOTED = {code: f"\\u{code:04X}" for code in (*range(0x20), 0x7F)}
_QUOTED.update((ord(char), "\\" + name) for name, char in _ESCAPES.items())
_CONTROL_CHAR = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_SECRET_NAME = re.compile(
    r"passw|passphrase|secret|token|credential|authorization|api_?key|private_?key|^pass$", re.IGNORECASE
)
# Whatever stands in these tables of a registry, misspelled or misplaced, may be a credential.
_SECRET_TABLES = {"auths", "configs", "headers"}


def _read_table():
    """Return the rows of the table as ({schema: path or None}, facts)."""
    rows = []
    for *columns, last in (row if isinstance(row[-1], dict) else (*row, {}) for row in _TABLE):
        names = re.search(r"\{(\w.*?)\}", " ".join(columns))
        for name in names[1].split() if names else ("",):
            paths = {}
            for schema, text in zip(_SCHEMAS, columns):
                head, *rest = re.sub(r"\{.*?\}", name, text).split(".")
                path = (*(("plugins", _IDS[head]) if head in _IDS else (head,)), *rest)
                paths[schema] = {"=": paths.get(schema - 1), "-": None}.get(text, path)
            facts = dict(last)
            if "instead" in facts:
                facts["instead"] = facts["instead"].replace("{}", name)
            rows.append((paths, facts))
    return rows


def _trie(schema):
    """Return the rows of one schema as nested dictionaries; Ellipsis stands for any part."""
    root = {}
    for row in _ROWS:
        if row[0][schema]:
            node = root
            for part in row[0][schema]:
                node = node.setdefault(... if part == "*" else part.lower(), {})
            node[None] = row
    return root


_ROWS = _read_table()
_SCHED_CORE = ("plugins", _IDS["TASK"], "sched_core")
_TRIES = {schema: _trie(schema) for schema in _SCHEMAS}


def _walk(path, schema):
    """Return the (depth, row) of each row that covers a path, longest last, and the last nodes."""
    nodes, found = [_TRIES[schema]], []
    for depth, part in enumerate(path, 1):
        # containerd matches keys without regard to case.
        nodes = [node[key] for node in nodes for key in (..., part.lower()) if key in node]
        found += [(depth, node[None]) for node in nodes if None in node]
    return found, nodes


def _row(path, schema):
    """Return the depth and the row that govern a path; 0 and None where the table is silent."""
    return (_walk(path, schema)[0] or [(0, None)])[-1]


def _facts(path, schema):
    """Return the facts of the row that governs a path."""
    row = _row(path, schema)[1]
    return row[1] if row else {}


def _below(path, prefix):
    """Return whether a path of the table lies below another path."""
    return len(path or ()) > len(prefix) and all(
        part in ("*", wanted.lower()) for part, wanted in zip(map(str.lower, path), prefix)
    )


def _move(path, schema, target):
    """Return the path in another schema, None where that has no such key."""
    depth, row = _row(path, schema)
    if row is None:
        return path
    if row[0][target] is None:
        return None
    names = iter([part for part, known in zip(path, row[0][schema]) if known == "*"])
    moved = tuple(next(names) if part == "*" else part for part in row[0][target])
    return moved + path[depth:]


def _cure(path, schema, target):
    """Say what to write in the target schema instead of a key of another one."""
    moved = _move(path, schema, target)
    if moved is not None:
        return f"schema {target} calls it {dotted(moved)}"
    facts = _facts(path, schema)
    if "gone" in facts:
        return f"removed in containerd {facts['gone']}: {facts['instead']}"
    since = f" (it came with containerd {facts['since']})" if "since" in facts else ""
    cure = facts.get("instead", f"remove it for {_CONTAINERD[target]}")
    return f"schema {target} has no such key{since}: {cure}"


def _stray(path, schema):
    """Return what is wrong with a key that the schema does not have, None where all is well."""
    others = [other for other in _SCHEMAS if other != schema]
    best = max(others, key=lambda other: _row(path, other)[0])
    depth, row = _row(path, schema)
    if _row(path, best)[0] > depth and not _walk(path, schema)[1]:
        return _cure(path, best, schema)
    for other in others if row else ():
        # A key that comes back under another name, or not at all, is not a key of this schema.
        there = _move(path, schema, other)
        back = there and _move(there, other, schema)
        if there and [part.lower() for part in back or ()] != [part.lower() for part in path]:
            return _cure(there, other, schema)
    return None


def _homes(path):
    """Return the schemas that a key can belong to."""
    depths = {schema: _row(path, schema)[0] for schema in _SCHEMAS}
    best = max(depths.values())
    tables = {schema for schema in _SCHEMAS if _walk(path, schema)[1]}
    return tables | {schema for schema in depths if 0 < depths[schema] == best} or {*_SCHEMAS}


def _leaves(data, path=()):
    """Yield (path, value) of each value that is no table, and of each empty table."""
    for key, value in data.items():
        if not isinstance(key, str):
            where = f" in {dotted(path)}" if path else ""
            raise SaltInvocationError(f"The key {key!r}{where} is no text: put it in quotes")
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _get(data, path):
    """Return the value at a path, None where there is none."""
    for part in path:
        data = data.get(part) if isinstance(data, Mapping) else None
    return data


def _put(data, path, value):
    """Set the value at a path, unless another value is there."""
    *parents, name = path
    for part in parents:
        data = data.setdefault(part, {}) if isinstance(data, dict) else None
    if not isinstance(data, dict) or data.get(name, value) != value != {}:
        raise ValueError(f"another key sets {dotted(path)}: remove one of the two")
    data.setdefault(name, {} if value == {} else copy.deepcopy(value))


def _finding(path, message, level="error"):
    return {"key": dotted(path), "level": level, "message": f"{dotted(path)}: {message}"}


def _lost(path, value, message, found):
    """Add the finding that a key has no place in a schema, once for a table that is gone."""
    gone = [depth for depth, row in _walk(path, 2)[0] if "gone" in row[1]]
    path = path[: gone[0]] if gone else path
    # To remove a key, or to have an empty table, is no loss where the schema has no such key.
    # So does a key that is gone and says nothing: other tools write runtime_engine = "".
    nothing = value is None or value == {} or ("gone" in _facts(path, 2) and value in ("", 0, False, []))
    level = "warning" if nothing else "error"
    finding = _finding(path, message, level)
    known = {other["key"] for other in found if other["level"] in (level, "error")}
    if finding["key"] not in known:
        found.append(finding)


def _checked(data, name):
    if not isinstance(data, Mapping):
        raise SaltInvocationError(f"{name} must be a mapping, not {type(data).__name__}")
    return data


def _schema(version):
    if type(version) is not int or version not in _SCHEMAS:
        raise SaltInvocationError(
            f"version: {version!r} is not a schema that can be translated: write 2, 3 or 4 (in "
            'schema 1, write full plugin ids, plugins."io.containerd.grpc.v1.cri" for plugins.cri, '
            "and version: 2)"
        )
    return version


def _path(path):
    return parse_key(path) if isinstance(path, str) else tuple(path)


def _exact(path):
    """Return the facts of a setting itself, not of a table above it."""
    path, facts = _path(path), {}
    for schema in _SCHEMAS:
        depth, row = _row(path, schema)
        facts.update(row[1] if row and depth == len(path) else {})
    return facts


def _unescape(match):
    name = match[1]
    code = int(name[1:], 16) if len(name) > 1 else None
    if code is None and name in _ESCAPES:
        return _ESCAPES[name]
    if code is None or code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise SaltInvocationError(f"{match[0]} is no escape of TOML: double the backslash")
    return chr(code)


def _plugin(uri, schema, target):
    """Return the id of a plugin in another schema, None where that has no such plugin."""
    if uri == _IDS["CRI"]:
        # Disabling this one disables CRI in every release, and requiring it requires CRI.
        return uri
    moved = _move(("plugins", uri), schema, target)
    return moved[1] if moved and len(moved) == 2 and moved[1] != _IDS["CRI"] else None


def _plugins(path, uris, source, version):
    """Return a list of plugin ids in another schema."""
    known = []
    for uri in uris:
        if "." not in uri:
            raise ValueError(f"{uri!r} is no plugin id: write io.containerd.<type>.<version>.{uri}")
        moved = _plugin(uri, source, version)
        if moved is None and "gone" in _facts(("plugins", uri), 2) and path == _URI_LISTS[0]:
            # It is as disabled as can be, and containerd ignores ids that it does not know.
            moved = uri
        if moved is None:
            raise ValueError(
                f"schema {version} has no plugin {uri}: write {_IDS['CRI']} for CRI, or remove it"
            )
        known.append(moved)
    return known


def _removals(path, source, version):
    """Return the paths to remove in another schema where `path` is removed in this one."""
    if path == ("plugins",) and source != version:
        raise SaltInvocationError("plugins: null removes every setting: name the plugins")
    whole = _move(path, source, version)
    rows = [row for row, _ in _ROWS if _below(row[source], path) and row[version]]
    foreign = any(
        _below(row[version], whole) and row[source] and not _below(row[source], path)
        for row, _ in _ROWS
        if whole
    )
    # A table that also holds the keys of others is not removed whole, but key by key.
    moved = [] if foreign or not whole else [whole]
    for row in rows:
        if "*" not in row[version] and not any(_below(row[version], done) for done in moved):
            moved.append(row[version])
    return moved


def _targets(path, value, source, version):
    """Return the paths at which a value of the fragment is set in another schema."""
    if value is None:
        return _removals(path, source, version)
    moved = _move(path, source, version)
    return [moved] if moved else []


def _twin(fragment, path, value):
    """Return whether this is schema 4's second copy of the one limit of earlier schemas."""
    limit = path[:1] + (_IDS["GRPC"],) + path[2:]
    return path[1:2] == (_IDS["TCP"],) and _get(fragment, limit) == value is not None


def _sched_core(value, version, base):
    """Convert between the boolean sched_core and the shims' environment."""
    setting = "SCHED_CORE=1"
    if version == 2:
        if value not in ([], [setting]):
            raise ValueError(f"schema 2 can only express {setting}: remove the others")
        return bool(value)
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} must be true or false")
    env = _get(base, ("plugins", _IDS["SHIM"], "env")) or []
    others = [item for item in env if not str(item).startswith("SCHED_CORE=")]
    return [*others, setting] if value else others


def _value(path, value, source, version, base):
    """Return a value as the target schema writes it."""
    if path in _URI_LISTS and isinstance(value, (list, tuple)):
        # Values that are no text are for the check of types.
        return _plugins(path, value, source, version) if all(map(_is_text, value)) else value
    row = _row(path, source)[1]
    converts = row and row[0][2] == _SCHED_CORE and (source == 2) != (version == 2)
    return _sched_core(value, version, base) if converts and value is not None else value


def _is_text(value):
    return isinstance(value, str)


def _bin_dirs(result, source, version, base):
    """Name the CNI directory as the target does: cni.bin_dirs where its default has that."""
    table = ("plugins", _IDS["CRI" if version == 2 else "RT"], "cni")
    cni, default = _get(result, table), _get(base, table)
    many = version > 2 and (not default or "bin_dirs" in default)
    old, new = ("bin_dir", "bin_dirs") if many else ("bin_dirs", "bin_dir")
    # An empty bin_dir beside bin_dirs is what the default of schema 3 and 4 itself says.
    if not isinstance(cni, dict) or old not in cni or (many and source > 2 and not cni[old]):
        return
    value = cni[old]
    others = {new if key == old else key: item for key, item in cni.items() if key != new}
    taken = cni.get(new)
    del cni[old]
    if taken:
        raise ValueError(f"{new} is set as well: remove one of the two")
    if many and isinstance(value, str):
        value = [value] if value else []
    elif not many and isinstance(value, (list, tuple)):
        if len(value) > 1:
            raise ValueError("containerd before 2.1 has one CNI directory: give one")
        value = value[0] if value else ""
    # In the place of the old key.
    cni.clear()
    cni.update({**others, new: value})


def _servers(result):
    """Write out for schema 4 what earlier daemons derived from the [grpc] section."""
    plugins = result.get("plugins") or {}
    # A table that is removed goes back to its defaults, key by key.
    grpc, tcp, ttrpc = (plugins.get(_IDS[name], {}) for name in ("GRPC", "TCP", "TTRPC"))
    grpc = dict.fromkeys((*_SOCKET, *_LIMITS)) if grpc is None else grpc
    ttrpc = {} if ttrpc is None else ttrpc
    if not all(isinstance(table, dict) for table in (grpc, tcp, ttrpc)):
        return
    for table, key in ((grpc, "address"), *((grpc, key) for key in _LIMITS), (ttrpc, "address")):
        if table.get(key) in ("", 0):
            # Empty meant the default; in schema 4 it means no socket, or gRPC's own limit.
            table[key] = None
    tcp.update((key, grpc[key]) for key in _LIMITS if key in grpc)
    if not ttrpc.get("address"):
        derived = {key: grpc[key] for key in _SOCKET if key in grpc and not ttrpc.get(key)}
        if isinstance(derived.get("address"), str):
            derived["address"] += ".ttrpc"
        ttrpc.update(derived)
    plugins.update({_IDS[name]: table for name, table in (("TCP", tcp), ("TTRPC", ttrpc)) if table})


def version_of(fragment):
    """
    Tell in which schema a fragment of config.toml is written.

    Its ``version`` key says so, and every other key must then be one of that schema; without it,
    the plugin ids and sections tell. The lowest schema is returned where several have all keys.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_schema.version_of '{"grpc": {"gid": 998}}'

    fragment
        the fragment, a mapping

    :return: 2, 3 or 4, or None where nothing tells, because the keys are the same in every schema.

    :raises SaltInvocationError: two schemas are mixed, and for schema 1.
    """
    homes, witness = {*_SCHEMAS}, {}
    if _checked(fragment, "fragment").get("version") is not None:
        homes = {_schema(fragment["version"])}
        witness = dict.fromkeys(set(_SCHEMAS) - homes, f"version: {fragment['version']}")
    for path, value in _leaves(fragment):
        evidence = [(dotted(path), path)]
        if path[0] == "plugins" and len(path) > 1 and "." not in path[1]:
            raise SaltInvocationError(
                f"{dotted(path)} has a short plugin id, as in schema 1: write the full id, "
                'plugins."io.containerd.grpc.v1.cri" for plugins.cri'
            )
        if path in _URI_LISTS and isinstance(value, (list, tuple)):
            # The id of a plugin that is gone tells nothing: such lists outlive the plugins.
            evidence = [
                (f"{path[0]}: {uri}", ("plugins", uri))
                for uri in value
                if isinstance(uri, str) and "gone" not in _facts(("plugins", uri), 2)
            ]
        for name, key in evidence:
            key_homes = _homes(key)
            if not homes & key_homes:
                other = next(witness[schema] for schema in sorted(key_homes))
                schemas = " and ".join(str(schema) for schema in sorted(key_homes))
                cure = _cure(key, min(key_homes), min(homes))
                raise SaltInvocationError(
                    f"Two schemas are mixed: {other} is of schema {min(homes)}, {name} of schema "
                    f"{schemas}: {cure}"
                )
            for schema in homes - key_homes:
                witness[schema] = name
            homes &= key_homes
    return min(homes) if len(homes) < len(_SCHEMAS) else None


def translate(fragment, version, base=None, findings=False):
    """
    Translate a fragment of config.toml to another schema.

    ``null`` values, which remove a key when the fragment is merged, become ``null`` at the key's
    new path. Keys that the table does not know stay where they are. Keys that it names come out
    in containerd's spelling, in the order of the fragment. The ``version`` key of the result is
    the target's where the fragment has one, and absent otherwise: the document has its own.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_schema.translate '{"grpc": {"gid": 998}}' 4

    fragment
        the fragment, a mapping; it is not changed

    version
        the schema to translate to: 2, 3 or 4

    base : ``None``
        the target's default configuration; it decides what one schema calls by two names in its
        releases (``cni.bin_dir`` in 2.0, ``cni.bin_dirs`` since 2.1). Without it, the newest
        release of the schema is meant.

    findings : ``False``
        return what cannot be expressed as findings rather than raise

    :return: the translated fragment, or with ``findings`` a mapping of ``fragment`` (what could be
        translated) and ``findings`` (a list of mappings of ``key``, ``level`` and ``message``; ``value``
        is true where the key is right and its value cannot be expressed). A warning is about a ``null``
        or an empty value whose key the target does not have anyway.

    :raises SaltInvocationError: it names every key which the target cannot express, with what
    replaced it, and for mixed schemas.
    """
    _schema(version)
    source = version_of(fragment) or version
    default = _checked({} if base is None else base, "base")
    result, found = {}, []
    for path, value in _leaves(fragment):
        if path == ("version",):
            result["version"] = version
            continue
        trouble = _stray(path, source)
        targets = [] if trouble else _targets(path, value, source, version)
        if not targets and not _twin(fragment, path, value):
            _lost(path, value, trouble or _cure(path, source, version), found)
        try:
            value = _value(path, value, source, version, default)
            for target in targets:
                _put(result, target, value)
        except ValueError as err:
            found.append({**_finding(path, str(err)), "value": True})
    try:
        _bin_dirs(result, source, version, default)
    except ValueError as err:
        found.append({**_finding(("plugins", _IDS["RT"], "cni", "bin_dirs"), str(err)), "value": True})
    if version == 4 and source < 4:
        _servers(result)
    if findings:
        return {"fragment": result, "findings": found}
    errors = [finding["message"] for finding in found if finding["level"] == "error"]
    if errors:
        raise SaltInvocationError(f"Not for schema {version} ({_CONTAINERD[version]}): " + "; ".join(errors))
    return result


def removed(data, version):
    """
    Tell which keys of a configuration a schema does not have.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_schema.removed '{"metrics": {"address": ":1338"}}' 4

    data
        the configuration, or a fragment of it: a mapping

    version
        the schema that it is written for: 2, 3 or 4

    :return: a list of findings, mappings of ``key`` (dotted), ``level`` ("error", or "warning" for
    a ``null`` or an empty table) and ``message`` (the key and what replaced it).

    :raises SaltInvocationError: a schema that is not known.
    """
    _schema(version)
    found = []
    for path, value in _leaves(_checked(data, "data")):
        trouble = _stray(path, version)
        if trouble:
            _lost(path, value, trouble, found)
    return found


def deprecated(data, version=None):
    """
    Tell which keys of a fragment a coming containerd removes.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_schema.deprecated '{"plugin_dir": "/opt/plugins"}'

    data
        the fragment, a mapping; not the whole document, whose defaults name such keys as well

    version : ``None``
        the schema that it is written for, where that is known; else the keys tell

    :return: a list of findings, mappings of ``key`` (dotted), ``level`` ("warning") and ``message``
    (the key, the release that removes it and what replaces it).

    :raises SaltInvocationError: mixed schemas.
    """
    schema = _schema(version) if version else version_of(data) or _SCHEMAS[-1]
    found = []
    for path, value in _leaves(data):
        facts = {}
        for _, row in _walk(path, schema)[0]:
            facts = row[1] if {"gone", "deprecated"} & set(row[1]) else facts
        since, goes = facts.get("deprecated", ("1.0", facts.get("gone")))
        # The releases that read schema 2 as it is know nothing of what 2.x deprecates.
        if goes and value not in (None, "", [], {}) and (schema > 2 or since.startswith("1.")):
            message = f"containerd {goes} removes it: {facts['instead']}"
            found.append(_finding(path, message, "warning"))
    return found


def is_free_form(path):
    """
    Tell whether a key is legal although no default configuration prints it.

    That is so in tables whose keys are names (runtimes, timeouts, registry hosts), for the known
    keys of each such name, and below free maps (a runtime's options, plugins that are not
    containerd's own).

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_schema.is_free_form timeouts.x

    path
        the key, as a list of its parts or as dotted text

    :return: True or False.

    :raises SaltInvocationError: text that is no key.
    """
    path = _path(path)
    if path[:1] == ("plugins",) and len(path) > 1 and path[1] not in _PLUGINS:
        return True
    return any(
        (row[1].get("open") == "name" and depth == len(path))
        or (row[1].get("open") == "below" and depth <= len(path))
        for schema in _SCHEMAS
        for depth, row in _walk(path, schema)[0]
    )


def is_secret(path):
    """
    Tell whether a key's value must not be shown.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_schema.is_secret 'plugins.x.password'

    path
        the key, as a list of its parts or as dotted text; a table that merely contains secrets
        is none: ask for its keys

    :return: True for registry credentials and headers, and for keys named like a password, token,
    secret or credential in any plugin's table, else False.

    :raises SaltInvocationError: text that is no key.
    """
    path = _path(path)
    names = path[2:] if path[:1] == ("plugins",) else path
    # Names with dots are those of hosts and plugins.
    words = [name for name in names if "." not in name and path[0] != "timeouts"]
    if any(_SECRET_NAME.search(word) for word in words):
        return True
    if "registry" in names[:-1] and "tls" not in names:
        return names[names.index("registry") + 1] in _SECRET_TABLES
    return any("secret" in row[1] for schema in _SCHEMAS for _, row in _walk(path, schema)[0])


def kind(path):
    """
    Tell what a key's value means, where its type alone does not.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_schema.kind debug.level

    path
        the key, as a list of its parts or as dotted text

    :return: "duration" (Go's, not empty), "optional duration" (or the empty text), "level",
    "format", "enum" (see :py:func:`choices` for these three), "float", "port" (a number, written
    as text), or None.

    :raises SaltInvocationError: text that is no key.
    """
    return _exact(path).get("kind")


def choices(path):
    """
    Tell the legal values of a key that has only a few.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_schema.choices debug.level

    path
        the key, as a list of its parts or as dotted text

    :return: the values as a list, or None where any value of the type is legal.

    :raises SaltInvocationError: text that is no key.
    """
    values = _exact(path).get("choices")
    return list(values) if values else None


def facts(path):
    """
    Return what the table says of a setting itself: its facts.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_schema.facts debug.log_trace_id

    path
        the key, as a list of its parts or as dotted text

    :return: a mapping, such as ``{"since": "2.3"}``; empty where the table does not name the key.

    :raises SaltInvocationError: text that is no key.
    """
    return copy.deepcopy(_exact(path))


def locate(path, version):
    """
    Return what a schema calls a setting that is named as in schema 2.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_schema.locate grpc.address 4

    path
        the key in schema 2, as a list of its parts or as dotted text

    version
        the schema: 2, 3 or 4

    :return: the parts, a tuple, or None where the schema has no such key.

    :raises SaltInvocationError: text that is no key, and for a schema that is not known.
    """
    return _move(_path(path), 2, _schema(version))


def plugins():
    """
    Return the ids of containerd's own plugins: of every release, with and without settings.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_schema.plugins

    :return: a mapping, id to whether the plugin has settings.
    """
    return {**dict.fromkeys(sorted(_SILENT), False), **dict.fromkeys(sorted(_PLUGINS), True)}


def cri_plugins():
    """
    Return the plugins that serve CRI.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_schema.cri_plugins

    :return: a list of ids. Every release has the first; 2.0 split the others off it.
    """
    return [_IDS["CRI"], _IDS["IMG"], _IDS["RT"]]


def runc_options():
    """
    Return the options of a runtime of type io.containerd.runc.v2.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_schema.runc_options

    :return: a mapping, name to type: "boolean", "number" (not negative) or "text".
    """
    return dict(_RUNC_OPTIONS)


def settings():
    """
    Return the table: what each setting is called in each schema.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_schema.settings

    :return: a list of mappings: ``paths`` (schema to list of parts, or to None where that schema
    has no such key; "*" is any one part, and a row covers what lies below it) and ``facts``.
    """
    return [
        {
            "paths": {schema: path and list(path) for schema, path in paths.items()},
            "facts": copy.deepcopy(facts),
        }
        for paths, facts in _ROWS
    ]


def dotted(path):
    """
    Write a path as TOML writes the key, with quotes where a part needs them.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_schema.dotted '["timeouts", "io.containerd.timeout.x"]'

    path
        the parts, a list

    :return: the key as text; :py:func:`parse_key` reads it back.
    """
    return ".".join(part if _BARE.fullmatch(part) else '"' + part.translate(_QUOTED) + '"' for part in path)


def parse_key(text):
    """
    Read a TOML key, bare or quoted or dotted.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_schema.parse_key 'timeouts."io.containerd.timeout.x"'

    text
        the key

    :return: the parts, a tuple.

    :raises SaltInvocationError: text that is no TOML key.
    """
    if not isinstance(text, str):
        raise SaltInvocationError(f"The key {text!r} is no text: put it in quotes")
    parts, position, more = [], 0, True
    while more:
        match = _PART.match(text, position)
        if not match or _CONTROL_CHAR.search(match[0]):
            raise SaltInvocationError(
                f"{text!r} is no TOML key from character {position + 1} on: put parts other than "
                'A-Z a-z 0-9 _ - in double quotes, as in plugins."io.containerd.grpc.v1.cri"'
            )
        bare, basic, literal, more = match.groups()
        parts.append(_ESCAPE.sub(_unescape, basic) if basic is not None else literal or bare or "")
        position = match.end()
    return tuple(parts)
