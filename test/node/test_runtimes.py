"""
Runtimes, the sandbox image, and images without a registry, on a node that reaches no registry.

One node for each release of containerd in ``RUNTIME_RELEASES``. The tests run in this order.
"""

import hashlib
import os

import pytest
from lab import debian, wait
from lab.cri import Cri
from lab.oci import busybox_image
from lab.repository import stanza
from support.formula import FormulaNode
from support.nodes import SALTS, SOCKET, container

V2 = "io.containerd.grpc.v1.cri"
# Release to the suite of the node, the one that containerd is taken from, and the one with another runc.
RELEASES = {
    "1.6.20": ("bookworm", "bookworm", "bullseye"),
    "1.7.24": ("trixie", "trixie", "bookworm"),
    "2.1.9": ("trixie", "forky", "bookworm"),
}
WANTED = os.environ.get("RUNTIME_RELEASES", " ".join(RELEASES)).split()
# The newest Salt alone: little here depends on it.
SALT = os.environ.get("RUNTIME_SALT", SALTS[-1])
PAUSE, APP = "pause.test/pause:1", "app.test/library/app:1"
INSTALLED = "containerd runtimes are installed"
USABLE = "containerd runtimes can be used"
PROVED = "containerd runtimes are proved"
IMPORTED = "containerd images are imported"
MANAGED = "containerd configuration is managed"
RUNNING = "containerd service is running"
# What each runtime leaves beside a container's bundle.
ROOT = "/run/containerd/runc/k8s.io"
LIMIT = 4321


def archive(name):
    data = busybox_image(name)
    return data, hashlib.sha256(data).hexdigest()


def entry(name):
    file = name.replace("/", "-").replace(":", "-")
    return {"name": name, "archive": f"salt://images/{file}.tar", "sha256": archive(name)[1]}


def settings(runtimes=None, images=(PAUSE,), config=None, **more):
    # A container may not lower this score where the host's root may not.
    base = {"version": 2, "plugins": {V2: {"restrict_oom_score_adj": True}}}
    return {
        "package": {"source": "distro"},
        "sandbox_image": PAUSE,
        "images": [entry(name) for name in images],
        "runtimes": runtimes or {},
        "config": {**base, **(config or {})},
        **more,
    }


@pytest.fixture(scope="module", params=WANTED, ids=lambda release: f"containerd-{release}")
def node(request, progress):
    suite, source, other = RELEASES[request.param]
    with container(suite, SALT, f"runtimes-{source}", progress) as machine:
        node = FormulaNode(machine)
        node.install()
        node.release, node.other_runc = request.param, debian.package("runc", other)
        if source != suite:
            node.offer(debian.package("containerd", source))
        for name in (PAUSE, APP):
            machine.put(f"/srv/salt/images/{name.replace('/', '-').replace(':', '-')}.tar", archive(name)[0])
        yield node


@pytest.fixture
def cri(node):
    with Cri(node.machine.forward_socket(SOCKET)) as connection:
        yield connection


def apply(node, *sls, test=False, **pillar):
    node.pillar(settings(**pillar))
    return node.apply(*sls, test=test)


def started(node, cri, name, runtime=""):
    """
    Return the process of a container in a pod of its own, and its id.
    """
    pod = cri.run_pod(name, runtime=runtime)
    made = cri.container(cri.run_container(pod, APP))
    assert made.state == "running"
    return pod, made


def lives(node, made):
    return node.run(["test", "-d", f"/proc/{made.pid}"], check=False).returncode == 0


def ran_by(node, made):
    """
    Return which runtime made a container: each keeps its state in a file of another name.
    """
    names = node.run(["ls", f"{ROOT}/{made.id}"]).stdout.split()
    return "crun" if "status" in names else "runc" if "state.json" in names else names


def test_a_bare_node_runs_pods_by_two_runtimes_without_a_registry(node, cri):
    predicted = apply(node, test=True, runtimes={"crun": {"package": "crun"}}, images=(PAUSE, APP))
    assert predicted.failed == {}
    ret = node.apply()
    assert ret.failed == {}, ret.failed
    assert node.salt("containerd.version") == node.release
    assert {PAUSE, APP} <= set(ret.changed[IMPORTED])
    node.pid = node.daemon_pid()
    _, node.plain = started(node, cri, "plain")
    _, node.second = started(node, cri, "second", "crun")
    assert (ran_by(node, node.plain), ran_by(node, node.second)) == ("runc", "crun")


