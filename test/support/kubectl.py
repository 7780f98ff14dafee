#!/usr/bin/env python3
"""
A stand-in for kubectl: nodes and pods are in a JSON file, the kubeconfig; it notes its calls there.
"""

import json
import stat
import sys
import time
from pathlib import Path

MARK = "containerd-formula/roll"


def cluster(folder, *nodes, **more):
    """
    Write a cluster of nodes, each with a pod, and return the program and its kubeconfig.
    """
    program = folder / "kubectl"
    program.write_text(
        f"#!{sys.executable}\n{Path(__file__).read_text('utf-8').partition(chr(10))[2]}", "utf-8"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    state = {
        "nodes": {name: {"runtime": "containerd://1.7.24", "ready": True} for name in nodes},
        "pods": {f"web-{name}": name for name in nodes},
        "calls": [],
        **more,
    }
    config = folder / "cluster.json"
    config.write_text(json.dumps(state), encoding="utf-8")
    return program, config


def _node(name, node):
    return {
        "metadata": {"name": name, "annotations": {MARK: node["mark"]} if node.get("mark") else {}},
        "spec": {"unschedulable": True} if node.get("cordoned") else {},
        "status": {
            "conditions": [{"type": "Ready", "status": str(node["ready"]), "reason": "KubeletNotReady"}],
            "nodeInfo": {"containerRuntimeVersion": node["runtime"]},
        },
    }


def _get(state, kind, names):
    if kind == "nodes":
        found = [_node(name, node) for name, node in state["nodes"].items() if name in names or not names]
        print(json.dumps(found[0] if len(names) == len(found) == 1 else {"items": found} if found else None))
    elif kind == "pod":
        print(json.dumps({"metadata": {"name": names[0], "labels": {"app": "web"}}}))
    else:
        status = {"disruptionsAllowed": 0, "currentHealthy": 1, "expectedPods": 1}
        budget = {"metadata": {"name": "few"}, "spec": {"selector": {"matchLabels": {"app": "web"}}}}
        print(json.dumps({"items": [{**budget, "status": status}]}))


def _drain(state, name):
    words = []
    for pod in [pod for pod, node in state["pods"].items() if node == name]:
        if pod in state.get("held", ()):
            words.append(
                f'error when evicting pods/"{pod}" -n "shop" (will retry after 5s): Cannot evict pod'
            )
        else:
            state["pods"][pod] = "elsewhere"
            print(f"pod/{pod} evicted")
    if words:
        sys.exit("\n".join([*words, f'error: unable to drain node "{name}" due to error: timed out']))


def main(arguments):
    options = dict(one[2:].split("=", 1) for one in arguments if one.startswith("--") and "=" in one)
    verb, *words = [one for one in arguments if not one.startswith("--")]
    config = Path(options["kubeconfig"])
    state = json.loads(config.read_text("utf-8"))
    state["calls"].append(" ".join([verb, *words]))
    config.write_text(json.dumps(state), encoding="utf-8")
    why = state.get("fail", {}).get(" ".join([verb, *words[:2]])) or state.get("fail", {}).get(verb)
    if why:
        sys.exit(f"Error from server: {why}")
    if verb == "drain":
        time.sleep(state.get("slow", 0))
        # It outlives a roll that was killed: what others wrote meanwhile stays.
        state = json.loads(config.read_text("utf-8"))
    if verb == "get":
        _get(state, words[0], words[1:])
    elif verb == "annotate":
        key, _, value = words[2].partition("=")
        state["nodes"][words[1]]["mark"] = "" if key.endswith("-") else value
    elif verb in ("cordon", "uncordon"):
        state["nodes"][words[0]]["cordoned"] = verb == "cordon"
    else:
        _drain(state, words[0])
    config.write_text(json.dumps(state), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
