"""The layers of a node's disk: a bare Debian, Salt in a virtual environment, and what a node needs.

Everything that runs inside a tree runs in a mount and process namespace of its own: whatever a
maintainer script mounts or starts ends with it, also when the build is interrupted.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from . import cache, debian, host, kernel

INCLUDED = (
    "systemd,systemd-sysv,dbus,openssh-server,sudo,ca-certificates,curl,procps,iproute2,iptables,"
    "kmod,python3,python3-venv,lsb-release,gnupg"
)
# containerd 1.4 calls apparmor_parser where the kernel has AppArmor on; Debian's kernels recommend it.
ALSO_INCLUDED = {"bullseye": ",apparmor"}
# Salt 3008 needs timelib, which is published as source only.
COMPILER = ("gcc", "libc6-dev", "python3-dev")
# Python 3.9 starts several processes only where it has semaphores, which a tree has not.
COMPILED = """
mkdir -p /dev/shm && mount -t tmpfs tmpfs /dev/shm && exec python3 -m compileall -q -j 0 /opt/salt
"""
# Of a file that is ours and a package's.
KEEP = "Dpkg::Options::=--force-confold"
NODE_FILES = Path(__file__).parent / "node"
DISK_SIZE = "6G"

# Each of these only costs a node that lives for minutes time. The terminals would even wait for
# a device that nothing announces, for there is no udev.
MASKED_UNITS = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "man-db.timer",
    "systemd-pstore.service",
    "getty@tty1.service",
    "serial-getty@ttyS0.service",
    "systemd-networkd-wait-online.service",
)
ENABLED_UNITS = ("lab-network.service", "lab-cgroup.service")
TRUSTED = "/etc/ssl/certs/ca-certificates.crt"


def base(suite: str) -> Path:
    """Return an archive of a minimal Debian with the few programs a managed machine has."""
    included = INCLUDED + ALSO_INCLUDED.get(suite, "")

    def make(target: Path) -> None:
        root = target.parent / "root"
        command = [
            "debootstrap",
            f"--arch={host.DEBIAN_ARCH}",
            f"--keyring={debian.KEYRING}",
            "--variant=minbase",
            f"--include={included}",
            suite,
            str(root),
            host.mirror(),
        ]
        _run(_isolated(command), "debootstrap")
        _clean_apt(root)
        _run(["tar", "--numeric-owner", "-C", str(root), "-cf", str(target), "."], "tar")

    return cache.artefact(f"base-{suite}", [suite, host.mirror(), included], make, ".tar")


def salt(suite: str, version: str) -> Path:
    """Return an archive of /opt/salt: Salt from PyPI, for the Python of the suite.

    It is built in a tree of its own, so no compiler and no cache reaches the node.
    """
    bare = base(suite)

    def make(target: Path) -> None:
        root = target.parent / "root"
        unpack(bare, root)
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
        _hand_on_settings(root)
        if not version.startswith("3006."):
            _inside(root, "apt-get", "-q", "update")
            _inside(root, "apt-get", "-qy", "install", "--no-install-recommends", *COMPILER)
        _inside(root, "python3", "-m", "venv", "/opt/salt")
        pip = ("/opt/salt/bin/pip", "--no-cache-dir", "--disable-pip-version-check")
        # pip compiles with one process, compileall with all processors.
        _inside(root, *pip, "install", "--no-compile", f"salt=={version}")
        _inside(root, "sh", "-c", COMPILED)
        _run(["tar", "--numeric-owner", "-C", str(root), "-cf", str(target), "opt/salt"], "tar")

    return cache.artefact(f"salt-{suite}-{version}", [bare.name, version, COMPILER], make, ".tar")


def tree(suite: str, version: str, public_key: str) -> Path:
    """Return an archive of all files of a node but for its kernel's."""
    bare, salted = base(suite), salt(suite, version)
    files = {
        str(path.relative_to(NODE_FILES)): path.read_text()
        for path in sorted(NODE_FILES.rglob("*"))
        if path.is_file()
    }
    settings = [host.ca_bundle(), host.proxies(), host.package_index()]
    inputs = [bare.name, salted.name, public_key, files, ENABLED_UNITS, MASKED_UNITS, *settings]

    def make(target: Path) -> None:
        root = target.parent / "root"
        unpack(bare, root)
        unpack(salted, root)
        shutil.copytree(NODE_FILES, root, dirs_exist_ok=True)
        _hand_on_settings(root)
        (root / "etc/salt").mkdir()
        (root / "etc/machine-id").write_text("")
        (root / "usr/local/bin/salt-call").symlink_to("/opt/salt/bin/salt-call")
        (root / "root/.ssh").mkdir(mode=0o700, exist_ok=True)
        (root / "root/.ssh/authorized_keys").write_text(public_key)
        _inside(root, "systemctl", "enable", *ENABLED_UNITS)
        _inside(root, "systemctl", "mask", *MASKED_UNITS)
        _run(["tar", "--numeric-owner", "-C", str(root), "-cf", str(target), "."], "tar")

    return cache.artefact(f"tree-{suite}-{version}", inputs, make, ".tar")


