"""
Pillar runtimes as a model: the defaults of common runtimes, the place of an archive's files, what is wrong.
"""

import pytest
from containerd_formula.findings import ERROR, WARNING, errors
from containerd_formula.places import RUNTIMES
from containerd_formula.runtime_settings import is_configured, read

SHA = "0" * 64
ARCHIVE = {"archive": "https://a.corp/x.tar.gz", "sha256": SHA}
KATA = {
    "privileged_without_host_devices": True,
    "pod_annotations": ["io.katacontainers.*"],
}


def one(name, given, release=None):
    model = read({name: given}, release)
    assert errors(model.findings) == []
    return model.runtimes[0]


def told(given, release=None):
    return [(found.level, found.message) for found in read(given, release).findings]


@pytest.mark.parametrize(
    ("name", "given", "kind", "path", "binary", "keys"),
    [
        ("crun", {}, "io.containerd.runc.v2", "", "/usr/bin/crun", {}),
        ("youki", {"package": "youki"}, "io.containerd.runc.v2", "", "/usr/bin/youki", {}),
        ("nvidia", {}, "io.containerd.runc.v2", "", "/usr/bin/nvidia-container-runtime", {}),
        ("runsc", {}, "io.containerd.runsc.v1", "", "", {}),
        ("kata", {}, "io.containerd.kata.v2", "", "", KATA),
        (
            "kata",
            {"pod_annotations": ["a"]},
            "io.containerd.kata.v2",
            "",
            "",
            {**KATA, "pod_annotations": ["a"]},
        ),
        ("kata", {"type": "io.containerd.kata-qemu.v2"}, "io.containerd.kata-qemu.v2", "", "", KATA),
        ("mine", {"binary": "/opt/mine"}, "io.containerd.runc.v2", "", "/opt/mine", {}),
        ("mine", {"binary": "mine"}, "io.containerd.runc.v2", "", "mine", {}),
        ("mine", {"options": {"BinaryName": "/opt/mine"}}, "io.containerd.runc.v2", "", "/opt/mine", {}),
        (
            "spin",
            {"type": "io.containerd.spin.v2", "path": "/opt/s"},
            "io.containerd.spin.v2",
            "/opt/s",
            "",
            {},
        ),
        ("crun", {"type": "io.containerd.wasm.v1"}, "io.containerd.wasm.v1", "", "", {}),
        # Beside an archive, what is relative is in it.
        ("youki", {**ARCHIVE}, "io.containerd.runc.v2", "", f"{RUNTIMES}/youki/youki", {}),
        ("crun", {**ARCHIVE, "binary": "bin/c"}, "io.containerd.runc.v2", "", f"{RUNTIMES}/crun/bin/c", {}),
        ("runc", {**ARCHIVE}, "io.containerd.runc.v2", "", f"{RUNTIMES}/runc/runc", {}),
        ("kata", {**ARCHIVE, "path": "bin/s"}, "io.containerd.kata.v2", f"{RUNTIMES}/kata/bin/s", "", KATA),
        ("mine", {**ARCHIVE}, "io.containerd.runc.v2", "", f"{RUNTIMES}/mine/mine", {}),
    ],
)
def test_a_few_words_are_a_whole_runtime(name, given, kind, path, binary, keys):
    found = one(name, given)
    assert (found.name, found.type, found.path, found.binary, found.keys) == (name, kind, path, binary, keys)
    assert "BinaryName" not in found.options


def test_what_is_installed_is_said_beside_it():
    found = one("crun", {"package": "crun", "version": "1.2*", "hold": True, "upgrade": True})
    assert (found.package, found.version, found.hold, found.upgrade) == ("crun", "1.2*", True, True)
    found = one("runc", {"version": "1.3.*", "hold": None})
    assert (found.package, found.version, found.hold, found.upgrade) == ("", "1.3.*", None, False)


def test_the_order_is_pillars_and_null_takes_away():
    model = read({"default": "youki", "youki": {}, "crun": None, "nvidia": {}})
    assert (model.default, [found.name for found in model.runtimes]) == ("youki", ["youki", "nvidia"])
    assert read(None) == read({}) and read({}).runtimes == []


@pytest.mark.parametrize(
    ("given", "configured"),
    [
        ({"version": "1.3.*"}, False),
        ({"hold": True, "package": "runc"}, False),
        ({}, False),
        ({"options": {"Root": "/a"}}, True),
        ({"base_spec": {"process": {}}}, True),
        ({"cgroup_writable": True}, True),
        (ARCHIVE, True),
    ],
)
def test_runc_has_a_table_only_for_what_is_in_one(given, configured):
    assert is_configured(one("runc", given)) is configured
    assert is_configured(one("crun", {}))


def test_a_fragment_of_a_spec_keeps_its_nulls():
    given = {"base_spec": {"process": {"noNewPrivileges": None}}, "options": {"Root": None}}
    assert one("runc", given).base_spec == {"process": {"noNewPrivileges": None}}
    assert one("runc", given).options == {}


