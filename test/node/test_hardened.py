"""
Hardened nodes: temporary files on noexec mounts, the umask 077 or 0, no PyPI, /usr read-only, a proxy as the
only way out. docs/hardened.md tells what a site sets. The tests of a node run in their order.
"""

import re
from urllib.parse import urlsplit

import pytest
import yaml
from lab.cri import Cri
from lab.oci import busybox_image
from lab.proxy import Proxy
from lab.registry import Registry
from lab.repository import NODE_SEES_HOST
from support.hardened import PAUSE, SECRET, Material, labels, told, with_policy, written
from support.nodes import SALTS, SOCKET, SUITE

MOUNTS = ("/tmp", "/var/tmp", "/dev/shm")
LIBRARY = "containerd TOML library is installed"
MANAGED = "containerd configuration is managed"
PACKAGE = "containerd package is installed"
# One Salt, the first that is asked for: little here depends on it.
ONE = SALTS[:1]


def runs_a_pod(node):
    with Cri(node.machine.forward_socket(SOCKET)) as cri:
        pod = cri.run_pod("first")
        assert cri.container(cri.run_container(pod, PAUSE)).state == "running"


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    with Material(tmp_path_factory.mktemp("hardened")) as material:
        yield material


@pytest.fixture(scope="module", params=ONE, ids=lambda salt: f"salt-{salt}")
def salt(request):
    return request.param


@pytest.fixture(scope="module")
def plain(material, salt, progress):
    """
    What the runs write on a node that is not hardened: with the package, and then with the archive.
    """
    with material.node(SUITE, salt, "plain", progress) as node:
        node.umask, found = "022", []
        for archive in (False, True):
            node.pillar(material.pillar(archive=archive))
            assert node.apply().failed == {}
            found.append(written(node))
        return found


@pytest.fixture(scope="module")
def hardened(material, salt, progress):
    with material.node(SUITE, salt, "hardened", progress) as node:
        node.umask = "077"
        for folder in MOUNTS:
            node.run(f"mount -t tmpfs -o noexec,nosuid,nodev,mode=1777 tmpfs {folder}")
        yield node


class TestNoexecAndUmask077:
    def test_nothing_starts_from_these_folders(self, hardened):
        for folder in MOUNTS:
            done = hardened.run(f"cp /bin/true {folder}/it && {folder}/it", check=False)
            assert "Permission denied" in done.stderr

    def test_without_pypi_the_cure_is_told(self, hardened, material):
        hardened.pillar(material.pillar(salt={}))
        words = hardened.apply("containerd.salt").failed[LIBRARY]
        assert "set wheel, index_url or package in containerd:salt" in words
        # The distribution's, where another Python runs the minion.
        hardened.pillar(material.pillar(salt={"package": "python3-tomlkit"}))
        words = hardened.apply("containerd.salt").failed[LIBRARY]
        assert words.startswith("python3-tomlkit was installed, but cannot be imported: is it for another")

    def test_the_preview_is_whole_and_changes_nothing(self, hardened, material):
        hardened.pillar(material.pillar())
        ret = hardened.apply(test=True)
        assert ret.failed == {}
        assert {PACKAGE, LIBRARY, MANAGED} <= set(ret.changed)
        assert hardened.run("command -v containerd", check=False).returncode

    def test_one_run_makes_it_ready(self, hardened):
        ret = hardened.apply()
        assert ret.failed == {}
        assert hardened.salt("containerd.ready", "timeout=60")["ready"] is True
        # With the trial start.
        assert "trial" not in ret[MANAGED]["comment"]
        assert hardened.apply().changed == {}

    def test_a_pod_runs(self, hardened):
        runs_a_pod(hardened)

    def test_modes_and_owners_are_those_of_any_node(self, hardened, plain):
        found = written(hardened)
        # But for the other tomlkit, and the folder on which a tmpfs lies.
        others = {path for path in found if re.search("python3/dist-packages|python3-tomlkit|/var/tmp", path)}
        assert {path: found[path] for path in found.keys() - others} == plain[0]
        for path in ("/etc/apt/keyrings/docker.asc", "/etc/containerd/base-specs"):
            hardened.run(["runuser", "-u", "_apt", "--", "ls", path])

    def test_secrets_are_in_files_of_roots_alone(self, hardened):
        found = told(hardened, SECRET)
        assert len(found) >= 3 and set(found.values()) == {"600"}, found

    def test_a_change_restarts_once(self, hardened, material):
        hardened.pillar(material.pillar(score=-400))
        ret = hardened.apply()
        assert (ret.failed, ret.changed[MANAGED]) == ({}, {"oom_score": {"old": -500, "new": -400}})

    def test_an_archive_comes_in_the_same_modes(self, hardened, material, plain):
        hardened.pillar(material.pillar(archive=True))
        assert hardened.apply().failed == {}
        assert hardened.apply().changed == {}
        paths = [path for path in plain[1] if path.startswith(("/opt/containerd-formula", "/usr/local"))]
        found = written(hardened)
        assert {path: found.get(path) for path in paths} == {path: plain[1][path] for path in paths}
        # Everybody may ask.
        assert "1.7" in hardened.run("runuser -u nobody -- containerd --version").stdout

    def test_it_is_undone(self, hardened):
        assert hardened.apply("containerd.clean").failed == {}
        assert hardened.apply("containerd.clean").changed == {}


