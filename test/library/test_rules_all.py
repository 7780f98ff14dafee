"""
The rules together: the order of what they find, and what none of them may do.
"""

import pytest
from containerd_formula import rules, table
from containerd_formula.data import plain, put, walk
from containerd_formula.rules.context import Context
from hypothesis import given, settings
from hypothesis import strategies as st
from library.rules_documents import ALL, BASES, CRI, IMG, NODE, RUNC, RUNC_TYPE, found, keys, merged


@pytest.mark.parametrize("version", ALL)
def test_nothing_overridden_is_nothing_found(version):
    assert found(version, []) == []


@pytest.mark.parametrize(
    ("cni", "name"), [({"bin_dir": ""}, "bin_dir"), ({"bin_dir": "", "bin_dirs": []}, "bin_dirs")]
)
def test_the_default_decides_what_a_setting_is_called(cni, name):
    base = {"version": 3, "plugins": {"io.containerd.cri.v1.runtime": {"cni": cni}}}
    context = Context(base, {}, base)
    path = ("plugins", "io.containerd.cri.v1.runtime", "cni")
    assert context.locate("CRI.cni.bin_dir") == (*path, name)
    assert set(context.children(path)) == {*cni}


def test_the_default_decides_what_a_plugin_is_called(monkeypatch):
    new, old = "io.containerd.cri.v1.runtime", "io.containerd.cri.v1.was"
    monkeypatch.setitem(table.NAMES[3], ("plugins", new), (new, old))
    runc = ("plugins", old, "containerd", "runtimes", "runc")
    base = {"version": 3}
    put(base, runc, {"runtime_type": RUNC_TYPE})
    context = Context(base, {}, base)
    assert context.locate("CRI.containerd.runtimes") == runc[:-1]
    assert "pod_annotations" in context.children(runc)


def test_all_findings_come_at_once_and_in_the_order_of_the_overrides():
    pairs = [
        *(("debug.level", "loud"), (f"{CRI}.containerd.snapshotter", "zzz"), (f"{CRI}.containerd.no", 1)),
        *((f"{CRI}.stream_server_port", 1), ("disabled_plugins", ["cri", "io.containerd.grpc.v1.cri"])),
    ]
    assert keys(found(2, pairs)) == [*(key for key, _ in pairs), "disabled_plugins"]


def test_no_secret_is_shown():
    header = (f"{IMG}.registry.headers.Authorization", ["hunter2"])
    auth = (f"{IMG}.registry.configs.x.auth.password", "hunter2")
    option = (f"{RUNC}.options.password", "hunter2")
    address = ("metrics.address", "http://me:hunter2@example.org")
    findings = found(3, [header, auth, option, address])
    assert findings
    assert "hunter2" not in str(findings)


def test_each_rule_says_what_it_is_about():
    assert all(rule.__doc__ for rule in rules.RULES)
    assert len(set(rules.RULES)) == len(rules.RULES)


KEYS = sorted({part for version in ALL for path, _ in walk(BASES[version]) for part in path})
VALUES = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    st.sampled_from(["", "5s", "runc", "zzz", "io.containerd.grpc.v1.cri", ":1338", RUNC_TYPE]),
    st.lists(st.one_of(st.text(), st.integers(), st.just("cri"), st.dictionaries(st.text(), st.text()))),
)
FRAGMENTS = st.dictionaries(
    st.lists(st.one_of(st.sampled_from(KEYS), st.text(max_size=3)), min_size=1, max_size=6).map(tuple), VALUES
)
PATHS = {v: st.sampled_from([path for path, _ in walk(BASES[v])]) for v in ALL}


def assemble(paths):
    data = {}
    for path, value in paths.items():
        inner = data
        for part in path[:-1]:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                break
        if isinstance(inner, dict):
            inner[path[-1]] = value
    return data


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whatever_is_given_it_does_not_raise_and_names_the_key(data):
    version = data.draw(st.sampled_from(ALL))
    paths = {**data.draw(FRAGMENTS), **data.draw(st.dictionaries(PATHS[version], VALUES))}
    overrides = assemble(paths)
    result = merged(BASES[version], overrides)
    findings = rules.findings(BASES[version], overrides, result, data.draw(st.booleans()), node=NODE)
    for finding in findings:
        assert finding.message.startswith(finding.key + ": ")
        assert finding.level in ("error", "warning")
    assert all(findings.count(finding) == 1 for finding in findings)


def test_keys_that_were_no_text_do_not_raise():
    overrides = plain({"timeouts": {5: 5}, 7: {8: None}})
    assert rules.findings(BASES[3], overrides, merged(BASES[3], overrides))
