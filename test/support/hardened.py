"""
What the nodes of test_hardened.py get from their site: packages, files, a pillar that writes a lot.
"""

import contextlib
import hashlib
import re

from lab import debian, image, repository, rootfs
from lab.authority import Authority
from lab.container import Container
from lab.oci import busybox_image

from support.formula import FormulaNode
from support.nodes import container, tomlkit_wheel

V2 = "io.containerd.grpc.v1.cri"
PAUSE = "registry.k8s.io/pause:3.10"
SECRET = "hunter2-of-the-site"  # noqa: S105
POLICY = ("selinux-policy-default", "policycoreutils", "selinux-utils")
CONTEXTS = "/etc/selinux/default/contexts/files/file_contexts"
RELEASE, SUITE = "1.7.24", "trixie"
# Not the daemon's and systemd's own, nor logs, nor Salt's and apt's caches; Python follows its source files.
_NOT_OURS = re.compile(
    r"/(var/(log|cache|tmp)|run/(systemd|containerd)|run/log)/|/io\.containerd\.|__pycache__|preloaded"
)
_LISTED = "find /etc /opt /usr /var /run /root -cnewer /marker -printf '%m %u:%g %y %p\\n'"


class Material:
    """
    Servers on this host, files for Salt's file server, and the pillar that names them.
    """

    def __init__(self, folder):
        self.key, self.authority = repository.Key(folder, "docker"), Authority(folder)
        self.wheel, self.wheel_name = tomlkit_wheel(folder)
        self.server = repository.Server()
        debs = [debian.package(name, "bookworm") for name in ("bubblewrap", "python3-tomlkit")]
        self.docker = self.server.apt("docker", [repository.containerd_io(SUITE)], self.key)
        self.distribution = self.server.apt("distribution", debs, self.key)
        self.archive = f"containerd-{RELEASE}-linux-amd64.tar.gz"
        pause = busybox_image(PAUSE)
        self.files = {
            "docker.asc": self.key.text.encode(),
            "ca.pem": self.authority.text.encode(),
            self.wheel_name: self.wheel,
            "pause.tar": pause,
            "runc.amd64": repository.runc().read_bytes(),
            self.archive: repository.release_archive(SUITE).read_bytes(),
        }

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *_exception):
        self.server.__exit__()
        self.key.close()

    def sha256(self, name):
        return hashlib.sha256(self.files[name]).hexdigest()

    def pillar(self, root="salt://files", score=-500, archive=False, **more):
        """
        Return a pillar whose files are below an address.
        """
        docker = {"url": self.docker, "key": f"{root}/docker.asc", "fingerprints": [self.key.fingerprint]}
        package = {"source": "docker", "version": "1.7.*", "docker": docker}
        spec = {"process": {"rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 1024}]}}
        runc = {"archive": f"{root}/runc.amd64", "sha256": self.sha256("runc.amd64"), "binary": "runc"}
        auth = {"username": "u", "password": SECRET, "basic": True}
        return {
            "package": self._archive(root) if archive else package,
            "salt": {
                "wheel": f"{root}/{self.wheel_name}",
                "wheel_sha256": self.sha256(self.wheel_name),
            },
            # A container may not lower a pod's score where the host's root may not.
            "config": {
                **{"version": 2, "oom_score": score},
                "plugins": {V2: {"restrict_oom_score_adj": True}},
            },
            "registries": {
                "check": False,
                "hosts": {"docker.io": {"mirrors": ["https://mirror.test"]}},
                "endpoints": {"mirror.test": {"auth": auth, "ca": "salt://files/ca.pem"}},
            },
            "sandbox_image": PAUSE,
            "images": [{"name": PAUSE, "archive": f"{root}/pause.tar", "sha256": self.sha256("pause.tar")}],
            "runtimes": {"runc": {**runc, "base_spec": spec}},
            "service": {"environment": {"HTTPS_PROXY": f"http://u:{SECRET}@proxy.test:3128"}},
            **more,
        }

    def _archive(self, root):
        releases = {RELEASE: {"amd64": self.sha256(self.archive)}}
        url = f"{root}/containerd-{{version}}-linux-{{arch}}.tar.gz"
        return {"source": "archive", "version": RELEASE, "archive": {"url": url, "sha256": releases}}

    @contextlib.contextmanager
    def over_tls(self, name):
        """
        Yield a server of the same files, and of an index with tomlkit, whose name only a proxy knows.
        """
        with repository.Server(name, self.authority.sign(name)) as server:
            for path, content in self.files.items():
                server.put(path, content)
            server.put(f"simple/tomlkit/{self.wheel_name}", self.wheel)
            link = f'<a href="{self.wheel_name}">{self.wheel_name}</a>'
            server.put("simple/tomlkit/index.html", link)
            yield server

    @contextlib.contextmanager
    def node(self, suite, salt, name, progress, make=container):
        """
        Yield a bare node without a route to anything but this host, and without PyPI.
        """
        with make(suite, salt, f"{name}-{salt.replace('.', '-')}", progress) as machine:
            node = FormulaNode(machine)
            node.install()
            for path, content in self.files.items():
                machine.put(f"/srv/salt/files/{path}", content)
            source = f"deb [trusted=yes] {self.distribution}/debian bookworm stable\n"
            machine.write("/etc/apt/sources.list", source)
            machine.write("/etc/pip.conf", f"[global]\nindex-url = {self.server.url_down}/\nretries = 0\n")
            machine.run("apt-get update -qq && ip route delete default && : >/etc/resolv.conf")
            machine.run("touch /marker && sleep 1.1")
            yield node


def with_policy(suite, salt, name, progress):
    """
    Return a container that has Debian's SELinux policy and its tools, on a kernel without SELinux.

    restorecon does nothing there: in its place stands setfiles, which labels files for a later boot with it.
    """
    plain = image.tree(suite, salt, progress=progress)
    stands_in = f'#!/bin/sh\nshift\nexec setfiles {CONTEXTS} "$@"\n'
    files = {"/usr/local/sbin/restorecon": stands_in}
    commands = ("chmod 755 /usr/local/sbin/restorecon",)
    made = rootfs.changed(plain.tree, f"tree-selinux-{suite}-{salt}", POLICY, files, [], commands)
    return Container(image.Tree(made, plain.ssh_key), name, progress=progress)


def labels(node, *folders):
    """
    Return the SELinux label of files and folders, and the one that the policy has for their paths.
    """
    paths = node.run(["find", *folders, "-type", "f", "-o", "-type", "d"]).stdout.split("\n")[:-1]
    found = node.run(["stat", "--format=%C", *paths]).stdout.split("\n")[:-1]
    meant = node.run(["matchpathcon", "-n", *paths]).stdout.split("\n")[:-1]
    return {path: pair for path, *pair in zip(paths, found, meant)}


def written(node):
    """
    Return what was written since the node was bare: path to mode, owner and kind.
    """
    lines = [line.split(" ", 3) for line in node.run(_LISTED).stdout.splitlines()]
    return {path: (mode, owner, kind) for mode, owner, kind, path in lines if not _NOT_OURS.search(path)}


def told(node, secret):
    """
    Return the mode of each file of the node that holds a secret, by its path.
    """
    command = (
        f"grep -rlF -- {secret} /etc /opt /usr /var /run /root /tmp 2>/dev/null | xargs -r stat -c '%a %n'"
    )
    lines = node.run(command, check=False).stdout.splitlines()
    return {path: mode for mode, path in (line.split(" ", 1) for line in lines)}
