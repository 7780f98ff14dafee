"""
``make bench``: what the formula adds, each time beside something to compare it with, in turn and in one run.

A converged plan beside the one start of containerd's binary, with each real release; and on a real machine
with each Salt a converged ``state.apply containerd`` beside a run of one state that does nothing. Medians.
"""

import argparse
import os
import statistics
import tempfile
import time
from functools import partial

from lab import debian, image
from lab.machine import Machine
from support import salt_functions
from support.binaries import RELEASES
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
    Print two tables.
    """
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--salts", type=str.split, default=[image.DEFAULT_SALT])
    parser.add_argument("--suite", default=image.DEFAULT_SUITE)
    arguments = parser.parse_args()
    plans(arguments.rounds)
    for salt in arguments.salts:
        node(arguments.suite, salt, arguments.rounds)


def plans(rounds):
    """
    Compare a converged plan with the start of the binary that it contains.
    """
    functions = salt_functions()
    path = os.environ["PATH"]
    print("containerd   config default   converged plan   added")
    for release, suite in RELEASES.items():
        binaries = debian.unpacked("containerd", suite) / "usr/bin"
        os.environ["PATH"] = f"{binaries}{os.pathsep}{path}"
        with tempfile.TemporaryDirectory() as folder:
            config = os.path.join(folder, "config.toml")
            plan = functions["containerd_toml.plan"](config, OVERRIDES)
            with open(config, "w", encoding="utf-8") as file:
                file.write(plan["text"])
            one, both = medians(
                rounds,
                functions["containerd_daemon.config_default"],
                partial(functions["containerd_toml.plan"], config, OVERRIDES),
            )
        print(f"{release:<10} {one * 1000:12.0f} ms {both * 1000:13.0f} ms {(both - one) * 1000:8.0f} ms")
    os.environ["PATH"] = path


def node(suite, salt, rounds):
    """
    Compare a converged run on a real machine with one of a single state that does nothing.
    """
    with Machine(
        image.build(suite, salt, progress=lambda _: None), "bench", progress=lambda _: None
    ) as machine:
        node = FormulaNode(machine)
        node.install()
        node.pillar({"package": {"source": "distro"}})
        machine.write("/srv/salt/nothing.sls", "nothing: {test.nop: []}\n")
        node.converges()

        def run(sls):
            machine.run(["salt-call", "--log-level=error", "--retcode-passthrough", "state.apply", sls])

        nothing, converged = medians(rounds, lambda: run("nothing"), lambda: run("containerd"))
    print(f"Salt {salt}: no-op {nothing:.2f} s, converged {converged:.2f} s, {converged / nothing:.2f} times")


def medians(rounds, one, other):
    """
    Return how long two calls take, made in turn.
    """
    times = [(seconds(one), seconds(other)) for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*times)]


def seconds(function):
    """
    Return how long a call takes.
    """
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
