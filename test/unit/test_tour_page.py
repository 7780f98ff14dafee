"""
docs/tour.md is read as a script, and written anew, without losing a word of it.
"""

import re

import pytest
from support import ROOT, tour_page
from support.tour_page import File, Said

PAGE = """\
## 1. First

<!-- tour: one -->
```yaml
# /srv/pillar/top.sls
base: {}
```

<!-- tour: one -->
```console
$ salt '*' test.ping
node1:
    True

$ sed -i 's/a/b/' \\
    /srv/file
```

## 2. Second

<!-- tour: two -->
```toml
# node2:/etc/containerd/config.toml
version = 2
```

<!-- tour: times -->
| step | seconds |
|---|---|
| 1. First | 7 |

The end.
"""


def test_a_page_is_steps_of_files_and_commands():
    steps = tour_page.steps(PAGE)
    assert list(steps) == ["one", "two"]
    assert steps["one"] == [
        File("", "/srv/pillar/top.sls", "# /srv/pillar/top.sls\nbase: {}\n"),
        Said("salt '*' test.ping", "node1:\n    True\n"),
        Said("sed -i 's/a/b/' \\\n    /srv/file", ""),
    ]
    assert steps["two"][0].node == "node2"
    assert tour_page.titles(PAGE) == {"one": "1. First", "two": "2. Second"}


def test_outputs_and_times_are_written_and_nothing_else():
    said = [part for part in tour_page.steps(PAGE)["one"] if isinstance(part, Said)]
    assert tour_page.with_outputs(PAGE, "one", said) == PAGE
    other = [Said(said[0].command, "node1:\n    \\1 False\n"), said[1]]
    written = tour_page.with_outputs(PAGE, "one", other)
    assert written == PAGE.replace("    True", "    \\1 False")
    assert tour_page.with_times(PAGE, {"one": 6.9}) == PAGE
    timed = tour_page.with_times(PAGE, {"one": 1.2, "two": 3.4})
    assert tour_page.timed(timed) == ["1. First", "2. Second"]
    assert timed.endswith("| 2. Second | 3 |\n\nThe end.\n")


def test_what_is_shown_is_in_the_order_of_the_nodes_and_cut():
    said = "node2:\n    b\nnode1:\n  Name: a - Result: Clean - Started: 10:00:00.1 - Duration: 3 ms\n"
    assert tour_page.shortened(said) == "node1:\n  Name: a - Result: Clean\nnode2:\n    b\n"
    assert tour_page.shortened(f"  {'word ' * 30}\n").count("\n    word") == 1
    assert tour_page.shortened("x\n" * 200).endswith("x\n…\n")


def test_of_a_failed_run_the_cause_is_shown():
    state = "----------\n          ID: {}\n    Function: a.b\n      Result: False\n     Comment: {}\n"
    state += "     Changes:   \n"
    words = ("a typo", "One or more requisite failed: one")
    said = "node1:\n" + "".join(map(state.format, ("one", "two"), words))
    shown = "node1:\n          ID: one\n      Result: False\n     Comment: a typo\nFailed: 2\n"
    assert tour_page.shortened(f"{said}\nSummary for node1\n---\nFailed: 2\n") == shown


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("    2.1  wave 1 of 3: node1", "  120.4  wave 1 of 3: node1"),
        ("it took 3.1 s", "it took 22 s"),
        ("k8s.io/0123456789abcdef", "k8s.io/fedcba9876543210ff"),
        ("node   version", "node     version"),
    ],
)
def test_two_runs_are_the_same_but_for_times_and_ids(one, other):
    assert tour_page.normal(one) == tour_page.normal(other)


def test_what_is_told_is_compared():
    assert tour_page.normal("Succeeded: 23") != tour_page.normal("Succeeded: 22")


def test_the_page_has_a_test_for_each_step_and_a_time():
    text = tour_page.page()
    source = (ROOT / "test/tour/test_tour.py").read_text(encoding="utf-8")
    done = re.findall(r'tour\.step\("(\w+)"\)', source)
    assert ["there", *done] == list(tour_page.steps(text))
    titles = tour_page.titles(text)
    assert tour_page.timed(text) == [titles[name] for name in done]
