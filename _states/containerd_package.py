"""containerd's packages are installed in the version that the site chose, and stay in it."""

import os

import containerd_formula
from salt.exceptions import CommandExecutionError, MinionError, SaltInvocationError

containerd_formula.renew()
from containerd_formula import errors, secrets

# What Salt's pkg raises.
_FAILURES = (CommandExecutionError, MinionError, SaltInvocationError)


def installed(name, packages, version="", hold=None, repository="", source=""):
    """
    Have packages in a version, and held or not.

    The version is looked up in the refreshed repositories before anything is touched. A hold is lifted for
    the change and set again, also when the change fails. Nobody is asked about a changed configuration
    file: the one on the node stays. What would remove packages other than containerd is refused.

    name
        Any text.

    packages
        A list of package names, all of which get the version.

    version : ````
        The whole version of the package, upstream's part of it, or a pattern: ``1.7.24-1``, ``1.7.24``,
        ``1.7.*``. The newest that fits is taken. Empty takes what is there, and the newest where nothing is.

    hold : ``None``
        Whether the packages are held against upgrades. None leaves that as it is.

    repository : ````
        The address of the repository that must answer before anything is installed. Of others the old lists
        will do.

    source : ````
        Where they come from and why, such as ``distro, as installed``, where pillar does not say it.

    SLS Example:

    .. code-block:: yaml

        containerd package is installed:
          containerd_package.installed:
            - packages: [containerd.io]
            - version: 1.7.*
            - hold: true

    :return: a state return; ``changes`` are package to old and new version, and ``PACKAGE hold`` to
        false or true. With apt they are the same under ``test=True``, once the repository is known; what
        nobody could be asked about is in the comment, and so is a source that pillar does not name.
    """
    # Before it is installed.
    told = _about(source, packages) if source else []
    ret = _installed(name, packages, version, hold, repository)
    return {**ret, "comment": " ".join([ret["comment"], *told])}


def _about(source, packages):
    """Return sentences about a source that pillar does not name."""
    told = [f"The source is {errors.brief(source)}; containerd:package:source sets it."]
    path = __salt__["cmd.which"]("containerd")
    if path and not any(__salt__["pkg.version"](package) for package in packages):
        told.append(
            f"{path} is there, and of no such package: source archive or none is for such a one. Unless it "
            "goes, it may come before the package's in PATH."
        )
    return told


def _installed(name, packages, version, hold, repository):
    ret = {"name": name, "result": True, "changes": {}, "comment": f"{', '.join(packages)}: as specified."}
    try:
        plan = __salt__["containerd_package.plan"](
            packages, version, hold=hold, repository=repository, update=not __opts__["test"]
        )
        if not plan["changes"]:
            return ret
        if __opts__["test"]:
            comment = f"{', '.join(plan['changes'])} would be changed. {plan['unasked']}".rstrip()
            return {**ret, "result": None, "changes": plan["changes"], "comment": comment}
        done = _carry_out(plan)
    except _FAILURES as err:
        return {**ret, "result": False, "comment": secrets.masked_url(str(err))}
    holds = {key: value for key, value in plan["changes"].items() if key.endswith(" hold")}
    ret["changes"] = {**done, **holds}
    missed = [
        f"{package} is {found or 'not installed'}, not {chosen}"
        for package, chosen in plan["install"].items()
        if (found := __salt__["pkg.version"](package)) != chosen and (chosen or not found)
    ]
    if missed:
        return {**ret, "result": False, "comment": f"{'; '.join(missed)}: see the package manager's log."}
    return {**ret, "comment": f"{', '.join(ret['changes'])}: changed."}


def removed(name, packages):
    """
    Have packages removed, and not held. Configuration, images and containers stay.

    name
        Any text.

    packages
        A list of package names.

    SLS Example:

    .. code-block:: yaml

        containerd package is removed:
          containerd_package.removed:
            - packages: [containerd.io]

    :return: a state return; ``changes`` are package to old and new version.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": f"{', '.join(packages)}: not installed."}
    found = {package: __salt__["pkg.version"](package) for package in packages}
    there = {package: version for package, version in found.items() if version}
    holds = __salt__["containerd_package.held"](packages)
    changes = {package: {"old": version, "new": ""} for package, version in there.items()}
    changes.update({f"{package} hold": {"old": True, "new": False} for package in holds})
    if not changes:
        return ret
    if __opts__["test"]:
        comment = f"{', '.join(there or holds)} would be removed."
        return {**ret, "result": None, "changes": changes, "comment": comment}
    try:
        _hold("unhold", holds)
        if there:
            __salt__["pkg.remove"](pkgs=list(there))
    except _FAILURES as err:
        return {**ret, "result": False, "comment": secrets.masked_url(str(err))}
    return {**ret, "changes": changes, "comment": f"{', '.join(there or holds)}: removed."}


def tool_installed(name, package, needed=True):
    """
    Have a command that the formula calls: its package is installed where it is missing.

    name
        The command.

    package
        The package that brings it.

    needed : ``True``
        Whether the run fails where the package cannot be installed. If not, the comment says so.

    SLS Example:

    .. code-block:: yaml

        containerd sandbox is installed:
          containerd_package.tool_installed:
            - name: bwrap
            - package: bubblewrap
            - needed: false

    :return: a state return; that of ``pkg.installed`` where it installs.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": f"{name} is installed."}
    if __salt__["cmd.which"](name):
        return ret
    if __opts__["test"]:
        changes = {package: {"old": "", "new": "the newest"}}
        return {**ret, "result": None, "changes": changes, "comment": f"{package} would be installed."}
    try:
        done = __states__["pkg.installed"](name=package)
    except _FAILURES as err:
        done = {"result": False, "changes": {}, "comment": str(err)}
    if done["result"] is False:
        comment = f"{package} cannot be installed, and {name} is missing: {done['comment']}"
        return {**ret, "result": not needed, "changes": done["changes"], "comment": comment}
    return {**done, "name": name}


