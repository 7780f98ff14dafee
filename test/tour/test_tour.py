"""
docs/tour.md from its first command to its last, on containers: what it prints, and what a user would miss.

``make tour`` holds the page; ``TOUR=write`` writes outputs and times into it. The tests run in this order.
"""

import pytest
import yaml

V2 = "io.containerd.grpc.v1.cri"
PAUSE, IMAGE = "registry.k8s.io/pause:3.9", "docker.io/library/busybox:1"
TRIAL = "/opt/containerd-formula/runtimes/trial/trial"
LINE = ("plugins", V2, "max_container_log_line_size")


@pytest.fixture(autouse=True)
def no_container_dies(tour):
    yield
    assert tour.fleet.dead() == []


def went_well(said):
    assert [one.command for one in said if one.code] == []


def versions(fleet):
    return set(fleet.answers("containerd.version").values())


def test_the_master_has_formula_and_pillar(tour):
    said = tour.step("master")
    went_well(said)
    assert "runners.containerd" in said[0].text


def test_a_dry_run_on_all_three_changes_nothing(tour):
    before = tour.fleet.state()
    said = tour.step("look")
    went_well(said)
    assert tour.fleet.state() == before
    assert said[0].text.count("Failed:     0") == 3


def test_the_bare_node_is_ready_after_one_run(tour):
    went_well(tour.step("bare"))
    tour.fleet.settled("node1")
    assert tour.fleet.nodes["node1"].effective(*LINE) == 32768


def test_the_node_configured_by_hand_keeps_its_settings(tour):
    fleet, node = tour.fleet, tour.fleet.nodes["node2"]
    before = node.effective()
    said = tour.step("adopt")
    went_well(said)
    given = next(part for part in tour.steps["adopt"] if getattr(part, "path", "").endswith("node2.sls"))
    assert yaml.safe_load(given.text)["containerd"] == yaml.safe_load(said[1].text)["node2"]["containerd"]
    fleet.settled("node2")
    assert fleet.answers("containerd.drift", target="node2") == {"node2": {}}
    assert lost(before, node.effective()) == {}


def lost(before, after, path=()):
    """
    Return what a configuration in effect no longer says: path to what it said.
    """
    found = {}
    for key, value in before.items():
        if isinstance(value, dict):
            found.update(lost(value, after.get(key, {}), (*path, key)))
        elif after.get(key) != value:
            found[(*path, key)] = value
    return {path: value for path, value in found.items() if path != LINE}


def test_containers_that_run_live_on(tour):
    fleet, before = tour.fleet, tour.fleet.pids()
    assert len(fleet.pods) == 2
    went_well(tour.step("live"))
    assert fleet.pids()["node3"] != before["node3"], "the daemon was not restarted"
    assert fleet.dead() == []
    fleet.settled("node3")
    assert fleet.nodes["node3"].effective(*LINE) == 32768
    assert versions(fleet) == {"1.6.20"}


def test_images_come_by_the_mirror(tour, mirror):
    fleet = tour.fleet
    went_well(tour.step("mirror"))
    for name in fleet.nodes:
        mirror.news()
        fleet.pull(name, IMAGE)
        assert {one.status for one in mirror.news() if "/manifests/" in one.path} == {200}
        fleet.run_pod(name, IMAGE)
    fleet.settled()


def test_a_pod_runs_by_a_second_runtime(tour):
    fleet = tour.fleet
    went_well(tour.step("runtime"))
    for name, node in fleet.nodes.items():
        pod = fleet.run_pod(name, IMAGE, "trial")
        bundle = f"/run/containerd/io.containerd.runtime.v2.task/k8s.io/{pod.id}"
        assert node.machine.read(f"{bundle}/runtime") == TRIAL
    fleet.settled()


def test_an_upgrade_takes_one_run(tour):
    fleet = tour.fleet
    assert versions(fleet) == {"1.6.20"}
    went_well(tour.step("upgrade"))
    assert versions(fleet) == {"1.7.24"}
    for node in fleet.nodes.values():
        assert node.run(["apt-mark", "showhold"]).stdout == "containerd.io\n"
        assert node.run(["ctr", "version"]).stdout.count("1.7.24") >= 2
    fleet.settled()


def test_a_bad_change_is_refused_and_changes_nothing(tour):
    before = tour.fleet.state()
    preview, roll = tour.step("refused")[-2:]
    assert (preview.code, roll.code) == (1, 1)
    assert preview.text.count("max_container_log_line_sise") >= 3
    assert "nothing was changed" in roll.text
    assert tour.fleet.state() == before


def test_a_change_goes_node_by_node(tour):
    fleet = tour.fleet
    went_well(tour.step("roll"))
    for node in fleet.nodes.values():
        assert node.effective(*LINE) == 16384
    fleet.settled()


def test_the_fleet_is_one_table(tour):
    said = tour.step("table")
    went_well(said)
    assert [line.split()[:2] for line in said[0].text.splitlines()[1:4]] == [
        [name, "1.7.24"] for name in tour.fleet.nodes
    ]


def test_clean_leaves_a_node_bare(tour):
    fleet, node = tour.fleet, tour.fleet.nodes["node1"]
    fleet.end_pods("node1")
    went_well(tour.step("clean"))
    for path in ("/usr/bin/containerd", "/etc/containerd/config.toml", "/opt/containerd-formula"):
        assert node.run(["test", "-e", path], check=False).returncode == 1, path
    assert fleet.master.states("state.apply", "containerd.clean", target="node1")["node1"].changed == {}
    fleet.settled("node[23]")


def test_each_step_was_done_and_timed(tour):
    assert list(tour.seconds) == [name for name in tour.steps if name != "there"]
    tour.times()
