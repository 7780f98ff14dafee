"""
Kernel modules and sysctls over a /proc and /sys of the test's own.
"""

import os
from pathlib import Path

import pytest
from salt.exceptions import CommandExecutionError
from support import load


def write(path, text=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("module", "base", "file", "text"),
    [
        ("br_netfilter", "SYS", "module/br_netfilter/refcnt", "0"),
        ("br-netfilter", "SYS", "module/br_netfilter/refcnt", "0"),
        ("overlay", "PROC", "modules", "overlay 151552 0 - Live 0x0\n"),
        ("overlay", "PROC", "filesystems", "nodev\toverlay\n\text4\n"),
        ("br_netfilter", "PROC", "sys/net/bridge/bridge-nf-call-iptables", "1"),
        ("ip-vs", "LIB_MODULES", f"{os.uname().release}/modules.builtin", "kernel/net/ipvs/ip_vs.ko\n"),
    ],
)
def test_each_sign_of_a_module_counts(kernel, module, base, file, text):
    assert not kernel.module_loaded(module)
    write(Path(getattr(kernel, base)) / file, text)
    assert kernel.module_loaded(module)


def test_another_module_is_not_taken_for_it(kernel):
    write(Path(kernel.PROC) / "modules", "overlay2 1 0 - Live 0x0\nx 1 1 overlay, Live 0x0\n")
    write(Path(kernel.PROC) / "filesystems", "nodev\toverlayfs\n")
    assert not kernel.module_loaded("overlay")


def test_modprobe_is_believed_about_a_builtin_without_a_trace(kernel):
    calls = []
    kernel.__salt__ = {"containerd_command.run": lambda *argv, **_: calls.append(argv) or {"retcode": 0}}
    assert kernel.load_module("overlay")
    assert calls == [("modprobe", "--", "overlay")]


def test_a_module_that_cannot_be_loaded_is_named(kernel):
    failed = {"retcode": 1, "stdout": "", "stderr": "modprobe: FATAL: Module nope not found"}
    kernel.__salt__ = {"containerd_command.run": lambda *_, **__: failed}
    with pytest.raises(CommandExecutionError, match="nope cannot be loaded: modprobe: FATAL"):
        kernel.load_module("nope")
    # Its failure is not believed where the kernel has the module all the same.
    write(Path(kernel.SYS) / "module/nope/refcnt")
    assert kernel.load_module("nope")


def test_sysctl_is_read_and_set(kernel):
    write(Path(kernel.PROC) / "sys/net/ipv4/tcp_rmem", "4096\t131072\t6291456\n")
    assert kernel.sysctl_get("net.ipv4.tcp_rmem") == "4096 131072 6291456"
    assert kernel.sysctl_get("net.bridge.bridge-nf-call-iptables") is None
    kernel.sysctl_set("net.ipv4.tcp_rmem", "1 2 3")
    assert kernel.sysctl_get("net/ipv4/tcp_rmem") == "1 2 3"


def test_slashes_let_a_name_hold_dots(kernel):
    write(Path(kernel.PROC) / "sys/net/ipv4/conf/eth0.1/forwarding", "0\n")
    assert kernel.sysctl_get("net/ipv4/conf/eth0.1/forwarding") == "0"
    assert kernel.sysctl_get("net.ipv4.conf.eth0/1.forwarding") == "0"


def test_sysctl_that_is_missing_says_why(kernel):
    with pytest.raises(CommandExecutionError, match="does not exist in this kernel: is its module loaded"):
        kernel.sysctl_set("net.bridge.bridge-nf-call-iptables", 1)


@pytest.mark.parametrize("key", ["", "net..ipv4", "/../../etc/passwd", "net/ipv4/../../../x"])
def test_sysctl_key_stays_in_proc_sys(kernel, key):
    with pytest.raises(CommandExecutionError, match="is not a sysctl key"):
        kernel.sysctl_get(key)


@pytest.fixture(params=[False, True], ids=["live", "test"])
def states(request, kernel):
    module = load("_states/containerd_kernel.py")
    module.__opts__ = {"test": request.param}
    module.__salt__ = {f"containerd_kernel.{n}": f for n, f in vars(kernel).items() if callable(f)}
    return module


def test_only_missing_modules_are_loaded(states, kernel):
    write(Path(kernel.SYS) / "module/overlay/refcnt")
    loaded = []
    states.__salt__["containerd_kernel.why_missing"] = lambda _: ""
    states.__salt__["containerd_kernel.load_module"] = loaded.append
    ret = states.modules_loaded("x", ["overlay", "br_netfilter"])
    test = states.__opts__["test"]
    assert ret["result"] is (None if test else True)
    assert ret["changes"] == {"br_netfilter": {"old": "not loaded", "new": "loaded"}}
    assert loaded == ([] if test else ["br_netfilter"])


def test_a_live_sysctl_is_mended_and_then_left_alone(states, kernel):
    forward = Path(kernel.PROC) / "sys/net/ipv4/ip_forward"
    write(forward, "0\n")
    ret = states.sysctls_set("x", {"net.ipv4.ip_forward": 1, "vm.swappiness": None})
    assert ret["changes"] == {"net.ipv4.ip_forward": {"old": "0", "new": "1"}}
    if states.__opts__["test"]:
        assert (ret["result"], forward.read_text()) == (None, "0\n")
    else:
        assert (ret["result"], forward.read_text()) == (True, "1\n")
        again = states.sysctls_set("x", {"net.ipv4.ip_forward": 1})
        assert (again["result"], again["changes"]) == (True, {})


def test_a_key_that_is_none_is_no_traceback(states):
    ret = states.sysctls_set("x", {"net..ipv4": 1})
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "is not a sysctl key" in ret["comment"]


def test_a_key_that_its_module_will_bring_is_no_failed_preview(states):
    ret = states.sysctls_set("x", {"net.bridge.bridge-nf-call-iptables": 1}, ["br_netfilter"])
    assert ret["result"] is (None if states.__opts__["test"] else False)
    assert ret["changes"] == {}
    assert "net.bridge.bridge-nf-call-iptables" in ret["comment"]


def test_a_number_is_no_name(kernel):
    assert kernel.module_loaded(5) is False
    assert kernel.sysctl_get(5) is None
