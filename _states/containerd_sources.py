"""apt's sources beside the formula's own: set aside where they clash, restored, and their keys kept."""

import os

from salt.exceptions import CommandExecutionError


def rivals_set_aside(name, uri, suite, own):
    """
    Comment out the sources of other tools that clash with ours.

    name
        Any text.

    uri
        The address of our source.

    suite
        The suite of our source.

    own
        The file of our source.

    SLS Example:

    .. code-block:: yaml

        containerd repository has no rival:
          containerd_sources.rivals_set_aside:
            - uri: https://download.docker.com/linux/debian
            - suite: bookworm
            - own: /etc/apt/sources.list.d/docker.sources

    :return: a state return; ``changes`` are file to old and new.
    """
    return _rewrite(
        name, lambda: __salt__["containerd_sources.rivals"](uri, suite, own), "in use", "set aside"
    )


def rivals_restored(name, own):
    """
    Restore the sources that ``rivals_set_aside`` commented out.

    name
        Any text.

    own
        The file of our source.

    SLS Example:

    .. code-block:: yaml

        containerd repository rivals are restored:
          containerd_sources.rivals_restored:
            - own: /etc/apt/sources.list.d/docker.sources

    :return: a state return; ``changes`` are file to old and new.
    """
    return _rewrite(name, lambda: __salt__["containerd_sources.restored_rivals"](own), "set aside", "in use")


def key_removed(name, own):
    """
    Remove the key of a repository, unless somebody else's source needs it.

    name
        The key's file.

    own
        The file of our source.

    SLS Example:

    .. code-block:: yaml

        containerd repository key is removed:
          containerd_sources.key_removed:
            - name: /etc/apt/keyrings/docker.asc
            - own: /etc/apt/sources.list.d/docker.sources

    :return: a state return; that of ``file.absent`` if it removes.
    """
    users = __salt__["containerd_sources.users_of_key"](name, own)
    if users and os.path.exists(name):
        comment = f"{name} stays: {', '.join(users)} needs it."
        return {"name": name, "result": True, "changes": {}, "comment": comment}
    return __states__["file.absent"](name=name)


def _rewrite(name, find, old, new):
    """Write the files that a function returns; return a state return."""
    ret = {"name": name, "result": True, "changes": {}, "comment": "There are no such sources."}
    try:
        texts = find()
    except CommandExecutionError as err:
        return {**ret, "result": False, "comment": str(err)}
    if not texts:
        return ret
    changes = {path: {"old": old, "new": new} for path in texts}
    if __opts__["test"]:
        return {**ret, "result": None, "changes": changes, "comment": f"{', '.join(texts)} would be {new}."}
    for path, text in texts.items():
        written = __states__["file.managed"](name=path, contents=text, show_changes=False)
        if written["result"] is False:
            return {**ret, "result": False, "comment": written["comment"]}
    return {**ret, "changes": changes, "comment": f"{', '.join(texts)}: {new}."}
