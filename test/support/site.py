"""
A node that must not break: its pillar, and what an untouched node keeps.
"""

from lab import wait

from support.faults import CRI

CONFIG = "/etc/containerd/config.toml"
DROP_IN = "/etc/systemd/system/containerd.service.d/50-containerd-formula.conf"
MANAGED = "containerd configuration is managed"
RUNNING = "containerd service is running"
RESTARTED = "containerd service runs with its configuration"
READY = "containerd is ready"
ROLLED_BACK = "containerd configuration is rolled back"
SETTINGS = "containerd service drop-in is managed"
READY_TIMEOUT = 30


def kept(path, kind):
    """
    Return where a copy of a file lies, the good or the rejected one.
    """
    return f"/var/lib/containerd-formula/{path.strip('/').replace('/', ':')}.{kind}"


def settings(config=None, **service):
    # A container may not lower this score where the host's root may not.
    own = {"sandbox_image": "example.org/pause:1", "restrict_oom_score_adj": True}
    base = {"version": 2, "plugins": {CRI: own}}
    return {
        "package": {"source": "distro"},
        "service": {"ready_timeout": READY_TIMEOUT, **service},
        "config": {**base, **(config or {}), "plugins": {CRI: {**base["plugins"][CRI], **_own(config)}}},
    }


def _own(config):
    return (config or {}).get("plugins", {}).get(CRI, {})


class Site:
    """
    The node with its pod: what may change in a test, and what must not.
    """

    def __init__(self, node, progress):
        self.node = node
        self.progress = progress
        self.pod = None

    def converge(self, **pillar):
        self._settle()
        self.node.pillar(settings(**pillar))
        ret = self.node.apply()
        assert ret.failed == {}, ret.failed
        return ret

    def _settle(self):
        """
        Let systemd start the daemon as often as the tests want: it counts the starts of ten seconds.
        """
        self.node.run(["systemctl", "reset-failed", "containerd"], check=False)

    def apply(self, config=None, test=False, **service):
        self._settle()
        self.node.pillar(settings(config, **service))
        return self.node.apply(test=test)

    def text(self):
        return self.node.machine.read(CONFIG)

    def identity(self):
        """
        Return what an untouched node keeps: the process of the daemon, and the bytes of its file.
        """
        return self.node.daemon_pid(), self.node.run(["stat", "-c", "%i %Y", CONFIG]).stdout, self.text()

    def start(self):
        """
        Start a run and leave it to itself, once Salt has let it in: two that ask at once refuse each other.
        """
        log = "--log-level=error --log-file=/tmp/run.log --log-file-level=info"
        # Its parent is init: nothing of it ends with this connection.
        run = f"salt-call --out=json {log} state.apply containerd >/tmp/run.out 2>&1"
        self.node.run(f"rm -f /tmp/run.*; setsid sh -c '{run}; touch /tmp/run.end' >/dev/null 2>&1 &")
        self.wait("the run's start", "grep -q 'state activity' /tmp/run.log || test -e /tmp/run.end")

    def wait(self, what, command, limit=300):
        wait.until(lambda: self.node.run(command, check=False).returncode == 0, limit, what, every=0.3)

    def runs(self):
        """
        Tell whether the pod's container is the one that was started first, where there is one.
        """
        if not self.pod:
            return True
        return self.node.run(f"cut -d' ' -f22 /proc/{self.pod[0]}/stat", check=False).stdout == self.pod[1]

    def ready(self):
        return self.node.salt("containerd.ready", "timeout=60")["ready"]
