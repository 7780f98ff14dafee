"""What a dry run has foretold by the states before, as Salt keeps it in ``__running__``."""


def foretold(running, function, name=None):
    """Tell whether a state with this function, such as ``service.running``, would change something."""
    module, _, fun = function.partition(".")
    for tag, ret in running.items():
        parts = tag.split("_|-")
        if (parts[0], parts[-1]) == (module, fun) and name in (None, parts[2]) and ret["result"] is None:
            return True
    return False
