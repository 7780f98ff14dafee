"""
A roster with nodes that are folders of this machine: a stand-in for ssh runs there what it is told.
"""

import json
import os
import shutil
import stat
import sys
from pathlib import Path

from support import ROOT
from support.small_fleet import MODULE, SITE, returned

# It is called as ssh is; to a node whose name begins with "dead" there is no route.
SSH = """#!/bin/sh
for last; do :; done
case "$*" in
  *-V*) echo OpenSSH_9 >&2; exit 0 ;;
  dead* | *\\ dead*) echo "ssh: connect to host dead1 port 22: No route to host" >&2; exit 255 ;;
esac
exec env -i HOME=/root PATH=PYTHON:/usr/sbin:/usr/bin:/sbin:/bin /bin/sh -c "$last"
"""
SCP = """#!/bin/sh
for last; do from=$to; to=$last; done
exec cp "$from" "${to##*:}"
"""


class Roster:
    """
    A master that does not run, and its roster.
    """

    def __init__(self, master, folder):
        self.master, self.folder = master, folder
        self.environment = {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}

    def names(self, *names):
        options = {"enable_fqdns_grains": False, "enable_gpu_grains": False}
        roster = {
            name: {
                "host": name,
                "user": "root",
                "thin_dir": str(self.node(name) / "thin"),
                "minion_opts": {"root_dir": str(self.node(name)), **options},
            }
            for name in names
        }
        (self.folder / "roster").write_text(json.dumps(roster), encoding="utf-8")

    def node(self, name):
        folder = self.folder / "nodes" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def pillar(self, text, bad=()):
        content = json.dumps({"text": text, "bad": list(bad), "slow": {}, "runc": ""})
        (self.folder / "pillar/site.sls").write_text(content, encoding="utf-8")

    def texts(self):
        return {
            path.parent.name: path.read_text("utf-8").strip()
            for path in sorted(self.folder.glob("nodes/*/config"))
        }

    def roll(self, *arguments):
        cli = self.master.salt_run_cli(timeout=300, environ=self.environment)
        words = ["sls=site", "ssh=True", f"roster_file={self.folder / 'roster'}", "batch=2", "timeout=1"]
        done = cli.run("containerd.roll", "*", *words, *arguments)
        told = returned(done.stdout)
        return done, told.get("nodes"), told.get("comment")


def small_roster(salt_factories, folder):
    states, programs = folder / "states", folder / "bin"
    for part in ("_runners", "_utils"):
        shutil.copytree(ROOT / part, states / part, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (states / "_modules", folder / "pillar", programs):
        path.mkdir()
    # salt-ssh gives a node another root_dir, beside its own files.
    own = f"os.path.join({str(folder / 'nodes')!r}, __opts__['id'], name)"
    module = MODULE.replace('__opts__["root_dir"] + "/" + name', own)
    (states / "_modules/containerd.py").write_text(module, encoding="utf-8")
    site = SITE.replace("{{ opts.root_dir }}/config", f"{folder}/nodes/{{{{ grains.id }}}}/config")
    (states / "site.sls").write_text(site, encoding="utf-8")
    (folder / "pillar/top.sls").write_text("base: {'*': [site]}\n", encoding="utf-8")
    for name, text in {"ssh": SSH, "scp": SCP}.items():
        program = programs / name
        program.write_text(
            text.replace("FOLDER", str(folder)).replace("PYTHON", str(Path(sys.executable).parent)), "utf-8"
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    config = {
        "file_roots": {"base": [str(states)]},
        "pillar_roots": {"base": [str(folder / "pillar")]},
        "fileserver_list_cache_time": 0,
        "ssh_timeout": 1,
    }
    roster = Roster(salt_factories.salt_master_daemon("roster-master", overrides=config), folder)
    assert roster.master.salt_run_cli(timeout=180).run("saltutil.sync_all").returncode == 0
    return roster
