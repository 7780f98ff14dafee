"""
The folder of registries on this node (certs.d): what is there, what is to be, proved by containerd, written.

``containerd_registries`` is the module for people; this one is its hand on the node.
"""

import contextlib
import os
import shutil

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import (
    errors,
    findings,
    hosts_toml,
    places,
    registries,
    registry_words,
    secrets,
    toml,
    unit,
)
from containerd_formula.addresses import in_saltenv
from containerd_formula.data import table
from containerd_formula.hosts_toml import folder_of
from containerd_formula.registry_config import CRI, IMAGES
from containerd_formula.registry_settings import is_since

_told = errors.told_as(CommandExecutionError)

# Bytes; a bundle of all public authorities has 230,000.
_LIMIT = 1 << 20
# Go's own resolver: that of the system may wait for a daemon outside of the network's namespace.
_OFFLINE = {"GODEBUG": "netdns=go"}
_ALONE = ("unshare", "--net")
_FETCH = ("--address", "/nonexistent", "content", "fetch-object")
# Where no namespace can be made: a proxy that nobody is. Only this machine's own addresses go past it.
_NO_WAY_OUT = {
    **dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:1"),
    **dict.fromkeys(("NO_PROXY", "no_proxy"), ""),
}
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_FILES, _FOLDER = (0o644, 0o600), (0o755, 0o700)


@_told
def plan(root, given, saltenv="base"):
    """
    Return what becomes of a folder with pillar ``registries``; the files have their secrets.

    :return: a dictionary: ``files``, relative path to the library's ``File``, those to write; ``gone``,
        those to remove; ``changes``, relative path to what changes, masked; ``warnings``, sentences;
        ``wanted``, all files; ``model``, the library's; ``release``, for which it is.
    :raises CommandExecutionError: the pillar is wrong, containerd does not read the files as they are meant,
        or somebody else than root could change them.
    """
    # Without any nothing is started.
    found = (
        __salt__["containerd_release.installed"]() if isinstance(given, dict) and given.get("hosts") else None
    )
    model = registries.read(given, found)
    _refuse(findings.errors(model.findings), root)
    by_files = is_since("1.5", found)
    wanted = hosts_toml.files(model, _fetched(model, saltenv)) if by_files else {}
    there = __salt__["containerd_certs_there.own"](root)
    _refuse([*_not_roots(model, found), *__salt__["containerd_certs_there.in_the_way"](root, wanted)], root)
    changes = __salt__["containerd_certs_there.changed"](root, wanted)
    files = {path: file for path, file in wanted.items() if path in changes}
    named = set(map(folder_of, wanted))
    gone = [path for path in there if path not in wanted and (model.prune or _goes(folder_of(path), named))]
    for path in gone:
        changes[path] = hosts_toml.changes(path, there[path], None)
    written = {folder_of(path) for path in files}
    wrong, unproved = _proof([one for one in model.registries if one.folder in written], wanted, found)
    _refuse(wrong, root)
    beside = __salt__["containerd_certs_there.beside"](root, wanted, there, model.prune)
    warnings = [*findings.warnings(model.findings), *unproved, *beside, *_in_config(model, found)]
    return {
        **{"files": files, "gone": gone, "changes": changes, "warnings": warnings},
        **{"model": model, "wanted": wanted, "release": found},
    }


def apply(root, planned, done):
    """
    Write what was planned: what a hosts.toml names before it; then what goes. ``done`` gets the paths.

    A folder comes and goes whole, by a rename: one without its hosts.toml would hide the one for all others.

    :raises CommandExecutionError: something cannot be written; what is not in ``done`` is as it was.
    """
    secret = {folder_of(path) for path, file in planned["wanted"].items() if file.secret}
    for folder, paths in _by_folder(planned["files"]).items():
        _write(root, folder, {path: planned["files"][path] for path in paths}, folder in secret, done)
    for folder in sorted(secret):
        place = os.path.join(root, folder)
        try:
            os.chmod(place, __salt__["containerd_certs_there.allowed"](place, _FOLDER[True]))
        except OSError as err:
            raise CommandExecutionError(f"{place} cannot be closed to others: {err.strerror}") from err
        done += [folder] if folder in planned["changes"] else []
    named = set(map(folder_of, planned["wanted"]))
    for folder, paths in _by_folder(planned["gone"]).items():
        _remove(root, folder, paths, folder in named, done)


@_told
def shown(given, saltenv="base"):
    """
    Return the files of pillar ``registries`` for this node's release: relative path to ``File``.

    :raises CommandExecutionError: the pillar is wrong, or a file of the master's is not there.
    """
    found = __salt__["containerd_release.installed"]()
    model = registries.read(given, found)
    return hosts_toml.files(model, _fetched(model, saltenv)) if is_since("1.5", found) else {}


