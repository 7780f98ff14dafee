"""
containerd's packages on this node: the available versions, the one that pillar asks for, and holds.

This uses Salt's own ``pkg`` for every package manager; apt is asked more, because it can simulate. Nothing
here changes packages: the state ``containerd_package`` does.
"""

import contextlib
import functools
import os
import shutil
import tempfile
import typing

import containerd_formula
from salt.exceptions import CommandExecutionError, SaltInvocationError

containerd_formula.renew()
from containerd_formula import apt, errors, places, secrets
from containerd_formula import packages as versions

_told = errors.told_as(CommandExecutionError)
_NEWEST = "the newest"
_KEY = "containerd:package:version"
# What a plan cannot find out.
_NOT_LISTED = (
    "No repository that is configured now lists {}: it is unknown whether there is such a version, and which "
    "other packages would be installed or removed with it."
)
_NOT_SIMULATED = (
    "It is unknown which other packages would be installed or removed with it: only apt can simulate that, "
    "with lists that have it."
)
_NOT_REFRESHED = "The lists of the repositories are not refreshed in a dry run: there may be a newer {}."
_OLD_LISTS = "Not all lists could be refreshed, so there may be newer versions: {}"


@_told
def plan(packages, version="", hold=None, repository="", update=True, upgrade=False):
    """
    Return what has to change to have packages in a version, and held or not. This changes no package.

    packages
        A list of package names, all of which get the version.

    version : ````
        The whole version of the package, upstream's part of it, or a pattern: ``1.7.24-1``, ``1.7.24``,
        ``1.7.*``. Empty accepts an installed one, and else takes the newest.

    hold : ``None``
        Whether to hold the packages. None leaves that as it is.

    repository : ````
        The address of the repository that must answer if something is to be installed. Old lists are enough
        for other repositories.

    update : ``True``
        Whether to refresh the lists of the repositories if something is to be installed or upgraded.

    upgrade : ``False``
        Whether an installed version that fits gives way to a newer one that fits, never to an older one.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_package.plan '[containerd.io]' version=1.7.24 update=False

    :return: a dictionary: ``install`` (package to version, an empty one for the newest), ``held`` (which of
        them, and of the packages that they replace, are held now), ``wanted_holds`` (which shall be held),
        ``changes`` (as a state reports them), and ``unasked`` (a sentence about what could not be found out,
        or an empty text).
    :raises CommandExecutionError: there is no such version, the repository does not answer, or a package that
        is not containerd's would be removed.
    """
    one = {"packages": packages, "version": version, "hold": hold, "upgrade": upgrade}
    return plan_together([one], repository=repository, update=update)


@_told
def plan_together(wanted, repository="", update=True):
    """
    Return the plan for packages of several versions: one refresh, and one change of the package manager's.

    wanted
        A list of dictionaries with the ``packages``, ``version``, ``hold`` and ``upgrade`` of ``plan``, and
        the pillar ``key`` of the version, for errors.

    :return: what ``plan`` returns.
    :raises CommandExecutionError: as for ``plan``.
    """
    if _manager().holds is _no_holds and any(one.get("hold") for one in wanted):
        raise errors.Refused("hold is set, and this node's package manager holds no packages: leave it out.")
    by_package = {package: one for one in wanted for package in one["packages"]}
    version = {package: one.get("version") or "" for package, one in by_package.items()}
    # Salt's zypper has an empty dictionary for what is not installed.
    found = {package: __salt__["pkg.version"](package) or "" for package in by_package}
    wrong = [package for package in by_package if not _fits(found[package], version[package])]
    due = [package for package, one in by_package.items() if one.get("upgrade") and package not in wrong]
    install, changes, unasked = {}, {}, ""
    if wrong or due:
        complaints = _manager().refresh(repository) if update else []
        for package in wrong:
            key = by_package[package].get("key") or _KEY
            install[package] = _chosen(package, version[package], update, complaints, key)
        newer = {package: _newer(package, found[package], version[package]) for package in due}
        install.update({package: chosen for package, chosen in newer.items() if chosen})
        unasked = _unsure(due, update, complaints)
    if install:
        changes, unknown = _foreseen(install, found, version, update)
        unasked = f"{unknown} {unasked}".strip()
    displaced = [name for name, change in changes.items() if not change["new"]]
    is_held = held([*by_package, *displaced])
    kept = [package for package, one in by_package.items() if one.get("hold") is None and package in is_held]
    wanted_holds = kept + [package for package, one in by_package.items() if one.get("hold")]
    for package in [*by_package, *displaced]:
        if (package in is_held) != (package in wanted_holds):
            changes[f"{package} hold"] = {"old": package in is_held, "new": package in wanted_holds}
    return {
        "install": install,
        "held": is_held,
        "wanted_holds": wanted_holds,
        "changes": changes,
        "unasked": unasked,
    }