def test_the_second_run_changes_and_proves_nothing(node):
    before = node.run(["stat", "-c", "%Y %i", "/var/lib/containerd-formula/proved.json"]).stdout
    for test in (True, False):
        ret = node.apply(test=test)
        assert (ret.failed, ret.changed) == ({}, {})
    assert node.run(["stat", "-c", "%Y %i", "/var/lib/containerd-formula/proved.json"]).stdout == before
    assert node.daemon_pid() == node.pid


def test_both_are_proved_for_people(node):
    found = node.salt("containerd_runtimes.prove")
    assert {name: (one["ok"], one["how"]) for name, one in found.items()} == {
        name: (True, "a container ran") for name in ("runc", "crun")
    }
    # Nothing of the proof is left.
    assert "proof" not in node.run(["ctr", "namespaces", "ls"]).stdout
    assert 'handler: "crun"' in node.salt("containerd_runtimes.runtime_classes")


def bad_runtimes(node):
    """
    Put runtimes on the node that pods could not use; return pillar and words for each.
    """
    node.run("printf '#!/bin/sh\\nexit 0\\n' >/usr/local/bin/no-mode; chmod 644 /usr/local/bin/no-mode")
    node.run("head -c 500 /dev/urandom >/usr/local/bin/rubbish; chmod 755 /usr/local/bin/rubbish")
    rows = {
        "missing": ({"binary": "/usr/local/bin/nothing"}, "/usr/local/bin/nothing"),
        "plain": ({"binary": "/usr/local/bin/no-mode"}, "/usr/local/bin/no-mode"),
        "other": ({"binary": "/usr/local/bin/rubbish"}, "/usr/local/bin/rubbish"),
        "typo": ({"binary": "/usr/bin/crun", "options": {"SystemdCgrup": True}}, "SystemdCgroup"),
        "shimless": ({"type": "io.containerd.nothing.v2"}, "containerd-shim-nothing-v2"),
    }
    if node.release != "1.6.20":
        # Debian 12's crun is too old for what Debian 13's containerd writes.
        old = debian.unpacked("crun", "bookworm") / "usr/bin/crun"
        node.machine.put("/usr/local/bin/old-crun", old.read_bytes(), 0o755)
        node.run("apt-get install -y -qq --no-install-recommends libprotobuf-c1 >/dev/null 2>&1", check=False)
        rows["old"] = ({"binary": "/usr/local/bin/old-crun"}, "unknown version specified")
    return rows


def test_a_runtime_that_pods_could_not_use_is_refused_and_the_old_configuration_stays(node):
    before = node.machine.read("/etc/containerd/config.toml")
    for name, (given, words) in bad_runtimes(node).items():
        ret = apply(node, runtimes={"crun": {"package": "crun"}, name: given}, images=(PAUSE, APP))
        assert ret.retcode == 2, name
        told = "\n".join(ret.causes.values())
        assert words in told, f"{name}: {told}"
        assert MANAGED not in ret.changed
        assert RUNNING not in ret.changed
        assert node.machine.read("/etc/containerd/config.toml") == before
    assert node.daemon_pid() == node.pid
    assert lives(node, node.plain) and lives(node, node.second)


def test_runc_goes_down_and_up_under_running_containers(node, cri):
    """
    No restart of the daemon, and new containers have the other one.
    """
    newest = node.run(["dpkg-query", "-W", "-f", "${Version}", "runc"]).stdout
    node.machine.put("/srv/other/runc.deb", node.other_runc.read_bytes())
    node.machine.write("/srv/other/Packages", stanza(node.other_runc, "./runc.deb"))
    node.machine.write("/etc/apt/sources.list.d/other.list", "deb [trusted=yes] file:/srv/other ./\n")
    node.run("apt-get update -qq")
    other = debian.run(["dpkg-deb", "--field", str(node.other_runc), "Version"]).strip()
    crun = {"package": "crun"}
    for number, version in enumerate((other, newest)):
        runtimes = {"crun": crun, "runc": {"version": version, "hold": True}}
        predicted = apply(node, test=True, runtimes=runtimes, images=(PAUSE, APP))
        assert predicted.failed == {}
        ret = node.apply()
        assert ret.failed == {}, ret.failed
        assert set(ret.changed) == {INSTALLED}
        assert ret.changed == predicted.changed
        assert node.run(["dpkg-query", "-W", "-f", "${Version}", "runc"]).stdout == version
        pod, made = started(node, cri, f"by-{number}")
        assert ran_by(node, made) == "runc"
        cri.remove_pod(pod)
    assert "runc" in node.run(["apt-mark", "showhold"]).stdout
    assert node.daemon_pid() == node.pid
    assert lives(node, node.plain) and lives(node, node.second)


