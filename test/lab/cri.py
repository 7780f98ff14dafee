"""A client of the container runtime interface: what the kubelet asks of containerd, in few words.

Needs grpcio and grpcio-tools; the interface is compiled when this module is imported.
"""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc

FOLDER = str(Path(__file__).parent)
NAMESPACE = "lab"
OLDER = "runtime.v1alpha2"
CALL_LIMIT = 120


def _compiled() -> tuple:
    # grpc looks for the file on sys.path, and nowhere else.
    sys.path.insert(0, FOLDER)
    try:
        return grpc.protos_and_services("cri.proto")
    finally:
        sys.path.remove(FOLDER)


messages, services = _compiled()


class PullError(Exception):
    """An image was not pulled; the text says what the runtime says."""


@dataclass(frozen=True)
class Container:
    """What the runtime says of a container."""

    id: str
    #: ``created``, ``running``, ``exited`` or ``unknown``.
    state: str
    #: Number of its first process in the node, 0 if it has none.
    pid: int
    exit_code: int
    reason: str


@dataclass(frozen=True)
class Executed:
    """What a command in a container printed, and how it ended."""

    stdout: str
    stderr: str
    exit_code: int


class _Older:
    """A channel that calls the same services by their name of before v1, as containerd 1.4 has them."""

    def __init__(self, channel: grpc.Channel):
        self._channel = channel

    def unary_unary(self, method: str, *arguments: object, **options: object) -> object:
        return self._channel.unary_unary(method.replace("/runtime.v1.", f"/{OLDER}."), *arguments, **options)


