"""The runtimes of pods are there, begin with what pillar says, can be used, and go once nobody needs them."""

import containerd_formula
from salt.exceptions import CommandExecutionError

containerd_formula.renew()
from containerd_formula import places
from containerd_formula.addresses import in_saltenv
from containerd_formula.predictions import foretold

# That of the SLS: Salt puts it here.
__env__ = "base"
# And what the states of this run have returned.
__running__ = {}
# Characters of a hash in changes.
_SHORT = 12
# The states that bring containerd, its shim, and maybe runc.
_BRINGING = ("containerd_package.installed", "containerd_archive.unpacked", "containerd_archive.in_use")


def installed(name, runtimes=None, source=""):
    """
    Install the packages and archives of runtimes. This restarts nothing: running containers are not touched.

    All archives are fetched, checked, unpacked and proved (``containerd_runtimes.prove``) before anything is
    installed or switched to. One rename switches to an archive; what config.toml names stays the same.

    name
        Any text.

    runtimes : ``None``
        A dictionary, as pillar ``containerd:runtimes``. Of each runtime this takes ``package`` with
        ``version``, ``hold`` and ``upgrade``, or ``archive`` with ``sha256``.

    source : ````
        The source of containerd, ``containerd:package:source``. With ``docker`` runc comes with containerd.

    SLS Example:

    .. code-block:: yaml

        containerd runtimes are installed:
          containerd_runtimes.installed:
            - runtimes:
                runc: {version: 1.3.*}
                crun: {archive: 'salt://files/crun-1.28', sha256: SHA256}

    :return: a state return; ``changes`` are those of ``containerd_package.installed``, and ``NAME archive``
        to the first digits of old and new hash, the same under ``test=True``. A dry run fetches nothing.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "The runtimes are installed."}
    try:
        wanted = __salt__["containerd_runtime_files.wanted"](runtimes, source)
        archives = _due(wanted["archives"])
        if archives:
            __salt__["containerd_unpack.must_start_programs"](places.RUNTIMES)
        if not __opts__["test"]:
            for key, one in archives.items():
                address = in_saltenv(one["address"], __env__)
                __salt__["containerd_runtime_files.unpack"](key, address, one["sha256"], one["needed"])
                _prove(key, runtimes)
        if wanted["packages"]:
            ret = __states__["containerd_package.all_installed"](name, wanted=wanted["packages"])
        if ret["result"] is False or not archives:
            return ret
        if __opts__["test"]:
            comment = f"{ret['comment']} {', '.join(archives)}: another archive would be in use."
            changes = {**ret["changes"], **_changes(archives)}
            return {**ret, "result": None, "changes": changes, "comment": comment}
        for key, one in archives.items():
            __salt__["containerd_runtime_files.switch"](key, one["sha256"])
            ret["changes"] = {**ret["changes"], **_changes({key: one})}
    except CommandExecutionError as err:
        return {**ret, "result": False, "comment": str(err)}
    return {**ret, "comment": f"{ret['comment']} {', '.join(archives)}: switched to another archive."}


def specs_managed(name, runtimes=None):
    """
    Have the base specs of runtimes: what ``ctr oci spec`` prints, with the fragments of pillar merged in.

    Another fragment, or another release of containerd, is another file. So config.toml names another, the
    daemon restarts for it, and the way back has the old file. A later run removes a file that no
    configuration names any more, which is no change: the comment says so.

    name
        The folder, ``/etc/containerd/base-specs``.

    runtimes : ``None``
        A dictionary, as pillar ``containerd:runtimes``; of a runtime ``base_spec`` counts here, a fragment of
        a container's OCI specification, merged as JSON Merge Patch (RFC 7396).

    SLS Example:

    .. code-block:: yaml

        containerd runtime specs are managed:
          containerd_runtimes.specs_managed:
            - name: /etc/containerd/base-specs
            - runtimes:
                runc:
                  base_spec:
                    process:
                      rlimits:
                        - {type: RLIMIT_NOFILE, soft: 65536, hard: 65536}

    :return: a state return; ``changes`` are paths with old and new, the same under ``test=True``.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": f"{name} is already as specified."}
    planned, done = {"changes": {}}, []
    try:
        planned = __salt__["containerd_specs.plan"](name, runtimes)
        unknown = planned["wanted"] and planned["release"] is None
        if unknown and not __opts__["test"]:
            raise CommandExecutionError("containerd is not installed: apply containerd.package.")
        if planned["wanted"] and not __opts__["test"]:
            __salt__["containerd_release.note"]()
        if not __opts__["test"]:
            __salt__["containerd_specs.apply"](planned, done)
    except CommandExecutionError as err:
        changes = {path: planned["changes"][path] for path in done}
        return {**ret, "result": False, "changes": changes, "comment": str(err)}
    would, result = ("would be", None) if __opts__["test"] else ("was", True)
    if planned["changes"]:
        ret.update(changes=planned["changes"], result=result, comment=f"{name} {would} changed.")
    told = [f"{path} {would} removed: no configuration names it any more." for path in planned["gone"]]
    if unknown:
        told.append("The names follow from the release of containerd that there will be.")
    return {**ret, "comment": "\n".join([ret["comment"], *told])}


