"""
docs/figures.md says what was recorded last; its quotients are those of samples of one round.
"""

import xml.etree.ElementTree as xml

import pytest
from support import figures, load
from support.figures import ANSIBLE, FORMULA, NOTHING, PLAIN, RESTART

RIVAL = {"changing": [2.0], "gap": [50.0], "memory": [70]}
FOUND = {
    "recorded": {"rounds": 1, "machine": "m", "node": "n", "containerd": "c", "ansible": "a", "load": 1},
    "plans": {"1.6.20": {"default": [0.05], "plan": [0.08], "trial": [0.2]}},
    "salts": {
        "3006": {
            NOTHING: {"converged": [1.0], "memory": [60]},
            FORMULA: {"converged": [1.3], **RIVAL},
            PLAIN: {"converged": [1.5], **RIVAL},
            ANSIBLE: {"converged": [13.0], **RIVAL},
            RESTART: {"gap": [50.0]},
        }
    },
}


@pytest.mark.skipif(not figures.RESULTS.exists(), reason="nothing is recorded: make bench FIGURES=write")
def test_the_page_and_its_chart_are_of_the_last_record():
    found = figures.results()
    assert figures.PAGE.read_text(encoding="utf-8") == figures.page(found), "make bench FIGURES=write"
    assert figures.CHART.read_text(encoding="utf-8") == figures.chart(found), "make bench FIGURES=write"


@pytest.mark.parametrize("table", [figures.times, figures.goals, figures.plans])
def test_each_row_of_a_table_has_the_cells_of_its_head(table):
    lines = table(FOUND).splitlines()
    assert len({line.count("|") for line in lines}) == 1


def test_a_goal_that_is_missed_is_said():
    assert "missed" not in figures.goals(FOUND)
    bad = {**FOUND["salts"]["3006"], FORMULA: {"converged": [1.41], **RIVAL, "gap": [56.0]}}
    assert figures.goals({**FOUND, "salts": {"3006": bad}}).count("**missed**") == 2


def test_a_quotient_is_of_samples_of_the_same_round():
    assert figures.ratio([2, 40], [1, 20]) == [2, 2]
    with pytest.raises(figures.Uneven):
        figures.ratio([1, 2], [1])


def test_a_number_has_its_quartiles():
    assert figures.spread([5, 1, 2, 4, 3], 0) == "3 (2-4)"
    assert figures.spread([7], 1) == "7.0 (7.0-7.0)"


def test_the_chart_is_xml_and_has_a_bar_for_each_run():
    drawn = xml.fromstring(figures.chart(FOUND))  # noqa: S314
    bars = drawn.findall("{http://www.w3.org/2000/svg}rect")
    assert len(bars) == 7
    assert max(float(bar.get("width")) for bar in bars) == 520


def test_the_request_is_what_grpc_asks_for():
    poll = load("test/tools/rivals/poll.py")
    assert poll.REQUEST.startswith(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert poll.frame(0, 1, 1, bytes(5)) == b"\0\0\5\0\1\0\0\0\1" + bytes(5)
