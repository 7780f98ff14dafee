"""Files for people at the node's shell: what crictl and nerdctl are told of this containerd."""

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()
from containerd_formula.predictions import changes as foretold_changes

# The results of this run's earlier states: Salt sets it for each call.
__running__ = {}


def managed(name, tool, manage=False, config=None, replace=False):
    """
    Write the file of a tool, with the socket and folders of this node's containerd. This restarts nothing.

    The settings follow from the configuration of containerd: of crictl ``runtime-endpoint`` and
    ``image-endpoint``; of nerdctl ``address``, ``namespace`` (``k8s.io``), ``snapshotter`` and, where
    registries are files, ``hosts_dir``. A file that somebody else wrote stays, and is an error unless it says
    the same, or ``replace`` is true: then a copy goes to the minion's backups.

    name
        The file, ``/etc/crictl.yaml`` or ``/etc/nerdctl/nerdctl.toml``.

    tool
        ``crictl`` or ``nerdctl``.

    manage : ``False``
        Whether the file is to be. If not, one that the formula wrote is removed.

    config : ``None``
        A dictionary: keys of the tool's own, merged over what follows (RFC 7396); null leaves one out. Both
        tools refuse a file with a key that they do not know: so does this.

    replace : ``False``
        Whether a file of somebody else's is replaced.

    SLS Example:

    .. code-block:: yaml

        containerd crictl configuration is managed:
          containerd_tools.managed:
            - name: /etc/crictl.yaml
            - tool: crictl
            - manage: true
            - config: {timeout: 10}

    :return: a state return; ``changes`` are keys with old and new, the same under ``test=True``.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": f"{name} is already as specified."}
    if not manage:
        return _removed(ret)
    try:
        coming = foretold_changes(__running__, "containerd_toml.managed")
        planned = __salt__["containerd_tools.plan"](name, tool, config, coming, replace)
    except CommandExecutionError as err:
        return {**ret, "result": False, "comment": str(err)}
    if planned["text"] is None:
        return {**ret, "comment": f"{name} is another's, and says the same."}
    written = __states__["file.managed"](
        **{"name": name, "contents": planned["text"], "user": "root", "group": "root", "mode": "0644"},
        **{"makedirs": True, "backup": "minion", "show_changes": False},
    )
    if written["result"] is False or not written["changes"]:
        return {**ret, "result": written["result"], "comment": written["comment"] or ret["comment"]}
    # Its own, where only owner or mode are another.
    changes = planned["changes"] or written["changes"]
    comment = f"{name} {'would be' if __opts__['test'] else 'was'} written."
    return {**ret, "result": written["result"], "changes": changes, "comment": comment}


def _removed(ret):
    """Have no file that the formula wrote."""
    try:
        if not __salt__["containerd_tools.is_ours"](ret["name"]):
            return {**ret, "comment": f"{ret['name']} is not managed."}
    except CommandExecutionError as err:
        return {**ret, "result": False, "comment": str(err)}
    return __states__["file.absent"](name=ret["name"])
