"""
docs/api.md promises what there is: its lists are those of the code and of the other pages.
"""

import re

import yaml
from support import ROOT

PAGE = (ROOT / "docs/api.md").read_text(encoding="utf-8")
FUNCTIONS = (ROOT / "docs/functions.md").read_text(encoding="utf-8")
SLS = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".init")
    for path in (ROOT / "containerd").rglob("*.sls")
}
# They come with others.
INNER = {"containerd.package.tidy", "containerd.package.repo.clean"}


def named(start):
    """
    Return the words in backquotes of a paragraph, from a beginning on.
    """
    paragraph = re.search(rf"{start}.*?\n\n", PAGE, re.DOTALL)[0]
    return re.findall(r"`([^`]+)`", paragraph)


def test_each_key_of_pillar_is_promised_or_is_the_formulas_own():
    defaults = yaml.safe_load((ROOT / "containerd/defaults.yaml").read_text(encoding="utf-8"))
    own = named("Only the formula itself sets")
    assert sorted([*named("Pillar: "), *(name for name in own if ":" not in name)]) == sorted(defaults)
    for name in own:
        found = defaults
        for part in name.split(":"):
            found = found[part]


def test_each_sls_is_promised_with_its_clean():
    names = named("SLS: ")
    first, inner = names[: names.index(".clean")], names[names.index(".clean") + 1 :]
    assert {*first, *inner, *(f"{name}.clean" for name in first)} == SLS - INNER


def test_each_module_with_functions_for_people_is_named():
    table = FUNCTIONS.split("| function |", 1)[1].split("\n\n", 1)[0]
    modules = dict.fromkeys(re.findall(r"^\| `(\w+)\.", table, re.MULTILINE))
    assert named("Functions: ") == list(modules)


def test_the_state_that_warns_is_there():
    states = (ROOT / "docs/states.md").read_text(encoding="utf-8")
    assert "| `containerd pillar is valid` |" in states and "state `containerd pillar is valid`" in PAGE
