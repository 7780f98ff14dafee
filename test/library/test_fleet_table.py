"""
The table of a fleet: each node has a row, the deaf come last, and who needs a look is counted.
"""

from containerd_formula.fleet_table import DEAF, comment, is_right, row, table

STATUS = {
    "installed": True,
    "version": "1.7.24",
    "schema": 2,
    "file_schema": 2,
    "cri_ok": True,
    "cri_reason": "",
    "drift": {},
    "restart_pending": False,
    "not_in_effect": {},
    "deprecated": [],
    "errors": [],
}


def of(**more):
    return row({**STATUS, **more})


def test_a_table():
    rows = {
        "a-deaf": row(None),
        "n1": of(),
        "n2": of(drift={"a": 1, "b": 2}, restart_pending=True, not_in_effect={"c": 1}, deprecated=["x"]),
        "n3": of(cri_ok=False, cri_reason="no socket\nat all"),
        "n4": row("'containerd.status' is not available."),
        "n5": of(installed=False, version=None, schema=None, file_schema=None, cri_ok=False),
        "n6": of(errors=["file: it is not TOML"], restart_pending=None),
    }
    assert table(rows).splitlines() == [
        "node    version  schema  cri  drift  restart  rejected  deprecated",
        "n1      1.7.24   2       ok   -      -        -         -",
        "n2      1.7.24   2       ok   2      pending  1         1",
        "n3      1.7.24   2       no   -      -        -         -           CRI is not ok: no socket at all",
        "n4      ?        ?       ?    ?      ?        ?         ?           "
        "it has not the formula's modules: state.apply containerd.salt brings them",
        "n5      ?        ?       no   -      -        -         -           containerd is not installed",
        "n6      1.7.24   2       ok   -      ?        -         -           file: it is not TOML",
        f"a-deaf  ?        ?       ?    ?      ?        ?         ?           {DEAF}",
    ]
    assert comment(rows) == "6 of 7 nodes need a look: a-deaf, n2, n3, n4, n5, n6"


def test_a_node_of_a_roll_that_is_under_way_is_told_in_words():
    words = (
        """containerd.config does not render here: ['The function "state.apply" is running as PID 7 and']"""
    )
    assert of(errors=[f"document: {words}"])["problem"] == "a run of states is under way on it"


def test_a_long_sentence_is_cut_in_the_table_alone():
    one = of(errors=["x" * 500])
    assert len(one["problem"]) == 500
    assert table({"n1": one}).endswith(f"  {'x' * 100} ...")


def test_a_node_does_nothing_to_the_terminal():
    one = of(version="1\x1b[2J", errors=["a\x1b]0;b\x07\u202ec\x9b2J"])
    assert table({"n1": one}).isprintable() is False and table({"n1": one}).replace("\n", "").isprintable()
    assert (one["version"], one["problem"]) == ("1 [2J", "a ]0;b c 2J")


def test_deprecated_keys_ask_for_nobody():
    assert is_right(of(deprecated=["x"]))
    assert comment({"n1": of(deprecated=["x"])}) == "1 nodes, all as pillar has them"
