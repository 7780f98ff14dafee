"""
dnf, zypper and pacman are asked what Salt's ``pkg`` does not tell: why a repository cannot be used, and what
is offered now. Nothing here changes packages, and only ``refresh`` the lists of the node.
"""

import os

import containerd_formula
from salt.exceptions import CommandExecutionError

containerd_formula.renew()
from containerd_formula import errors, lists, places, secrets

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
    told = lists.complaints(result["stderr"])
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
    return lists.updated(result["stderr"], result["retcode"] != 0, repository, ours)


@_told
def offered(package):
    """
    Return the versions of a package that the repositories offer now. The node's own lists stay as they are.

    package
        The name of the package.

    :return: a list of versions, in any order; empty if it cannot be asked.
    :raises CommandExecutionError: the package manager does not run.
    """
    asked = _OFFERED.get(__grains__["os_family"])
    if not asked:
        return []
    refresh, show, read = asked
    with __salt__["containerd_files.temporary"]("lists-") as folder:
        if refresh:
            _run(*(word.replace("{}", folder) for word in refresh))
        # pacman shows whole repositories, and takes no package here.
        of = [] if show[-1] == "-Sl" else [package]
        return read(_run(*(word.replace("{}", folder) for word in show), *of)["stdout"], package)


def _makecache(*options):
    return _run("dnf", "--assumeyes", *options, "makecache")


def _run(*command):
    return __salt__["containerd_command.run"](
        *command, timeout=places.PACKAGES_TIMEOUT, env={"LC_ALL": "C.UTF-8"}
    )


_DNF = ("dnf", "--assumeyes", "--quiet", "--setopt=cachedir={}", "--setopt=skip_if_unavailable=1")
_ZYPPER = ("zypper", "--non-interactive", "--cache-dir={}")
_PACMAN = ("pacman", "--noconfirm", "--dbpath={}", "--logfile=/dev/null")
# By os family: what refreshes lists in a folder of ours, what shows a package of them, and how that is read.
_OFFERED = {
    # dnf refreshes what it has not; the newline is for dnf5.
    "RedHat": ((), (*_DNF, "repoquery", "--queryformat=%{name} %{evr}\n"), lists.listed_by_dnf),
    "Suse": (
        (*_ZYPPER, "refresh"),
        (*_ZYPPER, "--no-refresh", "search", "--details", "--match-exact", "--"),
        lists.listed_by_zypper,
    ),
    "Arch": ((*_PACMAN, "-Sy"), (*_PACMAN, "-Sl"), lists.listed_by_pacman),
}
