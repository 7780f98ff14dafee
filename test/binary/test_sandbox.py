"""
The sandbox by real attacks: what runs in it, as root, cannot change the machine that it runs on.
"""

import contextlib
import errno
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest
import support
from salt.exceptions import CommandExecutionError
from support.attacks import ATTACKS, MOUNTING, WRITING
from support.faults import cri

MARKER = "the node's own"


@pytest.fixture
def outside():
    """
    A folder that the sandbox sees, unlike /tmp, with a file in it.
    """
    folder = Path(tempfile.mkdtemp(dir=Path.home()))
    (folder / "file").write_text(MARKER, encoding="utf-8")
    yield folder
    shutil.rmtree(folder)


def state(folder):
    """
    Return what is in a folder, its files' content, modes and owners.
    """
    found = {path.name: (path.lstat().st_mode, path.lstat().st_uid) for path in folder.iterdir()}
    return found, (folder / "file").read_text(encoding="utf-8"), Path("/proc/self/mountinfo").read_text()


def attack(script):
    """
    Run a script in the sandbox; return the kind of the sandbox and what the script wrote to stderr.
    """
    functions = support.salt_functions()
    argv = functions["containerd_sandbox.command"]("sh", "-c", script)
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    kind, _, words = functions["containerd_sandbox.said"](done.stderr)
    return kind, words


@pytest.mark.parametrize("name", ATTACKS)
def test_no_attack_changes_the_node(outside, name):
    (outside / "victim").write_text(str(os.getpid()), encoding="utf-8")
    before = state(outside)
    kind, words = attack(f"{{ {ATTACKS[name].format(outside)}; }} >&2\necho done: $(id -u) >&2")
    assert kind == "locked"
    # The attack was carried out, by root of its world.
    assert words.endswith("done: 0\n")
    assert "BROKEN\n" not in words
    assert state(outside) == before


def test_what_is_mounted_meanwhile_cannot_be_written(outside):
    """
    systemd makes all mounts shared; a pod's volume may be mounted at any time.
    """
    argv = support.salt_functions()["containerd_sandbox.command"]("sh", "-c", WRITING.format(outside))
    shared = ["unshare", "--mount", "--propagation", "shared", "sh", "-c", MOUNTING.format(outside), "sh"]
    done = subprocess.run([*shared, *argv], capture_output=True, text=True, timeout=30, check=False)
    assert f"{outside}/later/new" in done.stderr
    assert done.stdout == ""


def test_nobody_on_the_node_answers():
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind("\0containerd-formula-test")
        abstract.listen()
        port = tcp.getsockname()[1]
        program = (
            "import socket; a = socket.socket(socket.AF_UNIX); b = socket.socket();"
            f"print(a.connect_ex('\\0containerd-formula-test'), b.connect_ex(('127.0.0.1', {port})))"
        )
        _, words = attack(f'/usr/bin/python3 -c "{program}" >&2')
    assert words.split() == [str(errno.ECONNREFUSED)] * 2


@pytest.fixture
def without_user_namespaces(outside, monkeypatch):
    """
    A node whose kernel has no user namespaces for root either.
    """
    unshare = outside / "unshare"
    unshare.write_text(
        '#!/bin/sh\ncase "$1" in --user) echo "unshare: No space left on device" >&2; exit 1 ;; esac\n'
        'exec /usr/bin/unshare "$@"\n',
        encoding="utf-8",
    )
    unshare.chmod(0o755)
    monkeypatch.setenv("PATH", str(outside), prepend=os.pathsep)


def test_the_weaker_sandbox_says_that_it_is(trial, without_user_namespaces):
    assert trial({}) == {"ok": True, "reason": "", "sandbox": "unshare: No space left on device"}


def test_it_says_so_without_a_trial_too(salt_functions, without_user_namespaces, tmp_path):
    plan = salt_functions["containerd_toml.plan"](str(tmp_path / "config.toml"), {"oom_score": -1})
    words = "The configuration was read in a weaker sandbox, without a user namespace: unshare: No space"
    assert [one for one in plan["warnings"] if one.startswith(words)]


