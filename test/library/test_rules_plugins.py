"""
Plugins that are disabled, required or reached by a socket, each rule by a case and by its negative twin.
"""

import pytest
from library.rules_documents import ALL, NEW, cases, prove

DISABLED, REQUIRED = "disabled_plugins", "required_plugins"
CRI = "io.containerd.grpc.v1.cri"
SNAPSHOTTER = "io.containerd.snapshotter.v1"

CASES = [
    *cases(ALL, (DISABLED, ["cri"]), f"write {CRI}", []),
    *cases(ALL, (DISABLED, [CRI]), "no pod runs", (DISABLED, ["io.containerd.internal.v1.opt"])),
    *cases(NEW, (DISABLED, ["io.containerd.cri.v1.images"]), "no pod runs", []),
    *cases(NEW, (DISABLED, ["io.containerd.cri.v1.runtime"]), "no pod runs", []),
    *cases(
        ALL,
        (DISABLED, [f"{SNAPSHOTTER}.nativ"]),
        f"write {SNAPSHOTTER}.native",
        (DISABLED, ["io.example.v1.other"]),
        level="warning",
    ),
    *cases(ALL, (REQUIRED, ["cri"]), f"write {CRI}", (REQUIRED, [CRI, "io.containerd.grpc.v1.tasks"])),
    *cases(ALL, (REQUIRED, ["io.containerd.grpc.v1.crii"]), f"write {CRI}", (REQUIRED, [])),
    *cases(
        ALL,
        (REQUIRED, [f"{SNAPSHOTTER}.stargz"]),
        "unknown",
        [(REQUIRED, [f"{SNAPSHOTTER}.stargz"]), ("proxy_plugins.stargz.type", "snapshot")],
    ),
    *cases(
        ALL,
        (REQUIRED, [f"{SNAPSHOTTER}.native"]),
        "one of the two",
        [],
        also=(DISABLED, [f"{SNAPSHOTTER}.native"]),
    ),
    *cases(
        ALL,
        ("proxy_plugins.x.address", "/s"),
        "no type",
        ("proxy_plugins.x.type", "diff"),
        key="proxy_plugins.x",
    ),
]


@pytest.mark.parametrize("case", CASES)
def test_rule(case):
    prove(*case)