@pytest.mark.parametrize(
    ("given", "key", "words"),
    [
        ([], "", "it must be a mapping"),
        ({"crun": "crun"}, "crun", "it must be a mapping, or null to take it away"),
        ({"a/b": {}}, "a/b", "write a name of letters"),
        ({"..": {"binary": "/a"}}, "..", "write a name of letters"),
        ({"a" * 64: {"binary": "/a"}}, "a" * 64, "write a name of letters"),
        ({"crun": {"binery": "/a"}}, "crun:binery", "did you mean binary?"),
        ({"crun": {"runtime_type": "a"}}, "crun:runtime_type", "did you mean type?"),
        ({"crun": {"runtime_path": "a"}}, "crun:runtime_path", "did you mean path?"),
        ({"crun": {"hold": "yes"}}, "crun:hold", "it is 'yes'; it must be true or false"),
        (
            {"crun": {"package": "crun", "version": 1.3}},
            "crun:version",
            "it must be one line of text, in quotes",
        ),
        ({"crun": {"package": "crun", "version": "-x"}}, "crun:version", "write a version or a pattern"),
        ({"crun": {"options": []}}, "crun:options", "it must be a mapping"),
        ({"crun": {"package": "crun-"}}, "crun:package", "no name of a package"),
        ({"x": {"package": "containerd.io", "binary": "/x"}}, "x:package", "containerd's own package"),
        ({"crun": {**ARCHIVE, "package": "crun"}}, "crun:archive", "exclude each other"),
        ({"crun": {"archive": "https://a.corp/x"}}, "crun:sha256", "nothing is installed without it"),
        ({"crun": {**ARCHIVE, "sha256": "abc"}}, "crun:sha256", "64 hexadecimal digits"),
        ({"crun": {**ARCHIVE, "archive": "http://a.corp/x"}}, "crun:archive", "write an https://"),
        ({"crun": {"sha256": SHA}}, "crun:sha256", "there is none: leave it out"),
        ({"crun": {"version": "1.2"}}, "crun:version", "nothing is installed: name a package"),
        ({"crun": {"hold": True}}, "crun:hold", "nothing is installed: name a package"),
        ({"runc": {**ARCHIVE, "hold": True}}, "runc:hold", "its sha256 says which: leave it out"),
        ({"mine": {}}, "mine", "it needs binary"),
        ({"mine": {"binary": "bin/mine"}}, "mine:binary", "write an absolute path"),
        ({"mine": {"binary": "/a/../b"}}, "mine:binary", "without . and .."),
        ({"mine": {"path": "shim", "type": "io.containerd.a.v1"}}, "mine:path", "write an absolute path"),
        ({"mine": {**ARCHIVE, "binary": "/usr/bin/mine"}}, "mine:binary", "it is not in the archive"),
        ({"kata": ARCHIVE}, "kata:path", "write where the archive has the shim"),
        ({"kata": {"binary": "/a"}}, "kata:binary", "the shim of 'io.containerd.kata.v2' takes no binary"),
        (
            {"crun": {"binary": "/a", "options": {"BinaryName": "/b"}}},
            "crun:options:BinaryName",
            "binary says it already",
        ),
        ({"default": "nope"}, "default", "no runtime has the name 'nope'; there are runc"),
        ({"default": "crum", "crun": {}}, "default", "did you mean crun?"),
        ({"default": "crun", "crun": None}, "default", "no runtime has the name 'crun'"),
        ({"default": {"binary": "/a"}}, "default", "it must be the name of a runtime"),
        ({"crun": {"base_spec": {}, "base_runtime_spec": "/a"}}, "crun:base_spec", "says it already"),
        ({"crun": {"base_spec": {"process": []}}}, "crun:base_spec:process", "it must be a mapping"),
        (
            {"crun": {"base_spec": {"process": {"rlimits": "a"}}}},
            "crun:base_spec:process:rlimits",
            "it must be a list",
        ),
    ],
)
def test_what_is_wrong_is_told_by_its_key_with_the_cure(given, key, words):
    [(level, message)] = told(given)
    assert level == ERROR and message.startswith(":".join(["containerd:runtimes", *([key] if key else [])]))
    assert words in message
    # What is wrong is not used.
    assert key.partition(":")[0] not in [found.name for found in read(given).runtimes]


def test_a_name_that_no_runtimeclass_can_have_is_a_warning():
    [(level, message)] = told({"Crun_1.2": {"binary": "/a"}})
    assert level == WARNING and "no RuntimeClass can name it" in message


@pytest.mark.parametrize(
    ("release", "works"),
    [("1.4.13", 0), ("1.6.20", 0), ("1.6.21", 1), ("1.7.0", 0), ("1.7.1", 1), ("1.7.24", 1), ("2.1.9", 1)],
)
def test_a_path_where_containerd_does_nothing_with_it_is_refused(release, works):
    found = told({"kata": {"path": "/opt/kata/shim"}}, release)
    assert [level for level, _ in found] == ([] if works else [ERROR])
    assert works or "upgrade to 1.6.21 or 1.7.1" in found[0][1]


def test_the_oldest_gives_containers_no_rlimits():
    spec = {"process": {"rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 2}]}}
    [(level, message)] = told({"runc": {"base_spec": spec}}, "1.4.13")
    assert level == WARNING and "gives containers no rlimits" in message
    assert told({"runc": {"base_spec": spec}}, "1.6.20") == []
