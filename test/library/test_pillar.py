"""
What is said of a wrong pillar; the render matrix (test/functional) shows that it stops the run.
"""

import subprocess
import sys

import hypothesis
import pytest
import yaml
from containerd_formula import pillar
from hypothesis import strategies as st
from support import ROOT

DEFAULTS = yaml.safe_load((ROOT / "containerd/defaults.yaml").read_text(encoding="utf-8"))
DEBIAN = {"os": "Debian", "os_family": "Debian", "cpuarch": "x86_64"}
HASH = "0" * 64
IMAGE = {"name": "a.io/a:1", "archive": "salt://a.tar", "sha256": HASH}
ARCHIVE = {"source": "archive", "version": "1.7.24", "archive": {"sha256": {"1.7.24": {"amd64": HASH}}}}
RUNC = {"runc": {"version": "1.3.3", "sha256": {"1.3.3": {"amd64": HASH}}}}
FETCHED = {"archive": "salt://runc", "sha256": HASH}


def problems(given, grains=DEBIAN):
    return pillar.problems(given, DEFAULTS, {"Debian": {}}, grains)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"config": {"any": {"thing": [1, None, True]}}},
        {"config": None},
        {"kernel": {"modules": [], "sysctls": {"a.b": "1 2 3", "c.d": 1, "e.f": None}}},
        {"package": {"source": "distro"}},
        {"package": {"source": "none"}},
        {"registries": {"check": False, "prune": False, "hosts": {"a.io": None, "b.io": {}}}},
        {"registries": {"check": "fail"}},
        {"runtimes": {"default": "crun", "crun": {"package": "crun"}, "kata": None}},
        {"sandbox_image": "a.io/b:1", "images": [IMAGE], "package": {"upgrade": True}},
        {"package": {"version": "5:1.7.24~rc.1-1+b2", "hold": None}},
        {"package": {"version": "1.[67].*", "hold": True}},
        {"package": {"docker": {"key": "salt://docker.asc", "fingerprints": ["9dc8 5822" * 5]}}},
        {"package": {"docker": {"key": "-----BEGIN PGP PUBLIC KEY BLOCK-----\n"}}},
        {"package": ARCHIVE},
        {"package": {**ARCHIVE, "archive": {**ARCHIVE["archive"], **RUNC}}},
        {"package": ARCHIVE, "runtimes": {"runc": FETCHED}},
        {"runtimes": {"runc": FETCHED}},
        {"runtimes": {"runc": {"base_spec": {}}, "crun": {"package": "crun"}}},
        {"package": {"source": "distro", "upgrade": True}, "runtimes": {"runc": {"upgrade": True}}},
        {"kernel": {"sysctls": {"net/ipv4/conf/eth0.1/forwarding": 1}}},
        {"salt": {"tomlkit": "tomlkit>=0.15.1,<0.16"}},
        {"salt": {"tomlkit": "tomlkit == 0.15.2", "package": "python3-tomlkit"}},
        {"salt": {"wheel": "salt://files/tomlkit-0.15.2-py3-none-any.whl", "wheel_sha256": HASH}},
        {"salt": {"wheel": "https://me:pw@a/b/tomlkit-1!2+c.1-py3-none-any.whl", "wheel_sha256": HASH}},
        {"salt": {"wheel": "file:///srv/tomlkit-0.15.2-py3-none-any.whl", "wheel_sha256": "ab" * 32}},
        {"service": {"ready_timeout": 0.5}},
        {"tools": {"crictl": {"manage": True, "config": {"timeout": 2}}, "completion": ["ctr"]}},
        {"config_for": {">=1.5": {"oom_score": 1}, ">=1.6, <2.0": {}, "1.7": {}}},
    ],
)
def test_a_right_pillar_has_no_problems(given):
    assert problems(given) == []


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"kernel": {"modules": [1]}}, "containerd:kernel:modules has an entry that is a number"),
        ({"kernel": {"sysctls": {"a.b": True}}}, "containerd:kernel:sysctls:a.b is a boolean"),
        ({"kernel": {"sysctls": []}}, "containerd:kernel:sysctls is a list; it must be a mapping."),
        (
            {"kernel": {"sysctl": {}}},
            "containerd:kernel:sysctl is not a setting of this formula; did you mean",
        ),
        ({"tools": {"crictl": {"mange": True}}}, "containerd:tools:crictl:mange is not a setting of this"),
        ({"tools": {"completion": "ctr"}}, "containerd:tools:completion is a string; it must be a list."),
        ({"tools": {"nerdctl": True}}, "containerd:tools:nerdctl is a boolean; it must be a mapping."),
        ({"nope": 1}, "containerd:nope is not a setting of this formula; known are kernel, package"),
        ({"service": {"ready_timeout": "60"}}, "containerd:service:ready_timeout is a string"),
        ({"config_for": []}, "containerd:config_for is a list; it must be a mapping."),
        ({"registries": {"check": 1}}, "containerd:registries:check is a number; it must be a string."),
        ({"registries": {"check": True}}, "containerd:registries:check is True; it must be one of warn"),
        ({"registries": {"check": "maybe"}}, "containerd:registries:check is 'maybe'; it must be one of"),
        ({"registries": {"hosts": []}}, "containerd:registries:hosts is a list; it must be a mapping."),
        ({"registries": {"hosts": {"a.io": []}}}, "containerd:registries:hosts:a.io is a list; it must be"),
        ({"registries": {"host": {}}}, "containerd:registries:host is not a setting of this formula; did"),
        ({"runtimes": []}, "containerd:runtimes is a list; it must be a mapping."),
        ({"runtimes": {"crun": []}}, "containerd:runtimes:crun is a list; it must be a mapping, or null"),
        ({"runtimes": {"crun": "crun"}}, "containerd:runtimes:crun is a string; it must be a mapping."),
        ({"runtimes": {"default": {}}}, "containerd:runtimes:default is a mapping; it must be the name of"),
        ({"sandbox_image": 3.1}, "containerd:sandbox_image is a number; it must be a string."),
        ({"images": [{**IMAGE, "name": None}]}, "containerd:images:0:name is missing; write the whole name"),
        ({"images": [{**IMAGE, "archive": "/a"}]}, "containerd:images:0:archive is not an address"),
        ({"images": [IMAGE, {**IMAGE, "sha256": 1}]}, "containerd:images:1:sha256 is not 64 hexadecimal"),
        ({"images": ["a"]}, "containerd:images has an entry that is a string; each must be a mapping."),
        ({"package": {"upgrade": "yes"}}, "containerd:package:upgrade is a string; it must be a boolean."),
        ({"config_for": {">=1.5": None}}, "containerd:config_for:>=1.5 is a null; it must be a mapping."),
        ({"config_for": None}, "containerd:config_for is a null; it must be a mapping, or left out."),
        ({"service": None}, "containerd:service is a null; it must be a mapping, or left out."),
        ({"config_for": {1.7: {}}}, "the key 1.7, a number; put it in quotation marks."),
        ({"config_for": {"=1.5": {}}}, "the key '=1.5'; write releases such as '>=1.5'"),
        ({"service": {"ready_timeout": 0}}, "containerd:service:ready_timeout is 0; it must be above 0"),
        ({"service": {"ready_timeout": True}}, "containerd:service:ready_timeout is a boolean"),
        ({"package": {"source": "Docker"}}, "must be one of docker, distro, archive, none."),
        ({"package": {"version": 1.7}}, "containerd:package:version is a number; it must be a string."),
        ({"package": {"version": "1.7 -o x=y"}}, "containerd:package:version is '1.7 -o x=y'"),
        ({"package": {"version": "-1"}}, "containerd:package:version is '-1'"),
        ({"package": {"hold": "yes"}}, "containerd:package:hold is a string; it must be a boolean."),
        ({"package": {"docker": {"url": "https://a b"}}}, "containerd:package:docker:url is not an address"),
        (
            {"package": {"docker": {"url": "https://a\nSuites: b"}}},
            "containerd:package:docker:url is not an address",
        ),
        ({"package": {"docker": {"channel": "a\nb"}}}, "containerd:package:docker:channel is"),
        ({"package": {"docker": {"distributions": {"Debian": "a/\nb"}}}}, "distributions:Debian is 'a/"),
        ({"package": {"docker": {"key": "/etc/key"}}}, "containerd:package:docker:key is neither"),
        ({"package": {"docker": {"fingerprints": []}}}, "containerd:package:docker:fingerprints is empty"),
        ({"package": {"docker": {"fingerprints": ["0EBFCD88"]}}}, "fingerprints has '0EBFCD88'"),
        (
            {"package": {"docker": {"fingerprints": "0EBFCD88"}}},
            "fingerprints is a string; it must be a list",
        ),
        ({"package": {"source": "none", "hold": True}}, "source none has no package to hold"),
        ({"package": {"source": "none", "version": "1"}}, "source none installs nothing"),
        ({"package": {"source": "none", "upgrade": True}}, "source none has no newest package; leave it"),
        (
            {"runtimes": {"runc": {"version": "1.3.*"}}},
            "containerd:runtimes:runc:version is set, and source do",
        ),
        (
            {"runtimes": {"runc": {"upgrade": True}}},
            "take a containerd.io that has it (containerd:package:ver",
        ),
        (
            {
                "package": {**ARCHIVE, "archive": {**ARCHIVE["archive"], **RUNC}},
                "runtimes": {"runc": FETCHED},
            },
            "containerd:runtimes:runc and containerd:package:archive:runc:version exclude each other",
        ),
        ({"package": {**ARCHIVE, "upgrade": True}}, "source archive has no newest package; leave it"),
        ({"package": {**ARCHIVE, "version": "1.7.*"}}, "'1.7.*'; an archive takes an exact one"),
        (
            {"package": {**ARCHIVE, "version": "1.7.25"}},
            "archive:sha256:1.7.25:amd64 is None; pin the SHA-256",
        ),
        ({"package": {**ARCHIVE, "archive": {"sha256": {"1.7.24": HASH}}}}, "1.7.24:amd64 is None; pin"),
        ({"package": {**ARCHIVE, "hold": True}}, "source archive has no package to hold"),
        (
            {"package": {**ARCHIVE, "archive": {**ARCHIVE["archive"], "architectures": {"x86_64": [1]}}}},
            "containerd:package:archive:architectures:x86_64 is [1]; write one word.",
        ),
        (
            {"package": {**ARCHIVE, "archive": {**ARCHIVE["archive"], "runc": {"version": "1.1.15"}}}},
            "containerd:package:archive:runc:sha256:1.1.15:amd64 is None",
        ),
        (
            {"package": {**ARCHIVE, "archive": {**ARCHIVE["archive"], "url": "/tmp/x"}}},
            "containerd:package:archive:url is not an address",
        ),
        ({"kernel": {"modules": ["/tmp/evil.ko"]}}, "containerd:kernel:modules has '/tmp/evil.ko'"),
        ({"kernel": {"modules": ["-r"]}}, "containerd:kernel:modules has '-r'"),
        ({"kernel": {"modules": ["a\nb"]}}, "containerd:kernel:modules has 'a\\nb'"),
        ({"kernel": {"sysctls": {"net.*.x": 1}}}, "containerd:kernel:sysctls has the key 'net.*.x'"),
        ({"kernel": {"sysctls": {"-net.x": 1}}}, "containerd:kernel:sysctls has the key '-net.x'"),
        ({"kernel": {"sysctls": {"a.b": "1\nc.d = 2"}}}, "containerd:kernel:sysctls:a.b has a control"),
        (
            {"package": {"repository": {"key": "/etc/shadow"}}},
            "containerd:package:repository is set by the formula",
        ),
        (
            {"package": {"docker": {"packages": ["./evil.deb"]}}},
            "packages has './evil.deb', which is not a package name",
        ),
        ({"package": {"distro": {"packages": ["-o=x"]}}}, "packages has '-o=x', which is not a package name"),
        ({"package": {"hold_needs": ["a b"]}}, "containerd:package:hold_needs has 'a b'"),
        ({"package": {"hold_needs": ["sudo-"]}}, "containerd:package:hold_needs has 'sudo-'"),
        ({"salt": {"package": "openssh-server-"}}, "containerd:salt:package has 'openssh-server-'"),
        ({"package": {"distro": {"packages": ["a_"]}}}, "containerd:package:distro:packages has 'a_'"),
        ({"config": {"a": "x\x7fy"}}, "containerd:config:a holds the character '\\x7f'"),
        ({"config": {"a": "x\x85y"}}, "containerd:config:a holds the character '\\x85'"),
        ({"config": {"a": "x\ufffey"}}, "containerd:config:a holds the character '\\ufffe'"),
        ({"config": {"a\u2028b": 1}}, "containerd:config has a key that holds the character '\\u2028'"),
        ({"service": {"environment": {"T": "x\0y"}}}, "containerd:service:environment:T holds the"),
        (
            {"kernel": {"sysctls": {"net/ipv4/../../kernel/core_pattern": "|/x"}}},
            "containerd:kernel:sysctls has the key",
        ),
        ({"kernel": {"sysctls": {"net.ipv4.//.//.kernel.core_pattern": "|/x"}}}, "has the key"),
        ({"kernel": {"sysctls": {"net/./ipv4": 1}}}, "has the key"),
        ({"salt": {"tomlkit": "git+https://evil"}}, "containerd:salt:tomlkit is not a requirement"),
        ({"salt": {"tomlkit": "tomlkit @ file:///x"}}, "containerd:salt:tomlkit is not a requirement"),
        (
            {"salt": {"package": "--force"}},
            "containerd:salt:package has '--force', which is not a package name",
        ),
        ({"salt": {"wheel": "salt://tomlkit-1.tar.gz", "wheel_sha256": HASH}}, "containerd:salt:wheel is no"),
        ({"salt": {"wheel": "http://a/tomlkit-1.whl", "wheel_sha256": HASH}}, "containerd:salt:wheel is no"),
        ({"salt": {"wheel": "salt://a/evil-1.whl", "wheel_sha256": HASH}}, "containerd:salt:wheel is no"),
        ({"salt": {"wheel": "salt://a/tomlkit-1.whl"}}, "wheel_sha256 is ''; pin the 64"),
        ({"salt": {"wheel": "salt://tomlkit-1.whl", "wheel_sha256": "0"}}, "wheel_sha256 is '0'; pin the 64"),
        ({"salt": {"wheel_sha256": HASH}}, "containerd:salt:wheel_sha256 is set, but wheel is not"),
        ({"salt": {"index_url": "pypi"}}, "containerd:salt:index_url is not an address"),
        ({"salt": {"index_url": "https://a/", "package": "x"}}, "has index_url and package; set only one"),
    ],
)
def test_a_wrong_pillar_has_one_clear_problem(given, sentence):
    found = problems(given)
    assert len(found) == 1
    assert sentence in found[0]


