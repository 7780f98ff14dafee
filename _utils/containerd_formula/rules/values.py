"""Values that the daemon refuses, or takes for others."""

import os
import re

from containerd_formula import drop_ins, schema
from containerd_formula.data import at, table
from containerd_formula.durations import nanoseconds
from containerd_formula.names import nearest
from containerd_formula.paths import dotted
from containerd_formula.rules.context import shown
from containerd_formula.secrets import UNMASK, is_masked


def masks(context):
    """Masked values that were pasted back: containerd would take the mask for the password."""
    for path, value in context.leaves:
        if is_masked(value) or is_masked(list(path)):
            yield path, UNMASK


def timeouts(context):
    """Timeouts that no part of this containerd reads."""
    known = list(table(context.base, ("timeouts",)))
    for name in table(context.overrides, ("timeouts",)):
        if name not in known:
            near = nearest(name, known, 0.8)
            hint = f"the nearest is {dotted(('timeouts', near))}" if near else "remove it"
            yield ("timeouts", name), f"this containerd has no such timeout: {hint}", "warning"


def durations(context):
    """Durations: a bad one ends the daemon at its start, or leaves it without CRI."""
    for path, value in context.leaves:
        kind = schema.kind(path) or ""
        if "duration" not in kind or value is None or (value == "" and kind != "duration"):
            continue
        if nanoseconds(value) is None:
            number = type(value) is int or (isinstance(value, str) and re.fullmatch(r"[0-9]+", value))
            cure = f'"{value}s"' if number else '"0s"' if value == "" else '"1h30m", "5s" or "100ms"'
            yield path, f"{shown(value, path)} is not a duration: write text with a unit, as {cure}"


def choices(context):
    """Settings that take only a few values."""
    for path, value in context.leaves:
        legal = schema.choices(path)
        # Only of levels does containerd ignore the case.
        fold = schema.kind(path) == "level" and isinstance(value, str)
        if legal and value is not None and (value.lower() if fold else value) not in legal:
            names = ", ".join(choice or '""' for choice in legal)
            taken = isinstance(value, str) and schema.facts(path).get("otherwise")
            words = f"{shown(value, path)} is not one of its values{f', {taken}' if taken else ''}"
            yield path, f"{words}: write one of {names}", "warning" if taken else "error"


def ports(context):
    """Ports that are text: a number ends the daemon at its start."""
    for path, value in context.leaves:
        if schema.kind(path) == "port" and value is not None:
            if type(value) is int and 0 <= value < 2**16:
                yield path, f'a port is text here: write "{value}", in quotes'
            elif not isinstance(value, str) or not _is_host_port(":" + value):
                yield path, f'{shown(value, path)} is not a port: write "0" to "65535", in quotes'


def addresses(context):
    """Addresses of servers."""
    for setting in ("metrics.address", "grpc.tcp_address"):
        path = context.locate(setting)
        value = at(context.overrides, path)
        if value and not (isinstance(value, str) and _is_host_port(value)):
            yield path, f'{shown(value, path)} is not host:port: write it as "127.0.0.1:1338"'


def socket(context):
    """No socket at all: the daemon of 2.3 starts, and nobody can reach it."""
    path = context.locate("grpc.address")
    if context.version > 3 and at(context.overrides, path) == "":
        yield path, "it is empty, so containerd listens nowhere: write a path, or null for the default"


def folders(context):
    """One folder for both kinds of data, which ends the daemon."""
    root, state = (context.result.get(key) for key in ("root", "state"))
    cause = context.cause(("state",), ("root",))
    if cause and isinstance(root, str) and root and isinstance(state, str):
        if os.path.normpath(root) == os.path.normpath(state):
            yield cause, "root and state are the same folder: write two different ones"


def oom_score(context):
    """An OOM score that the kernel refuses."""
    score = context.overrides.get("oom_score")
    if type(score) is int and not -1000 <= score <= 1000:
        yield ("oom_score",), f"{score} is refused by the kernel: write a number from -1000 to 1000"


def imports(context):
    """Imports that do not exist: the daemon does not start, and ``config dump`` of 2.x hides it."""
    for pattern in drop_ins.patterns(context.overrides):
        file = os.path.join(context.folder, pattern)
        if "\0" in pattern:
            yield ("imports",), f"{pattern!r} holds a NUL, which no path can: remove it", "error"
        elif "*" not in pattern and not context.node.is_file(file):
            level = "error" if "imports" in context.base else "warning"
            yield ("imports",), f"{file} is not a file on this node: put it there first, or remove it", level


def _is_host_port(text):
    """Tell whether text is host:port; the host may be empty or [IPv6], the port a service's name."""
    match = re.fullmatch(
        r"(?:\[[0-9A-Fa-f:.%\w]+\]|[^\s:\[\]/]*):(?:([0-9]{1,5})|[a-z][a-z0-9-]*)", text, re.ASCII
    )
    return bool(match) and int(match[1] or 0) < 2**16


RULES = (masks, timeouts, durations, choices, ports, addresses, socket, folders, oom_score, imports)
