"""What kubectl says of nodes, of a drain, and of the budgets that hold it up."""

import json
import re
from typing import NamedTuple

from containerd_formula.errors import Refused, brief, quoted

# Ours on a node that a roll cordoned, with the roll's job id: what was cordoned before stays so.
MARK = "containerd-formula/roll"
# kubectl of 1.19 to 1.36 names a pod in one of these ways.
_HELD = re.compile(r"when evicting pods?/?\s?\"([^\"/\s]{1,253})\"(?: -n \"([^\"\s]{1,253})\")?")
# RFC 1123, as Kubernetes checks it. kubectl would take "--server=..." for an option.
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_EVICTED = re.compile(r"^pod/\S{1,253} evicted", re.MULTILINE)


class Node(NamedTuple):
    """A node as the API server has it."""

    name: str
    unready: str
    cordoned: bool
    runtime: str
    mark: str


def names(minions, answers, node_name):
    """Return {minion: its node's name} of what minions answer; ``node_name`` is what they were asked."""
    nameless = [one for one in minions if not isinstance(answers.get(one), str) or not answers[one]]
    if nameless:
        raise Refused(f"{', '.join(nameless)} has no {node_name}: node_name names a grain or pillar.")
    known, taken = {}, {}
    for minion in minions:
        name = answers[minion]
        if not _NAME.fullmatch(name):
            raise Refused(
                f"{minion} has {node_name} {quoted(name)[:200]}: no node of Kubernetes is called so."
            )
        if name in taken:
            raise Refused(f"{taken[name]} and {minion} have one {node_name}, {name}: each node has its own.")
        known[minion], taken[name] = name, minion
    return known


def nodes(text):
    """Return {name: Node} from the JSON of ``kubectl get nodes``, one or many."""
    found = [_node(item) for item in _items(text)]
    return {node.name: node for node in found}


def why_not_good(node, version=None):
    """Return why a node may not be used yet by what its kubelet says; empty if it may.

    Ready lags behind a daemon that died; the version that the kubelet reads from its daemon does not.
    """
    if node is None:
        return "Kubernetes does not know it"
    if version is None:
        return f"Kubernetes says it is not Ready: {node.unready}" if node.unready else ""
    runtime = node.runtime.partition("://")[2].removeprefix("v")
    # A distribution's suffix: 1.7.24~ds1.
    if not runtime.startswith(version) or runtime[len(version) :][:1] in [*"0123456789."]:
        return f"its kubelet speaks to {node.runtime or 'nothing'}, not to containerd {version}"
    return why_not_good(node)


def evicted(text):
    """Return how many pods a drain moved."""
    return len(_EVICTED.findall(text))


def held(text):
    """Return the pods that a drain could not move: (namespace, name), each once."""
    return sorted({(namespace or "default", pod) for pod, namespace in _HELD.findall(text)})


def budgets(pod_text, budgets_text):
    """Return words on each PodDisruptionBudget that selects a pod, from the JSON of both."""
    labels = [_table(_table(pod).get("metadata")).get("labels") for pod in _items(pod_text)]
    words = []
    for budget in _items(budgets_text):
        spec, status = _table(budget.get("spec")), _table(budget.get("status"))
        if any(_selects(_table(spec.get("selector")), _table(one)) for one in labels):
            allowed, healthy = status.get("disruptionsAllowed", 0), status.get("currentHealthy", 0)
            words.append(
                f"PodDisruptionBudget {_name(budget)} allows {allowed} disruptions, "
                f"{healthy} of {status.get('expectedPods', 0)} pods are healthy"
            )
    return [brief(one) for one in words]


def _items(text):
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise Refused(f"kubectl gives no JSON ({text[:100]!r}): does its version work here?") from err
    data = _table(data)
    items = data.get("items") if isinstance(data.get("items"), list) else [data] if data else []
    return [item for item in items if isinstance(item, dict)]


def _node(item):
    spec, status = _table(item.get("spec")), _table(item.get("status"))
    conditions = status.get("conditions") if isinstance(status.get("conditions"), list) else []
    ready = next((_table(one) for one in conditions if _table(one).get("type") == "Ready"), {})
    why = f"{ready.get('reason') or 'no word of it'}, {ready.get('message') or ''}".rstrip(", ")
    annotations = _table(_table(item.get("metadata")).get("annotations"))
    return Node(
        name=_name(item),
        unready="" if ready.get("status") == "True" else brief(why),
        cordoned=spec.get("unschedulable") is True,
        runtime=str(_table(status.get("nodeInfo")).get("containerRuntimeVersion") or ""),
        mark=str(annotations.get(MARK) or ""),
    )


def _name(item):
    return str(_table(item.get("metadata")).get("name") or "")


def _selects(selector, labels):
    """Tell whether a label selector takes a pod; an empty one takes all."""
    wanted = _table(selector.get("matchLabels"))
    rules = selector.get("matchExpressions")
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _holds(_table(rule), labels) for rule in (rules if isinstance(rules, list) else [])
    )


def _holds(rule, labels):
    key, values = str(rule.get("key")), rule.get("values")
    values = values if isinstance(values, list) else []
    if rule.get("operator") in ("Exists", "DoesNotExist"):
        return (key in labels) == (rule["operator"] == "Exists")
    return (labels.get(key) in values) == (rule.get("operator") == "In")


def _table(value):
    return value if isinstance(value, dict) else {}
