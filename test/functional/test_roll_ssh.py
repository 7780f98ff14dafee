"""
A roll over a roster, as salt-ssh asks its nodes; no master runs. The tests run in this order.
"""

import pytest
from support.small_roster import small_roster

# make test-fleet runs it with the other Salts.
pytestmark = pytest.mark.once
NODES = ["n1", "n2", "n3"]


@pytest.fixture(scope="module")
def roster(salt_factories, tmp_path_factory):
    made = small_roster(salt_factories, tmp_path_factory.mktemp("roster"))
    made.names(*NODES)
    made.pillar("one")
    return made


def test_a_preview_changes_nothing_and_a_roll_all(roster):
    done, nodes, comment = roster.roll("test=True")
    assert (done.returncode, roster.texts()) == (0, {}), done
    assert "3 nodes: 0 already right, 3 to change in 2 waves" in done.stdout
    done, nodes, comment = roster.roll()
    assert (done.returncode, nodes) == (0, dict.fromkeys(NODES, "changed")), done
    assert roster.texts() == dict.fromkeys(NODES, "one")


def test_a_bad_node_ends_the_roll_and_the_next_one_goes_on(roster):
    roster.pillar("two", bad=["n1"])
    done, nodes, comment = roster.roll()
    failed = 'failed: containerd is ready: Command "/bin/false" run'
    assert nodes == {"n1": failed, "n2": "not tried", "n3": "not tried"}, done
    assert done.returncode == 1 and roster.texts() == {"n1": "two", "n2": "one", "n3": "one"}
    roster.pillar("two")
    done, nodes, comment = roster.roll()
    assert nodes == {"n1": "already right", "n2": "changed", "n3": "changed"}, done


def test_a_node_without_an_answer_is_named_with_what_ssh_says(roster):
    roster.names("n1", "dead1")
    done, nodes, comment = roster.roll()
    assert (done.returncode, comment) == (1, "no answer from dead1: nothing was changed"), done
    assert nodes["dead1"] == "failed: ssh: connect to host dead1 port 22: No route to host"
    done, nodes, comment = roster.roll("skip_deaf=True")
    assert (done.returncode, nodes["n1"]) == (1, "already right"), done


def test_a_roster_that_is_not_there_is_told(roster):
    (roster.folder / "roster").rename(roster.folder / "away")
    done, nodes, comment = roster.roll()
    (roster.folder / "away").rename(roster.folder / "roster")
    assert done.returncode == 1 and "Traceback" not in done.stdout + done.stderr
    assert comment.startswith("No node is meant by '*': the roster of salt-ssh names them")
