"""
The table, as data: what containerd's configuration schemas call each setting, and facts about it.

Schema 2 is containerd 1.x, schema 3 is 2.0 to 2.2, schema 4 is 2.3 and later.
"""

import re

from containerd_formula.data import table

SCHEMAS = (2, 3, 4)
CONTAINERD = {2: "containerd 1.x", 3: "containerd 2.0 to 2.2", 4: "containerd 2.3 and later"}

# The names that the table uses for plugin ids; each stands for plugins."<id>". An id that a release changes
# within a schema becomes "new | old": the default of the binary decides.
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
    **{
        name.upper(): f"io.containerd.snapshotter.v1.{name}"
        for name in ("blockfile", "btrfs", "devmapper", "erofs", "native", "overlayfs", "zfs")
    },
    "GC": "io.containerd.gc.v1.scheduler",
    "BOLT": "io.containerd.metadata.v1.bolt",
    "NRI": "io.containerd.nri.v1.nri",
    "OPT": "io.containerd.internal.v1.opt",
    "VERIFIER": "io.containerd.image-verifier.v1.bindir",
    "TASKS": "io.containerd.service.v1.tasks-service",
    "TRANSFER": "io.containerd.transfer.v1.local",
    "OTLP": "io.containerd.tracing.processor.v1.otlp",
    "TRACING": "io.containerd.internal.v1.tracing",
}
_ALL_IDS = {name: tuple(ids.split(" | ")) for name, ids in _IDS.items()}
IDS = {name: ids[0] for name, ids in _ALL_IDS.items()}
# Plugins that have settings: those above, and those that a default prints and that no row needs.
PLUGINS = {
    *(plugin for ids in _ALL_IDS.values() for plugin in ids),
    *("io.containerd.differ.v1.erofs", "io.containerd.mount-handler.v1.erofs"),
    "io.containerd.service.v1.diff-service",
}
# Plugins that a containerd of 1.4 to 2.3 lists, without settings: no default prints them.
SILENT = {
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
# The options of runc's shim, by their names in TOML, and their types; no default prints them all.
RUNC_OPTIONS = {
    **dict.fromkeys(("NoNewKeyring", "NoPivotRoot", "SystemdCgroup"), "boolean"),
    **dict.fromkeys(("BinaryName", "CriuImagePath", "CriuPath", "CriuWorkPath", "Root"), "text"),
    **dict.fromkeys(("ShimCgroup", "TaskApiAddress"), "text"),
    **dict.fromkeys(("IoGid", "IoUid", "TaskApiVersion"), "number"),
}

_DURATION = {"kind": "duration"}
_NAME = {"open": "name"}
_TEXT, _TEXTS = {"open": "name", "type": "text"}, {"open": "name", "type": "texts"}
_OPTIONAL = {"kind": "optional duration"}
_PROGRAM, _FOLDER, _PATH, _SOCKET = ({"kind": kind} for kind in ("program", "folder", "path", "socket"))
# Whoever can write there decides which registry serves an image.
_FOLDERS = {"kind": "folders"}
_OTEL = {"instead": "use OpenTelemetry's environment variables", "deprecated": ("1.6.29", "2.4")}
# Old tables of a runtime: containerd 1.4 prints neither their annotations nor their options.
_DEFAULT_RUNTIME = {"gone": "2.0", "instead": "name a runtime of `runtimes` in default_runtime_name"}
_UNTRUSTED = {"gone": "2.0", "instead": "make it a runtime of `runtimes`, with the name untrusted"}
_LINUX = {"gone": "2.0", "instead": "use the runtime io.containerd.runc.v2"}
_AUFS = {"gone": "2.0", "instead": "use the overlayfs snapshotter"}
_HOSTS = {"instead": "use registry.config_path with hosts.toml files"}
_PULL_SECRETS = {
    "instead": "hosts.toml has no credentials: use imagePullSecrets, a credential provider of the kubelet, "
    "or an Authorization header in hosts.toml (where the registry gives tokens, from containerd 2.1 on)"
}

# THE TABLE. One row is a path in schema 2, 3 and 4: "=" is the path on its left, "-" is no such key, "*" is
# any one part, "{a b}" is a row for each key ("{}" repeats it), "b | a" are names of which a release has one,
# first the one to use: the default of the binary decides. A row covers all that lies below its path, and the
# longest row wins: ("CRI", "RT", "=") moves what no longer row names.
# Facts: type (if no default shows it), kind and choices of the value; otherwise: what happens with another
# value, if containerd accepts one; open: legal though no default prints it ("name": the path, "below":
# anything below it); unprinted: a release knows it and does not print it; since, gone: the first release that
# has it, and the first that lacks it; deprecated: (release, release that removes it), for every name but the
# first; instead: the cure; list: (the name that holds a list, which releases take a single value); never: why
# no site may set it.
_TABLE = (
    # CRI is one plugin in schema 2; since schema 3 it is images, runtime and streaming server.
    ("CRI", "RT", "="),
    ("-", "IMG", "="),
    ("CRI.sandbox_image", "IMG.pinned_images.sandbox", "="),
    ("-", "IMG.{runtime_platforms runtime_platforms.*}", "=", _NAME),
    ("-", "IMG.{pinned_images.* runtime_platforms.*.platform runtime_platforms.*.snapshotter}", "=", _TEXT),
    ("-", "IMG.{use_local_image_pull concurrent_layer_fetch_buffer}", "=", {"since": "2.1"}),
    ("CRI.{registry image_decryption stats_collect_period max_concurrent_downloads}", "IMG.{}", "="),
    ("CRI.image_pull_with_sync_fs", "IMG.image_pull_with_sync_fs", "=", {"since": "1.7.14"}),
    ("CRI.image_pull_progress_timeout", "IMG.image_pull_progress_timeout", "=",
     {**_DURATION, "since": "1.7"}),
    ("CRI.image_decryption.key_model", "IMG.image_decryption.key_model", "=",
     {"kind": "enum", "choices": ("", "node"), "otherwise": "containerd takes it, and decrypts no image"}),
    ("CRI.containerd.{snapshotter disable_snapshot_annotations discard_unpacked_layers}", "IMG.{}", "="),
    ("CRI.registry.{mirrors configs}", "IMG.registry.{}", "=",
     {**_HOSTS, "deprecated": ("1.5", "2.4"), "open": "name"}),
    ("CRI.registry.{mirrors.* configs.*}", "IMG.registry.{}", "=", _NAME),
    ("CRI.registry.mirrors.*.endpoint", "IMG.registry.mirrors.*.endpoint", "=", _TEXTS),
    ("CRI.registry.config_path", "IMG.registry.config_path", "=", {**_FOLDERS, "since": "1.5"}),
    ("CRI.registry.configs.*.auth", "IMG.registry.configs.*.auth", "=",
     {**_PULL_SECRETS, "deprecated": ("1.5", "2.4"), "open": "below"}),
    *((f"CRI.registry.{place}.{{username password auth identitytoken}}", f"IMG.registry.{place}.{{}}", "=",
       {"type": "text"}) for place in ("configs.*.auth", "auths.*")),
    ("CRI.registry.configs.*.tls", "-", "=", {**_HOSTS, "gone": "2.0", "open": "below"}),
    ("CRI.registry.configs.*.tls.{ca_file cert_file key_file}", "-", "=",
     {**_HOSTS, **_PATH, "gone": "2.0", "type": "text"}),
    ("CRI.registry.configs.*.tls.insecure_skip_verify", "-", "=",
     {**_HOSTS, "gone": "2.0", "type": "boolean"}),
    ("CRI.registry.auths", "IMG.registry.auths", "=",
     {**_PULL_SECRETS, "deprecated": ("1.3", "2.4"), "open": "name"}),
    ("CRI.registry.auths.*", "IMG.registry.auths.*", "=", {"open": "below"}),
    ("CRI.registry.headers", "IMG.registry.headers", "=", _NAME),
    ("CRI.registry.headers.*", "IMG.registry.headers.*", "=", _TEXTS),
    # The streaming server keeps its plugin id and its keys.
    ("CRI.{stream_server_address enable_tls_streaming disable_tcp_service}", "=", "="),
    ("CRI.stream_server_port", "=", "=", {"kind": "port"}),
    ("CRI.stream_idle_timeout", "=", "=", _OPTIONAL),
    ("CRI.x509_key_pair_streaming", "=", "="),
    ("CRI.x509_key_pair_streaming.{tls_cert_file tls_key_file}", "=", "=", _PATH),
    # Runtimes. Every key is named, because no default prints a runtime other than runc.
    ("CRI.containerd.{default_runtime_name runtimes}", "RT.containerd.{}", "="),
    ("CRI.containerd.ignore_blockio_not_enabled_errors", "RT.containerd.ignore_blockio_not_enabled_errors",
     "=", {"since": "1.7"}),
    ("CRI.containerd.ignore_rdt_not_enabled_errors", "RT.containerd.ignore_rdt_not_enabled_errors", "=",
     {"since": "1.6"}),
    ("CRI.containerd.runtimes.*", "RT.containerd.runtimes.*", "=", _NAME),
    ("CRI.containerd.runtimes.*.runtime_type", "RT.containerd.runtimes.*.runtime_type", "=",
     {**_NAME, **_PROGRAM}),
    ("CRI.containerd.runtimes.*.runtime_path", "RT.containerd.runtimes.*.runtime_path", "=",
     {**_NAME, **_PATH, "since": "1.6"}),
    ("CRI.containerd.runtimes.*.base_runtime_spec", "RT.containerd.runtimes.*.base_runtime_spec", "=",
     {**_NAME, **_PATH}),
    ("CRI.containerd.runtimes.*.cni_conf_dir", "RT.containerd.runtimes.*.cni_conf_dir", "=",
     {**_NAME, **_FOLDER, "since": "1.6"}),
    ("CRI.containerd.runtimes.*.cni_max_conf_num", "RT.containerd.runtimes.*.cni_max_conf_num", "=",
     {**_NAME, "since": "1.6"}),
    ("CRI.containerd.runtimes.*.privileged_without_host_devices",
     "RT.containerd.runtimes.*.privileged_without_host_devices", "=", _NAME),
    ("CRI.containerd.runtimes.*.{privileged_without_host_devices_all_devices_allowed snapshotter}",
     "RT.containerd.runtimes.*.{}", "=", {**_NAME, "since": "1.7"}),
    # containerd 1.4 has these two and prints neither.
    ("CRI.containerd.runtimes.*.{pod_annotations container_annotations}", "RT.containerd.runtimes.*.{}", "=",
     {**_TEXTS, "unprinted": True}),
    ("CRI.containerd.runtimes.*.sandbox_mode", "RT.containerd.runtimes.*.sandboxer", "=",
     {**_NAME, "since": "1.7"}),
    ("-", "RT.containerd.runtimes.*.io_type", "=",
     {"open": "name", "since": "2.0", "kind": "enum", "choices": ("", "fifo", "streaming")}),
    ("-", "RT.containerd.runtimes.*.cgroup_writable", "=", {"open": "name", "since": "2.1"}),
    ("-", "RT.containerd.runtimes.*.disable_pause_image_pull", "=", {"open": "name", "since": "2.4"}),
    ("CRI.containerd.runtimes.*.options", "RT.containerd.runtimes.*.options", "=", {"open": "below"}),
    ("CRI.containerd.runtimes.*.options.BinaryName", "RT.containerd.runtimes.*.options.BinaryName", "=",
     _PROGRAM),
    # The configuration file of kata or runsc, which names programs.
    ("CRI.containerd.runtimes.*.options.{ConfigPath CriuImagePath CriuWorkPath Root}",
     "RT.containerd.runtimes.*.options.{}", "=", _PATH),
    ("CRI.containerd.runtimes.*.options.CriuPath", "-", "=",
     {**_PROGRAM, "gone": "2.0", "instead": "put the directory of criu into $PATH"}),
    ("CRI.containerd.runtimes.*.runtime_engine", "-", "=",
     {**_PROGRAM, "gone": "2.0", "instead": "use options.BinaryName of the runtime", "open": "name"}),
    ("CRI.containerd.runtimes.*.runtime_root", "-", "=",
     {**_PATH, "gone": "2.0", "instead": "use options.Root of the runtime", "open": "name"}),
    ("CRI.containerd.default_runtime", "-", "=", _DEFAULT_RUNTIME),
    ("CRI.containerd.default_runtime.{pod_annotations container_annotations}", "-", "=",
     {**_DEFAULT_RUNTIME, "open": "name"}),
    ("CRI.containerd.default_runtime.options", "-", "=", {**_DEFAULT_RUNTIME, "open": "below"}),
    ("CRI.containerd.untrusted_workload_runtime", "-", "=", _UNTRUSTED),
    ("CRI.containerd.untrusted_workload_runtime.{pod_annotations container_annotations}", "-", "=",
     {**_UNTRUSTED, "open": "name"}),
    ("CRI.containerd.untrusted_workload_runtime.options", "-", "=", {**_UNTRUSTED, "open": "below"}),
    *((f"CRI.containerd.{name}.{{{keys}}}", "-", "=", {**gone, **kind})
      for name, gone in (("default_runtime", _DEFAULT_RUNTIME), ("untrusted_workload_runtime", _UNTRUSTED))
      for keys, kind in (
          ("runtime_type runtime_engine options.BinaryName options.CriuPath", _PROGRAM),
          ("cni_conf_dir", _FOLDER),
          ("runtime_path base_runtime_spec runtime_root options.ConfigPath options.CriuImagePath "
           "options.CriuWorkPath options.Root", _PATH))),
    ("CRI.containerd.no_pivot", "-", "=",
     {"gone": "2.0", "instead": "use options.NoPivotRoot of the runtime"}),
    # The rest of the runtime plugin, by name, so that `null` on a whole table can be translated.
    ("CRI.{enable_selinux selinux_category_range max_container_log_line_size disable_apparmor "
     "restrict_oom_score_adj disable_proc_mount unset_seccomp_profile cni "
     "tolerate_missing_hugetlb_controller disable_hugetlb_controller ignore_image_defined_volumes}",
     "RT.{}", "="),
    ("CRI.netns_mounts_under_state_dir", "RT.netns_mounts_under_state_dir", "=", {"since": "1.5"}),
    ("CRI.{device_ownership_from_security_context enable_unprivileged_ports enable_unprivileged_icmp}",
     "RT.{}", "=", {"since": "1.6"}),
    ("CRI.ignore_deprecation_warnings", "RT.ignore_deprecation_warnings", "=", {"since": "1.6.29"}),
    ("CRI.cni.conf_dir", "RT.cni.conf_dir", "=", _FOLDER),
    ("CRI.cni.conf_template", "RT.cni.conf_template", "=", _PATH),
    ("CRI.cni.setup_serially", "RT.cni.setup_serially", "=", {"since": "1.7"}),
    ("CRI.drain_exec_sync_io_timeout", "RT.drain_exec_sync_io_timeout", "=",
     {**_OPTIONAL, "since": "1.6.29"}),
    ("CRI.cdi_spec_dirs", "RT.cdi_spec_dirs", "=", {**_FOLDER, "since": "1.7"}),
    ("CRI.enable_cdi", "RT.enable_cdi", "=",
     {"since": "1.7", "deprecated": ("2.2", "2.4"), "instead": "remove it: CDI will always be enabled"}),
    ("CRI.cni.ip_pref", "RT.cni.ip_pref", "=",
     {"kind": "enum", "choices": ("", "ipv4", "ipv6", "cni"), "since": "1.6"}),
    # A string before containerd 2.1, a list since; 2.1 reads the new name in a file of schema 2 as well.
    ("CRI.cni.bin_dir | CRI.cni.bin_dirs", "RT.cni.bin_dirs | RT.cni.bin_dir", "=",
     {**_FOLDER, "list": ("bin_dirs", "containerd before 2.1 has one CNI directory"),
      "deprecated": ("2.1", "2.4"), "instead": "use cni.bin_dirs, a list"}),
    ("-", "RT.cni.use_internal_loopback", "=", {"since": "2.0"}),
    ("-", "RT.enable_criu", "=", {"since": "2.2.7"}),
    ("-", "RT.enable_experimental_restore_via_create", "=",
     {"since": "2.2.7", "deprecated": ("2.3", "2.4"),
      "instead": "remove it: restoring in CreateContainer is gone"}),
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
    # A boolean before, a variable of the shims' environment since: the translation converts it.
    ("TASK.sched_core", "SHIM.env", "=", {"kind": "environment", "since": "1.6"}),
    ("-", "SHIM.socket_dir", "=", {**_PATH, "since": "2.3"}),
    ("LINUX", "-", "=", _LINUX),
    ("LINUX.{shim runtime}", "-", "=", {**_LINUX, **_PROGRAM}),
    ("LINUX.runtime_root", "-", "=", {**_LINUX, **_PATH}),
    ("AUFS", "-", "=", _AUFS),
    ("AUFS.root_path", "-", "=", {**_AUFS, **_PATH}),
    # Servers are sections up to schema 3 and plugins in schema 4: the translation knows the rest.
    ("grpc", "=", "GRPC"),
    ("grpc.address", "=", "GRPC.address", _SOCKET),
    ("grpc.{uid gid max_recv_message_size max_send_message_size}", "=", "GRPC.{}"),
    ("-", "=", "TCP"),
    ("-", "=", "TCP.{max_recv_message_size max_send_message_size}",
     {"instead": "grpc.{} is the limit of both servers"}),
    ("grpc.tcp_address", "=", "TCP.address"),
    ("grpc.tcp_{tls_cert tls_key}", "=", "TCP.{}", _PATH),
    ("grpc.tcp_tls_common_name", "=", "TCP.tls_common_name", {"since": "2.2"}),
    # Whoever has a certificate of this authority is root through the TCP server.
    ("grpc.tcp_tls_ca", "=", "TCP.tls_ca", {**_PATH, "since": "1.6"}),
    ("ttrpc", "=", "TTRPC"),
    ("ttrpc.address", "=", "TTRPC.address", _SOCKET),
    ("-", "=", "DEBUG"),
    ("debug.address", "=", "DEBUG.address", _SOCKET),
    ("debug.{uid gid}", "=", "DEBUG.{}"),
    ("metrics", "=", "METRICS"),
    ("metrics.address", "=", "METRICS.address"),
    ("-", "=", "PROMETHEUS"),
    ("metrics.grpc_histogram", "=", "PROMETHEUS.grpc_histogram"),
    # The same in every schema; here for the facts.
    ("debug.level", "=", "=",
     {"kind": "level",
      "choices": ("", "panic", "fatal", "error", "warn", "warning", "info", "debug", "trace")}),
    ("debug.format", "=", "=", {"kind": "format", "choices": ("", "text", "json"), "since": "1.5"}),
    ("debug.log_trace_id", "=", "=", {"since": "2.3"}),
    ("plugin_dir", "=", "-",
     {"gone": "2.1", "instead": "use proxy_plugins",
      "never": "containerd loads each plugin that lies there into itself, as root: remove it"}),
    ("root", "=", "=", {"kind": "root"}),
    ("state", "=", "=", _PATH),
    ("temp", "=", "=", {**_PATH, "since": "1.6"}),
    ("timeouts.*", "=", "=", {**_DURATION, "open": "name"}),
    ("{proxy_plugins proxy_plugins.*}", "=", "=", _NAME),
    ("proxy_plugins.*.{type platform exports.*}", "=", "=", _TEXT),
    ("proxy_plugins.*.capabilities", "=", "=", _TEXTS),
    # Root mounts what a snapshotter answers.
    ("proxy_plugins.*.address", "=", "=", {**_NAME, **_SOCKET}),
    ("proxy_plugins.*.exports", "=", "=", {"open": "below"}),
    # containerd 1.4 prints no imports and no stream_processors.
    ("{stream_processors stream_processors.*}", "=", "=", _NAME),
    ("{imports stream_processors.*.accepts stream_processors.*.args}", "=", "=", _TEXTS),
    ("stream_processors.*.returns", "=", "=", _TEXT),
    ("stream_processors.*.path", "=", "=", {**_NAME, **_PROGRAM}),
    ("stream_processors.*.env", "=", "=", {**_NAME, "kind": "environment"}),
    # Plugins and keys that later releases brought, except those above.
    *((names, "=", "=", {"since": since}) for since, names in (
        ("1.6", "{DEVMAPPER.discard_blocks DEVMAPPER.fs_options DEVMAPPER.fs_type OVERLAYFS.upperdir_label}"),
        ("1.7", "{BLOCKFILE NRI TRANSFER OVERLAYFS.mount_options OVERLAYFS.sync_remove}"),
        ("2.0", "{VERIFIER BLOCKFILE.recreate_scratch OVERLAYFS.slow_chown}"),
        ("2.1", "{EROFS BOLT.no_sync}"),
        ("2.1", "TRANSFER.{check_platform_supported concurrent_layer_fetch_buffer}"),
        ("2.2", "{NRI.default_validator EROFS.default_size TRANSFER.max_concurrent_unpacks}"),
    )),
    ("GC.pause_threshold", "=", "=", {"kind": "float"}),
    ("GC.{schedule_delay startup_delay}", "=", "=", _DURATION),
    ("BOLT.content_sharing_policy", "=", "=", {"kind": "enum", "choices": ("shared", "isolated")}),
    ("NRI.{plugin_registration_timeout plugin_request_timeout}", "=", "=", _DURATION),
    ("NRI.{plugin_path plugin_config_path}", "=", "=", _FOLDER),
    ("NRI.socket_path", "=", "=", _SOCKET),
    ("OPT.path", "=", "=", {"kind": "prefix"}),
    ("{BLOCKFILE BTRFS DEVMAPPER EROFS NATIVE OVERLAYFS ZFS}.root_path", "=", "=", _PATH),
    ("BLOCKFILE.scratch_file", "=", "=", _PATH),
    ("VERIFIER.bin_dir", "=", "=", _FOLDER),
    ("VERIFIER.per_verifier_timeout", "=", "=", _DURATION),
    ("TASKS.{rdt_config_file blockio_config_file}", "=", "=", _PATH),
    ("TRANSFER.config_path", "=", "=", _FOLDERS),
    ("TRANSFER.unpack_config", "=", "=", {"open": "name", "type": "tables"}),
    ("OTLP.endpoint", "=", "=", {**_OTEL, **_TEXT}),
    ("OTLP.insecure", "=", "=", {**_OTEL, "open": "name", "type": "boolean"}),
    ("OTLP.protocol", "=", "=",
     {**_OTEL, "open": "name", "kind": "enum", "choices": ("", "grpc", "http/protobuf")}),
    ("TRACING.service_name", "=", "=", {**_OTEL, **_TEXT}),
    ("TRACING.sampling_ratio", "=", "=", {**_OTEL, "open": "name", "kind": "float"}),
)  # fmt: skip


def setting(short):
    """Return the path of a setting in the table's notation: "CRI.sandbox_image", "grpc.address"."""
    head, *rest = short.split(".")
    return (*(("plugins", IDS[head]) if head in IDS else (head,)), *rest)


def named(path, schema, base=None):
    """Return a path with the names that a default configuration has, or else with the first ones."""
    first = found = ()
    for part in path:
        names = NAMES[schema].get((*first, part), (part,))
        default = table(base, found) if len(names) > 1 else {}
        found = (*found, next((name for name in names if name in default), names[0]))
        first = (*first, names[0])
    return found


def _read():
    """Yield each row, expanded: {schema: the paths of its cell}, and its facts."""
    for *columns, last in (row if isinstance(row[-1], dict) else (*row, {}) for row in _TABLE):
        words = re.search(r"\{(\w[^{}]*)\}", " ".join(columns))
        for word in words[1].split() if words else ("",):
            cells = []
            for text in columns:
                paths = [setting(name) for name in re.sub(r"\{[^{}]*\}", word, text).split(" | ")]
                cells.append(cells[-1] if text == "=" else [] if text == "-" else paths)
            facts = dict(last)
            if "instead" in facts:
                facts["instead"] = facts["instead"].replace("{}", word)
            yield dict(zip(SCHEMAS, cells)), facts


def _names(schema):
    """Return {path: last parts} for each path that has several names in a schema."""
    cells = [[("plugins", plugin) for plugin in ids] for ids in _ALL_IDS.values()]
    cells += [cells[schema] for cells, _ in _CELLS]
    return {path: tuple(other[-1] for other in cell) for cell in cells if len(cell) > 1 for path in cell}


_CELLS = list(_read())
# The rows as ({schema: path or None}, facts); where there are several names, the path has the first.
ROWS = [
    ({schema: cell[0] if cell else None for schema, cell in cells.items()}, facts) for cells, facts in _CELLS
]
NAMES = {schema: _names(schema) for schema in SCHEMAS}