class Cri:
    """A connection to a container runtime, by the path of its socket on this host.

    older
        Speak v1alpha2, whose messages are the same: containerd before 1.6 has no other.
    """

    def __init__(self, socket: os.PathLike[str] | str, limit: float = CALL_LIMIT, older: bool = False):
        self._limit = limit
        # The server refuses the authority that grpc derives from the path of a socket.
        self._channel = grpc.insecure_channel(
            f"unix:{os.fspath(socket)}", options=[("grpc.default_authority", "localhost")]
        )
        spoken = _Older(self._channel) if older else self._channel
        self._runtime = services.RuntimeServiceStub(spoken)
        self._images = services.ImageServiceStub(spoken)
        self._pods: dict[str, object] = {}

    def __enter__(self) -> Cri:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop the connection."""
        self._channel.close()

    def version(self) -> tuple[str, str]:
        """Return name and version of the runtime."""
        answer = self._call(self._runtime.Version, messages.VersionRequest())
        return answer.runtime_name, answer.runtime_version

    def status(self) -> dict[str, bool]:
        """Return what is ready: ``{"RuntimeReady": True, "NetworkReady": False}``."""
        answer = self._call(self._runtime.Status, messages.StatusRequest())
        return {condition.type: condition.status for condition in answer.status.conditions}

    def configuration(self) -> dict:
        """Return the settings the runtime says it runs with."""
        answer = self._call(self._runtime.Status, messages.StatusRequest(verbose=True))
        return json.loads(answer.info["config"])

    def run_pod(self, name: str, cgroup_parent: str = "kubepods.slice", runtime: str = "") -> str:
        """Run an empty pod on the network of the node, which needs no CNI, and return its id.

        cgroup_parent
            The pod's cgroup, as the kubelet gives it: with the systemd driver the name of a slice,
            else a path, for which the default passes too. Without one runc refuses the systemd driver.

        runtime
            Name of a runtime handler. Empty for the default.
        """
        node, own = messages.NODE, messages.CONTAINER
        config = messages.PodSandboxConfig(
            metadata=messages.PodSandboxMetadata(name=name, uid=str(uuid.uuid4()), namespace=NAMESPACE),
            linux=messages.LinuxPodSandboxConfig(
                cgroup_parent=cgroup_parent,
                security_context=messages.LinuxSandboxSecurityContext(
                    namespace_options=messages.NamespaceOption(network=node, pid=own)
                ),
            ),
        )
        request = messages.RunPodSandboxRequest(config=config, runtime_handler=runtime)
        pod = self._call(self._runtime.RunPodSandbox, request).pod_sandbox_id
        self._pods[pod] = config
        return pod

    def pods(self) -> dict[str, bool]:
        """Return the ids of all pods, and whether each is ready."""
        answer = self._call(self._runtime.ListPodSandbox, messages.ListPodSandboxRequest())
        return {item.id: item.state == messages.SANDBOX_READY for item in answer.items}

    def pod(self, pod: str) -> dict:
        """Return what the runtime knows of a pod, with its ``pid``."""
        request = messages.PodSandboxStatusRequest(pod_sandbox_id=pod, verbose=True)
        return json.loads(self._call(self._runtime.PodSandboxStatus, request).info["info"])

    def remove_pod(self, pod: str) -> None:
        """Stop and remove a pod with its containers."""
        request = messages.PodSandboxRequest(pod_sandbox_id=pod)
        self._call(self._runtime.StopPodSandbox, request)
        self._call(self._runtime.RemovePodSandbox, request)
        self._pods.pop(pod, None)

    def run_container(self, pod: str, image: str, command: Sequence[str] = (), name: str = "main") -> str:
        """Start a container in a pod this object has run, and return its id.

        command
            Empty for the default command of the image.
        """
        config = messages.ContainerConfig(
            metadata=messages.ContainerMetadata(name=name),
            image=messages.ImageSpec(image=image),
            command=list(command),
        )
        container = self._call(
            self._runtime.CreateContainer,
            messages.CreateContainerRequest(
                pod_sandbox_id=pod, config=config, sandbox_config=self._pods[pod]
            ),
        ).container_id
        self._call(self._runtime.StartContainer, messages.ContainerRequest(container_id=container))
        return container

    def containers(self) -> list[str]:
        """Return the ids of all containers."""
        answer = self._call(self._runtime.ListContainers, messages.ListContainersRequest())
        return [container.id for container in answer.containers]

    def container(self, container: str) -> Container:
        """Return state and process of a container."""
        answer = self._call(
            self._runtime.ContainerStatus,
            messages.ContainerStatusRequest(container_id=container, verbose=True),
        )
        status = answer.status
        state = messages.ContainerState.Name(status.state)[len("CONTAINER_") :].lower()
        pid = json.loads(answer.info["info"]).get("pid", 0) if "info" in answer.info else 0
        return Container(status.id, state, pid, status.exit_code, status.reason)

    def execute(self, container: str, command: Sequence[str], limit: int = 60) -> Executed:
        """Run a command in a container and wait for its end."""
        answer = self._call(
            self._runtime.ExecSync,
            messages.ExecSyncRequest(container_id=container, cmd=list(command), timeout=limit),
        )
        return Executed(
            answer.stdout.decode(errors="replace"), answer.stderr.decode(errors="replace"), answer.exit_code
        )

    def stop_container(self, container: str, grace: int = 10) -> None:
        """Ask a container to end, and kill it after ``grace`` seconds."""
        self._call(
            self._runtime.StopContainer, messages.StopContainerRequest(container_id=container, timeout=grace)
        )

    def remove_container(self, container: str) -> None:
        """Remove a container."""
        self._call(self._runtime.RemoveContainer, messages.ContainerRequest(container_id=container))

    def images(self) -> list[str]:
        """Return the names of the images in the node."""
        answer = self._call(self._images.ListImages, messages.ListImagesRequest())
        return sorted(tag for image in answer.images for tag in image.repo_tags)

    def unpinned(self) -> list[str]:
        """Return the names of the images that a kubelet would remove, if nothing used them."""
        answer = self._call(self._images.ListImages, messages.ListImagesRequest())
        return sorted(tag for image in answer.images if not image.pinned for tag in image.repo_tags)

    def image(self, name: str) -> str | None:
        """Return the id of an image, None if the node does not have it."""
        request = messages.ImageStatusRequest(image=messages.ImageSpec(image=name))
        return self._call(self._images.ImageStatus, request).image.id or None

    def pull(self, name: str, username: str = "", password: str = "") -> str:
        """Pull an image and return its id; ``PullError`` with the runtime's words if it fails.

        username, password
            What the kubelet has found for the image's registry, if anything.
        """
        auth = messages.AuthConfig(username=username, password=password) if username else None
        request = messages.PullImageRequest(image=messages.ImageSpec(image=name), auth=auth)
        try:
            return self._call(self._images.PullImage, request).image_ref
        except grpc.RpcError as error:
            raise PullError(error.details()) from error

    def remove_image(self, name: str) -> None:
        """Remove an image, if the node has it."""
        request = messages.RemoveImageRequest(image=messages.ImageSpec(image=name))
        self._call(self._images.RemoveImage, request)

    def _call(self, method: grpc.UnaryUnaryMultiCallable, request: object) -> object:
        # A runtime that has just been started may not listen yet.
        return method(request, timeout=self._limit, wait_for_ready=True)
