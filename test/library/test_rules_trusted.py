"""
Programs, folders, files and sockets that a configuration names: they are root's, and on a disk.
"""

import pytest
from containerd_formula.findings import errors
from containerd_formula.rules.context import Node
from library.rules_documents import (
    ALL,
    BASES,
    CRI,
    CRUN,
    CRUN2,
    GRPC,
    IMG,
    KATA_TYPE,
    NEW,
    RT,
    RUNC_TYPE,
    cases,
    found,
    keys,
    merged,
    prove,
    tree,
)

NRI = 'plugins."io.containerd.nri.v1.nri"'
VERIFIER = 'plugins."io.containerd.image-verifier.v1.bindir"'
OPT = 'plugins."io.containerd.internal.v1.opt"'
OVERLAYFS = 'plugins."io.containerd.snapshotter.v1.overlayfs"'
SHIMS = 'plugins."io.containerd.shim.v1.manager"'
DECODER = "stream_processors.mine"
TASKS = 'plugins."io.containerd.service.v1.tasks-service"'
TRANSFER = 'plugins."io.containerd.transfer.v1.local"'
TCP = 'plugins."io.containerd.server.v1.grpc-tcp"'
STREAMING = [f"x509_key_pair_streaming.tls_{name}_file" for name in ("cert", "key")]
TLS = {
    version: [f"{'' if version == 4 else 'tcp_'}tls_{name}" for name in ("ca", "cert", "key")]
    for version in ALL
}
# What a release prints beside what the small defaults have.
MORE = {
    version: tree(
        [
            *((f"{NRI}.{key}", "") for key in ("plugin_path", "plugin_config_path", "socket_path")),
            *((f"{VERIFIER}.bin_dir", ""), (f"{OPT}.path", ""), ("temp", "")),
            *((f"{cri}.cni.conf_dir", ""), (f"{cri}.cni.conf_template", ""), (f"{cri}.cdi_spec_dirs", [])),
            *((f"{cri}.containerd.runtimes.runc.{key}", "") for key in ("runtime_path", "cni_conf_dir")),
            *((f"{TASKS}.{key}", "") for key in ("rdt_config_file", "blockio_config_file")),
            *((f"{CRI}.{key}", "") for key in STREAMING),
            *((f"{CRI if version == 2 else IMG}.registry.config_path", ""), (f"{TRANSFER}.config_path", "")),
            *((f"{TCP if version == 4 else 'grpc'}.{key}", "") for key in TLS[version]),
            *(() if version < 4 else ((f"{SHIMS}.env", []), (f"{SHIMS}.socket_dir", ""))),
            *(() if version > 3 else (("debug.address", ""), ("ttrpc.address", ""))),
            *(() if version > 2 else ((f"{cri}.containerd.runtimes.runc.runtime_root", ""),)),
        ]
    )
    for version, cri in ((2, CRI), (3, RT), (4, RT))
}
FULL = {version: merged(BASES[version], MORE[version]) for version in ALL}
# All below /mine is user 1000's, and one file in a folder of root's.
THEIRS = "/opt/bin/theirs"
PLUGIN = "/srv/plugins/theirs"
NODE = Node(
    is_file=lambda path: True,
    cgroup_v2=True,
    why_not_roots=lambda path: f"{path} is not root's" if path.startswith(("/mine", THEIRS, PLUGIN)) else "",
    entries=lambda folder: {"/opt/bin": ["/opt/bin/ours", THEIRS], "/srv/plugins": [PLUGIN]}.get(folder, []),
)


def settings(version):
    """Return the settings of a schema that name a program, a folder, a path and a socket."""
    cri, crun = (CRI, CRUN2) if version == 2 else (RT, CRUN)
    programs = [f"{crun}.options.BinaryName", f"{crun}.runtime_type", f"{DECODER}.path"]
    folders = [
        *(f"{cri}.cni.conf_dir", f"{cri}.cdi_spec_dirs", f"{crun}.cni_conf_dir"),
        *(f"{cri}.cni.bin_dirs" if version > 2 else f"{cri}.cni.bin_dir",),
        *(f"{NRI}.plugin_path", f"{NRI}.plugin_config_path", f"{VERIFIER}.bin_dir"),
        *(f"{CRI if version == 2 else IMG}.registry.config_path", f"{TRANSFER}.config_path"),
    ]
    paths = [
        *("root", "state", "temp", f"{OVERLAYFS}.root_path", f"{cri}.cni.conf_template", f"{OPT}.path"),
        *(f"{crun}.{key}" for key in ("runtime_path", "base_runtime_spec", "options.Root")),
        *((f"{SHIMS}.socket_dir",) if version == 4 else ()),
        *(f"{TASKS}.{key}" for key in ("rdt_config_file", "blockio_config_file")),
        *(f"{CRI}.{key}" for key in STREAMING),
        *(f"{TCP if version == 4 else 'grpc'}.{key}" for key in TLS[version]),
    ]
    sockets = [f"{NRI}.socket_path", "proxy_plugins.mine.address"]
    sockets += [f"{GRPC}.address"] if version == 4 else ["grpc.address", "ttrpc.address", "debug.address"]
    return {"program": programs, "folder": folders, "path": paths, "socket": sockets}


