"""
containerd's packages on this node: which versions there are, which one a pillar means, what holds it.

.. versionadded:: 0.1.0

Over Salt's own ``pkg``, whatever the package manager; apt is asked more, because it can say beforehand what
it will do. Nothing here changes packages: that is what the state ``containerd_package`` does.

.. code-block:: bash

    salt '*' containerd_package.plan '[containerd.io]' version='1.7.*'
"""

import fnmatch
import functools
import glob
import os
import re
import tempfile

from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "containerd_package"

# Packages that bring the same files: one may replace another, and nothing else may go for it.
SAME_FILES = ("containerd", "containerd.io", "runc")
APT_SOURCES = "/etc/apt"
OWN_SOURCE = "/etc/apt/sources.list.d/docker.sources"
# What stands before the lines of a source that was set aside.
ASIDE = "# Set aside by containerd-formula: "
ONE_LINE = re.compile(r"deb(?:-src)?\s+(?:\[[^\]]*\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)")
INSTALL = re.compile(r"Inst (?P<name>\S+) (?:\[(?P<old>[^\]]+)\] )?\((?P<new>\S+) ")
REMOVE = re.compile(r"(?:Remv|Purg) (?P<name>\S+) \[(?P<old>[^\]]+)\]")
# Seconds: lists of a slow mirror on a slow machine, not a server that never answers.
APT_TIMEOUT = 900
NEWEST = "the newest"


def __virtual__():
    return __virtualname__


def plan(packages, version="", hold=None, repository="", update=True):
    """
    Return what it takes to have packages in a version, and held or not. Changes no package.

    packages
        A list of package names, all of which get the version.

    version : ````
        As for ``matches``. Empty takes what is there, and the newest where nothing is.

    hold : ``None``
        Whether the packages shall be held. None leaves that as it is.

    repository : ````
        The address of the repository that must answer, as ``refresh`` knows it.

    update : ``True``
        Whether to refresh the lists of the repositories where something is to be installed.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_package.plan '[containerd.io]' version=1.7.24 update=False

    :return: a dictionary: ``install`` (package to version, an empty one for the newest), ``held`` (what of
        them, and of what they displace, is held now), ``wanted_holds`` (what shall be), and ``changes``,
        what a state would report.
    :raises CommandExecutionError: there is no such version, the repository does not answer, or something that
        is not containerd would have to go.
    """
    found = {package: __salt__["pkg.version"](package) for package in packages}
    wrong = [name for name in packages if not found[name] or (version and not matches(found[name], version))]
    install, changes = {}, {}
    if wrong:
        complaints = refresh(repository) if update else []
        for package in wrong:
            install[package] = _chosen(package, version, update, complaints)
        changes = _foreseen(install, found, version)
    displaced = [name for name, change in changes.items() if not change["new"]]
    is_held = held([*packages, *displaced])
    kept = [package for package in packages if package in is_held]
    wanted = kept if hold is None else list(packages) if hold else []
    for package in [*packages, *displaced]:
        if (package in is_held) != (package in wanted):
            changes[f"{package} hold"] = {"old": package in is_held, "new": package in wanted}
    return {"install": install, "held": is_held, "wanted_holds": wanted, "changes": changes}


def matches(found, wanted):
    """
    Tell whether a package's version is what a pillar means.

    found
        The version of a package, such as ``1.7.24-1`` or ``2:1.6.20~ds1-1+deb12u3``.

    wanted
        That version itself, or upstream's part of it (``1.7.24``), or a pattern over either (``1.7.*``).

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_package.matches 1.6.20~ds1-1+deb12u3 1.6.20

    :return: true or false.
    """
    whole = found.split(":", 1)[-1]
    return any(fnmatch.fnmatchcase(text, wanted) for text in (found, whole, upstream(found)))


def upstream(version):
    """
    Return upstream's part of a package's version.

    version
        The version of a package.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_package.upstream 1.6.20~ds1-1+deb12u3

    :return: such as ``1.6.20``: without epoch, packaging revision, and the marks of a repacked source.
    """
    return re.sub(r"[~+.](?:ds|dfsg)[\d.]*$", "", version.split(":", 1)[-1].split("-", 1)[0])


def available(package):
    """
    Return the versions of a package that the repositories of this node offer, as last refreshed.

    package
        Its name.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_package.available containerd.io

    :return: a list, the newest first.
    """
    listed = __salt__["pkg.list_repo_pkgs"](package)
    versions = set(listed.get(package) or [])
    return sorted(versions, key=functools.cmp_to_key(_newer_last), reverse=True)


