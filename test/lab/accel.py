"""Which accelerator guests run under: KVM where a guest really boots with it, else emulation."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Callable

from . import cache, host, kernel

# Emulated, a plain old model is as fast as "max" and, unlike it, the same with every version of qemu;
# rdrand spares the guest waiting for entropy.
OPTIONS = {
    "kvm": ("-accel", "kvm", "-cpu", "host"),
    "tcg": ("-accel", "tcg,thread=multi,tb-size=512", "-cpu", "Nehalem,+rdrand"),
}
PROBE_LIMIT = 8
PROBE_WORD = b"lab-guest-is-alive"


def choose(linux: Path, progress: Callable[[str], None] = print) -> str:
    """Return ``kvm`` or ``tcg`` (``LAB_ACCEL`` decides, else a probe, once for each boot of the host)."""
    forced = os.environ.get("LAB_ACCEL")
    if forced:
        if forced not in OPTIONS:
            raise host.LabError(f"LAB_ACCEL is {forced}, it can be {' or '.join(OPTIONS)}")
        return forced
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    with cache.locked("accelerator"):
        remembered = cache.folder() / "accelerator.json"
        known = json.loads(remembered.read_text()) if remembered.exists() else {}
        if known.get("boot_id") != boot_id:
            progress("probing KVM")
            known = {"boot_id": boot_id, "accelerator": "kvm" if _guest_boots(linux) else "tcg"}
            fresh = remembered.with_suffix(".new")
            fresh.write_text(json.dumps(known))
            fresh.replace(remembered)
    return known["accelerator"]


def _guest_boots(linux: Path) -> bool:
    """Tell whether a guest reaches its first process: /dev/kvm may open, and the guest still hang."""
    command = [
        host.QEMU,
        *OPTIONS["kvm"],
        "-m",
        "256",
        "-nodefaults",
        "-display",
        "none",
        "-no-reboot",
        "-serial",
        "stdio",
        "-kernel",
        str(linux),
        "-initrd",
        str(kernel.probe_initrd()),
        "-append",
        "console=ttyS0 panic=-1 quiet",
    ]
    try:
        said = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PROBE_LIMIT,
        ).stdout
    except subprocess.TimeoutExpired:
        return False
    return PROBE_WORD in said
