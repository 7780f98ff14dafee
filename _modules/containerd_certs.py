"""
The folder of registries on this node (certs.d): what is there, what is to be, proved by containerd, written.

``containerd_registries`` is the module for people; this one is its hand on the node.
"""

import contextlib
import os
import re
import stat

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
from containerd_formula.registry_config import CRI, IMAGES
from containerd_formula.registry_settings import is_since

_told = errors.told_as(CommandExecutionError)

# Bytes; a bundle of all public authorities has 230,000.
_LIMIT = 1 << 20
# Go's own resolver: that of the system may wait for a daemon outside of the network's namespace.
_OFFLINE = {"GODEBUG": "netdns=go"}
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
    there = _there(root)
    _refuse([*_not_roots(model), *_in_the_way(root, wanted)], root)
    files, changes = {}, {}
    for path, file in wanted.items():
        if changed := _change(root, path, file):
            files[path], changes[path] = file, changed
    closing = _closing(root, wanted)
    for folder, mode in closing.items():
        changes[folder] = {"mode": mode}
    named = set(map(_folder, wanted))
    gone = [path for path in there if path not in wanted and (model.prune or _folder(path) in named)]
    for path in gone:
        changes[path] = hosts_toml.changes(path, there[path], None)
    changed = {_folder(path) for path in files}
    wrong, unproved = _proof([one for one in model.registries if one.folder in changed], wanted, found)
    _refuse(wrong, root)
    warnings = [*findings.warnings(model.findings), *unproved, *_beside(root, wanted, there, model.prune)]
    warnings += _in_config(model, found)
    return {
        **{"files": files, "gone": gone, "changes": changes, "warnings": warnings},
        **{"model": model, "wanted": wanted, "release": found},
    }


def apply(root, planned):
    """
    Write what was planned: what a hosts.toml names before it, each at once; what goes, in the reverse order.

    :raises CommandExecutionError: something cannot be written; what was not yet is as it was.
    """
    secret = {_folder(path) for path, file in planned["wanted"].items() if file.secret}
    for path, file in planned["files"].items():
        folder = os.path.join(root, _folder(path))
        __salt__["containerd_files.make_folder"](root)
        __salt__["containerd_files.make_folder"](folder, _FOLDER[_folder(path) in secret])
        full = os.path.join(root, path)
        bits = _allowed(full, _FILES[file.secret])
        __salt__["containerd_files.replace"](full, file.text.encode(), 0, 0, bits)
    for place in (os.path.join(root, folder) for folder in secret):
        try:
            os.chmod(place, _allowed(place, _FOLDER[True]))
        except OSError as err:
            raise CommandExecutionError(f"{place} cannot be closed to others: {err.strerror}") from err
    # The hosts.toml first: what it names is needed as long as it is there.
    for path in sorted(
        planned["gone"], key=lambda path: (_folder(path), not path.endswith(hosts_toml.HOSTS))
    ):
        __salt__["containerd_files.remove"](os.path.join(root, path))
        # An empty folder would hide the one for all others.
        with contextlib.suppress(OSError):
            os.rmdir(os.path.join(root, _folder(path)))


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
def asked(model, registry, one, saltenv="base", timeout=5):
    """
    Return why a host gives no image of a registry, by itself, with its certificates and credentials.

    :raises CommandExecutionError: ctr is not installed.
    """
    # As the last one: nothing else is asked. What it is for does not matter here.
    keys = {key: value for key, value in one.keys.items() if key != "capabilities"}
    alone = registry._replace(server=one._replace(keys=keys), mirrors=())
    files = hosts_toml.files(model._replace(registries=[alone], findings=[]), _fetched(model, saltenv))
    [question] = registry_words.questions(alone)
    image = question.image
    if registry.probe and registry.name != "*":
        image = f"{registry.name}/{registry.probe}"
    with _candidate(files) as folder:
        try:
            done = _fetch(folder, image, timeout=timeout, env=_proxies())
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
    return _beside(root, wanted, _there(root), model.prune)


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


def _there(root):
    """Return the texts of the formula's own files: relative path to text."""
    result = {}
    for folder in _entries(root):
        place = os.path.join(root, folder)
        text = _text(os.path.join(place, hosts_toml.HOSTS))
        if text is None or not hosts_toml.is_ours(text):
            continue
        result[f"{folder}/{hosts_toml.HOSTS}"] = text
        for name in _entries(place):
            if name.startswith(hosts_toml.OTHER_FILES) and name.endswith(".pem"):
                result[f"{folder}/{name}"] = _text(os.path.join(place, name)) or ""
    return result


def _text(path):
    """Return the text of a file, None where there is none that could be read."""
    try:
        return __salt__["containerd_files.content"](path).decode("utf-8", "replace")
    except CommandExecutionError:
        return None


def _entries(folder):
    return [os.path.basename(path) for path in __salt__["containerd_paths.entries"](folder)]


def _not_roots(model):
    """Return sentences about files of the node that are named, and that others than root could change."""
    named = [
        text
        for one in model.registries
        for each in one.asked()
        for text in (*each.ca, *each.client.values())
        if text.startswith("/")
    ]
    found = {path: __salt__["containerd_paths.why_not_roots"](path) for path in named}
    return [f"{path}: {why}. Mend that with chown root and chmod go-w." for path, why in found.items() if why]


