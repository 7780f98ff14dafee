"""
Change the nodes of a fleet wave by wave, and stop at the first bad one; tell of a fleet in one table.

On the master, once and after each upgrade of the formula: ``salt-run saltutil.sync_all``.
"""

import time

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import errors, fleet_table, kube_nodes, roll_order, rolling, state_run, waves


def roll(
    tgt,
    tgt_type="glob",
    sls="containerd",
    saltenv=None,
    pillar=None,
    canary=1,
    batch="10%",
    spread=None,
    max_fails=0,
    skip_deaf=False,
    timeout=600,
    ready_timeout=60,
    soak=None,
    kubernetes=False,
    drain=False,
    drain_timeout=300,
    drain_options=None,
    max_unavailable=None,
    kubectl="kubectl",
    kubeconfig=None,
    context=None,
    node_name="id",
    hook=None,
    ssh=False,
    roster_file=None,
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

    pillar : ``None``
        Pillar for this roll alone, a dictionary.

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

    timeout : ``600``
        How long a node may take for its run, a number of seconds.

    ready_timeout : ``60``
        How long a changed node may take until its containerd is ready, and until Kubernetes says so; a
        number of seconds for each.

    soak : ``None``
        How long a changed node is watched before it counts as good, a number of seconds. None is 30 with
        Kubernetes, which notices a dead containerd after so long, and 0 without.

    kubernetes : ``False``
        Whether to ask Kubernetes about the nodes, by kubectl on this master: each must be Ready, and its
        kubelet must speak to the new containerd. ``drain`` means it, too.

    drain : ``False``
        Whether to move the pods of a node elsewhere before its change. It is cordoned, and uncordoned in the
        end, unless somebody had cordoned it before. A node whose plan no running container would notice, such
        as another runc alone, is not drained.

    drain_timeout : ``300``
        How long the pods of a node may take to leave, a number of seconds.

    drain_options : ``None``
        More options of ``kubectl drain``, a list such as ``[--delete-emptydir-data]``.

    max_unavailable : ``None``
        How many of the nodes may be away at once, a number or a share. Those that are cordoned, or not
        Ready, count. None is as many as ``batch``.

    kubectl : ``kubectl``
        The program on this master: its name or path.

    kubeconfig : ``None``
        Its file; None leaves that to kubectl.

    context : ``None``
        The context in that file.

    node_name : ``id``
        How Kubernetes calls a node: ``id`` is the minion's id; else a grain or pillar, such as
        ``grain:host`` or ``pillar:kubernetes:node``.

    hook : ``None``
        An SLS of your own that runs on this master before and after each node's change. Its pillar has
        ``node``, and ``phase``: ``before`` or ``after``.

    ssh : ``False``
        Whether the nodes are those of a roster, asked as ``salt-ssh`` does; ``tgt_type`` is then glob, list,
        pcre or nodegroup.

    roster_file : ``None``
        The roster; None leaves that to the master's configuration.

    test : ``False``
        Whether to tell the plan only.

    CLI Example:

    .. code-block:: bash

        salt-run containerd.roll 'node*' canary=1 batch=10% test=True

    :return: a dictionary: ``comment``; ``nodes``, name to what became of it; and ``retcode``, 0 if each node
        is right now (or would be), else 1, also where an argument is wrong, no node is meant, or another roll
        is under way.
    """
    given = {name: value for name, value in locals().items() if name not in ("tgt", "tgt_type")}
    say = _Voice()
    order = {"began": False, "jid": _jid()}
    try:
        order.update(roll_order.read(given))
        with __salt__["containerd_record.lock"]():
            return _roll(order, (tgt, tgt_type), say)
    # Raised, they would be a traceback on the screen.
    except (errors.Refused, CommandExecutionError) as err:
        return _end(str(err), {})
    except (KeyboardInterrupt, SystemExit):
        what = "what was told to nodes goes on, roll again" if order["began"] else "nothing was changed"
        return _end(f"interrupted: {what}", {})


def fleet(tgt="*", tgt_type="glob", check=False, timeout=60):
    """
    Tell of the nodes of a fleet in one table: version, schema, CRI, drift, a pending restart, what was
    rejected, what is deprecated. Nodes that do not answer come last.

    tgt : ``*``
        The nodes, as ``salt`` takes them.

    tgt_type : ``glob``
        What ``tgt`` is: glob, list, grain, compound ...

    check : ``False``
        Whether the exit code is 1 if a node is deaf, differs from pillar, waits for a restart, or its CRI
        is not ok.

    timeout : ``60``
        How long a node may take, a number of seconds.

    CLI Example:

    .. code-block:: bash

        salt-run containerd.fleet
        salt-run containerd.fleet 'node*' check=True --out=json

    :return: a dictionary: ``comment``; ``nodes``, name to its row; ``retcode``. On the command line without
        ``--out`` the rows are a table that is printed.
    """
    try:
        roll_order.flag("check", check)
        roll_order.time("timeout", timeout)
        nodes, deaf = __salt__["containerd_minions.answering"](tgt, tgt_type)
        answers = dict(__salt__["containerd_minions.ask"](nodes, "containerd.status", [], {}, timeout))
    except (errors.Refused, CommandExecutionError) as err:
        return _end(str(err), {})
    rows = {node: fleet_table.row(answers[node][0] if node in answers else None) for node in [*nodes, *deaf]}
    bad = check and not all(map(fleet_table.is_right, rows.values()))
    answer = _end(fleet_table.comment(rows), rows, bad)
    by_hand = __opts__.get("fun") == "containerd.fleet" and not __opts__.get("async")
    if by_hand and not __opts__.get("output"):
        print(fleet_table.table(rows), flush=True)
        answer.pop("nodes")
    return answer


def _roll(order, target, say):
    """Plan, and conduct the plan."""
    killed = __salt__["containerd_record.unfinished"]()
    if killed:
        say(f"the roll of {killed['time']} (job {killed['jid']}) was killed: its nodes are looked at again")
    nodes, deaf = __salt__["containerd_minions.answering"](*target, order["ssh"])
    told = dict.fromkeys(nodes, rolling.UNTRIED)
    told.update({node: f"failed: {why}" for node, why in deaf.items()})
    if deaf and not order["skip_deaf"]:
        return _end(f"no answer from {', '.join(deaf)}: nothing was changed", told)
    canary = waves.known(order["canary"], nodes)
    spread = order["spread"]
    zones = waves.zoned(_asked(nodes, f"grain:{spread}", order), spread) if spread else {}
    order["names"] = _names(nodes, order)
    _left_behind(nodes, order, say)
    plans = __salt__["containerd_conductor.plans"](nodes, order)
    told.update({node: plan.words for node, plan in plans.items() if plan.kind != state_run.CHANGES})
    refused = [node for node, plan in plans.items() if plan.kind == state_run.FAILS]
    if len(refused) > order["max_fails"]:
        return _end(f"stopped: the plan of {', '.join(refused)} fails; nothing was changed", told)
    todo = [node for node, plan in plans.items() if plan.kind == state_run.CHANGES]
    order["quiet"] = {node for node, plan in plans.items() if plan.quiet}
    planned = waves.waves(todo, waves.size_of(order["batch"], len(nodes)), canary, zones)
    right = len(nodes) - len(todo) - len(refused)
    say(f"{len(nodes)} nodes: {right} already right, {len(todo)} to change in {len(planned)} waves")
    if order["drain"] and order["quiet"]:
        say(f"{len(order['quiet'])} nodes need no drain: no container that runs would notice the change")
    if order["test"]:
        return _preview(planned, plans, told, say)
    order["max_unavailable"] = roll_order.limit(order, len(nodes))
    order["max_fails"] -= len(refused)
    begin = {"target": target, "waves": planned, "sls": order["sls"]}
    __salt__["containerd_record.note"](order["jid"], "begin", begin)
    order["began"] = True
    summary = __salt__["containerd_conductor.conduct"](planned, order, say)
    told.update({node: outcome.told() for node, outcome in summary.nodes.items()})
    answer = _end(rolling.comment(summary), told, bool(summary.stopped or deaf or refused))
    # Salt shows no answer if the master was restarted meanwhile.
    for line in answer["comment"].splitlines():
        say(line)
    try:
        __salt__["containerd_record.note"](order["jid"], "end", answer)
    # The answer is worth more than its record.
    except CommandExecutionError as err:
        say(str(err))
    return answer


def _names(nodes, order):
    """Return {node: its name in Kubernetes}."""
    if not order["kubernetes"]:
        return {}
    names = kube_nodes.names(nodes, _asked(nodes, order["node_name"], order), order["node_name"])
    known = __salt__["containerd_kubectl.nodes"](order["kubectl"], sorted(set(names.values())))
    unknown = sorted(set(names.values()) - set(known))
    if unknown:
        raise errors.Refused(
            f"Kubernetes has no node {', '.join(unknown)}: node_name tells how it calls a minion's node."
        )
    return names


def _asked(nodes, where, order):
    """Return {node: its grain or pillar value}."""
    return __salt__["containerd_minions.values"](nodes, where, order["ssh"])


def _left_behind(nodes, order, say):
    """Free the nodes that a killed roll left cordoned, or tell of them."""
    for node in __salt__["containerd_conductor.left_behind"](nodes, order):
        say(f"  {node}  {'is to be' if order['test'] else 'was'} uncordoned: an earlier roll had left it so")


class _Voice:
    """What a person at the terminal reads while a roll is under way."""

    def __init__(self):
        self._began = time.monotonic()

    def __call__(self, words):
        print(errors.printable(f"{time.monotonic() - self._began:7.1f}  {words}"), flush=True)


def _preview(planned, plans, told, say):
    """Tell the waves, and what each node would do."""
    for number, wave in enumerate(planned, 1):
        say(f"wave {number} of {len(planned)}: {', '.join(wave)}")
        for node in wave:
            say(f"  {node}  {plans[node].words}")
            told[node] = plans[node].words
    return _end("nothing was changed: this was the plan", told, False)


def _end(comment, nodes, bad=True):
    """Return a runner's answer; a bad one as the command line, and as an orchestration sees it."""
    if bad:
        __context__["retcode"] = 1
    told = {
        node: errors.printable(words) if isinstance(words, str) else words
        for node, words in sorted(nodes.items())
    }
    return {"comment": errors.printable(comment), "nodes": told, "retcode": int(bad)}


def _jid():
    """Return the job id that Salt gives each call of a runner."""
    return str(globals().get("__jid__") or time.strftime("%Y%m%d%H%M%S"))
