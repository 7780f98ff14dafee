"""
A real master and real minions, each on a node of its own, as an operator at the master has them.
"""

import json
import subprocess

import yaml
from lab import host, wait

from support import FORMULA, ROOT
from support.formula import Applied

# This host, as its nodes see it: a port that leads to the master is here.
HOST = "10.0.2.2"
SALT = "/opt/salt/bin"
ROOTS = "/srv/formulas/containerd-formula"
# As Salt's own packages have it: a restart of the daemon leaves its jobs.
UNIT = """
[Service]
Type=notify
NotifyAccess=all
KillMode=process
# The machine's own end waits for it.
TimeoutStopSec=1
ExecStart={salt}/{program}
"""
# Grains that ask the network and the hardware are slow, and not used.
QUICK = {"enable_fqdns_grains": False, "enable_gpu_grains": False}


class Daemon:
    """
    One of Salt's daemons on a machine.
    """

    def __init__(self, machine, program, options):
        self.machine, self.unit = machine, f"{program}.service"
        machine.write(f"/etc/salt/{program.removeprefix('salt-')}", yaml.safe_dump(options))
        machine.write(f"/etc/systemd/system/{self.unit}", UNIT.format(salt=SALT, program=program))
        machine.run(["systemctl", "start", self.unit])

    def pid(self):
        return self.machine.run(["systemctl", "show", "--property=MainPID", "--value", self.unit]).stdout


class Master:
    """
    A salt-master with the formula in a file root, and the ``salt`` command.
    """

    def __init__(self, machine, **options):
        self.machine, self.run = machine, machine.run
        self.ports = host.free_ports(2)
        for port in self.ports:
            machine.forward_port(port)
        publish, answers = self.ports
        own = {"publish_port": publish, "ret_port": answers, "auto_accept": True}
        self.daemon = Daemon(machine, "salt-master", {**own, **options})

    def minion(self, machine, **options):
        """
        Start a minion of this master on another machine.
        """
        publish, answers = self.ports
        own = {"id": machine.name, "master": HOST, "publish_port": publish, "master_port": answers}
        return Daemon(machine, "salt-minion", {**own, **QUICK, **options})

    def up(self, *minions):
        """
        Wait until the minions answer.
        """

        def answer():
            pongs = self.salt("test.ping", check=False, timeout=5)
            return all(pongs.get(name) is True for name in minions)

        wait.until(answer, 60, f"the minions {', '.join(minions)}")

    def salt(self, function, *arguments, target="*", check=True, timeout=120):
        """
        Return what each minion answers to a function.
        """
        words = [f"{SALT}/salt", "--out=json", "--static", f"--timeout={timeout}", target, function]
        done = self.run([*words, *arguments], check=False)
        try:
            return json.loads(done.stdout)
        except ValueError:
            if check:
                raise AssertionError(f"{done.args}\n{done.stdout}\n{done.stderr}") from None
            return {}

    def states(self, function, *arguments, target="*"):
        """
        Return what a run of states said on each minion.
        """
        answers = self.salt(function, *arguments, target=target)
        for name, states in answers.items():
            assert isinstance(states, dict), f"{name}: {states}"
        return {name: Applied(states, 0, json.dumps(states)) for name, states in answers.items()}

    def give(self, source=ROOT):
        """
        Put the formula into the file root. The old listing is forgotten: it hides a new file for 20 s.
        """
        for folder in FORMULA:
            self.machine.copy_tree(source / folder, f"{ROOTS}/{folder}", exclude=("__pycache__",))
        self.run([f"{SALT}/salt-run", "--log-level=quiet", "fileserver.clear_file_list_cache"], check=False)

    def pillar(self, top, **files):
        """
        Write the pillar tree: ``top`` as in a top file, and each file.
        """
        for name, content in {"top": {"base": top}, **files}.items():
            self.machine.write(f"/srv/pillar/{name}.sls", yaml.safe_dump(content))


class Bus:
    """
    What passes over the master's event bus, as ``salt-run state.event`` shows it.
    """

    def __init__(self, master):
        command = [f"{SALT}/salt-run", "--log-level=quiet", "state.event", "pretty=True"]
        self._log = "/var/tmp/events"
        self._run = master.run
        self._process = master.machine.popen(
            f"exec {' '.join(command)} >{self._log} 2>&1", stdin=subprocess.DEVNULL
        )

    def text(self):
        return self._run(["cat", self._log]).stdout
