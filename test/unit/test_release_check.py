"""
make release-check: a repository that can be released, and one fault after the other.
"""

import shutil
import subprocess
from pathlib import Path

import pytest
from support import ROOT
from tools import matrix, release_check, stamp

FORMULA = "name: containerd\nversion: 1.0.0\nminimum_version: 3006.28\n"
CHANGELOG = """# Changelog

## 1.0.0 (2026-12-31)

### Upgrade notes

- Nothing to do.

## 0.1.0 (2026-01-01)
"""
README = """# containerd-formula

    - base: v1.0.0-site1

| Salt | 3006.28 and 3008.3 |
| the same | 1.4.13, 1.6.20: [the matrix](docs/testing.md#the-matrix) |

[a page](docs/testing.md), [more](CONTRIBUTING.md)

Licence: Apache-2.0.
"""
SALTS = ("3006.28", "3008.3")
RESULTS = [
    {"node": node, "salt": salt, "ok": True, "passed": 1, "summary": "", "containerd": "1.4.13"}
    for node in matrix.NODES
    for salt in SALTS
]


def git(root, *words):
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", *identity, *words], cwd=root, check=True, capture_output=True)


def commit(root):
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message", "a")


def put(root, name, text):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """
    A repository of which all is well.
    """
    root = tmp_path_factory.mktemp("made") / "repository"
    put(root, "FORMULA", FORMULA)
    put(root, "CHANGELOG.md", CHANGELOG)
    put(root, "README.md", README)
    put(root, "CONTRIBUTING.md", "")
    put(root, "LICENSE", "Apache License\n")
    put(root, "pillar.example", "")
    put(root, "Makefile", f"SALTS ?= {' '.join(SALTS)}\n")
    put(root, "docs/testing.md", matrix.table(RESULTS))
    put(root, "docs/ways-in.md", "git tag v1.0.0-site1 'containerd-formula v1.0.0'\n")
    put(root, "test/tools/matrix.json", release_check.json.dumps(RESULTS))
    for name in stamp.PLACES:
        put(root, name, '{%- set release = "0" %}\n' if name.endswith("jinja") else 'RELEASE = "0"\n')
    put(root, "_states/containerd.py", "")
    shutil.copy(ROOT / ".gitattributes", root)
    stamp.write(root)
    git(root.parent, "init", "--quiet", str(root))
    commit(root)
    return root


@pytest.fixture
def repository(made, tmp_path):
    """
    A copy of it.
    """
    return Path(shutil.copytree(made, tmp_path / "repository"))


def found(root, check):
    return list(getattr(release_check, check)(root))


STATIC = [check.__name__ for check in release_check.CHECKS if check.__name__ != "pages"]


@pytest.mark.parametrize("check", STATIC)
def test_a_repository_that_can_be_released_fails_in_no_point(repository, check):
    assert found(repository, check) == []


def edited(name, old, new):
    def edit(root):
        text = (root / name).read_text()
        assert old in text
        put(root, name, text.replace(old, new))

    return edit


def added(name, text=""):
    return lambda root: put(root, name, text)


def gone(name):
    return lambda root: (root / name).unlink()


def tagged(name, move=False):
    def edit(root):
        git(root, "tag", name)
        if move:
            commit(root)

    return edit


MATRIX = "test/tools/matrix.json"


@pytest.mark.parametrize(
    ("check", "fault", "words"),
    [
        ("number", edited("FORMULA", "1.0.0", "1.0"), "FORMULA: version is 1.0; write three numbers"),
        ("stamps", added("_utils/containerd_formula/new.py", "a = 1\n"), "map.jinja: the stamp is 1.0.0+"),
        ("stamps", edited("FORMULA", "1.0.0", "1.1.0"), "and should be 1.1.0+"),
        ("stamps", edited("docs/ways-in.md", "la v1", "la v0"), "docs/ways-in.md: an example has v0.0.0"),
        ("tag", tagged("v1.0.0", move=True), "the tag v1.0.0 is there already, at another commit"),
        ("tag", tagged("v1.0.1"), "this commit has the tag v1.0.1, and FORMULA says v1.0.0"),
        ("changelog", edited("CHANGELOG.md", "## 1.0.0", "## 1.0.1"), "there is no section of 1.0.0"),
        ("changelog", edited("CHANGELOG.md", "(2026-12-31)", "(unreleased)"), "1.0.0 has no day"),
        ("changelog", edited("CHANGELOG.md", "### Upgrade", "### Other"), "has no section ### Upgrade notes"),
        ("changelog", edited("CHANGELOG.md", "- Nothing to do.\n\n", ""), "or an empty one"),
        ("support", edited(MATRIX, '"ok": true', '"ok": false'), "debian-11 with Salt 3006.28: ; run make"),
        ("support", edited(MATRIX, '"debian-13"', '"old"'), "debian-13 with Salt 3006.28: it was not run"),
        ("support", edited("docs/testing.md", "1 passed", "2 passed"), "docs/testing.md: its matrix is not"),
        ("support", edited("README.md", "3006.28", "3006.27"), "README.md: the support table has not the"),
        ("support", edited("README.md", "1.4.13, ", ""), "does not name containerd 1.4.13"),
        ("support", edited("FORMULA", "3006.28", "3007.1"), "FORMULA: minimum_version is 3007.1"),
        ("licence", gone("LICENSE"), "LICENSE: the text of the Apache License is not there."),
        ("licence", edited("README.md", "Apache-2.0", "MIT"), "README.md: it does not end with Licence"),
        ("tree", added("notes.txt"), "notes.txt: it is not committed"),
        ("tree", edited("FORMULA", "1.0.0", "1.1.0"), "FORMULA: it is not committed"),
        ("archive", edited(".gitattributes", "/docs -export-ignore\n", ""), "docs: it is not in the archive"),
        ("archive", edited(".gitattributes", "/* ex", "/nothing ex"), "test: it is in the archive, and no"),
        (
            "archive",
            edited("README.md", "(CONT", "(docs/CONT"),
            "leads to docs/CONTRIBUTING.md, which is",
        ),
    ],
)
def test_each_fault_is_a_line(repository, check, fault, words):
    fault(repository)
    if check in ("archive", "machine"):
        commit(repository)
    assert any(words in line for line in found(repository, check))


