"""
The nodes of the lab, as tests of several folders make them, and what they are given.
"""

import os
import subprocess
import sys

from lab import image
from lab.container import Container
from lab.machine import Machine

SUITE = os.environ.get("SUITE", "bookworm")
SALTS = os.environ.get("SALTS", image.DEFAULT_SALT).split()
TOMLKIT = "0.15.2"
SOCKET = "/run/containerd/containerd.sock"


def virtual_machine(suite, salt, name, progress):
    """
    A node with a kernel, modules and power of its own.
    """
    return Machine(image.build(suite, salt, progress=progress), name, progress=progress)


def container(suite, salt, name, progress):
    """
    A node for what asks for no kernel of its own: ``NODES=vm`` makes it a virtual machine all the same.
    """
    if os.environ.get("NODES") == "vm":
        return virtual_machine(suite, salt, name, progress)
    return Container(image.tree(suite, salt, progress=progress), name, progress=progress)


def tomlkit_wheel(folder):
    """
    Download tomlkit's wheel for Salt's file server to have; return its bytes and its name.
    """
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", f"--dest={folder}"]
    subprocess.run([*pip, "--only-binary=:all:", f"tomlkit=={TOMLKIT}"], check=True)
    name = f"tomlkit-{TOMLKIT}-py3-none-any.whl"
    return (folder / name).read_bytes(), name
