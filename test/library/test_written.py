"""
Misspelt keys by the names that their author knows, with the nearest of those, and where that goes.
"""

import pytest
import tomlkit
from containerd_formula.document import compose
from library.rules_documents import BASES, CRI, IMG, RT, tree

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


def test_what_came_later_is_no_typo():
    assert findings(2, f"{CRI}.enable_cdi", 2) == [
        (f"{CRI}.enable_cdi", "it came with containerd 1.7, remove it for this release")
    ]
    nri = 'plugins."io.containerd.nri.v1.nri"'
    assert findings(2, f"{nri}.disable", 2) == [
        (nri, "it came with containerd 1.7, remove it for this release")
    ]
