"""
The document: merge, types, diff, keys.
"""

import collections
import datetime

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st
from salt.exceptions import CommandExecutionError, SaltInvocationError
from support import wired

toml = wired("containerd_toml")
data = wired("containerd_data")
# The two of one wiring.
data.__salt__ = toml.__salt__
loads = toml.__salt__["containerd_document.loads"]

BASE = """\
version = 2 # the schema
imports = []
oom_score = 0

[grpc]
  address = "/run/containerd/containerd.sock"
  port = "0"
  strict = false
  ratio = 0.5

[plugins]
  [plugins."io.containerd.grpc.v1.cri"]
    # pause
    sandbox_image = "registry.k8s.io/pause:3.8"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"

      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
"""

keys = st.text(st.characters(codec="utf-8"), max_size=6)
scalars = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"), max_size=8)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
patches = st.recursive(
    st.none() | values, lambda inner: st.dictionaries(keys, inner, max_size=3), max_leaves=8
).filter(lambda value: isinstance(value, dict))


def rfc7396(target, patch):
    """
    The pseudo code of RFC 7396, section 2, as it stands there.
    """
    if not isinstance(patch, dict):
        return patch
    target = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = rfc7396(target.get(name), value)
    return target


def test_merge_keeps_order_comments_and_layout():
    merged = toml.merge(
        BASE,
        {
            "version": 2,
            "plugins": {
                "io.containerd.grpc.v1.cri": {
                    "sandbox_image": "pause:3.9",
                    "containerd": {"runtimes": {"runc": {"options": {"SystemdCgroup": True}}}},
                }
            },
        },
    )
    expected = BASE.replace("registry.k8s.io/pause:3.8", "pause:3.9").replace(
        "SystemdCgroup = false", "SystemdCgroup = true"
    )
    assert merged == expected


def test_null_removes_a_key_and_only_that():
    assert toml.merge(BASE, {"oom_score": None, "absent": None}) == BASE.replace("oom_score = 0\n", "")


@pytest.mark.parametrize(
    ("path", "given", "written"),
    [
        ("port", 10010, "10010"),
        ("strict", "true", True),
        ("strict", "False", False),
        ("ratio", 1, 1.0),
        ("address", "/tmp/s", "/tmp/s"),
    ],
)
def test_value_takes_the_type_of_the_default(path, given, written):
    value = loads(toml.merge(BASE, {"grpc": {path: given}}))["grpc"][path]
    assert (value, type(value)) == (written, type(written))


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        ({"grpc": {"port": 3.10}}, "grpc.port is 3.1, a float"),
        ({"grpc": {"strict": 1}}, "grpc.strict is 1, an integer"),
        ({"grpc": {"strict": "yes"}}, "grpc.strict is 'yes', a string"),
        ({"grpc": {"address": True}}, "grpc.address is True, a boolean"),
        ({"grpc": {"address": datetime.date(2026, 1, 1)}}, "grpc.address"),
        ({"grpc": "x"}, "grpc is a string; containerd's default is a table"),
        ({"oom_score": {"a": 1}}, "oom_score is a table; containerd's default is an integer"),
        ({"oom_score": "12x"}, "oom_score is '12x'"),
        ({"imports": "conf.d/*.toml"}, "imports is 'conf.d/*.toml', a string"),
    ],
)
def test_value_of_another_type_is_refused(patch, words):
    with pytest.raises(SaltInvocationError) as refused:
        toml.merge(BASE, patch)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"a": 2**63}, "a is a number of more than 64 bits: quote it."),
        ({"a": float("nan")}, "a is not a number"),
        ({"a": [1, None]}, "a is a list with a null in it"),
        ({"a": {1, 2}}, "a is a set"),
        ({"a": b"x"}, "a is a bytes"),
        ({"a": {True: 1}}, "a has the key True: quote it"),
        ({"a": {None: 1}}, "a has the key None"),
        ({"a": {1: 1, "1": 2}}, "a has the key '1' twice"),
        ({"a": "\ud800"}, "a holds text that is not Unicode"),
    ],
)
def test_what_toml_cannot_hold_is_refused(value, words):
    with pytest.raises(SaltInvocationError) as refused:
        toml.merge("", value)
    assert words in str(refused.value)


def test_pillar_classes_become_plain_values():
    class Hidden(str):
        def __str__(self):
            return "**********"

    fragment = collections.OrderedDict(
        a=Hidden("secret"), b=(1, 2), c=collections.OrderedDict({5000: Hidden("x")})
    )
    result = data.plain(fragment)
    assert result == {"a": "secret", "b": [1, 2], "c": {"5000": "x"}}
    assert type(result) is dict
    assert type(result["a"]) is str


def test_merging_nothing_changes_no_byte():
    assert toml.merge(BASE, {}) == BASE


@given(patches)
def test_merge_is_a_json_merge_patch(patch):
    merged = toml.merge(BASE, {"free": patch})
    assert data.same(
        loads(merged),
        rfc7396(loads(BASE), {"free": patch}),
    )


@given(patches)
def test_merging_twice_equals_merging_once(patch):
    once = toml.merge(BASE, {"free": patch})
    assert toml.merge(once, {"free": patch}) == once


def test_one_true_and_one_point_zero_are_three_values():
    changes = toml.diff({"a": 1, "b": 1, "c": [1]}, {"a": True, "b": 1.0, "c": [True]})
    assert list(changes) == ["a", "b", "c"]


