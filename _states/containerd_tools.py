"""Files for people at the node's shell: what crictl and nerdctl are told of this containerd."""

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()
from containerd_formula.predictions import changes, foretold

# The results of this run's earlier states: Salt sets it for each call.
__running__ = {}
# The states that bring containerd, and ctr with it.
_BRINGING = ("containerd_package.installed", "containerd_archive.in_use")


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
        coming = changes(__running__, "containerd_toml.managed")
        planned = __salt__["containerd_tools.plan"](name, tool, config, coming, replace)
    except CommandExecutionError as err:
        return {**ret, "result": False, "comment": str(err)}
    if planned["text"] is None:
        return {**ret, "comment": f"{name} is another's, and says the same."}
    written = _write(name, planned["text"], backup="minion")
    if written["result"] is False or not written["changes"]:
        return {**ret, "result": written["result"], "comment": written["comment"] or ret["comment"]}
    comment = f"{name} {'would be' if __opts__['test'] else 'was'} written."
    # Where only owner or mode are another, Salt has them.
    told = planned["changes"] or written["changes"]
    return {**ret, "result": written["result"], "changes": told, "comment": comment}


def completed(name, tools=None):
    """
    Have bash complete the words of tools whose packages do not bring that. This restarts nothing.

    ctr gets a few lines that ask it, crictl and nerdctl print their own; a tool that others than root can
    change is refused. One that is not installed, or that somebody else's file completes, is left alone, and
    named. What the formula wrote for others goes.

    name
        The folder, ``/etc/bash_completion.d``.

    tools : ``None``
        A list of ``ctr``, ``crictl`` and ``nerdctl``.

    SLS Example:

    .. code-block:: yaml

        containerd shell completion is managed:
          containerd_tools.completed:
            - name: /etc/bash_completion.d
            - tools: [ctr, crictl]

    :return: a state return; ``changes`` are paths with old and new, the same under ``test=True``, which
        starts no tool.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": f"{name} is already as specified."}
    try:
        coming = ["ctr"] if any(foretold(__running__, one) for one in _BRINGING) else []
        planned = __salt__["containerd_completions.plan"](name, tools, coming)
        for path, change in planned["changes"].items():
            if not __opts__["test"]:
                _complete(path, planned["write"].get(path))
            ret["changes"][path] = change
    except CommandExecutionError as err:
        return {**ret, "result": False, "comment": str(err)}
    if ret["changes"]:
        would, result = ("would be", None) if __opts__["test"] else ("was", True)
        ret.update(result=result, comment=f"{name} {would} changed.")
    return {**ret, "comment": "\n".join([ret["comment"], *planned["told"]])}


def _complete(path, tool):
    """Write the completion of a tool, or remove that of none."""
    if tool:
        done = _write(path, __salt__["containerd_completions.text"](tool))
    else:
        done = __states__["file.absent"](name=path)
    if done["result"] is False:
        raise CommandExecutionError(done["comment"])


def _write(name, text, **more):
    """Return the state return of a file that only root can change."""
    given = {"name": name, "contents": text, "user": "root", "group": "root", "mode": "0644", **more}
    return __states__["file.managed"](**given, makedirs=True, show_changes=False)


def _removed(ret):
    """Have no file that the formula wrote."""
    try:
        if not __salt__["containerd_tools.is_ours"](ret["name"]):
            return {**ret, "comment": f"{ret['name']} is not managed."}
    except CommandExecutionError as err:
        return {**ret, "result": False, "comment": str(err)}
    return __states__["file.absent"](name=ret["name"])
