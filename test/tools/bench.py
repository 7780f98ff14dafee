"""
``make bench``: the formula beside what else makes the same node, in turn; medians and quartiles.

A node with each Salt: a run of one no-op state, the formula, Salt's own states, Ansible, each converged and
changing, and how long CRI is silent at a change. And a plan and a trial start with each containerd.
"""

import argparse
import os
import platform
import tempfile
import time

from lab import debian, image
from lab.container import Container
from support import figures, rivals, salt_functions
from support.binaries import RELEASES
from support.figures import ANSIBLE, FORMULA, NOTHING, PLAIN, RESTART
from support.formula import FormulaNode

OVERRIDES = [
    {
        "formula": {
            "version": 2,
            "plugins": {"io.containerd.grpc.v1.cri": {"sandbox_image": "example.org/pause:1"}},
        }
    },
    {"pillar": {"oom_score": -999, "debug": {"level": "info"}}},
]


def main():
    """
    Measure, and print or write the page.
    """
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--salts", type=str.split, default=[image.DEFAULT_SALT])
    parser.add_argument("--suite", default=image.DEFAULT_SUITE)
    parser.add_argument("--write", action="store_true", help="record it, and write docs/figures.md")
    arguments = parser.parse_args()
    found = {"recorded": recorded(arguments), "plans": plans(arguments.rounds), "salts": {}}
    for salt in arguments.salts:
        found["salts"][salt] = node(arguments.suite, salt, arguments.rounds, found["recorded"])
    found["recorded"]["load"] = round(os.getloadavg()[2])
    print(figures.times(found), figures.goals(found), figures.plans(found), sep="\n\n")
    if arguments.write:
        figures.write(found)


def recorded(arguments):
    """
    Return what the figures were measured with.
    """
    machine = f"{os.cpu_count()} cores, {platform.machine()}"
    said = {"rounds": arguments.rounds, "machine": machine, "node": f"Debian {arguments.suite}"}
    return {**said, "ansible": rivals.ansible_version()}


def plans(rounds):
    """
    Measure the parts of a run in one process: the binary's default, a converged plan, a trial start.
    """
    functions = salt_functions()
    path = os.environ["PATH"]
    found = {}
    for release, suite in RELEASES.items():
        binaries = debian.unpacked("containerd", suite) / "usr/bin"
        os.environ["PATH"] = f"{binaries}{os.pathsep}{path}"
        with tempfile.TemporaryDirectory() as folder:
            config = os.path.join(folder, "config.toml")
            plan = functions["containerd_toml.plan"](config, OVERRIDES)
            with open(config, "w", encoding="utf-8") as file:
                file.write(plan["text"])
            found[release] = in_turn(
                rounds,
                default=functions["containerd_daemon.config_default"],
                plan=lambda config=config: functions["containerd_toml.plan"](config, OVERRIDES),
                trial=lambda config=config: trial(functions, config),
            )
    os.environ["PATH"] = path
    return found


def trial(functions, config):
    """
    Try a configuration out.
    """
    found = functions["containerd.trial_start"](config, cri=False)
    if not found["ok"]:
        raise rivals.Unequal(found["reason"])


def in_turn(rounds, **calls):
    """
    Return how long each of some calls takes, made in turn.
    """
    times = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            times[name].append(round(time.perf_counter() - started, 4))
    return times


def node(suite, salt, rounds, recorded):
    """
    Return the samples of one node: of each rival, what it took when nothing and when something changes.
    """
    tree = image.tree(suite, salt, progress=lambda _: None)
    folders = tempfile.TemporaryDirectory(prefix="bench-")
    with Container(tree, "bench", progress=lambda _: None) as machine, folders as folder:
        node = FormulaNode(machine)
        node.install()
        rivals.prepare(node)
        recorded["containerd"] = machine.run(["containerd", "--version"]).stdout.split()[2]
        found = {
            NOTHING: rivals.SaltRun(machine, "nothing"),
            FORMULA: rivals.SaltRun(machine, "containerd"),
            PLAIN: rivals.SaltRun(machine, "plain"),
            ANSIBLE: rivals.AnsibleRun(machine, folder),
        }
        samples = {name: {} for name in (*found, RESTART)}
        for rival in found.values():
            # What is done once: packages, modules, caches.
            rival.run()
        for number in range(rounds):
            for name, rival in found.items():
                one_round(node, name, rival, samples[name])
            with rivals.Gap(machine) as gap:
                node.run("systemctl reset-failed containerd; systemctl restart containerd")
            samples[RESTART].setdefault("gap", []).append(gap.longest)
            print(f"Salt {salt}, round {number + 1} of {rounds}", flush=True)
        return samples


def one_round(node, name, rival, samples):
    """
    Let a rival take the node over, and measure it when nothing is left to do and when a number is set.
    """
    if name != NOTHING:
        rivals.applied(node, rival, rivals.DEFAULT, None)
    measured = rivals.applied(node, rival, rivals.DEFAULT, False)
    samples.setdefault("converged", []).append(measured["seconds"])
    samples.setdefault("memory", []).append(measured["memory"])
    samples.setdefault("cpu", []).append(measured["cpu"])
    if name != NOTHING:
        with rivals.Gap(node.machine) as gap:
            measured = rivals.applied(node, rival, rivals.CHANGED, True)
        samples.setdefault("changing", []).append(measured["seconds"])
        samples.setdefault("gap", []).append(gap.longest)


if __name__ == "__main__":
    main()