def held(packages):
    """
    Return which of some packages are held.

    packages
        A list of package names.

    :return: a list of package names.
    """
    holds = _manager().holds()
    return [package for package in packages if package in holds]


def probe(text):
    """
    Test a repository that is not configured yet. The package manager's own lists and repositories stay.

    text
        The text of its file: a deb822 source, or one of yum.repos.d.

    :return: true; false if this package manager cannot be asked.
    :raises CommandExecutionError: the repository does not answer, or is not signed by the key that the text
        names; the message has the package manager's own words.
    """
    return _manager().probe(text)


def cure():
    """
    Return a sentence, with a space before it, about why no package can be installed here; or an empty text.
    """
    if not os.statvfs("/usr").f_flag & os.ST_RDONLY:
        return ""
    # dpkg's own words go to an output that Salt drops.
    return (
        " /usr is mounted read-only: remount it for the change (apt does so by DPkg::Pre-Invoke), or take "
        "containerd:package:source none, and put the package into the node's image."
    )


def _for_root(path, flags):
    return os.open(path, flags, 0o600)


def _fits(found, version):
    return bool(found) and (not version or versions.matches(found, version))


def _chosen(package, version, update, complaints, key):
    """Return the version to install; an empty text for the newest, or if the lists do not have it yet."""
    if not version:
        return ""
    there_are = _available(package)
    try:
        return versions.newest(package, version, there_are, complaints, key)
    except errors.Refused:
        # The repository is not configured yet.
        if not (update or there_are):
            return ""
        # Old lists do not prove that there is no such version.
        if update or not _manager().offered_now:
            raise
    found, complaints = _manager().offered_now(package)
    return versions.newest(package, version, _newest_first(found or there_are), complaints, key)


def _newer(package, there, version):
    """Return the newest version that fits, if it is newer than the installed one; else an empty text."""
    if not version:
        # The package manager's own choice: the newest of all may be from backports.
        return __salt__["pkg.latest_version"](package, refresh=False) or ""
    fitting = [offered for offered in _available(package) if versions.matches(offered, version)]
    return fitting[0] if fitting and _manager().compare(fitting[0], there) > 0 else ""


def _unsure(due, update, complaints):
    """Return a sentence about why packages may have newer versions than the lists say, or an empty text."""
    if due and not update:
        return _NOT_REFRESHED.format(", ".join(due))
    return _OLD_LISTS.format(" ".join(complaints)) if due and complaints else ""


def _available(package):
    """Return the versions that the repositories offer, as last refreshed, the newest first."""
    return _newest_first(__salt__["pkg.list_repo_pkgs"](package).get(package) or [])


def _newest_first(offered):
    return sorted(set(offered), key=functools.cmp_to_key(_manager().compare), reverse=True)


def _foreseen(install, found, version, is_fresh):
    """Return the changes of an install, as far as they can be foreseen, and what is unknown."""
    simulate = _manager().simulate
    known = {name: _available(name) for name in install} if simulate else {}
    # With fresh lists apt itself says what there is not.
    if known and (
        is_fresh or all(known[name] and chosen in ("", *known[name]) for name, chosen in install.items())
    ):
        return simulate(install), ""
    gone = {name: __salt__["pkg.version"](name) for name in versions.displaced(install)}
    changes = {name: {"old": there, "new": ""} for name, there in gone.items() if there}
    for name, chosen in install.items():
        changes[name] = {"old": found[name], "new": chosen or version[name] or _NEWEST}
    unlisted = [
        name
        for name, chosen in install.items()
        if not (known[name] if known else chosen or not version[name])
    ]
    return changes, _NOT_LISTED.format(", ".join(unlisted)) if unlisted else _NOT_SIMULATED


# By os family. A new package manager needs a few of these functions, and a row of _MANAGERS.


def _no_holds():
    return []


def _no_probe(_text):
    return False


def _dnf_probe(text):
    return __salt__["containerd_lists.probe"](text)


def _dnf_refresh(repository):
    return __salt__["containerd_lists.refresh"](repository)


def _offered_now(package):
    return __salt__["containerd_lists.offered"](package), []


def _locks():
    """Return the packages that dnf or zypper holds."""
    try:
        return __salt__["pkg.list_holds"](full=False)
    except SaltInvocationError:
        # Without its plugin the package manager can hold nothing.
        return []


def _refresh(_repository):
    __salt__["pkg.refresh_db"]()
    return []


def _compare(first, second):
    return __salt__["pkg.version_cmp"](first, second)


