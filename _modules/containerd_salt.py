"""
Check what the formula needs of Salt: tomlkit in the minion's Python, our own modules, a correct pillar.
"""

import os
import re
import sys

import salt.utils.hashutils
import salt.utils.stringutils
from containerd_formula import renew

renew()

from containerd_formula import errors, findings, image_settings, pillar, registries, runtime_settings, toml

# Salt's loader has another name for these folders.
_TAGS = {"modules": "module"}
_EXTMODS = "extension_modules"
_FORBIDDEN = (
    "There is no {} ({}), although the modules were synced: does an option of this minion forbid it "
    "(extmod_blacklist, extmod_whitelist, disable_modules)?"
)
_ELSEWHERE = (
    "Salt finds it before what it syncs: remove it there (module_dirs, -m, or a package), or rename it."
)
_SERVED = (
    "It is {} of saltenv {}{}: a root or remote that comes before the formula's has it. Remove or rename it "
    "there, or name the formula's root first."
)
_STALE = "The file server no longer has it: run the states again, or remove the file."


def library():
    """
    Return the version of tomlkit in the minion's Python, or an empty text if it has none.
    """
    return toml.version()


def problems(given, defaults, families):
    """
    Return what is wrong with a pillar. map.jinja calls this instead of a renderer.

    given
        The pillar ``containerd``.

    defaults
        The content of ``defaults.yaml``.

    families
        A list of the supported os families.

    :return: a list of sentences, empty if all is well.
    """
    if found := pillar.problems(given, defaults, families, __grains__):
        return found
    # Here, where the library is, also what is wrong for every release.
    made = (
        registries.read(given.get("registries")),
        runtime_settings.read(given.get("runtimes")),
        image_settings.read(given.get("images")),
    )
    return findings.errors([one for model in made for one in model.findings])


def states_are_ours():
    """
    Tell whether the synced states ``containerd`` are the formula's: states have no release to compare.

    :return: true or false.
    """
    try:
        return "containerd_formula" in _text(_synced("states"))
    except OSError:
        # The states are elsewhere, or not synced yet.
        return True


def stranger(kind, release, saltenv):
    """
    Explain which file Salt has in place of our module ``containerd``, where it comes from, and the cure.

    kind
        ``modules`` or ``states``.

    release
        The release that the module should have.

    saltenv
        The saltenv of the run.

    :return: a sentence.
    """
    path = _loaded(kind) or _synced(kind)
    try:
        own = re.search(r'^RELEASE = "([^"]*)"', _text(path), re.MULTILINE)
    except OSError as err:
        return _FORBIDDEN.format(path, err.strerror)
    what = f"of another release of this formula, {errors.brief(own[1])}," if own else "not of this formula"
    place = f"where _{kind}/containerd.py of release {release} should be"
    return f"{path} is {what} and stands {place}. {_origin(path, kind, saltenv)}"


def _loaded(kind):
    """Return the file that Salt has loaded under the name of our module, or None if that is not known."""
    ends = tuple(f".{place}.{_TAGS.get(kind, kind)}.containerd" for place in ("ext", "int"))
    files = [module.__file__ for name, module in list(sys.modules.items()) if name.endswith(ends)]
    # The last one belongs to the newest loader.
    return files[-1] if files and os.path.isfile(files[-1]) else None


def _synced(kind):
    return os.path.join(__opts__[_EXTMODS], kind, "containerd.py")


def _text(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def _origin(path, kind, saltenv):
    """Return where a file comes from, and what to do about it."""
    if os.path.realpath(path) != os.path.realpath(_synced(kind)):
        return _ELSEWHERE
    for env in dict.fromkeys((saltenv, "base")):
        address = f"salt://_{kind}/containerd.py"
        served = __salt__["cp.hash_file"](address, env)
        if served and _hash(served) == salt.utils.hashutils.get_hash(path, served["hash_type"]):
            return _SERVED.format(address, env, _root(kind, env))
    return _STALE


def _hash(served):
    """Return the hash that the file server tells: gitfs tells bytes from the second time on."""
    return salt.utils.stringutils.to_unicode(served["hsum"])


def _root(kind, saltenv):
    """Return, in brackets, the folder from which a masterless minion takes a module."""
    roots = __opts__["file_roots"].get(saltenv, []) if __opts__.get("file_client") == "local" else []
    found = [root for root in roots if os.path.isfile(os.path.join(root, f"_{kind}", "containerd.py"))]
    return f" ({found[0]})" if found else ""
