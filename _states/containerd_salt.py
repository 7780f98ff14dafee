"""Salt itself has what the formula needs."""

import os
import tempfile

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula.toml import FLOOR, is_new_enough


def library_installed(name="tomlkit>=0.15.1", wheel="", index_url="", package=""):
    """
    Install tomlkit into the Python that runs the minion, where it is missing or too old.

    Asks pip only then: a converged ``pip.installed`` takes 0.7 s, an import 0.04 s.

    name : ``tomlkit>=0.15.1``
        What pip installs.

    wheel : ````
        The address of a wheel, such as ``salt://files/tomlkit-0.15.2-py3-none-any.whl``: for a node that
        reaches no package index. Its name must be that of the release.

    index_url : ````
        The address of a package index to take instead of pip's own.

    package : ````
        A package of the distribution to take instead, where the distribution's Python runs the minion.

    SLS Example:

    .. code-block:: yaml

        containerd TOML library is installed:
          containerd_salt.library_installed:
            - name: tomlkit>=0.15.1
            - reload_modules: true

    :return: a state return; that of ``pip.installed`` where it installs.
    """
    found = __salt__["containerd_salt.library"]()
    if is_new_enough(found):
        comment = f"tomlkit {found} is installed."
        return {"name": name, "result": True, "changes": {}, "comment": comment}
    if __opts__["test"]:
        changes = {"tomlkit": {"old": found or None, "new": name}}
        comment = f"{name} would be installed into the minion's Python."
        return {"name": name, "result": None, "changes": changes, "comment": comment}
    try:
        ret = _install(name, wheel, index_url, package)
    except CommandExecutionError as err:
        return {"name": name, "result": False, "changes": {}, "comment": str(err)}
    if ret["result"] is False:
        ret["comment"] += (
            " Where no package index can be reached, say in containerd:salt where tomlkit comes from: wheel, "
            "index_url or package."
        )
        return ret
    found = __salt__["containerd_salt.library"]()
    if not found:
        ret.update(result=False, comment=f"{package or name} was installed, and yet cannot be imported.")
    elif not is_new_enough(found):
        floor = ".".join(map(str, FLOOR))
        comment = f"{package or name} brought tomlkit {found}, and this formula needs {floor} or newer."
        ret.update(result=False, comment=comment)
    return ret


def _install(name, wheel, index_url, package):
    """Install tomlkit from where the site has it; return a state return."""
    if package:
        changes = __salt__["pkg.install"](package)
        return {"name": name, "result": True, "changes": changes, "comment": f"{package} was installed."}
    if wheel:
        path = __salt__["cp.cache_file"](wheel)
        if not path:
            raise CommandExecutionError(f"{wheel} cannot be fetched: there is no such file.")
        return __states__["pip.installed"](name=name, no_index=True, find_links=os.path.dirname(path))
    if not index_url:
        return __states__["pip.installed"](name=name)
    # Neither on the command line nor in the environment, which Salt logs: the address may hold a password.
    with tempfile.NamedTemporaryFile("w", prefix="containerd-pip-", encoding="utf-8") as file:
        file.write(f"[global]\nindex-url = {index_url}\n")
        file.flush()
        return __states__["pip.installed"](name=name, env_vars={"PIP_CONFIG_FILE": file.name})
