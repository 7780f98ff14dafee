"""
The formula in releases of its own making: what a minion has of the old one must not be used with the new one.
"""

import shutil

from support import FORMULA

# What each release of Root brings: a file of the library, a mark in another one, in a module and in a state.
MARKS = {
    "_utils/containerd_formula/new_{n}.py": ("", "MARK = 'library {n}'\n"),
    "_utils/containerd_formula/toml.py": (
        "import sys\n",
        "import sys\n\nfrom containerd_formula.new_{n} import MARK\n",
    ),
    "_modules/containerd_salt.py": (
        "def library():",
        "def mark():\n    return toml.MARK + ', module {n}'\n\n\ndef library():",
    ),
    "_states/containerd_salt.py": (
        "is installed.",
        "is installed, {{__salt__['containerd_salt.mark']()}}, state {n}.",
    ),
    "_modules/containerd.py": ('RELEASE = "', 'RELEASE = "{n}.'),
    "_utils/containerd_formula/release.py": ('RELEASE = "', 'RELEASE = "{n}.'),
    "containerd/map.jinja": ('release = "', 'release = "{n}.'),
    "containerd/salt/sync.jinja": ('release = "', 'release = "{n}.'),
}


class Root:
    """
    A file root of the master, with the formula in a release of its own.
    """

    def __init__(self, folder, source):
        self.folder, self.source, self.number = folder, source, 0
        self._copy()

    def upgrade(self):
        """
        Bring another release; return what the state of the library says where all of it is of that.
        """
        self.number += 1
        self._copy()
        for name, (old, new) in MARKS.items():
            path = self.folder / name.format(n=self.number)
            text = path.read_text(encoding="utf-8") if old else ""
            assert old in text
            path.write_text(text.replace(old, new.format(n=self.number), 1), encoding="utf-8")
        return f"is installed, library {self.number}, module {self.number}, state {self.number}."

    def _copy(self):
        without = shutil.ignore_patterns("__pycache__")
        for name in FORMULA:
            shutil.copytree(self.source / name, self.folder / name, ignore=without, dirs_exist_ok=True)
