"""Where things lie on a node, and how long they may take or stay."""

CONFIG = "/etc/containerd/config.toml"
CONFIG_FOLDER = "/etc/containerd"
SOCKET = "/run/containerd/containerd.sock"
# What config_path is where pillar names registries: a folder for each, and one for all others.
CERTS = f"{CONFIG_FOLDER}/certs.d"
DEFAULT_REGISTRY = "_default"

# Of a unit that sets none, as systemd.exec(5) has it.
DAEMON_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
UNIT = "containerd.service"
UNIT_FOLDER = "/etc/systemd/system/"
DROP_IN = f"{UNIT_FOLDER}{UNIT}.d/50-containerd-formula.conf"
ENVIRONMENT = f"{UNIT_FOLDER}{UNIT}.d/50-containerd-formula.env"
# What sd_booted(3) looks at.
SYSTEMD_BOOTED = "/run/systemd/system"

# Root's alone, below Salt's root_dir: the record of changes, and copies of files. Not in Salt's cache, which
# people empty, and not in /etc/containerd, which others may be given.
STATE = "var/lib/containerd-formula"
RECORD = "change.json"
# Root's alone: what is tried out. Gone with the run that made it.
RUN = "/run"
RUN_FOLDER = f"{RUN}/containerd-formula"
# How the folder beside it begins that apt's own user has to pass.
PROBE = "containerd-formula-probe-"
# Releases of the archive, each in a folder of its own, and where upstream's instructions put the commands.
ARCHIVES = "/opt/containerd-formula"
PREFIX = "/usr/local"
APT_SOURCES = "/etc/apt"

# Seconds. A command that takes 0.1: a binary that hangs must not hang the minion.
COMMAND_TIMEOUT = 20
# Lists of a slow mirror on a slow machine, not a server that never answers.
APT_TIMEOUT = 900
# What is fetched into memory has some 10 kB.
FETCH_TIMEOUT = 60
# A temporary file that is older was left by a run that was killed.
LEFT_BEHIND = 600
# Bytes. A configuration has 10,000: what is larger is something else.
LARGEST_FILE = 4 << 20


def beneath(path, folders):
    """Tell whether a path is one of the folders or beneath one."""
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)
