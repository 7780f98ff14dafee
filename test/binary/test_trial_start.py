"""
The trial start by the real binaries: it finds what ``config dump`` cannot, and touches nothing.

Rows of configurations that containerd starts with and serves no CRI, or does not start with at all. The
checks and ``config dump`` are left out here: each row must fail by itself.
"""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from lab import wait
from salt.exceptions import CommandExecutionError
from support import ROOT
from support.faults import CRI, FAULTS, cri, known_to

OK = {"ok": True, "reason": "", "sandbox": "locked"}
# What a site may well have and the machine of a trial has not: addresses, sockets, folders.
GOOD = {
    "the default": {},
    "an address of another machine": {"version": 2, "metrics": {"address": "192.0.2.77:1338"}},
    "any address for streaming": cri(stream_server_address=""),
    "a snapshotter by proxy, which does not run": {
        **cri(containerd={"snapshotter": "stargz"}),
        "proxy_plugins": {"stargz": {"type": "snapshot", "address": "/run/stargz/stargz.sock"}},
    },
    "a score for the OOM killer": {"oom_score": -999},
    "a socket of another group": {"version": 2, "grpc": {"gid": 998}},
    "folders that are not there yet": {
        "version": 2,
        "root": "/nonexistent/root",
        "state": "/nonexistent/state",
        "grpc": {"address": "/nonexistent/containerd.sock"},
        "plugins": {CRI: {"cni": {"conf_dir": "/nonexistent/net.d"}}},
    },
}


def traces():
    """
    Return what a daemon would leave on this machine.
    """
    places = (
        "/run/containerd",
        "/var/lib/containerd",
        "/etc/cni",
        "/opt/containerd",
        "/run/nri",
        "/nonexistent",
    )
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    return [place for place in places if os.path.exists(place)], mounts


@pytest.mark.parametrize("name", GOOD)
def test_what_would_run_is_ok_and_leaves_no_trace(trial, name):
    before = traces()
    assert trial(GOOD[name]) == OK
    assert traces() == before


def test_links_lead_to_empty_folders_as_well(trial, tmp_path):
    """
    Many move /var/lib/containerd to another disk by a link; the trial must neither read nor write there.
    """
    real = tmp_path / "disk"
    (real / "io.containerd.metadata.v1.bolt").mkdir(parents=True)
    (real / "io.containerd.metadata.v1.bolt" / "meta.db").write_text("no database", encoding="utf-8")
    (tmp_path / "link").symlink_to(real)
    settings = {"root": str(tmp_path / "link"), "grpc": {"address": "/var/run/containerd/containerd.sock"}}
    assert trial({"version": 2, **settings}) == OK
    assert (real / "io.containerd.metadata.v1.bolt" / "meta.db").read_text(encoding="utf-8") == "no database"


@pytest.mark.parametrize("name", FAULTS)
def test_what_would_not_is_told_in_the_daemons_words(trial, release, name):  # noqa: F811
    if name not in known_to(release):
        pytest.skip(f"containerd {release} does not know the key")
    _, overrides, words = FAULTS[name]
    before = traces()
    answer = trial(overrides)
    assert answer["ok"] is False
    assert words in answer["reason"]
    assert traces() == before


def test_an_imported_file_that_is_missing_is_found(trial, release, tmp_path):  # noqa: F811
    """
    1.4 ignores it; 1.5 to 1.7 refuse to dump; 2.x hide it in the dump, and do not start.
    """
    overrides = {"imports": [str(tmp_path / "missing.toml")]}
    if release.startswith("1.4"):
        assert trial(overrides)["ok"] is True
    elif release.startswith("1."):
        with pytest.raises(CommandExecutionError, match="missing.toml"):
            trial(overrides)
    else:
        assert "missing.toml" in trial(overrides)["reason"]


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"cgroup": {"path": "/containerd"}}, "cgroup.path is set"),
        (cri(containerd={"snapshotter": "btrfs"}), "btrfs needs its own file system"),
    ],
)
def test_what_a_trial_cannot_tell_is_said(trial, overrides, words):
    answer = trial(overrides)
    assert answer["ok"] is None
    assert words in answer["reason"]


