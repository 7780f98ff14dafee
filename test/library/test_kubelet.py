"""
What a kubelet was told, and whether containerd is told the same.
"""

import pytest
from containerd_formula import kubelet as library
from containerd_formula.kubelet import (
    Kubelet,
    driver_differs,
    endpoint_differs,
    flags,
    kubelet,
    takes_driver_over,
)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {}),
        (["--a=b", "--c", "d", "--e"], {"a": "b", "c": "d", "e": "true"}),
        (["--cgroup_driver=systemd", "--v=2", "-v=3"], {"cgroup-driver": "systemd", "v": "3"}),
        (["word", "--a", "b", "c"], {"a": "b"}),
    ],
)
def test_flags(words, expected):
    assert flags(words) == expected


def test_nothing_is_known_without_a_file_and_a_flag():
    assert kubelet(None, []) is None
    assert kubelet({}, []) == Kubelet(said=f"cgroupDriver in {library.CONFIG}")


def test_a_flag_wins_over_the_file():
    """
    And kubelet's own default is cgroupfs: a file without the key, of a kubeadm before 1.22, says that.
    """
    told = {"cgroupDriver": "systemd", "containerRuntimeEndpoint": "unix:///a.sock", "failSwapOn": False}
    assert kubelet(told, [])[:4] == ("systemd", "/a.sock", False, 10250)
    words = ["--cgroup-driver=cgroupfs", "--container-runtime-endpoint=/b.sock", "--port", "10260"]
    one = kubelet(told, words)
    assert one[:4] == ("cgroupfs", "/b.sock", False, 10260)
    assert one.said == "its flag --cgroup-driver"
    assert kubelet(None, ["--v=2"]).driver == "cgroupfs"
    assert kubelet({"cgroupDriver": 5, "port": "x", "featureGates": []}, [])[:4] == (
        "cgroupfs",
        "",
        True,
        10250,
    )


@pytest.mark.parametrize(
    ("endpoint", "path"),
    [
        ("unix:///run/containerd/containerd.sock", "/run/containerd/containerd.sock"),
        ("/var/run/containerd/containerd.sock", "/run/containerd/containerd.sock"),
        ("unix:///var/run/a.sock", "/run/a.sock"),
        ("/srv/a.sock", "/srv/a.sock"),
    ],
)
def test_one_socket_by_several_names(endpoint, path):
    assert library.socket(endpoint) == path
    one = kubelet({"containerRuntimeEndpoint": endpoint}, [])
    assert endpoint_differs(one, path) == ""
    assert f"at {path}, and it listens at /other: write {path}" in endpoint_differs(one, "/other")
    # One that was not told looks where its release looks.
    assert endpoint_differs(Kubelet(), "/other") == ""


@pytest.mark.parametrize(
    ("gates", "release", "containerd", "expected"),
    [
        ("", "1.31.0", "2.0.0", True),
        ("", "1.30.9", "2.1.9", False),
        ("", "1.34.1", "1.7.24", False),
        ("", "", "2.1.9", False),
        ("", "1.34.1", None, False),
        ("A=true,KubeletCgroupDriverFromCRI=true", "1.28.0", "2.0.0", True),
        ("KubeletCgroupDriverFromCRI=true", "1.27.0", "2.0.0", False),
        ("KubeletCgroupDriverFromCRI=false", "1.31.0", "2.0.0", False),
    ],
)
def test_newer_kubelets_take_the_driver_of_newer_containerds_over(gates, release, containerd, expected):
    one = kubelet({}, [f"--feature-gates={gates}"])
    assert takes_driver_over(one, release, containerd) is expected
    told = dict(gate.split("=") for gate in gates.split(",") if gate)
    one = kubelet({"featureGates": {name: value == "true" for name, value in told.items()}}, [])
    assert takes_driver_over(one, release, containerd) is expected


def test_the_sentence_names_both_and_the_cure():
    one = kubelet({"cgroupDriver": "cgroupfs"}, [])
    assert driver_differs(one, "cgroupfs") == ""
    assert driver_differs(one, "systemd") == (
        "kubelet has the cgroup driver cgroupfs (cgroupDriver in /var/lib/kubelet/config.yaml) and "
        "containerd systemd, so no pod can start: write false, or change kubelet first"
    )
    assert "write true" in driver_differs(one._replace(driver="systemd"), "cgroupfs")
    assert (library.driver(True), library.driver(False), library.driver(None)) == (
        "systemd",
        "cgroupfs",
        "cgroupfs",
    )
