"""What of pillar ``sandbox_image`` belongs into config.toml, and whether kubelet leaves that image alone."""

from containerd_formula.conditions import is_since
from containerd_formula.data import plain, put
from containerd_formula.errors import Refused, quoted
from containerd_formula.image_settings import can_pin, normalised
from containerd_formula.table import setting

KEY = "containerd:sandbox_image"
_SUCH = "such as registry.k8s.io/pause:3.10"


def as_told(given, release=None):
    """
    Return what a release needs in config.toml for an image, a fragment, and sentences about its name.

    Since 2.0 containerd pins the image whose name is the very text: what it would never pin is refused.
    """
    image = plain(given, ("containerd", "sandbox_image"))
    if image in (None, ""):
        return {}, []
    if not isinstance(image, str):
        raise Refused(f"{KEY}: it is {quoted(image)}; write the name of an image, {_SUCH}.")
    is_new = is_since("2.0", release)
    fragment = {"version": 3 if is_new else 2}
    put(fragment, setting("IMG.pinned_images.sandbox" if is_new else "CRI.sandbox_image"), image)
    # What is no name at all is for the check of the document.
    whole = normalised(image)
    why = f"write its whole name, {whole}" if whole and whole != image else ""
    # While the release is unknown, it may be an older one.
    if why and is_new and release:
        words = "containerd pins it by its whole name alone, and else kubelet removes it when the disk fills"
        raise Refused(f"{KEY}: {image}: {why}: {words}.")
    told = [f"{KEY}: {image}: {why}, which containerd 2.0 needs to pin it."] if why else []
    if not can_pin(release):
        told.append(
            f"{KEY}: containerd {release} cannot pin images, so that kubelet removes this one when the disk "
            "fills, and no pod starts until it is pulled again: upgrade to 1.6.22 or 1.7.3."
        )
    return fragment, told
