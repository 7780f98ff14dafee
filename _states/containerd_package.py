"""containerd's packages are installed in the version that the site chose, and stay in it."""

import contextlib

import containerd_formula
from salt.exceptions import CommandExecutionError, MinionError, SaltInvocationError

containerd_formula.renew()
from containerd_formula import errors, runtime_settings, secrets

# What Salt's pkg raises.
_FAILURES = (CommandExecutionError, MinionError, SaltInvocationError)


def installed(name, packages, version="", hold=None, repository="", source="", upgrade=False, start=True):
    """
    Install packages in a version, and hold them or not.

    The state looks up the version in the refreshed repositories before it touches anything. It lifts a hold
    for the change and sets it again, even if the change fails. A changed configuration file on the node
    stays, without a question. An install that would remove packages other than containerd's is refused.

    name
        Any text.

    packages
        A list of package names, all of which get the version.

    version : ````
        The whole version of the package, upstream's part of it, or a pattern: ``1.7.24-1``, ``1.7.24``,
        ``1.7.*``. The newest version that matches is installed. Empty accepts an installed one, and else
        installs the newest.

    hold : ``None``
        Whether to hold the packages against upgrades. None leaves that as it is.

    repository : ````
        The address of the repository that must answer before anything is installed. Old lists are enough for
        other repositories.

    source : ````
        Where the packages come from and why, such as ``distro, as installed``, if pillar does not say it.

    upgrade : ``False``
        Whether each run refreshes the lists, and installs a newer version that fits if there is one. A hold
        does not stop this. No older version is taken for it.

    start : ``True``
        Whether the packages' scripts may start the service. If not, one that runs is left to them all the
        same.

    SLS Example:

    .. code-block:: yaml

        containerd package is installed:
          containerd_package.installed:
            - packages: [containerd.io]
            - version: 1.7.*
            - hold: true

    :return: a state return; ``changes`` are package to old and new version, and ``PACKAGE hold`` to
        false or true. With apt they are the same under ``test=True``, once the repository is configured. The
        comment says what is unknown, and names a source that pillar does not set.
    """
    # Look before the install.
    told = _about(source, packages) if source else []
    wanted = [{"packages": packages, "version": version, "hold": hold, "upgrade": upgrade}]
    ret = _installed(name, wanted, repository, start)
    return {**ret, "comment": " ".join([ret["comment"], *told])}


def all_installed(name, wanted):
    """
    Install packages of several versions as ``installed`` does, with one refresh and one change.

    name
        Any text.

    wanted
        A list of dictionaries with the ``packages``, ``version``, ``hold`` and ``upgrade`` of ``installed``,
        and the pillar ``key`` of the version, for errors.

    SLS Example:

    .. code-block:: yaml

        runtimes are installed:
          containerd_package.all_installed:
            - wanted:
                - {packages: [runc], version: 1.3.*}
                - {packages: [crun], upgrade: true}

    :return: the state return of ``installed``.
    """
    return _installed(name, wanted)


def _about(source, packages):
    """Return sentences about a source that pillar does not name."""
    told = [f"The source is {errors.brief(source)}; containerd:package:source sets it."]
    path = __salt__["cmd.which"]("containerd")
    if path and not any(__salt__["pkg.version"](package) for package in packages):
        told.append(
            f"{path} belongs to none of these packages: use source archive or none to keep it, or remove it. "
            "It may come before the package's in PATH."
        )
    return told


def _installed(name, wanted, repository="", start=True):
    """Plan the install, carry it out, and return the state return."""
    packages = ", ".join(package for one in wanted for package in one["packages"])
    ret = {"name": name, "result": True, "changes": {}, "comment": f"{packages}: as specified."}
    try:
        plan = __salt__["containerd_package.plan_together"](
            wanted, repository=repository, update=not __opts__["test"]
        )
        if not plan["changes"]:
            return {**ret, "comment": f"{ret['comment']} {plan['unasked']}".rstrip()}
        if __opts__["test"]:
            comment = f"{', '.join(plan['changes'])} would be changed. {plan['unasked']}".rstrip()
            return {**ret, "result": None, "changes": plan["changes"], "comment": comment}
    except _FAILURES as err:
        return {**ret, "result": False, "comment": secrets.masked_url(str(err))}
    try:
        with contextlib.nullcontext() if start else __salt__["containerd_service.kept_from_starting"]():
            done = _carry_out(plan)
    except _FAILURES as err:
        comment = secrets.masked_url(str(err)) + __salt__["containerd_package.cure"]()
        return {**ret, "result": False, "comment": comment}
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
    Remove packages and their holds. Configuration, images and containers stay.

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
    Install the package of a command that the formula calls, if the command is missing.

    name
        The command.

    package
        The package that has it.

    needed : ``True``
        Whether the run fails if the package cannot be installed. If not, only the comment says so.

    SLS Example:

    .. code-block:: yaml

        containerd sandbox is installed:
          containerd_package.tool_installed:
            - name: bwrap
            - package: bubblewrap
            - needed: false

    :return: a state return; that of ``pkg.installed`` if it installs.
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
        comment += __salt__["containerd_package.cure"]()
        return {**ret, "result": not needed, "changes": done["changes"], "comment": comment}
    return {**done, "name": name}


def can_hold(name, needs, hold=None, runtimes=None):
    """
    Install what the package manager needs to hold packages, if pillar holds one.

    name
        Any text.

    needs
        A list of package names.

    hold : ``None``
        Whether containerd's packages are held: pillar ``package:hold``.

    runtimes : ``None``
        A dictionary, as pillar ``runtimes``: of each runtime ``hold`` counts.

    SLS Example:

    .. code-block:: yaml

        containerd package can be held:
          containerd_package.can_hold:
            - needs: [python3-dnf-plugin-versionlock]
            - hold: true

    :return: a state return; that of ``pkg.installed`` if something is held.
    """
    if not hold and not any(one.hold for one in runtime_settings.read(runtimes).runtimes):
        return {"name": name, "result": True, "changes": {}, "comment": "Pillar holds no package."}
    return __states__["pkg.installed"](name=name, pkgs=needs)


def repository_answers(name, contents):
    """
    Test that a repository answers, and is signed by its key, before it is configured.

    This does not touch the lists and sources of apt or dnf. Other package managers are not asked. A
    repository that is configured already is not tested.

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

    :return: a state return, without changes. Under ``test=True`` nothing is tested.
    """
    ret = {"name": name, "result": True, "changes": {}, "comment": "The repository is configured."}
    try:
        with open(name, encoding="utf-8") as file:
            if file.read().strip() == contents.strip():
                return ret
    except (OSError, UnicodeDecodeError):
        pass
    if __opts__["test"]:
        return {**ret, "result": None, "comment": "The repository would be tested before it is configured."}
    try:
        if not __salt__["containerd_package.probe"](contents):
            return {**ret, "comment": "The repository was not tested: this package manager cannot be asked."}
    except _FAILURES as err:
        return {**ret, "result": False, "comment": secrets.masked_url(str(err))}
    return {**ret, "comment": "The repository answers."}


def _carry_out(plan):
    """Install the packages of a plan and set the holds; return the packages that changed."""
    changed = {}
    install, wanted = plan["install"], plan["wanted_holds"]
    # apt refuses to change a held package.
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
