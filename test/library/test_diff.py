"""
What differs between two documents.
"""

import pytest
from containerd_formula.diff import diff
from containerd_formula.errors import Refused


def test_one_true_and_one_point_zero_are_three_values():
    changes = diff({"a": 1, "b": 1, "c": [1]}, {"a": True, "b": 1.0, "c": [True]})
    assert list(changes) == ["a", "b", "c"]


def test_diff_names_added_changed_and_removed_keys():
    old = {"same": 1, "grpc": {"port": "0"}, "gone": {"x": 1}}
    new = {"same": 1, "grpc": {"port": "1"}, "plugins": {"a.b": {"new": True}}}
    assert diff(old, new) == {
        "grpc.port": {"old": "0", "new": "1"},
        'plugins."a.b".new': {"old": None, "new": True},
        "gone.x": {"old": 1, "new": None},
    }
    assert diff(old, old) == {}


def test_an_empty_table_that_gets_a_key_is_one_change():
    """
    1.4 prints the options of runc as an empty table.
    """
    assert diff({"options": {}}, {"options": {"a": {}, "b": 1}}) == {
        "options.a": {"old": None, "new": {}},
        "options.b": {"old": None, "new": 1},
    }
    assert diff({"options": {"b": 1}}, {"options": {}}) == {"options.b": {"old": 1, "new": None}}


@pytest.mark.parametrize(
    "path",
    [
        ("io.containerd.grpc.v1.cri", "registry", "configs", "r", "auth", "password"),
        ("io.containerd.grpc.v1.cri", "registry", "configs", "r", "auth", "auth"),
        ("io.containerd.cri.v1.images", "registry", "auths", "https://r", "identitytoken"),
        ("io.containerd.cri.v1.images", "registry", "headers", "Authorization"),
        ("com.example.plugin", "token"),
    ],
)
def test_diff_masks_secrets(path):
    document = "hunter2"
    for part in reversed(("plugins", *path)):
        document = {part: document}
    for changes in (diff({}, document), diff(document, {})):
        assert "hunter2" not in str(changes)
        assert "(secret)" in str(changes)


def test_a_secret_inside_a_list_is_masked():
    document = {"plugins": {"com.example.plugin": {"peers": [{"name": "a", "password": "hunter2"}]}}}
    assert "hunter2" not in str(diff({}, document))
    assert "'name': 'a'" in str(diff({}, document))


@pytest.mark.parametrize("data", [5, "a", [], None])
def test_what_is_no_mapping_cannot_be_compared(data):
    for old, new in ((data, {}), ({}, data)):
        with pytest.raises(Refused, match="must be mappings"):
            diff(old, new)
