"""
The configuration document of this node: make it for the binary, check it with the binary, compare it with the
file.

``containerd_toml`` is the module for people; this one reads the node for it. Nothing here writes the file.
"""

import functools
import os

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import (
    document,
    drift,
    errors,
    findings,
    made_layers,
    minimal,
    reading,
    registry_config,
    runtime_config,
    toml,
)
from containerd_formula.conditions import holds
from containerd_formula.data import at, same
from containerd_formula.durations import seconds
from containerd_formula.places import CONFIG, DROP_IN, ENVIRONMENT, file_path
from containerd_formula.rules.context import Node
from containerd_formula.secrets import secrets

_told = errors.told_as(CommandExecutionError)

# These may be rolled back together with the configuration file.
UNIT_FILES = (DROP_IN, ENVIRONMENT)
SAME = "the same settings, written in whole"
_OF_REGISTRIES = (
    "The mirrors and credentials of this file can be pillar containerd:registries, whose changes restart "
    "nothing: containerd_registries.from_config returns it, in place of registry in config."
)
CGROUP_V2 = "/sys/fs/cgroup/cgroup.controllers"
HEADER = """\
# Managed by Salt (containerd-formula). Edits to this file are overwritten: change pillar containerd:config.
# It is this containerd's own `containerd config default` with the site's overrides merged in.

"""


@_told
def read(path=CONFIG):
    """
    Return a TOML file as plain data.

    :raises CommandExecutionError: the file cannot be read, or is not valid TOML: the message has the line.
    """
    return toml.loads(_slurp(path), path)


@_told
def compose(base, overrides, strict=True, path=CONFIG, cri=True):
    """
    Merge overrides into a default, TOML text, and check them against this node: the library's ``Composed``.

    :raises CommandExecutionError: the base is not valid TOML, or the overrides are not fragments.
    """
    release = _release(overrides)
    coming = _coming(overrides, release)
    node = Node(
        is_file=lambda path: path in coming or os.path.isfile(path),
        cgroup_v2=os.path.exists(CGROUP_V2),
        why_not_roots=__salt__["containerd_paths.why_not_roots"],
        entries=__salt__["containerd_paths.entries"],
        cri=cri,
        exists=lambda path: path in coming or os.path.exists(path),
        is_folder=os.path.isdir,
        is_executable=lambda path: path in coming or _is_executable(path),
        path=__salt__["containerd_daemon.search_path"](),
        kubelet=functools.cache(__salt__["containerd_kubelet.told"]),
        kubelet_takes_over=__salt__["containerd_kubelet.takes_over"],
    )
    folder = os.path.dirname(path)
    return document.compose(base, overrides, strict=strict, folder=folder, node=node, release=release)


@_told
def secret(overrides):
    """
    Tell whether overrides hold a secret; only layers for the installed containerd count.
    """
    release = _release(overrides) if __salt__["cmd.which"]("containerd") else None
    named, when = document.layers(overrides, release), document.conditions(overrides)
    return any(
        secrets(fragment)
        for (_, fragment), condition in zip(named, when)
        if None in (condition, release) or holds(condition, release)
    )


def make(overrides, strict=True, path=CONFIG, cri=True):
    """
    Return the document that this node should have: the library's ``Composed``, its text with our header.

    A setting that keeps pods from starting, but does so already, is a warning: it makes nothing worse.

    :raises CommandExecutionError: containerd or tomlkit is not installed, or the document has errors.
    """
    made = compose(__salt__["containerd_daemon.config_default"](), overrides, strict, path, cri)
    if any(one.about == "pods" and one.level == findings.ERROR for one in made.findings):
        now = reading.guessed(_data_and_change(path, _current(path))[0], made).effect
        made = made._replace(findings=[_as_it_is(one, now, made.result) for one in made.findings])
    _refuse(made.findings, "The configuration")
    return made._replace(text=HEADER + made.text)


def report(overrides=None, beneath=False, refuse=True):
    """
    Return the document for a report: the library's ``Composed``.

    Without overrides it has the formula's own layers; with ``beneath`` only those below the pillar. A layer
    that cannot be translated is an error; without ``refuse`` it is a finding.

    :raises CommandExecutionError: containerd or tomlkit is not installed, or a layer cannot be translated.
    """
    layers = __salt__["containerd_layers.of_formula"](beneath) if overrides is None else overrides
    made = compose(__salt__["containerd_daemon.config_default"](), layers, strict=False)
    # The document lacks such a layer, so that a report would be wrong about it.
    if refuse:
        _refuse([one for one in made.findings if one.about == "layer"], "The configuration")
    return made