@pytest.mark.parametrize("folder", ["/usr", "/usr/bin", "/nonexistent/../etc", "/lib"])
def test_no_path_turns_the_trial_off(trial, folder):
    """
    A folder that a daemon writes is empty in there, and then nothing would run.
    """
    answer = trial(cri(cni={"conf_dir": folder}))
    assert answer["ok"] is False
    assert f"conf_dir would have containerd write into {folder}: write a folder" in answer["reason"]


def test_nor_does_one_within_the_system(trial):
    libraries = os.path.dirname(os.path.realpath("/lib/x86_64-linux-gnu/libc.so.6"))
    answer = trial(cri(cni={"conf_dir": libraries}))
    assert answer["ok"] is False
    assert f"conf_dir names {libraries}, which the sandbox needs" in answer["reason"]


NUL = "/run/a\\u0000b"
ODD = {
    "path": f'[plugins."{CRI}".cni]\nconf_dir = "{NUL}"\n',
    "address": f'[grpc]\naddress = "{NUL}/x.sock"\n',
    "too long": f'[plugins."{CRI}".cni]\nconf_dir = "/{"x" * 200_000}"\n',
    "number": 'disabled_plugins = ["io.containerd.internal.v1.opt"]\n'
    '[plugins."io.containerd.internal.v1.opt"]\npath = 5\n',
    "text": 'disabled_plugins = ["io.containerd.internal.v1.opt"]\n[plugins]\n'
    '"io.containerd.internal.v1.opt" = "x"\n',
    "relative": '[grpc]\naddress = "x.sock"\n',
    "nothing": '[grpc]\naddress = ""\n',
}


@pytest.mark.parametrize("name", ODD)
def test_odd_values_are_told_in_words(salt_functions, tmp_path, name):
    path = tmp_path / "config.toml"
    path.write_text(f"version = 2\n{ODD[name]}", encoding="utf-8")
    try:
        answer = salt_functions["containerd.trial_start"](str(path), timeout=5)
    except CommandExecutionError:
        # Some releases refuse to read it.
        return
    assert answer["ok"] is not True or name in ("number", "text", "nothing")
    # A path turns no trial off: the node had a sandbox before.
    assert answer["ok"] is False or name not in ("path", "too long")
    assert len(answer["reason"]) < 5000


@pytest.fixture
def hanging(on_path, tmp_path, monkeypatch):  # noqa: F811
    """
    Let the installed binary be one that prints its configuration and then hangs; return its last argument.
    """
    folder = tmp_path / "bin"
    folder.mkdir()
    binary = folder / "containerd"
    binary.write_text(
        f'#!/bin/sh\ncase "$*" in *config*dump|*config*default) exec {on_path}/containerd "$@" ;; esac\n'
        "exec sleep 1234567\n",
        encoding="utf-8",
    )
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return binary


def sleepers():
    """
    Return the processes of the binary that hangs.
    """
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if command.read_bytes() == b"sleep\x001234567\x00":
                found.append(command.parent.name)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def test_a_binary_that_hangs_is_ended_at_the_time_limit(trial, hanging):
    before = sleepers()
    started = time.monotonic()
    answer = trial({}, timeout=1)
    assert answer["ok"] is False
    assert re.search("no socket .*, within the time limit", answer["reason"])
    assert time.monotonic() - started < 10
    assert sleepers() == before


PROGRAM = """
import sys
sys.path[:0] = sys.argv[1:3]
from support import salt_functions
salt_functions()["containerd.trial_start"](sys.argv[3], 600)
"""


def test_nothing_is_left_when_salt_is_killed_in_the_middle(hanging, salt_functions, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(salt_functions["containerd_daemon.config_default"](), encoding="utf-8")
    before = set(sleepers())
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(ROOT / "test"), str(ROOT / "_utils"), str(config)]
    )
    started = wait.until(lambda: set(sleepers()) - before, 30, "the trial")
    program.send_signal(signal.SIGKILL)
    program.wait()
    wait.until(lambda: not started & set(sleepers()), 10, "the end of the trial")
    assert not started & set(sleepers())


def test_without_a_sandbox_the_trial_is_left_out_and_says_so(trial, monkeypatch, tmp_path):
    bwrap = tmp_path / "bwrap"
    bwrap.write_text("#!/bin/sh\necho 'bwrap: Creating new namespace failed' >&2\nexit 1\n")
    bwrap.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    answer = trial({})
    assert answer["ok"] is None
    assert answer["reason"] == "no sandbox can be made here: bwrap: Creating new namespace failed"
