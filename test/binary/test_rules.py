"""
The rules against containerd itself: what it knows is known here, what it ignores is found here.
"""

import copy
import re
import subprocess

import pytest
import tomlkit
from containerd_formula import data, rules, toml
from containerd_formula.data import at, walk
from containerd_formula.findings import errors
from containerd_formula.paths import dotted
from lab.debian import unpacked
from support.binaries import RELEASES as SUITES

CRI = "plugins", "io.containerd.grpc.v1.cri"
IMG = "plugins", "io.containerd.cri.v1.images"
RT = "plugins", "io.containerd.cri.v1.runtime"
TRACING = "plugins", "io.containerd.internal.v1.tracing"
OTLP = "plugins", "io.containerd.tracing.processor.v1.otlp"
RUNC = "containerd", "runtimes", "runc"
RELEASES = tuple(SUITES)


def run(release, *args):
    command = [str(unpacked("containerd", SUITES[release]) / "usr/bin/containerd"), *args]
    return subprocess.run(command, capture_output=True, text=True, check=True)


@pytest.fixture(params=RELEASES)
def release(request):
    return request.param


@pytest.fixture
def base(release):
    return toml.loads(run(release, "config", "default").stdout)


def put(document, path, value):
    result = copy.deepcopy(document)
    data.put(result, path, value)
    return result


def findings(base, path, value):
    return rules.findings(base, put({}, path, value), put(base, path, value))


def dump(release, tmp_path, document):
    """Return what containerd made of a document, and what it said of unknown keys."""
    path = tmp_path / "config.toml"
    path.write_text(tomlkit.dumps(document), encoding="utf-8")
    done = run(release, "--config", str(path), "config", "dump")
    return toml.loads(done.stdout), [line for line in done.stderr.splitlines() if "nknown key" in line]


def test_the_default_itself_has_no_findings(base):
    assert rules.findings(base, {}, base) == []
    assert rules.findings(base, base, base) == []


def other(value):
    """Return another valid value of the same type."""
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else value


@pytest.mark.parametrize("change", [lambda value: value, other], ids=["same", "other"])
def test_every_key_of_the_default_is_known(base, change):
    leaves = list(walk(base))
    assert len(leaves) > 90
    for path, value in leaves:
        assert not [one for one in findings(base, path, change(value)) if "ignore" in one.message]


# What containerd reads although its default does not print it.
UNPRINTED = [
    *(((*CRI, "registry", key), {}, RELEASES[:1]) for key in ("auths", "configs", "headers")),
    ((*CRI, "registry", "mirrors", "m.example", "endpoint"), ["https://m"], RELEASES[:3]),
    ((*CRI, "registry", "auths", "https://a.example", "username"), "u", RELEASES[:3]),
    ((*CRI, "registry", "configs", "a.example", "auth", "username"), "u", RELEASES[:3]),
    ((*CRI, "registry", "configs", "a.example", "tls", "ca_file"), "/c", RELEASES[:3]),
    ((*CRI, "registry", "headers", "X-Meta"), ["1"], RELEASES[:3]),
    ((*CRI, *RUNC, "pod_annotations"), ["a"], RELEASES[:3]),
    ((*CRI, *RUNC, "container_annotations"), ["a"], RELEASES[:3]),
    ((*CRI, "containerd", "default_runtime", "pod_annotations"), ["a"], RELEASES[:3]),
    ((*CRI, "containerd", "untrusted_workload_runtime", "pod_annotations"), ["a"], RELEASES[:3]),
    ((*IMG, "registry", "mirrors", "m.example", "endpoint"), ["https://m"], RELEASES[3:]),
    ((*IMG, "registry", "auths", "https://a.example", "username"), "u", RELEASES[3:]),
    ((*IMG, "registry", "configs", "a.example", "auth", "username"), "u", RELEASES[3:]),
    ((*IMG, "registry", "headers", "X-Meta"), ["1"], RELEASES[3:]),
    ((*IMG, "runtime_platforms", "kata", "snapshotter"), "native", RELEASES[3:]),
    ((*IMG, "pinned_images", "other"), "x", RELEASES[3:]),
    ((*RT, *RUNC, "options", "NoPivotRoot"), True, RELEASES[3:]),
    ((*RT, *RUNC, "options", "TaskApiAddress"), "x", RELEASES[3:]),
    (("plugins", "io.containerd.transfer.v1.local", "unpack_config"), [{"platform": "linux"}], RELEASES[3:]),
    *(((*OTLP, key), value, RELEASES[2:]) for key, value in (("endpoint", "x"), ("protocol", "grpc"))),
    ((*OTLP, "insecure"), True, RELEASES[2:]),
    *(
        ((*TRACING, key), value, RELEASES[2:])
        for key, value in (("service_name", "x"), ("sampling_ratio", 0.5))
    ),
    (("imports",), ["/etc/containerd/conf.d/*.toml"], RELEASES),
    (("timeouts", "io.containerd.timeout.new"), "9s", RELEASES),
    (("proxy_plugins", "x"), {"type": "snapshot", "address": "/s"}, RELEASES),
    (("stream_processors", "x", "path"), "/bin/x", RELEASES),
    (("stream_processors", "x", "env"), ["A=1"], RELEASES[1:]),
]


