"""What makes CRI, or each pod of a runtime, fail to start: without CRI no kubelet can use the node."""

from containerd_formula import schema
from containerd_formula.data import at, table, texts
from containerd_formula.names import nearest
from containerd_formula.paths import dotted
from containerd_formula.rules.context import shown
from containerd_formula.table import IDS, RUNC_OPTIONS

RUNC_V1, RUNC_V2 = "io.containerd.runc.v1", "io.containerd.runc.v2"
LINUX_V1 = IDS["LINUX"]
# For the table's types of runc's options: Python's type, and the cure.
TYPES = {
    "boolean": (bool, "true or false"),
    "number": (int, "a whole number, 0 or more"),
    "text": (str, "text in quotes"),
}
LOCAL_PULL = (
    *("CRI.max_concurrent_downloads", "CRI.image_pull_with_sync_fs"),
    *("CRI.containerd.discard_unpacked_layers", "CRI.containerd.disable_snapshot_annotations"),
)


def default_runtime(context):
    """The default runtime: if no runtime has its name, CRI does not start."""
    path, runtimes = (context.locate(f"CRI.containerd.{key}") for key in ("default_runtime_name", "runtimes"))
    name, known = at(context.result, path), table(context.result, runtimes)
    if context.version > 2:
        # Since 2.0 a runtime of the default exists even if the file leaves it out.
        known = {**table(context.base, runtimes), **known}
    elif at(context.result, context.locate("CRI.containerd.default_runtime.runtime_type")):
        return
    cause = isinstance(name, str) and name not in known and context.cause(path, (*runtimes, name))
    if cause:
        wrong = f"there is no runtime {name}" if name else "it is empty"
        yield cause, f"{wrong}, so CRI does not start: add it, or name an existing one ({', '.join(known)})"


def runtime_types(context):
    """Runtimes without a type, or with one that 2.0 removed: each of their pods fails."""
    for path, runtime in context.touched_runtimes():
        kind = runtime.get("runtime_type")
        inherited = "runtime_type" not in runtime and context.version > 2
        if not kind and not (inherited and at(context.base, (*path, "runtime_type"))):
            yield path, f"it has no runtime_type, so each of its pods fails: write {RUNC_V2} for runc"
        elif kind in (RUNC_V1, LINUX_V1) and context.version > 2:
            yield (*path, "runtime_type"), f"containerd 2.0 removed {kind}: write {RUNC_V2}"


def runtime_specs(context):
    """Base specs of runtimes that are not on the node: CRI does not start."""
    for path, runtime in context.touched_runtimes():
        spec = runtime.get("base_runtime_spec")
        if spec and isinstance(spec, str) and not context.node.is_file(spec):
            words = f"{spec} is not a file on this node, so CRI does not start: put it there"
            yield (*path, "base_runtime_spec"), words


def writable_cgroups(context):
    """Writable cgroups on a node with cgroup v1: CRI does not start."""
    for path, runtime in context.touched_runtimes():
        if runtime.get("cgroup_writable") is True and not context.node.cgroup_v2:
            yield (*path, "cgroup_writable"), "needs cgroup v2, or CRI does not start: remove it on this node"


def host_devices(context):
    """All devices for privileged pods that get no host devices: CRI does not start."""
    less, more = "privileged_without_host_devices", "privileged_without_host_devices_all_devices_allowed"
    for path, runtime in context.touched_runtimes():
        if runtime.get(more) is True and runtime.get(less) is False:
            yield (*path, more), f"CRI does not start without {less}: set that to true as well"


def runc_options(context):
    """Options of runc: unknown ones are ignored, and with a wrong type each pod fails."""
    for path, runtime in context.touched_runtimes():
        runc = runtime.get("runtime_type") in (RUNC_V1, RUNC_V2)
        for name, value in table(context.overrides, (*path, "options")).items() if runc else ():
            key = (*path, "options", name)
            twin = next((option for option in RUNC_OPTIONS if option.lower() == name.lower()), None)
            if name in RUNC_OPTIONS:
                kind, cure = TYPES[RUNC_OPTIONS[name]]
                if value is not None and (type(value) is not kind or (kind is int and value < 0)):
                    yield key, f"{shown(value, key)} makes each pod fail: write {cure}"
            elif twin:
                yield key, f"containerd takes it for {twin}: write {twin}"
            else:
                near = nearest(name, RUNC_OPTIONS)
                cure = f"write {near}" if near else f"the options are {', '.join(RUNC_OPTIONS)}"
                yield key, f"runc has no such option: {cure}", "error", "ignored"


