"""
What a roll asks of the nodes, and of Kubernetes, while the library conducts it. For the formula's runners.

``order`` is a dictionary of what ``containerd.roll`` was asked for.
"""

import signal
import threading
import time

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import kube_nodes, rolling, state_run
from containerd_formula.errors import Refused, told_as

# So many nodes plan at once: each plan is some work for the master.
_SLICE = 50
_INTERVAL = 2


def plans(nodes, order):
    """
    Return {node: plan}: whether a run would change a node, would fail, or finds it right.
    """
    fleet = _Fleet(order)
    result = {}
    for at in range(0, len(nodes), _SLICE):
        some = nodes[at : at + _SLICE]
        answers = dict(fleet.runs(some, test=True))
        still = [node for node in some if node in answers and state_run.is_still(*answers[node])]
        ready = dict(fleet.ready(still, 0))
        for node in some:
            result[node] = state_run.plan(answers.get(node), ready.get(node, ""))
    return result


def left_behind(nodes, order):
    """
    Let pods onto the nodes that a killed roll left cordoned, unless this is a preview; return their names.

    Only those of which the record says so: a node may write the mark of a roll on itself.
    """
    left = __salt__["containerd_record.left"]()
    marks = {node: there.mark for node, there in _Fleet(order).there(nodes).items() if there}
    found = {node: mark for node, mark in marks.items() if node in left.get(mark, ())}
    for node, mark in found.items() if not order["test"] else ():
        __salt__["containerd_kubectl.uncordon"](order["kubectl"], order["names"][node], mark)
        __salt__["containerd_record.note"](mark, "nodes", {"data": {node: "was uncordoned"}})
    return list(found)


@told_as(CommandExecutionError)
def conduct(waves, order, say):
    """
    Change the nodes wave by wave. The first Ctrl-C or SIGTERM ends the roll after what is under way.
    """
    with _Signals(say) as signals:
        fleet = _Fleet(order, say, signals)
        return rolling.conduct(
            waves, fleet, fleet.told, max_unavailable=order["max_unavailable"], max_fails=order["max_fails"]
        )


class _Signals:
    """The first signal asks for an end, the second leaves what is under way; a third comes too late."""

    def __init__(self, say):
        self._say, self._count, self._before = say, 0, {}
        self.finishing = False

    def __enter__(self):
        # A roll of the reactor or of the API runs in a thread, which is sent no signals.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._heard)
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def asked(self):
        return self._count > 0

    def _heard(self, *_):
        self._count += 1
        if self._count == 1:
            self._say("interrupted: nothing new begins; what is under way comes to its end")
        elif self._count == 2 and not self.finishing:
            raise KeyboardInterrupt


