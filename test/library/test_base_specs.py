"""
Base specs of runtimes: their files' names and texts, and mistakes that containerd takes in silence.
"""

import json

import pytest
from containerd_formula import base_specs
from containerd_formula.errors import Refused
from containerd_formula.findings import ERROR, WARNING

NOFILE = {"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 65536}
DEFAULT = json.dumps(
    {
        "ociVersion": "1.0.2",
        "process": {"cwd": "/", "noNewPrivileges": True, "rlimits": [{**NOFILE, "hard": 1024}]},
        "mounts": [{"destination": "/proc"}],
    }
)


def limits(*limits):
    return {"process": {"rlimits": list(limits)}}


def test_each_fragment_and_each_release_has_a_file_of_its_own():
    paths = {
        base_specs.path(name, fragment, release)
        for name in ("runc", "crun")
        for fragment in ({}, limits(NOFILE))
        for release in (None, "1.7.24", "2.1.9")
    }
    assert len(paths) == 12
    assert all(base_specs.is_ours(path.rpartition("/")[2]) for path in paths)
    one, other = {"process": {}, "linux": {}}, {"linux": {}, "process": {}}
    assert base_specs.path("a", one, "1.7.24") == base_specs.path("a", other, "1.7.24")
    assert not base_specs.is_ours("runc.json") and not base_specs.is_ours("../runc-0123456789ab.json")


def test_a_fragment_is_merged_into_what_containerd_has():
    text = base_specs.render(DEFAULT, {**limits(NOFILE), "linux": {"sysctl": {"a": "1", "b": None}}})
    assert json.loads(text) == {
        "ociVersion": "1.0.2",
        "process": {"cwd": "/", "noNewPrivileges": True, "rlimits": [NOFILE]},
        "mounts": [{"destination": "/proc"}],
        "linux": {"sysctl": {"a": "1"}},
    }


def test_what_a_container_has_without_a_base_spec_stays_so():
    """
    ``ctr`` limits files to 1024; CRI has no such limit.
    """
    spec = json.loads(base_specs.render(DEFAULT, {"process": {"noNewPrivileges": None}}))
    assert spec["process"] == {"cwd": "/"}


def test_a_file_that_somebody_edited_is_seen():
    fragment = {"process": {"rlimits": [NOFILE], "noNewPrivileges": None}}
    text = base_specs.render(DEFAULT, fragment)
    assert base_specs.is_as_meant(text, fragment)
    for edited in (
        text.replace("65536", "99"),
        text.replace('"cwd"', '"noNewPrivileges": 1, "cwd"'),
        "",
        "[]",
    ):
        assert not base_specs.is_as_meant(edited, fragment)


@pytest.mark.parametrize("printed", ["", "nope", "[]", "{}", '{"process": 1}'])
def test_what_is_no_spec_is_refused(printed):
    with pytest.raises(Refused, match="printed no spec"):
        base_specs.render(printed, {})


@pytest.mark.parametrize(
    ("fragment", "where", "level", "words"),
    [
        ({"proces": {}}, "proces", WARNING, "did you mean process?"),
        ({"process": {"rlimit": []}}, "process:rlimit", WARNING, "did you mean rlimits?"),
        ({"linux": {"zzz": 1}}, "linux:zzz", WARNING, "look it up in the OCI runtime specification"),
        ({"process": 5}, "process", ERROR, "it must be a mapping"),
        ({"process": None}, "process", ERROR, "leave this null out"),
        ({"process": {"cwd": None}}, "process:cwd", ERROR, "leave this null out"),
        ({"linux": None}, "linux", ERROR, "leave this null out"),
        ({"linux": {"namespaces": None}}, "linux:namespaces", ERROR, "leave this null out"),
        ({"linux": {"namespaces": [{"type": "pid"}]}}, "linux:namespaces", ERROR, "without type mount:"),
        ({"mounts": None}, "mounts", ERROR, "leave this null out"),
        (
            {"mounts": [{"destination": "/x"}]},
            "mounts",
            ERROR,
            "no container runs without destination /proc:",
        ),
        (limits(5), "process:rlimits:0", ERROR, "it must be a mapping with type, soft and hard"),
        (
            limits({**NOFILE, "type": "nofile"}),
            "process:rlimits:0:type",
            ERROR,
            "did you mean RLIMIT_NOFILE?",
        ),
        (limits({**NOFILE, "type": 5}), "process:rlimits:0:type", ERROR, "write one such as RLIMIT_NOFILE"),
        (limits(NOFILE, {**NOFILE, "soft": "64k"}), "process:rlimits:1", ERROR, "without quotes and units"),
        (limits({**NOFILE, "hard": -1}), "process:rlimits:0", ERROR, "must be numbers"),
        (limits({**NOFILE, "hard": True}), "process:rlimits:0", ERROR, "must be numbers"),
        (limits({**NOFILE, "soft": 99999}), "process:rlimits:0", ERROR, "soft (99999) is above hard"),
    ],
)
def test_what_containerd_takes_in_silence_is_told(fragment, where, level, words):
    [(path, said, how)] = base_specs.wrong(fragment, "2.1.9")
    assert (":".join(path), how) == (where, level) and words in said


def test_all_is_well_with_what_is_right():
    assert base_specs.wrong({**limits(NOFILE), "hooks": {}, "linux": {"resources": {}}}, None) == []
    assert base_specs.wrong({}, "1.4.13") == []
    mounts = [{"destination": "/proc", "type": "proc"}, {"destination": "/x"}]
    assert base_specs.wrong({"mounts": mounts, "linux": {"resources": None}}, None) == []
