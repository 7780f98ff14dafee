"""A control plane of Kubernetes on this host: etcd, API server, controllers, scheduler, on ports of its own.

Nodes of the lab reach it at 10.0.2.2. Nothing of it is a container, and no kubelet runs here.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Callable

from . import debian, host, kubernetes, wait

# Where qemu's user network has this host.
SEEN_AT = "10.0.2.2"
LIMIT = 120
SOCKET = "/run/containerd/containerd.sock"
# kubeadm's own configuration, with kubelet's as kubeadm of today writes it: systemd has the cgroups.
CONFIG = """\
apiVersion: kubeadm.k8s.io/v1beta2
kind: InitConfiguration
bootstrapTokens: [{{token: {token}, ttl: 24h0m0s}}]
localAPIEndpoint: {{advertiseAddress: {seen_at}, bindPort: {port}}}
nodeRegistration: {{name: control-plane, criSocket: {socket}}}
---
apiVersion: kubeadm.k8s.io/v1beta2
kind: ClusterConfiguration
kubernetesVersion: v{version}
certificatesDir: {folder}/pki
controlPlaneEndpoint: {seen_at}:{port}
apiServer: {{certSANs: [127.0.0.1]}}
networking: {{podSubnet: 10.244.0.0/16}}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {{x509: {{clientCAFile: /etc/kubernetes/pki/ca.crt}}}}
cgroupDriver: systemd
nodeStatusUpdateFrequency: 4s
"""
STAND_IN = """\
apiVersion: v1
kind: Node
metadata: {name: control-plane, labels: {kubernetes.io/hostname: control-plane}}
spec: {unschedulable: true}
"""


class ControlPlane:
    """A control plane that answers on entry and is gone, with all that it knew, on exit."""

    def __init__(self, progress: Callable[[str], None] = print):
        self._progress = progress
        self._stack = contextlib.ExitStack()
        #: Where its files and logs are.
        self.folder = Path()
        self._port = 0
        self._token = f"{secrets.token_hex(3)}.{secrets.token_hex(8)}"

    def __enter__(self) -> ControlPlane:
        self._programs = kubernetes.programs(self._progress)
        etcd = debian.unpacked("etcd-server", kubernetes.SUITE) / "usr/bin/etcd"
        self.folder = Path(tempfile.mkdtemp(prefix="lab-control-plane-", dir="/var/tmp"))
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        try:
            self._make(etcd)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stack.close()

    def kubectl(self, *words: str, check: bool = True, input: str = "", timeout: float = LIMIT) -> str:
        """Return what kubectl prints, as the administrator."""
        return self._run("kubectl", *words, config="admin.conf", check=check, input=input, timeout=timeout)

    def get(self, *words: str) -> dict:
        """Return an object, or a list of them, as data."""
        return json.loads(self.kubectl("get", *words, "--output=json"))

    def join(self) -> list[str]:
        """Return kubeadm's arguments with which a node of the lab joins."""
        text = _printed(["openssl", "x509", "-pubkey", "-noout", "-in", f"{self.folder}/pki/ca.crt"])
        key = _printed(["openssl", "pkey", "-pubin", "-outform", "DER"], text)
        return [
            f"{SEEN_AT}:{self._port}",
            f"--token={self._token}",
            f"--discovery-token-ca-cert-hash=sha256:{hashlib.sha256(key).hexdigest()}",
            f"--cri-socket={SOCKET}",
        ]

    def know(self, name: str, address: str) -> None:
        """Let the API server find the kubelet of a node at an address of this host."""
        with open(self.folder / "hosts", "a", encoding="ascii") as hosts:
            hosts.write(f"{address} {name}\n")

    def logs(self, name: str) -> str:
        """Return the end of what one of its programs said."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-3000:]

    def _make(self, etcd: Path) -> None:
        client, peer, self._port = host.free_ports(3)
        store, folder = f"http://127.0.0.1:{client}", self.folder
        config = CONFIG.format(
            token=self._token,
            seen_at=SEEN_AT,
            port=self._port,
            socket=SOCKET,
            version=kubernetes.VERSION,
            folder=folder,
        )
        (folder / "kubeadm.yaml").write_text(config)
        (folder / "hosts").write_text("127.0.0.1 localhost\n")
        self._start(
            etcd,
            f"--data-dir={folder}/etcd",
            f"--listen-client-urls={store}",
            f"--advertise-client-urls={store}",
            f"--listen-peer-urls=http://127.0.0.1:{peer}",
            "--unsafe-no-fsync",
        )
        self._progress("control plane: kubeadm makes keys and certificates")
        self._phase("certs", "all")
        for name in ("admin", "controller-manager", "scheduler"):
            self._phase("kubeconfig", name, f"--kubeconfig-dir={folder}")
            path = folder / f"{name}.conf"
            # Nodes see this host at another address than it sees itself.
            path.write_text(re.sub(r"https://[\d.]+:", "https://127.0.0.1:", path.read_text()))
        self._start_programs(store)
        wait.until(lambda: self.kubectl("get", "--raw=/readyz", check=False) == "ok", LIMIT, "the API server")
        self._progress("control plane: the API server is ready")
        self._let_nodes_join()

    def _start_programs(self, store: str) -> None:
        pki = self.folder / "pki"
        self._start(
            self._programs / "kube-apiserver",
            f"--etcd-servers={store}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self._port}",
            f"--advertise-address={SEEN_AT}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--enable-bootstrap-token-auth",
            "--allow-privileged",
            f"--client-ca-file={pki}/ca.crt",
            f"--tls-cert-file={pki}/apiserver.crt",
            f"--tls-private-key-file={pki}/apiserver.key",
            f"--kubelet-client-certificate={pki}/apiserver-kubelet-client.crt",
            f"--kubelet-client-key={pki}/apiserver-kubelet-client.key",
            # All nodes have the same address: their names lead to different ones.
            "--kubelet-preferred-address-types=Hostname",
            f"--service-account-key-file={pki}/sa.pub",
            f"--service-account-signing-key-file={pki}/sa.key",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            "--service-cluster-ip-range=10.96.0.0/12",
        )
        self._start(
            self._programs / "kube-controller-manager",
            f"--kubeconfig={self.folder}/controller-manager.conf",
            f"--cluster-signing-cert-file={pki}/ca.crt",
            f"--cluster-signing-key-file={pki}/ca.key",
            f"--root-ca-file={pki}/ca.crt",
            f"--service-account-private-key-file={pki}/sa.key",
            "--controllers=*,bootstrapsigner,tokencleaner",
            "--use-service-account-credentials",
            "--leader-elect=false",
            "--port=0",
            "--secure-port=0",
        )
        self._start(
            self._programs / "kube-scheduler",
            f"--kubeconfig={self.folder}/scheduler.conf",
            "--leader-elect=false",
            "--port=0",
            "--secure-port=0",
        )

    def _let_nodes_join(self) -> None:
        """Do what kubeadm does once the API server answers; it wants a node of its own for that."""
        self.kubectl("apply", "--filename=-", input=STAND_IN)
        for words in (("upload-config", "all"), ("bootstrap-token", "--skip-token-print")):
            self._phase(*words, f"--kubeconfig={self.folder}/admin.conf")
        self.kubectl("delete", "node", "control-plane")
        information = self.get("configmap", "cluster-info", "--namespace=kube-public")
        text = information["data"]["kubeconfig"].replace("https://127.0.0.1:", f"https://{SEEN_AT}:")
        patch = json.dumps({"data": {"kubeconfig": text}})
        self.kubectl("patch", "configmap", "cluster-info", "--namespace=kube-public", f"--patch={patch}")
        # Pods of the namespace need it.
        wait.until(
            lambda: self.kubectl("get", "serviceaccount", "default", check=False), LIMIT, "a service account"
        )

    def _phase(self, *words: str) -> None:
        self._run("kubeadm", "init", "phase", *words, f"--config={self.folder}/kubeadm.yaml")

    def _run(
        self,
        name: str,
        *words: str,
        config: str = "",
        check: bool = True,
        input: str = "",
        timeout: float = LIMIT,
    ) -> str:
        more = [f"--kubeconfig={self.folder}/{config}"] if config else []
        done = subprocess.run(
            [str(self._programs / name), *more, *words],
            # Without a home: kubectl keeps what it learnt of another cluster there.
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder)},
            input=input,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if check and done.returncode:
            raise host.LabError(
                f"{name} {' '.join(words)} failed:\n{done.stdout[-1000:]}{done.stderr[-2000:]}"
            )
        return done.stdout if not done.returncode else ""

    def _start(self, program: Path, *words: str) -> None:
        """Start a program that ends with this control plane; it has names of hosts of its own."""
        script = 'mount --bind "$1" /etc/hosts && shift && exec "$@"'
        with open(self.folder / f"{program.name}.log", "wb") as log:
            process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", script, "sh", self.folder / "hosts", program, *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder)},
                start_new_session=True,
            )
        self._stack.callback(_end, process)


def _printed(argv: list[str], given: bytes = b"") -> bytes:
    return subprocess.run(argv, input=given, stdout=subprocess.PIPE, check=True).stdout


def _end(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
