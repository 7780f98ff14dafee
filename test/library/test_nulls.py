"""
A null removes a key; of a table that containerd's default has it is a mistake, told before it removes that.
"""

import pytest
import tomlkit
from containerd_formula.document import compose
from containerd_formula.findings import ERROR, errors
from containerd_formula.toml import key
from library.rules_documents import BASES, CRI, CRUN, GRPC, IMG, RT, RUNC, RUNC2, SHIM_LOAD, tree


def made(version, *layers, strict=True):
    named = [{f"layer {number}": tree(pairs)} for number, pairs in enumerate(layers)]
    return compose(tomlkit.dumps(BASES[version]), named, strict=strict)


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    ("version", "pairs"),
    [
        # The emptied table of the commonest pillar, on each release.
        *((version, [("version", 2), (CRI, None)]) for version in (2, 3, 4)),
        *((version, [("plugins", None)]) for version in (2, 3, 4)),
        *((version, [("version", 2), ("plugins", None)]) for version in (3, 4)),
        *((version, [("version", 2), (f"{CRI}.containerd", None)]) for version in (2, 3, 4)),
        *((version, [("version", 2), (f"{CRI}.containerd.runtimes", None)]) for version in (2, 3, 4)),
        *((version, [("version", 2), (RUNC2, None)]) for version in (2, 3, 4)),
        *((version, [("version", 2), (f"{RUNC2}.options", None)]) for version in (2, 3, 4)),
        (2, [("version", 2), (f"{CRI}.registry.mirrors", None)]),
        (3, [("version", 4), (GRPC, None)]),
        (2, [("version", 3), (IMG, None)]),
        (2, [("version", 3), (RT, None)]),
        (4, [("version", 3), ("grpc", None)]),
        (4, [("version", 3), ("metrics", None)]),
        *((version, [("timeouts", None)]) for version in (2, 3, 4)),
        *((version, [("debug", None)]) for version in (2, 3, 4)),
    ],
)
def test_of_a_table_of_the_default_it_is_an_error(version, pairs, strict):
    name = pairs[-1][0]
    document = made(version, [*pairs, ("oom_score", 7)], strict=strict)
    [found] = document.findings
    assert (found.key, found.level) == (name, ERROR)
    assert found.message.startswith(f"{name}: null would remove this whole table")
    assert "remove the line" in found.message and "set only the keys to null" in found.message
    # Nothing is removed, and the rest is as it was.
    assert document.result == {**BASES[version], "oom_score": 7}


@pytest.mark.parametrize(
    ("version", "pairs", "gone"),
    [
        (2, [(f"{CRI}.sandbox_image", None)], f"{CRI}.sandbox_image"),
        (3, [("version", 2), (f"{CRI}.sandbox_image", None)], f"{IMG}.pinned_images.sandbox"),
        (3, [(f"{RUNC}.options.SystemdCgroup", None)], f"{RUNC}.options.SystemdCgroup"),
        (4, [("version", 3), ("metrics.address", None)], 'plugins."io.containerd.server.v1.metrics".address'),
        (2, [(SHIM_LOAD, None)], SHIM_LOAD),
        (2, [("imports", None)], "imports"),
    ],
)
def test_of_a_key_it_removes_that(version, pairs, gone):
    document = made(version, pairs)
    assert document.findings == []
    *parents, name = key(gone)
    table = document.result
    for part in parents:
        table = table[part]
    assert name not in table


@pytest.mark.parametrize(
    "pairs",
    [
        [("version", 2), (f"{CRI}.containerd.untrusted_workload_runtime", None)],
        [("version", 2), (f"{CRI}.registry.configs", None)],
        [('plugins."com.example.own.v1.plugin"', None)],
        [(CRUN, None)],
        [("proxy_plugins", None)],
    ],
)
def test_of_what_is_not_in_the_default_nothing_is_lost(pairs):
    document = made(3, pairs)
    assert errors(document.findings) == []
    assert document.result == BASES[3]


def test_a_table_of_the_sites_own_layers_goes_with_a_null():
    layers = (
        [("version", 3), (f"{CRUN}.runtime_type", "io.containerd.runc.v2")],
        [("version", 3), (CRUN, None)],
    )
    document = made(3, *layers)
    assert document.findings == []
    assert document.result == BASES[3]


def test_a_layer_may_give_nothing():
    assert made(3, []).result == compose(tomlkit.dumps(BASES[3]), [{"pillar": None}]).result == BASES[3]