def test_limits_of_a_base_spec_are_in_the_container(node, cri):
    spec = {"process": {"rlimits": [{"type": "RLIMIT_NOFILE", "soft": LIMIT, "hard": LIMIT}]}}
    runtimes = {"crun": {"package": "crun"}, "runc": {"base_spec": spec}}
    predicted = apply(node, test=True, runtimes=runtimes, images=(PAUSE, APP))
    assert predicted.failed == {}, predicted.failed
    ret = node.apply()
    assert ret.failed == {}, ret.failed
    # Salt foretells a restart in a comment.
    assert {**predicted.changed, RUNNING: {"containerd": True}} == ret.changed
    assert node.daemon_pid() != node.pid
    node.pid = node.daemon_pid()
    pod, made = started(node, cri, "limited")
    assert cri.execute(made.id, ["sh", "-c", "ulimit -n"]).stdout.strip() == str(LIMIT)
    cri.remove_pod(pod)
    assert lives(node, node.plain) and lives(node, node.second)
    assert node.apply().changed == {}


def pinned(node, name):
    listed = node.run(["ctr", "-n", "k8s.io", "images", "ls", f"name=={name}"]).stdout
    return "io.cri-containerd.pinned=pinned" in listed


def test_images_are_pinned_and_match_by_digest(node, cri):
    assert pinned(node, PAUSE) and pinned(node, APP)
    refs = node.run(["ctr", "-n", "k8s.io", "images", "ls", "-q"]).stdout.split()
    assert any(ref.startswith(f"{APP.rpartition(':')[0]}") and "@sha256:" in ref for ref in refs), refs


def test_an_image_that_was_lost_is_imported_again_without_a_restart(node, cri):
    cri.remove_image(PAUSE)
    assert cri.image(PAUSE) is None
    predicted = node.apply(test=True)
    assert PAUSE in predicted.changed[IMPORTED]
    ret = node.apply()
    assert (ret.failed, set(ret.changed)) == ({}, {IMPORTED})
    assert cri.image(PAUSE) is not None
    assert pinned(node, PAUSE)
    assert node.apply().changed == {}
    assert node.daemon_pid() == node.pid


def test_the_garbage_collection_of_a_kubelet_leaves_what_is_pinned(node, cri):
    """
    A release that cannot pin loses it, as the run had warned, and the next run brings it back.
    """
    node.import_image(busybox_image("other.test/two:1", mark="two"))
    wait.until(lambda: cri.image("other.test/two:1"), 10, "CRI knows the image")
    for name in cri.unpinned():
        cri.remove_image(name)
    assert cri.image("other.test/two:1") is None
    can_pin = node.release != "1.6.20"
    assert [cri.image(name) is not None for name in (PAUSE, APP)] == [can_pin, can_pin]
    predicted = node.apply(test=True)
    assert ("cannot pin" in predicted[IMPORTED]["comment"]) is not can_pin, predicted[IMPORTED]["comment"]
    ret = node.apply()
    assert (ret.failed, set(ret.changed)) == ({}, set() if can_pin else {IMPORTED})
    assert cri.image(PAUSE) is not None
    assert node.daemon_pid() == node.pid


def test_what_pillar_no_longer_names_goes_and_what_others_imported_stays(node, cri):
    node.import_image(busybox_image("other.test/one:1"))
    runtimes = {"crun": {"package": "crun"}}
    ret = apply(node, runtimes=runtimes)
    assert ret.failed == {}, ret.failed
    assert APP in ret.changed[IMPORTED]
    assert cri.image(APP) is None
    assert cri.image("other.test/one:1") is not None
    assert lives(node, node.plain)


def test_null_takes_a_runtime_away(node, cri):
    ret = apply(node, runtimes={"crun": None})
    assert ret.failed == {}, ret.failed
    assert {MANAGED, RUNNING} <= set(ret.changed)
    assert "crun" not in node.run(["containerd", "config", "dump"]).stdout
    assert lives(node, node.second)
    assert node.run(["dpkg-query", "-W", "crun"], check=False).returncode == 0


def test_clean(node):
    ret = node.apply("containerd.clean")
    assert ret.failed == {}, ret.failed
    for path in (
        "/etc/containerd/base-specs",
        "/opt/containerd-formula/runtimes",
        "/var/lib/containerd-formula",
    ):
        assert node.run(["test", "-e", path], check=False).returncode == 1, path
    assert node.apply("containerd.clean").changed == {}