def _compare_texts(first, second):
    # Salt's pkg cannot compare versions here.
    return (first > second) - (first < second)


def _apt(*argv):
    environment = {"LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    return __salt__["containerd_command.run"](
        "apt-get", *argv, timeout=places.PACKAGES_TIMEOUT, env=environment
    )


def _options(settings):
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


@contextlib.contextmanager
def _own_lists():
    """Yield a temporary folder, and the options with which apt keeps its lists there."""
    # Not in RUN_FOLDER, which apt's own user cannot enter.
    __salt__["containerd_files.sweep"](places.RUN)
    with tempfile.TemporaryDirectory(prefix=places.PROBE, dir=places.RUN) as folder:
        partial = os.path.join(folder, "lists", "partial")
        # For apt's own user, who downloads, whatever the umask.
        __salt__["containerd_files.make_folder"](partial)
        os.chmod(folder, 0o711)  # noqa: S103 - Others may enter it, but not list it.
        with contextlib.suppress(LookupError):
            shutil.chown(partial, "_apt")
        caches = {f"Dir::Cache::{name}": "" for name in ("pkgcache", "srcpkgcache")}
        yield folder, _options({"Dir::State::lists": os.path.join(folder, "lists"), **caches})


def _apt_offered_now(package):
    """Return the versions that apt's repositories offer now, and complaints."""
    with _own_lists() as (_, options):
        told = apt.complaints(_apt("--quiet", *options, "update")["stderr"])
        listed = __salt__["containerd_command.run"]("apt-cache", *options, "madison", "--", package)
    found = apt.offered(listed["stdout"])
    if told and not found:
        raise CommandExecutionError(f"The repositories cannot be asked for {package}: {apt.words(told)}")
    return found, told


def _apt_probe(text):
    with _own_lists() as (folder, options):
        source = os.path.join(folder, "probe.sources")
        # The address may hold credentials, and apt reads this file as root.
        with open(source, "w", encoding="utf-8", errors="backslashreplace", opener=_for_root) as file:
            file.write(text)
        own = _options({"Dir::Etc::sourcelist": source, "Dir::Etc::sourceparts": "-"})
        result = _apt("--quiet", *options, *own, "update")
    told = apt.complaints(result["stderr"])
    if told or result["retcode"] != 0:
        words = errors.brief(apt.words(told)) or f"apt-get update ended with {result['retcode']}."
        raise CommandExecutionError(f"The repository cannot be used: {words} Nothing was changed.")
    return True


def _apt_holds():
    return __salt__["pkg.get_selections"](state="hold").get("hold", [])


def _apt_refresh(repository):
    result = _apt("--quiet", "update")
    return apt.updated(result["stderr"], result["retcode"] != 0, repository)


def _apt_simulate(install):
    """Return the changes of an install that apt simulates."""
    options = ("--simulate", "--quiet", "--allow-downgrades", "--allow-change-held-packages")
    targets = [f"{name}={chosen}" if chosen else name for name, chosen in install.items()]
    result = _apt(*options, "install", *targets)
    if result["retcode"] != 0:
        words = errors.brief(" ".join((result["stderr"].strip() or result["stdout"]).split()))
        raise CommandExecutionError(f"apt cannot install {', '.join(install)}: {secrets.masked_url(words)}")
    return apt.foreseen(result["stdout"], install)


class _Manager(typing.NamedTuple):
    """The functions of a package manager. By default Salt's own pkg, without holds and simulation."""

    # Return the held packages.
    holds: typing.Callable = _no_holds
    # Refresh the lists; return complaints. The repository of an address must answer.
    refresh: typing.Callable = _refresh
    # Test a repository that is not configured yet.
    probe: typing.Callable = _no_probe
    # Return the changes of an install, if they can be simulated.
    simulate: typing.Optional[typing.Callable] = None
    # Return the versions of a package that are offered now, and complaints; the node's own lists stay.
    offered_now: typing.Optional[typing.Callable] = None
    # Compare two versions: negative, 0 or positive.
    compare: typing.Callable = _compare


# By grain os_family.
_MANAGERS = {
    "Debian": _Manager(
        holds=_apt_holds,
        refresh=_apt_refresh,
        probe=_apt_probe,
        simulate=_apt_simulate,
        offered_now=_apt_offered_now,
    ),
    "RedHat": _Manager(holds=_locks, refresh=_dnf_refresh, probe=_dnf_probe, offered_now=_offered_now),
    "Suse": _Manager(holds=_locks, offered_now=_offered_now),
    "Arch": _Manager(compare=_compare_texts, offered_now=_offered_now),
}


def _manager():
    return _MANAGERS.get(__grains__["os_family"], _Manager())
