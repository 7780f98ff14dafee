"""The files of crictl and nerdctl: pillar's settings over what follows from containerd's configuration."""

import json

import yaml

from containerd_formula import toml
from containerd_formula.data import at, combine, fit, plain, without_null
from containerd_formula.diff import diff
from containerd_formula.errors import Refused, quoted
from containerd_formula.names import nearest
from containerd_formula.paths import dotted
from containerd_formula.places import SOCKET
from containerd_formula.schema import SCHEMAS, locate
from containerd_formula.secrets import UNMASK, is_masked

HEADER = "# Managed by Salt (containerd-formula). Edits are overwritten: change pillar containerd:tools.\n"
# The namespace of Kubernetes' containers.
_KUBERNETES = "k8s.io"
_TEXT, _TEXTS, _BOOLEAN, _NUMBER = "", [""], False, 0
_KINDS = {str: "a string", list: "a list of strings", bool: "a boolean", int: "a whole number"}
# Each tool refuses to run with a key that it does not know.
KEYS = {
    "crictl": {
        **dict.fromkeys(("runtime-endpoint", "image-endpoint"), _TEXT),
        **dict.fromkeys(("timeout", "max-retries"), _NUMBER),
        **dict.fromkeys(
            ("debug", "pull-image-on-create", "disable-pull-on-run", "enable-streaming"), _BOOLEAN
        ),
    },
    "nerdctl": {
        **dict.fromkeys(("address", "namespace", "snapshotter", "cni_path", "cni_netconfpath"), _TEXT),
        **dict.fromkeys(
            ("data_root", "cgroup_manager", "host_gateway_ip", "bridge_ip", "userns_remap"), _TEXT
        ),
        **dict.fromkeys(("hosts_dir", "cdi_spec_dirs", "dns", "dns_opts", "dns_search"), _TEXTS),
        **dict.fromkeys(("debug", "debug_full", "insecure_registry", "experimental"), _BOOLEAN),
        **dict.fromkeys(("kube_hide_dupe", "disable_hc_systemd"), _BOOLEAN),
    },
}
_LOADS = {"crictl": yaml.safe_load, "nerdctl": toml.loads}
# YAML and TOML, with JSON's values, which both know.
_IS = {"crictl": ": ", "nerdctl": " = "}


def settings(tool, given, effective, coming=None):
    """
    Return the settings of a tool: a merge patch (RFC 7396), pillar's, over those that follow from a document.

    ``coming`` are changes of the document that a dry run foretells: dotted path to old and new.
    """
    if not isinstance(tool, str) or tool not in KEYS:
        near = nearest(tool, KEYS) if isinstance(tool, str) else None
        cure = f"did you mean {near}?" if near else f"known are {', '.join(KEYS)}."
        raise Refused(f"{quoted(tool)} is no tool with a file of its own; {cure}")
    if not isinstance(given, (dict, type(None))):
        raise Refused(f"containerd:tools:{tool}:config must be a mapping.")
    patch = plain(given or {}, ("containerd", "tools", tool, "config"))
    faults = [fault for key, value in patch.items() if (fault := _fault(tool, key, value))]
    if faults:
        raise Refused("\n".join(f"containerd:tools:{tool}:config:{fault}" for fault in faults))
    typed = {key: None if value is None else _fit(tool, key, value) for key, value in patch.items()}
    return without_null(combine(_follows(tool, effective, coming or {}), typed))


def render(tool, found):
    """Return the text of a tool's file."""
    lines = (f"{key}{_IS[tool]}{json.dumps(value, ensure_ascii=False)}\n" for key, value in found.items())
    return HEADER + "".join(lines)


def parse(tool, text):
    """Return the settings in a text that ``render`` made; what somebody wrote into it stays text."""
    pairs = (line.partition(_IS[tool]) for line in text.split("\n") if line and not line.startswith("#"))
    return {key: _value(value) for key, _, value in pairs}


def says_the_same(tool, text, new):
    """Tell whether a text, whoever wrote it, is read by the tool as ``render``'s; a broken one is not."""
    try:
        return _LOADS[tool](text) == _LOADS[tool](new)
    except (Refused, ValueError, RecursionError, yaml.YAMLError):
        return False


def is_ours(text):
    """Tell whether the formula wrote a text."""
    return text.startswith(HEADER.split(".", 1)[0])


def changes(tool, before, after):
    """Return what differs between two texts, None for no file, as ``diff`` does."""
    old, new = (parse(tool, text) if text else {} for text in (before, after))
    return diff(old, new)


def _follows(tool, effective, coming):
    """Return what follows from a document: the settings that containerd has, too."""
    socket = _now("grpc.address", effective, coming) or SOCKET
    if tool == "crictl":
        return dict.fromkeys(("runtime-endpoint", "image-endpoint"), f"unix://{socket}")
    folders = _now("CRI.registry.config_path", effective, coming)
    snapshotter = _now("CRI.containerd.snapshotter", effective, coming)
    return {
        "address": socket,
        "namespace": _KUBERNETES,
        **({"snapshotter": snapshotter} if snapshotter else {}),
        # As Go splits a list of paths.
        **({"hosts_dir": folders.split(":")} if folders else {}),
    }


def _now(short, effective, coming):
    """Return the text that a setting has, or will have after this run; empty without one."""
    for version in SCHEMAS:
        path = locate(short, version)
        if path and (change := coming.get(dotted(path))):
            return _text(change.get("new"))
    version = effective.get("version", 2)
    path = locate(short, version, effective) if version in SCHEMAS else None
    return _text(at(effective, path)) if path else ""


def _text(value):
    return value if isinstance(value, str) else ""


def _fault(tool, key, value):
    """Return what is wrong with a setting of pillar; empty if nothing is."""
    known = KEYS[tool]
    if key not in known:
        near = nearest(key, known)
        cure = f"did you mean {near}?" if near else f"known are {', '.join(known)}."
        return f"{key} is not a setting of {tool}, which would not run with it; {cure}"
    if is_masked(value):
        return f"{key}: {UNMASK}."
    try:
        if value is not None:
            _fit(tool, key, value)
    except Refused as err:
        return str(err)
    return ""


def _fit(tool, key, value):
    """Return a value in the type of its key."""
    sample = KEYS[tool][key]
    return fit(value, sample, (key,), f"it must be {_KINDS[type(sample)]}")


def _value(text):
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
