"""
Images that a node has without a registry: from pinned archives, by name and digest, and pinned for kubelet.

containerd tells nobody of an image of another platform, of a lost layer, or of a sandbox image that is not
there: the node is ready, and its pods fail. Here it is said. An import restarts nothing.
"""

import contextlib

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import errors, image_settings

_told = errors.told_as(CommandExecutionError)


def imported(images=None):
    """
    Return what the node has of the images of pillar.

    images : ``None``
        A list, as pillar ``containerd:images``. None takes that of the formula on this minion.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_images.imported

    :return: a dictionary: name to ``digest`` (empty if the node has no such image), ``whole`` (whether all of
        its content is there), ``pinned``, and ``as_pillar`` (whether a run would change nothing).
    :raises CommandExecutionError: ``check`` finds errors, or no daemon answers.
    """
    planned = __salt__["containerd_image_change.plan"](_given(images)[0])
    rows = planned["rows"]
    return {
        one.name: {
            "digest": rows[name].digest if name in rows else "",
            "whole": name in planned["whole"],
            "pinned": name in rows and rows[name].is_pinned,
            "as_pillar": name not in planned["todo"],
        }
        for one in planned["model"].images
        for name in [one.key]
    }


def check(images=None):
    """
    Find what is wrong with pillar ``images`` for this node's containerd, without a daemon or an archive.

    images : ``None``
        As for ``imported``.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_images.check

    :return: a list of findings: ``key``, ``level`` (``error`` or ``warning``) and ``message``.
    """
    found = image_settings.read(_given(images)[0], __salt__["containerd_release.installed"]()).findings
    return [one.shown() for one in found]


@_told
def sandbox():
    """
    Tell of the sandbox image, without which no pod starts: whether the node has it, and keeps it.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_images.sandbox

    :return: a dictionary: ``name``, that in effect; ``present``, ``whole`` and ``pinned``; ``kubeadm``, the
        name that the kubeadm of this node wants, None without one; ``warnings``, sentences with the cure.
    :raises CommandExecutionError: containerd is not installed, or no daemon answers.
    """
    name = __salt__["containerd_image_change.sandbox_image"]()
    reference = image_settings.normalised(name)
    row = __salt__["containerd_images_there.rows"]().get(reference)
    # With discard_unpacked_layers, no image that CRI pulled has its layers any more.
    whole = bool(row) and bool(__salt__["containerd_images_there.whole"]([reference], unpacked=True))
    facts = {
        "name": name,
        "present": bool(row),
        "whole": whole,
        "pinned": bool(row and row.is_pinned),
        "kubeadm": _kubeadms(),
    }
    return {**facts, "warnings": _sandbox_warnings(**facts)}


def told():
    """
    Return sentences for a report: images of pillar that the node has not as pillar says, the sandbox image.

    :raises CommandExecutionError: the formula does not render here.
    """
    # Without CRI no pod starts anyhow, and the report says why.
    if not _is_ready():
        return []
    sentences = sandbox()["warnings"]
    given = _given(None)[0]
    for name, one in (imported(given) if given else {}).items():
        if not one["as_pillar"]:
            lacks = "is not on the node" if not one["digest"] else "is not whole on the node"
            why = "is not as pillar says" if one["whole"] else lacks
            sentences.append(f"{name} {why}: apply containerd.images.")
    return sentences


def _is_ready():
    """Tell whether CRI is; no where there is no ctr to ask with."""
    try:
        return __salt__["containerd_daemon.ready"]()["ready"]
    except CommandExecutionError:
        return False


def _kubeadms():
    """Return the sandbox image that the node's kubeadm wants, None without one. It asks no network."""
    if not __salt__["cmd.which"]("kubeadm"):
        return None
    with contextlib.suppress(CommandExecutionError):
        run = __salt__["containerd_command.run"]
        version = run("kubeadm", "version", "-o", "short")["stdout"].strip()
        # With a version, it does not ask which one is the newest.
        listed = run("kubeadm", "config", "images", "list", "--kubernetes-version", version)["stdout"].split()
        return next((one for one in listed if "/pause:" in one), None)
    return None


def _sandbox_warnings(name, present, whole, pinned, kubeadm):
    """Return sentences about what is wrong with the sandbox image, with the cure."""
    release, told = __salt__["containerd_release.installed"](), []
    if not present:
        told.append(
            f"The sandbox image {name} is not on the node: without a registry that serves it no pod starts. "
            "Add it to containerd:images where there is none."
        )
    elif not whole:
        told.append(f"The sandbox image {name} has lost content: no pod starts. Add it to containerd:images.")
    elif not image_settings.can_pin(release):
        told.append(
            f"containerd {release} cannot pin the sandbox image {name}: kubelet may remove it if its disk is "
            "full. Upgrade to 1.6.22, 1.7.3 or newer. An entry in containerd:images has a run bring it back."
        )
    elif not pinned:
        told.append(
            f"The sandbox image {name} is not pinned, and kubelet may remove it if its disk is full: add it "
            "to containerd:images, or write its full name, with its registry and tag, in the configuration."
        )
    tag = name.rpartition("/")[2].partition("@")[0]
    # Of a digest alone the tag is not known.
    if kubeadm and ":" in tag and kubeadm.rpartition("/")[2] != tag:
        told.append(f"kubeadm here uses {kubeadm}, and containerd {name}: correct containerd:sandbox_image.")
    return told


def _given(images):
    """Return pillar ``images`` and the saltenv of its files: those of the SLS where none is given."""
    return (images, "base") if images is not None else __salt__["containerd_layers.images"]()
