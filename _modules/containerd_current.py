"""
What the installed containerd has in effect of the file that a node has now, and of the one that it is to get.

Nothing here changes the node.
"""

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import effect, errors, findings, reading, toml
from containerd_formula.places import CONFIG
from containerd_formula.secrets import secrets, without

_told = errors.told_as(CommandExecutionError)


@_told
def read(path, text, found, made, no_sandbox=None):
    """
    Return what a file is to the installed containerd: the library's ``Reading``.

    The file is of this text and data, ``made`` the document to compare with; ``no_sandbox`` is why there is
    none, where that is known. Without one only the daemon's own file is read.

    :raises CommandExecutionError: containerd refuses the file, or it cannot be read here.
    """
    if no_sandbox is None:
        no_sandbox = __salt__["containerd_sandbox.why_not"]()
    if no_sandbox and path != CONFIG:
        raise CommandExecutionError(
            f"{no_sandbox}, and {path} is read in a sandbox only: apply containerd.config."
        )
    if no_sandbox:
        __salt__["containerd_paths.must_be_roots"](path)
    imports = __salt__["containerd_imports.files"](path, found)
    try:
        alone = _dumped(path, reading.alone(text, path), (), no_sandbox)
        together = None
        if imports and not no_sandbox:
            together = _dumped(path, reading.alone(text, path, imports=True), imports, no_sandbox)
    except CommandExecutionError as err:
        # containerd 1.x prints the values that it cannot convert.
        raise CommandExecutionError(without(secrets(found), str(err))) from err
    read_as = reading.reading(found, alone, made, together)
    if imports and no_sandbox:
        words = f"what {', '.join(imports)} set was not read: {no_sandbox}"
        read_as = read_as._replace(dead=[*read_as.dead, findings.finding(("imports",), words)])
    return read_as


def lost(made, path, read_as):
    """
    Return findings about what the files that a composed document imports would mask, or not set any more.
    """
    imports = __salt__["containerd_imports.files"](path, made.result)
    if not imports or __salt__["containerd_sandbox.why_not"]():
        return []
    try:
        shown = _dumped(path, made.text, imports)
        found = effect.not_in_effect(made.site, made.result, shown, [], strict=False)
        return found + _lost(read_as, shown, made, path, imports, findings.WARNING)
    except (CommandExecutionError, errors.Refused) as err:
        words = without(secrets(made.site), f"containerd refuses the file with this pillar: {err}")
        return [findings.Finding(path, words, findings.WARNING)]


def before(path, text, found, made, no_sandbox):
    """
    Return what was in effect before a change, as well as it can be told here: the library's ``Reading``.
    """
    # A whole file tells all itself, and without a sandbox a plan runs nothing before all is checked.
    if no_sandbox or not found or reading.is_whole(found, made):
        return reading.guessed(found, made)
    try:
        return read(path, text, found, made, no_sandbox)
    except CommandExecutionError as err:
        words = f"containerd does not take {path} as it is: {err}"
        return reading.guessed(found, made)._replace(dead=[findings.Finding(path, words)])


def prove(made, path, read_as, strict=True, trial=0, cri=True, no_sandbox=""):
    """
    Let the installed containerd read a document, and come up with it, before it is put in place.

    ``read_as`` is what was in effect before.

    :return: findings, and what is in effect with the document: empty where it was not read.
    """
    shown = {}
    # Where there is none its rules still hold: programs and folders that it names are root's.
    if no_sandbox and (found := __salt__["containerd_imports.plugins"](path, made.result)):
        return found, shown
    candidate = __salt__["containerd_change.candidate"](made.text)
    imports = __salt__["containerd_imports.files"](path, made.result)
    files = {**{name: name for name in imports}, path: candidate}
    try:
        said = __salt__["containerd_daemon.dumped"](*((candidate,) if no_sandbox else (path, files)))
        shown = toml.loads(said["text"], "config dump")
        found = effect.not_in_effect(made.site, made.result, shown, said["warnings"], strict, made.default)
        found += __salt__["containerd_imports.misplaced"](path, shown, made.result)
        found += _lost(read_as, shown, made, path, imports, findings.ERROR if strict else findings.WARNING)
        if no_sandbox:
            found += [_read_here(path, no_sandbox, trial), *_not_compared(path, read_as, imports, no_sandbox)]
        elif trial and not findings.errors(found):
            found += _tried(path, files, trial, shown, cri)
        elif said["weak"]:
            found.append(_weaker(path, "The configuration was read", said["weak"]))
    except (CommandExecutionError, errors.Refused) as err:
        found = [findings.Finding(path, f"containerd refuses it: {err}")]
    finally:
        __salt__["containerd_change.discard"](candidate)
    return [one._replace(message=_tellable(one.message, made, candidate, path)) for one in found], shown


def _tried(path, files, timeout, dump, cri):
    """Return what a trial start finds, why there was none, or what it was not."""
    answer = __salt__["containerd_trial.start"](path, timeout, dump, files, cri)
    if answer["ok"] is False:
        words = f"containerd does not come up with it (trial start): {answer['reason']}"
        return [findings.Finding(path, words)]
    if answer["ok"] is None:
        return [_untried(path, answer["reason"])]
    if answer["sandbox"] == "locked":
        return []
    return [_weaker(path, "The trial start was", answer["sandbox"])]


def _weaker(path, what, why):
    words = f"{what} in a weaker sandbox, without a user namespace: {why}"
    return findings.Finding(path, words, findings.WARNING)


def _read_here(path, why, trial):
    untried = "There was no trial start, and " if trial else ""
    words = f"{untried}containerd read the configuration on the node itself: {why}"
    return findings.Finding(path, words, findings.WARNING)


def _not_compared(path, read_as, imports, why):
    """Return the warning that nobody looked what imported files set before, and would not any more."""
    known = __salt__["containerd_imports.files"](path, read_as.effect)
    files = ", ".join(name for name in imports if name in known)
    words = (
        f"whether what {files} sets now stays in effect was not compared: {why}. Install bubblewrap, or "
        "write each for the version of this containerd's config default"
    )
    return [findings.finding(("imports",), words, findings.WARNING)] if files else []


def _untried(path, why):
    return findings.Finding(path, f"There was no trial start: {why}", findings.WARNING)


def _tellable(message, made, candidate, path):
    """Return containerd's words without secrets, about the file and not its candidate."""
    # containerd 1.x prints the values that it cannot convert.
    return without(secrets(made.site), message).replace(candidate, path)


def _lost(read_as, shown, made, path, imports, level):
    """Return findings about what the files that are imported now and then set, and would not any more."""
    known = __salt__["containerd_imports.files"](path, read_as.effect) if read_as.over else []
    # Whoever takes a file out of imports wants its settings gone.
    return reading.lost(read_as, shown, made, known, level) if {*known} <= {*imports} else []


def _dumped(path, text, imports=(), no_sandbox=""):
    """Return what containerd has in effect for a text in the place of a file."""
    candidate = __salt__["containerd_change.candidate"](text)
    files = {**{name: name for name in imports}, path: candidate}
    try:
        said = __salt__["containerd_daemon.dumped"](*((candidate,) if no_sandbox else (path, files)))
        return toml.loads(said["text"], "config dump")
    except CommandExecutionError as err:
        raise CommandExecutionError(str(err).replace(candidate, path)) from err
    finally:
        __salt__["containerd_change.discard"](candidate)
