"""The formula's layers of overrides for this minion, as its own SLS passes them to the state."""

from salt.exceptions import CommandExecutionError

CONFIG_SLS = "containerd.config"
REGISTRIES_SLS = "containerd.registries"
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


def _passed(sls, state):
    """Return what an SLS passes to the function ``managed`` of a state, and the saltenv."""
    saltenv = __opts__.get("saltenv") or _saltenv_of_the_top_file()
    # Render as a run does: modules of Salt 3008 see pillar masked.
    chunks = __salt__["state.show_low_sls"](sls, saltenv=saltenv)
    for chunk in chunks:
        if isinstance(chunk, dict) and (chunk.get("state"), chunk.get("fun")) == (state, "managed"):
            return chunk, saltenv
    raise CommandExecutionError(
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