def test_the_runner_is_in_the_archive_where_there_is_one(repository):
    put(repository, "_runners/containerd.py", "")
    commit(repository)
    assert found(repository, "archive") == []
    edited(".gitattributes", "/_runners -export-ignore\n", "")(repository)
    commit(repository)
    assert found(repository, "archive") == [
        "_runners: it is not in the archive; let .gitattributes export it."
    ]


def test_a_file_that_names_a_place_of_the_machine_is_a_line(repository):
    put(repository, "docs/more.md", f"see {repository}/x, not {repository}-other, nor /root/pillar\n")
    put(repository, "untracked", str(repository))
    git(repository, "add", "docs")
    assert found(repository, "machine") == [
        f"docs/more.md: it names {repository}, a place of this machine; write another."
    ]


def test_the_index_of_this_machine_is_a_place_of_it(repository, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example.org/simple")
    put(repository, "docs/more.md", "https://index.example.org/simple\n")
    commit(repository)
    assert "names https://index.example.org/simple" in found(repository, "machine")[0]


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ("assert True", []),
        ("assert False", ["test/unit/test_pages.py::test_a fails: a page is not as the code is."]),
    ],
)
def test_a_page_that_does_not_hold_is_a_line(repository, monkeypatch, body, lines):
    put(repository, "test/unit/test_pages.py", f"def test_a():\n    {body}\n")
    monkeypatch.setattr(release_check, "HELD", ("test/unit/test_pages.py",))
    assert found(repository, "pages") == lines


def test_a_test_that_does_not_run_is_a_line(repository, monkeypatch):
    monkeypatch.setattr(release_check, "HELD", ("test/unit/test_nowhere.py",))
    assert found(repository, "pages")[0].startswith("the tests of the pages did not run: ")


def test_the_pages_that_are_held_are_there():
    assert all((ROOT / name).is_file() for name in release_check.HELD)


def test_all_points_are_told_and_one_is_enough_to_fail(repository, monkeypatch, capsys):
    monkeypatch.setattr(release_check, "ROOT", repository)
    monkeypatch.setattr(stamp, "release", lambda root=repository: "1.0.0")
    monkeypatch.setattr(release_check, "HELD", ())
    monkeypatch.setattr(release_check, "pages", lambda root: [])
    monkeypatch.setattr(release_check, "CHECKS", (release_check.licence, release_check.tree))
    assert release_check.main() == 0
    assert capsys.readouterr().out == "licence: ok\ntree: ok\n1.0.0 can be released.\n"
    put(repository, "notes.txt", "")
    assert release_check.main() == 1
    assert capsys.readouterr().out.endswith(
        "tree: notes.txt: it is not committed; commit or remove it.\n1.0.0 cannot be released yet.\n"
    )


def test_a_number_in_formula_goes_everywhere_by_make_stamp(repository):
    edited("CHANGELOG.md", "# Changelog\n", "# Changelog\n\n## Unreleased\n\n- More.\n")(repository)
    stamp.write(repository, "2027-01-02")
    assert "## Unreleased" in (repository / "CHANGELOG.md").read_text()
    edited("FORMULA", "1.0.0", "1.1.0")(repository)
    stamp.write(repository, "2027-01-02")
    assert "## 1.1.0 (2027-01-02)\n\n- More." in (repository / "CHANGELOG.md").read_text()
    assert "v1.1.0-site1" in (repository / "README.md").read_text()
    assert (repository / "docs/ways-in.md").read_text().count("v1.1.0") == 2
    assert found(repository, "stamps") == []


def test_what_is_not_released_yet_keeps_its_heading(repository):
    edited("CHANGELOG.md", "(2026-12-31)", "(unreleased)")(repository)
    stamp.write(repository)
    assert "## 1.0.0 (unreleased)" in (repository / "CHANGELOG.md").read_text()


def test_this_archive_has_what_a_site_needs():
    """
    Of the commit that is checked out; what is not committed yet is not in it.
    """
    if not (ROOT / ".git").exists():
        pytest.skip("no git here")
    names = {member.name.partition("/")[0] for member in release_check.tarred(ROOT)}
    assert names <= release_check.SHIPPED | release_check.ALSO
