"""
What ``make bench`` has measured, as tables, a chart and the page docs/figures.md.
"""

import json
import statistics
from html import escape

from support import ROOT

RESULTS = ROOT / "test/tools/bench.json"
PAGE = ROOT / "docs/figures.md"
CHART = ROOT / "docs/images/figures.svg"
NOTHING, FORMULA, PLAIN, ANSIBLE, RESTART = "no-op state", "formula", "plain states", "Ansible", "restart"
RIVALS = (FORMULA, PLAIN, ANSIBLE)
#: A goal: its words, the samples whose quotient it is of, and the bound: at most, or at least.
GOALS = (
    ("converged formula / no-op state", (FORMULA, "converged"), (NOTHING, "converged"), "<=", 1.4),
    ("converged plain states / formula", (PLAIN, "converged"), (FORMULA, "converged"), ">=", 1.0),
    ("converged Ansible / formula", (ANSIBLE, "converged"), (FORMULA, "converged"), ">=", 8.0),
    ("CRI's gap: formula's change / `systemctl restart`", (FORMULA, "gap"), (RESTART, "gap"), "<=", 1.1),
)
SIGNS = {"<=": "at most", ">=": "at least"}
INTRODUCTION = """\
# Figures

`make bench` measures them, and `make bench FIGURES=write` writes this page: of one run, on one node with each
Salt, in turn, so that what else the machine does hits all alike. A number is the median of {rounds} rounds;
in brackets are the quartiles.

The machine: {machine}, which did other work at the same time (load average {load}). The node: a
container with its own systemd, {node}, containerd {containerd} of the distribution, no repository.

- **no-op state**: `state.apply` of one `test.nop`.
- **formula**: `state.apply containerd`, masterless.
- **plain states**: [Salt's own states](../test/tools/rivals/plain.sls) for the same files, sysctls, package
  and service; config.toml is a template.
- **Ansible**: [a play](../test/tools/rivals/play.yml) with ansible-core {ansible} over ssh, with pipelining
  and a connection that persists. Its memory and CPU time are the controller's.

Converged: nothing changes, and the daemon is not touched. Changing: one number of config.toml is set, and the
daemon restarts once. The play and the plain states try nothing out, and do not wait for CRI.
"""


class Uneven(Exception):
    """
    Two columns are not of the same rounds.
    """


def quartiles(values):
    """
    Return the lower quartile, the median and the upper quartile.
    """
    if len(values) == 1:
        return [values[0]] * 3
    return statistics.quantiles(values, n=4, method="inclusive")


def spread(values, digits):
    """
    Return a median with its quartiles in brackets.
    """
    low, middle, high = quartiles(values)
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def ratio(over, under):
    """
    Return the quotients of two columns of samples that were taken in turn.
    """
    if len(over) != len(under):
        raise Uneven(f"{len(over)} samples, and {len(under)}")
    return [one / other for one, other in zip(over, under)]


def times(found):
    """
    Return the table of seconds, memory and CRI's gap.
    """
    lines = [
        "| | Salt | converged, s | of it CPU, s | changing, s | CRI's gap, ms | memory, MiB |",
        "|---" * 7 + "|",
    ]
    for name in (NOTHING, *RIVALS, RESTART):
        for salt, samples in found["salts"].items():
            own = samples[name]
            cells = [spread(own[column], digits) if column in own else "-" for column, digits in COLUMNS]
            lines.append("| " + " | ".join([TITLES.get(name, name), salt, *cells]) + " |")
    return "\n".join(lines)


COLUMNS = (("converged", 2), ("cpu", 2), ("changing", 2), ("gap", 0), ("memory", 0))
TITLES = {RESTART: "`systemctl restart containerd`"}


