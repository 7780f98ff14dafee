"""Nodes that answer to another distribution's name, and have its package manager: all else is Debian's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable

from . import host, image, rootfs, rpm

SUITE = "bookworm"
# A package's service is not enabled unless somebody does: so it is with all but Debian and its children.
PRESET = {"/usr/lib/systemd/system-preset/99-default-disable.preset": "disable *\n"}
RPM_MACROS = {"/etc/rpm/macros": "%_dbpath /var/lib/rpm\n"}
# As Red Hat's dnf has it.
DNF = {
    "/etc/dnf/dnf.conf": "[main]\ngpgcheck=1\ninstallonly_limit=3\nclean_requirements_on_remove=True\n"
    "best=True\nskip_if_unavailable=False\n"
}
# As Arch's systemd has it.
HOOKS = {
    "30-systemd-daemon-reload-system.hook": "[Trigger]\nType = Path\nOperation = Install\n"
    "Operation = Upgrade\nOperation = Remove\nTarget = usr/lib/systemd/system/*\n\n[Action]\n"
    "Description = Reloading system manager configuration...\nWhen = PostTransaction\n"
    "Exec = /usr/bin/systemctl daemon-reload\n"
}
# No package of another family can come in by apt.
APT = "rm /usr/bin/apt /usr/bin/apt-* /usr/bin/dpkg /usr/bin/dpkg-*"


@dataclass(frozen=True)
class Family:
    """What makes a Debian answer to a name."""

    os_release: str
    #: Debian's packages of its package manager.
    packages: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    #: What its package manager believes to be installed.
    rpms: tuple[rpm.Package, ...] = ()
    commands: tuple[str, ...] = ()


def _release(name: str, version: str, *head: str) -> rpm.Package:
    """Return the package that makes a node its distribution's, and has what Debian's files are."""
    # libzypp keeps glibc from being removed.
    provided = ("/bin/sh", "glibc", *head)
    return rpm.Package(name, version, head=tuple(f"Provides: {line}" for line in provided))


def _ubuntu(release: str, codename: str, version: str) -> Family:
    """Return what an Ubuntu says of itself; its apt is Debian's."""
    pretty = f"Ubuntu {version.partition(' (')[0]}"
    return Family(
        f'PRETTY_NAME="{pretty}"\nNAME="Ubuntu"\nVERSION_ID="{release}"\nVERSION="{version}"\n'
        f"VERSION_CODENAME={codename}\nID=ubuntu\nID_LIKE=debian\nUBUNTU_CODENAME={codename}\n",
        files={
            "/etc/lsb-release": f"DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE={release}\n"
            f'DISTRIB_CODENAME={codename}\nDISTRIB_DESCRIPTION="{pretty}"\n'
        },
    )


FAMILIES = {
    "rocky": Family(
        'NAME="Rocky Linux"\nVERSION="9.4 (Blue Onyx)"\nID="rocky"\nID_LIKE="rhel centos fedora"\n'
        'VERSION_ID="9.4"\nPLATFORM_ID="platform:el9"\nPRETTY_NAME="Rocky Linux 9.4 (Blue Onyx)"\n',
        ("dnf", "rpm", "python3-dateutil"),
        {**PRESET, **RPM_MACROS, **DNF, "/etc/redhat-release": "Rocky Linux release 9.4 (Blue Onyx)\n"},
        (_release("rocky-release", "9.4", "system-release = 9.4", "system-release(releasever) = 9"),),
        (APT,),
    ),
    "leap": Family(
        'NAME="openSUSE Leap"\nVERSION="15.6"\nID="opensuse-leap"\nID_LIKE="suse opensuse"\n'
        'VERSION_ID="15.6"\nPRETTY_NAME="openSUSE Leap 15.6"\nCPE_NAME="cpe:/o:opensuse:leap:15.6"\n',
        ("zypper", "libzypp-bin", "libzypp-common", "libzypp-config", "rpm"),
        {**PRESET, **RPM_MACROS},
        (_release("openSUSE-release", "15.6"),),
        (APT,),
    ),
    "arch": Family(
        'NAME="Arch Linux"\nPRETTY_NAME="Arch Linux"\nID=arch\nBUILD_ID=rolling\n',
        ("pacman-package-manager",),
        # pacman fails to list no package at all.
        {
            **PRESET,
            **{f"/usr/share/libalpm/hooks/{name}": text for name, text in HOOKS.items()},
            "/var/lib/pacman/local/ALPM_DB_VERSION": "9\n",
            "/var/lib/pacman/local/filesystem-1-1/desc": "%NAME%\nfilesystem\n\n%VERSION%\n1-1\n\n",
            "/var/lib/pacman/local/filesystem-1-1/files": "",
        },
        (),
        (APT,),
    ),
    "focal": _ubuntu("20.04", "focal", "20.04.6 LTS (Focal Fossa)"),
    "jammy": _ubuntu("22.04", "jammy", "22.04.5 LTS (Jammy Jellyfish)"),
    "noble": _ubuntu("24.04", "noble", "24.04.2 LTS (Noble Numbat)"),
}


def tree(name: str, salt: str, progress: Callable[[str], None] = print) -> image.Tree:
    """Return the files of a container that answers to a family's name."""
    host.require(*rpm.TOOLS)
    family = FAMILIES[name]
    plain = image.tree(SUITE, salt, progress)
    rpms = [package.build() for package in family.rpms]
    files = {**family.files, "/usr/lib/os-release": family.os_release}
    made = rootfs.changed(plain.tree, f"tree-{name}-{salt}", family.packages, files, rpms, family.commands)
    return image.Tree(made, plain.ssh_key)