EACH = [
    pytest.param(version, kind, key, id=f"{version}-{key}")
    for version in ALL
    for kind, names in settings(version).items()
    for key in names
]


def said(version, key, value):
    """Return what is found of one setting, where all around it is right."""
    crun = CRUN2 if version == 2 else CRUN
    around = {f"{crun}.runtime_type": RUNC_TYPE, "proxy_plugins.mine.type": "snapshot"}
    value = [value] if key.endswith(("dirs", "env")) else value
    pairs = {**around, key: value}
    return [one for one in found(version, pairs.items(), base=FULL[version], node=NODE) if one.key == key]


def refused(version, key, value):
    return [one for one in said(version, key, value) if one.level == "error"]


@pytest.mark.parametrize(("version", "kind", "key"), EACH)
def test_what_is_named_is_roots(version, kind, key):
    place = "/mine/x/y" if kind != "socket" else "/mine/x"
    [finding] = said(version, key, f"{place}/z.sock" if kind == "socket" else place)
    assert finding.level == "error"
    assert finding.words.startswith(f"{place} is not root's, so that others decide")
    assert "chown root and chmod go-w it" in finding.words
    assert said(version, key, "/ours/x") == []


@pytest.mark.parametrize(("version", "kind", "key"), EACH)
def test_what_is_named_is_on_a_disk(version, kind, key):
    for place in ("/proc/self/exe", "//dev/shm/x", "/usr/./../sys//x", "/dev"):
        [finding] = said(version, key, place)
        assert finding.level == "error"
        assert f"{place!r} is below /" in finding.words
    assert said(version, key, "/processor") == []


@pytest.mark.parametrize(("version", "kind", "key"), EACH)
def test_what_is_named_is_absolute(version, kind, key):
    for place in ("bin/x", "./x", "../x", *(() if kind == "program" else ("x",))):
        [finding] = said(version, key, place)
        assert f"{place!r} is not an absolute path: write one that begins with /" in finding.words
        assert finding.words.endswith("looked up in PATH") == (kind == "program")
    if kind == "program":
        assert said(version, key, "x.y") == []


@pytest.mark.parametrize(("version", "kind", "key"), EACH)
def test_nothing_named_is_what_containerd_makes_of_it(version, kind, key):
    assert not [one for one in said(version, key, "") if "absolute" in one.words]


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize("kind", ["folder", "path"])
def test_a_folder_of_programs_is_roots_with_all_that_lies_in_it(version, kind):
    for key in settings(version)[kind]:
        assert bool(said(version, key, "/opt/bin")) == (kind == "folder"), key


@pytest.mark.parametrize("version", ALL)
def test_the_folders_of_the_prefix_are_searched_for_programs(version):
    [finding] = said(version, f"{OPT}.path", "/opt")
    assert finding.words.startswith("/opt/bin/theirs is not root's")


def test_certificates_of_registries_are_roots():
    for name in ("ca_file", "cert_file", "key_file"):
        findings = said(2, f"{CRI}.registry.configs.a.tls.{name}", "/mine/x.pem")
        [words] = [one.words for one in findings if one.level == "error"]
        assert words.startswith("/mine/x.pem is not root's")


@pytest.mark.parametrize("version", ALL)
def test_the_folder_of_plugins_in_root_is_loaded_from(version):
    [finding] = said(version, "root", "/srv")
    assert finding.words.startswith("/srv/plugins/theirs is not root's")


@pytest.mark.parametrize("version", ALL)
def test_each_folder_of_hosts_is_roots(version):
    for key in (f"{CRI if version == 2 else IMG}.registry.config_path", f"{TRANSFER}.config_path"):
        [finding] = refused(version, key, "/etc/certs.d:/opt/bin")
        assert finding.words.startswith("/opt/bin/theirs is not root's")
        [finding] = refused(version, key, "/etc/certs.d:certs.d")
        assert "'certs.d' is not an absolute path" in finding.words
        assert refused(version, key, ":/etc/certs.d:") == []


