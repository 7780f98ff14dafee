"""
The change from the images that a node has to those of pillar: planned without a fetch, made, and noted.
"""

import contextlib
import json
import os

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import errors, image_settings, schema, toml
from containerd_formula import image_words as words
from containerd_formula.addresses import in_saltenv
from containerd_formula.data import at
from containerd_formula.findings import errors as errors_of
from containerd_formula.findings import warnings as warnings_of
from containerd_formula.places import CONFIG, IMAGES, ROOT

_told = errors.told_as(CommandExecutionError)
# Seconds until CRI has taken an image up: it takes half a one.
_TAKEN_UP = 10
_SNAPSHOTTER = "overlayfs"


@_told
def plan(images, prune=True, rows=None):
    """
    Return what a run would change. Nothing is fetched.

    images, prune
        As for state ``containerd_images.imported``.

    rows : ``None``
        The images of the node, instead of those that its daemon tells.

    :return: a dictionary: ``changes``, ``warnings``, ``model``, ``todo`` (names to import or label), ``gone``
        (names to remove), ``rows``, ``whole``, ``prune``.
    :raises CommandExecutionError: the images are wrong, or no daemon answers.
    """
    model = image_settings.read(images, __salt__["containerd_release.installed"]())
    if wrong := errors_of(model.findings):
        raise CommandExecutionError("\n".join(wrong))
    digests = _noted()
    planned = {"model": model, "warnings": warnings_of(model.findings), "todo": [], "gone": []}
    # Where nothing is wanted, and nothing ever was, no ctr is started.
    if rows is None:
        rows = __salt__["containerd_images_there.rows"]() if model.images or digests is not None else {}
        there = [name for one in model.images if (name := one.key) in rows]
        whole = __salt__["containerd_images_there.whole"](there)
    else:
        whole = []
    changes = {}
    for one in model.images:
        if change := _change(one, model.images, digests or {}, rows, whole):
            changes.update(change)
            planned["todo"].append(one.key)
    if prune:
        planned["gone"], kept = _gone(model.images, digests or {}, rows)
        planned["warnings"] += [
            f"{name} stays: it is the sandbox image, without which no pod starts." for name in kept
        ]
        changes.update({name: {"old": rows[name].digest, "new": ""} for name in planned["gone"]})
    return {**planned, "changes": changes, "rows": rows, "whole": whole, "prune": prune}


@_told
def apply(intended, done, saltenv="base", cri=True):
    """
    Do what ``plan`` returned: fetch, import, name, label; then remove what is not wanted any more.

    intended
        What ``plan`` returned.

    done
        A dictionary; each change is put there once it is made.

    saltenv : ``base``
        That of ``salt://`` addresses.

    cri : ``True``
        Whether to wait until CRI shows the images.

    :return: true.
    :raises CommandExecutionError: an image could not be had; the others were.
    """
    wrong, names = [], []
    if intended["todo"]:
        with __salt__["containerd_image_files.folder"]() as folder:
            for one in intended["model"].images:
                if one.key in intended["todo"]:
                    try:
                        names += _have(one, intended, folder, done, saltenv)
                    except CommandExecutionError as err:
                        wrong.append(str(err))
    if names and cri and (missing := __salt__["containerd_images_there.taken_up"](names, _TAKEN_UP)):
        wrong.append(f"CRI does not show {', '.join(missing)}: is it ready? See containerd.ready.")
    if intended["prune"]:
        _remove_gone(intended["model"].images, done)
    if wrong:
        raise CommandExecutionError("\n".join(wrong))
    return True


def ours():
    """
    Return the names of the formula's images.

    :raises CommandExecutionError: no daemon answers.
    """
    return [name for name, row in __salt__["containerd_images_there.rows"]().items() if row.archive]


def release(names):
    """
    Take label and pin of images away: they stay, and are kubelet's to remove.

    :raises CommandExecutionError: no daemon answers.
    """
    for name in names:
        __salt__["containerd_images_there.label"](name, {words.OURS: "", words.PINNED: ""})


@_told
def sandbox_image():
    """
    Return the sandbox image that is in effect, with drop-ins and containerd's own default.

    :raises CommandExecutionError: containerd is not installed, or refuses its configuration.
    """
    data = __salt__["containerd_document.dump"](CONFIG)
    if not data:
        data = toml.loads(__salt__["containerd_daemon.config_default"](), "config default")
    name = _at("CRI.sandbox_image", data)
    return name if isinstance(name, str) else ""


def _setting(short):
    """Return a setting of config.toml, None where the file does not have it, or cannot be read."""
    try:
        return _at(short, __salt__["containerd_document.read"](CONFIG))
    except CommandExecutionError:
        return None


def _at(short, data):
    """Return a setting of a configuration, None where it has none."""
    try:
        path = schema.locate(short, data.get("version", 2), data)
    except errors.Refused:
        return None
    return at(data, path) if path else None


