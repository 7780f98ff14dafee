"""
What the files for other people's CI promise, as far as it can be seen without running them.
"""

import re

import pytest
import yaml
from support import ROOT
from tools import matrix

KITCHEN = (ROOT / "kitchen.yml").read_text(encoding="utf-8")
WORKFLOW = ROOT / ".github/workflows/test.yml"
GITLAB = ROOT / ".gitlab-ci.yml"
PLATFORMS = [word for words in re.findall(r"platforms \+?= %w\[(.*?)\]", KITCHEN) for word in words.split()]
SALTS = re.search(r'"KITCHEN_SALTS", "(.*?)"', KITCHEN).group(1).split()


def data(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_kitchen_has_the_suites_and_starts_with_the_oldest_ubuntu():
    suites = [suite["name"] for suite in yaml.safe_load(KITCHEN)["suites"]]
    assert suites == ["default", "distro", "overrides", "clean"]
    assert PLATFORMS[0] == "ubuntu-20.04"


def test_actions_are_pinned_by_the_hash_of_a_commit():
    used = re.findall(r"uses: (.*)", WORKFLOW.read_text(encoding="utf-8"))
    assert used
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", action), action


@pytest.mark.parametrize("ci", ["github", "gitlab"])
def test_ci_runs_each_platform_python_and_salt(ci):
    if ci == "github":
        jobs = data(WORKFLOW)["jobs"]
        kitchen, tests = (jobs[job]["strategy"]["matrix"] for job in ("kitchen", "test"))
    else:
        jobs = data(GITLAB)
        kitchen, tests = (
            {key.lower(): value for key, value in jobs[job]["parallel"]["matrix"][0].items()}
            for job in ("kitchen", "test")
        )
    # Instances of kitchen have no dots in their names.
    assert kitchen["platform"] == [name.replace(".", "") for name in PLATFORMS]
    assert kitchen["salt"] == SALTS
    nox = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    assert tests["python"] == re.findall(r'"(3\.\d+)"', re.search(r"PYTHONS = (.*)", nox).group(1))
    made = re.search(r"^SALTS \?= (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M).group(1)
    assert (
        tests["salt"] == made.split() == re.findall(r'"([\d.]+)"', re.search(r"SALTS = (.*)", nox).group(1))
    )


def test_the_docs_show_the_results_of_the_matrix():
    """
    What is said to work is what ran: make test-matrix writes the file and prints the table.
    """
    assert matrix.table(matrix.results()) in (ROOT / "docs/testing.md").read_text(encoding="utf-8")
