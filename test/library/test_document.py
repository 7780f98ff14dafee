"""
The document: merge, types, what tomlkit writes, any pillar at all.
"""

import collections
import datetime

import pytest
import tomlkit
from containerd_formula import document, toml
from containerd_formula.data import plain, same
from containerd_formula.diff import diff
from containerd_formula.errors import Refused
from containerd_formula.findings import errors
from hypothesis import given
from hypothesis import strategies as st

loads = toml.loads

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
    merged = document.merge(
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
    assert document.merge(BASE, {"oom_score": None, "absent": None}) == BASE.replace("oom_score = 0\n", "")


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
    value = loads(document.merge(BASE, {"grpc": {path: given}}))["grpc"][path]
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
    with pytest.raises(Refused) as refused:
        document.merge(BASE, patch)
    assert words in str(refused.value)


def test_merging_nothing_changes_no_byte():
    assert document.merge(BASE, {}) == BASE


@given(patches)
def test_merge_is_a_json_merge_patch(patch):
    merged = document.merge(BASE, {"free": patch})
    assert same(
        loads(merged),
        rfc7396(loads(BASE), {"free": patch}),
    )


@given(patches)
def test_merging_twice_equals_merging_once(patch):
    once = document.merge(BASE, {"free": patch})
    assert document.merge(once, {"free": patch}) == once


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
    try:
        made = document.compose(BASE, collections.OrderedDict(fragment), strict=strict)
    except Refused as err:
        assert str(err)
        return
    if wrong := errors(made.findings):
        assert all(wrong)
        return
    # The document always says its version.
    fragment = {key: value for key, value in fragment.items() if (key, value) != ("version", None)}
    expected = rfc7396(loads(BASE), plain(fragment))
    assert diff(loads(made.text), expected) == {}


@given(st.lists(keys, max_size=6, unique=True))
def test_the_order_of_tables_is_stable(names):
    """
    New tables come behind the default's, in the order of the pillar, whatever their names.
    """
    merged = loads(document.merge(BASE, {"plugins": {f"x.{name}": {"a": 1} for name in names}}))
    assert list(merged) == list(loads(BASE))
    assert list(merged["plugins"]) == ["io.containerd.grpc.v1.cri", *(f"x.{name}" for name in names)]


def test_a_document_that_tomlkit_writes_wrong_is_not_used(monkeypatch):
    monkeypatch.setattr(tomlkit.TOMLDocument, "as_string", lambda self: "version = 3\n")
    with pytest.raises(Refused, match="did not write what was merged"):
        document.merge(BASE, {})


@pytest.mark.parametrize("default", ["version = 5", 'version = "2"', 'root = "/x"'])
def test_a_binary_of_an_unknown_schema_is_a_clear_error(default):
    with pytest.raises(Refused, match="this formula knows 2, 3 and 4"):
        document.compose(default, {"oom_score": 1})


def test_an_integer_for_a_float_that_no_default_prints():
    """
    1.x refuses an integer there.
    """
    tracing = {"io.containerd.internal.v1.tracing": {"sampling_ratio": 1}}
    made = document.compose(BASE, {"plugins": tracing}, strict=False)
    assert "sampling_ratio = 1.0" in made.text


def test_layers_win_in_their_order_and_are_named():
    made = document.compose(BASE, [{"os": {"oom_score": 1}}, {"empty": None}, {"pillar": {"oom_score": 2}}])
    assert made.result["oom_score"] == 2
    assert made.origin == {("oom_score",): "pillar"}


def test_a_layer_that_cannot_be_translated_is_one_finding_of_the_whole_layer():
    mixed = {"version": 3, "plugins": {"io.containerd.grpc.v1.cri": {"sandbox_image": "x"}}}
    [found] = [one for one in document.compose(BASE, [{"site": mixed}]).findings if one.about == "layer"]
    assert found.message.startswith("layer site: Two schemas are mixed")
