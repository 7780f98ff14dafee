"""
Registries on a real machine: who is asked for an image, as they tell it, and no restart.

One machine for each release of containerd in ``REGISTRY_RELEASES``. The tests run in this order. The
registries run on this host, and the node reaches no others.
"""

import json
import os
import re

import pytest
from lab import debian
from lab.cri import Cri, PullError
from lab.registry import make_known
from support.formula import FormulaNode
from support.mirrors import APP, FIRST, SECOND, USER, WRONG, Registries
from support.nodes import SALTS, SOCKET, container

V2 = "io.containerd.grpc.v1.cri"
# Release to the suite of the machine, and the one that containerd is taken from.
RELEASES = {"1.6.20": ("bookworm", "bookworm"), "1.7.24": ("trixie", "trixie"), "2.1.9": ("trixie", "forky")}
WANTED = os.environ.get("REGISTRY_RELEASES", " ".join(RELEASES)).split()
# The newest Salt alone: little here depends on it.
SALT = os.environ.get("REGISTRY_SALT", SALTS[-1])
CERTS = "/etc/containerd/certs.d"
MANAGED = "containerd registries are managed"
REFUSED = re.compile("401|authorization failed")
# Of the files: what an untouched folder keeps.
LISTED = ["find", CERTS, "-printf", "%P %i %m %T@\\n"]
RUBBISH = "-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n"


def settings(registries):
    # A container may not lower this score where the host's root may not.
    cri = {"sandbox_image": "any.test/pause:1", "restrict_oom_score_adj": True}
    config = {"version": 2, "plugins": {V2: cri}}
    return {"package": {"source": "distro"}, "config": config, "registries": registries}


@pytest.fixture(scope="module")
def registries(tmp_path_factory):
    with Registries(tmp_path_factory.mktemp("registries")) as registries:
        yield registries


@pytest.fixture(scope="module", params=WANTED, ids=lambda release: f"containerd-{release}")
def node(request, progress, registries):
    """
    A machine of these tests' own, converged with registries that have no mirrors yet.
    """
    suite, source = RELEASES[request.param]
    # The machine before had them rotated.
    registries.mirror.let_in({USER: FIRST})
    with container(suite, SALT, f"registries-{source}", progress) as machine:
        node = FormulaNode(machine)
        node.install()
        if source != suite:
            node.offer(debian.package("containerd", source))
        make_known(machine, *registries.names())
        machine.write("/srv/salt/pki/ca.pem", registries.authority.text)
        machine.write("/etc/ssl/lab.pem", registries.authority.text)
        endpoints = {registries.open: {"ca": "/etc/ssl/lab.pem"}}
        node.pillar(settings({"endpoints": endpoints, "hosts": {registries.open: {}}}))
        applied = node.apply()
        assert applied.failed == {}, applied.failed
        node.release = node.salt("containerd.version")
        assert node.release == request.param
        progress(f"containerd {node.release} is ready")
        node.pid = node.daemon_pid()
        yield node


@pytest.fixture
def cri(node):
    with Cri(node.machine.forward_socket(SOCKET)) as connection:
        yield connection


@pytest.fixture
def pulled(registries, cri):
    """
    Pull an image as if for the first time; return who was asked for it, and why it was not pulled.
    """

    def pull(registry):
        name = f"{registry}/{APP}"
        cri.remove_image(name)
        registries.news()
        try:
            cri.pull(name)
        except PullError as error:
            return registries.news(), str(error)
        return registries.news(), ""

    return pull


@pytest.fixture(autouse=True)
def the_daemon_is_the_same(node):
    yield
    assert node.daemon_pid() == node.pid, "the daemon was restarted"


def apply(node, registries, *sls, test=False):
    node.pillar(settings(registries))
    return node.apply(*sls, test=test)


def test_without_mirrors_the_registry_itself_is_asked(registries, pulled):
    assert pulled(registries.open) == ({"open.test": [200]}, "")


def test_a_change_of_pillar_is_predicted(node, registries):
    before = node.run(LISTED).stdout
    predicted = apply(node, registries.pillar(), test=True)
    assert predicted.failed == {}
    assert set(predicted.changed) == {MANAGED}
    assert node.run(LISTED).stdout == before
    node.predicted = predicted.changed


def test_it_is_made_as_predicted_without_a_restart(node, registries):
    ret = node.apply()
    assert ret.failed == {}, ret.failed
    assert ret.changed == node.predicted
    # All mirrors serve, so nothing is said of them.
    assert ret[MANAGED]["comment"] == f"{CERTS} was changed."
    assert FIRST not in ret.output
    modes = node.run(
        ["stat", "-c", "%a %U", f"{CERTS}/{registries.open}", f"{CERTS}/{registries.open}/hosts.toml"]
    )
    assert modes.stdout == "700 root\n600 root\n"


def test_a_pod_runs_an_image_of_the_mirror(node, registries, cri, pulled):
    connections = registries.upstream.connections
    assert pulled(registries.open) == ({"mirror.test": [200]}, "")
    pod = cri.run_pod("mirrored")
    # Nobody has given the node the sandbox's image: it comes by "*".
    assert registries.news() == {"second.test": [200]}
    container = cri.container(cri.run_container(pod, f"{registries.open}/{APP}"))
    assert container.state == "running"
    cri.remove_pod(pod)
    assert registries.upstream.connections == connections


