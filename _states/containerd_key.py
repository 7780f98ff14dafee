"""The key of a package repository is the one that the site has pinned."""

import os

import containerd_formula
from salt.exceptions import CommandExecutionError, MinionError

containerd_formula.renew()
from containerd_formula import secrets
from containerd_formula.addresses import in_saltenv

# The saltenv of the SLS: Salt sets it.
__env__ = "base"


def managed(name, source, fingerprints):
    """
    Write a file that holds pinned keys and no others, as gpg exports them, never as they were fetched.

    A key is fetched from the network only if the file does not hold it, or holds an expired one.

    name
        The file. Its mode is 0644: apt reads it as another user.

    source
        The address of the key (``http(s)://``, ``salt://`` or ``file://``), or its armored text.

    fingerprints
        A list of fingerprints, in any spelling.

    SLS Example:

    .. code-block:: yaml

        containerd repository key is installed:
          containerd_key.managed:
            - name: /etc/apt/keyrings/docker.asc
            - source: salt://files/docker.asc
            - fingerprints: ['9DC8 5822 9FC7 DD38 854A E2D8 8D81 803C 0EBF CD88']

    :return: a state return; ``changes`` are ``key`` and other attributes of the file. The old content is not
        shown: it may be anything. Without gpg a dry run predicts no change of an existing file.
    """
    ret = {"name": name, "result": False, "changes": {}, "comment": ""}
    there = os.path.exists(name)
    if __opts__["test"] and not __salt__["cmd.which"]("gpg"):
        changes = {} if there else {"key": {"old": "", "new": "the pinned key"}}
        return {**ret, "result": None, "changes": changes, "comment": "It is read once gpg is installed."}
    try:
        text = None
        if source.startswith(("http://", "https://")):
            text = __salt__["containerd_key.on_node"](name, fingerprints)
        if text is None:
            text = __salt__["containerd_key.fetch"](in_saltenv(source, __env__), fingerprints)
    except (CommandExecutionError, MinionError) as err:
        return {**ret, "comment": secrets.masked_url(str(err))}
    ret = __states__["file.managed"](name=name, contents=text, mode="0644", makedirs=True, show_changes=False)
    changes = {what: change for what, change in ret["changes"].items() if what not in ("diff", "newfile")}
    if len(changes) < len(ret["changes"]):
        changes["key"] = {"old": "another file" if there else "", "new": "the pinned key"}
    return {**ret, "changes": changes}
