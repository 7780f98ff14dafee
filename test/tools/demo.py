"""
``make try``: a bare machine becomes a Kubernetes node before your eyes.

Boots a throwaway Debian with its own kernel and systemd, applies the formula, and shows what came of it.
"""

import argparse
import sys
import time

import tomlkit
from containerd_formula.data import at
from containerd_formula.effect import differs
from lab import image
from lab.cri import Cri
from lab.machine import Machine
from lab.oci import busybox_image
from support.formula import FormulaNode
from tools import demo_kubernetes

SANDBOX_IMAGE = "registry.example.org/pause:1"
CRI = "io.containerd.grpc.v1.cri"
PILLAR = {
    "package": {"source": "distro"},
    "config": {
        "version": 2,
        "oom_score": -500,
        "plugins": {
            CRI: {"sandbox_image": SANDBOX_IMAGE, "max_container_log_line_size": 32768},
        },
    },
    # The containerd of bullseye, 1.4, does not have it yet.
    "config_for": {
        ">=1.5": {
            "version": 2,
            "plugins": {CRI: {"registry": {"config_path": "/etc/containerd/certs.d"}}},
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
    parser.add_argument("--kubernetes", action="store_true", help="let kubeadm join it to a cluster")
    arguments = parser.parse_args()
    say(f"A throwaway node: Debian {arguments.suite}, Salt {arguments.salt}")
    build = demo_kubernetes.image if arguments.kubernetes else image.build
    built = build(arguments.suite, arguments.salt, progress=say)
    with Machine(built, "try", progress=say, keep=arguments.keep) as machine:
        node = FormulaNode(machine)
        node.install()
        node.pillar(PILLAR)
        problems = show(node)
        if arguments.kubernetes and not problems:
            problems = demo_kubernetes.show(node, say)
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
        return [f"{name}: {comment}" for name, comment in first.causes.items()]
    problems, lines = [], []
    lines.append(("containerd", node.run(["containerd", "--version"]).stdout.strip()))
    lines += overrides(node, first, problems)
    say("a pod and a container through CRI")
    lines += workload(node, problems)
    say("salt-call state.apply containerd, once more")
    second = node.apply()
    if second.failed or second.changed:
        problems.append(f"the second run changed {second.changed} and failed {second.causes}")
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
    state = applied["containerd configuration is managed"]
    lines = [(line, "") for line in state["comment"].splitlines() if line.startswith("layer ")]
    for key, change in state["changes"].items():
        if key.startswith("/"):
            # The file itself, where there was none.
            continue
        path = parts(key)
        value = at(effective, path)
        wrong = differs(path, change["new"], effective)
        # The dump of containerd 1.4 leaves the options of a runtime out.
        shown = repr(value) if wrong or value is not None else f"{change['new']!r}, which the dump leaves out"
        lines.append((key, f"{change['old']!r} -> {shown}"))
        if wrong:
            problems.append(f"{key} is {value!r} in effect, not {change['new']!r}")
    return [("what is in effect now, by containerd config dump:", ""), *lines]


def parts(key):
    """
    Return a dotted key as a path: it is TOML itself.
    """
    path, rest = [], tomlkit.parse(f"{key} = 0").unwrap()
    while isinstance(rest, dict):
        [(part, rest)] = rest.items()
        path.append(part)
    return tuple(path)


def workload(node, problems):
    """
    Run a container as the kubelet would and find its cgroup.
    """
    node.import_image(busybox_image(SANDBOX_IMAGE))
    older = node.salt("containerd.version").startswith(("1.4.", "1.5."))
    with Cri(node.machine.forward_socket("/run/containerd/containerd.sock"), older=older) as cri:
        status = cri.status()
        pod = cri.run_pod("try")
        container = cri.container(cri.run_container(pod, SANDBOX_IMAGE))
        cgroup = node.machine.read(f"/proc/{container.pid}/cgroup").strip().splitlines()[0]
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
