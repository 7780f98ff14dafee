"""
The ways to the same node that ``make bench`` compares: the formula, Salt's own states, and Ansible.

Each takes the node over, is applied again, and then sets one number of config.toml: what it did is checked.
"""

import json
import os
import re
import subprocess
import sys

import yaml

from support import ROOT

FOLDER = ROOT / "test/tools/rivals"
CRI = "io.containerd.grpc.v1.cri"
#: What is set: containerd's default, and the change.
DEFAULT, CHANGED = 3, 5
#: In which CRI must answer after a change, in seconds.
ANSWER_LIMIT = 120
NODE_PYTHON = "/usr/bin/python3"
ANSIBLE = ROOT / ".venv/ansible/bin"
MEASURE = (FOLDER / "measure.py").read_text(encoding="utf-8")
RECAP = re.compile(r"ok=(\d+) +changed=(\d+) +unreachable=0 +failed=0")


class Unequal(Exception):
    """
    A run did not do what it is measured for.
    """


class SaltRun:
    """
    ``state.apply`` of one SLS, in a process of its own.
    """

    def __init__(self, machine, sls):
        self.machine, self.sls = machine, sls

    def run(self, number=DEFAULT):
        """
        Set the number, and return what was measured and how many states changed something.
        """
        own = {"package": {"source": "distro"}, "config": {"version": 2, "plugins": {CRI: _number(number)}}}
        pillar = {"containerd": own, "plain": {"downloads": number}}
        self.machine.write("/srv/pillar/bench.sls", yaml.safe_dump(pillar))
        salt = [
            "salt-call",
            "--out=json",
            "--retcode-passthrough",
            "--log-level=error",
            "state.apply",
            self.sls,
        ]
        done = self.machine.run([NODE_PYTHON, "-c", MEASURE, *salt])
        measured = _measured(done.stdout)
        states = json.loads(measured["output"])["local"]
        return measured, sum(bool(state["changes"]) for state in states.values())


class AnsibleRun:
    """
    ``ansible-playbook`` over ssh, with pipelining and a connection that persists between tasks and runs.
    """

    def __init__(self, machine, folder):
        address, port, key = machine.address()
        self._folder = str(folder)
        options = (
            "-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ControlMaster=auto -o ControlPersist=600s"
        )
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
            **{"ANSIBLE_PIPELINING": "1", "ANSIBLE_HOST_KEY_CHECKING": "0", "ANSIBLE_SSH_ARGS": options},
            **{"ANSIBLE_HOME": self._folder, "ANSIBLE_SSH_CONTROL_PATH_DIR": self._folder},
            **{"ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"},
        }
        own = {"ansible_host": address, "ansible_port": port, "ansible_user": "root"}
        own |= {"ansible_ssh_private_key_file": str(key), "ansible_python_interpreter": NODE_PYTHON}
        self._inventory = os.path.join(self._folder, "hosts.yml")
        with open(self._inventory, "w", encoding="utf-8") as file:
            yaml.safe_dump({"all": {"hosts": {"node": own}}}, file)

    def run(self, number=DEFAULT):
        """
        Set the number, and return what was measured and how many tasks changed something.
        """
        play = [str(ANSIBLE / "ansible-playbook"), "-i", self._inventory, "-e", f"downloads={number}"]
        command = [sys.executable, "-c", MEASURE, *play, str(FOLDER / "play.yml")]
        done = subprocess.run(command, env=self._environment, check=True, capture_output=True, text=True)
        measured = _measured(done.stdout)
        return measured, int(RECAP.search(measured["output"]).group(2))


class Gap:
    """
    While it is open, CRI is asked every few milliseconds; then ``longest`` is its longest silence in ms.
    """

    def __init__(self, machine):
        self.longest = None
        self._machine = machine

    def __enter__(self):
        poll = [NODE_PYTHON, "-c", (FOLDER / "poll.py").read_text(encoding="utf-8")]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = self._machine.popen(poll, **pipes)
        self._process.stdout.readline()
        return self

    def __exit__(self, kind, *_exception):
        if kind is not None:
            # CRI may never answer again.
            self._process.kill()
        said, _ = self._process.communicate(timeout=ANSWER_LIMIT)
        self.longest = None if kind else round(float(said), 1)


def prepare(node):
    """
    Give a node with the formula the pillar, the one no-op state, and the plain states.
    """
    machine = node.machine
    machine.write("/srv/pillar/top.sls", "base: {'*': [bench]}\n")
    machine.write("/srv/salt/nothing.sls", "nothing: {test.nop: []}\n")
    machine.write("/srv/salt/plain/init.sls", (FOLDER / "plain.sls").read_text(encoding="utf-8"))
    # Ansible's module for apt needs it, and would install it by itself.
    machine.run("apt-get -qq update && apt-get -qq install -y python3-apt containerd >/dev/null")
    text = machine.run(["containerd", "config", "default"]).stdout
    text = _replaced(text, "SystemdCgroup = false", "SystemdCgroup = true")
    number = "max_concurrent_downloads = "
    text = _replaced(text, f"{number}{DEFAULT}", number + '{{ pillar["plain"]["downloads"] }}')
    machine.write("/srv/salt/plain/config.toml", text)


def applied(node, rival, number, changes):
    """
    Let a rival set the number; what it changed, and whether the daemon restarted, must be as it has to be.
    """
    # systemd counts the starts of ten seconds.
    node.run(["systemctl", "reset-failed", "containerd"])
    before = node.daemon_pid()
    measured, changed = rival.run(number)
    restarted = node.daemon_pid() != before
    if changes is not None and (bool(changed), restarted) != (changes, changes):
        raise Unequal(f"{measured['output']}\nchanged {changed}, restarted: {restarted}")
    return {name: measured[name] for name in ("seconds", "cpu", "memory")}


def ansible_version():
    """
    Return the version of ansible-core.
    """
    done = subprocess.run([ANSIBLE / "ansible", "--version"], capture_output=True, text=True, check=True)
    return re.search(r"\[core ([\d.]+)", done.stdout).group(1)


def _number(number):
    return {"max_concurrent_downloads": number}


def _replaced(text, old, new):
    if text.count(old) != 1:
        raise Unequal(f"containerd's default has {old!r} {text.count(old)} times")
    return text.replace(old, new)


def _measured(said):
    measured = json.loads(said)
    if measured["status"]:
        raise Unequal(measured["output"] + measured["errors"])
    return measured