def _in_the_way(root, wanted):
    """Return sentences about what keeps files from being written, or from being root's alone."""
    told = []
    for folder in dict.fromkeys(["", *map(_folder, wanted)]) if wanted else ():
        place = os.path.join(root, folder).rstrip("/")
        if os.path.lexists(place) and not os.path.isdir(place):
            told.append(f"{place} is no folder, and every pull of that registry fails: remove it.")
        elif why := __salt__["containerd_paths.why_not_roots"](place):
            told.append(f"{place}: {why}. Mend that with chown root and chmod go-w.")
        if told and not folder:
            break
    for path in wanted:
        full = os.path.join(root, path)
        if os.path.isdir(full):
            told.append(f"{full} is a folder, and every pull of that registry fails: remove it.")
    return told


def _change(root, path, file):
    """Return what changes with a file: its content, its mode."""
    full = os.path.join(root, path)
    changed = hosts_toml.changes(path, _text(full), file.text)
    if os.path.lexists(full):
        found = os.lstat(full)
        have, want = stat.S_IMODE(found.st_mode), _allowed(full, _FILES[file.secret])
        if have != want and not stat.S_ISLNK(found.st_mode):
            changed["mode"] = {"old": f"{have:04o}", "new": f"{want:04o}"}
    return changed


def _closing(root, wanted):
    """Return the change of the mode of each folder that is there and more open than its secrets allow."""
    result = {}
    for folder in dict.fromkeys(_folder(path) for path, file in wanted.items() if file.secret):
        place = os.path.join(root, folder)
        if os.path.isdir(place):
            have, want = stat.S_IMODE(os.stat(place).st_mode), _allowed(place, _FOLDER[True])
            if have != want:
                result[folder] = {"old": f"{have:04o}", "new": f"{want:04o}"}
    return result


def _allowed(path, bits):
    """Return the mode that something may have at most: what is stricter stays so."""
    return stat.S_IMODE(os.stat(path).st_mode) & bits if os.path.exists(path) else bits


def _proof(changed, wanted, found):
    """Return (what is wrong, why nothing was proved): sentences about registries as containerd reads them."""
    if not changed or found is None:
        return [], []
    missing = [tool for tool in ("ctr", "unshare") if not __salt__["cmd.which"](tool)]
    if missing:
        return [], [f"Not proved by containerd: {' and '.join(missing)} not installed."]
    wrong = []
    with _candidate(wanted) as folder:
        for registry in changed:
            for question in registry_words.questions(registry):
                done = _fetch(folder, question.image, before=("unshare", "--net"), env=_OFFLINE)
                if "unshare failed" in done["stderr"]:
                    return [], ["Not proved by containerd: no namespace of the network can be made here."]
                path = f"{registry.folder}/{hosts_toml.HOSTS}"
                said = registry_words.asked_for(done["stderr"])
                if why := registry_words.unreadable(done["stderr"]):
                    wrong.append(f"{path}: containerd cannot use it: {why.replace(f'{folder}/', '')}.")
                elif not registry_words.is_as_meant(said, question):
                    meant = ", ".join(question.addresses)
                    wrong.append(
                        f"{path}: containerd would ask {', '.join(said) or 'nobody'}, and meant is {meant}."
                    )
    return list(dict.fromkeys(wrong)), []


@contextlib.contextmanager
def _candidate(files):
    """Yield a folder that is root's alone, and holds files as certs.d would."""
    with __salt__["containerd_files.temporary"]("certs-") as folder:
        for path, file in files.items():
            os.makedirs(os.path.join(folder, _folder(path)), exist_ok=True)
            with open(os.path.join(folder, path), "w", encoding="utf-8") as target:
                target.write(file.text)
        yield folder


def _fetch(folder, image, before=(), env=None, timeout=places.COMMAND_TIMEOUT):
    """Have ctr ask for an image by a folder such as certs.d: it needs no daemon, and keeps nothing."""
    ctr = (*before, "ctr", "--address", "/nonexistent", "content", "fetch-object")
    return __salt__["containerd_command.run"](*ctr, "--hosts-dir", folder, image, env=env, timeout=timeout)


def _proxies():
    """Return the proxies of the daemon, which are not those of the minion."""
    text = _text(places.ENVIRONMENT)
    found = unit.parse({places.ENVIRONMENT: text}).get("environment", {}) if text else {}
    names = [name for proxy in _PROXIES for name in (proxy, proxy.lower())]
    # Empty is none; Salt makes False the word "False", which is the name of a host.
    return {name: found.get(name, "") for name in names}


def _beside(root, wanted, there, prune):
    """Return sentences about what is in the folder besides the formula's files, and what it hides."""
    told = []
    folders, ours = {_folder(path) for path in wanted}, {_folder(path) for path in there}
    for name in _entries(root):
        place = os.path.join(root, name)
        twin = re.sub(r"_([0-9]{1,5})_$", r":\1", name)
        if twin != name and twin in folders:
            told.append(f"{place} is another's, and hides {twin} of this formula: remove it.")
        elif name in folders and name not in ours:
            if os.path.lexists(os.path.join(place, hosts_toml.HOSTS)):
                told.append(f"{place}/{hosts_toml.HOSTS} is another's: pillar names this registry.")
        elif name in ours - folders and not prune:
            told.append(f"{place} is of this formula, and not in pillar: it stays, since prune is false.")
        elif name not in ours | folders and os.path.isdir(place):
            told.append(f"{place} is another's, and stays.{_hiding(place, folders)}")
    return told


def _hiding(place, folders):
    """Return what an empty folder hides."""
    if places.DEFAULT_REGISTRY not in folders or (
        _entries(place) and _text(f"{place}/{hosts_toml.HOSTS}") != ""
    ):
        return ""
    return " It is empty, and so its images are not asked for where those of * are."


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


def _folder(path):
    return path.partition("/")[0]


def _refuse(wrong, root):
    if wrong:
        raise CommandExecutionError("\n".join([f"{root} is refused; nothing was changed.", *wrong]))
