"""
What is wrong with a site's containerd configuration, told before it reaches a node.

.. versionadded:: 0.1.0

containerd ignores keys that it does not know and starts without CRI rather than not at all, so much
goes wrong without a word. Facts about keys are those of ``containerd_schema``; facts about a release
are those of its own default configuration. Only what the overrides cause is reported.

.. code-block:: bash

    salt '*' containerd_check.findings '{"version": 2}' '{"debgu": {}}' '{"version": 2}'
"""

import difflib
import os
import re
from types import SimpleNamespace

__virtualname__ = "containerd_check"

# What the node is asked: tests point these elsewhere.
NODE_ROOT = "/"
CGROUP_V2 = "/sys/fs/cgroup/cgroup.controllers"

CRI = ("plugins", "io.containerd.grpc.v1.cri")
CONTAINERD = (*CRI, "containerd")
TRANSFER = 'plugins."io.containerd.transfer.v1.local".max_concurrent_downloads'
LOCAL_PULL = (
    *("max_concurrent_downloads", "image_pull_with_sync_fs"),
    *("discard_unpacked_layers", "disable_snapshot_annotations"),
)
SNAPSHOTTER = "io.containerd.snapshotter.v1."
LINUX_V1 = "io.containerd.runtime.v1.linux"
RUNC_V1, RUNC_V2 = "io.containerd.runc.v1", "io.containerd.runc.v2"
# Above this a name is a misspelling of the known one, not another name.
MISSPELT = 0.85
# Go's time.ParseDuration.
DURATION = re.compile(r"[-+]?(?:0|(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+)")
QUANTITY = re.compile(r"([0-9.]+)([^0-9.]+)")
SECONDS = {"h": 3600, "m": 60, "s": 1, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
# Python's types by the name that containerd_schema has for those of runc's options.
TYPES = {
    "boolean": (bool, "true or false"),
    "number": (int, "a whole number, 0 or more"),
    "text": (str, "text in quotes"),
}


def __virtual__():
    return __virtualname__


def findings(base, overrides, result, strict=True, folder="/etc/containerd"):
    """
    Return all that is wrong with the overrides, in their order.

    base
        The parsed ``containerd config default`` of the installed binary; its ``version`` is the schema.

    overrides
        What the site sets, in that schema, as one mapping; None removes a key.

    result
        ``base`` with the overrides merged in.

    strict : ``True``
        Whether a key that containerd does not know is an error rather than a warning.

    folder : ``/etc/containerd``
        Where the configuration file will be: relative imports start there.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_check.findings '{"version": 2}' '{"debgu": {}}' '{"version": 2}'

    :return: a list of dictionaries: ``key`` (dotted), ``level`` (``error`` or ``warning``) and
        ``message`` (the key, what is wrong with it, and the cure); no value of a secret is in it.
    """
    overrides = _plain(overrides)
    site = SimpleNamespace(
        base=base,
        overrides=overrides,
        result=_plain(result),
        version=base["version"],
        strict=strict,
        folder=folder,
        leaves=list(_leaves(overrides)),
        rows=[row["paths"][base["version"]] or () for row in __salt__["containerd_schema.settings"]()],
        found=[],
    )
    named = []
    for rule in RULES:
        for path, message, *level in rule(site):
            finding = (path, message, *(level or ["error"]))
            # A value at a name that is wrong itself is not looked at.
            if finding not in site.found and not any(path[: len(other)] == other for other in named):
                site.found.append(finding)
        if rule in NAMES:
            named = [finding[0] for finding in site.found]
    site.found.sort(key=lambda finding: _position(site, finding[0]))
    return [
        {"key": _dotted(path), "level": level, "message": f"{_dotted(path)}: {message}"}
        for path, message, level in site.found
    ]


# --- Names ---------------------------------------------------------------------------------------


def _other_schema(site):
    """Keys of another schema, removed ones, and sections that schema 4 ignores."""
    for finding in __salt__["containerd_schema.removed"](site.overrides, site.version):
        path, message = _parsed(finding)
        there = _locate(site, path)
        # A key that neither schema has is misspelled, and a name in its own table is the better cure.
        if not there or _known(site, there) or not _table(site.base, path[:-1]):
            yield path, message, finding["level"]


def _plugin_ids(site):
    """Tables of plugins that do not exist: 1.x refuses short ids, and nothing reads the others."""
    silent = __salt__["containerd_schema.plugins"]()
    known = [*_table(site.base, ("plugins",)), *(plugin for plugin in silent if silent[plugin])]
    for plugin in _table(site.overrides, ("plugins",)):
        if plugin in known:
            continue
        path, near = ("plugins", plugin), _nearest(plugin, known, 0.8)
        if len(plugin.split(".")) < 4:
            yield path, _short(plugin, known)
        elif plugin in silent:
            yield path, "this plugin has no settings, so containerd ignores these: remove them", "warning"
        elif near and _misspelt(plugin, near):
            yield path, f"containerd has no such plugin: write {_dotted(('plugins', near))}"
        else:
            hint = f", or is it {_dotted(('plugins', near))}" if near else ""
            yield path, f"no plugin of containerd's own: is it compiled into this one{hint}?", "warning"


def _spelling(site):
    """Keys that differ from containerd's in case only: it takes both for one and the same."""
    for path, _ in site.leaves:
        for depth in range(1, len(path) + 1):
            *parent, name = path[:depth]
            children = () if _is_map(parent) else _children(site, parent)
            twins = [child for child in children if child.lower() == name.lower()]
            if twins and name not in twins:
                yield path[:depth], f"containerd takes it for {twins[0]}: write {twins[0]}"
                break


def _unknown_keys(site):
    """Keys that containerd would ignore: silently in 1.x, with a warning in its log since 2.0."""
    misnamed = [finding[0] for finding in site.found]
    for path, value in site.leaves:
        depth = next((i for i in range(1, len(path) + 1) if not _known(site, path[:i])), 0)
        if not depth or any(path[: len(other)] == other for other in misnamed):
            continue
        # To remove a key that is not there is no loss.
        level = "warning" if value is None or value == {} or not site.strict else "error"
        yield path[:depth], f"containerd would ignore it: {_why_unknown(site, path[:depth])}", level


def _timeouts(site):
    """Timeouts that no part of this containerd reads."""
    known = list(_table(site.base, ("timeouts",)))
    for name in _table(site.overrides, ("timeouts",)):
        if name not in known:
            near = _nearest(name, known, 0.8)
            hint = f"the nearest is {_dotted(('timeouts', near))}" if near else "remove it"
            yield ("timeouts", name), f"this containerd has no such timeout: {hint}", "warning"


# --- Values --------------------------------------------------------------------------------------


def _durations(site):
    """Durations: a bad one ends the daemon at its start, or leaves it without CRI."""
    for path, value in site.leaves:
        kind = __salt__["containerd_schema.kind"](path) or ""
        if "duration" not in kind or value is None or (value == "" and kind != "duration"):
            continue
        if not isinstance(value, str) or not _is_duration(value):
            plain = type(value) is int or (isinstance(value, str) and re.fullmatch(r"[0-9]+", value))
            cure = f'"{value}s"' if plain else '"0s"' if value == "" else '"1h30m", "5s" or "100ms"'
            yield path, f"{_shown(path, value)} is no duration: write text with a unit, as {cure}"


def _choices(site):
    """Values of which there are only a few."""
    for path, value in site.leaves:
        choices = __salt__["containerd_schema.choices"](path)
        # Levels are the one kind that containerd reads in any case.
        fold = __salt__["containerd_schema.kind"](path) == "level" and isinstance(value, str)
        if choices and value is not None and (value.lower() if fold else value) not in choices:
            names = ", ".join(choice or '"" (the default)' for choice in choices)
            yield path, f"{_shown(path, value)} is none of its values: write one of {names}"


def _ports(site):
    """Ports that are text: a number ends the daemon at its start."""
    for path, value in site.leaves:
        if __salt__["containerd_schema.kind"](path) == "port" and value is not None:
            if type(value) is int and 0 <= value < 2**16:
                yield path, f'a port is text here: write "{value}", in quotes'
            elif not isinstance(value, str) or not _is_host_port(":" + value):
                yield path, f'{_shown(path, value)} is no port: write "0" to "65535", in quotes'


def _addresses(site):
    """Addresses of servers."""
    for name in ("metrics.address", "grpc.tcp_address"):
        path = _locate(site, name)
        value = _get(site.overrides, path)
        if value and not (isinstance(value, str) and _is_host_port(value)):
            yield path, f'{_shown(path, value)} is not host:port: write it as "127.0.0.1:1338"'
    path = _locate(site, "grpc.address")
    if site.version > 3 and _get(site.overrides, path) == "":
        yield path, "empty, containerd starts and listens nowhere: write a path, or null for the default"


def _daemon(site):
    """One folder for both kinds of data, which ends the daemon; an OOM score that the kernel refuses."""
    root, state = (site.result.get(key) for key in ("root", "state"))
    cause = _cause(site, ("state",), ("root",))
    if cause and isinstance(root, str) and root and isinstance(state, str):
        if os.path.normpath(root) == os.path.normpath(state):
            yield cause, "root and state are the same folder: write two different ones"
    score = site.overrides.get("oom_score")
    if type(score) is int and not -1000 <= score <= 1000:
        yield ("oom_score",), f"{score} is refused by the kernel: write a number from -1000 to 1000"


def _imports(site):
    """Imports that do not exist: the daemon does not start, and ``config dump`` of 2.x hides it."""
    for name in _texts(site.overrides.get("imports")):
        file = os.path.join(site.folder, name)
        if "*" not in name and not os.path.isfile(file):
            level = "error" if "imports" in site.base else "warning"
            yield ("imports",), f"{file} is no file on this node: put it there first, or remove it", level


def _disabled(site):
    """Plugins to disable: without CRI no kubelet can use the node; short ids end the daemon."""
    cri = {CRI[1], *(_locate(site, (*CONTAINERD, key))[1] for key in ("snapshotter", "runtimes"))}
    known = [*__salt__["containerd_schema.plugins"](), *_table(site.base, ("plugins",))]
    for plugin in _texts(site.overrides.get("disabled_plugins")):
        near = _nearest(plugin, known, 0.8)
        if len(plugin.split(".")) < 4:
            yield ("disabled_plugins",), _short(plugin, known)
        elif plugin in cri:
            yield ("disabled_plugins",), f"{plugin} is CRI, without which no pod runs: remove it"
        elif plugin not in known and near and _misspelt(plugin, near):
            yield ("disabled_plugins",), f"there is no {plugin}, nothing is disabled: write {near}", "warning"


def _required(site):
    """Plugins to require: without one of them the daemon does not start."""
    catalogue = __salt__["containerd_schema.plugins"]()
    known = {plugin for plugin, settings in catalogue.items() if not settings}
    known.update(_table(site.base, ("plugins",)))
    names = {*_snapshotters(site), *_table(site.result, ("proxy_plugins",))}
    for plugin in _texts(site.overrides.get("required_plugins")):
        if len(plugin.split(".")) < 4:
            yield ("required_plugins",), _short(plugin, sorted(known))
        elif plugin in _texts(site.result.get("disabled_plugins")):
            yield ("required_plugins",), f"{plugin} is in disabled_plugins: remove it from one of the two"
        elif plugin not in known and plugin.split(".", 4)[-1] not in names:
            near = _nearest(plugin, sorted(known), 0.8)
            cure = f"write {near}" if near else "remove it"
            yield ("required_plugins",), f"without {plugin}, unknown to it, containerd ends: {cure}"


def _proxies(site):
    """Proxy plugins without a type: containerd panics."""
    for name in _table(site.overrides, ("proxy_plugins",)):
        proxy = _get(site.result, ("proxy_plugins", name))
        if isinstance(proxy, dict) and not proxy.get("type"):
            yield ("proxy_plugins", name), 'it has no type, and containerd ends: write type: "snapshot"'


# --- CRI -----------------------------------------------------------------------------------------


def _default_runtime(site):
    """The default runtime: where there is none of this name, CRI does not start."""
    path, runtimes = (_locate(site, (*CONTAINERD, key)) for key in ("default_runtime_name", "runtimes"))
    name, known = _get(site.result, path), dict(_table(site.result, runtimes))
    if site.version > 2:
        # Since 2.0 a runtime that is not in the file is still there, by default.
        known = {**_table(site.base, runtimes), **known}
    old = (*CONTAINERD, "default_runtime", "runtime_type")
    cause = _cause(site, path, (*runtimes, name) if isinstance(name, str) else path, runtimes)
    if cause and isinstance(name, str) and name not in known and not _get(site.result, old):
        wrong = f"there is no runtime {name}" if name else "it is empty"
        yield cause, f"{wrong}, so CRI does not start: add it, or name one that there is ({', '.join(known)})"


def _runtimes(site):
    """Runtimes that fail: CRI itself, or each pod that uses them."""
    for path, runtime in _touched_runtimes(site):
        kind = runtime.get("runtime_type")
        inherited = "runtime_type" not in runtime and site.version > 2
        if not kind and not (inherited and _get(site.base, (*path, "runtime_type"))):
            yield path, f"it has no runtime_type, so each of its pods fails: write {RUNC_V2} for runc"
        elif kind in (RUNC_V1, LINUX_V1) and site.version > 2:
            yield (*path, "runtime_type"), f"containerd 2.0 removed {kind}: write {RUNC_V2}"
        spec = runtime.get("base_runtime_spec")
        if spec and isinstance(spec, str) and not os.path.isfile(os.path.join(NODE_ROOT, spec.lstrip("/"))):
            yield (
                (*path, "base_runtime_spec"),
                f"{spec} is no file on this node, so CRI does not start: put it there",
            )
        if runtime.get("cgroup_writable") is True and not os.path.exists(CGROUP_V2):
            yield (*path, "cgroup_writable"), "needs cgroup v2, or CRI does not start: remove it on this node"
        less, more = "privileged_without_host_devices", "privileged_without_host_devices_all_devices_allowed"
        if runtime.get(more) is True and runtime.get(less) is False:
            yield (*path, more), f"CRI does not start without {less}: set that to true as well"


def _runc_options(site):
    """Options of runc: unknown ones are ignored, and with a wrong type each pod fails."""
    known = __salt__["containerd_schema.runc_options"]()
    for path, runtime in _touched_runtimes(site):
        runc = runtime.get("runtime_type") in (RUNC_V1, RUNC_V2)
        for name, value in _table(site.overrides, (*path, "options")).items() if runc else ():
            key = (*path, "options", name)
            twins = [option for option in known if option.lower() == name.lower()]
            if name not in known:
                near = _nearest(name, known)
                cure = f"write {near}" if near else f"the options are {', '.join(known)}"
                wrong = f"containerd takes it for {twins[0]}" if twins else "runc has no such option"
                yield key, f"{wrong}: {f'write {twins[0]}' if twins else cure}"
            elif value is not None:
                kind, cure = TYPES[known[name]]
                if type(value) is not kind or (kind is int and value < 0):
                    yield key, f"{_shown(key, value)} makes each pod fail: write {cure}"


def _old_runtime_keys(site):
    """Keys of 1.x that are for the runtime v1 only: with any other, CRI does not start."""
    if site.version > 2:
        return
    runtimes = _table(site.result, (*CONTAINERD, "runtimes"))
    default = _get(site.result, (*CONTAINERD, "default_runtime_name"))
    checks = [((*CRI, "systemd_cgroup"), default), ((*CONTAINERD, "no_pivot"), default)]
    for name in runtimes:
        for key in ("runtime_engine", "runtime_root"):
            checks.append(((*CONTAINERD, "runtimes", name, key), name))
    for path, name in checks:
        runtime = runtimes.get(name) if isinstance(name, str) else None
        if _get(site.overrides, path) and _get(runtime, ("runtime_type",)) != LINUX_V1:
            cure = __salt__["containerd_schema.facts"](path)["instead"]
            yield path, f"it is for {LINUX_V1} only, and CRI does not start: {cure}"


def _snapshotter(site):
    """Snapshotters that do not exist: CRI does not start, or each pod of the runtime fails."""
    known = _snapshotters(site)
    disabled = {plugin.rpartition(".")[2] for plugin in _texts(site.result.get("disabled_plugins"))}
    usable = [name for name in known if name not in disabled]
    path, runtimes = (_locate(site, (*CONTAINERD, key)) for key in ("snapshotter", "runtimes"))
    tables = (path[:-1], runtimes, (*path[:-1], "runtime_platforms"))
    more = [place for place, _ in site.leaves if place[-1] == "snapshotter" and place[:-2] in tables]
    for place in (path, *more):
        name = _get(site.result, place)
        cause = _cause(site, place, ("disabled_plugins",), ("proxy_plugins",))
        # Empty is the snapshotter of CRI for a runtime, and containerd's own in 1.x.
        allowed = usable if place == path and site.version > 2 else ("", *usable)
        if cause and isinstance(name, str) and name not in allowed:
            words = (
                f"the snapshotter {name} is disabled" if name in known else f"there is no snapshotter {name}"
            )
            yield cause, f"{words}: write one of {', '.join(usable)}, or add it to proxy_plugins"


def _registry(site):
    """Two ways to name mirrors: CRI does not start with both."""
    table = _locate(site, (*CRI, "registry"))
    config_path, mirrors = (*table, "config_path"), (*table, "mirrors")
    if not _get(site.result, config_path) or "config_path" not in _table(site.base, table):
        return
    cause = _cause(site, mirrors, config_path)
    if cause and _get(site.result, mirrors):
        yield (
            cause,
            "CRI does not start with both mirrors and config_path: write hosts.toml files, remove mirrors",
        )
    for host, config in _table(site.result, (*table, "configs")).items():
        cause = _cause(site, (*table, "configs", host, "tls"), config_path)
        if cause and site.version < 3 and "tls" in _table(config, ()):
            yield (
                cause,
                f"CRI does not start with both config_path and configs.{host}.tls: write hosts.toml files",
            )


def _cni(site):
    """Both names of the CNI directory: CRI does not start."""
    table = _locate(site, (*CRI, "cni"))
    (old, many), base = (
        (_get(site.result, (*table, key)) for key in ("bin_dir", "bin_dirs")),
        _table(site.base, table),
    )
    cause = _cause(site, (*table, "bin_dir"), (*table, "bin_dirs"))
    if cause and old and many and "bin_dirs" in base and many != base["bin_dirs"]:
        yield cause, "CRI does not start with both bin_dir and bin_dirs: write bin_dirs only"


def _local_pull(site):
    """Settings of images that make CRI of 2.1 and later pull in the old way."""
    table = _locate(site, (*CONTAINERD, "snapshotter"))[:-1]
    base, result = _table(site.base, table), _table(site.result, table)
    if "use_local_image_pull" not in base or result.get("use_local_image_pull"):
        return
    for key in LOCAL_PULL:
        if _table(site.overrides, table).get(key) not in (None, base.get(key)):
            cure = f"set {TRANSFER} instead" if key == "max_concurrent_downloads" else "remove it"
            yield (
                (*table, key),
                f"CRI falls back to local image pull: {cure}, or set use_local_image_pull",
                "warning",
            )


def _deprecated(site):
    """Keys that a coming containerd removes, unless they are wrong already or change nothing."""
    said = [finding[0] for finding in site.found]
    for finding in __salt__["containerd_schema.deprecated"](site.overrides, site.version):
        path, message = _parsed(finding)
        if path not in said and _get(site.overrides, path) != _get(site.base, path):
            yield path, message, "warning"


# The catalogue. Names come first.
NAMES = (_other_schema, _plugin_ids, _spelling, _unknown_keys)
RULES = (
    *(*NAMES, _timeouts),
    *(_durations, _choices, _ports, _addresses, _daemon, _imports),
    *(_disabled, _required, _proxies),
    *(_default_runtime, _runtimes, _runc_options, _old_runtime_keys, _snapshotter),
    *(_registry, _cni, _local_pull, _deprecated),
)


# --- What the rules ask ----------------------------------------------------------------------------


def _plain(data):
    """Return data with text for keys, as TOML has them."""
    return {str(key): _plain(value) for key, value in data.items()} if isinstance(data, dict) else data


def _leaves(data, path=()):
    """Yield (path, value) of each value that is no table, and of each empty table."""
    for key, value in data.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _get(data, path):
    """Return the value at a path, None where there is none."""
    for part in path:
        data = data.get(part) if isinstance(data, dict) else None
    return data


def _table(data, path):
    """Return the table at a path, an empty one where there is none."""
    value = _get(data, path)
    return value if isinstance(value, dict) else {}


def _texts(value):
    """Return the texts of a list; other values are for the check of types."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _dotted(path):
    return __salt__["containerd_schema.dotted"](path)


def _parsed(finding):
    """Return path and message of a finding of containerd_schema."""
    path = tuple(__salt__["containerd_schema.parse_key"](finding["key"]))
    return path, finding["message"].partition(_dotted(path) + ": ")[2]


def _shown(path, value):
    return "this" if __salt__["containerd_schema.is_secret"](path) else repr(value)


def _locate(site, name):
    """Return the path of a setting that is named as in schema 2."""
    return __salt__["containerd_schema.locate"](name, site.version)


def _position(site, path):
    """Return where in the overrides a path is: the first key that shares most with it."""
    shared = [len(os.path.commonprefix([leaf, path])) for leaf, _ in site.leaves]
    return shared.index(max(shared)) if shared else 0


def _cause(site, *paths):
    """Return the first of some paths that the overrides set, or remove, or hold a part of."""
    for path in paths:
        for leaf, _ in site.leaves:
            depth = min(len(leaf), len(path))
            if leaf[:depth] == path[:depth]:
                return path[:depth]
    return None


def _touched_runtimes(site):
    """Yield (path, runtime in effect) of each runtime that the overrides set something of."""
    runtimes = _locate(site, (*CONTAINERD, "runtimes"))
    for name, runtime in _table(site.result, runtimes).items():
        if isinstance(runtime, dict) and isinstance(_get(site.overrides, (*runtimes, name)), dict):
            yield (*runtimes, name), runtime


def _snapshotters(site):
    """Return the names of the snapshotters: those built in, and those of proxy plugins."""
    built_in = _table(site.base, ("plugins",))
    if SNAPSHOTTER + "overlayfs" not in built_in:
        # containerd 1.4 has them all, and prints those that have settings.
        built_in = __salt__["containerd_schema.plugins"]()
    names = [plugin[len(SNAPSHOTTER) :] for plugin in built_in if plugin.startswith(SNAPSHOTTER)]
    return [*names, *_table(site.result, ("proxy_plugins",))]


def _is_map(path):
    """Return whether a table's keys are names, which containerd does not know beforehand."""
    return __salt__["containerd_schema.is_free_form"]((*path, "\0"))


def _siblings(site, path):
    """Return the tables beside one that has a name, such as runtimes.runc for runtimes.crun."""
    tables = _table(site.base, path[:-1]).values() if _is_map(path[:-1]) else ()
    return [table for table in tables if isinstance(table, dict) and table] if len(path) > 2 else []


def _known(site, path):
    """Return whether containerd reads a key."""
    parent = _get(site.base, path[:-1])
    if isinstance(parent, dict) and path[-1] in parent:
        return True
    if not __salt__["containerd_schema.is_free_form"](path):
        return False
    if _is_map(path[:-1]) or "unprinted" in __salt__["containerd_schema.facts"](path):
        return True
    # A release prints all keys of the runtime that it knows: other runtimes have no others.
    siblings = _siblings(site, path[:-1])
    return not siblings or any(path[-1] in sibling for sibling in siblings)


def _children(site, path):
    """Return the names of the keys that containerd knows in a table."""
    names = dict.fromkeys(_table(site.base, path))
    for sibling in _siblings(site, path):
        names.update(dict.fromkeys(sibling))
    for row in site.rows:
        if len(row) > len(path) and all(part in ("*", own) for part, own in zip(row, path)):
            names[row[len(path)]] = None
    return [name for name in names if name != "*" and _known(site, (*path, name))]


def _nearest(name, names, cutoff=0.6):
    return next(iter(difflib.get_close_matches(name, names, 1, cutoff)), None)


def _misspelt(plugin, known):
    """Return whether a plugin id is another one, misspelled: in its type or in its name."""
    pairs = zip(plugin.rpartition("."), known.rpartition("."))
    return min(difflib.SequenceMatcher(None, *pair).ratio() for pair in pairs) > MISSPELT


def _short(plugin, known):
    """Say what to write for an id with too few parts."""
    full = next((other for other in known if other.endswith("." + plugin)), "io.containerd.<type>.v1.<name>")
    full = CRI[1] if plugin == "cri" else full
    return f"{plugin} is no plugin id, and containerd may refuse to start: write {full}"


def _why_unknown(site, path):
    """Say what to write instead of a key that containerd does not know."""
    facts = __salt__["containerd_schema.facts"](path)
    if "gone" in facts:
        return f"containerd {facts['gone']} removed it, {facts['instead']}"
    if "since" in facts:
        return f"it came with containerd {facts['since']}, remove it for this release"
    if path[0] == "plugins" and len(path) == 2:
        return "this one has no such plugin, or none with settings: remove it for this release"
    near = _nearest(path[-1], _children(site, path[:-1]))
    if near:
        return f"the nearest key is {_dotted((*path[:-1], near))}"
    # The same name in another table, and the nearest of those.
    places = [leaf for leaf, _ in _leaves(site.base) if leaf[-1].lower() == path[-1].lower()]
    near = _nearest(_dotted(path), [_dotted(place) for place in places], 0)
    return f"the nearest key is {near}" if near else "this release has no such key, remove it"


def _is_duration(text):
    if not DURATION.fullmatch(text):
        return False
    # Go counts nanoseconds in 64 bits.
    return sum(float(number) * SECONDS[unit] for number, unit in QUANTITY.findall(text)) < 2**63 / 1e9


def _is_host_port(text):
    """Return whether text is host:port; the host may be empty or [IPv6], the port a service's name."""
    match = re.fullmatch(
        r"(?:\[[0-9A-Fa-f:.%\w]+\]|[^\s:\[\]/]*):(?:([0-9]{1,5})|[a-z][a-z0-9-]*)", text, re.ASCII
    )
    return bool(match) and int(match[1] or 0) < 2**16
