"""
What of pillar runtimes and sandbox_image belongs into config.toml, by release, beside other layers.
"""

import pytest
from containerd_formula import runtime_config, sandbox_image
from containerd_formula.data import at
from containerd_formula.document import compose, layers, needs_release
from containerd_formula.errors import Refused
from containerd_formula.findings import errors, warnings
from containerd_formula.places import BASE_SPECS
from containerd_formula.runtime_config import RUNTIMES, as_config
from containerd_formula.table import setting

RUNC_V2 = "io.containerd.runc.v2"
CRI, RT = "io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime"
IMG = "io.containerd.cri.v1.images"
PAUSE = "registry.k8s.io/pause:3.10"
# A release prints all keys of the runtime that it has by itself.
KEYS = "runtime_path = ''\nsnapshotter = ''\npod_annotations = []\nprivileged_without_host_devices = false\n"
V2 = (
    "version = 2\n[plugins.'io.containerd.grpc.v1.cri']\nsandbox_image = 'a'\n"
    "[plugins.'io.containerd.grpc.v1.cri'.containerd]\ndefault_runtime_name = 'runc'\n"
    "[plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.runc]\nruntime_type = 'io.containerd.runc.v2'\n"
    f"{KEYS}sandbox_mode = ''\n"
    "[plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.runc.options]\nSystemdCgroup = false\n"
)
V3 = (
    "version = 3\n[plugins.'io.containerd.cri.v1.images'.pinned_images]\nsandbox = 'a'\n"
    "[plugins.'io.containerd.cri.v1.runtime'.containerd]\ndefault_runtime_name = 'runc'\n"
    "[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]\n"
    "runtime_type = 'io.containerd.runc.v2'\nsandboxer = 'podsandbox'\n"
    f"{KEYS}io_type = ''\n"
    "[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]\nSystemdCgroup = false\n"
)
BASES = pytest.mark.parametrize(
    ("base", "release", "version"), [(V2, "1.7.24", 2), (V3, "2.1.9", 3)], ids=["1.7", "2.1"]
)
FORMULA = {
    "formula": {
        "version": 2,
        "plugins": {CRI: {"containerd": {"runtimes": {"runc": {"options": {"SystemdCgroup": True}}}}}},
    }
}


def layer(given, **more):
    return {"runtimes": given, "of": "runtimes", **more}


def tables(given, release=None, systemd=False):
    fragment = as_config(given, release, systemd)
    return at(fragment, RUNTIMES[fragment["version"]])


@BASES
def test_each_runtime_is_a_table_of_the_schema(base, release, version):
    given = {
        "default": "crun",
        "crun": {"package": "crun"},
        "kata": {
            "path": "/opt/kata/shim",
            "options": {"ConfigPath": "/opt/kata/a.toml"},
            "snapshotter": "native",
        },
        "runc": {"version": "1.3.*"},
    }
    assert as_config(given, release)["version"] == version
    made = compose(base, [FORMULA, layer(given, systemd=True)], release=release)
    assert errors(made.findings) == []
    containerd = at(made.result, RUNTIMES[version][:-1])
    assert containerd["default_runtime_name"] == "crun"
    # The runc that containerd has by itself stays.
    assert containerd["runtimes"]["runc"]["options"] == {"SystemdCgroup": True}
    assert containerd["runtimes"]["crun"] == {
        "runtime_type": RUNC_V2,
        "options": {"BinaryName": "/usr/bin/crun", "SystemdCgroup": True},
    }
    assert containerd["runtimes"]["kata"] == {
        "runtime_type": "io.containerd.kata.v2",
        "runtime_path": "/opt/kata/shim",
        "privileged_without_host_devices": True,
        "pod_annotations": ["io.katacontainers.*"],
        "snapshotter": "native",
        "options": {"ConfigPath": "/opt/kata/a.toml"},
    }
    assert {made.origin[path] for path in made.origin if "crun" in path} == {"runtimes"}


def test_cgroups_are_those_of_the_node():
    given = {"crun": {}, "youki": {"options": {"SystemdCgroup": False}}, "runsc": {}}
    there = tables(given, systemd=True)
    assert there["crun"]["options"]["SystemdCgroup"] is True
    assert there["youki"]["options"]["SystemdCgroup"] is False
    assert there["runsc"] == {"runtime_type": "io.containerd.runsc.v1"}
    assert "SystemdCgroup" not in tables(given)["crun"]["options"]


