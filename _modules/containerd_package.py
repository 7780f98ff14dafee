"""
containerd's packages on this node: which versions there are, which one a pillar means, what holds it.

Over Salt's own ``pkg``, whatever the package manager; apt is asked more, because it can say beforehand what
it will do. Nothing here changes packages: that is what the state ``containerd_package`` does.
"""

import contextlib
import functools
import glob
import os
import shutil
import tempfile
import typing

import containerd_formula
from salt.exceptions import CommandExecutionError, SaltInvocationError

containerd_formula.renew()
from containerd_formula import apt, errors, places, secrets
from containerd_formula import packages as versions
from containerd_formula.data import is_unicode

_told = errors.told_as(CommandExecutionError)
_NEWEST = "the newest"
# What nobody could be asked about.
_NOT_LISTED = (
    "No repository that is configured now lists {}: whether there is such a version, and what comes or goes "
    "with it, could not be asked."
)
_NOT_SIMULATED = (
    "What comes or goes with it was not asked: only apt, with lists that have it, tells beforehand."
)


@_told
def plan(packages, version="", hold=None, repository="", update=True):
    """
    Return what it takes to have packages in a version, and held or not. Changes no package.

    packages
        A list of package names, all of which get the version.

    version : ````
        The whole version of the package, upstream's part of it, or a pattern: ``1.7.24-1``, ``1.7.24``,
        ``1.7.*``. Empty takes what is there, and the newest where nothing is.

    hold : ``None``
        Whether the packages shall be held. None leaves that as it is.

    repository : ````
        The address of the repository that must answer where something is to be installed. Of others the old
        lists will do.

    update : ``True``
        Whether to refresh the lists of the repositories where something is to be installed.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_package.plan '[containerd.io]' version=1.7.24 update=False

    :return: a dictionary: ``install`` (package to version, an empty one for the newest), ``held`` (what of
        them, and of what they displace, is held now), ``wanted_holds`` (what shall be), ``changes``, what a
        state would report, and ``unasked``, what of them nobody could be asked about, and why.
    :raises CommandExecutionError: there is no such version, the repository does not answer, or something that
        is not containerd would have to go.
    """
    found = {package: __salt__["pkg.version"](package) for package in packages}
    install, changes, unasked = {}, {}, ""
    wrong = [package for package in packages if not _fits(found[package], version)]
    if wrong:
        complaints = _manager().refresh(repository) if update else []
        for package in wrong:
            install[package] = _chosen(package, version, update, complaints)
        changes, unasked = _foreseen(install, found, version)
    displaced = [name for name, change in changes.items() if not change["new"]]
    is_held = held([*packages, *displaced])
    kept = [package for package in packages if package in is_held]
    wanted = kept if hold is None else list(packages) if hold else []
    for package in [*packages, *displaced]:
        if (package in is_held) != (package in wanted):
            changes[f"{package} hold"] = {"old": package in is_held, "new": package in wanted}
    return {
        "install": install,
        "held": is_held,
        "wanted_holds": wanted,
        "changes": changes,
        "unasked": unasked,
    }


def held(packages):
    """Return those of some packages that are held."""
    holds = _manager().holds()
    return [package for package in packages if package in holds]


def probe(text):
    """
    Ask the repository of a deb822 source that is not configured yet. apt's own lists and sources stay.

    :return: true.
    :raises CommandExecutionError: it does not answer, or it is not signed by the key that the text names:
        apt's own words are in the message.
    """
    with _own_lists() as (folder, options):
        source = os.path.join(folder, "probe.sources")
        # Its address may hold credentials, and apt itself reads it as root.
        with open(source, "w", encoding="utf-8", errors="backslashreplace", opener=_for_root) as file:
            file.write(text)
        own = _options({"Dir::Etc::sourcelist": source, "Dir::Etc::sourceparts": "-"})
        result = _apt("--quiet", *options, *own, "update")
    told = apt.complaints(result["stderr"])
    if told or result["retcode"] != 0:
        words = errors.brief(apt.words(told)) or f"apt-get update ended with {result['retcode']}."
        raise CommandExecutionError(f"The repository cannot be used: {words} Nothing was changed.")
    return True


def rivals(uri, suite, own):
    """
    Return the apt sources that would clash with one of ours, whose file is ``own``.

    :return: a dictionary: file to its text with the lines of such sources set aside as comments.
    """
    return _rewritten(own, lambda path, text: apt.set_aside(path, text, uri, suite))


def restored_rivals(own):
    """
    Return the apt sources that were once set aside for ours.

    :return: a dictionary: file to its text as it was before.
    """
    return _rewritten(own, lambda path, text: apt.restored(text))


def users_of_key(path, own):
    """Return the files of apt sources, but for ours, that need a key."""
    return [source for source, text in _sources(own).items() if path in text]


def _for_root(path, flags):
    return os.open(path, flags, 0o600)


def _fits(found, version):
    return bool(found) and (not version or versions.matches(found, version))


def _chosen(package, version, update, complaints):
    """Return the version to install, an empty text for the newest or where the lists do not tell yet."""
    if not version:
        return ""
    there_are = _available(package)
    try:
        return versions.newest(package, version, there_are, complaints)
    except errors.Refused:
        # Nobody could be asked: its repository is not configured yet.
        if not (update or there_are):
            return ""
        # Lists that were not refreshed prove nothing.
        if update or not _manager().offered_now:
            raise
    found, complaints = _manager().offered_now(package)
    return versions.newest(package, version, _newest_first(found), complaints)


def _available(package):
    """Return the versions that the repositories offer, as last refreshed, the newest first."""
    return _newest_first(__salt__["pkg.list_repo_pkgs"](package).get(package) or [])


