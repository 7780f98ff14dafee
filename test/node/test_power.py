"""
It never breaks a node: power that is cut at any moment. A virtual machine, of the first Salt release.
"""

import os
import threading

import pytest
from support.interruptions import SEED, converges, moment
from support.nodes import SALTS, virtual_machine
from support.site import settings

KIND = virtual_machine
pytestmark = pytest.mark.parametrize("node", SALTS[:1], indirect=True)

# Small here: make test-reliability has the full count.
POWER_CUTS = int(os.environ.get("POWER_CUTS", "1"))


@pytest.mark.parametrize("number", range(POWER_CUTS))
def test_a_power_cut_at_any_moment(site, two_texts, duration, number):
    """
    The pod ends with the power; it is not asked for any more.
    """
    site.converge(config={"oom_score": -500})
    pid = site.node.daemon_pid()
    site.node.pillar(settings({"oom_score": -400}))
    site.node.run(["sync"])
    site.node.begin()
    threading.Event().wait(duration / 3 + moment(number, POWER_CUTS, duration * 2 / 3))
    site.progress(f"power cut {number} of seed {SEED}; restarted before it: {site.node.daemon_pid() != pid}")
    site.node.machine.power_cut()
    site.pod = None
    assert site.ready()
    converges(site, two_texts)
