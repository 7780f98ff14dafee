"""
docs/states.md holds: what each SLS applies alone, each ID with its state, and the files that an SLS writes.
"""

import re

import pytest
from containerd_formula import places
from support import ROOT
from support.rendering import GRAINS, SLS

pytestmark = pytest.mark.once

PAGE = (ROOT / "docs/states.md").read_text(encoding="utf-8")
# What every SLS brings, and the table does not repeat.
ALWAYS = {"containerd.pillar", "containerd.salt.modules"}
MIRROR = {"docker": {"url": "http://mirror.example.org"}, "hold": True}
TOOLS = {"tools": {"crictl": {"manage": True}}}
RUNTIMES = {"runtimes": {"crun": {"package": "crun"}}}
ARCHIVE = {"source": "archive", "version": "1.7.24", "archive": {"sha256": {"1.7.24": {"amd64": "0" * 64}}}}
PILLAR = {"containerd": {**RUNTIMES, **TOOLS}}
# Together they have each state: by source, platform, and what the node is for.
NODES = [
    ("debian-12", {"package": MIRROR, **RUNTIMES, **TOOLS}),
    ("rockylinux-9", {"package": MIRROR}),
    ("debian-12", {"package": ARCHIVE}),
    ("debian-12", {"package": {"source": "none"}, "service": {"manage": False}}),
]


def rows(title):
    """
    Return the cells of the table that begins with a title.
    """
    table = PAGE.split(f"\n| {title} |", 1)[1].split("\n\n", 1)[0]
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    return [[re.findall(r"`([^`]+)`", cell) for cell in row] for row in found]


ALONE = {sls: with_it for [[sls], with_it, _] in rows("SLS | applies with it")}


def test_the_table_has_each_sls_of_a_concern():
    inner = {"containerd.pillar", "containerd.salt.modules", "containerd.package.tidy"}
    assert {*ALONE, *inner, "containerd.package.repo.clean"} == set(SLS)
    assert {f"containerd.{name}" for name in ("package.tidy", "package.repo.clean")} <= set(
        re.findall(r"`([\w.]+)`", PAGE)
    )


@pytest.mark.parametrize("sls", [sls for sls in ALONE if sls not in ("containerd", "containerd.clean")])
def test_alone_it_applies_what_the_table_says(apply_with, sls):  # noqa: F811
    found = {chunk["__sls__"] for chunk in apply_with(sls, GRAINS["debian-12"], PILLAR).values()}
    assert found - ALWAYS - {sls} == set(ALONE[sls])


@pytest.mark.parametrize(("sls", "end"), [("containerd", ""), ("containerd.clean", ".clean")])
def test_all_of_it_is_all_of_the_others(apply_with, sls, end):  # noqa: F811
    found = {chunk["__sls__"] for chunk in apply_with(sls, GRAINS["debian-12"], PILLAR).values()}
    concerns = {name for name in ALONE if name != sls and name.endswith(".clean") is bool(end)}
    assert found - ALWAYS - {"containerd.package.repo.clean"} == concerns - {"containerd"}


def test_each_id_is_on_the_page_with_its_state(apply_with):  # noqa: F811
    found = {}
    for name, settings in NODES:
        for sls in ("containerd", "containerd.clean"):
            chunks = apply_with(sls, GRAINS[name], {"containerd": settings})
            for chunk in chunks.values():
                place = (chunk["__sls__"], chunk["__id__"])
                found.setdefault(place, set()).add(f"{chunk['state']}.{chunk['fun']}")
    assert {sls for sls, _ in found} == set(SLS) - {"containerd", "containerd.clean"}
    page = {(sls, name): set(states) for [[sls], [name], states] in rows("SLS | ID")}
    assert page == found


# States that write the file that their name is.
WRITE = ("file.managed", "containerd_toml.managed", "containerd_key.managed", "containerd_tools.managed")
# What no name of a state tells.
INSIDE = {
    ("containerd.package", places.ARCHIVES),
    ("containerd.config", f"/{places.STATE}"),
    ("containerd.runtimes", places.RUNTIMES),
    ("containerd.runtimes", places.BASE_SPECS),
    ("containerd.tools", places.COMPLETIONS),
    ("containerd.service", places.DROP_IN),
    ("containerd.service", places.ENVIRONMENT),
}


def test_each_file_that_an_sls_writes_is_on_the_page(apply_with):  # noqa: F811
    found = set(INSIDE)
    for name, settings in NODES:
        for chunk in apply_with("containerd", GRAINS[name], {"containerd": settings}).values():
            if f"{chunk['state']}.{chunk['fun']}" in WRITE:
                found.add((chunk["__sls__"], chunk["name"]))
    page = {(sls, path[0]) for [sls], path, _ in rows("SLS | file") if path}
    assert page == found
