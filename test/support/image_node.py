"""
The state of images on a node whose daemon, of each release, has folders of its own.
"""

import hashlib
import os
import sys

from support import load, salt_functions

APP = "example.org/app:1"


class Node:
    """
    The state of images on a node whose daemon has folders of its own.
    """

    def __init__(self, daemon, folder, monkeypatch):
        self.daemon, self.folder = daemon, folder
        self.functions = salt_functions()
        self.started = []
        for name, module in sys.modules.items():
            if name.startswith("formula._modules."):
                monkeypatch.setattr(module, "__opts__", {"root_dir": str(folder / "root"), "test": False})
        self.use(daemon)
        self.state = load("_states/containerd_images.py")
        self.state.__salt__ = self.functions
        run = self.functions["containerd_command.run"]

        def counted(*argv, **options):
            self.started.append(" ".join(argv))
            return run(*argv, **options)

        self.functions["containerd_command.run"] = counted
        monkeypatch.setenv("PATH", str(daemon.binaries), prepend=os.pathsep)

    def use(self, daemon):
        self.daemon = daemon
        sys.modules["formula._modules.containerd_daemon"]._socket = lambda: daemon.socket

    def entry(self, data, name=APP, **more):
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.folder / f"{sha256}.tar"
        path.write_bytes(data)
        return {"name": name, "archive": f"file://{path}", "sha256": sha256, **more}

    def apply(self, *entries, test=False, **more):
        self.started.clear()
        self.state.__opts__ = {"test": test}
        return self.state.imported("images", list(entries), **more)

    def rows(self):
        return self.functions["containerd_images_there.rows"]()

    def whole(self, *names):
        return self.functions["containerd_images_there.whole"](names)