def choose(package, wanted, complaints=()):
    """
    Return the newest version of a package that is what a pillar means.

    package
        Its name.

    wanted
        As for ``matches``.

    complaints : ``()``
        What the package manager said when it refreshed its lists; an error repeats it.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_package.choose containerd.io '1.7.*'

    :return: the whole version.
    :raises CommandExecutionError: no repository has one; the message tells those that there are.
    """
    versions = available(package)
    fitting = [version for version in versions if matches(version, wanted)]
    if fitting:
        return fitting[0]
    there_are = f"there are {', '.join(versions[:10])}" if versions else "they have no version of it"
    raise CommandExecutionError(
        f"No repository of this node has {package} {wanted}: {there_are}. Nothing was changed. Correct "
        f"containerd:package:version or the repository. {' '.join(complaints)}".rstrip()
    )


def refresh(repository=""):
    """
    Refresh the lists of the repositories.

    repository : ````
        The address of the one that must answer. Of others the old lists will do.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_package.refresh https://download.docker.com/linux/debian

    :return: a list of what the package manager complained of.
    :raises CommandExecutionError: that repository does not answer, or it is not signed by its key: the
        package manager's own words are in the message.
    """
    if __grains__["os_family"] != "Debian":
        __salt__["pkg.refresh_db"]()
        return []
    result = _apt("apt-get", "--quiet", "update")
    told = [line for line in result["stderr"].splitlines() if line.startswith(("E: ", "W: "))]
    ours = [line for line in told if repository and repository in line]
    # Where apt could not even begin, no line names a repository.
    if ours or (result["retcode"] != 0 and not any("://" in line for line in told)):
        words = " ".join(line[3:] for line in ours or told)
        raise CommandExecutionError(
            f"The repository {repository or ''} cannot be used: {words} Nothing was installed."
        )
    return told


def probe(text):
    """
    Ask a repository that is not configured yet, without touching apt's own lists and sources.

    text
        The text of its deb822 source.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_package.probe "$(cat docker.sources)"

    :return: true.
    :raises CommandExecutionError: it does not answer, or it is not signed by the key that the text names:
        apt's own words are in the message.
    """
    with tempfile.TemporaryDirectory(prefix="containerd-formula-") as folder:
        os.makedirs(os.path.join(folder, "lists", "partial"))
        source = os.path.join(folder, "probe.sources")
        with open(source, "w", encoding="utf-8") as file:
            file.write(text)
        settings = {
            "Dir::Etc::sourcelist": source,
            "Dir::Etc::sourceparts": "-",
            "Dir::State::lists": os.path.join(folder, "lists"),
            "APT::Sandbox::User": "root",
        }
        options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
        result = _apt("apt-get", "--quiet", *options, "update")
    told = [line[3:] for line in result["stderr"].splitlines() if line.startswith(("E: ", "W: "))]
    if told or result["retcode"] != 0:
        words = " ".join(told) or f"apt-get update ended with {result['retcode']}."
        raise CommandExecutionError(f"The repository cannot be used: {words} Nothing was changed.")
    return True


def held(packages):
    """
    Return those of some packages that are held.

    packages
        A list of package names.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_package.held '[containerd.io]'

    :return: a list.
    """
    family = __grains__["os_family"]
    if family == "Debian":
        holds = __salt__["pkg.get_selections"](state="hold").get("hold", [])
    elif family in ("RedHat", "Suse"):
        try:
            holds = __salt__["pkg.list_holds"](full=False)
        except SaltInvocationError:
            # Without the plugin for it nothing can be held.
            holds = []
    else:
        holds = []
    return [package for package in packages if package in holds]


def rivals(uri, suite, own=OWN_SOURCE):
    """
    Return the apt sources that would clash with one of ours.

    apt reads nothing at all while two sources name the same address and suite with different keys
    ("Conflicting values set for option Signed-By").

    uri
        The address of our source.

    suite
        Its suite.

    own : ``/etc/apt/sources.list.d/docker.sources``
        The file of our source.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_package.rivals https://download.docker.com/linux/debian bookworm

    :return: a dictionary: file to its text with the lines of such sources set aside as comments.
    """
    texts = {}
    for path in _sources(own):
        text = _read(path)
        aside = _aside_stanzas if path.endswith(".sources") else _aside_lines
        changed = aside(text, uri.rstrip("/"), suite)
        if changed != text:
            texts[path] = changed
    return texts