@pytest.mark.parametrize("key", ["sandboxer", "sandbox_mode"])
def test_the_key_that_2_0_renamed_is_taken_in_both_words(key):
    assert "sandbox_mode" in tables({"crun": {key: "shim"}}, "1.7.24")["crun"]
    assert "sandboxer" in tables({"crun": {key: "shim"}}, "2.1.9")["crun"]


@BASES
def test_a_key_that_the_release_lacks_is_told_by_the_document(base, release, version):
    made = compose(base, [layer({"crun": {"io_type": "fifo"}})], release=release)
    assert bool(errors(made.findings)) == (version == 2)


def test_a_base_spec_is_named_by_its_file():
    given = {"runc": {"base_spec": {"process": {}}}, "crun": {"base_spec": {}}, "youki": {}}
    [runc, crun] = runtime_config.specs(given, "2.1.9")
    assert tables(given, "2.1.9")["runc"]["base_runtime_spec"] == runc
    assert tables(given, "2.1.9")["crun"]["base_runtime_spec"] == crun
    assert runc.startswith(f"{BASE_SPECS}/runc-") and "base_runtime_spec" not in tables(given)["youki"]
    assert runtime_config.specs(given, "2.1.9") != runtime_config.specs(given, "1.7.24")


def test_what_a_run_installs_may_not_be_there_yet():
    archive = {"archive": "https://a.corp/x", "sha256": "0" * 64}
    given = {
        "crun": {"package": "crun"},
        "nvidia": {},
        "youki": archive,
        "kata": {**archive, "path": "bin/s"},
    }
    assert runtime_config.installed(given) == [
        *("/usr/bin/crun", "/opt/containerd-formula/runtimes/youki/youki"),
        "/opt/containerd-formula/runtimes/kata/bin/s",
    ]


@pytest.mark.parametrize("given", [None, {}, {"crun": None}, {"runc": {"version": "1.3.*"}}])
def test_without_runtimes_nothing_is_set(given):
    assert as_config(given) == {}
    assert layers([layer(given)]) == [("runtimes", {})]


@pytest.mark.parametrize("given", [5, [], {"crun": {"binery": "a"}}])
def test_a_wrong_pillar_is_refused(given):
    with pytest.raises(Refused):
        layers([layer(given)])


def test_the_release_matters_only_where_there_is_something():
    for given in ({}, None, {"crun": None}):
        assert not needs_release([layer(given)])
    assert needs_release([layer({"crun": {}})])
    assert needs_release([{"sandbox_image": PAUSE, "of": "sandbox_image"}])
    assert not needs_release([{"sandbox_image": "", "of": "sandbox_image"}])


@BASES
@pytest.mark.parametrize(
    ("runtimes", "containerd", "key"),
    [
        ({"crun": {}}, {"runtimes": {"crun": {"snapshotter": "native"}}}, "crun"),
        ({"crun": {}}, {"runtimes": {"crun": None}}, "crun"),
        ({"crun": {}}, {"runtimes": {"crun": {"options": {"BinaryName": "/usr/bin/crun"}}}}, "crun"),
        ({"runc": {"base_spec": {}}}, {"runtimes": {"runc": {"options": {"Root": "/a"}}}}, "runc"),
        ({"default": "runc"}, {"default_runtime_name": "runc"}, "default"),
    ],
)
def test_what_two_places_set_is_an_error_that_names_both(base, release, version, runtimes, containerd, key):
    site = {"pillar": {"version": 2, "plugins": {CRI: {"containerd": containerd}}}}
    found = errors(compose(base, [layer(runtimes), site], release=release, strict=False).findings)
    assert len(found) == 1
    assert f"layer pillar sets this, and so does containerd:runtimes:{key}" in found[0]


@BASES
def test_what_one_place_takes_away_and_another_sets_is_an_error(base, release, version):
    table = {"runtime_type": RUNC_V2}
    site = {"pillar": {"version": 2, "plugins": {CRI: {"containerd": {"runtimes": {"crun": table}}}}}}
    given = layer({"crun": None, "runc": None, "default": None})
    [told] = errors(compose(base, [given, site], release=release).findings)
    assert (
        "layer pillar sets this, and so does containerd:runtimes:crun (null takes it away): leave one" in told
    )
    table = {"options": {"Root": "/a"}}
    site = {"pillar": {"version": 2, "plugins": {CRI: {"containerd": {"runtimes": {"runc": table}}}}}}
    assert errors(compose(base, [given, site], release=release).findings) == []


