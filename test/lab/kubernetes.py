"""The programs of Kubernetes, built once from the source package of Debian 12: no registry has a kubelet."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Callable

from . import cache, debian, host, kernel, rootfs
from .image import Image, build, tree

SUITE = "bookworm"
PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubeadm", "kubectl")
# The package is called 1.20.5+really1.20.2.
VERSION = "1.20.2"
# Kubernetes 1.20 was made for this Go. One from 1.18 on builds it, and it breaks its memory: a library in it
# (reflect2) calls into the Go runtime, which changed there.
GO_SUITE, GO = "bullseye", ("golang-1.15-go", "golang-1.15-src")
TARGET_LIMIT = 7200
# What a site brings to a node beside containerd: what kubelet and kubeadm ask for, and plugins of CNI.
PACKAGES = ("conntrack", "containernetworking-plugins", "ebtables", "ethtool", "socat")
NODE_PROGRAMS = ("kubelet", "kubeadm")
FILES = Path(__file__).parent / "kubelet"
COMMANDS = ("chmod 755 /usr/local/bin/crictl", "systemctl enable kubelet")


def programs(progress: Callable[[str], None] = print) -> Path:
    """Return the folder that holds ``PROGRAMS``, static ones; it takes minutes and 4 GB the first time."""

    def make(target: Path) -> None:
        host.require("apt-get", "dpkg-source", "make", "rsync", "jq", "patch")
        workshop = target.parent
        progress("Kubernetes: source of Debian 12, compiler of Debian 11")
        debian.Archive(SUITE, workshop / "apt", sources=True).source("kubernetes", workshop / "source")
        archive = debian.Archive(GO_SUITE, workshop / "apt-go")
        for package in GO:
            deb = archive.download(package)
            debian.run(["dpkg-deb", "-x", str(deb), str(workshop / "go")])
            deb.unlink()
        _build(workshop / "source", workshop / "go/usr/lib/go-1.15", progress)
        target.mkdir()
        for name in PROGRAMS:
            (workshop / "source/_output/bin" / name).rename(target / name)

    return cache.artefact(f"kubernetes-{VERSION}", [host.mirror(), PROGRAMS, GO_SUITE, GO], make)


def node(suite: str, salt: str, progress: Callable[[str], None] = print) -> Image:
    """Return the image of a machine that has kubelet and kubeadm, and nothing of containerd."""
    plain, bare = build(suite, salt, progress), tree(suite, salt, progress)
    brought = programs(progress)
    configured = kernel.config(suite)
    files: dict[str, str | Path] = {
        f"/{path.relative_to(FILES)}": path.read_text() for path in sorted(FILES.rglob("*")) if path.is_file()
    }
    files |= {f"/usr/bin/{name}": brought / name for name in NODE_PROGRAMS}
    if os.environ.get("KUBELET"):
        files["/usr/bin/kubelet"] = _other_kubelet(Path(os.environ["KUBELET"]))
    files[f"/boot/{configured.name}"] = configured
    made = rootfs.changed(bare.tree, f"tree-kubernetes-{suite}-{salt}", PACKAGES, files, [], COMMANDS)
    return Image(plain.kernel, plain.initrd, rootfs.disk(suite, salt, made), plain.ssh_key)


def _other_kubelet(path: Path) -> Path:
    """Return a kubelet that somebody brings, if it is a program."""
    if not os.access(path, os.X_OK) or not path.is_file():
        raise host.LabError(f"KUBELET={path}: there is no such program; name a kubelet for Linux.")
    return path


def _build(source: Path, go: Path, progress: Callable[[str], None]) -> None:
    """Let the makefile of Kubernetes build ``PROGRAMS`` into ``_output/bin``."""
    home = source.parent / "home"
    (source / ".go/src/k8s.io").mkdir(parents=True)
    (source / ".go/src/k8s.io/kubernetes").symlink_to("../../..")
    # Else the makefile asks git, which finds the repository that the cache lies in.
    said = home / "version"
    home.mkdir()
    said.write_text(
        f"KUBE_GIT_COMMIT=debian\nKUBE_GIT_TREE_STATE=archive\nKUBE_GIT_VERSION=v{VERSION}\n"
        "KUBE_GIT_MAJOR=1\nKUBE_GIT_MINOR=20\n"
    )
    environment = {
        "PATH": f"{go}/bin:{os.environ['PATH']}",
        "HOME": str(home),
        "TMPDIR": str(home),
        "GOPATH": str(source / ".go"),
        "CGO_ENABLED": "0",
        "KUBE_GIT_VERSION_FILE": str(said),
    }
    targets = " ".join(f"cmd/{name}" for name in PROGRAMS)
    with open(home / "log", "w+", encoding="utf-8") as log:
        building = subprocess.Popen(
            ["nice", "-n", "19", "make", f"WHAT={targets}"],
            cwd=source,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        for line in building.stdout:
            log.write(line)
            # Its own headings: "+++ [1129 01:20:00] Building go targets for linux/amd64:".
            if line.startswith("+++"):
                progress(f"Kubernetes: {line.split('] ', 1)[-1].strip()}")
        if building.wait(TARGET_LIMIT):
            log.seek(0)
            raise host.LabError(f"the build of Kubernetes failed:\n{log.read()[-3000:]}")