def test_with_umask_0_nobody_may_write_what_the_formula_wrote(material, salt, progress, plain):
    with material.node(SUITE, salt, "umask-0", progress) as node:
        node.umask = "0"
        for archive in (False, True):
            node.pillar(material.pillar(archive=archive))
            assert node.apply(test=True).failed == {}
            assert node.apply().failed == {}
            assert written(node) == plain[archive]
        assert node.apply().changed == {}
        assert set(told(node, SECRET).values()) == {"600"}
        assert node.apply("containerd.clean").failed == {}


class TestUsrReadOnly:
    @pytest.fixture(scope="class")
    def node(self, material, salt, progress):
        with material.node(SUITE, salt, "read-only", progress) as node:
            node.run("mount --bind /usr /usr && mount -o remount,bind,ro /usr")
            yield node

    @pytest.mark.parametrize("source", ["docker", "archive"])
    def test_what_cannot_be_installed_is_said_and_nothing_of_it_is_left(self, node, material, source):
        node.pillar(material.pillar(archive=source == "archive"))
        ret = node.apply()
        assert list(ret.causes) == ["containerd archive has a unit file" if source == "archive" else PACKAGE]
        words = "Read-only file system" if source == "archive" else "/usr is mounted read-only: remount it"
        assert words in " ".join(ret.causes.values())
        assert "Traceback" not in ret.output
        assert node.run(["dpkg", "--audit"]).stdout == ""
        assert "containerd" not in node.run(["dpkg", "--get-selections"]).stdout

    def test_apt_may_remount_it_for_the_change(self, node, material):
        hooks = {"Pre": "rw", "Post": "ro"}
        lines = [
            f'DPkg::{when}-Invoke {{ "mount -o remount,bind,{how} /usr"; }};\n' for when, how in hooks.items()
        ]
        node.machine.write("/etc/apt/apt.conf.d/70usr", "".join(lines))
        node.pillar(material.pillar())
        assert node.apply("containerd.package").failed == {}
        node.run("apt-get -qq install bubblewrap && rm /etc/apt/apt.conf.d/70usr")
        assert node.run(["touch", "/usr/it"], check=False).returncode

    def test_with_the_packages_in_place_it_becomes_ready(self, node, material):
        """
        As an image has them, too.
        """
        pillar = {**material.pillar(), "package": {"source": "none"}}
        node.pillar(pillar)
        assert node.apply(test=True).failed == {}
        ret = node.apply()
        assert ret.failed == {}
        assert "trial" not in ret[MANAGED]["comment"]
        assert node.salt("containerd.ready", "timeout=60")["ready"] is True
        assert node.apply().changed == {}
        runs_a_pod(node)
        node.pillar({**pillar, "config": {**pillar["config"], "oom_score": -400}})
        assert list(node.apply().changed) == [MANAGED, "containerd service is running"]

    def test_it_is_undone(self, node):
        assert node.apply("containerd.clean").failed == {}
        assert node.apply("containerd.clean").changed == {}


