"""
A key of a newer schema in an older layer: the message says for which version to write the layer.
"""

import pytest

V2 = "io.containerd.grpc.v1.cri"
RUNC = {"containerd": {"runtimes": {"runc": {"cgroup_writable": True}}}}
KEYS = {
    'plugins."io.containerd.cri.v1.images".use_local_image_pull': {"use_local_image_pull": True},
    'plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.cgroup_writable': RUNC,
}


@pytest.mark.parametrize("there", KEYS)
def test_a_newer_key_is_not_to_be_removed_where_the_release_has_it(salt_functions, release, there):
    layers = [{"pillar": {"version": 2, "plugins": {V2: KEYS[there]}}}]
    [told] = salt_functions["containerd_toml.check"](None, layers)
    newer = release.startswith("2.")
    assert ("write this layer for version: 3" in told["message"] and there in told["message"]) is newer
    assert ("remove it" in told["message"]) is not newer