def changed(
    plain: Path,
    stem: str,
    packages: tuple[str, ...],
    files: dict[str, str | Path],
    rpms: list[Path],
    commands: tuple[str, ...],
) -> Path:
    """Return a node's archive with Debian's packages, files, RPMs in its own database, and commands run.

    A file is its text, or the path of one on this host.
    """
    named = {
        place: given if isinstance(given, str) else hashlib.sha256(given.read_bytes()).hexdigest()
        for place, given in files.items()
    }
    inputs = [plain.name, packages, named, [path.name for path in rpms], commands]

    def make(target: Path) -> None:
        root = target.parent / "root"
        unpack(plain, root)
        for place, given in files.items():
            (root / place[1:]).parent.mkdir(parents=True, exist_ok=True)
            if isinstance(given, Path):
                shutil.copy(given, root / place[1:])
            else:
                (root / place[1:]).write_text(given)
        if packages:
            # Kept from the packages: the node's own, by which it finds a server in its network.
            (root / "etc/resolv.conf").rename(root / "etc/resolv.conf.kept")
            shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
            _inside(root, "apt-get", "-q", "update")
            _inside(root, "apt-get", "-qy", "-o", KEEP, "install", "--no-install-recommends", *packages)
            (root / "etc/resolv.conf.kept").rename(root / "etc/resolv.conf")
            _clean_apt(root)
        for path in rpms:
            shutil.copy(path, root / "tmp")
            _inside(root, "rpm", "--install", "--nodeps", "--force-debian", f"/tmp/{path.name}")
            (root / "tmp" / path.name).unlink()
        for command in commands:
            _inside(root, "sh", "-c", command)
        _run(["tar", "--numeric-owner", "-C", str(root), "-cf", str(target), "."], "tar")

    return cache.artefact(stem, inputs, make, ".tar")


def disk(suite: str, version: str, files: Path) -> Path:
    """Return a sparse raw disk of one file system, ready to boot."""
    modules = kernel.kernel(suite)

    def make(target: Path) -> None:
        root = target.parent / "root"
        unpack(files, root)
        fill(target, root, suite)

    return cache.artefact(f"disk-{suite}-{version}", [files.name, modules.name, DISK_SIZE], make, ".raw")


def fill(target: Path, root: Path, suite: str) -> None:
    """Write a sparse raw disk of a tree and the modules of a suite's kernel, which stay in the tree."""
    shutil.copytree(kernel.kernel(suite) / "lib/modules", root / "usr/lib/modules", symlinks=True)
    # Nothing is left for the kernel to initialise in the background of a slow guest.
    options = ["-q", "-F", "-m", "0", "-L", "node", "-E", "lazy_itable_init=0,lazy_journal_init=0"]
    _run(["mkfs.ext4", *options, "-d", str(root), str(target), DISK_SIZE], "mkfs.ext4")


def _hand_on_settings(root: Path) -> None:
    """Give a tree the proxy, the certificate authorities and the package index of this host."""
    environment = host.proxies()
    pip = {}
    if host.package_index():
        pip["index-url"] = host.package_index()
    known = set(host.certificates((root / TRUSTED[1:]).read_text()))
    extra = [cert for cert in host.certificates(host.ca_bundle()) if cert not in known]
    if extra:
        folder = root / "usr/local/share/ca-certificates/lab"
        folder.mkdir(parents=True)
        for number, certificate in enumerate(extra):
            (folder / f"host-{number}.crt").write_text(certificate)
        _inside(root, "update-ca-certificates")
        # Python programs bring authorities of their own unless they are told.
        environment.update(dict.fromkeys(("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE"), TRUSTED))
        pip["cert"] = TRUSTED
    assignments = [f"{name}={value}" for name, value in environment.items()]
    (root / "etc/environment").write_text("".join(f"{line}\n" for line in assignments))
    (root / "etc/pip.conf").write_text(
        "".join(["[global]\n", *(f"{name} = {value}\n" for name, value in pip.items())])
    )
    services = root / "etc/systemd/system.conf.d/lab.conf"
    services.parent.mkdir(parents=True, exist_ok=True)
    services.write_text(
        "".join(
            ["[Manager]\n", *(f'DefaultEnvironment="{line}"\n'.replace("%", "%%") for line in assignments)]
        )
    )


def _clean_apt(root: Path) -> None:
    for folder in ("var/cache/apt", "var/lib/apt/lists"):
        for path in (root / folder).rglob("*"):
            if path.is_file():
                path.unlink()


def unpack(archive: Path, root: Path) -> None:
    """Unpack a node's archive in a folder."""
    root.mkdir(exist_ok=True)
    _run(["tar", "--numeric-owner", "-C", str(root), "-xpf", str(archive)], "tar")


def _inside(root: Path, *argv: str) -> None:
    """Run a command in a tree, with the environment its own settings give."""
    settings = root / "etc/environment"
    lines = settings.read_text().splitlines() if settings.exists() else []
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "LC_ALL": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive",
        **dict(line.split("=", 1) for line in lines if "=" in line),
    }
    _run(_isolated(["chroot", str(root), *argv]), " ".join(argv), environment)


def _isolated(argv: list[str]) -> list[str]:
    if os.geteuid() != 0:
        raise host.LabError("building an image takes root: debootstrap and chroot need it")
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child", *argv]


def _run(argv: list[str], title: str, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        argv,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode:
        raise host.LabError(f"{title} failed:\n{done.stdout[-3000:]}")
