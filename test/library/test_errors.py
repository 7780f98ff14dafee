"""
What a program's output tells of its end.
"""

import pytest
from containerd_formula import errors


@pytest.mark.parametrize(
    ("lines", "last"),
    [
        (
            ['level=error msg="no CNI yet"', "containerd: a", "containerd: invalid key", "ended"],
            "invalid key",
        ),
        (["containerd: first", 'time=1 level=fatal msg="no root"'], 'time=1 level=fatal msg="no root"'),
        (["panic: nil map", "goroutine 1:", "  containerd: not at the line's start"], "panic: nil map"),
        (['level=error msg="no CNI yet"'], ""),
        ([], ""),
    ],
)
def test_the_journal_tells_why_the_daemon_ended(lines, last):
    assert errors.fatal_line("\n".join([*lines, ""])) == last


def test_a_program_without_a_fatal_line_is_told_by_its_last():
    assert errors.last_words("bwrap: one\nbwrap: no namespace\n") == "bwrap: no namespace"
    assert errors.last_words("ctr: no daemon\nstack\n") == "no daemon"
    assert errors.last_words("") == "it ended without a message"
