"""What a person orders of a roll, made plain or refused."""

import re

from containerd_formula.data import plain
from containerd_formula.durations import seconds
from containerd_formula.errors import Refused, quoted
from containerd_formula.waves import size_of, waves

# How long a kubelet takes to notice that its containerd is gone is half a minute: a soak covers it.
SOAK = 30
_TEXTS = ("sls", "saltenv", "spread", "kubectl", "kubeconfig", "context", "node_name", "hook", "roster_file")
_NEEDED = ("sls", "kubectl", "node_name")
_FLAGS = ("skip_deaf", "drain", "kubernetes", "ssh", "test")
_TIMES = ("ready_timeout", "timeout", "drain_timeout", "soak")


def read(given):
    """Return the order that arguments make."""
    order = dict(given)
    for name in _FLAGS:
        flag(name, order[name])
    order["kubernetes"] = order["kubernetes"] or order["drain"]
    if order["soak"] is None:
        order["soak"] = SOAK if order["kubernetes"] else 0
    for name in _TEXTS:
        _text(name, order[name])
    for name in _TIMES:
        time(name, order[name])
    fails = order["max_fails"]
    if isinstance(fails, bool) or not isinstance(fails, int) or not 0 <= fails < 2**31:
        raise Refused(f"max_fails is {quoted(fails)}: write how many nodes may fail, such as 0.")
    waves([], size_of(order["batch"], 1), order["canary"])
    if order["pillar"] is not None and not isinstance(order["pillar"], dict):
        raise Refused(f"pillar is {quoted(order['pillar'])}: write a dictionary.")
    order["pillar"] = plain(order["pillar"]) if order["pillar"] else None
    order["drain_options"] = _options(order["drain_options"])
    _limit(order)
    order["ssh"] = _ssh(order["ssh"], order.pop("roster_file"))
    names = ("kubectl", "kubeconfig", "context")
    order["kubectl"] = dict(zip(("program", *names[1:]), [order.pop(name) for name in names]))
    return order


def limit(order, number):
    """Return how many of a number of nodes may be away at once; None is any."""
    if not order["kubernetes"]:
        return None
    return size_of(order["batch"] if order["max_unavailable"] is None else order["max_unavailable"], number)


def flag(name, value):
    """Return True or False; refuse anything else, which would be taken for one of them."""
    if not isinstance(value, bool):
        raise Refused(f"{name} is {quoted(value)[:200]}: write True or False.")
    return value


def time(name, value):
    """Return a number of seconds that is not negative; refuse anything else."""
    if seconds(value, name) < 0:
        raise Refused(f"{name} is {quoted(value)}: write a number of seconds, such as 30.")
    return value


def _text(name, value):
    if value is None and name not in _NEEDED:
        return
    if not isinstance(value, str) or not value.isprintable() or not 0 < len(value) < 4096 or value[0] == "-":
        raise Refused(f"{name} is {quoted(value)[:200]}: write its name.")


def _options(value):
    given = [value] if isinstance(value, str) else value or []
    if isinstance(given, (list, tuple)) and all(
        isinstance(option, str) and re.match(r"--[a-z]", option) and option.isprintable() for option in given
    ):
        return list(given)
    raise Refused(f"drain_options is {quoted(value)[:200]}: write a list such as [--delete-emptydir-data].")


def _ssh(wanted, roster_file):
    """Return the arguments of what asks a roster's nodes; None is the master's minions."""
    if roster_file and not wanted:
        raise Refused("roster_file is for ssh=True: minions need none.")
    return {"roster_file": roster_file} if wanted else None


def _limit(order):
    if order["max_unavailable"] is None:
        return
    if not order["kubernetes"]:
        raise Refused("max_unavailable is for kubernetes=True: who else tells which nodes are away?")
    try:
        size_of(order["max_unavailable"], 1)
    except Refused as err:
        raise Refused(str(err).replace("batch is", "max_unavailable is", 1)) from err