@pytest.mark.parametrize(
    ("release", "path", "value"),
    [
        pytest.param(release, path, value, id=f"{release}-{dotted(path)}")
        for path, value, releases in UNPRINTED
        for release in releases
    ],
    indirect=["release"],
)
def test_keys_that_no_default_prints_are_accepted_here_and_there(release, base, path, value, tmp_path):
    assert not errors(findings(base, path, value))
    result, warnings = dump(release, tmp_path, put(base, path, value))
    assert not warnings
    # 1.x puts the file itself among the imports; empty tables are not printed.
    if value and path != ("imports",):
        assert at(result, path) not in (None, {})


def test_keys_that_containerd_ignores_are_unknown_here(release, base, tmp_path):
    """Each leaf of another release's default: containerd and the rules agree on whether it is one."""
    compared = 0
    for newer in RELEASES:
        default = toml.loads(run(newer, "config", "default").stdout)
        for path, value in walk(default) if default["version"] == base["version"] else ():
            free = (
                path[0] in ("timeouts", "stream_processors")
                or "options" in path
                or path[:2] == (*CRI[:1], "io.containerd.transfer.v1.local")
            )
            if at(base, path) is not None or value == {} or free:
                continue
            value = other(value) if not isinstance(value, str) else re.sub(r"^$", "x", value)
            result, _ = dump(release, tmp_path, put(base, path, value if value != [] else ["x"]))
            unknown = at(result, path) is None
            assert bool(errors(findings(base, path, value))) == unknown, path
            compared += 1
    assert compared or release in ("1.7.24", "2.1.9")


TYPOS = {
    2: [
        ((*CRI, "sandbox_imag"), (*CRI, "sandbox_image")),
        ((*CRI, "containerd", "snapshoter"), (*CRI, "containerd", "snapshotter")),
        ((*CRI, "containerd", "default_runtime_nam"), (*CRI, "containerd", "default_runtime_name")),
        ((*CRI, "cni", "conf_dirs"), (*CRI, "cni", "conf_dir")),
        ((*CRI, "registry", "mirors"), (*CRI, "registry", "mirrors")),
        ((*CRI, *RUNC, "runtime_typ"), (*CRI, *RUNC, "runtime_type")),
    ],
    3: [
        ((*IMG, "pined_images"), (*IMG, "pinned_images")),
        ((*IMG, "snapshoter"), (*IMG, "snapshotter")),
        ((*RT, "containerd", "default_runtime_nam"), (*RT, "containerd", "default_runtime_name")),
        ((*RT, "cni", "conf_dirs"), (*RT, "cni", "conf_dir")),
        ((*IMG, "registry", "mirors"), (*IMG, "registry", "mirrors")),
        ((*RT, *RUNC, "runtime_typ"), (*RT, *RUNC, "runtime_type")),
    ],
}
TYPOS_OF_ALL = [
    (("oom_scor",), ("oom_score",)),
    (("debug", "levl"), ("debug", "level")),
    (("grpc", "adress"), ("grpc", "address")),
    ((*CRI, "stream_server_prt"), (*CRI, "stream_server_port")),
]


@pytest.mark.parametrize("number", range(10))
def test_typos_are_found_with_the_right_key(release, base, number, tmp_path):
    typo, right = [*TYPOS_OF_ALL, *TYPOS[base["version"]]][number]
    value = at(base, right)
    value = {} if value is None else value
    found = [finding for finding in findings(base, typo, value) if finding.key == dotted(typo)]
    assert len(found) == 1
    assert found[0].message.endswith(f"the nearest key is {dotted(right)}")
    if value not in ({}, []):
        # And containerd ignores it, indeed: 2.x says so, 1.x does not.
        result, warnings = dump(release, tmp_path, put(base, typo, value))
        assert at(result, typo) is None
        assert bool(warnings) == (base["version"] > 2)
