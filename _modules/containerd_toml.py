"""
The configuration document of containerd: read, merge, check, compare, render, explain.

:depends: tomlkit >= 0.15.1, imported when it is needed: the module itself always loads.

The document of a node is the installed binary's own ``containerd config default`` with the site's
overrides merged in. It keeps order, comments and layout of the default. Nothing here writes the file.

Overrides are *layers*: named fragments of config.toml, merged one after the other. Each may be written for
config version 2, 3 or 4.
"""

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import document, errors, findings, toml, translation
from containerd_formula.data import at, combine, plain
from containerd_formula.diff import diff as difference
from containerd_formula.explain import explained
from containerd_formula.places import CONFIG
from containerd_formula.schema import deprecated
from containerd_formula.secrets import masked

_told = errors.told_as(CommandExecutionError)


def read(path=CONFIG, show_secrets=False):
    """
    Return a TOML file as plain data.

    path : ``/etc/containerd/config.toml``
        The file.

    show_secrets : ``False``
        Whether to show secrets. Mind that the master keeps what a job returns.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.read

    :return: a dictionary.
    :raises CommandExecutionError: the file cannot be read, or is not valid TOML; the message has the line.
    """
    data = __salt__["containerd_document.read"](path)
    return data if show_secrets else masked(data, ())


@_told
def get(path, key, show_secrets=False):
    """
    Return one value of a TOML file.

    path
        The file.

    key
        A dotted path; quote parts that hold dots.

    show_secrets : ``False``
        Whether to show secrets. Mind that the master keeps what a job returns.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.get /etc/containerd/config.toml debug.level
        salt '*' containerd_toml.get /etc/containerd/config.toml 'proxy_plugins."my.proxy".address'

    :return: the value; None if there is no such key.
    :raises CommandExecutionError: the key is not a dotted path, the file cannot be read, or it is not TOML.
    """
    where = toml.key(key)
    value = at(__salt__["containerd_document.read"](path), where)
    return value if show_secrets else masked(value, where)


@_told
def merge(base, overrides, show_secrets=False):
    """
    Merge overrides into TOML text as a JSON Merge Patch (RFC 7396).

    Tables merge, everything else is replaced, None removes the key. A value is converted to the type of the
    one that it replaces, if that loses nothing: 10010 for a string becomes ``"10010"``.

    base
        TOML text.

    overrides
        A dictionary: the fragment to merge, in the schema of ``base``.

    show_secrets : ``False``
        Whether to show secrets. Mind that the master keeps what a job returns.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.merge 'oom_score = 0' '{oom_score: -999}'

    :return: TOML text with the order, comments and layout of ``base``.
    :raises CommandExecutionError: ``base`` is not valid TOML; or overrides cannot be written as TOML, or
        have the wrong type: one message names them all.
    """
    return _shown(document.merge(base, overrides), show_secrets)


@_told
def translate(fragment, version, base=None):
    """
    Translate a fragment of config.toml to another schema.

    fragment
        A dictionary, written for config version 2, 3 or 4: its ``version`` key says which, or else its plugin
        ids do.

    version
        The config version to translate to: 2, 3 or 4.

    base : ``None``
        The target's default configuration, a dictionary. It decides between two names that releases of one
        schema have (``cni.bin_dir``, since 2.1 ``cni.bin_dirs``).

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.translate '{"grpc": {"gid": 998}}' 4

    :return: a dictionary.
    :raises CommandExecutionError: the fragment mixes schemas, or has keys that the target lacks; the message
        names each key and what replaced it.
    """
    moved = translation.translate(plain(fragment), version, base=base)
    if wrong := findings.errors(moved.findings):
        raise CommandExecutionError(f"Not for schema {version}: {'; '.join(wrong)}")
    return moved.fragment