@_told
def asked(model, registry, one, saltenv="base", timeout=5, environment=None):
    """
    Return why a host gives no image of a registry, by itself, with its certificates and credentials.

    ``environment`` is what the daemon will have: pillar ``service:environment``. None takes what it has.

    :raises CommandExecutionError: ctr is not installed.
    """
    # As the last one: nothing else is asked. What it is for does not matter here.
    keys = {key: value for key, value in one.keys.items() if key != "capabilities"}
    alone = registry._replace(server=one._replace(keys=keys), mirrors=())
    files = hosts_toml.files(model._replace(registries=[alone], findings=[]), _fetched(model, saltenv))
    [question] = registry_words.questions(alone)
    image = registry_words.named(registry.name, registry.probe) if registry.probe else question.image
    with _candidate(files) as folder:
        try:
            done = _fetch(folder, image, timeout=timeout, env=_proxies(environment))
        except CommandExecutionError as err:
            if "gave no answer" in str(err):
                return f"it does not answer within {timeout} s"
            raise
    if done["retcode"] == 0:
        return ""
    in_config = one.url.host in model.auths
    why = registry_words.reason(done["stderr"], bool(one.auth), registry.probe)
    # It asks for the credentials that config.toml has, and nobody but the daemon knows them.
    return "" if in_config and why.startswith("401") else secrets.masked_url(why)


def is_read(root):
    """
    Tell whether the configuration of containerd names a folder of registries, and no other.
    """
    try:
        data = toml.loads(__salt__["containerd_files.text"](places.CONFIG), places.CONFIG)
    except (CommandExecutionError, errors.Refused):
        return False
    return any(
        table(data, ("plugins", name, "registry")).get("config_path") == root for name in (CRI, IMAGES)
    )


def foreign(root, given=None):
    """
    Return sentences about what is in the folder and not of the formula's making, and what that hides.
    """
    model = registries.read(given, None)
    wanted = {f"{one.folder}/{hosts_toml.HOSTS}": None for one in model.registries}
    there = __salt__["containerd_certs_there.own"](root)
    return __salt__["containerd_certs_there.beside"](root, wanted, there, model.prune)


def _by_folder(paths):
    result = {}
    for path in paths:
        result.setdefault(folder_of(path), []).append(path)
    return result


def _goes(folder, named):
    """Tell whether files of the formula's that nobody wants go even without prune."""
    return folder in named or places.is_passing(folder)


def _write(root, folder, files, secret, done):
    """Write files of a folder: into it, or into a new one that gets its name as the last."""
    place = os.path.join(root, folder)
    new = not os.path.isdir(place)
    target = os.path.join(root, places.passing(folder)) if new else place
    try:
        if new:
            _remove_folder(target)
            __salt__["containerd_files.make_folder"](root)
            __salt__["containerd_files.make_folder"](target, _FOLDER[secret])
        for path, file in files.items():
            bits = __salt__["containerd_certs_there.allowed"](os.path.join(root, path), _FILES[file.secret])
            full = os.path.join(target, os.path.basename(path))
            __salt__["containerd_files.replace"](full, file.text.encode(), 0, 0, bits)
            done += [] if new else [path]
        if new:
            __salt__["containerd_files.rename"](target, place)
            done += files
    except CommandExecutionError:
        if new:
            shutil.rmtree(target, ignore_errors=True)
        raise


def _remove(root, folder, paths, stays, done):
    """Remove files of a folder: with it, if nothing else is in it."""
    place = os.path.join(root, folder)
    if not stays and not __salt__["containerd_certs_there.besides"](place, paths):
        passing = place if places.is_passing(folder) else os.path.join(root, places.passing(folder))
        if passing != place:
            _remove_folder(passing)
            __salt__["containerd_files.rename"](place, passing)
        done += paths
        _remove_folder(passing)
        return
    # The hosts.toml first: what it names is needed as long as it is there.
    for path in sorted(paths, key=lambda path: not path.endswith(hosts_toml.HOSTS)):
        __salt__["containerd_files.sweep_beside"](os.path.join(root, path))
        __salt__["containerd_files.remove"](os.path.join(root, path))
        done.append(path)


def _remove_folder(path):
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        return
    except OSError as err:
        raise CommandExecutionError(f"{path} cannot be removed: {err.strerror}") from err


def _fetched(model, saltenv):
    """Return the texts at the addresses of Salt's file server that a model names."""
    result = {}
    for address in hosts_toml.sources(model):
        data = __salt__["containerd_fetch.content"](in_saltenv(address, saltenv), _LIMIT, address)
        try:
            result[address] = data.decode()
        except UnicodeDecodeError as err:
            raise CommandExecutionError(f"{address} holds no PEM: it is no text.") from err
    return result


