"""
``make stamp``: write what minions compare, to know whether their modules are of this commit.

The stamp is the release and a hash of modules, states and library. A minion that follows a branch gets new
ones in the run that brings new SLS, even where the release number stayed.
"""

import hashlib
import re

from support import ROOT

LINE = re.compile(r'^((?:RELEASE|\{%- set release) = )"([^"]*)"', re.MULTILINE)
# What minions sync.
FOLDERS = ("_modules", "_states", "_utils")
PLACES = (
    "_modules/containerd.py",
    "_utils/containerd_formula/release.py",
    "containerd/salt/sync.jinja",
    "containerd/map.jinja",
)


def stamp():
    """
    Return the stamp that the files should have.
    """
    digest = hashlib.sha256()
    for path in sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")):
        digest.update(str(path.relative_to(ROOT)).encode())
        # Without the stamp itself.
        digest.update(LINE.sub(r"\1", path.read_text(encoding="utf-8")).encode())
    release = re.search(r"^version: (\S+)", (ROOT / "FORMULA").read_text(encoding="utf-8"), re.MULTILINE)[1]
    return f"{release}+{digest.hexdigest()[:8]}"


def stamps():
    """
    Return the stamps that the files have.
    """
    return [LINE.search((ROOT / place).read_text(encoding="utf-8"))[2] for place in PLACES]


if __name__ == "__main__":
    for place in (ROOT / place for place in PLACES):
        place.write_text(LINE.sub(rf'\g<1>"{stamp()}"', place.read_text(encoding="utf-8")), encoding="utf-8")
    print(stamp())