def check(base=None, overrides=None, strict=True):
    """
    Return everything that is wrong with overrides, without running containerd on them.

    base : ``None``
        TOML text: the default configuration to check them against. None takes that of the installed
        containerd.

    overrides : ``None``
        A fragment of config.toml, or a list of named ones, in any schema. None takes the layers of the
        formula on this minion, pillar included.

    strict : ``True``
        Whether a key that containerd does not know, or no longer has, is an error. If not, it is a warning.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.check
        salt '*' containerd_toml.check overrides='{oom_score: 2000}'

    :return: a list of findings: ``key`` (dotted), ``level`` (``error`` or ``warning``) and ``message``.
    :raises CommandExecutionError: ``base`` is not valid TOML, or containerd is not installed.
    """
    if base is None:
        base = __salt__["containerd_daemon.config_default"]()
    made = __salt__["containerd_document.compose"](base, **_own(overrides, strict))
    return [one.shown() for one in made.findings]


@_told
def diff(old=None, new=None):
    """
    Return the differences between two documents; without arguments, between the file and what it should be.

    old : ``None``
        A dictionary: plain data. None takes ``/etc/containerd/config.toml``.

    new : ``None``
        A dictionary: plain data. None takes the document of the formula on this minion.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.diff
        salt '*' containerd_toml.diff '{debug: {level: info}}' '{debug: {level: debug}}'

    :return: a dictionary: dotted path to ``{"old": ..., "new": ...}``; None stands for a missing key. Secrets
        show as ``(secret)``. The number 1, true and 1.0 are three different values.
    :raises CommandExecutionError: an argument is not a mapping, or the file or the formula's document cannot
        be read or made.
    """
    if old is None and new is None:
        return plan()["changes"]
    old = __salt__["containerd_document.read"]() if old is None else old
    new = __salt__["containerd_document.make"](**_own(None, True)).result if new is None else new
    return difference(old, new)


@_told
def render(overrides=None, strict=True, show_secrets=False):
    """
    Return the whole configuration for this node: its default with the overrides, translated and checked.

    overrides : ``None``
        As for ``check``.

    strict : ``True``
        As for ``check``.

    show_secrets : ``False``
        Whether to show secrets. Mind that the master keeps what a job returns.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.render
        salt '*' containerd_toml.render '{oom_score: -999}'

    :return: TOML text.
    :raises CommandExecutionError: containerd or tomlkit is not installed, or ``check`` finds errors.
    """
    return _shown(__salt__["containerd_document.make"](**_own(overrides, strict)).text, show_secrets)


@_told
def plan(path=CONFIG, overrides=None, strict=True, trial=0, show_secrets=False):
    """
    Return what a file should hold on this node, and what that changes. This writes nothing.

    path : ``/etc/containerd/config.toml``
        The configuration file.

    overrides : ``None``
        As for ``check``.

    strict : ``True``
        As for ``check``.

    trial : ``0``
        How long the trial start, for changed data, may take, in seconds; 0 makes none.

    show_secrets : ``False``
        Whether to show secrets. Mind that the master keeps what a job returns.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.plan
        salt '*' containerd_toml.plan /etc/containerd/config.toml '{oom_score: -999}'

    :return: a dictionary: ``text``, what the file should hold; ``write``, whether the file has other data;
        ``changes``, as ``diff`` returns them; ``warnings``, a list of sentences; ``secret``, whether the text
        holds a secret. The old values are those that containerd has in effect with the file as it is
        (``config dump`` in the sandbox), so that the changes are those that the daemon sees.
    :raises CommandExecutionError: containerd or tomlkit is not installed, the file cannot be read, ``check``
        finds errors, containerd refuses or ignores an override or does not start with it, ``root`` or
        ``state`` would change under running containers, or this content was rolled back before.
    """
    made = __salt__["containerd_document.plan"](path, trial=trial, **_own(overrides, strict))
    made.pop("awaits")
    return {**made, "text": _shown(made["text"], show_secrets)}


