"""
Rolls that Kubernetes judges: pods move away and back, and each roll that stops lets its nodes go.

The tests run in this order. Each moves the pods, and the next one begins where they are.
"""

import contextlib
import json

import pytest
from conftest import SALT, SUITE
from lab import debian, image, kubernetes, wait
from lab.container import Container
from lab.control_plane import SEEN_AT
from support.fleet import SALT as PROGRAMS
from support.fleet import Master
from support.kubernetes import LIMIT, PILLAR, restarts

CONFIG, MARK = "/root/admin.conf", "containerd-formula/roll"
NODES = ("node-1", "node-2")
BROKEN = "/etc/systemd/system/containerd.service.d/99-broken.conf"
KUBELET = "/var/lib/kubelet/config.yaml"
# A master asks emulated machines: they answer, and slowly.
PATIENCE = [f"timeout={2 * LIMIT}", f"ready_timeout={LIMIT}", f"drain_timeout={LIMIT}", "soak=5"]


class Site:
    """
    A master with kubectl, whose minions are the two nodes.
    """

    def __init__(self, master, cluster, nodes):
        self.master, self.cluster, self.nodes = master, cluster, nodes

    def pillar(self, score, **more):
        config = {**PILLAR["config"], "oom_score": score}
        self.master.pillar({"*": ["all"]}, all={"containerd": {**PILLAR, "config": config, **more}})

    def run(self, function, *words):
        """
        Return the exit code, what was told on the way, and the answer.
        """
        command = [f"{PROGRAMS}/salt-run", "--log-level=quiet", "--out=json", function, *words]
        done = self.master.run(command, check=False, timeout=4 * LIMIT)
        at = f"\n{done.stdout}".find("\n{")
        assert at >= 0, f"{done.stdout}\n{done.stderr}"
        print(done.stdout)
        return done.returncode, done.stdout[:at], json.loads(done.stdout[at:])

    def roll(self, target, *words):
        given = ["canary=0", "batch=1", f"kubeconfig={CONFIG}", *PATIENCE, *words]
        code, told, answer = self.run("containerd.roll", target, *given)
        return code, told, answer["nodes"], answer["comment"]

    def budget(self, available):
        """
        Let so many pods of the Deployment be there at all times.
        """
        spec = {"minAvailable": available, "selector": {"matchLabels": {"app": "web"}}}
        kind = {"apiVersion": "policy/v1beta1", "kind": "PodDisruptionBudget", "metadata": {"name": "few"}}
        self.cluster.apply({**kind, "spec": spec})

        def seen():
            status = self.cluster.get("poddisruptionbudget", "few")["status"]
            wanted = (available, 6, 6)
            return (
                wanted
                == tuple(status.get(key) for key in ("desiredHealthy", "currentHealthy", "expectedPods"))
                and status.get("disruptionsAllowed") == 6 - available
            )

        wait.until(seen, LIMIT, f"a budget of {available} pods", every=2)

    def pods(self):
        """
        Return the pods of the Deployment that stay.
        """
        found = self.cluster.get("pods", "--selector=app=web")["items"]
        return [one for one in found if "deletionTimestamp" not in one["metadata"]]

    def names(self):
        return {one["metadata"]["name"] for one in self.pods()}

    def wait_on(self, name):
        """
        Wait until the six pods run; they are on this node, and none was ever started anew.
        """

        def run():
            return self.cluster.get("deployment", "web")["status"].get("availableReplicas") == 6

        wait.until(run, LIMIT, f"six pods on {name}", every=2)
        assert {one["spec"]["nodeName"] for one in self.pods()} == {name}
        assert {count for one in self.pods() for count in restarts(one)} == {0}

    def cordon(self, name):
        """
        Tell whether a node is cordoned, and whether a roll's mark is on it.
        """
        found = self.cluster.node(name)
        return found["spec"].get("unschedulable", False), MARK in found["metadata"].get("annotations", {})

    def runtime(self, name):
        return self.cluster.node(name)["status"]["nodeInfo"]["containerRuntimeVersion"]

    def daemon(self, name):
        """
        Return what a change would change: a setting of the file on the machine, and the daemon's process.
        """
        node = self.nodes[name]
        return node.effective("oom_score"), node.daemon_pid()

    @contextlib.contextmanager
    def cordoned(self, name):
        """
        Cordon a node by hand, and let pods onto it again in the end.
        """
        self.cluster.kubectl("cordon", name)
        try:
            yield
        finally:
            self.cluster.kubectl("uncordon", name)

    @contextlib.contextmanager
    def broken(self, name):
        """
        Keep the daemon of a node from coming up at its next start; mend the node in the end.
        """
        node = self.nodes[name]
        node.machine.write(BROKEN, "[Service]\nExecStartPre=/bin/false\n")
        node.run("systemctl daemon-reload")
        try:
            yield
        finally:
            node.run(f"rm {BROKEN} && systemctl daemon-reload")
            # What the page says of a reason that was not the configuration's.
            node.run("rm -f /var/lib/containerd-formula/*.rejected")
            node.run("systemctl reset-failed containerd; systemctl restart containerd")
            self.cluster.wait_ready(name)


