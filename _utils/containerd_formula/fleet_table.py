"""One table of a fleet, from what containerd.status says on each node."""

from containerd_formula.errors import in_words, printable
from containerd_formula.state_run import is_under_way

DEAF = "it does not answer"
UNDER_WAY = "a run of states is under way on it"
# In the table: all of it is in the data.
_WIDEST = 100
_NONE = "is not available"
_HEAD = ("node", "version", "schema", "cri", "drift", "restart", "rejected", "deprecated")


def row(answer):
    """Return the row of a node from its answer, None if there was none: all keys are always there."""
    blank = {"version": None, "schema": None, "cri": None, "drift": None, "restart": None}
    blank.update(rejected=None, deprecated=None, problem="")
    if answer is None:
        return {**blank, "problem": DEAF}
    if not isinstance(answer, dict):
        words = _line(answer)
        cold = "it has not the formula's modules: state.apply containerd.salt brings them"
        return {**blank, "problem": cold if _NONE in words else words}
    return {
        **blank,
        "version": _known(answer.get("version")),
        "schema": _known(answer.get("file_schema") or answer.get("schema")),
        "cri": answer.get("cri_ok") is True,
        "drift": _number(answer.get("drift")),
        "restart": _known(answer.get("restart_pending")),
        "rejected": _number(answer.get("not_in_effect")),
        "deprecated": _number(answer.get("deprecated")),
        "problem": _problem(answer),
    }


def is_right(one):
    """Tell whether nothing of a row asks for somebody: deprecated keys work on."""
    return not (one["problem"] or one["drift"] or one["restart"] or one["rejected"])


def table(rows):
    """Return the rows {node: row} as text; the deaf come last."""
    ordered = sorted(rows, key=lambda node: (rows[node]["problem"] == DEAF, node))
    lines = [(*_HEAD, ""), *((node, *_cells(rows[node])) for node in ordered)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
    text = []
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths)]
        text.append("  ".join([*cells, line[-1]]).rstrip())
    return "\n".join(text)


def comment(rows):
    """Return a line that counts the nodes."""
    wrong = [node for node in sorted(rows) if not is_right(rows[node])]
    if not wrong:
        return f"{len(rows)} nodes, all as pillar has them"
    return f"{len(wrong)} of {len(rows)} nodes need a look: {', '.join(wrong)}"


def _cells(one):
    cells = [_cell(one[name], *(("ok", "no") if name == "cri" else ("pending", "-"))) for name in _HEAD[1:]]
    words = _line(one["problem"])
    return (*cells, words if len(words) <= _WIDEST else f"{words[:_WIDEST]} ...")


def _cell(value, yes, no):
    if isinstance(value, bool):
        return yes if value else no
    return "?" if value is None else "-" if value == 0 else _line(value)[:20]


def _known(value):
    """Return a plain value as it is, anything else in words."""
    return value if isinstance(value, (int, type(None))) else _line(value)


def _line(value):
    return " ".join(printable(in_words(value)).split())


def _problem(answer):
    """Return the first thing that is wrong with a node; its drift and the like have cells of their own."""
    if answer.get("installed") is False:
        return "containerd is not installed"
    errors = answer.get("errors")
    if answer.get("cri_ok") is not True:
        return f"CRI is not ok: {_line(answer.get('cri_reason') or 'it does not say why')}"
    words = _line(errors[0]) if isinstance(errors, list) and errors else ""
    return UNDER_WAY if is_under_way(words) else words


def _number(value):
    return len(value) if isinstance(value, (dict, list)) else None
