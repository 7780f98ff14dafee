"""
The fleet's part of ``make bench``: what a roll costs with many nodes, and that it grows linearly.

The planner and the conductor alone; then a real master, with minions of ``stand_in_minions.py``, of which
each wave is one of ``--batch``, beside ``salt --batch-size`` over the same nodes in the same run, and beside
an Ansible play with ``serial`` over as many hosts, that are no more than a shell of this machine.
"""

import argparse
import contextlib
import json
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import yaml
from containerd_formula import rolling, waves
from lab import host, wait
from support import FORMULA, ROOT
from support.rivals import ANSIBLE, FOLDER

PROGRAMS = Path(sys.executable).parent
ALONE = (1_000, 10_000, 100_000)


def main():
    """
    Print two tables.
    """
    parser = argparse.ArgumentParser(prog="make bench-fleet", description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="+", default=[50, 100, 250])
    parser.add_argument("--batch", type=int, default=25)
    arguments = parser.parse_args()
    alone()
    print(
        f"\nWaves of {arguments.batch}, beside batches of Salt's own; master and salt-run in ms of CPU a node"
    )
    print("nodes   the plan   a wave   master   salt-run   salt -b: all   master   Ansible: all   CPU a node")
    for number in arguments.nodes:
        with tempfile.TemporaryDirectory() as folder, Master(Path(folder), number) as master:
            over_a_master(master, arguments.batch)


class Nobody:
    """
    A fleet whose nodes are all good at once: what is left is the roll's own work.
    """

    def note(self, *_):
        pass

    stopping = prepare = release = note

    def apply(self, nodes):
        return ((node, "") for node in nodes)

    gates = apply


def alone():
    """
    Time the planner and the conductor without Salt.
    """
    print("nodes     waves and conductor alone, CPU")
    for number in ALONE:
        nodes = [f"node{one:06d}" for one in range(number)]
        zones = {node: node[-1] for node in nodes}
        began = time.process_time()
        planned = waves.waves(nodes, waves.size_of("1%", number), 1, zones)
        summary = rolling.conduct(planned, Nobody(), lambda _: None)
        took = time.process_time() - began
        assert rolling.comment(summary) == f"{number} changed"
        print(f"{number:<9} {took:9.3f} s {took / number * 1e6:7.1f} us a node")


def over_a_master(master, batch):
    """
    Roll over the minions of a master, then change them all by Salt's own batches.
    """
    number = master.number
    words = ["containerd.roll", "*", "canary=0", f"batch={batch}"]
    with master.cost() as roll:
        done = master.run("salt-run", "--log-level=quiet", *words)
    assert f"{number} changed" in done.stdout, done
    at = {
        int(wave): float(when)
        for when, wave in re.findall(r"^ *([0-9.]+)  wave ([0-9]+) of", done.stdout, re.M)
    }
    [end] = re.findall(rf"^ *([0-9.]+)  {number} changed$", done.stdout, re.M)
    with master.cost() as batches:
        done = master.run(
            "salt",
            "--log-level=quiet",
            f"--batch-size={batch}",
            "--out=json",
            "*",
            "state.apply",
            "containerd",
        )
    assert done.stdout.count("containerd configuration is managed") >= number, done.stdout[-3000:]
    ran, beside, own = (1000 * one / number for one in (roll["master"], batches["master"], roll["client"]))
    wave = (float(end) - at[1]) / len(at)
    row = f"{number:<7} {at[1]:6.1f} s {wave:6.1f} s {ran:8.0f} {own:10.0f}"
    play = ansible(master, batch)
    theirs = f"{play['seconds']:12.1f} s {1000 * play['client'] / number:12.0f}"
    others = f"{batches['seconds']:12.1f} s {beside:8.0f} {theirs}"
    print(f"{row} {others}", flush=True)