def _not_roots(model, found):
    """Return sentences about files of the node that are named and not there, or not root's alone."""
    named = [
        text
        for one in model.registries
        for each in one.asked()
        for text in (*each.ca, *each.client.values())
        if text.startswith("/")
    ]
    told = []
    for path in dict.fromkeys(named):
        if why := __salt__["containerd_paths.why_not_roots"](path):
            told.append(f"{path}: {why}. {places.ROOTS_OWN}")
        # Before containerd is installed, other states may still put it there.
        elif found and not os.path.isfile(path):
            told.append(f"{path} is no file, and every pull by it fails: put it there, or name another.")
    return told


def _proof(changed, wanted, found):
    """Return (what is wrong, what was not proved): sentences about registries as containerd reads them."""
    if not changed or found is None:
        return [], []
    if not __salt__["containerd_command.path"]("ctr"):
        return ["What is to be written cannot be proved: ctr is not installed. Install it."], []
    wrong, unproved = [], []
    alone = _can_be_alone()
    with _candidate(wanted) as folder:
        for registry in changed:
            path = f"{registry.folder}/{hosts_toml.HOSTS}"
            for question in registry_words.questions(registry):
                # These it would really ask: no proxy stands before them.
                if not alone and registry_words.is_here(question.addresses):
                    unproved.append(f"{path} was not proved by containerd: no namespace can be made here.")
                    continue
                stderr = _offline(folder, question.image, alone)
                said, meant = registry_words.asked_for(stderr), question.addresses
                if why := registry_words.unreadable(stderr):
                    wrong.append(f"{path}: containerd cannot use it: {why.replace(f'{folder}/', '')}.")
                elif not registry_words.is_as_meant(said, question):
                    would = ", ".join(said) or "nobody"
                    wrong.append(f"{path}: containerd would ask {would}, and meant is {', '.join(meant)}.")
    return list(dict.fromkeys(wrong)), list(dict.fromkeys(unproved))


def _can_be_alone():
    """Tell whether a namespace of the network can be made here."""
    if not __salt__["cmd.which"]("unshare"):
        return False
    return __salt__["containerd_command.run"](*_ALONE, "true")["retcode"] == 0


def _offline(folder, image, alone):
    """Return what ctr says without a way out: in a namespace of its own, or behind a proxy that nobody is."""
    how = {"before": _ALONE, "env": _OFFLINE} if alone else {"env": {**_OFFLINE, **_NO_WAY_OUT}}
    return _fetch(folder, image, **how)["stderr"]


@contextlib.contextmanager
def _candidate(files):
    """Yield a folder that is root's alone, and holds files as certs.d would."""
    with __salt__["containerd_files.temporary"]("certs-") as folder:
        for path, file in files.items():
            os.makedirs(os.path.join(folder, folder_of(path)), exist_ok=True)
            with open(os.path.join(folder, path), "w", encoding="utf-8") as target:
                target.write(file.text)
        yield folder


def _fetch(folder, image, before=(), env=None, timeout=places.COMMAND_TIMEOUT):
    """Have ctr ask for an image by a folder such as certs.d: it needs no daemon, and keeps nothing."""
    # What stands before it knows no other name.
    ctr = (*before, __salt__["containerd_command.path"]("ctr") or "ctr", *_FETCH)
    return __salt__["containerd_command.run"](*ctr, "--hosts-dir", folder, image, env=env, timeout=timeout)


def _proxies(environment=None):
    """Return the proxies of the daemon, which are not those of the minion."""
    if environment is None:
        text = __salt__["containerd_certs_there.text"](places.ENVIRONMENT)
    else:
        text = unit.render(environment)[places.ENVIRONMENT]
    found = unit.parse({places.ENVIRONMENT: text}).get("environment", {}) if text else {}
    names = [name for proxy in _PROXIES for name in (proxy, proxy.lower())]
    # Empty is none; Salt makes False the word "False", which is the name of a host.
    return {name: found.get(name, "") for name in names}


def _in_config(model, found):
    """Return sentences about what a release has in config.toml."""
    if not model.registries or found is None:
        return []
    if not is_since("1.5", found):
        return [f"containerd {found} has no hosts.toml: all this is in config.toml, which takes a restart."]
    return [
        f"The credentials of {host} are in config.toml, which takes a restart: to a service of tokens "
        f"containerd {found} sends no header. Where there is none (Basic), write basic: true beside them."
        for host in model.auths
    ]


def _refuse(wrong, root):
    if wrong:
        raise CommandExecutionError("\n".join([f"{root} is refused; nothing was changed.", *wrong]))
