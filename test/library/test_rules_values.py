"""
Values of the daemon, each rule by a case and by its negative twin.
"""

import copy

import pytest
from library.rules_documents import (
    ALL,
    BASES,
    CRI,
    GC,
    GRPC,
    IMG,
    METRICS,
    NEW,
    RUNC,
    SHIM_LOAD,
    TCP,
    cases,
    found,
    prove,
)

PORT, IDLE = f"{CRI}.stream_server_port", f"{CRI}.stream_idle_timeout"

AUTH = "registry.configs.x.auth"
CASES = [
    *(
        one
        for version, table in ((2, CRI), (3, IMG), (4, IMG))
        for one in cases(
            (version,),
            (f"{table}.{AUTH}.password", "(secret)"),
            "write the real value",
            (f"{table}.{AUTH}.password", "a(secret)"),
        )
    ),
    *cases(ALL, ('proxy_plugins."(secret)".type', "snapshot"), "write the real value", []),
    *cases(ALL, ("imports", ["a*", "https://(secret)@h/*"]), "write the real value", ("imports", ["a*"])),
    *cases(ALL, (f"{GC}.startup_delay", 5), 'as "5s"', (f"{GC}.startup_delay", "1.5s")),
    *cases(ALL, (SHIM_LOAD, "5x"), "'5x' is not a duration", (SHIM_LOAD, "-1s")),
    *cases(ALL, (IDLE, "5"), 'as "5s"', (IDLE, "")),
    *(
        one
        for version, table in ((2, CRI), (3, IMG), (4, IMG))
        for one in cases(
            (version,),
            (f"{table}.image_pull_progress_timeout", ""),
            'write text with a unit, as "0s"',
            (f"{table}.image_pull_progress_timeout", "0s"),
        )
    ),
    *cases(ALL, ("debug.level", "loud"), "panic, fatal, error", ("debug.level", "INFO")),
    *cases(ALL, ("debug.format", "JSON"), "text, json", ("debug.format", "json")),
    *cases(NEW, (f"{RUNC}.io_type", "pipe"), "fifo, streaming", [], also=(f"{RUNC}.io_type", None)),
    *cases(ALL, (PORT, 10010), 'write "10010"', (PORT, "10010")),
    *cases(ALL, (PORT, "65536"), "not a port", (PORT, "65535")),
    *cases((2, 3), ("metrics.address", "localhost"), "not host:port", ("metrics.address", "127.0.0.1:1338")),
    *cases((4,), (f"{METRICS}.address", "1338"), "not host:port", (f"{METRICS}.address", "[::1]:1338")),
    *cases((4,), (f"{TCP}.address", "a:b:1"), "not host:port", (f"{TCP}.address", ":1338")),
    *cases((4,), (f"{GRPC}.address", ""), "listens nowhere", (f"{GRPC}.address", None)),
    *cases(ALL, ("state", "/var/lib/containerd/"), "same folder", ("state", "/run/containerd")),
    *cases(ALL, ("root", "/run/containerd"), "same folder", ("root", "/data")),
    *cases(ALL, ("oom_score", -1001), "-1000 to 1000", ("oom_score", -1000)),
    *cases(ALL, ("oom_score", 1001), "-1000 to 1000", ("oom_score", 1000)),
    *cases(ALL, ("imports", ["no.toml"]), "is not a file", ("imports", ["here.toml", "conf.d/*.toml"])),
    *cases(ALL, ("imports", ["conf.d/\0*.toml"]), "holds a NUL", ("imports", ["conf.d/*.toml"])),
]


@pytest.mark.parametrize("case", CASES)
def test_rule(case):
    prove(*case)


@pytest.mark.parametrize("version", (2, 3))
def test_no_socket_is_one_by_default_before_schema_4(version):
    assert found(version, [("grpc.address", "")]) == []


def test_a_port_may_be_the_name_of_a_service():
    assert found(3, [("metrics.address", ":http"), (PORT, "http")]) == []


def test_missing_imports_are_no_error_on_1_4():
    base = copy.deepcopy(BASES[2])
    del base["imports"]
    assert [finding.level for finding in found(2, [("imports", ["/no"])], base=base)] == ["warning"]


def test_imports_start_in_the_folder_of_the_file():
    [finding] = found(3, [("imports", ["here.toml"])], folder="/srv")
    assert "/srv/here.toml is not a file" in finding.message
    assert found(3, [("imports", ["here.toml"])], node=None, folder="/srv") == []


@pytest.mark.parametrize(
    ("text", "right"),
    [
        *(
            (text, True)
            for text in ("1h30m", "1.5s", "100ms", "0", "-1s", "+1s", ".5s", "1.s", "1us1µs1μs1ns", "-0")
        ),
        *(
            (text, False)
            for text in ("", "5", "s", "1 s", "1S", "5x", "1h30", "--1s", ".s", "1s\n", "٣s", "1d")
        ),
        *(("2562047h", True), ("2562048h", False), ("9" * 400 + "h", False)),
    ],
)
def test_durations_are_those_of_go(text, right):
    assert (found(3, [(SHIM_LOAD, text)]) == []) is right
