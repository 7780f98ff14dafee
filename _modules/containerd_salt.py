"""
What the formula needs of Salt: tomlkit in the Python that runs the minion, and a pillar without mistakes.
"""

from containerd_formula import renew

renew()

from containerd_formula import pillar, toml


def library():
    """
    Return the version of tomlkit in the Python that runs this minion, an empty text where it has none.
    """
    return toml.version()


def problems(given, defaults, families):
    """
    Return what is wrong with a pillar, a list of sentences: for map.jinja, which needs a renderer else.
    """
    return pillar.problems(given, defaults, families, __grains__)