odd = (
    values
    | st.integers()
    | st.none()
    | st.dates()
    | st.binary(max_size=3)
    | st.text(max_size=4)
    | st.dictionaries(
        st.none() | st.booleans() | st.integers() | keys | st.just('a.b"c:d'), values, max_size=3
    )
)


@given(
    st.dictionaries(
        keys | st.sampled_from(["version", "grpc", "plugins", "oom_score", "imports", "disabled_plugins"]),
        odd | st.dictionaries(keys | st.just("io.containerd.grpc.v1.cri"), odd, max_size=2),
        max_size=3,
    ),
    st.booleans(),
)
def test_any_pillar_ends_in_the_right_document_or_in_a_clear_error(fragment, strict):
    functions = toml.__salt__
    functions["containerd.config_default"] = lambda: BASE
    try:
        text = functions["containerd_toml.render"](collections.OrderedDict(fragment), strict=strict)
    except (CommandExecutionError, SaltInvocationError) as err:
        assert str(err)
        return
    # The document always says its version.
    fragment = {key: value for key, value in fragment.items() if (key, value) != ("version", None)}
    expected = rfc7396(loads(BASE), data.plain(fragment))
    assert data.diff(loads(text), expected) == {}


@given(st.lists(keys, max_size=6, unique=True))
def test_the_order_of_tables_is_stable(names):
    """
    New tables come behind the default's, in the order of the pillar, whatever their names.
    """
    merged = loads(toml.merge(BASE, {"plugins": {f"x.{name}": {"a": 1} for name in names}}))
    assert list(merged) == list(loads(BASE))
    assert list(merged["plugins"]) == ["io.containerd.grpc.v1.cri", *(f"x.{name}" for name in names)]


def test_diff_names_added_changed_and_removed_keys():
    old = {"same": 1, "grpc": {"port": "0"}, "gone": {"x": 1}}
    new = {"same": 1, "grpc": {"port": "1"}, "plugins": {"a.b": {"new": True}}}
    assert toml.diff(old, new) == {
        "grpc.port": {"old": "0", "new": "1"},
        'plugins."a.b".new': {"old": None, "new": True},
        "gone.x": {"old": 1, "new": None},
    }


def test_an_empty_table_that_gets_a_key_is_one_change():
    """
    1.4 prints the options of runc as an empty table.
    """
    assert toml.diff({"options": {}}, {"options": {"a": {}, "b": 1}}) == {
        "options.a": {"old": None, "new": {}},
        "options.b": {"old": None, "new": 1},
    }
    assert toml.diff({"options": {"b": 1}}, {"options": {}}) == {"options.b": {"old": 1, "new": None}}


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
    for changes in (toml.diff({}, document), toml.diff(document, {})):
        assert "hunter2" not in str(changes)
        assert "(secret)" in str(changes)


def test_a_secret_inside_a_list_is_masked():
    document = {"plugins": {"com.example.plugin": {"peers": [{"name": "a", "password": "hunter2"}]}}}
    assert "hunter2" not in str(toml.diff({}, document))


def test_read_says_where_the_file_is_wrong(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("version = 2\nversion = 3\n", encoding="utf-8")
    with pytest.raises(CommandExecutionError, match="is not valid TOML"):
        toml.read(str(path))
    with pytest.raises(CommandExecutionError, match="cannot be read"):
        toml.read(str(tmp_path / "missing"))


def test_a_document_that_tomlkit_writes_wrong_is_not_used(monkeypatch):
    monkeypatch.setattr(tomlkit.TOMLDocument, "as_string", lambda self: "version = 3\n")
    with pytest.raises(CommandExecutionError, match="did not write what was merged"):
        toml.merge(BASE, {})


def test_a_missing_library_is_an_error_with_its_cure(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tomlkit", None)
    assert toml.library() == ""
    with pytest.raises(CommandExecutionError, match="apply containerd.salt"):
        loads("")


def test_expected_needs_neither_containerd_nor_tomlkit(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tomlkit", None)
    layers = [
        {"os": {"version": 2, "a": {"b": 1}}},
        {"pillar": {"a": {"b": 2}, "plugins": {"x": {"password": "x"}}, "gone": None}},
    ]
    assert toml.expected(layers) == {
        "version": {"new": 2},
        "a.b": {"new": 2},
        "plugins.x.password": {"new": "(secret)"},
    }


@pytest.mark.parametrize("default", ["version = 5", 'version = "2"', 'root = "/x"'])
def test_a_binary_of_an_unknown_schema_is_a_clear_error(default):
    with pytest.raises(CommandExecutionError, match="this formula knows 2, 3 and 4"):
        toml.check(default, {"oom_score": 1})


def test_an_integer_for_a_float_that_no_default_prints():
    """
    1.x refuses an integer there.
    """
    functions = toml.__salt__
    functions["containerd.config_default"] = lambda: BASE
    tracing = {"io.containerd.internal.v1.tracing": {"sampling_ratio": 1}}
    assert "sampling_ratio = 1.0" in functions["containerd_toml.render"]({"plugins": tracing}, strict=False)


def test_a_report_refuses_a_layer_that_cannot_be_translated():
    functions = toml.__salt__
    functions["containerd.config_default"] = lambda: BASE
    mixed = {"version": 3, "plugins": {"io.containerd.grpc.v1.cri": {"sandbox_image": "x"}}}
    for report in ("explain", "deprecations"):
        with pytest.raises(CommandExecutionError, match="Two schemas are mixed"):
            functions[f"containerd_toml.{report}"](overrides=mixed)