@_told
def expected(overrides):
    """
    Return what overrides set, as far as it is known without containerd or tomlkit.

    overrides
        A fragment of config.toml, or a list of named ones.

    :return: a dictionary in the shape of ``diff``, without the old values; the paths are the fragments' own.
        Layers with a condition on the release are left out.
    :raises CommandExecutionError: an override cannot be written as TOML.
    """
    data = {}
    # containerd may be there without tomlkit.
    release = __salt__["containerd_release.installed"]() if document.needs_release(overrides) else None
    for (_, fragment), condition in zip(document.layers(overrides, release), document.conditions(overrides)):
        # It is unknown yet whether a layer with a condition applies.
        data = data if condition else combine(data, fragment)
    return {key: {"new": change["new"]} for key, change in difference({}, data).items()}


@_told
def explain(key=None, overrides=None, path=CONFIG):
    """
    Return for each override, or for one key, where its value comes from and whether it is in effect.

    key : ``None``
        A dotted path in any schema, or the end of one (``sandbox_image``, ``registry``). None explains all
        overrides.

    overrides : ``None``
        The layers to explain. None takes those of the formula on this minion: its own default, the os
        map and pillar.

    path : ``/etc/containerd/config.toml``
        The configuration file.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.explain
        salt '*' containerd_toml.explain sandbox_image
        salt '*' containerd_toml.explain 'plugins."io.containerd.grpc.v1.cri".sandbox_image'

    :return: a dictionary: dotted path in this node's schema to ``value`` (None: removed), ``in_effect``,
        ``layer`` (``containerd`` for containerd's default), ``default`` (containerd's) and ``effective``
        (what ``config dump`` of the file on disk shows; None if there is no file). Secrets are masked.
    :raises CommandExecutionError: containerd or tomlkit is not installed, the key is not a dotted path, or
        this containerd has no such key.
    """
    made = __salt__["containerd_document.report"](overrides)
    return explained(made, __salt__["containerd_document.dump"](path), key)


@_told
def deprecations(overrides=None):
    """
    Return the keys in use that a later containerd removes.

    overrides : ``None``
        As for ``explain``.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.deprecations

    :return: a list of findings: ``key``, ``level`` and ``message``; the message names the release and the
        cure.
    :raises CommandExecutionError: containerd or tomlkit is not installed.
    """
    made = __salt__["containerd_document.report"](overrides)
    return [one.shown() for one in deprecated(made.site, made.version)]


@_told
def minimal(path=CONFIG, show_secrets=False, beneath=None):
    """
    Return what a configuration file sets, as pillar to paste.

    Use it on a node that another tool configured: with this pillar the formula changes nothing that is in
    effect. The installed containerd shows what is in effect: ``config dump``, in the sandbox.

    path : ``/etc/containerd/config.toml``
        The file, in any schema that this containerd reads, or in several.

    show_secrets : ``False``
        Whether to include secrets. If not, they are left out. Mind that the master keeps what a job returns.

    beneath : ``None``
        The layers below the pillar. None takes those of the formula on this minion: its own default and the
        os map.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_toml.minimal --out=yaml

    :return: a dictionary: pillar ``containerd`` with its ``config``, in the schema of the installed
        containerd, without values that are so anyway; and, if there is anything, ``left_out``: sentences
        about what the pillar does not have. That is keys of the file that are not in effect, settings that
        the formula would refuse (with the cure), secrets, and a disabled CRI. ``hints``, if there are any,
        are sentences about a better place for a setting.
    :raises CommandExecutionError: the file cannot be read, containerd refuses it or is not installed, or it
        is another file than the daemon's and there is no sandbox.
    """
    return __salt__["containerd_document.adopted"](path, show_secrets, beneath)


def _own(overrides, strict):
    """Return the arguments for a document; without overrides, those of this minion's SLS."""
    if overrides is not None:
        return {"overrides": overrides, "strict": strict}
    managed = __salt__["containerd_layers.managed"]()
    strict = strict and managed.get("strict", True)
    return {"overrides": managed["overrides"], "strict": strict, "cri": managed.get("cri", True)}


def _shown(text, show_secrets):
    return text if show_secrets else document.without_secrets(text)
