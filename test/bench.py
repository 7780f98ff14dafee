"""
``make bench``: what the formula adds to a converged run, beside the one start of containerd's binary.

Both are timed in turn, in one run, with each real release; medians of ``--rounds``.
"""

import argparse
import os
import statistics
import tempfile
import time

from binaries import RELEASES
from lab import debian
from support import salt_functions

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
    Print a table.
    """
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
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
            binary, whole = [], []
            for _ in range(rounds):
                binary.append(seconds(functions["containerd.config_default"]))
                whole.append(seconds(functions["containerd_toml.plan"], config, OVERRIDES))
        one, both = statistics.median(binary), statistics.median(whole)
        print(f"{release:<10} {one * 1000:12.0f} ms {both * 1000:13.0f} ms {(both - one) * 1000:8.0f} ms")


def seconds(function, *arguments):
    """
    Return how long a call takes.
    """
    started = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