def ansible(master, batch):
    """
    Return what a play costs with as many tasks as that of ``make bench``, each a shell that ends at once.
    """
    folder, number = master.folder, master.number
    [play] = yaml.safe_load((FOLDER / "play.yml").read_text("utf-8"))
    tasks = [{"ansible.builtin.raw": "true"} for _ in play["tasks"]]
    own = {"hosts": "all", "serial": batch, "gather_facts": False, "any_errors_fatal": True, "tasks": tasks}
    hosts = {f"node{one:06d}": {"ansible_connection": "local"} for one in range(number)}
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}), "utf-8")
    (folder / "play.yml").write_text(yaml.safe_dump([own]), "utf-8")
    command = [ANSIBLE / "ansible-playbook", f"--forks={batch}", "--inventory=hosts.yml", "play.yml"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment.update(ANSIBLE_HOME=str(folder / "ansible"), ANSIBLE_NOCOLOR="1", LC_ALL="C.UTF-8")
    with master.cost() as spent:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=True
        )
    assert len(re.findall(r"^node\d+ .*unreachable=0 +failed=0", done.stdout, re.M)) == number, done
    return spent


class Master:
    """
    A master with the formula, and minions that are no more than their answers.
    """

    def __init__(self, folder, number):
        self.folder, self.number = folder, number
        self._stack = contextlib.ExitStack()
        self._errors = self._stack.enter_context(open(folder / "errors", "w", encoding="utf-8"))

    def __enter__(self):
        states = self.folder / "states"
        for part in FORMULA:
            shutil.copytree(ROOT / part, states / part, ignore=shutil.ignore_patterns("__pycache__"))
        pillar = self.folder / "pillar"
        pillar.mkdir()
        (pillar / "top.sls").write_text("base: {'*': [node]}\n", encoding="utf-8")
        (pillar / "node.sls").write_text("containerd: {package: {source: distro}}\n", encoding="utf-8")
        ports = host.free_ports(2)
        config = {
            **{f"{name}_dir": str(self.folder / name) for name in ("root", "pki", "sock")},
            "cachedir": str(self.folder / "cache"),
            "log_file": str(self.folder / "log"),
            "user": "root",
            "interface": "127.0.0.1",
            "publish_port": ports[0],
            "ret_port": ports[1],
            "auto_accept": True,
            "file_roots": {"base": [str(states)]},
            "pillar_roots": {"base": [str(pillar)]},
        }
        (self.folder / "master").write_text(yaml.safe_dump(config), encoding="utf-8")
        try:
            self._daemon = self._start(PROGRAMS / "salt-master", "-c", self.folder, "--log-level=quiet")
            wait.until(lambda: _listens(ports[1]), 60, "the master")
            self._start(
                sys.executable,
                Path(__file__).with_name("stand_in_minions.py"),
                *(self.folder / "minions", *ports, self.number),
            )
            self._wait()
            self.run("salt-run", "--log-level=quiet", "saltutil.sync_all")
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_):
        self._stack.close()

    def run(self, program, *words, check=True):
        line = [PROGRAMS / program, f"--config-dir={self.folder}", *words]
        return subprocess.run(line, capture_output=True, text=True, check=check)

    @contextlib.contextmanager
    def cost(self):
        """
        Count the seconds, the CPU seconds of the master, and those of the client.
        """
        spent, before = {}, self._cpu()
        client = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        yield spent
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent["seconds"] = time.perf_counter() - began
        spent["client"] = after.ru_utime - client.ru_utime + after.ru_stime - client.ru_stime
        spent["master"] = self._cpu() - before

    def _cpu(self):
        daemon = psutil.Process(self._daemon.pid)
        times = [one.cpu_times() for one in (daemon, *daemon.children(recursive=True))]
        return sum(one.user + one.system for one in times)

    def _wait(self):
        try:
            wait.until(self._all_answer, 300, "an answer of all stand-ins", every=2)
        except TimeoutError as err:
            raise RuntimeError(f"{err}: {(self.folder / 'errors').read_text()[-2000:]}") from err

    def _all_answer(self):
        words = ["--log-level=quiet", "--static", "--out=json", "--timeout=15", "*", "test.ping"]
        done = self.run("salt", *words, check=False)
        with contextlib.suppress(ValueError):
            return list(json.loads(done.stdout).values()).count(True) == self.number

    def _start(self, *command):
        process = subprocess.Popen(
            [str(word) for word in command],
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            start_new_session=True,
        )
        self._stack.callback(_end, process)
        return process


def _end(process):
    family = [process, *psutil.Process(process.pid).children(recursive=True)]
    for one in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    process.wait()


def _listens(port):
    """
    Tell whether the master takes connections.
    """
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True


if __name__ == "__main__":
    os.environ.pop("SALT_MASTER_CONFIG", None)
    main()