def set_aside(own=OWN_SOURCE):
    """
    Return the apt sources that ``rivals`` has once set aside.

    own : ``/etc/apt/sources.list.d/docker.sources``
        The file of our source.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_package.set_aside

    :return: a dictionary: file to its text as it was before.
    """
    texts = {path: _read(path) for path in _sources(own)}
    return {path: text.replace(ASIDE, "") for path, text in texts.items() if ASIDE in text}


def users_of_key(path, own=OWN_SOURCE):
    """
    Return the apt sources that need a key.

    path
        The key's file.

    own : ``/etc/apt/sources.list.d/docker.sources``
        The file of our source, which does not count.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_package.users_of_key /etc/apt/keyrings/docker.asc

    :return: a list of files.
    """
    return [source for source in _sources(own) if path in _read(source)]


def _chosen(package, version, update, complaints):
    """
    Return the version to install, an empty string for the newest or where the lists do not tell yet.
    """
    if not version:
        return ""
    try:
        return choose(package, version, complaints)
    except CommandExecutionError:
        # Lists that were not refreshed prove nothing.
        if update:
            raise
        return ""


def _foreseen(install, found, version):
    """
    Return the changes that installing will make, as far as can be told.
    """
    known = all(chosen or not version and available(name) for name, chosen in install.items())
    if __grains__["os_family"] != "Debian" or not known:
        new = version or NEWEST
        return {name: {"old": found[name], "new": chosen or new} for name, chosen in install.items()}
    result = _apt(
        *(
            "apt-get",
            "--simulate",
            "--quiet",
            "--allow-downgrades",
            "--allow-change-held-packages",
            "install",
        ),
        *(f"{name}={chosen}" if chosen else name for name, chosen in install.items()),
    )
    if result["retcode"] != 0:
        words = " ".join((result["stderr"] or result["stdout"]).split())
        raise CommandExecutionError(f"apt cannot install {', '.join(install)}: {words}")
    lines = result["stdout"].splitlines()
    removed = {match["name"]: match["old"] for match in map(REMOVE.match, lines) if match}
    strangers = [name for name in removed if name not in (*SAME_FILES, *install)]
    if strangers:
        raise CommandExecutionError(
            f"installing {', '.join(install)} would remove {', '.join(strangers)}; nothing was changed. "
            "Remove them yourself, or choose another containerd:package:source."
        )
    changes = {name: {"old": old, "new": ""} for name, old in removed.items()}
    for match in map(INSTALL.match, lines):
        if match:
            changes[match["name"]] = {"old": match["old"] or "", "new": match["new"]}
    return changes


def _newer_last(first, second):
    """
    Compare two versions as the package manager does.
    """
    if __grains__["os_family"] == "Arch":
        return (first > second) - (first < second)
    return __salt__["pkg.version_cmp"](first, second)


def _apt(*argv):
    """
    Run one of apt's commands; return cmd.run_all's dictionary.
    """
    return __salt__["cmd.run_all"](
        list(argv),
        python_shell=False,
        timeout=APT_TIMEOUT,
        env={"LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"},
        ignore_retcode=True,
    )


def _sources(own):
    """
    Return the files in which apt looks for sources, without ours.
    """
    paths = [os.path.join(APT_SOURCES, "sources.list")]
    for ending in ("list", "sources"):
        paths += sorted(glob.glob(os.path.join(APT_SOURCES, "sources.list.d", f"*.{ending}")))
    return [path for path in paths if path != own and os.path.isfile(path)]


def _read(path):
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


def _aside_lines(text, uri, suite):
    """
    Return the text of a file of one-line sources, those of an address and suite set aside.
    """
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        match = ONE_LINE.match(line.strip())
        if match and (match["uri"].rstrip("/"), match["suite"].rstrip("/")) == (uri, suite):
            lines[number] = f"{ASIDE}{line}"
    return "".join(lines)


def _aside_stanzas(text, uri, suite):
    """
    Return the text of a file of deb822 sources, those of an address and suite set aside.
    """
    stanzas = re.split(r"(\n[ \t]*(?:\n|\Z))", text)
    for number, stanza in enumerate(stanzas):
        lines = [line for line in stanza.splitlines() if not line.startswith("#")]
        # A field goes on in lines that begin with white space.
        fields = dict(
            (field.strip() for field in entry.split(":", 1))
            for entry in re.sub(r"\n[ \t]+", " ", "\n".join(lines)).splitlines()
            if ":" in entry
        )
        uris = [word.rstrip("/") for word in fields.get("URIs", "").split()]
        if uri in uris and suite in fields.get("Suites", "").split():
            stanzas[number] = "".join(f"{ASIDE}{line}" for line in stanza.splitlines(keepends=True))
    return "".join(stanzas)
