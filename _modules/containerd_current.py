"""
Ask the installed containerd what it has in effect with the node's present file, and with its new one.

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
    Return how the installed containerd reads a file: the library's ``Reading``.

    ``text`` and ``found`` are the file's text and data, ``made`` is the document to compare with;
    ``no_sandbox`` is why there is no sandbox, if known. Without a sandbox only the daemon's own file is read.

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
    Return findings about settings that a document's imports would mask, or would no longer set.
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
    Return what was in effect before a change, as far as it can be found: the library's ``Reading``.
    """
    # A complete file shows it itself, and without a sandbox a plan runs nothing before all is checked.
    if no_sandbox or not found or reading.is_whole(found, made):
        return reading.guessed(found, made)
    try:
        return read(path, text, found, made, no_sandbox)
    except CommandExecutionError as err:
        words = f"containerd does not take {path} as it is: {err}"
        return reading.guessed(found, made)._replace(dead=[findings.Finding(path, words)])


def prove(made, path, read_as, strict=True, trial=0, cri=True, no_sandbox="", more=None):
    """
    Let the installed containerd read a document, and start with it, before the document is written.

    ``read_as`` is what was in effect before; ``more`` are other files that are to be: path to text.

    :return: findings, and what is in effect with the document: empty if it was not read.
    """
    shown = {}
    # Without a sandbox the rules still hold: programs and folders that the document names are root's.
    if no_sandbox and (found := __salt__["containerd_imports.plugins"](path, made.result)):
        return found, shown
    candidate = __salt__["containerd_change.candidate"](made.text)
    imports = __salt__["containerd_imports.files"](path, made.result)
    files = {**{name: name for name in imports}, path: candidate}
    try:
        for name, text in (more or {}).items():
            files[name] = __salt__["containerd_change.candidate"](text)
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
        for name in (path, *(more or {})):
            if name in files:
                __salt__["containerd_change.discard"](files[name])
    return [one._replace(message=_tellable(one.message, made, candidate, path)) for one in found], shown


def _tried(path, files, timeout, dump, cri):
    """Return findings of a trial start, or why there was none, or why its sandbox was weaker."""
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
    """Return a message of containerd's without secrets, with the file's path instead of the candidate's."""
    # containerd 1.x prints the values that it cannot convert.
    return without(secrets(made.site), message).replace(candidate, path)


def _lost(read_as, shown, made, path, imports, level):
    """Return findings about settings of files, imported before and after, that would be lost."""
    known = __salt__["containerd_imports.files"](path, read_as.effect) if read_as.over else []
    # Who removes a file from imports wants its settings gone.
    return reading.lost(read_as, shown, made, known, level) if {*known} <= {*imports} else []


def _dumped(path, text, imports=(), no_sandbox=""):
    """Return what containerd has in effect with a text in place of a file."""
    candidate = __salt__["containerd_change.candidate"](text)
    files = {**{name: name for name in imports}, path: candidate}
    try:
        said = __salt__["containerd_daemon.dumped"](*((candidate,) if no_sandbox else (path, files)))
        return toml.loads(said["text"], "config dump")
    except CommandExecutionError as err:
        raise CommandExecutionError(str(err).replace(candidate, path)) from err
    finally:
        __salt__["containerd_change.discard"](candidate)
