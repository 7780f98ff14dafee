"""Salt itself has what the formula needs: the formula's modules, and tomlkit."""

import hashlib
import os
import re

import salt.utils.files
from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import secrets
from containerd_formula.addresses import in_saltenv
from containerd_formula.toml import FLOOR, is_new_enough

# The saltenv of the SLS: Salt sets it.
__env__ = "base"
# Bytes. The wheel of 0.15 has 52,000.
_WHEEL_LIMIT = 4 << 20
_UMASK = 0o022


def synced(name, pillar=None):
    """
    Fail unless the modules that Salt has loaded are the formula's, of the release of the SLS.

    Other projects have a module ``containerd``, too, and Salt takes the first one that it finds.

    name
        The release, as ``containerd.release`` returns it.

    pillar : ``None``
        A dictionary, the arguments ``defaults`` and ``families`` of ``containerd_salt.problems``: in the run
        that brings another release, the SLS were rendered by the old modules, and the new ones check pillar
        ``containerd`` now.

    SLS Example:

    .. code-block:: yaml

        containerd Salt modules are synced:
          containerd_salt.synced:
            - name: 0.1.0+0123abcd

    :return: a state return, without changes. If it fails, the comment names the file, where it comes from,
        and the cure, or what is wrong with the pillar.
    """
    release = __salt__.get("containerd.release")
    found = {
        "modules": release is not None and release() == name,
        "states": "containerd.ready" in __states__,
    }
    wrong = [
        __salt__["containerd_salt.stranger"](kind, name, __env__) for kind, own in found.items() if not own
    ]
    if pillar and not wrong:
        wrong = __salt__["containerd_salt.problems"](_pillar(), **pillar)
    comment = "\n".join(wrong) or "The modules are those of the formula."
    return {"name": name, "result": not wrong, "changes": {}, "comment": comment}


def _pillar():
    """
    Return pillar ``containerd`` as it is: Salt 3008 gives states asterisks, and 3006 knows no ``unmask``.
    """
    try:
        return __salt__["pillar.get"]("containerd", unmask=True) or {}
    except TypeError:
        return __salt__["pillar.get"]("containerd") or {}


def library_installed(name="tomlkit>=0.15.1", wheel="", wheel_sha256="", index_url="", package=""):
    """
    Install tomlkit into the Python that runs the minion, if it is missing or too old.

    pip runs only then: a converged ``pip.installed`` takes 0.7 s, an import 0.04 s.

    name : ``tomlkit>=0.15.1``
        The requirement that pip installs.

    wheel : ````
        The address of a wheel, such as ``salt://files/tomlkit-0.15.2-py3-none-any.whl``, for a node that
        cannot reach a package index. It must end in the wheel's file name. pip installs this file and nothing
        else, whatever ``name`` says.

    wheel_sha256 : ````
        The SHA-256 of the wheel, which is not installed without it.

    index_url : ````
        The address of a package index to use instead of pip's own.

    package : ````
        A package of the distribution to install instead, if the distribution's Python runs the minion.

    SLS Example:

    .. code-block:: yaml

        containerd TOML library is installed:
          containerd_salt.library_installed:
            - name: tomlkit>=0.15.1
            - reload_modules: true

    :return: a state return; that of ``pip.installed`` if it installs.
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
        # pip takes the umask for its files: with 0 anybody could change what the minion imports.
        with salt.utils.files.set_umask(_UMASK):
            # pip.installed would name it by the file.
            ret = {**_install(name, wheel, wheel_sha256, index_url, package), "name": name}
    except CommandExecutionError as err:
        return {"name": name, "result": False, "changes": {}, "comment": secrets.masked_url(str(err))}
    if ret["result"] is False:
        ret["comment"] = secrets.masked_url(ret["comment"]) + (
            " If this node cannot reach a package index, set wheel, index_url or package in containerd:salt; "
            "with salt-ssh name tomlkit in thin_extra_mods."
        )
        return ret
    found = __salt__["containerd_salt.library"]()
    if not found:
        comment = f"{package or name} was installed, but cannot be imported: is it for another Python?"
        ret.update(result=False, comment=comment)
    elif not is_new_enough(found):
        floor = ".".join(map(str, FLOOR))
        comment = f"{package or name} brought tomlkit {found}, and this formula needs {floor} or newer"
        comment = f"{comment}: correct containerd:salt."
        ret.update(result=False, comment=comment)
    return ret


def _install(name, wheel, wheel_sha256, index_url, package):
    """Install tomlkit from where the site has it; return a state return."""
    if package:
        changes = __salt__["pkg.install"](package)
        return {"name": name, "result": True, "changes": changes, "comment": f"{package} was installed."}
    if wheel:
        return _install_wheel(wheel, wheel_sha256)
    proxy = __salt__["containerd_fetch.proxy"](index_url)
    settings = {"index-url": index_url, "proxy": proxy}
    if not any(settings.values()):
        return __states__["pip.installed"](name=name, proxy=False)
    # Neither on the command line nor in the environment, which Salt logs and others see: the addresses may
    # hold passwords.
    with __salt__["containerd_files.temporary"]("pip-") as folder:
        path = os.path.join(folder, "pip.conf")
        lines = "".join(f"{key} = {value}\n" for key, value in settings.items() if value)
        with open(path, "x", encoding="utf-8", opener=_for_root) as file:
            file.write(f"[global]\n{lines}")
        return __states__["pip.installed"](name=name, proxy=False, env_vars={"PIP_CONFIG_FILE": path})


def _for_root(path, flags):
    return os.open(path, flags, 0o600)


def _install_wheel(wheel, sha256):
    """Install a wheel: exactly the bytes whose hash was checked."""
    label = f"The wheel {secrets.masked_url(wheel)}"
    file = wheel.rpartition("/")[2]
    # pip reads the project from this name, and stops at a separator.
    if not re.fullmatch(r"tomlkit-[\w.+!-]+\.whl", file, re.ASCII):
        raise CommandExecutionError(f"{label} is refused: its file name must be that of a tomlkit release.")
    content = __salt__["containerd_fetch.content"](in_saltenv(wheel, __env__), _WHEEL_LIMIT, label)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise CommandExecutionError(
            f"{label} has the sha256 {found}, and pinned is {sha256 or 'none'}: the download was cut, or it "
            "is another file. Nothing was installed. Compare both with the publisher's checksum."
        )
    # The bytes that were hashed, in a folder for root only.
    with __salt__["containerd_files.temporary"]("wheel-") as folder:
        path = os.path.join(folder, file)
        with open(path, "xb") as target:
            target.write(content)
        return __states__["pip.installed"](name=path, no_index=True, no_deps=True, proxy=False)
