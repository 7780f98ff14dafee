"""
The logic of containerd-formula: plain data and text in and out, no Salt, no process, no file of the node.

Its floors, each using only those below it, are in docs/architecture.md, and a test holds them.
"""

import os
import sys


def _times():
    folder = os.path.dirname(os.path.abspath(__file__))
    files = [os.path.join(place, name) for place, _, names in os.walk(folder) for name in names]
    return {path: os.stat(path).st_mtime_ns for path in files if path.endswith(".py")}


_IMPORTED = _times()


def renew():
    """Forget what was imported where the files are others now: a minion outlives an upgrade."""
    if _times() != _IMPORTED:
        for name in [name for name in sys.modules if name.partition(".")[0] == __name__]:
            del sys.modules[name]
