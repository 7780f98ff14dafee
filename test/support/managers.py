"""
What a node of each family is offered: repositories of its shape, made of Debian's packages, on this host.
"""

import pytest
from lab import debian, family, pacman, repository, rpm

OLD, NEW = "1.6.20", "1.7.24"
SUITES = {OLD: "bookworm", NEW: "trixie"}
VERSIONLOCK = (
    *("usr/lib/python3/dist-packages/dnf-plugins/versionlock.py", "etc/dnf/plugins/versionlock.conf"),
    *("usr/lib/python3/dist-packages/dnfpluginscore/__init__.py", "etc/dnf/plugins/versionlock.list"),
)


class Offer:
    """
    The repositories of one node, and how its package manager is asked.
    """

    #: Grains os_family and osfinger.
    grains = ("", "")
    packages = ("containerd.io",)
    ctr = "ctr"
    #: What pillar's hold is in the tests; None where the package manager holds nothing.
    holds = True
    #: What lists the sources, refreshes their lists, and upgrades everything.
    sources, refresh, upgrade = "", "", ""
    #: Whether it has a package that does not restart the daemon.
    rebuilds = False

    def __init__(self, folder):
        self.server = repository.Server()
        self.keys = {name: repository.Key(folder, name) for name in ("site", "other")}
        self.releases = [OLD]

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *exception):
        self.server.__exit__(*exception)
        for key in self.keys.values():
            key.close()

    def prepare(self, machine):
        """
        Serve the packages, and let the node's own distribution have a repository.
        """

    def publish(self, release):
        """
        Offer a release, too.
        """
        self.releases = list(dict.fromkeys([*self.releases, release]))
        self.serve()

    def mend(self, machine):
        """
        Undo what was done to the node's own sources.
        """

    def pillar(self, version, hold=None):
        return {"version": version, "hold": hold}

    def installed(self, node):
        """
        Return package to version, an empty one for those that are not installed.
        """
        # Salt's zypper has an empty dictionary for what is not installed.
        return {name: node.salt("pkg.version", name) or "" for name in self.packages}


class Docker(Offer):
    """
    Docker's repository, which the formula configures.
    """

    also = {}

    def serve(self):
        """
        Serve what Docker does: by the right key, and by another.
        """
        self.url = self.serve_as("docker", "site", "site")
        self.forged = self.serve_as("forged", "other", "other")
        self.key = self.server.put("docker.asc", self.keys["site"].text)

    def pillar(self, version, hold=None, **docker):
        own = {"url": self.url, "key": self.key, "fingerprints": [self.keys["site"].fingerprint]}
        return {"version": version, "hold": hold, "docker": {**own, **self.also, **docker}}

    def mistrusted(self, wrong):
        """
        Return what to change in pillar, and the words of the refusal.
        """
        return {
            # First those that leave no key on the node: a good one is not fetched again.
            "key down": ({"key": self.server.url_down}, "Connection refused"),
            "another key": ({"fingerprints": ["0" * 40]}, "and pinned is 0000"),
            "forged": (
                {"url": self.forged},
                "cannot be used: .*(NO_PUBKEY|Bad GPG signature)",
            ),
            "down": (
                {"url": self.server.url_down},
                "cannot be used: .*(refused|connect to server)",
            ),
        }[wrong]


class Rocky(Docker):
    grains = ("RedHat", "Rocky Linux-9")
    also = {"repo_gpgcheck": True}
    sources = "head -v -n 99 /etc/yum.repos.d/*.repo"
    refresh = "dnf --assumeyes --refresh makecache"
    upgrade = "dnf --assumeyes upgrade"

    def prepare(self, machine):
        self.serve()
        own = [
            rpm.of_debian("python3-dnf-plugin-versionlock", "dnf-plugins-core", VERSIONLOCK),
            rpm.of_debian("bubblewrap", "bubblewrap", ("usr/bin/bwrap",)),
        ]
        url = rpm.serve(self.server, "baseos", own, self.keys["other"], listed_by=None)
        machine.write("/etc/pki/rpm-gpg/RPM-GPG-KEY-Rocky-9", self.keys["other"].text)
        machine.write(
            "/etc/yum.repos.d/rocky.repo",
            f"[baseos]\nname=Rocky Linux 9 - BaseOS\nbaseurl={url}\ngpgcheck=1\nenabled=1\n"
            "gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-Rocky-9\n",
        )

    def serve_as(self, name, signer, listed_by):
        packages = [rpm.containerd_io(SUITES[release]) for release in self.releases]
        folder = f"{name}/centos/9/x86_64/stable"
        rpm.serve(self.server, folder, packages, self.keys[signer], self.keys[listed_by])
        return f"{self.server.url}/{name}"

    def tampered(self, machine):
        return {"url": self.serve_as("tampered", "other", "site")}, "GPG check FAILED|is not installed"

    def version(self, release):
        return f"{release}-3.1.el9"

    def held(self, node):
        # containerd.io-0:1.6.20-3.1.el9.*
        locked = node.run("dnf --quiet versionlock list").stdout.splitlines()
        return [line.rsplit("-", 2)[0] for line in locked if line.endswith(".*")]


