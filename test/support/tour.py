"""
The fleet of docs/tour.md: a master, a bare node, one configured by hand and one with running containers.
"""

import os
import time
from dataclasses import dataclass

from lab import wait
from lab.cri import Cri
from lab.oci import busybox_image

from support import tour_page
from support.fleet import SALT
from support.formula import FormulaNode
from support.nodes import SOCKET
from support.tour_page import File

WRITES = os.environ.get("TOUR") == "write"
# What a run of the formula would change, and a preview must not. Salt's own caches are not in it.
_LISTED = (
    "find /etc /usr/bin /usr/sbin /usr/local /opt/containerd-formula /var/lib/containerd-formula "
    "/opt/salt/lib -xdev ! -name '*.pyc' ! -name __pycache__ -type f -printf '%p %i %s %T@\\n' 2>/dev/null "
    "| sort; dpkg-query -W; systemctl show --property=MainPID containerd"
)


@dataclass(frozen=True)
class Pod:
    """
    A container on a node, by the process that it had first.
    """

    node: str
    id: str
    pid: int
    born: str


class Fleet:
    """
    The machines, and the containers on them that must live.
    """

    def __init__(self, master, machines):
        self.master = master
        self.nodes = {machine.name: FormulaNode(machine) for machine in machines}
        self.pods = []

    def run_pod(self, name, image, runtime=""):
        """
        Run a container on a node, and watch it from now on.
        """
        with self.cri(name) as cri:
            made = cri.container(
                cri.run_container(cri.run_pod(f"pod-{len(self.pods)}", runtime=runtime), image)
            )
        assert made.state == "running"
        self.pods.append(Pod(name, made.id, made.pid, self._born(name, made.pid)))
        return self.pods[-1]

    def end_pods(self, name):
        """
        Take the pods of a node away, as a person does who drains it.
        """
        with self.cri(name) as cri:
            for pod in cri.pods():
                cri.remove_pod(pod)
        self.pods = [pod for pod in self.pods if pod.node != name]

    def dead(self):
        """
        Return the pods whose container is another one by now, or gone.
        """
        return [pod for pod in self.pods if self._born(pod.node, pod.pid) != pod.born]

    def pull(self, name, image):
        with self.cri(name) as cri:
            cri.pull(image)

    def cri(self, name):
        return Cri(self.nodes[name].machine.forward_socket(SOCKET))

    def state(self):
        """
        Return what an untouched node keeps, by node.
        """
        return {name: node.run(_LISTED, check=False).stdout for name, node in self.nodes.items()}

    def pids(self):
        return {name: node.daemon_pid() for name, node in self.nodes.items()}

    def answers(self, function, *arguments, target="*"):
        return self.master.salt(function, *arguments, target=target)

    def settled(self, target="*"):
        """
        Assert that containerd of these nodes is ready, and that another run changes nothing.
        """
        answers = self.answers("containerd.ready", "timeout=60", target=target)
        assert [name for name, answer in answers.items() if answer["ready"] is not True] == []
        for name, run in self.master.states("state.apply", "containerd", target=target).items():
            assert (run.failed, run.changed) == ({}, {}), name

    def _born(self, name, pid):
        return self.nodes[name].run(f"cut -d' ' -f22 /proc/{pid}/stat", check=False).stdout


class Tour:
    """
    The page, done by a person at the master. ``swaps`` are what the page has and what is there instead.
    """

    def __init__(self, fleet, swaps):
        self.fleet, self._swaps = fleet, swaps
        self.steps = tour_page.steps(tour_page.page())
        self.seconds = {}

    def step(self, name):
        """
        Do a step, hold what it prints against the page, and return what each command said.
        """
        said, started = [], time.monotonic()
        for part in self.steps[name]:
            if isinstance(part, File):
                self.write(part)
            else:
                said.append(self._say(part.command))
        self.seconds[name] = time.monotonic() - started
        if WRITES:
            self._keep(tour_page.with_outputs(tour_page.page(), name, said))
        else:
            self._hold(name, said)
        return said

    def files(self, name):
        """
        Write the files of a step alone.
        """
        for part in self.steps[name]:
            if isinstance(part, File):
                self.write(part)

    def write(self, file):
        machine = self.fleet.nodes[file.node].machine if file.node else self.fleet.master.machine
        machine.write(file.path, self._there(file.text))

    def times(self):
        """
        Write how long the steps took, or hold the table against their titles.
        """
        if WRITES:
            self._keep(tour_page.with_times(tour_page.page(), self.seconds))
        titles = tour_page.titles(tour_page.page())
        assert tour_page.timed(tour_page.page()) == [titles[name] for name in self.seconds]

    def _say(self, command):
        done = self.fleet.master.run(f"PATH={SALT}:$PATH\n{self._there(command)}", check=False)
        text = self._back(done.stdout)
        print(f"$ {command}\n{text}{done.stderr}")
        return tour_page.Said(command, tour_page.shortened(text), text, done.returncode)

    def _hold(self, name, said):
        written = [part for part in self.steps[name] if not isinstance(part, File)]
        for page, now in zip(written, said):
            assert tour_page.normal(now.shown) == tour_page.normal(page.shown), f"{now.command}: TOUR=write"

    def _keep(self, text):
        tour_page.PAGE.write_text(text, encoding="utf-8")

    def _there(self, text):
        for page, here in self._swaps.items():
            text = text.replace(page, here)
        return text

    def _back(self, text):
        for page, here in self._swaps.items():
            text = text.replace(here, page)
        return text


def by_hand(node, docker, version):
    """
    Install containerd as Docker's manual has it, by a person.
    """
    node.machine.write("/etc/apt/keyrings/docker.asc", docker["text"])
    signed = "[arch=amd64 signed-by=/etc/apt/keyrings/docker.asc]"
    source = f"deb {signed} {docker['url']}/debian bookworm stable\n"
    node.machine.write("/etc/apt/sources.list.d/docker.list", source)
    install = f"DEBIAN_FRONTEND=noninteractive apt-get install -qy containerd.io={version}"
    node.run(f"apt-get update -q && {install}")


def restart_by_hand(node):
    """
    Let the daemon read the file that a person wrote, and wait until it has CRI.
    """
    node.run(["systemctl", "restart", "containerd"])
    serves = "ctr plugins ls | grep -q '^io.containerd.grpc.v1 *cri .*ok'"
    wait.until(lambda: node.run(serves, check=False).returncode == 0, 60, "CRI")


def import_sandbox(node):
    """
    Give a node the sandbox image of its configuration, as one that it had pulled before; return its name.
    """
    name = node.effective("plugins", "io.containerd.grpc.v1.cri", "sandbox_image")
    node.import_image(busybox_image(name))
    wait.until(lambda: name in node.run("ctr -n k8s.io images ls -q").stdout, 60, "the sandbox image")
    return name
