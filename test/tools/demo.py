"""
``make try``: a bare machine becomes a Kubernetes node before your eyes.

Boots a throwaway Debian with its own kernel and systemd, applies the formula, and shows what came of it.
"""

import argparse
import sys
import time

import tomlkit
from lab import image
from lab.cri import Cri
from lab.machine import Machine
from lab.oci import busybox_image
from support.formula import FormulaNode

SANDBOX_IMAGE = "registry.example.org/pause:1"
PILLAR = {
    "package": {"source": "distro"},
    "config": {
        "version": 2,
        "oom_score": -500,
        "plugins": {
            "io.containerd.grpc.v1.cri": {
                "sandbox_image": SANDBOX_IMAGE,
                "registry": {"config_path": "/etc/containerd/certs.d"},
            }
        },
    },
}
STARTED = time.monotonic()


def main():
    """
    Run the demonstration; return the exit status.
    """
    parser = argparse.ArgumentParser(prog="make try", description=__doc__)
    parser.add_argument("--suite", default=image.DEFAULT_SUITE)
    parser.add_argument("--salt", default=image.DEFAULT_SALT)
    parser.add_argument("--keep", action="store_true", help="leave the node running")
    arguments = parser.parse_args()
    say(f"A throwaway node: Debian {arguments.suite}, Salt {arguments.salt}")
    built = image.build(arguments.suite, arguments.salt, progress=say)
    with Machine(built, "try", progress=say, keep=arguments.keep) as machine:
        node = FormulaNode(machine)
        node.install()
        node.pillar(PILLAR)
        problems = show(node)
        if arguments.keep:
            print(f"\nThe node is left running. Log in: {machine.ssh_command()}")
            print("Remove it:  make try-clean")
    for problem in problems:
        print(f"FAILED: {problem}", file=sys.stderr)
    return 1 if problems else 0


def show(node):
    """
    Apply the formula twice, look at the node; return what is wrong.
    """
    say("salt-call state.apply containerd")
    first = node.apply()
    say(f"applied: {len(first.changed)} of {len(first.states)} states changed something")
    if first.failed:
        return [f"{name}: {comment}" for name, comment in first.failed.items()]
    problems, lines = [], []
    lines.append(("containerd", node.run(["containerd", "--version"]).stdout.strip()))
    lines += overrides(node, first, problems)
    say("a pod and a container through CRI")
    lines += workload(node, problems)
    say("salt-call state.apply containerd, once more")
    second = node.apply()
    if second.failed or second.changed:
        problems.append(f"the second run changed {second.changed} and failed {second.failed}")
    lines.append(("second run", f"{len(second.changed)} changed"))
    print()
    for name, value in lines:
        print(f"  {name}\n      {value}" if value else f"  {name}")
    return problems


def overrides(node, applied, problems):
    """
    Compare what the formula set with what containerd says is in effect.
    """
    effective = node.effective()
    lines = []
    for key, change in applied["containerd configuration is managed"]["changes"].items():
        value = effective
        # A dotted key is TOML itself.
        path = tomlkit.parse(f"{key} = 0").unwrap()
        while isinstance(path, dict):
            [(part, path)] = path.items()
            value = value.get(part) if isinstance(value, dict) else None
        lines.append((key, f"{change['old']!r} -> {value!r}"))
        if value != change["new"]:
            problems.append(f"{key} is {value!r} in effect, not {change['new']!r}")
    return [("what is in effect now, by containerd config dump:", ""), *lines]


def workload(node, problems):
    """
    Run a container as the kubelet would and find its cgroup.
    """
    node.import_image(busybox_image(SANDBOX_IMAGE))
    with Cri(node.machine.forward_socket("/run/containerd/containerd.sock")) as cri:
        status = cri.status()
        pod = cri.run_pod("try")
        container = cri.container(cri.run_container(pod, SANDBOX_IMAGE))
        cgroup = node.machine.read(f"/proc/{container.pid}/cgroup").strip()
        cri.remove_pod(pod)
    if not status["RuntimeReady"]:
        problems.append("CRI is not ready")
    if container.state != "running":
        problems.append(f"the container is {container.state}")
    if not cgroup.endswith(".scope"):
        problems.append(f"the container does not run in a systemd scope but in {cgroup}")
    return [
        ("CRI", "RuntimeReady" if status["RuntimeReady"] else f"{status}"),
        ("container", f"{container.state}, pid {container.pid}"),
        ("its systemd cgroup", cgroup),
    ]


def say(text):
    """
    Print a step with the time since the start.
    """
    print(f"[{time.monotonic() - STARTED:5.0f} s] {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
