"""
What the files for other people's CI promise, as far as it can be seen without running them.
"""

import re
import subprocess

import pytest
import yaml
from lab.family import FAMILIES
from support import ROOT
from support.platforms import PLATFORMS, titles
from tools import matrix

KITCHEN = (ROOT / "kitchen.yml").read_text(encoding="utf-8")
WORKFLOW = ROOT / ".github/workflows/test.yml"
GITLAB = ROOT / ".gitlab-ci.yml"
IN_KITCHEN = [name for name, row in PLATFORMS.items() if row["kitchen"]]
MANAGED = (
    re.search(r'"FAMILIES", "(.*?)"', (ROOT / "test/node/test_managers.py").read_text()).group(1).split()
)
SALTS = re.search(r'"KITCHEN_SALTS", "(.*?)"', KITCHEN).group(1).split()


def data(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_kitchen_has_the_suites_and_starts_with_the_oldest_ubuntu():
    suites = [suite["name"] for suite in yaml.safe_load(KITCHEN)["suites"]]
    assert suites == ["default", "distro", "overrides", "clean"]
    assert IN_KITCHEN[0] == "ubuntu-20.04"


def rendered(name):
    """
    Return a file of kitchen's as kitchen reads it.
    """
    command = ["ruby", "-ryaml", "-rerb", "-e", "puts ERB.new(File.read(ARGV[0])).result", name]
    return yaml.safe_load(
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    )


def test_kitchen_runs_the_platforms_of_the_list():
    found = {one["name"]: one["driver"] for one in rendered("kitchen.yml")["platforms"]}
    assert list(found) == [f"{name}-salt-{salt}" for name in IN_KITCHEN for salt in SALTS]
    for name in IN_KITCHEN:
        built = PLATFORMS[name]["kitchen"] == "built"
        image = name.replace("-", ":") if built else f"saltimages/salt-3008-py3:{name}"
        assert found[f"{name}-salt-3008"]["image"] == image
        assert bool(found[f"{name}-salt-3008"]["dockerfile"]) == built


def test_kitchen_on_virtual_machines_runs_those_that_the_lab_has():
    found = {one["name"].rpartition("-salt-")[0] for one in rendered("kitchen.vm.yml")["platforms"]}
    assert found == {name for name, row in PLATFORMS.items() if row["tested"] == "machine"}


def test_formula_file_names_what_was_applied():
    applied = [row["grains"] for row in PLATFORMS.values() if row["tested"] != "grains"]
    formula = data(ROOT / "FORMULA")
    assert formula["os"].split(", ") == list(dict.fromkeys(grains[0] for grains in applied))
    assert formula["os_family"].split(", ") == list(dict.fromkeys(grains[1] for grains in applied))


def test_the_support_table_says_how_near_the_tests_came():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    *others, last = (title.removeprefix("Debian ") for title in titles("machine"))
    assert f"| Debian {', '.join(others)} and {last} with their own containerd" in readme
    assert f"on a Debian that answers to the name ({', '.join(titles('package manager'))}):" in readme
    assert f"| rendered only, never applied | {', '.join(titles('grains'))}; arm64 |" in readme


def test_platforms_said_to_be_tested_have_a_test():
    machines = {name for name, (_, suite, source) in matrix.NODES.items() if suite == source}
    assert machines == {name for name, row in PLATFORMS.items() if row["tested"] == "machine"}
    pretty = [family.os_release for name, family in FAMILIES.items() if name in MANAGED]
    for title in titles("package manager"):
        assert any(f'PRETTY_NAME="{title}' in text for text in pretty), title
    assert len(pretty) == len(titles("package manager"))


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
    assert kitchen["platform"] == [name.replace(".", "") for name in IN_KITCHEN]
    assert kitchen["salt"] == SALTS
    nox = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    assert tests["python"] == re.findall(r'"(3\.\d+)"', re.search(r"PYTHONS = (.*)", nox).group(1))
    made = re.search(r"^SALTS \?= (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M).group(1)
    assert (
        tests["salt"] == made.split() == re.findall(r'"([\d.]+)"', re.search(r"SALTS = (.*)", nox).group(1))
    )


def test_each_long_file_is_there():
    found = {path.stem for folder in ("functional", "binary") for path in (ROOT / "test" / folder).iterdir()}
    text = (ROOT / "test/conftest.py").read_text(encoding="utf-8")
    listed = re.findall(r'"(test_\w+)"', re.search(r"^LONG = \((.*?)^\)", text, re.M | re.S)[1])
    assert listed and set(listed) <= found


def test_the_docs_show_the_results_of_the_matrix():
    """
    What is said to work is what ran: make test-matrix writes the file and prints the table.
    """
    assert matrix.table(matrix.results()) in (ROOT / "docs/testing.md").read_text(encoding="utf-8")
