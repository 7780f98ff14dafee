"""
A masterless minion without the formula's modules, a process for each call.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml


class Minion:
    """
    A masterless minion with file roots, on a Debian 12, whatever this machine is.
    """

    def __init__(self, folder, file_roots, **options):
        self.folder, self.pillars = folder, folder / "pillar"
        self.pillars.mkdir()
        self.extmods = folder / "extmods"
        config = {
            "id": "masterless",
            "root_dir": str(folder / "root"),
            "extension_modules": str(self.extmods),
            "file_client": "local",
            "file_roots": {saltenv: [str(root) for root in roots] for saltenv, roots in file_roots.items()},
            "pillar_roots": {"base": [str(self.pillars)]},
            # A file that came since the last listing would be seen 20 seconds later.
            "fileserver_list_cache_time": 0,
            "enable_fqdns_grains": False,
            "grains": {"os": "Debian", "os_family": "Debian", "osfinger": "Debian-12", "cpuarch": "x86_64"},
            **options,
        }
        (folder / "minion").write_text(yaml.safe_dump(config), encoding="utf-8")
        (self.pillars / "top.sls").write_text("base: {'*': [containerd]}\n", encoding="utf-8")
        # An image build: where the tests run, there may be no systemd.
        self.pillar({"package": {"source": "distro"}, "service": {"manage": False}})

    def pillar(self, settings):
        text = yaml.safe_dump({"containerd": settings})
        (self.pillars / "containerd.sls").write_text(text, encoding="utf-8")

    def call(self, function, *arguments):
        salt_call = Path(sys.executable).with_name("salt-call")
        command = [salt_call, "--config-dir", self.folder, "--out=json", "--log-level=quiet", function]
        environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
        done = subprocess.run(
            [*command, *arguments], capture_output=True, text=True, check=False, env=environment
        )
        try:
            return json.loads(done.stdout)["local"]
        except ValueError:
            raise AssertionError(done.stdout + done.stderr) from None

    def apply(self, *arguments):
        states = self.call("state.apply", *arguments)
        assert isinstance(states, dict), states
        return {ret["__id__"]: ret for ret in states.values()}