class _Fleet:
    """The nodes, by the master's client and by kubectl."""

    def __init__(self, order, say=None, signals=None):
        self._order, self._say, self._signals = order, say, signals
        self._cordoned = set()

    def told(self, words):
        self._say(words)

    def note(self, what, data):
        try:
            __salt__["containerd_record.note"](self._order["jid"], what, {"data": data})
        except CommandExecutionError as err:
            raise Refused(str(err)) from err

    def stopping(self):
        return self._signals.asked()

    def there(self, nodes):
        """Return {node: what Kubernetes says of it}, None where it knows none; nothing without Kubernetes."""
        if not self._order["kubernetes"] or not nodes:
            return {}
        names = {node: self._order["names"][node] for node in nodes}
        found = __salt__["containerd_kubectl.nodes"](self._order["kubectl"], sorted(names.values()))
        return {node: found.get(name) for node, name in names.items()}

    def unavailable(self):
        """Return the nodes that cannot be used, of those that the roll means."""
        try:
            there = self.there(sorted(self._order["names"]))
        except CommandExecutionError as err:
            raise Refused(str(err)) from err
        return [node for node, one in there.items() if one and (one.unready or one.cordoned)]

    def prepare(self, node):
        """Tell the site's hook, and move the pods elsewhere; return why not, empty if it is done."""
        try:
            self._hook(node, "before")
            if self._drains(node):
                kubectl, name = self._order["kubectl"], self._order["names"][node]
                self._cordon(node)
                count = __salt__["containerd_kubectl.drain"](
                    kubectl, name, self._order["drain_timeout"], self._order["drain_options"], self.stopping
                )
                self._say(f"  {node}  drained ({count} pods)")
        except CommandExecutionError as err:
            return str(err)
        return ""

    def _cordon(self, node):
        """Keep new pods off a node, unless somebody else does."""
        there = self.there([node])[node]
        if there is None:
            raise CommandExecutionError(
                f"Kubernetes has no node {self._order['names'][node]}: "
                "node_name tells how a minion's node is called there."
            )
        if there.cordoned:
            return
        # First noted: what a killed roll left is known by it.
        __salt__["containerd_record.note"](self._order["jid"], "cordon", {"node": node})
        self._cordoned.add(node)
        __salt__["containerd_kubectl.cordon"](
            self._order["kubectl"], self._order["names"][node], self._order["jid"]
        )

    def _drains(self, node):
        return self._order["drain"] and node not in self._order["quiet"]

    def apply(self, nodes):
        for node, (answer, retcode) in self.runs(nodes):
            why = state_run.why_failed(answer, retcode)
            if not why:
                self._say(f"  {node}  {state_run.did(answer)}")
            yield node, why

    def gates(self, nodes):
        """Yield each node with why it is not good: ready, seen by Kubernetes, and both for a while."""
        good = []
        for node, why in self.ready(nodes, self._order["ready_timeout"]):
            if why:
                yield node, why
            else:
                good.append(node)
        bad = self._seen(good)
        soaked = [node for node in good if not bad.get(node)]
        bad.update(self._watched(soaked))
        again = [node for node in good if not bad.get(node)]
        if self._order["soak"]:
            yield from self._spoken(self.ready(again, 0))
        else:
            yield from self._spoken((node, "") for node in again)
        yield from ((node, why) for node, why in bad.items() if why)

    def release(self, node):
        """Let pods onto a node again; return why that failed, empty if it is done."""
        why = []
        self._signals.finishing = True
        try:
            if node in self._cordoned:
                name, jid = self._order["names"][node], self._order["jid"]
                __salt__["containerd_kubectl.uncordon"](self._order["kubectl"], name, jid)
        except CommandExecutionError as err:
            why.append(f"{rolling.STAYS_CORDONED}: {err}")
        try:
            self._hook(node, "after")
        except CommandExecutionError as err:
            why.append(str(err))
        self._signals.finishing = False
        return "; ".join(why)

    def runs(self, nodes, **more):
        """Yield each node with what state.apply says on it, as they come."""
        kwarg = {name: self._order[name] for name in ("saltenv", "pillar") if self._order[name]}
        return self._ask(
            nodes, "state.apply", [self._order["sls"]], {**kwarg, **more}, self._order["timeout"]
        )

    def ready(self, nodes, timeout):
        """Yield each node with why its containerd is not ready, empty if it is."""
        # A busy node takes its time to say that it is.
        limit = max(timeout, self._order["ready_timeout"]) + 30
        for node, (answer, _) in self._ask(nodes, "containerd.ready", [], {"timeout": timeout}, limit):
            is_ready = isinstance(answer, dict) and answer.get("ready") is True
            yield node, "" if is_ready else f"containerd is not ready: {state_run.reason(answer)}"

    def _ask(self, *arguments):
        return __salt__["containerd_minions.ask"](*arguments, ssh=self._order["ssh"])

    def _hook(self, node, phase):
        """Run the site's own SLS on the master."""
        if not self._order["hook"]:
            return
        given = {"node": node, "phase": phase}
        done = __salt__["state.orchestrate"](mods=self._order["hook"], pillar=given)
        answers = done.get("data") if isinstance(done, dict) else None
        for answer in answers.values() if isinstance(answers, dict) else [done]:
            why = state_run.why_failed(answer)
            if why:
                raise CommandExecutionError(f"{self._order['hook']} ({phase}): {why}")

    def _seen(self, nodes):
        """Return {node: why} once each node's kubelet has seen its containerd, or the time is over."""
        if not self._order["kubernetes"] or not nodes:
            return {}
        limit = self._order["ready_timeout"]
        answers = self._ask(nodes, "containerd.version", [], {}, limit)
        versions = {node: answer for node, (answer, _) in answers if isinstance(answer, str)}
        # Without its version there is nothing to hold a kubelet's against.
        silent = {
            node: "it does not tell the version of its containerd" for node in nodes if node not in versions
        }
        end = time.monotonic() + limit
        while True:
            bad = {**self._judged(list(versions), versions), **silent}
            if not any(why for node, why in bad.items() if node not in silent) or time.monotonic() > end:
                return bad
            time.sleep(_INTERVAL)

    def _watched(self, nodes):
        """Return {node: why} of those that Kubernetes finds not Ready while they are left alone."""
        end, bad = time.monotonic() + self._order["soak"], {}
        while nodes and time.monotonic() < end:
            time.sleep(min(_INTERVAL, max(0, end - time.monotonic())))
            bad.update({node: why for node, why in self._judged(nodes, None).items() if why})
            nodes = [node for node in nodes if node not in bad]
        return bad

    def _judged(self, nodes, versions):
        try:
            there = self.there(nodes)
        except CommandExecutionError as err:
            return {node: str(err) for node in nodes if self._order["kubernetes"]}
        return {
            node: kube_nodes.why_not_good(there[node], versions.get(node) if versions is not None else None)
            for node in nodes
            if node in there
        }

    def _spoken(self, judged):
        words = "ready"
        if self._order["kubernetes"]:
            words += ", Ready in Kubernetes"
        if self._order["soak"]:
            words += f"; watched for {self._order['soak']} s"
        for node, why in judged:
            if not why:
                self._say(f"  {node}  {words}")
            yield node, why