def test_all_problems_are_told_at_once():
    assert len(problems({"nope": 1, "kernel": {"modules": "overlay"}, "config": []})) == 3


def test_docker_has_no_packages_for_a_derivative():
    grains = {"os": "Mint", "os_family": "Debian"}
    (problem,) = problems({}, grains)
    assert problem.startswith(
        "containerd:package:source is docker, and Docker has no packages for 'Mint'; set it to distro, or"
    )
    assert problems({"package": {"source": "distro"}}, grains) == []
    assert (
        problems({"package": {"docker": {"distributions": {"Mint": "ubuntu"}, "release": "noble"}}}, grains)
        == []
    )


@pytest.mark.parametrize("name", ["AlmaLinux", "CentOS Stream", "CentOS", "Rocky", "OEL"])
def test_rebuilds_of_red_hat_take_the_packages_for_centos(name):
    assert pillar.problems({}, DEFAULTS, {"RedHat": {}}, {"os": name, "os_family": "RedHat"}) == []
    assert DEFAULTS["package"]["docker"]["distributions"][name] == "centos"


def test_an_archive_is_for_a_machine():
    (problem,) = problems({"package": ARCHIVE}, {**DEBIAN, "cpuarch": "mips"})
    assert "there are no archives for 'mips'" in problem
    (problem,) = problems({"package": ARCHIVE}, {**DEBIAN, "cpuarch": "aarch64"})
    assert "archive:sha256:1.7.24:arm64 is None" in problem


