"""
Runtimes: which handlers a node has, and whether pods can run by them.

With a wrong runtime the daemon, CRI and the node look healthy until a pod starts. Here it is found out
before. Nothing here changes the node.
"""

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import errors, runtime_proof
from containerd_formula import runtime_classes as classes
from containerd_formula import runtime_settings as library
from containerd_formula.findings import errors as errors_of

_told = errors.told_as(CommandExecutionError)


def prove(name=None, runtimes=None):
    """
    Prove runtimes: their files are root's, they tell their version, and the daemon runs a container by them.

    No image, registry or CNI is needed, and nothing is left. A container is tried if the daemon answers and
    is of the installed release. A shim other than containerd's own may take its settings from CRI alone: if
    no container runs by it, that is said, and is no error. Under ``test=True`` nothing is run that pillar
    names.

    name : ``None``
        The runtime, one of pillar or of the configuration in effect. None proves all of both.

    runtimes : ``None``
        A dictionary, as pillar ``runtimes``. None takes that of the formula on this minion.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_runtimes.prove
        salt '*' containerd_runtimes.prove crun
        salt '*' containerd_runtimes.prove crun '{crun: {binary: /usr/local/bin/crun}}'

    :return: a dictionary: runtime to ``ok``; ``how``, which is ``a container ran``, ``it tells its version``,
        ``it is there`` or empty; and ``reason``, why it is not ok, or why the proof went no further.
    :raises CommandExecutionError: containerd is not installed, ``check`` finds errors, or there is no such
        runtime.
    """
    found = _wanted(name, runtimes)
    is_serving = not __opts__["test"] and __salt__["containerd_daemon.serves"]()
    result = {}
    for one in found:
        seen = __salt__["containerd_runtimes_there.looked_at"](one)
        if seen["reason"]:
            result[one.name] = {"ok": False, "how": "", "reason": seen["reason"]}
        else:
            result[one.name] = __salt__["containerd_proof.made"](one, seen["programs"], is_serving)
    return result


def check(runtimes=None):
    """
    Find everything that is wrong with pillar ``runtimes`` for this node's containerd; nothing is run.

    runtimes : ``None``
        As for ``prove``.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_runtimes.check

    :return: a list of findings: ``key``, ``level`` (``error`` or ``warning``) and ``message``.
    """
    given = _given(runtimes)
    found = library.read(given, __salt__["containerd_release.installed"]()).findings
    return [one.shown() for one in found]


def runtime_classes(runtimes=None):
    """
    Return the RuntimeClass objects by which pods name this node's runtimes, for ``kubectl apply -f -``.

    The default runtime has none: pods have it without.

    runtimes : ``None``
        As for ``prove``.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_runtimes.runtime_classes --out=json

    :return: YAML text. A runtime whose name Kubernetes does not take is a comment in it.
    :raises CommandExecutionError: containerd is not installed, or ``check`` finds errors.
    """
    model = _model(_given(runtimes))
    known, default = ({}, "") if runtimes is not None else _in_effect()
    names = dict.fromkeys([*(one.name for one in model.runtimes), *known, library.RUNC])
    return classes.as_yaml(list(names), model.default or default or library.RUNC)


def proofs(runtimes):
    """
    Prove those runtimes of a pillar that were not proved yet with the files of now, and note that.

    For the state: a run that changes none of them runs nothing. A proof without a daemon is done again where
    one answers.

    :return: a dictionary: runtime to ``ok``, ``how``, ``reason``; ``new``, whether it was proved now;
        ``missing``, whether only files are not there; ``brought``, whether pillar says where they come from.
    :raises CommandExecutionError: containerd is not installed, or ``check`` finds errors.
    """
    result, new, serving = {}, [], []
    for one in _model(runtimes).runtimes:
        seen = __salt__["containerd_runtimes_there.looked_at"](one)
        facts = {
            "new": True,
            "missing": seen["missing"],
            "brought": bool(one.archive or library.package_of(one)),
        }
        if seen["reason"]:
            result[one.name] = {"ok": False, "how": "", "reason": seen["reason"], **facts}
            continue
        noted = __salt__["containerd_runtimes_there.proved"](one, seen["programs"])
        is_new = not noted or not (noted["complete"] or __opts__["test"])
        if is_new and not serving:
            # Asked once, and only if there is something to prove.
            serving.append(not __opts__["test"] and __salt__["containerd_daemon.serves"]())
        if noted and not (is_new and serving[0]):
            result[one.name] = {"ok": True, "how": noted["how"], "reason": "", **facts, "new": False}
            continue
        answer = __salt__["containerd_proof.made"](one, seen["programs"], serving[0])
        result[one.name] = {**answer, **facts}
        if answer["ok"]:
            new.append((one, seen["programs"], answer["how"], serving[0]))
    if new and not __opts__["test"]:
        __salt__["containerd_runtimes_there.note"](new)
    return result


def told():
    """
    Return sentences for a report about runtimes of pillar that cannot be run; nothing is run for it.

    :raises CommandExecutionError: the formula does not render here.
    """
    given = _given(None)
    if not given:
        return []
    model = library.read(given, __salt__["containerd_release.installed"]())
    if wrong := errors_of(model.findings):
        return wrong
    seen = ((one.name, __salt__["containerd_runtimes_there.looked_at"](one)) for one in model.runtimes)
    return [f"{name}: {found['reason']}." for name, found in seen if found["reason"]]


@_told
def _in_effect():
    """Return the runtimes of the configuration in effect, and the default one's name."""
    return runtime_proof.in_effect(__salt__["containerd_document.dump"]())


def _wanted(name, runtimes):
    """Return the runtimes to prove: those of pillar, and of the configuration what pillar does not name."""
    model = _model(_given(runtimes))
    named = {one.name: one for one in model.runtimes}
    if name is None and runtimes is not None:
        return list(named.values())
    known = named if isinstance(name, str) and name in named else {**_in_effect()[0], **named}
    if name is None:
        return list(known.values())
    if not isinstance(name, str) or name not in known:
        shown, there = errors.brief(errors.quoted(name)), ", ".join(known) or "none"
        raise CommandExecutionError(
            f"There is no runtime {shown} in pillar or in config.toml: there is {there}."
        )
    return [known[name]]


def _model(given):
    """Return the model of a pillar for the installed containerd; fail if something is wrong with it."""
    release = __salt__["containerd_release.installed"]()
    if release is None:
        raise CommandExecutionError("containerd is not installed: apply containerd.package.")
    model = library.read(given, release)
    if wrong := errors_of(model.findings):
        raise CommandExecutionError("\n".join(wrong))
    return model


def _given(runtimes):
    """Return pillar ``runtimes``: that of the SLS where none is given."""
    return __salt__["containerd_layers.runtimes"]() if runtimes is None else runtimes
