"""
A random moment of a run, and what must hold after it was interrupted there.
"""

import os
import random

SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 10**6)


def converges(site, texts):
    """
    Assert that the file is whole, and that the next run ends what was begun.
    """
    assert site.text() in texts
    ret = site.node.apply()
    assert ret.failed == {}, ret.failed
    assert site.node.apply().changed == {}
    report = site.node.salt("containerd.status")
    assert (report["not_in_effect"], report["restart_pending"], report["cri_ok"]) == ({}, False, True)
    return ret


def moment(number, count, duration):
    """
    Return a random moment of the part of a run that is this number's: together they cover all of it.
    """
    return duration * (number + random.Random(SEED + number).random()) / count