class Focal(Docker):
    """
    Docker's folder for Ubuntu.
    """

    grains = ("Debian", "Ubuntu-20.04")
    codename = "focal"
    sources = "cd /etc/apt && find . -name '*.list' -o -name '*.sources' | sort | xargs head -v -n 99"
    refresh = "apt-get -q update"
    upgrade = "apt-get --yes upgrade"

    def prepare(self, machine):
        self.serve()

    def serve_as(self, name, signer, listed_by):
        debs = [repository.containerd_io(SUITES[release]) for release in self.releases]
        return self.server.apt(name, debs, self.keys[listed_by], self.codename, distribution="ubuntu")

    def tampered(self, machine):
        pytest.skip("apt's packages have no signature but their lists'")

    def version(self, release):
        return f"{release}-1"

    def held(self, node):
        return node.run("apt-mark showhold").stdout.split()


class Jammy(Focal):
    grains = ("Debian", "Ubuntu-22.04")
    codename = "jammy"


class Noble(Focal):
    grains = ("Debian", "Ubuntu-24.04")
    codename = "noble"


class Own(Offer):
    """
    The distribution's own repository, which its people configure.
    """

    repository = ""
    #: How it says that something is signed by an unknown key.
    refused = ""

    def mistrusted(self, wrong):
        if wrong != "down":
            pytest.skip("the repository and its key are the distribution's")
        self.machine.run(f"sed -i.kept 's|{self.server.url}|{self.server.url_down}|' {self.repository}")
        return (
            {},
            "(?i)failed to connect",
        )

    def tampered(self, machine):
        self.serve("other")
        return {}, self.refused

    def mend(self, machine):
        self.serve()
        machine.run(f"test ! -e {self.repository}.kept || mv {self.repository}.kept {self.repository}")


class Leap(Own):
    grains = ("Suse", "Leap-15")
    packages = ("containerd", "containerd-ctr")
    ctr = "containerd-ctr"
    repository = "/etc/zypp/repos.d/repo-oss.repo"
    refused = "(?i)signature verification failed|signed with an unknown key"
    sources = f"cat {repository}"
    refresh = "zypper --non-interactive refresh"
    upgrade = "zypper --non-interactive update"

    def prepare(self, machine):
        self.machine = machine
        url = self.serve()
        machine.write("/tmp/key.asc", self.keys["site"].text)
        # As a system has its distribution's.
        machine.run("rpm --import /tmp/key.asc")
        machine.write(
            self.repository,
            "[repo-oss]\nname=Main Repository\nenabled=1\nautorefresh=1\ntype=rpm-md\ngpgcheck=1\n"
            f"baseurl={url}\n",
        )

    def serve(self, signer="site"):
        packages = [package for release in self.releases for package in rpm.suse(SUITES[release])]
        packages.append(rpm.of_debian("runc", "runc", ("usr/sbin/runc",), "1.1.5"))
        packages.append(rpm.of_debian("bubblewrap", "bubblewrap", ("usr/bin/bwrap",)))
        folder = "distribution/leap/15.6/repo/oss"
        # With signed lists zypper asks no package for a signature of its own.
        return rpm.serve(self.server, folder, packages, self.keys["site"], self.keys[signer])

    def version(self, release):
        return f"{release}-150000.1.1"

    def held(self, node):
        locks = node.run("zypper --non-interactive locks").stdout
        fields = [line.split("|") for line in locks.splitlines() if line.count("|") == 3]
        return [words[1].strip() for words in fields[1:]]


class Arch(Own):
    grains = ("Arch", "Arch Linux-n/a")
    packages = ("containerd",)
    holds = None
    repository = "/etc/pacman.conf"
    sources = f"cat {repository}"
    refresh = "pacman -Sy"
    refused = "required key missing from keyring"
    rebuilds = True

    def prepare(self, machine):
        self.machine = machine
        self.publish(OLD)
        machine.write("/tmp/key.asc", self.keys["site"].text)
        trust = f"{self.keys['site'].fingerprint}:6:"
        machine.run(
            # pacman looks for the older of gpg's two keyrings.
            "umask 077; mkdir -p /etc/pacman.d/gnupg; touch /etc/pacman.d/gnupg/pubring.gpg; "
            "g='gpg --batch --homedir /etc/pacman.d/gnupg'; "
            f"$g --import /tmp/key.asc && echo {trust} | $g --import-ownertrust"
        )
        machine.write(
            self.repository,
            "[options]\nHoldPkg = pacman\nArchitecture = auto\nSigLevel = Required\n\n[extra]\n"
            f"Server = {self.server.url}/$repo/os/$arch\n",
        )

    def serve(self, signer="site"):
        root = debian.unpacked("bubblewrap", family.SUITE)
        bubblewrap = pacman.Package("bubblewrap", "0.8.0-1", {"/usr/bin/bwrap": root / "usr/bin/bwrap"})
        packages = [*pacman.containerd(SUITES[self.release], self.build), bubblewrap]
        pacman.serve(self.server, "extra/os/x86_64", "extra", packages, self.keys[signer], self.keys["site"])

    def publish(self, release, build=1):
        # Arch offers one version of a package.
        self.release, self.build = release, build
        self.serve()

    def version(self, release):
        return f"{release}-1"


OFFERS = {"rocky": Rocky, "leap": Leap, "arch": Arch, "focal": Focal, "jammy": Jammy, "noble": Noble}
