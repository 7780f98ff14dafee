"""
Change the nodes of a fleet wave by wave, and stop at the first bad one; tell of a fleet in one table.

On the master, once and after each upgrade of the formula: ``salt-run saltutil.sync_all``.
"""

import contextlib
import fcntl
import os
import time

import salt.client
from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import errors, rolling, state_run, waves

# So many nodes plan at once: each plan is some work for the master.
_SLICE = 50
_FOLDER = "containerd-formula"


def roll(
    tgt,
    tgt_type="glob",
    sls="containerd",
    saltenv=None,
    canary=1,
    batch="10%",
    spread=None,
    max_fails=0,
    skip_deaf=False,
    ready_timeout=60,
    soak=0,
    timeout=600,
    test=False,
):
    """
    Apply the formula to nodes wave by wave; stop after the first node that fails.

    First each node is asked for its plan (``test=True``). Nodes that are already right are left out, so a
    second roll goes on where the first one stopped.

    tgt
        The nodes, as ``salt`` takes them.

    tgt_type : ``glob``
        What ``tgt`` is: glob, list, grain, compound ...

    sls : ``containerd``
        The SLS to apply.

    saltenv : ``None``
        Its saltenv; None leaves that to the nodes.

    canary : ``1``
        Who goes first: how many nodes, or a list of their names. 0 is nobody.

    batch : ``10%``
        How many nodes are changed at once: a number, or a share of all that ``tgt`` names, at least one.

    spread : ``None``
        A grain such as ``zone``: nodes of one value are spread over the waves.

    max_fails : ``0``
        How many nodes may fail before the roll stops.

    skip_deaf : ``False``
        Whether to go on without nodes that do not answer in the beginning. They make the exit code 1.

    ready_timeout : ``60``
        How long a changed node may take until its containerd is ready, a number of seconds.

    soak : ``0``
        How long a changed node is left alone, and asked once more; a number of seconds.

    timeout : ``600``
        How long a node may take for its run, a number of seconds.

    test : ``False``
        Whether to tell the plan only.

    CLI Example:

    .. code-block:: bash

        salt-run containerd.roll 'node*' canary=1 batch=10% test=True

    :return: a dictionary: ``data`` with ``comment`` and ``nodes`` (name to what became of it), and
        ``retcode``: 0 if each node is right now (or would be), else 1, also where an
        argument is wrong, no node is meant, or another roll is under way.
    """
    settings = {
        "batch": batch,
        "canary": canary,
        "spread": spread,
        "max_fails": max_fails,
        "skip_deaf": skip_deaf,
    }
    order = {"sls": sls, "saltenv": saltenv, "timeout": timeout, "ready_timeout": ready_timeout, "soak": soak}
    try:
        waves.waves([], waves.size_of(batch, 1), canary)
        with _lock(), salt.client.get_local_client(__opts__["conf_file"]) as client:
            return _roll(_Fleet(client, order), (tgt, tgt_type), settings, test)
    # Raised, they would be a traceback on the screen.
    except (errors.Refused, CommandExecutionError) as err:
        return _end(str(err), {})


def _roll(fleet, target, settings, test):
    """Plan, and conduct the plan."""
    say = _Voice()
    nodes, deaf = fleet.answering(*target)
    told = {node: f"failed: {rolling.SILENT}" for node in deaf}
    if deaf and not settings["skip_deaf"]:
        return _end(f"no answer from {', '.join(deaf)}: nothing was changed", told)
    plans = fleet.plans(nodes)
    told.update({node: words for node, (kind, words) in plans.items() if kind != state_run.CHANGES})
    refused = [node for node, (kind, _) in plans.items() if kind == state_run.FAILS]
    if len(refused) > settings["max_fails"]:
        return _end(f"stopped: the plan of {', '.join(refused)} fails; nothing was changed", told)
    todo = [node for node, (kind, _) in plans.items() if kind == state_run.CHANGES]
    size = waves.size_of(settings["batch"], len(nodes))
    planned = waves.waves(todo, size, settings["canary"], fleet.grain(settings["spread"], todo))
    right = len(nodes) - len(todo) - len(refused)
    say(f"{len(nodes)} nodes: {right} already right, {len(todo)} to change in {len(planned)} waves")
    if test:
        return _preview(planned, plans, told, say)
    summary = rolling.conduct(planned, fleet, say, max_fails=settings["max_fails"] - len(refused))
    told.update({node: outcome.told() for node, outcome in summary.nodes.items()})
    return _end(rolling.comment(summary), told, bool(summary.stopped or deaf or refused))