@_told
def adopted(path=CONFIG, show_secrets=False, beneath=None):
    """
    Do the work of ``containerd_toml.minimal``.

    :raises CommandExecutionError: as for that function.
    """
    text = _slurp(path)
    found = toml.loads(text, path)
    made = report(beneath, beneath=True)
    under = __salt__["containerd_layers.of_formula"](True) if beneath is None else beneath
    lower = [{name: layer} for name, layer in document.layers(under, _release(under))]
    default = __salt__["containerd_daemon.config_default"]()
    read_as = __salt__["containerd_current.read"](path, text, found, made)
    answer = minimal.minimal(
        made,
        read_as,
        lambda config: compose(default, [*lower, {"pillar": config}], path=path),
        show_secrets,
        lambda judged: __salt__["containerd_current.lost"](judged, path, read_as),
    )
    return {**answer, **({"hints": [_OF_REGISTRIES]} if registry_config.from_config(found)[0] else {})}


@_told
def drifted(path, made):
    """
    Do the work of ``containerd.drift``, for a composed document.

    :raises CommandExecutionError: the file cannot be read, or is not valid TOML.
    """
    text = _current(file_path(path)) or ""
    found = toml.loads(text, path)
    answer = drift.drift(found, made, path, whole=HEADER.split("\n", 1)[0] in text)
    kept = {name: __salt__["containerd_change.copies"](name)["rejected"] for name in (path, *UNIT_FILES)}
    rejected = {name: {"file": copy} for name, copy in kept.items() if os.path.exists(copy)}
    masking = {}
    for one in imported(path, found):
        masking.setdefault(one.key, []).append(one.message)
    more = {"rejected": rejected, "drop_ins": masking}
    return {**answer, **{kind: facts for kind, facts in more.items() if facts}}


@_told
def dump(path=CONFIG):
    """
    Return what is in effect with a file as plain data; nothing if there is no file.

    :raises CommandExecutionError: containerd is not installed, or refuses the file.
    """
    if not os.path.exists(file_path(path)):
        return {}
    return toml.loads(
        __salt__["containerd_daemon.config_dump"](path, show_secrets=True)["text"], "config dump"
    )


def imported(path, data):
    """
    Return findings about the files that a configuration imports.
    """
    return __salt__["containerd_imports.wrong"](path, data)


@_told
def plan(path, overrides, strict=True, trial=0, beside=None, cri=True):
    """
    Do the work of ``containerd_toml.plan``; the text has its secrets, and ``awaits`` names base specs of
    runtimes that have to be there before the file.

    ``beside``, path to text, is what other files will hold: files that were rolled back together are refused.
    Without ``cri`` the daemon need not serve CRI.
    """
    seconds(trial, "trial")
    __salt__["containerd_paths.must_be_roots"](file_path(path))
    __salt__["containerd_change.sweep"](path)
    made = make(overrides, strict, path, cri)
    masked = imported(path, made.result)
    _refuse(masked, path)
    answer = {
        "text": made.text,
        "write": False,
        "changes": {},
        "warnings": findings.warnings([*made.findings, *masked]),
        "secret": bool(secrets(made.site)),
        "awaits": [],
    }
    current = _current(path)
    # The usual case: nothing more to parse or run.
    if current == made.text:
        return answer
    document.verify(made.text, made.result)
    found, changes = _data_and_change(path, current)
    if same(found, made.result):
        return answer
    no_sandbox = __salt__["containerd_sandbox.why_not"]()
    read_as = __salt__["containerd_current.before"](path, current, found, made, no_sandbox)
    # These two as the file writes them.
    before = {
        **read_as.effect,
        **{key: found[key] for key in ("version", "disabled_plugins") if key in found},
    }
    _refuse(_moved_under_containers(_good(path, current, found) or before, made.result), path)
    _refuse(_rolled_back_from(path, made.text, beside), path)
    lacking = _lacking(overrides)
    proof, shown = __salt__["containerd_current.prove"](
        made, path, read_as, strict=strict, trial=trial, cri=cri, no_sandbox=no_sandbox, more=lacking
    )
    _refuse(proof, path, masked)
    answer["warnings"] += findings.warnings(proof)
    if not reading.is_cri_off(made.result):
        answer["warnings"] += findings.warnings(minimal.cri_comes_on(read_as))
    if HEADER not in (current or ""):
        answer["warnings"] += [f"In the file as it is: {one.message}" for one in read_as.dead]
    changes.update(reading.with_imports(reading.changes(before, made.result), read_as, shown, made))
    answer["awaits"] = sorted(lacking)
    return {**answer, "write": True, "changes": changes or {path: {"old": None, "new": SAME}}}