def repository_answers(name, contents):
    """
    Make sure that an apt repository answers, and is signed by its key, before it is configured.

    apt's own lists and sources are not touched. A repository that is configured already is not asked.

    name
        The file of our source.

    contents
        What that file shall hold.

    SLS Example:

    .. code-block:: yaml

        containerd repository answers:
          containerd_package.repository_answers:
            - name: /etc/apt/sources.list.d/docker.sources
            - contents: |
                Types: deb
                URIs: https://download.docker.com/linux/debian
                Suites: bookworm
                Components: stable
                Signed-By: /etc/apt/keyrings/docker.asc

    :return: a state return, without changes. Under ``test=True`` nothing is asked.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "The repository is configured."}
    try:
        with open(name, encoding="utf-8") as file:
            if file.read().strip() == contents.strip():
                return ret
    except (OSError, UnicodeDecodeError):
        pass
    if __opts__["test"]:
        return {**ret, "result": None, "comment": "The repository would be asked before it is configured."}
    try:
        __salt__["containerd_package.probe"](contents)
    except _FAILURES as err:
        return {**ret, "result": False, "comment": secrets.masked_url(str(err))}
    return {**ret, "comment": "The repository answers, and is signed by its key."}


def rivals_set_aside(name, uri, suite, own):
    """
    Turn sources of other tools that would clash with ours into comments.

    name
        Any text.

    uri
        The address of our source.

    suite
        Its suite.

    own
        The file of our source.

    SLS Example:

    .. code-block:: yaml

        containerd repository has no rival:
          containerd_package.rivals_set_aside:
            - uri: https://download.docker.com/linux/debian
            - suite: bookworm
            - own: /etc/apt/sources.list.d/docker.sources

    :return: a state return; ``changes`` are file to old and new.
    """
    return _rewrite(
        name, lambda: __salt__["containerd_package.rivals"](uri, suite, own), "in use", "set aside"
    )


def rivals_restored(name, own):
    """
    Turn what ``rivals_set_aside`` made a comment into a source again.

    name
        Any text.

    own
        The file of our source.

    SLS Example:

    .. code-block:: yaml

        containerd repository rivals are restored:
          containerd_package.rivals_restored:
            - own: /etc/apt/sources.list.d/docker.sources

    :return: a state return; ``changes`` are file to old and new.
    """
    return _rewrite(name, lambda: __salt__["containerd_package.restored_rivals"](own), "set aside", "in use")


def key_removed(name, own):
    """
    Remove the key of a repository, unless a source of somebody else needs it.

    name
        The key's file.

    own
        The file of our source.

    SLS Example:

    .. code-block:: yaml

        containerd repository key is removed:
          containerd_package.key_removed:
            - name: /etc/apt/keyrings/docker.asc
            - own: /etc/apt/sources.list.d/docker.sources

    :return: a state return; that of ``file.absent`` where it removes.
    """
    users = __salt__["containerd_package.users_of_key"](name, own)
    if users and os.path.exists(name):
        comment = f"{name} stays: {', '.join(users)} needs it."
        return {"name": name, "result": True, "changes": {}, "comment": comment}
    return __states__["file.absent"](name=name)


def _carry_out(plan):
    """Install what a plan says and set the holds; return the packages that changed."""
    changed = {}
    install, wanted = plan["install"], plan["wanted_holds"]
    # apt refuses to touch what is held.
    lifted = [package for package in plan["held"] if package in install or package not in wanted]
    _hold("unhold", lifted)
    try:
        if install:
            targets = [{package: chosen} if chosen else package for package, chosen in install.items()]
            changed = __salt__["pkg.install"](pkgs=targets, refresh=False)
    except _FAILURES:
        _hold("hold", lifted)
        raise
    _hold("hold", [package for package in wanted if package in lifted or package not in plan["held"]])
    return changed


def _hold(function, packages):
    """Hold or unhold packages; fail if the package manager does not."""
    if not packages:
        return
    answers = __salt__[f"pkg.{function}"](pkgs=packages)
    refused = [answer["comment"] for answer in answers.values() if not answer["result"]]
    if refused:
        raise CommandExecutionError(" ".join(refused))


def _rewrite(name, find, old, new):
    """Write the texts of files that a function tells of; return a state return."""
    ret = {"name": name, "result": True, "changes": {}, "comment": "There is none."}
    try:
        texts = find()
    except CommandExecutionError as err:
        return {**ret, "result": False, "comment": str(err)}
    if not texts:
        return ret
    changes = {path: {"old": old, "new": new} for path in texts}
    if __opts__["test"]:
        return {**ret, "result": None, "changes": changes, "comment": f"{', '.join(texts)} would be {new}."}
    for path, text in texts.items():
        written = __states__["file.managed"](name=path, contents=text, show_changes=False)
        if written["result"] is False:
            return {**ret, "result": False, "comment": written["comment"]}
    return {**ret, "changes": changes, "comment": f"{', '.join(texts)}: {new}."}