class _Voice:
    """What a person at the terminal reads while a roll is under way."""

    def __init__(self):
        self._began = time.monotonic()

    def __call__(self, words):
        print(f"{time.monotonic() - self._began:7.1f}  {words}", flush=True)


class _Fleet:
    """The nodes, by the master's client."""

    def __init__(self, client, order):
        self._client, self._order = client, order

    def answering(self, tgt, tgt_type):
        """Return the nodes that are meant: those that answer, and those that do not."""
        answers = self._client.cmd(tgt, "test.ping", tgt_type=tgt_type)
        if not answers:
            raise CommandExecutionError(
                f"No minion is meant by {tgt!r}: salt-key --list=accepted names them."
            )
        deaf = sorted(name for name, pong in answers.items() if pong is not True)
        return sorted(set(answers) - set(deaf)), deaf

    def grain(self, name, nodes):
        """Return what a grain of the nodes is."""
        return self._client.cmd(nodes, "grains.get", [name], tgt_type="list") if name and nodes else {}

    def plans(self, nodes):
        """Return {node: (kind, words)}: whether a run would change it, would fail, or finds it right."""
        result = {}
        for at in range(0, len(nodes), _SLICE):
            some = nodes[at : at + _SLICE]
            answers = dict(self._runs(some, test=True))
            ready = dict(
                self._ready([n for n in some if n in answers and state_run.is_still(*answers[n])], 0)
            )
            for node in some:
                result[node] = state_run.plan(answers.get(node), ready.get(node, ""))
        return result

    def unavailable(self):
        return []

    def prepare(self, node):
        return ""

    def apply(self, nodes):
        for node, (answer, retcode) in self._runs(nodes):
            yield node, state_run.why_failed(answer, retcode)

    def gates(self, nodes):
        good = []
        for node, why in self._ready(nodes, self._order["ready_timeout"]):
            if why:
                yield node, why
            else:
                good.append(node)
        if self._order["soak"]:
            time.sleep(self._order["soak"])
            yield from self._ready(good, 0)
        else:
            yield from ((node, "") for node in good)

    def release(self, node):
        pass

    def _runs(self, nodes, **more):
        """Yield each node with what state.apply says on it, as they come."""
        kwarg = {name: self._order[name] for name in ("saltenv",) if self._order[name]}
        kwarg.update(more)
        return self._ask(nodes, "state.apply", [self._order["sls"]], kwarg, self._order["timeout"])

    def _ready(self, nodes, timeout):
        """Yield each node with why its containerd is not ready, empty if it is."""
        for node, (answer, _) in self._ask(nodes, "containerd.ready", [], {"timeout": timeout}, timeout + 30):
            ready = isinstance(answer, dict) and answer.get("ready") is True
            yield node, "" if ready else f"containerd is not ready: {state_run.reason(answer)}"

    def _ask(self, nodes, function, arguments, kwarg, timeout):
        """Yield each node with its answer and return code; none for a node that is silent."""
        if not nodes:
            return
        asked = self._client.cmd_iter_no_block(
            nodes, function, arguments, timeout=min(timeout, 30), tgt_type="list", kwarg=kwarg
        )
        for answer in asked:
            for node, told in (answer or {}).items():
                if isinstance(told, dict) and "ret" in told:
                    yield node, (told["ret"], told.get("retcode", 0))


def _preview(planned, plans, told, say):
    """Tell the waves, and what each node would do."""
    for number, wave in enumerate(planned, 1):
        say(f"wave {number} of {len(planned)}: {', '.join(wave)}")
        for node in wave:
            say(f"  {node}  {plans[node][1]}")
            told[node] = plans[node][1]
    return _end("nothing was changed: this was the plan", told, False)


def _end(comment, nodes, bad=True):
    """Return a roll's answer; a bad one as the command line, and as an orchestration sees it."""
    if bad:
        __context__["retcode"] = 1
    return {"comment": comment, "nodes": dict(sorted(nodes.items())), "retcode": int(bad)}


@contextlib.contextmanager
def _lock():
    """Keep other rolls of this master out; a lock whose process is gone is taken over."""
    folder = os.path.join(__opts__["cachedir"], _FOLDER)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    with open(os.path.join(folder, "roll.lock"), "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            file.seek(0)
            raise CommandExecutionError(
                f"Another roll is under way, {file.read()}: wait for its end."
            ) from err
        file.truncate(0)
        file.write(f"process {os.getpid()} since {time.strftime('%F %T %z')}")
        file.flush()
        yield