def moved(path=CONFIG):
    """
    Return errors about ``root`` or ``state`` that the file would change under running containers.

    :return: a list of sentences; empty if ``root`` and ``state`` stay, or no container runs.
    :raises CommandExecutionError: the file cannot be read, or is not valid TOML.
    """
    before = _good(path)
    return findings.errors(_moved_under_containers(before, read(path))) if before else []


def _release(overrides):
    """Return the installed release if a layer depends on it, else None: asking may cost a start of ctr."""
    if not document.needs_release(overrides):
        return None
    # Without any, the binary's absence is the error.
    return __salt__["containerd_release.installed"]() or __salt__["containerd_daemon.version"]()


def _coming(overrides, release):
    """Return the files that the run brings for the runtimes, which a preview does not find yet."""
    given = document.given(overrides, made_layers.RUNTIMES)
    return {*runtime_config.specs(given, release), *runtime_config.installed(given, release)}


def _lacking(overrides):
    """Return the base specs that are not there yet: path to text."""
    given = document.given(overrides, made_layers.RUNTIMES)
    return __salt__["containerd_specs.missing"](given, _release(overrides)) if given else {}


def _is_executable(path):
    return os.path.isfile(path) and os.access(path, os.X_OK)


def _moved_under_containers(before, result):
    """Return an error for each directory that would change under running containers."""
    keys = [key for key in ("root", "state") if before.get(key) != result.get(key)]
    running = __salt__["containerd_daemon.containers"](before.get("state")) if keys else []
    return [
        findings.finding(
            (key,),
            f"{len(running)} containers run on this node, and would be lost with {result.get(key)!r} instead "
            f"of {before.get(key)!r}: drain the node and remove them first.",
        )
        for key in keys
        if running
    ]


def _rolled_back_from(path, text, beside):
    """Return an error if this very content was rolled back: the daemon would fail again."""
    if not __salt__["containerd_change.rejected"](path, text, beside):
        return []
    kept = __salt__["containerd_change.copies"](path)["rejected"]
    words = (
        f"this very content was rolled back before; the first line of {kept} says why, and whether other "
        "files went with it. Change the pillar, or remove that copy to have the content tried again."
    )
    return [findings.Finding(path, words)]


def _as_it_is(one, now, result):
    """Return a finding, as a warning if the node's file has the same value already."""
    known = one.about == "pods" and at(now, one.path) == at(result, one.path)
    return one._replace(level=findings.WARNING) if known else one


def _refuse(found, what, hints=()):
    """Raise one error for all findings that are errors, with warnings that may explain them."""
    if wrong := findings.errors(found):
        lines = [f"{what} is refused; nothing was changed.", *wrong, *findings.warnings(hints)]
        raise CommandExecutionError("\n".join(lines))


def _data_and_change(path, text):
    """Return the data of the file's text, and the change of a file that is missing or not TOML."""
    if text is None:
        return {}, {path: {"old": None, "new": "created"}}
    try:
        return (toml.loads(text, path) if text else read(path)), {}
    except (CommandExecutionError, errors.Refused) as err:
        return {}, {path: {"old": str(err), "new": "replaced"}}


def _good(path, current=None, found=None):
    """Return the data with which a ready daemon ran last, or None if it is not known."""
    text = __salt__["containerd_change.good"](path)
    if text is None:
        return None
    try:
        # Mostly the same as the file, which is parsed already.
        return found if found and text == current else toml.loads(text.removeprefix("\ufeff"))
    except errors.Refused:
        return None


def _current(path):
    """Return the text of the file as it is; None if there is no file, empty if it is not text."""
    if not os.path.lexists(path):
        return None
    try:
        return _slurp(path)
    except CommandExecutionError as err:
        if isinstance(err.__cause__, UnicodeDecodeError):
            return ""
        raise


def _slurp(path):
    """Return the text of a file."""
    return __salt__["containerd_files.text"](path)
