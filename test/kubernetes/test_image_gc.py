"""
A full disk: kubelet removes images, and leaves the sandbox image that it was told.
"""

import shlex

from lab import wait
from lab.oci import busybox_image
from support.kubernetes import APP, PAUSE, pod, restarts

SPARE = "example.org/spare:1"
# kubelet looks for images each five minutes.
LIMIT = 900
CONFIG = "/var/lib/kubelet/config.yaml"
# Any disk is fuller than this.
FULL = "imageGCHighThresholdPercent: 2\nimageGCLowThresholdPercent: 1\nimageMinimumGCAge: 1s\n"
# kubelet of today asks containerd what is pinned; that of 1.20 does not know pins.
TOLD = f"KUBELET_EXTRA_ARGS=--pod-infra-container-image={PAUSE}\n"


def test_the_sandbox_image_stays(node, cluster, progress):
    progress("kubelet removes images: up to 6 minutes")
    node.import_image(busybox_image(SPARE, mark="spare"))
    node.machine.write("/etc/default/kubelet", TOLD)
    node.run(f"sed -i '/^image.*GC/d' {CONFIG} && printf %s {shlex.quote(FULL)} >> {CONFIG}")
    node.run(["systemctl", "restart", "kubelet"])
    wait.until(lambda: SPARE not in images(node), LIMIT, f"kubelet to remove {SPARE}", every=5)
    assert PAUSE in images(node)
    cluster.wait_ready("node-1")
    # Not in use, it went, too.
    node.import_image(busybox_image(APP, mark="app"))
    cluster.apply(pod("after-gc", "node-1"))
    assert restarts(cluster.wait_running("after-gc")) == [0]


def images(node):
    return node.run("ctr -n k8s.io images ls -q").stdout.split()
