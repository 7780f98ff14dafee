"""
README and docs: each link leads somewhere, README stays short, and no page says what was replaced.
"""

import re

import pytest
from support import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")


def anchors(page):
    """
    Return the anchors that a page has, as GitHub makes them of headings.
    """
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_link_leads_to_a_file_and_a_heading(page):
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), f"{target}#{anchor}"


def test_each_page_is_reached_from_the_readme():
    linked = {target for target, _ in LINK.findall(PAGES[0].read_text(encoding="utf-8"))}
    assert {f"docs/{page.name}" for page in PAGES[2:]} <= linked


def test_a_page_names_tests_that_are_there():
    """
    Such as the table of how a roll ends.
    """
    files = [path.read_text(encoding="utf-8") for path in (ROOT / "test").rglob("test_*.py")]
    there = set(re.findall(r"^def (test_\w+)", "\n".join(files), re.MULTILINE))
    for page in PAGES:
        assert set(re.findall(r"`(test_\w+)`", page.read_text(encoding="utf-8"))) <= there, page.name


def test_readme_is_short():
    assert len(PAGES[0].read_text(encoding="utf-8").splitlines()) < 200


def test_recipes_has_what_operators_ask_for():
    text = (ROOT / "docs/recipes.md").read_text(encoding="utf-8")
    for word in (
        *("HTTPS_PROXY", "max_container_log_line_size", "metrics:", "level: debug", "RequiresMountsFor"),
        *("/usr/lib/cni", "imageGCHighThresholdPercent", "containerLogMaxSize"),
    ):
        assert word in text, word
