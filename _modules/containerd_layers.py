"""The formula's layers of overrides for this minion, as its own SLS passes them to the state."""

from salt.exceptions import CommandExecutionError

CONFIG_SLS = "containerd.config"
REGISTRIES_SLS = "containerd.registries"
RUNTIMES_SLS = "containerd.runtimes"
IMAGES_SLS = "containerd.images"
# The names of the pillar's layers begin so.
OF_PILLAR = "pillar"


def managed():
    """
    Return what the formula's SLS passes to the state on this minion; ``overrides`` has the layers.

    :return: a dictionary, the low chunk of ``containerd_toml.managed``.
    :raises CommandExecutionError: there is no such SLS, or it does not render.
    """
    return _passed(CONFIG_SLS, "containerd_toml")[0]


def registries():
    """
    Return pillar ``registries`` as the formula's SLS passes it to its state, and the saltenv.

    :return: a pair: the dictionary, and the saltenv's name.
    :raises CommandExecutionError: as for ``managed``.
    """
    chunk, saltenv = _passed(REGISTRIES_SLS, "containerd_registries")
    return chunk["registries"], saltenv


def runtimes():
    """
    Return pillar ``runtimes`` as the formula's SLS passes it to its states; nothing where it names none.

    :return: a dictionary.
    :raises CommandExecutionError: as for ``managed``.
    """
    chunks, saltenv = _rendered(RUNTIMES_SLS)
    found = _chunk(chunks, "containerd_runtimes", "proved")
    # With no runtimes in pillar the SLS has no such state.
    if not found and not all(isinstance(chunk, dict) for chunk in chunks):
        raise _does_not_render(RUNTIMES_SLS, saltenv, chunks)
    return (found or {}).get("runtimes") or {}


def images():
    """
    Return pillar ``images`` as the formula's SLS passes it to its state, and the saltenv.

    :return: a pair: the list, and the saltenv's name.
    :raises CommandExecutionError: as for ``managed``.
    """
    chunk, saltenv = _passed(IMAGES_SLS, "containerd_images", "imported")
    return chunk["images"], saltenv


def of_formula(beneath=False):
    """
    Return the formula's layers for this minion.

    beneath : ``False``
        Whether to leave out the pillar's layers.

    :return: a list of named fragments.
    :raises CommandExecutionError: as for ``managed``.
    """
    return [
        layer
        for layer in managed()["overrides"]
        if not (beneath and any(name.startswith(OF_PILLAR) for name in layer))
    ]


def _passed(sls, state, function="managed"):
    """Return what an SLS passes to a function of a state, and the saltenv."""
    chunks, saltenv = _rendered(sls)
    if not (found := _chunk(chunks, state, function)):
        raise _does_not_render(sls, saltenv, chunks)
    return found, saltenv


def _rendered(sls):
    """Return the low chunks of an SLS, or reasons why there are none, and the saltenv."""
    saltenv = __opts__.get("saltenv") or _saltenv_of_the_top_file()
    # Render as a run does: modules of Salt 3008 see pillar masked.
    return __salt__["state.show_low_sls"](sls, saltenv=saltenv), saltenv


def _chunk(chunks, state, function):
    """Return the low chunk of a function of a state, None if there is none."""
    wanted = (state, function)
    named = (one for one in chunks if isinstance(one, dict) and (one.get("state"), one.get("fun")) == wanted)
    return next(named, None)


def _does_not_render(sls, saltenv, chunks):
    """Return the error for an SLS that does not render as it should."""
    return CommandExecutionError(
        f"{sls} does not render here, in saltenv {saltenv}: {chunks}. If the formula is in another "
        "one, name it in the top file or as saltenv in the minion's configuration; or pass the overrides: "
        "with salt-ssh always, since the node has no SLS files."
    )


def _saltenv_of_the_top_file():
    """Return the saltenv from which a highstate would take the formula, or base."""
    # A list of reasons if there is no top file, or another run goes on.
    top = __salt__["state.show_top"]()
    named = top if isinstance(top, dict) else {}
    formula = CONFIG_SLS.partition(".")[0]
    for saltenv, names in named.items():
        if any(str(name).partition(".")[0] == formula for name in names):
            return saltenv
    # Another SLS may include it.
    having = (saltenv for saltenv in named if CONFIG_SLS in __salt__["cp.list_states"](saltenv))
    return next(having, "base")
