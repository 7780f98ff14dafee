"""Images are on the node without a registry: imported, pinned, and gone when pillar no longer has them."""

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

# That of the SLS: Salt puts it here.
__env__ = "base"

FIRST_BOOT = (
    "Images need the daemon, which service:manage: false does not start here: apply containerd.images on the "
    "booted node."
)

UNKNOWN = "No daemon answers now: this is for a node that has none of the images."


def imported(name, images=None, prune=True, cri=True, manage=True):
    """
    Have images from pinned archives, under their names and digests, pinned where that is wanted.

    An image is fetched and imported if the node does not have it, has another digest, or lost content of it;
    of an archive only that image, for the node's platform, is taken. A converged run fetches nothing. Nothing
    here restarts anything, and running containers stay as they are.

    name
        Any text.

    images : ``None``
        A list, as pillar ``containerd:images``: each with ``name``, ``archive``, ``sha256`` and ``pinned``.

    prune : ``True``
        Whether images of the formula's go that are no longer in the list. Those of others always stay, and so
        does the sandbox image in effect.

    cri : ``True``
        Whether a kubelet uses this containerd: then CRI has to show the images.

    manage : ``True``
        False in an image build, where no daemon runs: then nothing is done.

    SLS Example:

    .. code-block:: yaml

        containerd images are imported:
          containerd_images.imported:
            - images:
                - name: registry.k8s.io/pause:3.10
                  archive: salt://images/pause-3.10.tar
                  sha256: SHA256

    :return: a state return; ``changes`` are names to old and new digest, and ``NAME pinned``. A dry run
        fetches nothing: of an archive that no run has seen it does not know the digest.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "The images are as specified."}
    if not manage:
        return {**ret, "comment": FIRST_BOOT if images else "There are no images to import."}
    done = {}
    try:
        planned = _planned(images, prune)
        if images and not __opts__["test"]:
            __salt__["containerd_release.note"]()
        if not planned["changes"]:
            return _told(ret, planned["warnings"])
        if __opts__["test"]:
            ret.update(result=None, changes=planned["changes"], comment="Images would be changed.")
            return _told(ret, planned["warnings"])
        __salt__["containerd_image_change.apply"](planned, done, __env__, cri)
    except CommandExecutionError as err:
        return {**ret, "result": False, "changes": done, "comment": str(err)}
    # Archives were fetched, and have what the node has.
    if not done:
        return _told(ret, planned["warnings"])
    return _told({**ret, "changes": done, "comment": "Images were changed."}, planned["warnings"])


def released(name):
    """
    Take the formula's label and pin away from its images. They stay on the node, and kubelet may remove them.

    name
        Any text.

    SLS Example:

    .. code-block:: yaml

        containerd images are released:
          containerd_images.released: []

    :return: a state return; ``changes`` are the names. Without a daemon nothing is done.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "There are no images of the formula."}
    if not _answers():
        return {**ret, "comment": "No daemon answers: its images keep the formula's label."}
    try:
        names = __salt__["containerd_image_change.ours"]()
        if not names:
            return ret
        changes = {name: {"old": "of this formula", "new": "kubelet's to remove"} for name in names}
        if __opts__["test"]:
            return {**ret, "result": None, "changes": changes, "comment": "The images would be released."}
        __salt__["containerd_image_change.release"](names)
    except CommandExecutionError as err:
        return {**ret, "result": False, "comment": str(err)}
    return {**ret, "changes": changes, "comment": "The images were released, and stay."}


def _planned(images, prune):
    """Return the plan; a dry run without a daemon plans for a node without images."""
    try:
        return __salt__["containerd_image_change.plan"](images, prune)
    except CommandExecutionError:
        if not __opts__["test"] or _answers():
            raise
        planned = __salt__["containerd_image_change.plan"](images, prune, {})
        return {**planned, "warnings": [*planned["warnings"], *([UNKNOWN] if images else [])]}


def _answers():
    """Tell whether a daemon answers."""
    if not __salt__["containerd_command.path"]("ctr"):
        return False
    return __salt__["containerd_daemon.ready"](cri=False)["answers"]


def _told(ret, sentences):
    return {**ret, "comment": "\n".join([ret["comment"], *sentences])}
