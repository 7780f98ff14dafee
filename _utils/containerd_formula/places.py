"""Paths on a node, and limits of time and size."""

from containerd_formula.errors import Refused, quoted

CONFIG = "/etc/containerd/config.toml"
CONFIG_FOLDER = "/etc/containerd"
SOCKET = "/run/containerd/containerd.sock"
# What config_path is where pillar names registries: a folder for each, and one for all others.
CERTS = f"{CONFIG_FOLDER}/certs.d"
DEFAULT_REGISTRY = "_default"
# What the containers of a runtime begin with, where pillar says something of it.
BASE_SPECS = f"{CONFIG_FOLDER}/base-specs"
_PASSING = ".containerd-formula"
# The cure where other users could change what root uses.
ROOTS_OWN = "Correct that with chown root and chmod go-w."

# The PATH of a unit that sets none: systemd.exec(5).
DAEMON_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
UNIT = "containerd.service"
UNIT_FOLDER = "/etc/systemd/system/"
DROP_IN = f"{UNIT_FOLDER}{UNIT}.d/50-containerd-formula.conf"
ENVIRONMENT = f"{UNIT_FOLDER}{UNIT}.d/50-containerd-formula.env"
# What sd_booted(3) looks at.
SYSTEMD_BOOTED = "/run/systemd/system"
# While packages are installed in an image build; gone with the next boot.
NOT_NOW = f"{SYSTEMD_BOOTED}/{UNIT}.d/containerd-formula-not-now.conf"

# For root only, below Salt's root_dir: the record of changes, and copies of files. Not in Salt's cache, which
# people empty, nor in /etc/containerd, to which other users may be given access.
STATE = "var/lib/containerd-formula"
RECORD = "change.json"
# Which release the installed binary is.
INSTALLED = "installed.json"
# Which runtimes were proved, with which files.
PROVED = "proved.json"
# containerd's namespace of the containers that prove them, and the prefix of the folders of these.
PROOFS = "containerd-formula-proof"
PROOF = "proof-"
# Which digest an archive of an image gave.
IMAGES = "images.json"
# containerd's own default for images and containers.
ROOT = "/var/lib/containerd"
# For root only: candidates and trials. The run that makes them removes them.
RUN = "/run"
RUN_FOLDER = f"{RUN}/containerd-formula"
# Prefix of a folder outside of it, because apt's own user must enter that one.
PROBE = "containerd-formula-probe-"
# Unpacked release archives, one folder each, and the prefix to which upstream's instructions install.
ARCHIVES = "/opt/containerd-formula"
# Below it each runtime that comes in an archive has its stable name: a link to the folder of its hash.
RUNTIMES = f"{ARCHIVES}/runtimes"
PREFIX = "/usr/local"
# Where bash finds the completion of commands: the administrator's folder, and that of packages.
COMPLETIONS = "/etc/bash_completion.d"
PACKAGED_COMPLETIONS = "/usr/share/bash-completion/completions"
APT_SOURCES = "/etc/apt"
DNF_REPOSITORIES = "/etc/yum.repos.d"

# Seconds. A command takes about 0.1; a binary that hangs must not hang the minion.
COMMAND_TIMEOUT = 20
# Enough for the lists of a slow mirror on a slow machine; it ends the wait for a server that never answers.
PACKAGES_TIMEOUT = 900
# Files that are fetched into memory have about 10 kB.
FETCH_TIMEOUT = 60
# An older temporary file was left by a run that was killed.
LEFT_BEHIND = 600
# Bytes. A configuration has about 10,000.
LARGEST_FILE = 4 << 20


def file_path(path):
    """Return the path of a file that somebody gave; refuse anything that cannot be one."""
    if not isinstance(path, str) or not path or "\0" in path:
        raise Refused(f"{quoted(path)} is not a file path: write one such as {CONFIG}.")
    return path


def passing(folder):
    """Return the name that a folder of registries has while it is filled or emptied: no host has it."""
    # A name of a file has 255 bytes at most.
    return f".{folder[:200]}{_PASSING}"


def is_passing(folder):
    """Tell whether a folder of registries is one that a run was filling or emptying."""
    return folder.startswith(".") and folder.endswith(_PASSING)


def beneath(path, folders):
    """Tell whether a path is one of the folders or beneath one."""
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)