def _newest_first(offered):
    return sorted(set(offered), key=functools.cmp_to_key(_manager().compare), reverse=True)


def _foreseen(install, found, version):
    """Return the changes that installing will make, as far as can be told, and what could not be asked."""
    simulate = _manager().simulate
    known = {name: _available(name) for name in install} if simulate else {}
    if known and all(known[name] and chosen in ("", *known[name]) for name, chosen in install.items()):
        return simulate(install), ""
    gone = {name: __salt__["pkg.version"](name) for name in versions.displaced(install)}
    changes = {name: {"old": there, "new": ""} for name, there in gone.items() if there}
    for name, chosen in install.items():
        changes[name] = {"old": found[name], "new": chosen or version or _NEWEST}
    unlisted = [
        name for name, chosen in install.items() if not (known[name] if known else chosen or not version)
    ]
    return changes, _NOT_LISTED.format(", ".join(unlisted)) if unlisted else _NOT_SIMULATED


def _rewritten(own, rewrite):
    texts = _sources(own)
    new = {path: rewrite(path, text) for path, text in texts.items()}
    changed = {path: text for path, text in new.items() if text != texts[path]}
    for path, text in changed.items():
        if not is_unicode(text):
            raise CommandExecutionError(f"{path} has to be changed, and is no UTF-8: rewrite it as such.")
    return changed


def _sources(own):
    """Return the files in which apt looks for sources, without ours, and their texts."""
    paths = [os.path.join(places.APT_SOURCES, "sources.list")]
    for ending in ("list", "sources"):
        paths += sorted(glob.glob(os.path.join(places.APT_SOURCES, "sources.list.d", f"*.{ending}")))
    texts = {}
    for path in paths:
        if path != own and os.path.isfile(path):
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                texts[path] = file.read()
    return texts


# What differs by the os family. Another package manager is a few of these functions, and a row of _MANAGERS.


def _no_holds():
    return []


def _locks():
    try:
        return __salt__["pkg.list_holds"](full=False)
    except SaltInvocationError:
        # Without the plugin for it nothing can be held.
        return []


def _refresh(_repository):
    __salt__["pkg.refresh_db"]()
    return []


def _compare(first, second):
    return __salt__["pkg.version_cmp"](first, second)


def _compare_texts(first, second):
    # Salt's pkg compares nothing there.
    return (first > second) - (first < second)


def _apt(*argv):
    environment = {"LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    return __salt__["containerd_command.run"]("apt-get", *argv, timeout=places.APT_TIMEOUT, env=environment)


def _options(settings):
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


@contextlib.contextmanager
def _own_lists():
    """Lend a folder, and the options with which apt has its lists there: its own ones stay."""
    # Not in RUN_FOLDER, which apt's own user cannot pass.
    __salt__["containerd_files.sweep"](places.RUN)
    with tempfile.TemporaryDirectory(prefix=places.PROBE, dir=places.RUN) as folder:
        partial = os.path.join(folder, "lists", "partial")
        os.makedirs(partial)
        # For apt's own user, who reads what comes from the network.
        os.chmod(folder, 0o711)  # noqa: S103 - it lies in here, and nobody else has to list it.
        with contextlib.suppress(LookupError):
            shutil.chown(partial, "_apt")
        caches = {f"Dir::Cache::{name}": "" for name in ("pkgcache", "srcpkgcache")}
        yield folder, _options({"Dir::State::lists": os.path.join(folder, "lists"), **caches})


def _apt_offered_now(package):
    with _own_lists() as (_, options):
        told = apt.complaints(_apt("--quiet", *options, "update")["stderr"])
        listed = __salt__["containerd_command.run"]("apt-cache", *options, "madison", "--", package)
    found = apt.offered(listed["stdout"])
    if told and not found:
        raise CommandExecutionError(f"The repositories cannot be asked for {package}: {apt.words(told)}")
    return found, told


def _apt_holds():
    return __salt__["pkg.get_selections"](state="hold").get("hold", [])


def _apt_refresh(repository):
    result = _apt("--quiet", "update")
    return apt.updated(result["stderr"], result["retcode"] != 0, repository)


def _apt_simulate(install):
    options = ("--simulate", "--quiet", "--allow-downgrades", "--allow-change-held-packages")
    targets = [f"{name}={chosen}" if chosen else name for name, chosen in install.items()]
    result = _apt(*options, "install", *targets)
    if result["retcode"] != 0:
        words = errors.brief(" ".join((result["stderr"].strip() or result["stdout"]).split()))
        raise CommandExecutionError(f"apt cannot install {', '.join(install)}: {secrets.masked_url(words)}")
    return apt.foreseen(result["stdout"], install)


class _Manager(typing.NamedTuple):
    """What is asked of a package manager. By default Salt's own pkg, which can hold and simulate nothing."""

    # Return all that is held.
    holds: typing.Callable = _no_holds
    # Refresh the lists; return what was complained of. The repository of an address must answer.
    refresh: typing.Callable = _refresh
    # Return the changes of an install, where that can be told beforehand.
    simulate: typing.Optional[typing.Callable] = None
    # Return the versions that there are of a package now, and complaints; the node's own lists stay.
    offered_now: typing.Optional[typing.Callable] = None
    # Compare two versions as cmp does.
    compare: typing.Callable = _compare


# By grain os_family.
_MANAGERS = {
    "Debian": _Manager(
        holds=_apt_holds, refresh=_apt_refresh, simulate=_apt_simulate, offered_now=_apt_offered_now
    ),
    "RedHat": _Manager(holds=_locks),
    "Suse": _Manager(holds=_locks),
    "Arch": _Manager(compare=_compare_texts),
}


def _manager():
    return _MANAGERS.get(__grains__["os_family"], _Manager())
