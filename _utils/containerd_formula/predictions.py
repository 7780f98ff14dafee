"""What a run will still do, or has foretold: as Salt keeps it in ``__lowstate__`` and ``__running__``."""


def foretold(running, function, name=None):
    """Tell whether a state with this function, such as ``service.running``, would change something."""
    module, _, fun = function.partition(".")
    for tag, ret in running.items():
        parts = tag.split("_|-")
        if (parts[0], parts[-1]) == (module, fun) and name in (None, parts[2]) and ret["result"] is None:
            return True
    return False


def planned(lowstate, function, name):
    """Tell whether a run has a state with this function, such as ``service.running``, and this name."""
    wanted = (*function.split("."), name)
    return any((chunk.get("state"), chunk.get("fun"), chunk.get("name")) == wanted for chunk in lowstate)
