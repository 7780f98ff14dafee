"""
dnf is asked what Salt's ``pkg`` does not tell: why a repository cannot be used. No package is changed here.
"""

import os

import containerd_formula
from salt.exceptions import CommandExecutionError

containerd_formula.renew()
from containerd_formula import dnf, errors, places, secrets

_told = errors.told_as(CommandExecutionError)


@_told
def probe(text):
    """
    Test a repository that is not configured yet. dnf's own lists, keys and repositories stay.

    text
        The text of its file in yum.repos.d.

    :return: true.
    :raises CommandExecutionError: the repository does not answer, or is not signed by the key that the text
        names; the message has dnf's own words.
    """
    with __salt__["containerd_files.temporary"]("probe-") as folder:
        # The address may hold credentials: this folder is root's. The last word counts, and some systems pass
        # over what does not answer.
        path, text = os.path.join(folder, "probe.repo"), f"{text.rstrip()}\nskip_if_unavailable=0\n"
        with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        own = {"reposdir": folder, "cachedir": os.path.join(folder, "cache")}
        result = _makecache(*(f"--setopt={name}={value}" for name, value in own.items()))
    told = dnf.complaints(result["stderr"])
    if told or result["retcode"] != 0:
        said = " ".join(told.values()) or secrets.masked_url(" ".join(result["stderr"].split()))
        words = errors.brief(said) or f"dnf makecache ended with {result['retcode']}."
        raise CommandExecutionError(f"The repository cannot be used: {words} Nothing was changed.")
    return True


@_told
def refresh(repository):
    """
    Refresh the lists of all repositories.

    repository
        The address of the repository that must answer. Old lists are enough for other repositories.

    :return: a list of sentences about repositories that cannot be used.
    :raises CommandExecutionError: that repository cannot be used, or dnf does not run.
    """
    result = _makecache("--refresh", "--setopt=skip_if_unavailable=1")
    listed = __salt__["pkg.list_repos"]() if repository else {}
    ours = [name for name, facts in listed.items() if str(facts.get("baseurl")).startswith(repository)]
    return dnf.updated(result["stderr"], result["retcode"] != 0, repository, ours)


def _makecache(*options):
    command = ("dnf", "--assumeyes", *options, "makecache")
    return __salt__["containerd_command.run"](
        *command, timeout=places.PACKAGES_TIMEOUT, env={"LC_ALL": "C.UTF-8"}
    )
