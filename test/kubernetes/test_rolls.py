"""
A roll that Kubernetes judges: pods move away and back, under a budget.
"""

import json

import pytest
from conftest import SALT, SUITE
from lab import image, kubernetes, wait
from lab.container import Container
from lab.control_plane import SEEN_AT
from support.fleet import SALT as PROGRAMS
from support.fleet import Master
from support.kubernetes import LIMIT, PILLAR, restarts

CONFIG, MARK = "/root/admin.conf", "containerd-formula/roll"
NODES = ("node-1", "node-2")
# A master asks emulated machines: they answer, and slowly.
PATIENCE = [f"timeout={2 * LIMIT}", f"ready_timeout={LIMIT}", f"drain_timeout={LIMIT}", "soak=5"]


class Site:
    """
    A master with kubectl, whose minions are the two nodes.
    """

    def __init__(self, master, cluster):
        self.master, self.cluster = master, cluster

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

    def where(self):
        return {one["spec"]["nodeName"] for one in self.pods()}

    def cordon(self, name):
        """
        Tell whether a node is cordoned, and whether a roll's mark is on it.
        """
        found = self.cluster.node(name)
        return found["spec"].get("unschedulable", False), MARK in found["metadata"].get("annotations", {})


@pytest.fixture(scope="module")
def site(node, second, cluster, progress):
    # A drain leaves alone, and fails for, pods that nothing would start anew.
    cluster.kubectl("delete", "pods", "--selector=app!=web", f"--timeout={LIMIT}s", timeout=LIMIT)
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
        site = Site(master, cluster)
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
    assert site.where() == {"node-1"}
    assert {count for one in site.pods() for count in restarts(one)} == {0}
    progress("a roll with drains")
