"""
A real machine with this formula on it: masterless Salt, a pillar, and what a run of states said.
"""

import json
import subprocess
from dataclasses import dataclass

import tomlkit
import yaml
from lab.repository import stanza

from support import FORMULA, ROOT

SALT_CONFIG = {
    "file_client": "local",
    # Grains that ask the network and the hardware: slow on an emulated machine, and not used.
    "enable_fqdns_grains": False,
    "enable_gpu_grains": False,
    "file_roots": {"base": ["/srv/salt"]},
    "pillar_roots": {"base": ["/srv/pillar"]},
}
PYTHON = "/opt/salt/bin/python3"
# salt-call with the imports done: on an emulated machine they take longer than a run. Each call is a process
# of its own, forked off before anything is configured or loaded.
PRELOADED = """
import json, os, sys, tempfile
import salt.cli.call, salt.loader, salt.minion, salt.scripts, salt.state
with open("/run/preloaded-salt.pid", "w") as file:
    file.write(str(os.getpid()))
for line in sys.stdin:
    files = [tempfile.TemporaryFile() for _ in range(2)]
    child = os.fork()
    if not child:
        null = os.open(os.devnull, os.O_RDONLY)
        for number, descriptor in enumerate((null, *(file.fileno() for file in files))):
            os.dup2(descriptor, number)
        sys.argv = json.loads(line)
        try:
            salt.scripts.salt_call()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    for file in files:
        file.seek(0)
    print(json.dumps([status, *(file.read().decode(errors="replace") for file in files)]), flush=True)
"""
# What Salt says of a state that was not run since another one failed.
REQUISITE = "One or more requisite failed"


@dataclass
class Applied:
    """
    What a run of states said.
    """

    states: dict
    retcode: int
    output: str

    def __getitem__(self, state_id):
        return next(ret for ret in self.states.values() if ret["__id__"] == state_id)

    @property
    def failed(self):
        return {ret["__id__"]: ret["comment"] for ret in self.states.values() if ret["result"] is False}

    @property
    def causes(self):
        """
        What failed by itself, and not because another state did.
        """
        own = {name: text for name, text in self.failed.items() if not text.startswith(REQUISITE)}
        return own or self.failed

    @property
    def changed(self):
        return {ret["__id__"]: ret["changes"] for ret in self.states.values() if ret["changes"]}

    @property
    def ids(self):
        return [ret["__id__"] for ret in self.states.values()]


class FormulaNode:
    """
    The formula on a machine of the lab.
    """

    def __init__(self, machine):
        self.machine = machine
        self.run = machine.run
        #: What salt-call runs under, as a minion whose unit has ``UMask=`` would; the node's own if empty.
        self.umask = ""
        self._preloaded = None

    def install(self):
        """
        Put the formula where masterless Salt finds it; nothing is synced or applied.
        """
        self.machine.write("/etc/salt/minion", yaml.safe_dump({**SALT_CONFIG, "id": self.machine.name}))
        for folder in FORMULA:
            self.machine.copy_tree(ROOT / folder, f"/srv/salt/{folder}", exclude=("__pycache__",))
        self.machine.write("/srv/salt/top.sls", "base:\n  '*':\n    - containerd\n")

    def offer(self, deb):
        """
        Give the node a package of another suite, in a repository in its own files: the newest is installed.
        """
        self.machine.put("/srv/apt/package.deb", deb.read_bytes())
        self.machine.write("/srv/apt/Packages", stanza(deb, "./package.deb"))
        self.machine.write("/etc/apt/sources.list.d/lab.list", "deb [trusted=yes] file:/srv/apt ./\n")

    def pillar(self, settings, minion="*", sls="containerd"):
        """
        Let pillar ``containerd`` of the minions that match be ``settings``, and of no others.
        """
        self.machine.write("/srv/pillar/top.sls", yaml.safe_dump({"base": {minion: [sls]}}))
        self.machine.write(f"/srv/pillar/{sls}.sls", yaml.safe_dump({"containerd": settings}))

    def salt(self, *arguments, check=True):
        """
        Return what salt-call returns for a function.
        """
        done = self._salt_call(arguments)
        if check and done.returncode:
            raise AssertionError(f"salt-call {' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}")
        return json.loads(done.stdout)["local"]

    def apply(self, *sls, test=False, within=()):
        """
        Apply states, ``containerd`` if none is named; a highstate for ``highstate``. ``within`` is a command
        that runs salt-call.
        """
        function = (
            ("state.highstate",) if sls == ("highstate",) else ("state.apply", *(sls or ("containerd",)))
        )
        done = self._salt_call([*function, *(["test=True"] if test else [])], within)
        states = json.loads(done.stdout)["local"]
        if not isinstance(states, dict):
            raise AssertionError("\n".join(states))
        return Applied(states, done.returncode, done.stdout + done.stderr)

    def converges(self):
        """
        Assert that a run makes the node ready, and that the next one changes nothing.
        """
        assert self.apply().failed == {}
        assert self.salt("containerd.ready", "timeout=60")["ready"] is True
        assert self.apply().changed == {}

    def _salt_call(self, arguments, within=()):
        command = ["salt-call", "--out=json", "--retcode-passthrough", "--log-level=error", *arguments]
        if within:
            return self.run([*within, *command], check=False)
        self._begin(command)
        return self._end(command)

    def begin(self):
        """
        Start to apply ``containerd``, and do not wait for its end.
        """
        self._begin(["salt-call", "--log-level=error", "state.apply", "containerd"])

    def kill(self):
        """
        Kill the run that was begun, at once.
        """
        self.run('pkill -KILL --parent "$(cat /run/preloaded-salt.pid)"', check=False)
        return self._end([])

    def _begin(self, command):
        # Also after a reboot: then the old one has ended.
        if self._preloaded is None or self._preloaded.poll() is not None:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
            under = ["sh", "-c", f'umask {self.umask}; exec "$@"', "sh"] if self.umask else []
            self._preloaded = self.machine.popen([*under, PYTHON, "-W", "ignore", "-c", PRELOADED], **pipes)
        self._preloaded.stdin.write(json.dumps(command) + "\n")
        self._preloaded.stdin.flush()

    def _end(self, command):
        status, stdout, stderr = json.loads(self._preloaded.stdout.readline())
        return subprocess.CompletedProcess(command, status, stdout, stderr)

    def import_image(self, archive):
        """
        Give the node a container image, as the kubelet would have pulled it.
        """
        self.machine.put("/tmp/image.tar", archive)
        self.run(["ctr", "--namespace=k8s.io", "images", "import", "/tmp/image.tar"])

    def effective(self, *path):
        """
        Return a value of the configuration in effect, as containerd itself says.
        """
        value = tomlkit.parse(self.run(["containerd", "config", "dump"]).stdout).unwrap()
        for key in path:
            value = value[key]
        return value

    def daemon_pid(self):
        """
        Return the process id of the daemon, 0 where it does not run.
        """
        return int(self.run(["systemctl", "show", "--property=MainPID", "--value", "containerd"]).stdout)