@pytest.mark.parametrize("hashes", [{"loong64": HASH}, {"amd64": HASH}])
def test_an_archive_for_one_more_machine_needs_its_name_and_its_hash(hashes):
    archive = {"architectures": {"loongarch64": "loong64"}, "sha256": {"1.7.24": hashes}}
    found = problems({"package": {**ARCHIVE, "archive": archive}}, {**DEBIAN, "cpuarch": "loongarch64"})
    assert [problem[:50] for problem in found] == (
        [] if "loong64" in hashes else ["containerd:package:archive:sha256:1.7.24:loong64 i"]
    )


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=9) | st.integers(), inner),
    max_leaves=4,
)


def damaged(default):
    """
    Return values for a setting: its default, anything, or its default with a part that is anything.
    """
    inner = {key: damaged(value) for key, value in default.items()} if isinstance(default, dict) else {}
    return st.just(default) | ANYTHING | st.fixed_dictionaries({}, optional=inner)


@hypothesis.given(damaged(DEFAULTS), st.sampled_from(["docker", "distro", "archive", "none"]))
def test_any_pillar_at_all_has_an_answer(given, source):
    """
    An exception in it would end the whole run with a traceback.
    """
    # Most would stop at a wrong type: the values behind are looked at, too.
    if isinstance(given, dict) and isinstance(given.get("package"), dict):
        given = {**given, "package": {**given["package"], "source": source, "version": "1.7.24"}}
    assert all(isinstance(problem, str) for problem in problems(given))


