"""
A master and four minions on this machine, with states that change a file and fail where a test wants it.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import psutil

from support import ROOT
from support.kubectl import cluster

NODES = ["n1", "n2", "n3", "n4"]
# As the formula: its module tells whether a node is ready, its version and its state.
MODULE = """
import os

def _has(name):
    return os.path.exists(__opts__["root_dir"] + "/" + name)

def ready(timeout=0):
    return {"ready": not _has("broken"), "reason": "CRI does not answer" if _has("broken") else ""}

def version():
    return "1.7.24"

def status():
    drift, cri_ok = {"a": 1} if _has("drifted") else {}, not _has("broken")
    return {"installed": True, "version": "1.7.24", "schema": 2, "file_schema": 2, "drift": drift,
            "cri_ok": cri_ok, "cri_reason": "no socket", "restart_pending": False, "not_in_effect": {},
            "deprecated": [], "errors": []}
"""
SITE = """
containerd configuration is managed:
  file.managed:
    - name: {{ opts.root_dir }}/config
    - contents: {{ pillar.text }}

{%- if grains.id in pillar.slow and not opts.test %}
a node takes its time:
  cmd.run:
    - name: sleep {{ pillar.slow[grains.id] }}
    - require_in: [containerd is ready]
{%- endif %}

{%- if pillar.runc %}
containerd runtimes are installed:
  file.managed:
    - name: {{ opts.root_dir }}/runc
    - contents: {{ pillar.runc }}
{%- endif %}

containerd is ready:
{%- if grains.id in pillar.bad %}
  cmd.run:
    - name: /bin/false
{%- else %}
  test.nop:
{%- endif %}
    - require:
      - file: containerd configuration is managed
"""
# A site's own step: it notes its phase, and fails where it is told to.
HOOK = """
a load balancer is told:
  cmd.run:
    - name: echo {{ pillar.node }} {{ pillar.phase }} >>FOLDER/hooked; test ! -e FOLDER/no-{{ pillar.node }}
"""


def returned(text):
    """
    Return what a runner returned: what it told on the way stands before that.
    """
    at = f"\n{text}".find("\n{")
    return json.loads(text[at:]) if at >= 0 else {}


class Fleet:
    """
    A master with the runner, and its minions.
    """

    def __init__(self, master, folder):
        self.master, self.folder, self.minions = master, folder, {}

    def pillar(self, text, bad=(), slow=None, runc=""):
        content = json.dumps({"text": text, "bad": list(bad), "slow": slow or {}, "runc": runc})
        (self.folder / "pillar/site.sls").write_text(content, encoding="utf-8")

    def place(self, name, file="config"):
        return Path(self.minions[name].config["root_dir"]) / file

    def texts(self):
        places = {name: self.place(name) for name in NODES}
        return {name: path.read_text("utf-8").strip() for name, path in places.items() if path.exists()}

    def run(self, function, *arguments):
        """
        Return how a runner ended, and what it returned.
        """
        done = self.master.salt_run_cli(timeout=180).run(function, *arguments)
        return done, returned(done.stdout)

    def typed(self, *words):
        """
        Return how ``salt-run`` ended as a person types it: what it prints is for them.
        """
        cli = self.master.salt_run_cli(timeout=180)
        line = [word for word in cli.cmdline(*words) if not word.startswith("--out")]
        return subprocess.run(
            line, capture_output=True, text=True, check=False, env={**os.environ, **cli.environ}, timeout=180
        )

    def words(self, *arguments, target="n*"):
        return ["containerd.roll", target, "sls=site", "timeout=30", "batch=2", *arguments]

    def roll(self, *arguments, target="n*"):
        done, told = self.run(*self.words(*arguments, target=target))
        return done, told["nodes"], told["comment"]

    def kubernetes(self, **more):
        """
        Make a cluster of the nodes, and return the arguments that lead to it.
        """
        program, config = cluster(self.folder, *NODES, **more)
        return [f"kubectl={program}", f"kubeconfig={config}", "soak=0"]

    def cluster(self):
        return json.loads((self.folder / "cluster.json").read_text("utf-8"))

    def record(self):
        path = Path(self.master.config["cachedir"]) / "containerd-formula/rolls.jsonl"
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@contextlib.contextmanager
def small_fleet(salt_factories, folder, name):
    states = folder / "states"
    for part in ("_runners", "_utils"):
        shutil.copytree(ROOT / part, states / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "containerd/orchestrate", states / "containerd/orchestrate")
    (states / "_states").mkdir()
    shutil.copy(ROOT / "_states/containerd_fleet.py", states / "_states")
    (states / "_modules").mkdir()
    (states / "_modules/containerd.py").write_text(MODULE, encoding="utf-8")
    (states / "site.sls").write_text(SITE, encoding="utf-8")
    (states / "hook.sls").write_text(HOOK.replace("FOLDER", str(folder)), encoding="utf-8")
    (folder / "pillar").mkdir()
    (folder / "pillar/top.sls").write_text("base: {'*': [site]}\n", encoding="utf-8")
    config = {
        "file_roots": {"base": [str(states)]},
        "pillar_roots": {"base": [str(folder / "pillar")]},
        "fileserver_list_cache_time": 0,
        "timeout": 5,
        "gather_job_timeout": 5,
    }
    master = salt_factories.salt_master_daemon(name, defaults={"open_mode": True}, overrides=config)
    fleet = Fleet(master, folder)
    fleet.pillar("one")
    with contextlib.ExitStack() as stack:
        stack.enter_context(master.started())
        for node in NODES:
            fleet.minions[node] = master.salt_minion_daemon(node)
            stack.enter_context(fleet.minions[node].started())
        assert master.salt_run_cli(timeout=180).run("saltutil.sync_all").returncode == 0
        assert master.salt_cli(timeout=180).run("saltutil.sync_all", minion_tgt="*").returncode == 0
        yield fleet


def _processes(minion):
    return [minion.pid, *(child.pid for child in psutil.Process(minion.pid).children(recursive=True))]


@contextlib.contextmanager
def deaf(minion):
    """
    Keep a minion from answering: it is stopped, its connection lives.
    """
    processes = _processes(minion)
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
