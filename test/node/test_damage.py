"""
It never breaks a node: a damaged file, a full disk, a binary that is none, and an image that is built on it.

One node, of the last Salt release. A pod runs from the first test to the last.
"""

import os

import pytest
from support.faults import cri
from support.nodes import SALTS
from support.site import (
    CONFIG,
    MANAGED,
    RESTARTED,
    SETTINGS,
    settings,
)

pytestmark = [
    pytest.mark.parametrize("node", SALTS[-1:], indirect=True),
    pytest.mark.usefixtures("the_container_survives"),
]


# --- the file on the disk


def damaged(site, script):
    site.converge()
    right = site.text()
    site.node.run(script)
    return right


@pytest.mark.parametrize(
    "script",
    [f"echo 'version = = 2' >{CONFIG}", f": >{CONFIG}", f"sed -i 's/oom_score = 0/oom_score = 7/' {CONFIG}"],
    ids=["no TOML", "empty", "edited by hand"],
)
def test_what_somebody_did_to_the_file_is_reported_and_put_right(site, script):
    right = damaged(site, script)
    ret = site.apply()
    assert ret.failed == {}
    assert ret.changed[MANAGED]
    assert site.text() == right
    assert site.ready()
    assert site.node.apply().changed == {}


def test_a_directory_in_its_place_is_an_error_with_its_cure(site):
    damaged(site, f"mv {CONFIG} /root/kept; mkdir {CONFIG}")
    pid = site.node.daemon_pid()
    ret = site.apply()
    assert (ret.retcode, ret.changed) == (2, {})
    assert "is not a regular file, and stays as it is: remove it." in ret[MANAGED]["comment"]
    assert site.node.daemon_pid() == pid
    site.node.run(f"rmdir {CONFIG}; mv /root/kept {CONFIG}")


def test_a_link_stays_a_link(site):
    damaged(site, f"mv {CONFIG} /etc/site.toml; ln -s /etc/site.toml {CONFIG}")
    ret = site.apply({"oom_score": -1})
    assert ret.failed == {}
    assert site.node.run(["readlink", CONFIG]).stdout == "/etc/site.toml\n"
    assert "oom_score = -1" in site.node.machine.read("/etc/site.toml")
    site.node.run(f"mv /etc/site.toml {CONFIG}")


def test_owner_and_mode_are_put_right_without_a_restart(site):
    damaged(site, f"chown nobody {CONFIG}; chmod 0666 {CONFIG}")
    pid = site.node.daemon_pid()
    changes = {"user": {"old": "nobody", "new": "root"}, "mode": {"old": "0666", "new": "0644"}}
    for test in (True, False):
        assert site.apply(test=test).changed == {"containerd configuration is protected": changes}
    assert site.node.run(["stat", "-c", "%U %a", CONFIG]).stdout == "root 644\n"
    assert site.node.daemon_pid() == pid


@pytest.mark.parametrize(
    ("options", "words"),
    [("size=20k", "No space left on device"), ("size=1m,ro", "Read-only file system")],
    ids=["full", "read-only"],
)
def test_a_disk_that_takes_nothing(site, options, words):
    """
    The new file does not fit beside the old one.
    """
    site.converge()
    folder = os.path.dirname(CONFIG)
    site.node.run(
        f"cp -a {CONFIG} /root/kept; mount -t tmpfs -o size=20k,mode=755 tmpfs {folder};"
        f"mv /root/kept {CONFIG};"
        f"head -c 1m /dev/zero >{folder}/fill 2>/dev/null; mount -o remount,{options} {folder}"
    )
    before = site.identity()
    try:
        ret = site.apply({"oom_score": -2})
        assert (ret.retcode, ret.changed) == (2, {})
        assert words in ret[MANAGED]["comment"]
        assert "has not changed" in ret[MANAGED]["comment"]
        assert site.identity() == before
        assert site.node.run(["ls", "-A", folder]).stdout.split() == ["config.toml", "fill"]
    finally:
        site.node.run(["umount", folder])


# --- the binary


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("", "containerd is not installed, or not executable"),
        ("#!/bin/sh\necho rubbish", "containerd config default is"),
        ("#!/bin/sh\nexit 0", "printed nothing"),
        ("#!/bin/sh\nexec sleep 1000", "no answer within"),
        ("\x7fELF rubbish", "/usr/bin/containerd cannot be run: "),
    ],
    ids=["not executable", "rubbish", "silent", "hangs", "no program"],
)
def test_a_binary_that_is_none(site, script, words):
    site.converge()
    before = site.identity()
    binary = "/usr/bin/containerd"
    site.node.run(["mv", binary, "/root/kept"])
    try:
        site.node.machine.write(binary, script, mode=0o755 if script else 0o644)
        ret = site.apply({"oom_score": -3})
        assert (ret.retcode, ret.changed) == (2, {})
        assert words in ret[MANAGED]["comment"]
        assert "Traceback" not in ret.output
        assert site.identity() == before
    finally:
        site.node.run(["mv", "/root/kept", binary])


def test_a_binary_too_old_for_a_key(site):
    before = site.identity()
    ret = site.apply(cri(image_pull_progress_timeout="1m"))
    assert (ret.retcode, ret.changed) == (2, {})
    assert "image_pull_progress_timeout" in ret[MANAGED]["comment"]
    assert site.identity() == before


# --- the image of a node


def test_an_image_is_built_where_no_systemd_runs(site):
    """
    As in a chroot: without the /run of a booted systemd.
    """
    site.converge()
    site.node.run(["systemctl", "disable", "containerd"])
    before = site.node.daemon_pid()
    booted = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /run; exec "$@"', "sh"]
    site.node.pillar(settings({"oom_score": -7}, manage=False, limits={"LimitNOFILE": 65538}))
    ret = site.node.apply(within=booted)
    assert ret.failed == {}
    assert set(ret.changed) == {MANAGED, SETTINGS, "containerd service is enabled"}
    assert site.node.run(["systemctl", "is-enabled", "containerd"]).stdout == "enabled\n"
    assert site.node.daemon_pid() == before
    site.node.pillar(settings({"oom_score": -7}, limits={"LimitNOFILE": 65538}, ready_timeout=1))
    ret = site.node.apply("containerd.service", within=booted)
    assert "set containerd:service:manage to false" in ret["containerd can be started"]["comment"]
    site.node.run(["systemctl", "daemon-reload"])


def test_an_image_is_built_without_starting_anything(site):
    """
    service:manage: false, here on a machine that runs: neither daemon nor kernel are touched.
    """
    site.converge()
    site.node.run(["systemctl", "disable", "containerd"])
    site.node.run(["sysctl", "--write", "net.ipv4.ip_forward=0"])
    pid = site.node.daemon_pid()
    ret = site.apply({"oom_score": -6}, manage=False)
    assert set(ret.changed) == {MANAGED, "containerd service is enabled"}
    assert site.node.daemon_pid() == pid
    assert site.node.run(["sysctl", "--values", "net.ipv4.ip_forward"]).stdout == "0\n"
    assert site.node.run(["systemctl", "is-enabled", "containerd"]).stdout == "enabled\n"
    # The change that this left unseen is not lost.
    ret = site.apply({"oom_score": -6})
    assert RESTARTED in ret.changed
    assert site.node.daemon_pid() != pid
