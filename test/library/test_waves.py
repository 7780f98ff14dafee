"""
The waves of a roll: who goes first, who goes with whom, and that nobody is forgotten.
"""

import pytest
from containerd_formula.errors import Refused
from containerd_formula.waves import known, size_of, waves, zoned
from hypothesis import given
from hypothesis import strategies as st

NODES = [f"n{number:02}" for number in range(1, 11)]
names = st.lists(st.text("abc0-", min_size=1, max_size=4), unique=True, max_size=40)


def test_the_canary_goes_alone_then_the_batches():
    assert waves(NODES, 3) == [["n01"], ["n02", "n03", "n04"], ["n05", "n06", "n07"], ["n08", "n09", "n10"]]


@pytest.mark.parametrize(
    ("canary", "first"),
    [(0, NODES[:3]), (2, NODES[:2]), (["n07", "n02"], ["n02", "n07"]), (["x"], NODES[:3])],
)
def test_the_canary_is_a_number_or_names(canary, first):
    assert waves(NODES, 3, canary)[0] == first


def test_a_canary_that_takes_no_part_is_refused():
    assert known(["n01"], NODES) == ["n01"] and known(3, NODES) == 3
    with pytest.raises(Refused, match="^canary names n1, x: tgt does not mean it, or it does not answer"):
        known(["n01", "x", "n1"], NODES)


def test_a_grain_that_no_node_has_is_refused():
    for zones in ({}, {"n01": "a", "n02": ""}, {"n01": 0}):
        assert zoned(zones, "zone") == zones
    with pytest.raises(Refused, match="^spread is 'zoen', a grain that no node has"):
        zoned({"n01": "", "n02": None}, "zoen")


def test_zones_take_turns():
    zones = {node: "a" if node < "n06" else "b" for node in NODES}
    assert waves(NODES, 2, 0, zones)[:2] == [["n01", "n06"], ["n02", "n07"]]


@given(
    names,
    st.integers(1, 50),
    st.integers(0, 5),
    st.dictionaries(st.text("abc0-", max_size=4), st.text("xyz")),
)
def test_each_node_has_one_wave_and_no_wave_is_too_large(nodes, size, canary, zones):
    made = waves(nodes, size, canary, zones)
    assert sorted(node for wave in made for node in wave) == sorted(nodes)
    assert all(len(wave) <= size for wave in made[1:])
    assert not made or len(made[0]) <= max(size, canary)


@pytest.mark.parametrize(("batch", "size"), [(3, 3), ("10%", 20), ("1%", 2), (" 100% ", 200)])
def test_a_batch_is_a_number_or_a_share(batch, size):
    assert size_of(batch, 200) == size


def test_a_share_of_few_is_one():
    assert size_of("10%", 3) == 1


@pytest.mark.parametrize("batch", [0, -1, True, None, "0%", "101%", "3", "10 %", 1.5, [3]])
def test_another_batch_is_refused(batch):
    with pytest.raises(
        Refused, match="^batch is .*write a number of nodes, or a share of them such as 10%.$"
    ):
        size_of(batch, 10)


@pytest.mark.parametrize("canary", [-1, True, None, "n01", [1], 1.5])
def test_another_canary_is_refused(canary):
    with pytest.raises(Refused, match="^canary is .*write a number of nodes, or a list of their names.$"):
        waves(NODES, 3, canary)