@pytest.fixture(scope="module")
def site(node, second, cluster, progress):
    # A drain leaves alone, and fails for, pods that nothing would start anew.
    cluster.kubectl("delete", "pods", "--selector=app!=web", f"--timeout={LIMIT}s", timeout=LIMIT)
    # The kubelet of test_image_gc removes what no pod uses: after a drain, the image of the pods.
    node.run(f"sed -i '/^image.*GC/d' {KUBELET} && systemctl restart kubelet")
    tree = image.tree(SUITE, SALT, progress=progress)
    with Container(tree, "master", progress) as machine:
        master = Master(
            machine,
            file_roots={"base": ["/srv/formulas/containerd-formula"]},
            pillar_roots={"base": ["/srv/pillar"]},
            timeout=60,
            # Emulated and at work, a minion takes a minute to say so.
            gather_job_timeout=300,
        )
        master.give()
        machine.put("/usr/local/bin/kubectl", (kubernetes.programs(progress) / "kubectl").read_bytes(), 0o755)
        text = (cluster.control_plane.folder / "admin.conf").read_text()
        machine.write(CONFIG, text.replace("https://127.0.0.1:", f"https://{SEEN_AT}:"), 0o600)
        for one in (node, second):
            # An emulated machine takes its time to sign in.
            master.minion(one.machine, auth_timeout=120)
        site = Site(master, cluster, dict(zip(NODES, (node, second))))
        site.pillar(-500)
        for name in NODES:
            wait.until(
                lambda: master.salt("test.ping", target=name, check=False, timeout=60).get(name),  # noqa: B023
                LIMIT,
                f"the minion {name}",
            )
        progress("the minions are up")
        assert "runners.containerd" in json.dumps(site.run("saltutil.sync_all"))
        yield site


def test_pods_move_away_and_back(site, progress):
    """
    A roll over both nodes, under a budget with room.
    """
    site.budget(4)
    site.pillar(-400)
    code, told, nodes, comment = site.roll("node-*", "drain=True")
    assert (code, nodes) == (0, dict.fromkeys(NODES, "changed")), told
    for name in NODES:
        assert f"{name}  drained (" in told and f"{name}  ready, Ready in Kubernetes" in told
        assert site.cordon(name) == (False, False)
    # Those of the second node, which was the last, are on the first again.
    site.wait_on("node-1")
    progress("a roll with drains")


def test_a_budget_without_room_stops_the_roll(site, progress):
    """
    It names each pod that stays and what holds it, and nothing is left of the attempt.
    """
    site.budget(6)
    site.pillar(-300)
    before = site.names(), [site.daemon(name) for name in NODES]
    # All pods are on the node that goes first.
    code, told, nodes, comment = site.roll("node-*", "drain=True", "drain_timeout=60")
    # The next test needs the room.
    site.budget(4)
    assert (code, nodes["node-2"]) == (1, "not tried"), told
    assert comment.startswith("stopped: node-1: its pods stay: "), comment
    assert "may not be evicted (PodDisruptionBudget few allows 0 disruptions, 6 of 6 pods are" in comment
    unnamed = [name for name in before[0] if f"default/{name}" not in comment]
    assert (unnamed, len(before[0])) == ([], 6), comment
    assert (site.names(), [site.daemon(name) for name in NODES]) == before
    assert [site.cordon(name) for name in NODES] == [(False, False)] * 2
    progress("a budget without room")


