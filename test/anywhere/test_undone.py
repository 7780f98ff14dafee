"""
The formula undone, and applied once more.
"""

FILES = (
    "/etc/containerd/config.toml",
    "/etc/modules-load.d/containerd.conf",
    "/etc/sysctl.d/99-kubernetes-cri.conf",
    "/etc/systemd/system/containerd.service.d/50-containerd-formula.conf",
    "/usr/bin/containerd",
)
DATA = "/var/lib/containerd/io.containerd.metadata.v1.bolt"


def test_clean_undoes_the_formula_and_leaves_the_data(node, host):
    preview = node.apply("containerd.clean", test=True)
    assert preview.failed == {}
    assert host.service("containerd").is_running
    clean = node.apply("containerd.clean")
    assert clean.failed == {}
    assert [path for path in FILES if host.file(path).exists] == []
    assert not host.service("containerd").is_running
    assert host.file(DATA).is_directory


def test_clean_has_nothing_to_do_the_second_time(node):
    assert node.apply("containerd.clean").changed == {}


def test_install_after_clean_ends_where_it_began(node):
    node.converges()
