"""
Base specs of runtimes: what each container of a runtime begins with, in a file that the daemon reads.

It is what this containerd gives a container without one (``ctr oci spec``), with pillar's fragment merged in.
"""

import hashlib
import json
import re

from containerd_formula.conditions import is_since
from containerd_formula.data import at, combine, same, without_null
from containerd_formula.errors import Refused, quoted
from containerd_formula.findings import ERROR, WARNING
from containerd_formula.names import nearest
from containerd_formula.places import BASE_SPECS

_OURS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}-[0-9a-f]{12}\.json")
# Of the runtime specification, up to 1.2: containerd ignores any other key in silence.
_KNOWN = {
    (): ("ociVersion process root hostname domainname mounts hooks annotations linux solaris windows vm zos"),
    ("process",): (
        "terminal consoleSize user args commandLine env cwd capabilities rlimits noNewPrivileges "
        "apparmorProfile oomScoreAdj scheduler selinuxLabel ioPriority execCPUAffinity"
    ),
    ("linux",): (
        "uidMappings gidMappings sysctl resources cgroupsPath namespaces devices netDevices seccomp "
        "rootfsPropagation maskedPaths readonlyPaths mountLabel intelRdt memoryPolicy personality timeOffsets"
    ),
}
_RLIMITS = (
    *("RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_CPU", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_LOCKS"),
    *("RLIMIT_MEMLOCK", "RLIMIT_MSGQUEUE", "RLIMIT_NICE", "RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_RSS"),
    *("RLIMIT_RTPRIO", "RLIMIT_RTTIME", "RLIMIT_SIGPENDING", "RLIMIT_STACK"),
)
_UINT64 = range(2**64)
# Without one of them no container starts, or none ends. A list replaces containerd's own, so it needs these.
_NEEDED = {
    ("process",): None,
    ("process", "cwd"): None,
    ("mounts",): ("destination", ("/proc",)),
    ("linux",): None,
    ("linux", "namespaces"): ("type", ("mount", "pid")),
}


def path(name, fragment, release):
    """Return the path of a runtime's spec: another one for another fragment or release."""
    # A new path is a new config.toml, so the daemon restarts for it, and the old spec stays for the way back.
    words = json.dumps([fragment, release], sort_keys=True, default=str)
    return f"{BASE_SPECS}/{name}-{hashlib.sha256(words.encode()).hexdigest()[:12]}.json"


def is_ours(name):
    """Tell whether a file in the folder of specs has a name that the formula gives."""
    return bool(_OURS.fullmatch(name))


def render(default, fragment):
    """Return the text of a spec: what ``ctr oci spec`` printed, with a fragment merged in (RFC 7396)."""
    try:
        spec = json.loads(default)
    except ValueError:
        spec = None
    if not isinstance(spec, dict) or not isinstance(spec.get("process"), dict):
        raise Refused("ctr oci spec printed no spec of a container: is it containerd's own ctr?")
    # Without a base spec containerd gives a container none of these.
    spec["process"].pop("rlimits", None)
    return json.dumps(without_null(combine(spec, fragment)), indent=2, ensure_ascii=False) + "\n"


def is_as_meant(text, fragment):
    """Tell whether the text of a spec holds what a fragment sets."""
    try:
        spec = json.loads(text)
    except ValueError:
        return False
    return isinstance(spec, dict) and same(without_null(combine(spec, fragment)), spec)


def wrong(fragment, release):
    """Return (path, words, level) of what containerd would take in silence, and not do."""
    told = [one for where, known in _KNOWN.items() for one in _unknown(where, at(fragment, where), known)]
    told += [one for path, members in _NEEDED.items() for one in _lost(fragment, path, members)]
    limits = at(fragment, ("process", "rlimits"))
    if limits is None:
        return told
    if not is_since("1.5", release):
        words = f"containerd {release} gives containers no rlimits of a base spec: upgrade, or leave it out"
        told.append((("process", "rlimits"), words, WARNING))
    if not isinstance(limits, list):
        words = "it must be a list of type, soft and hard"
        return [*told, (("process", "rlimits"), words, ERROR)]
    return [*told, *(one for number, limit in enumerate(limits) for one in _limit(number, limit))]


def open_files(fragment):
    """Return the most open files that a fragment allows a container; 0 if it does not say so."""
    limits = at(fragment, ("process", "rlimits"))
    limits = [one for one in limits if isinstance(one, dict)] if isinstance(limits, list) else []
    found = [one.get("hard") for one in limits if one.get("type") == "RLIMIT_NOFILE"]
    return max((number for number in found if isinstance(number, int)), default=0)


def _lost(fragment, path, members):
    """Yield an error where a fragment takes away what each container needs."""
    above, value = at(fragment, path[:-1]), at(fragment, path)
    if not isinstance(above, dict) or path[-1] not in above:
        return
    if value is None:
        yield path, "no container runs without it: leave this null out", ERROR
    elif members and isinstance(value, list):
        key, needed = members
        there = [one.get(key) for one in value if isinstance(one, dict)]
        if lost := [name for name in needed if name not in there]:
            words = f"this list replaces containerd's own, and no container runs without {key} "
            yield path, f"{words}{', '.join(lost)}: begin with those that ctr oci spec prints", ERROR


def _unknown(where, table, known):
    if table is None:
        return
    if not isinstance(table, dict):
        yield where, "it must be a mapping", ERROR
        return
    names = known.split()
    for key in table:
        if key not in names:
            near = nearest(key, names)
            cure = f"did you mean {near}?" if near else "look it up in the OCI runtime specification"
            yield (*where, key), f"containerd knows no such key and ignores it; {cure}", WARNING


def _limit(number, limit):
    """Yield what is wrong with one limit: each container would fail by it."""
    where = ("process", "rlimits", str(number))
    if not isinstance(limit, dict):
        yield where, "it must be a mapping with type, soft and hard", ERROR
        return
    kind, soft, hard = (limit.get(key) for key in ("type", "soft", "hard"))
    if kind not in _RLIMITS:
        near = isinstance(kind, str) and nearest(f"RLIMIT_{kind.upper().removeprefix('RLIMIT_')}", _RLIMITS)
        cure = f"did you mean {near}?" if near else "write one such as RLIMIT_NOFILE"
        yield (*where, "type"), f"there is no limit {quoted(kind)}; {cure}", ERROR
    if not all(type(value) is int and value in _UINT64 for value in (soft, hard)):
        yield where, "soft and hard must be numbers, without quotes and units", ERROR
    elif soft > hard:
        yield where, f"soft ({soft}) is above hard ({hard}): write it the other way", ERROR
