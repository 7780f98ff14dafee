"""
What is wrong with pillar ``containerd``, found while rendering, before anything on the node changes.

map.jinja runs it through Salt's ``py`` renderer, so it works on a minion that has none of the
formula's modules yet. The defaults are the schema: a setting must exist there and have its type.
"""

import difflib

# Mappings whose keys are the user's own.
FREE = (
    *("config", "kernel:sysctls", "package:distro:config", "package:docker:config"),
    *("service:environment", "service:limits", "service:directives"),
)
RESTARTS = ("auto", "manual")
# Docker publishes apt packages for these only.
DOCKER_DISTRIBUTIONS = ("Debian", "Ubuntu")


def run():
    """
    Return the problems as a list of sentences, empty where all is well.
    """
    # map.jinja passes these three; the renderer makes them, and __grains__, globals of this file.
    return find_problems(given, defaults, families, __grains__)  # noqa: F821


def find_problems(given, defaults, families, grains):
    """
    Compare ``given`` (pillar) with ``defaults`` and the node's ``grains``; return sentences.
    """
    family = grains.get("os_family")
    if family not in families:
        return [
            f"os_family {family!r} is not supported: this formula knows {', '.join(families)}. "
            "Take this minion out of the target, or add the family to containerd/osfamilymap.yaml."
        ]
    problems = list(_shape("", given, defaults))
    if not problems:
        problems += _values(given, defaults, grains)
    return problems


def _shape(path, given, default):
    """
    Yield a sentence for each key of ``given`` that is unknown or not of its default's type.
    """
    label = f"containerd:{path}".rstrip(":")
    if _kind(given) != _kind(default):
        yield f"{label} is a {_kind(given)}; it must be a {_kind(default)}."
    elif path == "kernel:sysctls":
        for key, value in given.items():
            if _kind(value) not in ("number", "string", "null"):
                yield f"{label}:{key} is a {_kind(value)}; write the number, such as 1."
    elif isinstance(default, list):
        wrong = [item for item in given if _kind(item) != "string"]
        if wrong:
            yield f"{label} has an entry that is a {_kind(wrong[0])}; each must be a string."
    elif isinstance(default, dict) and path not in FREE:
        yield from _keys(path, given, default, label)


def _keys(path, given, default, label):
    """
    Yield what is wrong with the settings in one mapping.
    """
    for key, value in given.items():
        if key in default:
            yield from _shape(f"{path}:{key}".lstrip(":"), value, default[key])
        else:
            near = difflib.get_close_matches(str(key), default, 1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(default)}."
            yield f"{label}:{key} is not a setting of this formula; {hint}"


def _values(given, defaults, grains):
    """
    Yield a sentence for each value that has the right type and is wrong all the same.
    """
    sources = [key for key, value in defaults["package"].items() if isinstance(value, dict)]
    source = (given.get("package") or {}).get("source") or defaults["package"]["source"]
    if source not in sources:
        yield f"containerd:package:source is {source!r}; it must be one of {', '.join(sources)}."
    elif source == "docker" and grains.get("os") not in DOCKER_DISTRIBUTIONS:
        yield (
            f"containerd:package:source is docker, and Docker has no packages for "
            f"{grains.get('os')!r}; set it to distro."
        )
    service = given.get("service") or {}
    restart = service.get("restart", RESTARTS[0])
    if restart not in RESTARTS:
        yield f"containerd:service:restart is {restart!r}; it must be one of {', '.join(RESTARTS)}."
    timeout = service.get("ready_timeout")
    if timeout is not None and timeout <= 0:
        yield f"containerd:service:ready_timeout is {timeout}; it must be above 0 (seconds)."


def _kind(value):
    """
    Return what YAML calls the type of ``value``.
    """
    if value is None:
        return "null"
    for types, name in (
        (bool, "boolean"),
        ((int, float), "number"),
        (str, "string"),
        (dict, "mapping"),
        ((list, tuple), "list"),
    ):
        if isinstance(value, types):
            return name
    return type(value).__name__
