"""
One pillar tree for a fleet: the node has what all get and what its name gets, and nothing of another node's.
"""

import yaml
from support import ROOT

MANAGED = "containerd configuration is managed"
V2 = "io.containerd.grpc.v1.cri"


def fragment(name):
    text = (ROOT / f"test/anywhere/pillar/{name}.sls").read_text(encoding="utf-8")
    return yaml.safe_load(text)["containerd"]["config"]


def for_some(name):
    text = (ROOT / f"test/anywhere/pillar/{name}.sls").read_text(encoding="utf-8")
    return yaml.safe_load(text)["containerd"]["config_for"]


def effective(node, key):
    [value] = [
        value["effective"]
        for path, value in node.salt("containerd_toml.explain").items()
        if path.endswith(key)
    ]
    return value


def test_the_node_has_its_own_overrides(node):
    own = fragment("own")
    assert node.effective("oom_score") == own["oom_score"]
    assert own["plugins"][V2]["sandbox_image"] in node.run(["containerd", "config", "dump"]).stdout


def test_the_node_has_those_of_the_fleet(node):
    fleet = fragment("fleet")["plugins"][V2]
    assert effective(node, ".max_container_log_line_size") == fleet["max_container_log_line_size"]
    dump = node.run(["containerd", "config", "dump"]).stdout
    assert fleet["sandbox_image"] not in dump


def test_the_node_has_none_of_another_node(node):
    other = fragment("other")["plugins"][V2]
    assert other["registry"]["config_path"] not in node.run(["containerd", "config", "dump"]).stdout
    assert node.effective("oom_score") != fragment("other")["oom_score"]


def test_what_is_for_some_releases_is_on_the_nodes_that_have_them(node):
    release = tuple(int(part) for part in node.salt("containerd.version").split(".")[:2])
    [(_, fleet)] = for_some("fleet").items()
    path = fleet["plugins"][V2]["registry"]["config_path"]
    assert (path in node.run(["containerd", "config", "dump"]).stdout) is (release >= (1, 5))
    told = node.apply()[MANAGED]["comment"]
    assert ("left out, since it is for >=1.5" in told) is (release < (1, 5))
