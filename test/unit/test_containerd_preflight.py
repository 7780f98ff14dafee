"""
The facts of kubeadm's checks, from a /proc of the test's own; where kubelet and containerd disagree.
"""

import pytest
from containerd_formula.kubelet import Kubelet
from salt.exceptions import CommandExecutionError
from support import load

V2 = "io.containerd.grpc.v1.cri"
TCP = "  sl  local_address rem_address   st\n   0: 0100007F:{port:04X} 00000000:0000 {state} 0\n"


def document(**options):
    runc = {"runtime_type": "io.containerd.runc.v2", "options": options}
    kata = {"runtime_type": "io.containerd.kata.v2"}
    cri = {"containerd": {"default_runtime_name": "runc", "runtimes": {"runc": runc, "kata": kata}}}
    return {"version": 2, "grpc": {"address": "/run/containerd/containerd.sock"}, "plugins": {V2: cri}}


@pytest.fixture
def module(tmp_path, monkeypatch):
    """
    The module on a node that is as it should be, with what it asks for.
    """
    module = load("_modules/containerd_preflight.py")
    (tmp_path / "net").mkdir()
    (tmp_path / "swaps").write_text("Filename Type Size Used Priority\n")
    (tmp_path / "controllers").write_text("cpuset cpu io memory hugetlb pids\n")
    monkeypatch.setattr(module, "PROC", str(tmp_path))
    monkeypatch.setattr(module, "CGROUPS", str(tmp_path / "controllers"))
    monkeypatch.setattr(module, "SYSTEMD_BOOTED", str(tmp_path))
    monkeypatch.setattr(module.socket, "getaddrinfo", lambda *_: ["an address"])
    module.missing = set()
    monkeypatch.setattr(module, "_is_in_path", lambda name: name not in module.missing)
    module.__salt__ = {
        "containerd_kubelet.told": lambda: Kubelet("systemd", endpoint="/run/containerd/containerd.sock"),
        "containerd_kubelet.takes_over": lambda _: False,
        "containerd_kubelet.version": lambda: "1.30.0",
        "containerd_kubelet.runs": lambda: False,
        "containerd_kernel.module_loaded": lambda _: True,
        "containerd_kernel.sysctl_get": lambda _: "1",
        "containerd_daemon.ready": lambda: {"ready": True, "reason": ""},
        "containerd_service.enabled": lambda unit: "enabled",
        "containerd_document.read": lambda _: document(SystemdCgroup=True),
        "containerd_document.dump": lambda _: document(SystemdCgroup=True),
    }
    return module


def keys(module):
    return [one.key for one in module.findings(kubeadm=False)]


def test_a_good_node(module):
    assert module.findings(kubeadm=False) == []


@pytest.mark.parametrize(
    ("file", "text", "key"),
    [
        ("swaps", "Filename Type\n/dev/dm-1 partition 1 0 -2\n", "Swap"),
        ("controllers", "cpuset cpu hugetlb pids\n", "SystemVerification"),
        ("net/tcp", TCP.format(port=10250, state="0A"), "Port-10250"),
        ("net/tcp6", TCP.format(port=10250, state="0A"), "Port-10250"),
    ],
)
def test_what_proc_tells(module, tmp_path, file, text, key):
    (tmp_path / file).write_text(text)
    assert keys(module) == [key]


def test_a_connection_from_that_port_does_not_listen_there(module, tmp_path):
    (tmp_path / "net/tcp").write_text(
        TCP.format(port=10250, state="01") + TCP.format(port=80, state="0A").splitlines()[1]
    )
    assert keys(module) == []


def test_cgroup_v1(module, tmp_path):
    (tmp_path / "controllers").unlink()
    names = ("cpu", "cpuacct", "cpuset", "devices", "freezer", "hugetlb", "memory", "pids")
    rows = "".join(f"{name}\t1\t5\t{int(name != 'memory')}\n" for name in names)
    (tmp_path / "cgroups").write_text(f"#subsys_name\thierarchy\tnum_cgroups\tenabled\n{rows}")
    [one] = module.findings(kubeadm=False)
    assert "controller memory:" in one.message


@pytest.mark.parametrize(
    ("function", "answer", "key"),
    [
        ("containerd_service.enabled", lambda _: "disabled", "Service-Kubelet"),
        ("containerd_daemon.ready", lambda: {"ready": False, "reason": "CRI failed"}, "CRI"),
        (
            "containerd_kernel.sysctl_get",
            lambda name: "0" if "forward" in name else "1",
            "FileContent--proc-sys-net-ipv4-ip_forward",
        ),
        ("containerd_document.dump", lambda _: document(SystemdCgroup=False), "Kubelet"),
    ],
)
def test_what_others_tell(module, function, answer, key):
    module.__salt__[function] = answer
    assert keys(module) == [key]


@pytest.mark.parametrize(
    ("program", "key"), [("nsenter", "FileExisting-nsenter"), ("kubelet", "KubeletVersion")]
)
def test_a_program_that_is_missing(module, program, key):
    module.missing.add(program)
    assert keys(module) == [key]


def test_a_program_of_the_present_folder_is_not_in_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "no-such-program").write_text("#!/bin/sh\n")
    (tmp_path / "no-such-program").chmod(0o755)
    module = load("_modules/containerd_preflight.py")
    assert not module._is_in_path("no-such-program")
    assert module._is_in_path("sh")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert module._is_in_path("no-such-program") and module._is_in_path("sh")


