"""The folder of registries is what pillar says, and containerd reads it so."""

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula.hosts_toml import folder_of
from containerd_formula.places import CONFIG
from containerd_formula.predictions import planned as is_planned

# That of the SLS: Salt puts it here.
__env__ = "base"
# And what the states of this run are.
__lowstate__ = ()


def managed(name, registries=None, environment=None):
    """
    Have the files of registries (``hosts.toml``, certificates, keys), proved by the installed containerd.

    Before anything is written, ``ctr`` reads each file that changes, without a network, and has to ask
    the hosts that are meant in the order that is meant. No change here restarts anything. Folders of the
    formula that pillar no longer names go; those of others stay, and are named.

    name
        The folder, such as ``/etc/containerd/certs.d``.

    registries : ``None``
        A dictionary, as pillar ``containerd:registries``: ``hosts``, ``endpoints``, ``prune``, ``check``.
        With ``check: warn`` each mirror of a change is asked, and the comment says which does not serve;
        with ``fail`` nothing is written then; with ``false`` none is asked.

    environment : ``None``
        A dictionary, as pillar ``containerd:service:environment``: the mirrors are asked through the proxies
        that the daemon will have. None takes those that it has.

    SLS Example:

    .. code-block:: yaml

        containerd registries are managed:
          containerd_registries.managed:
            - name: /etc/containerd/certs.d
            - registries:
                hosts:
                  docker.io:
                    mirrors: [https://mirror.corp]
            - environment: {HTTPS_PROXY: http://proxy.corp:3128}

    :return: a state return; ``changes`` are relative paths, and of a hosts.toml its dotted keys, with old and
        new, the same under ``test=True``, secrets masked. A dry run asks no mirror.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": f"{name} is already as specified."}
    planned, done = {}, []
    try:
        planned = __salt__["containerd_certs.plan"](name, registries, __env__)
        if planned["release"] is None and planned["wanted"]:
            if not __opts__["test"]:
                raise CommandExecutionError("containerd is not installed: apply containerd.package.")
            planned["warnings"].append("It is not known yet which containerd there will be.")
        if planned["wanted"] and not is_planned(__lowstate__, "containerd_toml.managed", CONFIG):
            if not __salt__["containerd_certs.is_read"](name):
                planned["warnings"].append(f"{CONFIG} does not name this folder: apply containerd.config.")
        if planned["wanted"] and not __opts__["test"]:
            __salt__["containerd_release.note"]()
        if not planned["changes"]:
            return _told(ret, planned["warnings"])
        ret["changes"] = planned["changes"]
        if __opts__["test"]:
            return _told({**ret, "result": None, "comment": f"{name} would be changed."}, planned["warnings"])
        lost = _lost(planned, environment)
        if lost and planned["model"].check == "fail":
            raise CommandExecutionError("\n".join(["Nothing was changed, since check is fail.", *lost]))
        __salt__["containerd_certs.apply"](name, planned, done)
    except CommandExecutionError as err:
        changes = {path: planned["changes"][path] for path in done}
        return {**ret, "result": False, "changes": changes, "comment": str(err)}
    return _told({**ret, "comment": f"{name} was changed."}, [*planned["warnings"], *lost])


def removed(name):
    """
    Have none of the formula's files in a folder of registries; what others put there stays, and is named.

    name
        The folder.

    SLS Example:

    .. code-block:: yaml

        containerd registries are removed:
          containerd_registries.removed:
            - name: /etc/containerd/certs.d

    :return: a state return; ``changes`` are relative paths, and of a hosts.toml its dotted keys.
    """
    ret = managed(name, {"prune": True, "check": False})
    return {**ret, "comment": ret["comment"].replace("as specified", "without the formula's files")}


def _lost(planned, environment):
    """Return sentences about mirrors that do not serve, of the registries that change."""
    model = planned["model"]
    if model.check is False:
        return []
    changed = set(map(folder_of, planned["files"]))
    some = model._replace(registries=[one for one in model.registries if one.folder in changed])
    answers = __salt__["containerd_registries.reached"](some, __env__, environment=environment)
    return __salt__["containerd_registries.lost"](answers)


def _told(ret, sentences):
    return {**ret, "comment": "\n".join([ret["comment"], *sentences])}
