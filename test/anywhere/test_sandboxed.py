"""
The sandbox of the trial start, on this kernel and with this bubblewrap: it comes up, and it holds.
"""

import pytest
from support.attacks import ATTACKS, MOUNTING, WRITING
from support.kitchen import in_kitchen

FOLDER = "/srv/attacked"
SCRIPT = "the script"
LIMIT = "/proc/sys/user/max_user_namespaces"


@pytest.fixture(scope="session")
def sandboxed(node):
    """
    A command line of the sandbox, whose script is to be put in.
    """
    node.run(f"mkdir -p {FOLDER} && echo our own >{FOLDER}/file && pidof -s containerd >{FOLDER}/victim")
    # salt-call would take a -c for its own.
    return node.salt("containerd_sandbox.command", "sh", SCRIPT)


def test_the_trial_start_is_made_in_a_locked_sandbox(node):
    assert node.salt("containerd.trial_start") == {"ok": True, "reason": "", "sandbox": "locked"}


def state(node):
    """
    Return what an attack would change.
    """
    return node.run(f"ls -lA {FOLDER}; cat {FOLDER}/file; grep ' / / ' /proc/self/mountinfo").stdout


@pytest.mark.parametrize("name", ATTACKS)
def test_no_attack_changes_this_node(node, sandboxed, name):
    before = state(node)
    script = f"{{ {ATTACKS[name].format(FOLDER)}; }} >&2\necho done: $(id -u) >&2"
    position = sandboxed.index(SCRIPT)
    done = node.run([*sandboxed[:position], "-c", script], check=False)
    assert done.stderr.startswith("containerd-formula: locked\n")
    assert done.stderr.endswith("done: 0\n")
    assert "BROKEN\n" not in done.stderr
    assert state(node) == before


def test_what_is_mounted_meanwhile_cannot_be_written(node, sandboxed):
    argv = [*sandboxed[: sandboxed.index(SCRIPT)], "-c", WRITING.format(FOLDER)]
    done = node.run(["sh", "-c", MOUNTING.format(FOLDER), "sh", *argv], check=False)
    assert f"{FOLDER}/later/new" in done.stderr
    assert done.stdout == ""


@pytest.mark.skipif(in_kitchen(), reason="a limit of the whole host, where the node is a container")
def test_without_user_namespaces_the_sandbox_is_weaker_and_says_so(node):
    limit = node.run(["cat", LIMIT]).stdout.strip()
    node.run(f"echo 0 >{LIMIT}")
    try:
        answer = node.salt("containerd.trial_start")
    finally:
        node.run(f"echo {limit} >{LIMIT}")
    assert answer["ok"] is True
    assert "unshare" in answer["sandbox"]
