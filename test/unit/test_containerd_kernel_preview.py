"""
What a preview says of modules and sysctls that there are not: by a real modinfo and a real kernel's modules.
"""

import os
import subprocess
from pathlib import Path

import pytest
from lab.kernel import kernel as kernel_of
from salt.exceptions import CommandExecutionError
from support import load

DEFAULT = ["overlay", "br_netfilter"]


@pytest.fixture
def states(kernel):
    """
    The states on a node of Debian's kernel that has loaded nothing yet.
    """
    [tree] = (kernel_of("bookworm") / "lib/modules").iterdir()
    folder = Path(kernel.LIB_MODULES) / os.uname().release
    folder.symlink_to(tree)
    for path, value in {"net/ipv4/ip_forward": "0", "net/core/somaxconn": "4096"}.items():
        file = Path(kernel.PROC) / "sys" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{value}\n", encoding="utf-8")

    def run(program, *arguments):
        # Else it would look for the modules of the kernel that runs.
        base = ["-b", tree.parents[2], "-k", tree.name]
        done = subprocess.run([program, *base, *arguments], capture_output=True, text=True, check=False)
        return {"retcode": done.returncode, "stdout": done.stdout, "stderr": done.stderr}

    kernel.__salt__ = {"containerd_command.run": run}
    module = load("_states/containerd_kernel.py")
    module.folder = folder
    module.__opts__ = {"test": True}
    module.__salt__ = {f"containerd_kernel.{n}": f for n, f in vars(kernel).items() if callable(f)}
    return module


def test_modules_that_the_kernel_has_would_be_loaded(states):
    # One of them by an alias, as modprobe takes it.
    ret = states.modules_loaded("x", [*DEFAULT, "br-netfilter", "fs-overlay"])
    assert ret["result"] is None
    assert list(ret["changes"]) == [*DEFAULT, "br-netfilter", "fs-overlay"]
    assert "asked" not in ret["comment"]


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("br_netfiltr", "did you mean br_netfilter?"),
        ("br-netfiltr", "did you mean br_netfilter?"),
        ("zzzzzzzz", "install the package of this kernel that has it, or leave it out."),
    ],
)
def test_a_module_that_is_nowhere_fails_the_preview(states, module, words):
    ret = states.modules_loaded("x", ["overlay", module])
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"] == (
        f"kernel module {module} is neither in this kernel nor in {states.folder}: {words}"
    )


@pytest.mark.parametrize("missing", ["folder", "modinfo"])
def test_where_nobody_can_be_asked_the_preview_says_so(states, kernel, missing):
    if missing == "folder":
        states.folder.unlink()
    else:

        def refuse(*_):
            raise CommandExecutionError("modinfo is not installed, or not executable (not in PATH).")

        kernel.__salt__["containerd_command.run"] = refuse
    ret = states.modules_loaded("x", ["br_netfiltr"])
    assert (ret["result"], list(ret["changes"])) == (None, ["br_netfiltr"])
    assert "It is unknown whether these modules exist: " in ret["comment"]
    assert ("modinfo is not installed" in ret["comment"]) is (missing == "modinfo")
    assert not ret["comment"].endswith("..")


@pytest.mark.parametrize("test", [True, False])
@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("net.ipv4.ip_forwrd", "did you mean net.ipv4.ip_forward?"),
        ("net/ipv4/ip_forwrd", "did you mean net/ipv4/ip_forward?"),
        ("net.bridgee.bridge-nf-call-iptables", "name its module there, or take it out."),
        ("net.netfilter.nf_conntrack_max", "name its module there, or take it out."),
    ],
)
def test_a_sysctl_that_no_module_brings_is_an_error_and_nothing_is_set(states, key, words, test):
    states.__opts__["test"] = test
    ret = states.sysctls_set("x", {"net.core.somaxconn": 1, key: 1}, DEFAULT)
    assert (ret["result"], ret["changes"]) == (False, {})
    assert ret["comment"].startswith(f"sysctl {key} does not exist in this kernel, and no module of ")
    assert ret["comment"].endswith(words)
    assert states.__salt__["containerd_kernel.sysctl_get"]("net.core.somaxconn") == "4096"


@pytest.mark.parametrize(
    ("key", "modules"),
    [
        ("net.bridge.bridge-nf-call-iptables", DEFAULT),
        ("net/bridge/bridge-nf-call-iptables", ["br-netfilter"]),
        ("net.netfilter.nf_conntrack_max", ["nf_conntrack"]),
        # It loads nf_conntrack.
        ("net.netfilter.nf_conntrack_max", ["ip_vs"]),
        # Nobody knows what that brings.
        ("net.something.new", ["strange_driver"]),
    ],
)
def test_a_sysctl_that_a_module_may_bring_is_foretold(states, key, modules):
    ret = states.sysctls_set("x", {"net.core.somaxconn": 1, key: 1}, modules)
    assert (ret["result"], list(ret["changes"])) == (None, ["net.core.somaxconn"])
    assert f"{key} will exist once the kernel modules are loaded." in ret["comment"]


def test_a_module_that_is_loaded_brings_nothing_more(states, kernel):
    (Path(kernel.SYS) / "module/br_netfilter").mkdir(parents=True)
    ret = states.sysctls_set("x", {"net.bridge.nope": 1}, DEFAULT)
    assert ret["result"] is False
