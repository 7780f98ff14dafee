"""
What a preview knows of versions without refreshing the lists of the node.
"""

import pytest
from test_containerd_package import Pkg, module, wire  # noqa: F401


@pytest.mark.parametrize("family", ["RedHat", "Suse", "Arch"])
@pytest.mark.parametrize(
    ("now", "chosen"), [(["1.7.24-1", "1.6.20-1"], "1.7.24-1"), (["1.6.20-1"], None), ([], None)]
)
def test_a_preview_does_not_believe_old_lists(wire, module, family, now, chosen):  # noqa: F811
    pkg = Pkg({"c": "1.6.20-1"}, {"c": ["1.6.20-1"]})
    state = wire(pkg, family, test=True)
    module.__salt__["containerd_lists.offered"] = lambda name: now if name == "c" else []
    ret = state.installed("x", ["c"], version="1.7.*")
    assert pkg.done == []
    if chosen:
        assert (ret["result"], ret["changes"]) == (None, {"c": {"old": "1.6.20-1", "new": chosen}})
    else:
        assert ret["result"] is False
        assert "has c 1.7.*: they offer 1.6.20-1." in ret["comment"]


def test_what_is_not_installed_has_no_version_with_zypper_either(wire, module):  # noqa: F811
    pkg = Pkg({}, {"c": ["1.6.20-1"]})
    state = wire(pkg, "Suse", test=True)
    module.__salt__["pkg.version"] = lambda name: pkg.installed.get(name, {})
    assert state.installed("x", ["c"], version="1.6.*")["changes"] == {"c": {"old": "", "new": "1.6.20-1"}}