@pytest.mark.parametrize("version", ALL)
def test_two_dots_after_what_is_not_there_lead_nowhere_else(version):
    """The kernel finds nothing there; containerd, which cleans the path first, makes it."""
    [finding] = said(version, "root", "/gone/../mine/x")
    assert finding.words.startswith("/mine/x is not root's")


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize(
    ("variable", "words"),
    [
        ("PATH=/usr/bin:/mine/bin", "/mine/bin is not root's"),
        ("PATH=bin:/usr/bin", "'bin' is not an absolute path"),
        ("LD_PRELOAD=libx.so /mine/x.so", "/mine/x.so is not root's"),
        ("BASH_ENV=/mine/profile", "/mine/profile is not root's"),
        ("PYTHONPATH=/usr/lib:/opt/bin", "/opt/bin/theirs is not root's"),
        ("GCONV_PATH=/mine", "/mine is not root's"),
        ("OPENSSL_CONF=/mine/x", "/mine/x is not root's"),
        ("LD_LIBRARY_PATH=/opt/bin", "/opt/bin/theirs is not root's"),
        ("OCICRYPT_KEYPROVIDER_CONFIG=/dev/shm/x", "below /dev"),
        ("PATH=/usr/bin::", ""),
        ("LD_PRELOAD=libx.so", ""),
        ("HOME=/mine", ""),
        ("PATH", ""),
    ],
)
def test_variables_that_name_what_is_run(version, variable, words):
    for key in (f"{DECODER}.env", *((f"{SHIMS}.env",) if version == 4 else ())):
        findings = said(version, key, variable)
        assert [words in one.words for one in findings] == ([True] if words else [])


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize("option", ["ConfigPath", "configpath", "BinaryName", "binaryname"])
def test_options_of_any_runtime_in_any_case(version, option):
    """containerd reads keys in any case; the options of a runtime are not known by their names."""
    crun = CRUN2 if version == 2 else CRUN
    pairs = [(f"{crun}.runtime_type", KATA_TYPE), (f"{crun}.options.{option}", "/mine/x")]
    assert keys(found(version, pairs, node=NODE)) == [f"{crun}.options.{option}"]


@pytest.mark.parametrize("table", ["default_runtime", "untrusted_workload_runtime"])
def test_the_old_tables_of_a_runtime(table):
    old = f"{CRI}.containerd.{table}"
    base = merged(FULL[2], tree([(f"{old}.runtime_engine", ""), (f"{old}.options", {})]))
    pairs = [(f"{old}.{key}", "/mine/x") for key in ("runtime_engine", "options.BinaryName")]
    findings = found(2, pairs, base=base, node=NODE)
    assert [one.key for one in findings if "not root's" in one.words] == [key for key, _ in pairs]


def test_both_names_of_the_cni_directory():
    base = merged(FULL[3], tree([(f"{RT}.cni.bin_dirs", ["/opt/cni/bin"])]))
    for name, value in (("bin_dir", "/mine/x"), ("bin_dirs", ["/opt/cni/bin", "/mine/x"])):
        key = f"{RT}.cni.{name}"
        findings = found(3, [(key, value)], base=base, node=NODE)
        assert key in [one.key for one in findings if "/mine/x is not root's" in one.words]


def test_a_snapshotter_may_be_named_with_its_scheme():
    key = "proxy_plugins.mine.address"
    assert said(3, key, "unix:///run/x/x.sock") == []
    assert "not root's" in said(3, key, "unix:///mine/x.sock")[0].words
    # A socket without a file is for whoever takes the name first.
    assert "not an absolute path" in said(3, key, "@x")[0].words
    assert "not an absolute path" in said(3, "grpc.address", "unix:///run/x/x.sock")[0].words


@pytest.mark.parametrize("version", ALL)
def test_a_default_that_is_not_roots_stops_no_run(version):
    """It is a warning that names the key, also where the site sets the key beside it."""
    cri = CRI if version == 2 else RT
    base = merged(FULL[version], tree([(f"{cri}.cni.conf_dir", "/mine/net.d"), ("temp", "relative")]))
    for pairs in ([], [(f"{cri}.cni.conf_template", "/etc/template")]):
        [finding] = found(version, pairs, base=base, node=NODE)
        assert (finding.key, finding.level) == (f"{cri}.cni.conf_dir", "warning")
    # The site's own word for the same is the site's.
    assert errors(found(version, [(f"{cri}.cni.conf_dir", "/mine/net.d")], base=base, node=NODE))


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize("value", [5, True, ["/mine/x", 5], {"a": "/mine/x"}, [{}]])
def test_values_of_other_types_are_for_the_check_of_types(version, value):
    found(version, [("root", value), (f"{VERIFIER}.bin_dir", value), ("temp", "/a\0b")], node=NODE)


def test_no_path_holds_a_nul():
    """The kernel would take what stands before it."""
    assert "not an absolute path" in said(3, "temp", "/a\0b")[0].words


@pytest.mark.parametrize(
    "case",
    [
        *cases((2,), ("plugin_dir", "/p"), "as root: remove it", ("plugin_dir", "")),
        *cases((2,), ("plugin_dir", "/p"), "as root: remove it", ("plugin_dir", None)),
    ],
)
def test_no_plugins_are_loaded_into_containerd(case):
    prove(*case)


def test_plugins_are_loaded_by_no_release_that_has_not_the_key():
    """Since 2.1 it is a key as any other that is gone."""
    for version in NEW:
        assert "plugin_dir" in keys(found(version, [("plugin_dir", "/p")]))
