"""
Registries: mirrors in their order, authorities, certificates and credentials, as containerd reads them.

They are files of ``/etc/containerd/certs.d``, and a change of them restarts nothing. containerd says nothing
of a file that it cannot use, and pulls past it: here it is said. Nothing here writes a file.
"""

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import errors, hosts_toml
from containerd_formula import registries as library
from containerd_formula.findings import Finding
from containerd_formula.findings import errors as errors_of
from containerd_formula.places import CERTS, CONFIG
from containerd_formula.registry_config import as_config
from containerd_formula.registry_config import from_config as as_registries
from containerd_formula.secrets import masked

_told = errors.told_as(CommandExecutionError)


def rendered(registries=None, show_secrets=False):
    """
    Return the files that pillar ``registries`` becomes, for this node's containerd.

    registries : ``None``
        A dictionary, as in pillar. None takes that of the formula on this minion.

    show_secrets : ``False``
        Whether secrets are shown; what a job returns is kept on the master.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_registries.rendered
        salt '*' containerd_registries.rendered '{hosts: {docker.io: {mirrors: [https://mirror.corp]}}}'

    :return: a dictionary: path below ``/etc/containerd/certs.d`` to text. Empty for containerd 1.4, which has
        them in config.toml.
    :raises CommandExecutionError: ``check`` finds errors, or a file of the master's is not there.
    """
    given, saltenv = _given(registries)
    files = __salt__["containerd_certs.shown"](given, saltenv)
    return {
        path: file.text if show_secrets else hosts_toml.without_secrets(path, file.text)
        for path, file in files.items()
    }


def check(registries=None):
    """
    Find everything that is wrong with pillar ``registries`` for this node's containerd, without its network.

    registries : ``None``
        As for ``rendered``.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_registries.check

    :return: a list of findings: ``key``, ``level`` (``error`` or ``warning``) and ``message``.
    """
    given, release = _given(registries)[0], __salt__["containerd_release.installed"]()
    found = library.read(given, release).findings
    if not errors_of(found):
        # What only config.toml cannot say: containerd 1.4 has all of it there.
        try:
            as_config(given, release)
        except errors.Refused as err:
            found = [*found, Finding("containerd:registries", str(err))]
    return [one.shown() for one in found]


@_told
def probe(registries=None, timeout=5):
    """
    Ask each mirror by itself for an image, with its authority, certificate and credentials.

    It is containerd's own ``ctr`` that asks, so what it says is what a pull would meet. Nothing is stored.

    registries : ``None``
        As for ``rendered``. With ``probe`` a registry names an image that its mirrors have; without one, a
        mirror that has not what it is asked for is in order.

    timeout : ``5``
        How long each may take, in seconds.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_registries.probe

    :return: a dictionary: registry to address to the reason why it gives nothing, empty where it is in order.
        The registry itself is asked only where pillar names it as ``server``.
    :raises CommandExecutionError: ``check`` finds errors, or ctr is not installed.
    """
    given, saltenv = _given(registries)
    model = library.read(given, __salt__["containerd_release.installed"]())
    if wrong := errors_of(model.findings):
        raise CommandExecutionError("\n".join(wrong))
    return reached(model, saltenv, timeout)


def reached(model, saltenv, timeout=5, environment=None):
    """
    Do what ``probe`` says, for a model of the library; ``environment`` is what the daemon will have.
    """
    result, known = {}, {}
    for registry in model.registries:
        for one in registry.asked():
            # One that serves several registries says the same for each, unless it is asked for an image.
            key = repr((one, registry.probe and registry.name))
            if key not in known:
                known[key] = __salt__["containerd_certs.asked"](
                    model, registry, one, saltenv, timeout, environment
                )
            result.setdefault(registry.name, {})[str(one.url)] = known[key]
    return result


def told():
    """
    Return sentences for a report: what lies beside the formula's files, and which mirrors do not serve.

    :raises CommandExecutionError: the formula does not render here.
    """
    given, saltenv = _given(None)
    model = library.read(given, __salt__["containerd_release.installed"]() if given.get("hosts") else None)
    sentences = __salt__["containerd_certs.foreign"](CERTS, given)
    if model.check is False or errors_of(model.findings):
        return [*sentences, *errors_of(model.findings)]
    return [*sentences, *lost(reached(model, saltenv))]


def lost(answers):
    """
    Return sentences about the mirrors that do not serve, of what ``reached`` returns.
    """
    return [
        f"{registry}: {address}: {why}."
        for registry, addresses in answers.items()
        for address, why in addresses.items()
        if why
    ]


@_told
def explain(registries=None):
    """
    Tell for each registry of pillar which hosts are asked for its images, in their order.

    registries : ``None``
        As for ``rendered``.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_registries.explain

    :return: a dictionary: registry to ``asks``, a list of addresses, the last of them the registry itself
        where it is asked at all; ``folder``; and ``written``, whether the folder holds what pillar says.
    :raises CommandExecutionError: ``check`` finds errors, or containerd does not read the files as meant.
    """
    given, saltenv = _given(registries)
    plan = __salt__["containerd_certs.plan"](CERTS, given, saltenv)
    # To containerd 1.4 it is no file, and may be refused there.
    as_config(given, plan["release"])
    changed = set(map(hosts_toml.folder_of, plan["changes"]))
    return {
        one.name: {
            "asks": [
                *(str(each.url) for each in one.asked()),
                *([] if one.server else ["the registry itself"]),
            ],
            "folder": f"{CERTS}/{one.folder}",
            "written": one.folder not in changed,
        }
        for one in plan["model"].registries
    }


@_told
def from_config(path=CONFIG, show_secrets=False):
    """
    Return what a configuration file says of registries, as pillar to paste.

    path : ``/etc/containerd/config.toml``
        The file, with ``mirrors``, ``configs`` or ``auths`` of registries.

    show_secrets : ``False``
        Whether secrets are shown; what a job returns is kept on the master.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_registries.from_config --out=yaml

    :return: a dictionary: pillar ``containerd`` with its ``registries``; and ``left_out``, sentences about
        what the pillar does not have.
    :raises CommandExecutionError: the file cannot be read, or is no TOML.
    """
    made, notes = as_registries(__salt__["containerd_document.read"](path))
    shown = made if show_secrets else masked(made, ())
    return {"containerd": {"registries": shown}, **({"left_out": notes} if notes else {})}


def _given(registries):
    """Return pillar ``registries`` and the saltenv of its files: those of the SLS where none is given."""
    if registries is not None:
        return registries, "base"
    return __salt__["containerd_layers.registries"]()
