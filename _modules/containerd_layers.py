"""The layers of overrides that the formula has for this minion, as its own SLS passes them to the state."""

from salt.exceptions import CommandExecutionError

CONFIG_SLS = "containerd.config"
REGISTRIES_SLS = "containerd.registries"
# How the names of the layers begin that are the pillar's.
OF_PILLAR = "pillar"


def managed():
    """
    Return what the formula's SLS passes to the state on this minion: ``overrides`` are its layers.

    :raises CommandExecutionError: the SLS is not there, or does not render.
    """
    return _passed(CONFIG_SLS, "containerd_toml")[0]


def registries():
    """
    Return pillar ``registries`` as the formula's SLS passes it to its state, and the saltenv of that.

    :raises CommandExecutionError: as for ``managed``.
    """
    chunk, saltenv = _passed(REGISTRIES_SLS, "containerd_registries")
    return chunk["registries"], saltenv


def of_formula(beneath=False):
    """
    Return the formula's layers: a list of named fragments; with ``beneath`` those that lie under the pillar.

    :raises CommandExecutionError: as for ``managed``.
    """
    return [
        layer
        for layer in managed()["overrides"]
        if not (beneath and any(name.startswith(OF_PILLAR) for name in layer))
    ]


def _passed(sls, state):
    """Return what an SLS passes to the function ``managed`` of a state, and the saltenv of it."""
    saltenv = __opts__.get("saltenv") or _saltenv_of_the_top_file()
    # Rendered as a run would: modules of Salt 3008 see pillar masked.
    chunks = __salt__["state.show_low_sls"](sls, saltenv=saltenv)
    for chunk in chunks:
        if isinstance(chunk, dict) and (chunk.get("state"), chunk.get("fun")) == (state, "managed"):
            return chunk, saltenv
    raise CommandExecutionError(
        f"{sls} does not render here, in saltenv {saltenv}: {chunks}. Where the formula is in another "
        "one, name it in the top file or as saltenv in the minion's configuration; or pass the overrides."
    )


def _saltenv_of_the_top_file():
    """Return the saltenv from which a highstate would take the formula, base where it takes it from none."""
    # A list of reasons where there is none, or a run is on its way.
    top = __salt__["state.show_top"]()
    named = top if isinstance(top, dict) else {}
    formula = CONFIG_SLS.partition(".")[0]
    for saltenv, names in named.items():
        if any(str(name).partition(".")[0] == formula for name in names):
            return saltenv
    # Another SLS may include it.
    having = (saltenv for saltenv in named if CONFIG_SLS in __salt__["cp.list_states"](saltenv))
    return next(having, "base")