def test_it_runs_on_a_minion_that_has_no_library_yet(tmp_path):
    """
    By itself: the renderer gives it what it asks about as globals, and finds no package beside it.
    """
    copy = tmp_path / "pillar.py"
    copy.write_text(
        (ROOT / "_utils/containerd_formula/pillar.py").read_text(encoding="utf-8"), encoding="utf-8"
    )
    program = (
        "import sys, runpy; sys.path[:] = [p for p in sys.path if '_utils' not in p];"
        "found = runpy.run_path(sys.argv[1]);"
        "found['run'].__globals__.update(given={'nope': 1}, defaults={'kernel': {}}, families=['Debian'],"
        " grains={'os_family': 'Debian'});"
        "print(found['run']())"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, copy], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("['containerd:nope is not a setting of this formula")


def test_pacman_holds_nothing():
    grains = {"os": "Arch", "os_family": "Debian"}
    assert problems({"package": {"source": "distro", "hold": False}}, grains) == []
    grains = {"os": "Arch", "os_family": "Arch"}
    found = pillar.problems({"package": {"source": "distro", "hold": True}}, DEFAULTS, {"Arch": {}}, grains)
    assert ["pacman holds no packages" in problem for problem in found] == [True]


@pytest.mark.parametrize(
    "given",
    [
        {"package": {"docker": {"url": "ftp://me:hunter2@host/"}}},
        {"package": {"docker": {"key": "ftp://me:hunter2@host/"}}},
        {"package": {**ARCHIVE, "archive": {**ARCHIVE["archive"], "url": "ftp://me:hunter2@host/"}}},
        {"salt": {"wheel": "https://me:hunter2@host/x.tar"}},
        {"salt": {"index_url": "ftp://me:hunter2@host/"}},
        {"salt": {"tomlkit": "tomlkit @ https://me:hunter2@host/"}},
    ],
)
def test_a_malformed_address_is_not_repeated_with_its_password(given):
    assert problems(given)
    assert "hunter2" not in str(problems(given))
