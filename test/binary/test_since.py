"""
Which release a setting came with, as the table has it, against the defaults of the real binaries.
"""

from containerd_formula import toml
from containerd_formula.data import at
from containerd_formula.paths import dotted
from containerd_formula.table import ROWS, named


def numbers(text):
    return tuple(int(part) for part in text.split("."))


def test_a_default_has_what_came_before_it_and_no_more(release, salt_functions):
    base = toml.loads(salt_functions["containerd_daemon.config_default"]())
    wrong, compared = [], 0
    for paths, facts in ROWS:
        path = paths[base["version"]]
        if "since" not in facts or not path or facts.get("open") == "below":
            continue
        # Of named tables the default has runc.
        path = named(tuple("runc" if part == "*" else part for part in path), base["version"], base)
        there = at(base, path) is not None
        if there != (numbers(facts["since"]) <= numbers(release)):
            wrong.append(f"{dotted(path)} since {facts['since']}: {there}")
        compared += 1
    assert wrong == []
    assert compared > 30
