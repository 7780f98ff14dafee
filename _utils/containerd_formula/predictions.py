"""What a run plans, predicts or has done, read from Salt's ``__lowstate__`` and ``__running__``."""


def foretold(running, function, name=None):
    """Tell whether a state with this function, such as ``service.running``, has predicted a change."""
    module, _, fun = function.partition(".")
    for tag, ret in running.items():
        parts = tag.split("_|-")
        if (parts[0], parts[-1]) == (module, fun) and name in (None, parts[2]) and ret["result"] is None:
            return True
    return False


def failed(running, function):
    """Return the name of a state with this function that has failed, or None if none has."""
    module, _, fun = function.partition(".")
    for tag, ret in running.items():
        parts = tag.split("_|-")
        if (parts[0], parts[-1]) == (module, fun) and ret["result"] is False:
            return parts[2]
    return None


def changes(running, function):
    """Return the changes that states with this function have foretold."""
    found = {}
    module, _, fun = function.partition(".")
    for tag, ret in running.items():
        parts = tag.split("_|-")
        if (parts[0], parts[-1]) == (module, fun) and ret["result"] is None:
            found.update(ret["changes"])
    return found


def planned(lowstate, state, name):
    """Tell whether a run has a state with this function, such as ``service.running``, and this name."""
    wanted = (*state.split("."), name)
    return any((chunk.get("state"), chunk.get("fun"), chunk.get("name")) == wanted for chunk in lowstate)


def has(lowstate, states):
    """Tell whether a run has a state with one of these functions, such as ``service.running``."""
    return any(f"{chunk.get('state')}.{chunk.get('fun')}" in states for chunk in lowstate)