def goals(found):
    """
    Return the table of goals, and whether each is reached.
    """
    salts = found["salts"]
    lines = [
        " | ".join(["| ", *(f"Salt {salt}" for salt in salts), "goal |"]),
        "|---" * (len(salts) + 2) + "|",
    ]
    for title, over, under, sign, bound in GOALS:
        cells = []
        for samples in salts.values():
            values = ratio(samples[over[0]][over[1]], samples[under[0]][under[1]])
            middle = statistics.median(values)
            reached = middle <= bound if sign == "<=" else middle >= bound
            cells.append(spread(values, 2) + ("" if reached else " **missed**"))
        lines.append("| " + " | ".join([title, *cells, f"{SIGNS[sign]} {bound}"]) + " |")
    return "\n".join(lines)


def plans(found):
    """
    Return the table of what the formula does in a run, with each containerd.
    """
    lines = ["| containerd | `config default` | converged plan | trial start |", "|---|---|---|---|"]
    for release, row in found["plans"].items():
        cells = [spread([value * 1000 for value in row[name]], 0) for name in ("default", "plan", "trial")]
        lines.append("| " + " | ".join([release, *cells]) + " |")
    return "\n".join(lines)


def chart(found):
    """
    Return bars of the converged and the changing runs, as SVG; a thin line is from quartile to quartile.
    """
    bars = [
        (f"{name}, {column}", salt, quartiles(samples[name][column]))
        for column in ("converged", "changing")
        for name in (NOTHING, *RIVALS)
        for salt, samples in found["salts"].items()
        if column in samples[name]
    ]
    scale = 520 / max(high for _, _, (_, _, high) in bars)
    height = 30 * len(bars) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 880 {height}" role="img"',
        '  aria-labelledby="title desc">',
        '<title id="title">Seconds of a run</title>',
        '<desc id="desc">'
        + "; ".join(escape(f"{name}, Salt {salt}: {middle:.2f} s") for name, salt, (_, middle, _) in bars)
        + "</desc>",
        STYLE,
    ]
    for number, (name, salt, (low, middle, high)) in enumerate(bars):
        y = 10 + 30 * number
        kind = "own" if name.startswith(FORMULA) else "other"
        left, right = (f"{LEFT + value * scale:.1f}" for value in (low, high))
        parts += [
            f'<text x="10" y="{y + 16}">{escape(name)}, Salt {escape(salt)}</text>',
            f'<rect class="{kind}" fill="{FILLS[kind]}"',
            f'  x="{LEFT}" y="{y}" width="{middle * scale:.1f}" height="22"/>',
            f'<path class="spread" stroke="#59636e" d="M{left} {y + 11}H{right}"/>',
            f'<text x="{LEFT + 6 + high * scale:.1f}" y="{y + 16}">{middle:.2f} s</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


LEFT = 250
FILLS = {"own": "#54aeff", "other": "#afb8c1"}
STYLE = """\
<!-- The attributes fill and stroke are for what draws SVG without var(). -->
<style>
svg { --ink: #1f2328; --own: #54aeff; --other: #afb8c1; --line: #59636e; }
@media (prefers-color-scheme: dark) {
  svg { --ink: #f0f6fc; --own: #1f6feb; --other: #57606a; --line: #d1d9e0; }
}
text {
  font: 13px -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", Helvetica, Arial, sans-serif;
  fill: var(--ink);
}
.own { fill: var(--own); } .other { fill: var(--other); } .spread { stroke: var(--line); stroke-width: 2; }
</style>"""


def page(found):
    """
    Return docs/figures.md.
    """
    missed = "**missed**" in goals(found)
    parts = [
        INTRODUCTION.format(**found["recorded"]),
        "![Bars: seconds of a converged and of a changing run](images/figures.svg)\n",
        times(found) + "\n",
        "## Goals\n",
        "Quotients of samples of the same round.\n",
        goals(found) + "\n",
        *([REASONS + "\n"] if missed else []),
        "## Inside a run\n",
        "Milliseconds. A converged run asks the binary once, for its default. A change has a trial start.\n",
        plans(found) + "\n",
    ]
    return "\n".join(parts)


REASONS = ""


def results():
    """
    Return what was recorded last.
    """
    return json.loads(RESULTS.read_text(encoding="utf-8"))


def write(found):
    """
    Record what was measured, and write the page and its chart.
    """
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(found), encoding="utf-8")
    CHART.write_text(chart(found), encoding="utf-8")