def old_runtime_keys(context):
    """Keys of 1.x that are for the runtime v1 only: with any other, CRI does not start."""
    if context.version > 2:
        return
    runtimes = context.locate("CRI.containerd.runtimes")
    kinds = {
        name: at(runtime, ("runtime_type",)) for name, runtime in table(context.result, runtimes).items()
    }
    name = at(context.result, context.locate("CRI.containerd.default_runtime_name"))
    # The older table of the default runtime wins over the name of one.
    default = at(context.result, context.locate("CRI.containerd.default_runtime.runtime_type"))
    default = default or (kinds.get(name) if isinstance(name, str) else None)
    checks = [(context.locate(short), default) for short in ("CRI.systemd_cgroup", "CRI.containerd.no_pivot")]
    for name, kind in kinds.items():
        checks += [((*runtimes, name, key), kind) for key in ("runtime_engine", "runtime_root")]
    for path, kind in checks:
        if at(context.overrides, path) and kind != LINUX_V1:
            yield path, f"it is for {LINUX_V1} only, and CRI does not start: {schema.facts(path)['instead']}"


def snapshotter(context):
    """Snapshotters that do not exist: CRI does not start, or each pod of the runtime fails."""
    known = context.snapshotters()
    off = {plugin.rpartition(".")[2] for plugin in texts(context.result.get("disabled_plugins"))}
    usable = [name for name in known if name not in off]
    path, runtimes = (context.locate(f"CRI.containerd.{key}") for key in ("snapshotter", "runtimes"))
    tables = (path[:-1], runtimes, (*path[:-1], "runtime_platforms"))
    more = [place for place, _ in context.leaves if place[-1] == "snapshotter" and place[:-2] in tables]
    for place in (path, *more):
        name = at(context.result, place)
        cause = context.cause(place, ("disabled_plugins",), ("proxy_plugins",))
        # Empty means CRI's snapshotter for a runtime, and containerd's own in 1.x.
        allowed = usable if place == path and context.version > 2 else ("", *usable)
        if cause and isinstance(name, str) and name not in allowed:
            wrong = "the snapshotter {} is disabled" if name in known else "there is no snapshotter {}"
            cure = f"write one of {', '.join(usable)}, or add it to proxy_plugins"
            yield cause, f"{wrong.format(name)}: {cure}"


def registry(context):
    """Two ways to name mirrors: CRI does not start with both."""
    path = context.locate("CRI.registry")
    config_path, mirrors = (*path, "config_path"), (*path, "mirrors")
    if not at(context.result, config_path) or "config_path" not in table(context.base, path):
        return
    both = "CRI does not start with both"
    cause = context.cause(mirrors, config_path)
    if cause and at(context.result, mirrors):
        yield cause, f"{both} mirrors and config_path: write hosts.toml files, remove mirrors"
    for host, config in table(context.result, (*path, "configs")).items():
        cause = context.cause((*path, "configs", host, "tls"), config_path)
        if cause and context.version < 3 and "tls" in table(config, ()):
            yield cause, f"{both} config_path and configs.{host}.tls: write hosts.toml files"


def cni(context):
    """Both names of the CNI directory: CRI does not start."""
    path = context.locate("CRI.cni")
    base, result = table(context.base, path), table(context.result, path)
    old, many = result.get("bin_dir"), result.get("bin_dirs")
    cause = context.cause((*path, "bin_dir"), (*path, "bin_dirs"))
    if cause and old and many and "bin_dirs" in base and many != base["bin_dirs"]:
        yield cause, "CRI does not start with both bin_dir and bin_dirs: write bin_dirs only"


def local_pull(context):
    """Image settings that make CRI of 2.1 and later pull in the old way."""
    paths = [context.locate(short) for short in LOCAL_PULL]
    switch = (*paths[0][:-1], "use_local_image_pull")
    if at(context.base, switch) is None or at(context.result, switch):
        return
    for path in paths:
        if at(context.overrides, path) not in (None, at(context.base, path)):
            transfer = dotted(context.locate("TRANSFER.max_concurrent_downloads"))
            cure = f"set {transfer} instead" if path == paths[0] else "remove it"
            words = f"CRI falls back to local image pull: {cure}, or set use_local_image_pull"
            yield path, words, "warning"


RULES = (
    *(default_runtime, runtime_types, runtime_specs, writable_cgroups, host_devices),
    *(runc_options, old_runtime_keys, snapshotter, registry, cni, local_pull),
)
