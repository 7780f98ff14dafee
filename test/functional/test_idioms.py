"""
Salt's own idioms with the formula's IDs, as docs/states.md has them, on a minion that never saw the formula.

By salt-call: the loaders of the other tests find the modules without a sync.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support import ROOT

PAGE = (ROOT / "docs/states.md").read_text(encoding="utf-8")
IDIOMS, DRAIN = (block.split("```", 1)[0] for block in PAGE.split("```yaml\n")[1:])
CHANGED = yaml.safe_load(DRAIN)["node is drained"]["cmd.run"][1]["prereq"]
CONFIG = "containerd configuration is managed"
PACKAGE = "containerd package is installed"
FILES = dict(zip((PACKAGE, *CHANGED), ("package", "config", "drop_in")))
# A service that tells when it is restarted: no systemd runs here.
SERVICE = """
def running(name, **kwargs):
    return {{"name": name, "result": True, "changes": {{}}, "comment": "it runs"}}


def mod_watch(name, sfun=None, **kwargs):
    with open({log!r}, "a") as log:
        log.write("restarted\\n")
    return {{"name": name, "result": True, "changes": {{name: True}}, "comment": "restarted"}}
"""

# With a systemd that has no service yet: no run may start something without one.
BOOTED = """
mount --make-rprivate / && mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system && exec "$@"
"""
SYSTEMCTL = """#!/bin/sh
case " $* " in
  *" --version "*) echo "systemd 257" ;;
  *" show "*) echo LoadState=not-found; echo ActiveState=inactive ;;
  *) exit 3 ;;
esac
"""


@pytest.fixture
def minion(tmp_path, file_root):
    """
    Return a function that applies an SLS of the site's by a minion with an empty cache.
    """
    site = tmp_path / "site"
    site.mkdir()
    config = {
        "id": "cold",
        "file_client": "local",
        "root_dir": str(tmp_path / "root"),
        "file_roots": {"base": [str(site), str(file_root)]},
        "states_dirs": [str(tmp_path / "states")],
    }
    (tmp_path / "minion").write_text(yaml.safe_dump(config), encoding="utf-8")

    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/systemctl").write_text(SYSTEMCTL, encoding="utf-8")
    (tmp_path / "bin/systemctl").chmod(0o755)
    path = os.pathsep.join([str(tmp_path / "bin"), os.environ["PATH"]])

    def apply(text, *options, pillar=None):
        (site / "site.sls").write_text(text, encoding="utf-8")
        argv = ["unshare", "--mount", "sh", "-c", BOOTED, "sh"]
        argv += [Path(sys.executable).with_name("salt-call"), f"--config-dir={tmp_path}", "--out=json"]
        argv += ["--log-level=quiet", "state.apply", "site", f"pillar={json.dumps(pillar or {})}", *options]
        env = {**os.environ, "PATH": path}
        done = subprocess.run(argv, capture_output=True, text=True, check=False, env=env)
        states = json.loads(done.stdout)["local"]
        assert isinstance(states, dict), states
        return {ret["__id__"]: ret for ret in states.values()}

    return apply


def test_the_first_preview_compiles_with_all_of_them(minion):
    watch = yaml.safe_dump({"site watch": {"test.nop": [{"watch": [{"containerd_toml": CONFIG}]}]}})
    extend = "extend:\n  containerd is ready:\n"
    assert extend in IDIOMS
    pillar = {"containerd": {"package": {"source": "distro"}}}
    upgrade = yaml.safe_dump({"before an upgrade": {"test.succeed_with_changes": [{"prereq": [PACKAGE]}]}})
    first = minion("\n".join([IDIOMS, DRAIN, watch, upgrade]), "test=True", pillar=pillar)
    assert {name: ret["comment"] for name, ret in first.items() if ret["result"] is False} == {}
    assert "a run would wait for it, up to 120 s" in first["containerd is ready"]["comment"]
    assert "containerd configuration is protected" not in first
    for name in ("site monitoring is told", "node is drained", "before an upgrade"):
        assert first[name]["result"] is None
    # Before anything that it is to come before.
    order = {name: ret["__run_num__"] for name, ret in first.items()}
    assert all(order["node is drained"] < order[name] for name in CHANGED)
    assert order["before an upgrade"] < order[PACKAGE]


def test_who_requires_the_service_waits_for_all(minion):
    wanted = {"site follows": {"test.nop": [{"require": [{"sls": "containerd.service"}]}]}}
    text = yaml.safe_dump({"include": ["containerd"], **wanted})
    ret = minion(text, "test=True", pillar={"containerd": {"nope": 1}})
    assert ret["containerd pillar is valid"]["result"] is False
    assert ret["site follows"]["result"] is False


def chain():
    """
    Return an SLS with the requisites that the formula has between these states, over files of a test.
    """
    config, drop_in = CHANGED
    states = {}
    for name, key in FILES.items():
        path, contents = f"{{{{ pillar.folder }}}}/{key}", f"{{{{ pillar.{key} }}}}"
        states[name] = {"file.managed": [{"name": path}, {"contents": contents}]}
    states[config]["file.managed"].append({"require": [PACKAGE]})
    states[drop_in]["file.managed"].append({"require": [PACKAGE]})
    service = [{"name": "containerd"}, {"watch": [config, drop_in]}]
    states["containerd service is running"] = {"service.running": service}
    return yaml.safe_dump(states, sort_keys=False)


def test_a_node_is_drained_before_the_write_and_not_in_a_converged_run(minion, tmp_path):
    log = tmp_path / "log"
    (tmp_path / "states").mkdir()
    (tmp_path / "states/service.py").write_text(SERVICE.format(log=str(log)), encoding="utf-8")
    drain = f"cat {tmp_path}/config >>{log} 2>&1; echo ' drained' >>{log}"
    text = chain() + DRAIN.replace("/usr/local/bin/drain-this-node", json.dumps(drain))
    pillar = {"folder": str(tmp_path), **dict.fromkeys(FILES.values(), "first")}
    told = []
    for change in ({}, {"config": "second"}, {}, {"drop_in": "second"}, {"package": "second"}):
        pillar.update(change)
        log.write_text("", encoding="utf-8")
        states = minion(text, pillar=pillar)
        assert all(ret["result"] is True for ret in states.values()), states
        told.append(" ".join(log.read_text(encoding="utf-8").split()[-3:]))
    assert told[0].endswith("drained restarted")
    assert told[1:] == ["first drained restarted", "", "second drained restarted", ""]
    pillar["config"] = "third"
    states = minion(text.replace(json.dumps(drain), "'false'"), pillar=pillar)
    assert states[CONFIG]["result"] is not True
    assert (tmp_path / "config").read_text(encoding="utf-8") == "second\n"