def _have(one, intended, folder, done, saltenv):
    """Have one image as pillar says; return its names."""
    name, rows, images = one.key, intended["rows"], intended["model"].images
    digests = _noted() or {}
    digest = digests.get(_noted_as(one), "")
    change = _change(one, images, digests, rows, intended["whole"])
    if name in change:
        address = in_saltenv(one.archive, saltenv)
        path, digest = __salt__["containerd_image_files.prepared"](one, address, folder, _root())
        if not (digest and name in intended["whole"] and rows[name].digest == digest):
            __salt__["containerd_images_there.take"](path, _is_unpacked())
            found = __salt__["containerd_images_there.rows"]().get(name)
            if not found or (digest and found.digest != digest):
                raise CommandExecutionError(f"{name} is not what was imported: {found and found.digest}.")
            digest = found.digest
            if not __salt__["containerd_images_there.whole"]([name]):
                raise CommandExecutionError(f"{name} was imported, and has not all its content: apply again.")
        _note(images, one, digest)
        change = {**change, name: {**change[name], "new": digest}}
        # Another digest than pillar's archive had before is none.
        if change[name]["old"] == digest:
            change.pop(name)
    names = _names(one, digest, images, digests)
    for other in names:
        if other != name:
            __salt__["containerd_images_there.tag"](name, other)
    pinned = "pinned" if one.pinned or _is_sandbox(name) else ""
    for other in names:
        # A second import on 2.x takes all labels away.
        labels = {words.OURS: f"{one.sha256}/{other}", words.PINNED: pinned}
        __salt__["containerd_images_there.label"](other, labels)
    done.update(change)
    return names


def _change(one, images, digests, rows, whole):
    """Return what changes for one of the images; ``digests`` is what archives gave, where that is known."""
    name, changes = one.key, {}
    row, digest = rows.get(name), digests.get(_noted_as(one), "")
    if not row or name not in whole or not digest or row.digest != digest:
        old = row.digest if row else ""
        if row and name not in whole:
            old += " (not whole)"
        changes[name] = {"old": old, "new": digest or f"of archive {one.sha256[:12]}"}
    else:
        for other in _names(one, digest, images, digests):
            if other not in rows or rows[other].digest != digest:
                changes[other] = {"old": "", "new": digest}
            elif rows[other].archive != one.sha256:
                changes[f"{other} archive"] = {"old": rows[other].archive, "new": one.sha256}
    names = _names(one, row.digest, images, digests) if row else []
    pins = [other in rows and rows[other].is_pinned for other in names]
    # One name that is pinned pins the image.
    is_pinned = bool(pins) and (all(pins) if one.pinned else any(pins))
    if is_pinned != one.pinned and not (is_pinned and _is_sandbox(name)):
        changes[f"{name} pinned"] = {"old": is_pinned, "new": one.pinned}
    return changes


def _names(one, digest, images, digests):
    """Return the names of an image with a digest that are its own: two tags share the one by digest."""
    names = one.references(digest)
    known = {each: digests.get(_noted_as(each), each.digest) for each in images}
    having = [each for each in images if names[-1] in each.references(known[each])]
    # The entry that has no other name, else the first.
    owner = next((each for each in having if each.key == names[-1]), having[0] if having else one)
    return names if owner is one else names[:-1]


def _gone(images, digests, rows):
    """Return the names of the formula's images that pillar no longer has, and of these what has to stay."""
    wanted, unknown = set(), set()
    for one in images:
        digest = digests.get(_noted_as(one), "")
        wanted.update(one.references(digest), [one.key])
        # It is not known yet which of its digests is wanted.
        unknown.update([] if digest else [f"{one.repository}@"])
    gone = [
        name
        for name, row in rows.items()
        if row.archive and name not in wanted and not name.startswith(tuple(unknown))
    ]
    kept = {_sandbox_name()}.intersection(gone) if gone else set()
    return [name for name in gone if name not in kept], kept


def _remove_gone(images, done):
    """Remove names that are not wanted, and CRI's own name of an image that has no other then."""
    # Again: what is wanted may have another digest now.
    rows = __salt__["containerd_images_there.rows"]()
    gone, kept = _gone(images, _noted() or {}, rows)
    if gone:
        left = {name: row for name, row in rows.items() if name not in gone}
        ids = words.named_by_id(left, [rows[name].digest for name in gone])
        __salt__["containerd_images_there.remove"]([*gone, *ids])
        done.update({name: {"old": rows[name].digest, "new": ""} for name in gone})
    if not images and not kept and (path := __salt__["containerd_files.kept"](IMAGES)):
        # So that later runs do not ask.
        __salt__["containerd_files.remove"](path)


def _root():
    """Return the folder where containerd has its images."""
    root = _setting("root")
    return root if isinstance(root, str) and root else ROOT


def _is_unpacked():
    """Tell whether ctr unpacks for CRI's snapshotter; for another one, CRI does it with the first pod."""
    return _setting("CRI.containerd.snapshotter") in (None, _SNAPSHOTTER)


def _is_sandbox(name):
    """Tell whether an image is the sandbox image by the configuration, and pinned by that."""
    return image_settings.normalised(_setting("CRI.sandbox_image")) == name


def _sandbox_name():
    """Return the name of the sandbox image in effect, as containerd has it."""
    return image_settings.normalised(_setting("CRI.sandbox_image") or sandbox_image())


def _noted_as(one):
    """Return the name of an image in the record: an archive may have several."""
    return f"{one.sha256} {one.key}"


def _noted():
    """Return which digests archives gave, None if none ever did."""
    data = None
    with contextlib.suppress(CommandExecutionError, ValueError, RecursionError):
        path = __salt__["containerd_files.kept"](IMAGES)
        # One that cannot be read is made anew from the archives.
        data = {} if os.path.lexists(path) else None
        data = json.loads(__salt__["containerd_files.content"](path))
    known = data.items() if isinstance(data, dict) else ()
    return None if data is None else {key: value for key, value in known if isinstance(value, str)}


def _note(images, one, digest):
    """Note which digest an image has, and forget those that pillar no longer has."""
    path = __salt__["containerd_files.kept"](IMAGES, make=True)
    wanted = {_noted_as(each) for each in images}
    noted = {key: value for key, value in (_noted() or {}).items() if key in wanted}
    data = json.dumps({**noted, _noted_as(one): digest}).encode()
    __salt__["containerd_files.replace"](path, data, 0, 0, 0o600)
