"""
Misspelt keys by the names that their author knows, with the nearest of those, and where that goes.
"""

import pytest
import tomlkit
from containerd_formula.document import compose
from library.rules_documents import BASES, CRI, IMG, RT, TCP, tree

RESTART2 = 'plugins."io.containerd.internal.v1.restart"'
METRICS = 'plugins."io.containerd.server.v1.metrics"'


def findings(version, key, source):
    made = compose(tomlkit.dumps(BASES[version]), tree([("version", source), (key, "x")]))
    return [(one.key, one.words.removeprefix("containerd would ignore it: ")) for one in made.findings]


@pytest.mark.parametrize(
    ("typo", "near", "here"),
    [
        (f"{CRI}.sandbox_imag", f"{CRI}.sandbox_image", f"{IMG}.pinned_images.sandbox"),
        (f"{CRI}.containerd.snapshoter", f"{CRI}.containerd.snapshotter", f"{IMG}.snapshotter"),
        (f"{CRI}.registry.config_paht", f"{CRI}.registry.config_path", f"{IMG}.registry.config_path"),
        (f"{CRI}.cni.bin_dirr", f"{CRI}.cni.bin_dir", f"{RT}.cni.bin_dirs"),
        # In a table with a name, in another table, and both.
        (
            f"{CRI}.containerd.runtimes.runc.runtime_typ",
            f"{CRI}.containerd.runtimes.runc.runtime_type",
            f"{RT}.containerd.runtimes.runc.runtime_type",
        ),
        (f"{CRI}.snapshotter", f"{CRI}.containerd.snapshotter", f"{IMG}.snapshotter"),
        (f"{CRI}.snapshoter", f"{CRI}.containerd.snapshotter", f"{IMG}.snapshotter"),
    ],
)
def test_a_typo_of_schema_2(typo, near, here):
    assert findings(2, typo, 2) == [(typo, f"the nearest key is {near}")]
    for version in (3, 4):
        assert findings(version, typo, 2) == [(typo, f"the nearest key is {near}, in this release {here}")]


def test_a_typo_in_a_section_that_became_a_plugin():
    near = "the nearest key is metrics.address"
    assert findings(3, "metrics.adress", 3) == [("metrics.adress", near)]
    assert findings(4, "metrics.adress", 3) == [
        ("metrics.adress", f"{near}, in this release {METRICS}.address")
    ]


def test_a_typo_of_the_releases_own_schema():
    assert findings(3, f"{IMG}.snapshoter", 3) == [
        (f"{IMG}.snapshoter", f"the nearest key is {IMG}.snapshotter")
    ]


@pytest.mark.parametrize("source", [3, 4])
@pytest.mark.parametrize(
    ("typo", "near", "cure"),
    [
        # In a table whose keys lie elsewhere in schema 2.
        (f"{IMG}.snapshoter", f"{IMG}.snapshotter", f"schema 2 calls it {CRI}.containerd.snapshotter"),
        (f"{IMG}.registri.config_path", f"{IMG}.registry", f"schema 2 calls it {CRI}.registry"),
        (
            f"{IMG}.use_local_image_pul",
            f"{IMG}.use_local_image_pull",
            "schema 2 has no such key (it came with containerd 2.1): remove it for containerd 1.x",
        ),
        (
            'plugins."io.containerd.shim.v1.manager".envv',
            'plugins."io.containerd.shim.v1.manager".env',
            'schema 2 calls it plugins."io.containerd.runtime.v2.task".sched_core',
        ),
    ],
)
def test_a_typo_of_a_newer_schema_than_the_releases(source, typo, near, cure):
    assert findings(2, typo, source) == [(typo, f"the nearest key is {near}: {cure}")]


def test_a_typo_in_a_plugin_that_was_a_section():
    words = f"the nearest key is {TCP}.address: schema {{}} calls it grpc.tcp_address"
    for version in (2, 3):
        assert findings(version, f"{TCP}.adress", 4) == [(f"{TCP}.adress", words.format(version))]


def test_a_key_of_no_likeness_has_no_nearest():
    none = "schema 2 has no such key: remove it for containerd 1.x"
    for key in (f"{IMG}.zzz", f"{IMG}.pinned_images.snapshotters"):
        assert findings(2, key, 3) == [(key, none)]


def test_what_came_later_is_no_typo():
    assert findings(2, f"{CRI}.enable_cdi", 2) == [
        (f"{CRI}.enable_cdi", "it came with containerd 1.7, remove it for this release")
    ]
    nri = 'plugins."io.containerd.nri.v1.nri"'
    assert findings(2, f"{nri}.disable", 2) == [
        (nri, "it came with containerd 1.7, remove it for this release")
    ]