@BASES
def test_what_one_place_sets_is_none(base, release, version):
    """
    The formula's own layer, another runtime, and the defaults are nobody's second place.
    """
    mine = {"runtime_type": RUNC_V2, "options": {"BinaryName": "/opt/mine"}}
    site = {
        "pillar": {
            "version": 2,
            "plugins": {
                CRI: {
                    "sandbox_image": "b.corp/c:1",
                    "containerd": {
                        "default_runtime_name": "mine",
                        "runtimes": {"mine": mine, "runc": {"options": {"Root": "/a"}}},
                    },
                }
            },
        }
    }
    given = {"crun": {}, "runc": {"version": "1.3.*"}}
    made = compose(base, [FORMULA, layer(given, systemd=True), site], release=release)
    assert errors(made.findings) == []


@BASES
def test_the_sandbox_image_is_the_key_of_the_release(base, release, version):
    image = {"sandbox_image": PAUSE, "of": "sandbox_image"}
    made = compose(base, [image], release=release)
    path = setting("CRI.sandbox_image" if version == 2 else "IMG.pinned_images.sandbox")
    assert (at(made.result, path), made.origin[path], made.findings) == (PAUSE, "sandbox_image", [])
    site = {"pillar": {"version": 2, "plugins": {CRI: {"sandbox_image": PAUSE}}}}
    [told] = errors(compose(base, [image, site], release=release).findings)
    assert "layer pillar sets this, and so does containerd:sandbox_image" in told


@pytest.mark.parametrize(
    ("image", "whole"),
    [
        ("pause", "docker.io/library/pause:latest"),
        ("corp/pause:1", "docker.io/corp/pause:1"),
        ("registry.k8s.io/pause", "registry.k8s.io/pause:latest"),
        ("registry.k8s.io:443/pause", "registry.k8s.io:443/pause:latest"),
        ("docker.io/pause:1", "docker.io/library/pause:1"),
        ("index.docker.io/library/pause:1", "docker.io/library/pause:1"),
        (f"{PAUSE}@sha256:{'0' * 64}", f"registry.k8s.io/pause@sha256:{'0' * 64}"),
    ],
)
def test_a_name_that_2_x_never_pins_is_refused(image, whole):
    for release in ("2.0.11", "2.1.9"):
        with pytest.raises(Refused, match="containerd:sandbox_image: .*kubelet removes it") as refused:
            sandbox_image.as_told(image, release)
        assert f"write its whole name, {whole}:" in str(refused.value)
    for release in (None, "1.7.24"):
        _, [told] = sandbox_image.as_told(image, release)
        assert f"write its whole name, {whole}, which containerd 2.0 needs" in told


@pytest.mark.parametrize(
    "image", [PAUSE, f"registry.k8s.io/pause@sha256:{'0' * 64}", "localhost/p:1", "docker.io/library/a:1"]
)
def test_a_whole_name_is_taken_without_a_word(image):
    for release in (None, "1.6.22", "1.7.3", "2.1.9"):
        assert sandbox_image.as_told(image, release)[1] == []


@pytest.mark.parametrize("release", ["1.4.13", "1.6.20", "1.7.2"])
def test_a_release_without_pins_is_told(release):
    [told] = sandbox_image.as_told(PAUSE, release)[1]
    assert f"containerd {release} cannot pin images" in told and "upgrade to 1.6.22 or 1.7.3" in told
    made = compose(V2, [{"sandbox_image": PAUSE, "of": "sandbox_image"}], release=release)
    assert warnings(made.findings) == [told]


def test_what_is_no_image_is_told_by_the_document():
    with pytest.raises(Refused, match="write the name of an image"):
        sandbox_image.as_told(3.1)
    made = compose(V3, [{"sandbox_image": "Pause 3", "of": "sandbox_image"}], release="2.1.9")
    assert "names no image" in errors(made.findings)[0]
    assert sandbox_image.as_told("") == sandbox_image.as_told(None) == ({}, [])


def test_warnings_of_a_pillar_are_in_the_document():
    made = compose(V3, [layer({"Crun": {"binary": "/usr/bin/crun"}})], release="2.1.9")
    assert "no RuntimeClass can name it" in warnings(made.findings)[0]