def test_without_containerd_it_is_said_once(module):
    def fails(*_):
        raise CommandExecutionError("containerd is not installed")

    module.__salt__["containerd_daemon.ready"] = module.__salt__["containerd_document.dump"] = fails
    [one] = module.findings(kubeadm=False)
    assert one.message == "CRI: containerd is not ready: containerd is not installed; apply containerd."


def test_a_name_without_an_address(module, monkeypatch):
    def fails(*_):
        raise OSError("no address")

    monkeypatch.setattr(module.socket, "getaddrinfo", fails)
    assert keys(module) == ["Hostname"]


def test_they_agree(module, tmp_path):
    answer = module.agreement(str(tmp_path / "swaps"))
    assert answer == {
        "agrees": True,
        "kubelet": {
            "cgroup_driver": "systemd",
            "endpoint": "/run/containerd/containerd.sock",
            "takes_over": False,
        },
        "containerd": {
            "cgroup_drivers": {"runc": "systemd"},
            "default": "runc",
            "address": "/run/containerd/containerd.sock",
        },
        "reasons": [],
    }


def test_they_do_not_agree(module, tmp_path):
    module.__salt__["containerd_kubelet.told"] = lambda: Kubelet("cgroupfs", endpoint="/run/other.sock")
    answer = module.agreement(str(tmp_path / "none"))
    assert answer["agrees"] is False
    assert len(answer["reasons"]) == 2
    assert answer["reasons"][0].startswith("runtime runc: kubelet has the cgroup driver cgroupfs")
    assert answer["reasons"][1].startswith("grpc.address: kubelet looks for containerd at /run/other.sock")
    module.__salt__["containerd_kubelet.takes_over"] = lambda _: True
    assert len(module.agreement(str(tmp_path / "none"))["reasons"]) == 1


def test_without_a_kubelet_nothing_is_known(module, tmp_path):
    module.__salt__["containerd_kubelet.told"] = lambda: None
    answer = module.agreement(str(tmp_path / "none"))
    assert (answer["agrees"], answer["kubelet"], answer["reasons"]) == (None, {}, [])


def test_a_release_whose_dump_leaves_options_out(module, tmp_path):
    """
    containerd 1.4: what its file says is in effect.
    """
    (tmp_path / "config.toml").write_text("")
    module.__salt__["containerd_document.dump"] = lambda _: document()
    drivers = module.agreement(str(tmp_path / "config.toml"))["containerd"]["cgroup_drivers"]
    assert drivers == {"runc": "systemd"}


SAID = """[preflight] Running pre-flight checks
\t[WARNING Swap]: swap is enabled
error execution phase preflight: [preflight] Some fatal errors occurred:
\t[ERROR Port-10250]: Port 10250 is in use
\t[ERROR CRI]: container runtime is not running: output: one
line, error: exit status 1
"""


@pytest.fixture
def kubeadm(module, tmp_path, monkeypatch):
    """
    A kubeadm with a release and words of its own; ``asked`` is how it was called.
    """
    monkeypatch.setattr(module, "JOINED", str(tmp_path / "kubelet.conf"))
    module.asked, module.release, module.said = [], "v1.20.2", {"stdout": "", "stderr": SAID}

    def run(*argv, **_):
        module.asked.append(argv)
        return {"stdout": f"{module.release}\n"} if argv[1] == "version" else module.said

    module.__salt__["containerd_command.run"] = run
    return module


def test_what_kubeadm_alone_finds_is_told_in_its_words(kubeadm, tmp_path):
    (tmp_path / "swaps").write_text("Filename Type\n/dev/dm-1 partition 1 0 -2\n")
    found = {one.key: one for one in kubeadm.findings(kubeadm=True)}
    assert {key: one.level for key, one in found.items()} == {
        "Swap": "error",
        "Port-10250": "error",
        "CRI": "error",
    }
    assert "kubeadm says" not in found["Swap"].message
    assert found["Port-10250"].message == "Port-10250: kubeadm says: Port 10250 is in use: mend it."


@pytest.mark.parametrize(
    ("release", "socket"),
    [
        ("v1.20.2", "/run/containerd/containerd.sock"),
        ("v1.24.0", "unix:///run/containerd/containerd.sock"),
        ("v1.34.1", "unix:///run/containerd/containerd.sock"),
        ("", "/run/containerd/containerd.sock"),
    ],
)
def test_kubeadm_gets_the_socket_as_its_release_wants_it(kubeadm, release, socket):
    kubeadm.release = release
    kubeadm.findings(kubeadm=True)
    assert f"--cri-socket={socket}" in kubeadm.asked[-1]


@pytest.mark.parametrize("why", ["told not to", "joined", "no kubeadm"])
def test_kubeadm_is_not_asked(kubeadm, tmp_path, why):
    if why == "joined":
        (tmp_path / "kubelet.conf").touch()
    if why == "no kubeadm":
        kubeadm.missing.add("kubeadm")
    assert kubeadm.findings(kubeadm=why != "told not to") == []
    assert kubeadm.asked == []


def test_a_kubeadm_that_checks_nothing_is_no_good_node(kubeadm):
    kubeadm.said = {"stdout": "", "stderr": "W1 a warning\nunknown flag: --discovery-file\n"}
    [one] = kubeadm.findings(kubeadm=True)
    assert (one.key, one.level) == ("kubeadm", "warning")
    assert one.message == "kubeadm: it did not check this node: unknown flag: --discovery-file."

    def fails(*_, **__):
        raise CommandExecutionError("kubeadm gave no answer within 60 s.")

    kubeadm.__salt__["containerd_command.run"] = fails
    [one] = kubeadm.findings(kubeadm=True)
    assert one.message == "kubeadm: it did not check this node: kubeadm gave no answer within 60 s."