def test_a_sandbox_that_cannot_mount_is_none(outside, monkeypatch):
    """
    As where AppArmor takes the rights of what bubblewrap starts: a daemon would fail, whatever its file says.
    """
    unshare = outside / "unshare"
    unshare.write_text("#!/bin/sh\necho 'unshare: Operation not permitted' >&2\nexit 1\n", encoding="utf-8")
    unshare.chmod(0o755)
    monkeypatch.setenv("PATH", str(outside), prepend=os.pathsep)
    answer = support.salt_functions()["containerd_sandbox.why_not"]()
    assert answer == "no sandbox can be made here: unshare: Operation not permitted"


def test_a_program_that_containerd_starts_changes_nothing(trial, outside, release):
    """
    2.x starts BinaryName when CRI comes up, so that a dry run runs it.
    """
    program = outside / "runc"
    seen = outside / "seen"
    program.write_text(f"#!/bin/sh\ntouch {seen} || echo was here >&2\necho gone >{outside}/file\nexit 1\n")
    program.chmod(0o755)
    before = state(outside)
    runc = {"runtime_type": "io.containerd.runc.v2", "options": {"BinaryName": str(program)}}
    assert trial(cri(containerd={"runtimes": {"runc": runc}}))["ok"] is True
    assert state(outside) == before


def test_nobody_of_the_node_is_asked_in_the_daemons_place(trial, outside, release):
    """
    What a candidate runs may put a link to another daemon where its own socket was.
    """
    if release.startswith("1."):
        pytest.skip(f"containerd {release} starts nothing when it comes up")
    program = outside / "runc"
    program.write_text(
        "#!/bin/sh\nd=$(awk '/trial-/ {print $5}' /proc/self/mountinfo)\n"
        f"mv $d/containerd.sock $d/x; ln -s {outside}/socket $d/containerd.sock\nexec sleep 3\n"
    )
    program.chmod(0o755)
    runc = {"runtime_type": "io.containerd.runc.v2", "options": {"BinaryName": str(program)}}
    with socket.socket(socket.AF_UNIX) as node:
        node.bind(str(outside / "socket"))
        node.listen()
        node.settimeout(0.1)
        answer = trial(cri(containerd={"runtimes": {"runc": runc}}), timeout=2)
        with pytest.raises(TimeoutError):
            node.accept()
    assert answer["ok"] is False
    assert "there is no socket" in answer["reason"]


def test_what_runs_there_fills_no_disk():
    _, words = attack("head -c 80000000 /dev/zero >/tmp/file; stat -c %s /tmp/file >&2; ulimit -f 200000 >&2")
    assert "67108864" in words
    assert "not permitted" in words


PLUGIN = """
#include <stdio.h>
__attribute__((constructor)) static void run(void) {
  FILE *file = fopen("%s/file", "w");
  if (file) { fputs("gone", file); fclose(file); }
}
"""


@pytest.mark.parametrize("where", ["plugin_dir", "root"])
def test_a_plugin_of_the_candidate_changes_nothing(trial, outside, release, where):
    """
    1.x loads each library of plugin_dir and ROOT/plugins, for a dump as well.
    """
    if release.startswith("2"):
        pytest.skip(f"containerd {release} has no plugin_dir")
    folder = outside / ("plugins" if where == "root" else "folder")
    folder.mkdir()
    source = outside / "plugin.c"
    source.write_text(PLUGIN % outside, encoding="utf-8")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "evil-linux-amd64.so", source], check=True)
    before = state(outside)
    # Most of these libraries are none of Go's, and end it.
    with contextlib.suppress(CommandExecutionError):
        trial({where: str(folder if where == "plugin_dir" else outside)})
    assert state(outside) == before


@pytest.mark.parametrize("address", ["/proc/1/root{}/file", "/proc/self/root{}/new", "/dev/zero", "{}/file"])
def test_a_socket_replaces_nothing_of_the_node(trial, outside, address):
    before = state(outside), os.lstat("/dev/zero").st_mode
    trial({"version": 2, "debug": {"address": address.format(outside)}})
    trial({"version": 2, "grpc": {"address": address.format(outside)}}, timeout=2)
    assert (state(outside), os.lstat("/dev/zero").st_mode) == before