def test_a_cordon_of_somebody_else_stays(site, progress):
    """
    Its node is emptied, changed and still cordoned: then the other one, which has all pods now, may not go.
    """
    site.pillar(-300)
    with site.cordoned("node-1"):
        code, told, nodes, comment = site.roll("node-1", "drain=True", "max_unavailable=2")
        assert (code, nodes) == (0, {"node-1": "changed"}), told
        assert "node-1  drained (6 pods)" in told
        assert (site.daemon("node-1")[0], site.cordon("node-1")) == (-300, (True, False))
        site.wait_on("node-2")
        before = site.names(), site.daemon("node-2")
        code, told, nodes, comment = site.roll("node-*", "drain=True", "max_unavailable=1")
        assert (code, nodes) == (1, {"node-1": "already right", "node-2": "not tried"}), told
        why = "stopped: node-1 cannot be used, and no more than 1 may be away at once\n"
        assert comment.startswith(why), comment
        assert (site.names(), site.daemon("node-2")) == before
        assert [site.cordon(name) for name in NODES] == [(True, False), (False, False)]
    progress("a cordon of somebody else")


def test_an_upgrade_is_seen_by_kubelet(site, node, progress):
    """
    Before the pods of the next node come: they start on the release that was installed a moment ago.
    """
    node.offer(debian.package("containerd", "trixie"))
    assert site.runtime("node-1").startswith("containerd://1.6.20")
    # The second node has the release, and gets the setting alone.
    site.pillar(-200, package={**PILLAR["package"], "version": "1.7.24*"})
    code, told, nodes, comment = site.roll("node-*", "kubernetes=True", "drain=True")
    # Nobody waits for Kubernetes once the roll has ended.
    seen = [site.runtime(name)[: len("containerd://1.7.24")] for name in NODES]
    assert (code, nodes, seen) == (0, dict.fromkeys(NODES, "changed"), ["containerd://1.7.24"] * 2), told
    assert told.index("node-1  ready, Ready in Kubernetes") < told.index("node-2  drained (6 pods)")
    assert [site.daemon(name)[0] for name in NODES] == [-200] * 2
    assert [site.cordon(name) for name in NODES] == [(False, False)] * 2
    site.wait_on("node-1")
    progress("an upgrade that kubelet sees")


def test_a_dead_daemon_stops_the_roll(site, progress):
    """
    The pods had moved before and do not notice; once the node is mended, the same words bring all to an end.
    """
    site.pillar(-100)
    before = site.daemon("node-2")
    words = ("node-*", "drain=True")
    with site.broken("node-1"):
        code, told, nodes, comment = site.roll(*words)
        assert (code, nodes["node-2"]) == (1, "not tried"), told
        assert comment.startswith("stopped: node-1: containerd service is running: "), comment
        assert "(rolled back to its last good configuration)" in comment
        assert (site.daemon("node-1")[0], site.daemon("node-2")) == (-200, before)
        assert [site.cordon(name) for name in NODES] == [(False, False)] * 2
        # Kubernetes is late to see it: before that, Ready would not prove that the node was mended.
        wait.until(
            lambda: site.cluster.condition("node-1")[0] != "True", LIMIT, "node-1 not to be Ready", every=2
        )
        site.wait_on("node-2")
    progress("a dead daemon")
    code, told, nodes, comment = site.roll(*words)
    assert (code, nodes) == (0, dict.fromkeys(NODES, "changed")), told
    assert [site.daemon(name)[0] for name in NODES] == [-100] * 2
    assert [site.cordon(name) for name in NODES] == [(False, False)] * 2
    site.wait_on("node-1")
    progress("the roll after it")