def test_what_is_written_has_the_selinux_label_of_its_path(material, salt, progress):
    """
    A new file has the label of its folder, and one that takes the place of another does not keep its label.
    """
    # dpkg makes /etc/containerd, and labels what it makes.
    own = [f"/etc/containerd/{name}" for name in ("config.toml", "base-specs", "certs.d")]
    own += [
        "/etc/systemd/system/containerd.service.d",
        "/opt/containerd-formula",
        "/var/lib/containerd-formula",
    ]
    with material.node(SUITE, salt, "labels", progress, make=with_policy) as node:
        for score, archive in ((-500, False), (-400, True)):
            node.pillar(material.pillar(score=score, archive=archive))
            assert node.apply().failed == {}
            found = labels(node, *own)
            assert {path: pair for path, pair in found.items() if len(set(pair)) > 1} == {}
        assert {pair[0].split(":")[2] for pair in found.values()} == {
            *("etc_t", "systemd_unit_t", "usr_t", "bin_t", "var_lib_t")
        }
        assert node.apply().changed == {}


class TestProxyOnly:
    """
    The node knows none of these names, and has no route: only the proxy brings it there.
    """

    PASSWORD = "hunter2-of-the-proxy"  # noqa: S105

    @pytest.fixture(scope="class")
    def files(self, material):
        with material.over_tls("files.test") as files:
            yield files

    @pytest.fixture(scope="class")
    def registry(self, material, tmp_path_factory):
        folder = tmp_path_factory.mktemp("registry")
        with Registry(folder, "registry.test", material.authority) as registry:
            registry.push("library/app", "1", busybox_image("app"))
            yield registry

    @pytest.fixture(scope="class")
    def proxy(self):
        with Proxy(["packages.test", "files.test", "registry.test"], "site", self.PASSWORD) as proxy:
            yield proxy

    @pytest.fixture(scope="class")
    def node(self, material, salt, progress, proxy):
        with material.node(SUITE, salt, "proxied", progress) as node:
            source = f"deb [trusted=yes] {named(material.distribution)}/debian bookworm stable\n"
            node.machine.write("/etc/apt/sources.list", source)
            node.machine.write(
                "/etc/apt/apt.conf.d/80proxy", f'Acquire::http::Proxy "http://{proxy.host}:{proxy.port}";\n'
            )
            node.machine.write("/usr/local/share/ca-certificates/site.crt", material.authority.text)
            node.run("rm -rf /etc/pip.conf /var/lib/apt/lists/*; update-ca-certificates")
            # What Salt hands to a proxy, and pip, ask these for authorities.
            trusted = "/etc/ssl/certs/ca-certificates.crt"
            node.machine.write(
                "/etc/environment",
                f"REQUESTS_CA_BUNDLE={trusted}\nPIP_CERT={trusted}\nSSL_CERT_FILE={trusted}\n",
            )
            yield node

    @staticmethod
    def trust(node, proxy, password):
        """
        Give apt and the minion the proxy's password, as docs/hardened.md says.
        """
        login = f"machine http://{proxy.host}:{proxy.port} login site password {password}\n"
        node.machine.write("/etc/apt/auth.conf.d/proxy.conf", login, 0o600)
        options = {
            **{"proxy_host": proxy.host, "proxy_port": proxy.port},
            **{"proxy_username": "site", "proxy_password": password},
            **{"no_proxy": [NODE_SEES_HOST], "ca_bundle": "/etc/ssl/certs/ca-certificates.crt"},
        }
        node.machine.write("/etc/salt/minion.d/proxy.conf", yaml.safe_dump(options), 0o600)

    @pytest.fixture(scope="class")
    def pillar(self, material, files, registry, proxy):
        def make(**changed):
            found = material.pillar(root=files.url, **changed)
            if "docker" in found["package"]:
                found["package"]["docker"]["url"] = named(material.docker)
            mirror = {"mirrors": [registry.url], "fallback": False, "probe": "library/app:1"}
            environment = {"HTTPS_PROXY": proxy.url, "NO_PROXY": ["127.0.0.1", NODE_SEES_HOST]}
            return {
                **found,
                "salt": {"index_url": f"{files.url}/simple"},
                # A mirror that is not reached fails the run.
                "registries": {
                    "check": "fail",
                    "hosts": {registry.address: mirror},
                    "endpoints": {registry.address: {"ca": material.authority.text}},
                },
                "service": {"environment": environment},
            }

        return make

    def test_a_wrong_password_is_told_without_it(self, node, proxy, pillar):
        self.trust(node, proxy, f"wrong-{self.PASSWORD}")
        node.pillar(pillar())
        ret = node.apply("containerd.package,containerd.salt")
        assert "407 Proxy Authentication Required" in ret.causes["containerd repository key is installed"]
        assert "cannot reach a package index" in ret.causes[LIBRARY]
        node.pillar(pillar(archive=True))
        archive = node.apply("containerd.package")
        assert "Proxy Authentication Required" in archive.causes["containerd archive is unpacked"]
        assert {status for _, _, status in proxy.news()} == {407}
        for one in (ret, archive):
            assert self.PASSWORD not in one.output and "Traceback" not in one.output

    def test_the_preview_asks_for_the_key_alone(self, node, proxy, pillar, files):
        self.trust(node, proxy, self.PASSWORD)
        node.pillar(pillar())
        assert node.apply(test=True).failed == {}
        assert proxy.news() == [("CONNECT", files.url.removeprefix("https://"), 200)]

    def test_one_run_makes_it_ready_through_the_proxy(self, node, proxy, files, registry):
        ret = node.apply(within=("sh", "-c", 'exec "$@" --log-level=info', "sh"))
        assert ret.failed == {}
        asked = proxy.news()
        assert {status for _, _, status in asked} == {200}
        hosts = {urlsplit(path).hostname or path.partition(":")[0] for _, path, _ in asked}
        assert hosts == {"packages.test", "files.test", "registry.test"}
        assert self.PASSWORD not in ret.output
        assert node.salt("containerd.ready", "timeout=60")["ready"] is True
        assert node.apply().changed == {}
        assert proxy.news() == []

    def test_pulls_go_through_it(self, node, proxy, registry):
        with Cri(node.machine.forward_socket(SOCKET)) as cri:
            cri.pull(f"{registry.address}/library/app:1")
        assert set(proxy.news()) == {("CONNECT", registry.address, 200)}

    def test_an_archive_comes_through_it_and_what_needs_none_does_not(
        self, node, proxy, pillar, files, material
    ):
        wanted = pillar(archive=True)
        node.pillar(wanted)
        assert node.apply().failed == {}
        assert set(proxy.news()) == {("CONNECT", files.url.removeprefix("https://"), 200)}
        key = {"url": material.docker, "key": material.server.put("docker.asc", material.key.text)}
        again = pillar()
        again["package"]["docker"].update(key)
        node.pillar(again)
        node.run("rm /etc/apt/keyrings/docker.asc")
        node.apply("containerd.package.repo.clean")
        assert "containerd repository key is installed" in node.apply("containerd.package", test=True).changed
        assert proxy.news() == []

    def test_the_password_is_in_files_of_roots_alone(self, node):
        found = told(node, self.PASSWORD)
        assert "/etc/systemd/system/containerd.service.d/50-containerd-formula.env" in found
        assert set(found.values()) == {"600"}, found
        assert self.PASSWORD not in node.run("journalctl --no-pager").stdout


def named(address):
    """
    Return an address of this host as the proxy knows it.
    """
    return address.replace(NODE_SEES_HOST, "packages.test")