def test_the_second_run_changes_nothing(node, registries):
    before = node.run(LISTED).stdout
    ret = node.apply()
    assert (ret.failed, ret.changed) == ({}, {})
    assert node.run(LISTED).stdout == before


def test_registries_without_a_folder_of_their_own_have_that_of_all(registries, pulled):
    assert pulled(registries.any) == ({"second.test": [200]}, "")


def test_a_mirror_that_is_down(registries, pulled):
    """
    The upstream serves, but for the registry from which it is never asked.
    """
    registries.mirror.stop()
    try:
        assert pulled(registries.open) == ({"open.test": [200]}, "")
        connections = registries.upstream.connections
        asked, why = pulled(registries.closed)
        assert (asked, "connection refused" in why) == ({}, True), why
        assert registries.upstream.connections == connections, "the upstream was connected to"
    finally:
        registries.mirror.start()
    assert pulled(registries.closed) == ({"mirror.test": [200]}, "")


def test_probe_names_what_is_wrong_with_each(node, registries):
    wrong = registries.wrong()
    given = registries.pillar(**{name: host for name, (host, _, _) in wrong.items()})
    found = node.salt("containerd_registries.probe", f"registries={json.dumps(given)}", "timeout=5")
    for name, (_, url, words) in wrong.items():
        [(address, why)] = found[name].items()
        assert address == url
        assert words in why if words else why == "", f"{name}: {why}"
    assert found[registries.open] == {registries.mirror.url: "", f"https://{registries.open}": ""}
    assert found[registries.closed] == {registries.mirror.url: ""}
    assert WRONG not in json.dumps(found)


@pytest.mark.parametrize("check", ["fail", "warn"])
def test_the_run_names_what_is_wrong_with_each(node, registries, check):
    before = node.run(LISTED).stdout
    wrong = registries.wrong()
    given = registries.pillar(check=check, **{name: host for name, (host, _, _) in wrong.items()})
    ret = apply(node, given, "containerd.registries")
    comment = ret[MANAGED]["comment"]
    for name, (_, _, words) in wrong.items():
        said = [line for line in comment.splitlines() if line.startswith(f"{name}: ")]
        assert [words in line for line in said] == ([True] if words else []), comment
    assert WRONG not in ret.output
    if check == "fail":
        assert (set(ret.failed), ret.changed) == ({MANAGED}, {})
        assert node.run(LISTED).stdout == before
    else:
        assert (ret.failed, set(ret.changed)) == ({}, {MANAGED})


def test_what_pillar_no_longer_names_goes_and_what_others_made_stays(node, registries):
    node.machine.write(f"{CERTS}/their.test/hosts.toml", "[host]\n")
    predicted = apply(node, registries.pillar(), "containerd.registries", test=True)
    ret = node.apply("containerd.registries")
    assert ret.failed == {}, ret.failed
    assert ret.changed == predicted.changed
    gone = [f"{name}/hosts.toml" for name in registries.wrong()]
    assert {path for path in ret.changed[MANAGED] if path.endswith("hosts.toml")} == set(gone)
    assert f"{CERTS}/their.test is another's, and stays." in ret[MANAGED]["comment"]
    left = {"_default", registries.open, registries.closed, "their.test"}
    assert set(node.run(["ls", CERTS]).stdout.split()) == left


def test_status_tells_what_is_beside_and_which_mirror_does_not_serve(node, registries):
    registries.mirror.stop()
    try:
        report = node.salt("containerd.status")
    finally:
        registries.mirror.start()
    told = "\n".join(report["registries"])
    assert f"{CERTS}/their.test is another's" in told
    assert f"{registries.closed}: {registries.mirror.url}: it refuses connections" in told
    assert report["errors"] == []


def test_credentials_rotate(node, registries, pulled):
    registries.mirror.let_in({USER: SECOND})
    asked, why = pulled(registries.closed)
    assert (asked, bool(REFUSED.search(why))) == ({"mirror.test": [401]}, True), why
    ret = apply(node, registries.pillar(SECOND), "containerd.registries")
    assert ret.failed == {}, ret.failed
    # Two registries have this mirror, and the change is that of a secret.
    both = (registries.open, registries.closed)
    assert set(ret.changed[MANAGED]) == {f"{name}/hosts.toml" for name in both}
    for secret in (FIRST, SECOND):
        assert secret not in ret.output
    for registry in both:
        assert pulled(registry) == ({"mirror.test": [200]}, "")


def test_a_file_that_containerd_cannot_use_is_refused_and_the_old_ones_stay(node, registries, pulled):
    before = node.run(LISTED).stdout
    broken = {"mirrors": [{"url": "https://broken.test", "ca": RUBBISH}]}
    for test in (True, False):
        ret = apply(
            node,
            registries.pillar(SECOND, closed=False, **{"broken.test": broken}),
            "containerd.registries",
            test=test,
        )
        assert (set(ret.failed), ret.changed) == ({MANAGED}, {})
        assert "broken.test/hosts.toml: containerd cannot use it" in ret[MANAGED]["comment"]
    assert node.run(LISTED).stdout == before
    assert pulled(registries.closed) == ({"mirror.test": [200]}, "")
