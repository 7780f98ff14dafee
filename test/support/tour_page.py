"""
docs/tour.md as a script: its steps are blocks below ``<!-- tour: STEP -->``, with what they print.

A block of ``console`` has commands behind ``$ ``, and below each what it prints, shortened. Any other block
is a file: its first line is a comment with the path, on the master unless it names a node
(``# node2:/etc/...``).
"""

import re
import textwrap
from dataclasses import dataclass

from support import ROOT

PAGE = ROOT / "docs/tour.md"
BLOCK = re.compile(r"(?<=<!-- tour: )(\S+)( -->\n```(\w+)\n)(.*?)(?=^```$)", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
TABLE = re.compile(r"(<!-- tour: times -->\n\| step \| seconds \|\n\|---\|---\|\n)((?:\|.*\n)*)")
WIDEST, LONGEST = 116, 60
# A column of seconds of a roll, times and sizes of what Salt and apt say, and ids that each run makes anew.
VARIES = [
    (re.compile(r"^ +\d+\.\d(?=  )", re.MULTILINE), "S"),
    (re.compile(r"\b\d+(\.\d+)? ?(s|ms|seconds|kB|MB)\b"), "N"),
    (re.compile(r"\b[0-9a-f]{12,}\b"), "ID"),
    (re.compile(r"\b20\d{12,}\b"), "JID"),
]
# What a page leaves out: states that did not run since another one failed; clocks, the functions of states,
# the frame of a summary, what was not synced, and the time that Salt notes in what it sends over its bus.
NOT_RUN = re.compile(r"^-+\n(?: .*\n)*? +Comment: One or more requisite failed.*\n(?: .*\n)*", re.MULTILINE)
LEFT_OUT = re.compile(
    r" - Started: .*$| - Function: \S+(?= - Result)|^ +(?:Started|Duration|Function): .*\n|^ *-+\n"
    r"|^ +Changes: *\n(?! {14})|^Total (?:run|states).*\n|^\nSummary for .*\n"
    r"|^(?!node)\w+:\n(?=\w+:\n|\Z)|^_stamp:\n.*\n",
    re.MULTILINE,
)
# Of a long list the first two.
LIST = re.compile(r"((?:^ +- .*\n){2})(^ +)- (?:.*\n\2- ){5,}.*\n", re.MULTILINE)
MINION = re.compile(r"^(?=[\w.-]+:$)", re.MULTILINE)


@dataclass(frozen=True)
class File:
    """
    A file of the page: ``node`` is empty for the master's.
    """

    node: str
    path: str
    text: str


@dataclass(frozen=True)
class Said:
    """
    A command, what it printed, as a page shows it and in full, and its exit code.
    """

    command: str
    shown: str
    text: str = ""
    code: int = 0


def page():
    return PAGE.read_text(encoding="utf-8")


def steps(text):
    """
    Return the steps of a page in their order: name to its files and commands, as File and Said.
    """
    found = {}
    for name, _, language, content in BLOCK.findall(text):
        parts = commands(content) if language == "console" else [file(content)]
        found.setdefault(name, []).extend(parts)
    return found


def file(content):
    """
    Return the file of a block.
    """
    first = content.split("\n", 1)[0]
    node, path = re.fullmatch(r"# (?:([\w-]+):)?(/\S+)", first).groups()
    return File(node or "", path, content)


def commands(content):
    """
    Return the commands of a block, each with what the page shows of it.
    """
    found = []
    for part in re.split(r"^\$ ", content, flags=re.MULTILINE)[1:]:
        command, shown = re.fullmatch(r"((?:[^\n]*\\\n)*[^\n]*\n)(.*)", part, re.DOTALL).groups()
        found.append(Said(command.strip(), shown.rstrip("\n") + "\n" if shown.strip() else ""))
    return found


def titles(text):
    """
    Return the title of each step: that of the section in which it begins.
    """
    found = {}
    for match in BLOCK.finditer(text):
        above = HEADING.findall(text[: match.start()])
        found.setdefault(match[1], above[-1])
    return found


def shortened(text):
    """
    Return what a page shows: nodes by name, and cut.
    """
    text = LIST.sub(r"\1\2…\n", LEFT_OUT.sub("", NOT_RUN.sub("", text)))
    text = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)
    head, *nodes = MINION.split(text)
    lines = [line for line in "".join([head, *sorted(nodes)]).splitlines() if line]
    lines = [part for line in lines for part in folded(line)]
    lines = lines if len(lines) <= LONGEST else [*lines[:LONGEST], "…"]
    return "".join(f"{line}\n" for line in lines)


def folded(line):
    """
    Return a line as lines of a page's width.
    """
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return textwrap.wrap(line, WIDEST, subsequent_indent=indent, break_long_words=False) or [line]


def normal(text):
    """
    Return a text without what differs from run to run.
    """
    for pattern, word in VARIES:
        text = pattern.sub(word, text)
    # A column is as wide as its widest cell, and a line is folded where it is full.
    return re.sub(r"\s+", " ", text).strip()


def with_outputs(text, name, said):
    """
    Return the page with what the commands of a step printed.
    """
    outputs = iter(said)

    def block(match):
        if match[1] != name or match[3] != "console":
            return match[0]
        told = [next(outputs) for _ in commands(match[4])]
        return f"{match[1]}{match[2]}" + "\n".join(f"$ {one.command}\n{one.shown}" for one in told)

    return BLOCK.sub(block, text)


def with_times(text, seconds):
    """
    Return the page with how long its steps took: name to seconds.
    """
    named = titles(text)
    rows = "".join(f"| {named[name]} | {value:.0f} |\n" for name, value in seconds.items())
    return TABLE.sub(lambda match: match[1] + rows, text)


def timed(text):
    """
    Return the titles in the table of times.
    """
    return re.findall(r"^\| (.+?) \|", TABLE.search(text)[2], re.MULTILINE)
