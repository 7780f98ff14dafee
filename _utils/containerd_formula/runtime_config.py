"""What of pillar ``runtimes`` belongs into config.toml, in the schema and with the names of a release."""

from containerd_formula import base_specs, runtime_settings, schema
from containerd_formula.conditions import is_since
from containerd_formula.errors import Refused
from containerd_formula.findings import errors, warnings
from containerd_formula.table import setting

# The newest schema that a release before 2.0 reads, and one that every later one reads.
_SCHEMAS = (2, 3)
RUNTIMES = {2: setting("CRI.containerd.runtimes"), 3: setting("RT.containerd.runtimes")}


def as_config(given, release=None, systemd=False):
    """Return what a release of containerd needs in config.toml for a pillar: a fragment."""
    return as_told(given, release, systemd)[0]


def as_told(given, release=None, systemd=False):
    """Return that fragment, and sentences about what is not as it may seem."""
    model = runtime_settings.read(given, release)
    if wrong := errors(model.findings):
        raise Refused("\n".join(wrong))
    version = _SCHEMAS[is_since("2.0", release)]
    runtimes = {
        one.name: _table(one, version, release, systemd)
        for one in model.runtimes
        if runtime_settings.is_configured(one)
    }
    settings = {
        **({"default_runtime_name": model.default} if model.default else {}),
        **({"runtimes": runtimes} if runtimes else {}),
    }
    plugin = RUNTIMES[version][1]
    fragment = {"version": version, "plugins": {plugin: {"containerd": settings}}} if settings else {}
    return fragment, warnings(model.findings)


def specs(given, release=None):
    """Return the path of each base spec of a pillar to its fragment."""
    return {
        base_specs.path(one.name, one.base_spec, release): one.base_spec
        for one in runtime_settings.read(given, release).runtimes
        if one.base_spec is not None
    }


def installed(given, release=None):
    """Return the programs that come with packages and archives of a pillar: they may not be there yet."""
    return [
        path
        for one in runtime_settings.read(given, release).runtimes
        for path in (one.binary, one.path)
        if path.startswith("/") and (one.package or one.archive)
    ]


def _table(runtime, version, release, systemd):
    """Return the table of a runtime."""
    is_runc = runtime_settings.is_runc_shim(runtime.type)
    options = {
        **({"BinaryName": runtime.binary} if runtime.binary else {}),
        # One cgroup manager for all that kubelet starts.
        **({"SystemdCgroup": True} if systemd and is_runc else {}),
        **runtime.options,
    }
    spec = runtime.base_spec
    return {
        "runtime_type": runtime.type,
        **({"runtime_path": runtime.path} if runtime.path else {}),
        **{_own_name(key, version): value for key, value in runtime.keys.items()},
        **({} if spec is None else {"base_runtime_spec": base_specs.path(runtime.name, spec, release)}),
        **({"options": options} if options else {}),
    }


def _own_name(key, version):
    """Return what a schema calls a key: 1.7's sandbox_mode is sandboxer since."""
    [other] = [one for one in _SCHEMAS if one != version]
    moved = schema.move((*RUNTIMES[other], "runc", key), other, version)
    return moved[-1] if moved else key
