"""
The samples of output in README and docs: what Salt prints on a node with the real containerd.

``make samples`` writes them anew. systemd and the kernel's files are stand-ins (test/support/stand_in.py).
"""

import os
import re
import sys
from pathlib import Path

import pytest
import yaml
from lab import debian
from support import ROOT
from support.binaries import RELEASES, WANTED
from support.stand_in import StandIn

RELEASE = "2.1.9"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SAMPLE = re.compile(r"(<!-- sample: (\S+) -->\n```\w*\n)(.*?)(?=^```$)", re.MULTILINE | re.DOTALL)
# Given to the node: a file, or pillar.
GIVEN = re.compile(r"<!-- given: (\S+) -->\n```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
SAMPLES = {name: text for _, name, text in SAMPLE.findall(TEXT)}
GIVENS = dict(GIVEN.findall(TEXT))
# Another program has the port.
TAKEN = f"""ip link set lo up
{sys.executable} -c 'import socket, time; held = socket.create_server(("127.0.0.1", 1338)); time.sleep(999)' &
systemctl start containerd
"""
# It shows the states that change something or fail, and passes their result on.
APPLY = ("state.apply", "containerd", "--state-verbose=False", "--retcode-passthrough")

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(RELEASE not in WANTED, reason=f"the samples are of containerd {RELEASE}"),
]


@pytest.fixture
def node(tmp_path, file_root):
    """
    A node that the formula has never seen, whose containerd runs.
    """
    binaries = debian.unpacked("containerd", RELEASES[RELEASE]) / "usr/bin"
    return StandIn(tmp_path, binaries, RELEASE, file_root)


def shown(text, only=(), folder=""):
    """
    Return what a page shows: no times, the node's name; of the states only those with some words, if any.
    """
    text = re.sub(r"^ +(Started|Duration): .*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^Total run time: .*\n", "", text, flags=re.MULTILINE)
    if folder:
        # The minion of the test has its root_dir there.
        text = text.replace(f"{folder}/root/", "/")
    text = re.sub(r"[ ]+$", "", text, flags=re.MULTILINE)
    text = re.sub(r"^local:", "node1:", text).replace("Summary for local", "Summary for node1")
    if only:
        head, *states = text.split("----------\n          ID: ")
        last, end = states[-1].split("\nSummary for", 1)
        states = [f"----------\n          ID: {state}" for state in [*states[:-1], last]]
        kept = [state for state in states if any(word in state for word in only)]
        text = "".join([head, *kept, "\nSummary for", end])
    return text.strip() + "\n"


def hold(name, text):
    """
    Compare a sample with that of its page; with SAMPLES=write, write it there.
    """
    if os.environ.get("SAMPLES") != "write":
        # Each Salt has its own order of keys.
        assert sorted(SAMPLES[name].splitlines()) == sorted(text.splitlines()), f"{name}: see make samples"
        return
    for page in PAGES:
        old = page.read_text(encoding="utf-8")
        new = SAMPLE.sub(lambda one: one[1] + (text if one[2] == name else one[3]), old)
        if new != old:
            Path(page).write_text(new, encoding="utf-8")


def test_each_sample_is_held():
    source = Path(__file__).read_text(encoding="utf-8")
    assert set(SAMPLES) == set(re.findall(r'hold\("(\S+?)"', source))


def test_the_first_dry_run_and_what_a_node_says_of_itself(node):
    node.pillar(GIVENS["pause"])
    text, retcode = node.call(*APPLY, "test=True")
    assert retcode == 0
    hold("dry-run", shown(text, ["configuration is managed", "service is running"]))
    text, retcode = node.call(*APPLY)
    assert retcode == 0, text
    hold("status", shown(node.call("containerd.status", "--out=yaml")[0]))
    hold("explain", shown(node.call("containerd_toml.explain", "sandbox_image", "--out=yaml")[0]))


def test_a_typo_is_refused(node):
    node.pillar(GIVENS["typo"])
    before = node.files()
    text, retcode = node.call(*APPLY, "test=True")
    assert retcode == 2
    hold("refusal", shown(text, only=["is refused"]))
    assert node.files() == before


def test_a_change_with_which_the_daemon_does_not_start_is_rolled_back(node):
    assert node.call(*APPLY)[1] == 0
    before = node.read()
    node.pillar(GIVENS["rolled-back"])
    text, retcode = node.call(*APPLY, before=TAKEN)
    assert retcode == 2
    hold("roll-back", shown(text, ["ID: containerd service is running", "is rolled back"], node.folder))
    assert node.read() == before


def test_a_hand_made_file_comes_in_without_a_change(node):
    node.write(GIVENS["hand-made"])
    assert node.call("state.apply", "containerd.salt", "--retcode-passthrough")[1] == 0
    hold("plan-without", shown(node.call("containerd_toml.diff", "--out=yaml")[0]))
    text, _ = node.call("containerd_toml.minimal", "--out=yaml")
    hold("minimal", shown(text))
    answer = yaml.safe_load(text)["local"]
    node.pillar(yaml.safe_dump({"containerd": answer["containerd"]}))
    hold("plan", shown(node.call("containerd_toml.diff", "--out=yaml")[0]))
    text, retcode = node.call(*APPLY, "test=True")
    assert retcode == 0
    hold("plan-state", shown(text, only=["configuration is managed", "service is running"]))
    assert node.call(*APPLY)[1] == 0
    hold("drift", shown(node.call("containerd.drift", "--out=yaml")[0]))
    # And out again.
    node.write(GIVENS["hand-made"])
    assert "ready: true" in node.call("containerd.ready", "timeout=30", "--out=yaml")[0]


def test_the_node_cannot_write_to_this_machine(node):
    """
    It runs the formula for real, as root: what that removes or writes must be the copies.
    """
    outside = [
        Path(f"/{folder}/stand-in-{os.getpid()}") for folder in ("usr/local/bin", "opt", "etc", "root")
    ]
    for path in outside:
        node.call("cmd.run", f"touch {path}; true")
        assert not path.exists()
    assert (node.node / "etc" / outside[2].name).exists()