def proved(name, runtimes=None):
    """
    Have each runtime of pillar proved before a pod is to run by it.

    Its files are there and root's, its binary tells its version, and, if the daemon answers, a container runs
    by it. What was proved is noted with the files of runtime and containerd: a run in which they are the same
    runs nothing. A failure is one message for all: a state that requires this one, such as that of
    config.toml, does not run.

    name
        Any text.

    runtimes : ``None``
        A dictionary, as pillar ``containerd:runtimes``.

    SLS Example:

    .. code-block:: yaml

        containerd runtimes can be used:
          containerd_runtimes.proved:
            - runtimes:
                crun:
                  binary: /usr/bin/crun

    :return: a state return, always without ``changes``: a proof changes nothing. A dry run only looks for the
        files, and says so; that they are missing is no failure if this run would install them.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": ""}
    try:
        if __opts__["test"] and __salt__["containerd_release.installed"]() is None:
            return {**ret, "comment": "The runtimes would be proved once containerd is installed."}
        if not __opts__["test"]:
            __salt__["containerd_release.note"]()
        found = __salt__["containerd_runtimes.proofs"](runtimes)
    except CommandExecutionError as err:
        return {**ret, "result": False, "comment": str(err)}
    failed = any(not answer["ok"] and not _comes(answer) for answer in found.values())
    lines = [_told(runtime, answer) for runtime, answer in found.items()]
    return {**ret, "result": not failed, "comment": "\n".join(lines) or "No runtime is named."}


def tidied(name, runtimes=None):
    """
    Remove what of the archives of runtimes is not in use any more: old releases, and runtimes that pillar no
    longer has.

    This is for the end of a run, when the daemon has the new configuration. What a running container needs
    stays, and goes with a later run. Packages stay.

    name
        Any text.

    runtimes : ``None``
        A dictionary, as pillar ``containerd:runtimes``.

    SLS Example:

    .. code-block:: yaml

        containerd old runtimes are removed:
          containerd_runtimes.tidied:
            - runtimes:
                crun: null

    :return: a state return; ``changes`` are the links and folders that were removed, the same under
        ``test=True`` but for what a container that ends meanwhile needed.
    """
    try:
        names = __salt__["containerd_runtime_files.wanted"](runtimes)["archives"]
        switched = __opts__["test"] and foretold(__running__, "containerd_runtimes.installed")
        left = __salt__["containerd_runtime_files.leftovers"](names, switched)
        # The daemon may still start containers by what its old configuration names.
        pending = __salt__["containerd_change.pending"]() if left else []
        if pending:
            left = {
                key: {
                    path: users or "the daemon may start containers by it until its restart"
                    for path, users in paths.items()
                }
                if key not in names
                else paths
                for key, paths in left.items()
            }
        return _removed(name, left)
    except CommandExecutionError as err:
        return {"name": name, "result": False, "changes": {}, "comment": str(err)}


def removed(name):
    """
    Remove all archives of runtimes, but what a running container needs. Packages stay.

    name
        Any text.

    SLS Example:

    .. code-block:: yaml

        containerd runtimes are removed:
          containerd_runtimes.removed: []

    :return: a state return; ``changes`` are the links and folders that were removed.
    """
    try:
        return _removed(name, __salt__["containerd_runtime_files.leftovers"]({}))
    except CommandExecutionError as err:
        return {"name": name, "result": False, "changes": {}, "comment": str(err)}


def _due(archives):
    """Return the archives that are not in use; fail if one that is lacks a program that pillar names now."""
    due = {}
    for name, one in archives.items():
        found = __salt__["containerd_runtime_files.current"](name)
        lost = __salt__["containerd_runtime_files.missing"](name, one["sha256"], one["needed"])
        if lost:
            raise CommandExecutionError(
                f"containerd:runtimes:{name}: its archive holds no program {lost}: correct binary or path. "
                f"If it had one, remove {places.RUNTIMES}/{name}@{one['sha256']}: a run unpacks it again."
            )
        if found != one["sha256"]:
            due[name] = {**one, "old": found}
    return due


def _prove(name, runtimes):
    """Fail if no pod would start by an archive that is not in use yet."""
    if __salt__["containerd_release.installed"]() is None:
        return
    given = __salt__["containerd_runtime_files.candidate"](name, runtimes)
    told = __salt__["containerd_runtimes.prove"](name, given)[name]
    if not told["ok"]:
        raise CommandExecutionError(
            f"containerd:runtimes:{name}: its archive fails the proof, and is not in use: {told['reason']}."
        )


def _changes(archives):
    return {
        f"{name} archive": {"old": one["old"][:_SHORT], "new": one["sha256"][:_SHORT]}
        for name, one in archives.items()
    }


def _removed(name, left):
    """Remove the paths that nobody uses; return a state return."""
    ret = {"name": name, "result": True, "changes": {}, "comment": "There is nothing to remove."}
    used = [f"{path} stays: {users}." for one in left.values() for path, users in one.items() if users]
    if used:
        ret["comment"] = " ".join(used)
    gone = [path for one in left.values() for path, users in one.items() if not users]
    if not gone:
        return ret
    ret["changes"] = {path: {"old": "present", "new": ""} for path in gone}
    if __opts__["test"]:
        return {**ret, "result": None, "comment": " ".join([f"{', '.join(gone)}: would be removed.", *used])}
    __salt__["containerd_runtime_files.remove"](gone)
    return {**ret, "comment": " ".join([f"{', '.join(gone)}: removed.", *used])}


def _comes(answer):
    """Tell whether what is missing would be brought by a state of this dry run."""
    bringing = (*_BRINGING, *(["containerd_runtimes.installed"] if answer["brought"] else ()))
    return __opts__["test"] and answer["missing"] and any(foretold(__running__, one) for one in bringing)


def _told(runtime, answer):
    """Return a sentence about a runtime."""
    why = answer["reason"]
    if not answer["ok"]:
        if _comes(answer):
            return f"{runtime} would be proved once it is installed."
        return f"The runtime {runtime} fails its proof, so its pods would not start: {why}."
    if answer["new"] and __opts__["test"]:
        return f"{runtime} would be proved: {answer['how']}, and {why}."
    if not answer["new"]:
        return f"{runtime} is proved already: {answer['how']}."
    return f"{runtime} is proved: {answer['how']}" + (f" ({why})." if why else ".")
