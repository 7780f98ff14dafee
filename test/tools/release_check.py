"""
``make release-check``: whether this commit can be released. One line for each point that fails.

To release: write the number into FORMULA, ``make stamp``, commit, ``make release-check``, tag.
"""

import io
import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path

from support import ROOT
from tools import matrix, stamp

# What the archive has, and nothing else; _runners where there is a runner.
SHIPPED = {
    *("CHANGELOG.md", "CONTRIBUTING.md", "FORMULA", "LICENSE", "README.md", "_modules", "_states", "_utils"),
    *("containerd", "docs", "pillar.example"),
}
ALSO = {"_runners"}
# The tests that hold pages against the code.
HELD = (
    *("test/unit/test_pages.py", "test/unit/test_api_page.py", "test/unit/test_errors_page.py"),
    *("test/unit/test_house.py", "test/unit/test_ci.py"),
    *("test/functional/test_states_page.py", "test/functional/test_samples.py"),
)
# Folders that pages name as examples, and those that every machine has.
ANYWHERE = {"/", "/home", "/root", "/srv", "/srv/formulas", "/tmp"}  # noqa: S108
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")


def number(root):
    """
    The release is a number.
    """
    if not re.fullmatch(r"\d+\.\d+\.\d+", stamp.release(root)):
        yield f"FORMULA: version is {stamp.release(root)}; write three numbers, such as 1.0.0."


def stamps(root):
    """
    All stamps are those of these files and of that release.
    """
    wanted = stamp.stamp(root)
    for place, found in zip(stamp.PLACES, stamp.stamps(root)):
        if found != wanted:
            yield f"{place}: the stamp is {found}, and should be {wanted}: run make stamp."
    for name in stamp.EXAMPLES:
        for found in stamp.EXAMPLE.findall(read(root, name)):
            if found != f"v{stamp.release(root)}":
                yield f"{name}: an example has {found}, another release: run make stamp."


def tag(root):
    """
    No other commit has the tag of the release, and this one has the tag of no other.
    """
    wanted = f"v{stamp.release(root)}"
    here = [name for name in git(root, "tag", "--points-at", "HEAD").split() if re.match(r"v\d", name)]
    if wanted not in here and wanted in git(root, "tag", "--list").split():
        yield f"the tag {wanted} is there already, at another commit: raise version in FORMULA."
    for name in here:
        if name != wanted:
            yield f"this commit has the tag {name}, and FORMULA says {wanted}: correct one of them."


def changelog(root):
    """
    The changelog has the release, the day, and notes for who upgrades.
    """
    release = stamp.release(root)
    sections = re.split(r"^## ", read(root, "CHANGELOG.md"), flags=re.MULTILINE)
    mine = [section for section in sections if stamp.has_section(f"## {section}", release)]
    if not mine:
        yield f"CHANGELOG.md: there is no section of {release}: run make stamp."
    for section in mine:
        if not re.match(rf"{re.escape(release)} \(\d{{4}}-\d\d-\d\d\)\n", section):
            yield f"CHANGELOG.md: {release} has no day; write ## {release} (2026-12-31)."
        if not re.search(r"^### Upgrade notes\n\s*\S", section, re.MULTILINE):
            yield f"CHANGELOG.md: {release} has no section ### Upgrade notes, or an empty one; write it."


def support(root):
    """
    What is said to be supported is what ran: every cell of the matrix, with the Salts of the tables.
    """
    results = json.loads(read(root, "test/tools/matrix.json"))
    salts = re.search(r"^SALTS \?= (.*)$", read(root, "Makefile"), re.MULTILINE)[1].split()
    ran = {(result["node"], result["salt"]): result for result in results}
    for cell in ((node, salt) for node in matrix.NODES for salt in salts):
        if not ran.get(cell, {}).get("ok"):
            why = ran[cell]["summary"] if cell in ran else "it was not run"
            yield f"test/tools/matrix.json: {cell[0]} with Salt {cell[1]}: {why}; run make test-matrix."
    if matrix.table(results) not in read(root, "docs/testing.md"):
        yield "docs/testing.md: its matrix is not that of test/tools/matrix.json; paste what the run printed."
    readme = read(root, "README.md")
    if f"| Salt | {' and '.join(salts)} |" not in readme:
        yield f"README.md: the support table has not the Salts of the Makefile; write {' and '.join(salts)}."
    releases = {result["containerd"] for result in results}
    [row] = [line for line in readme.splitlines() if "(docs/testing.md#the-matrix)" in line][:1] or [""]
    for release in sorted(releases):
        if release not in row:
            yield f"README.md: the row of the matrix in the support table does not name containerd {release}."
    oldest = re.search(r"^minimum_version: (\S+)", read(root, "FORMULA"), re.MULTILINE)[1]
    if oldest != min(salts, key=lambda salt: [int(part) for part in salt.split(".")]):
        yield f"FORMULA: minimum_version is {oldest}, and the oldest Salt that is tested is another: {salts}."


def pages(root):
    """
    Tests hold the pages against the code.
    """
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", *HELD]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    yield from (f"{name} fails: a page is not as the code is." for name in failed)
    if done.returncode and not failed:
        yield f"the tests of the pages did not run: {(done.stdout + done.stderr).strip()[-300:]}"


def licence(root):
    """
    The licence is there, and is the one that README names.
    """
    path = root / "LICENSE"
    if not path.is_file() or "Apache License" not in read(root, "LICENSE"):
        yield "LICENSE: the text of the Apache License is not there."
    if "Licence: Apache-2.0." not in read(root, "README.md"):
        yield "README.md: it does not end with Licence: Apache-2.0."


def tree(root):
    """
    What is released is what is committed.
    """
    for line in git(root, "status", "--porcelain").splitlines():
        yield f"{line[3:]}: it is not committed; commit or remove it."


def machine(root):
    """
    No file names a place of the machine it was made on.
    """
    for name, found in mentions(root, places(root)).items():
        yield f"{name}: it names {found}, a place of this machine; write another."


def archive(root):
    """
    The archive has what a site needs, and no more; what README leads to is in it.
    """
    names = [member.name for member in tarred(root) if not member.isdir()]
    tops = {name.partition("/")[0] for name in names}
    for name in sorted(SHIPPED - tops):
        yield f"{name}: it is not in the archive; let .gitattributes export it."
    for name in sorted(tops - SHIPPED - ALSO):
        yield f"{name}: it is in the archive, and no site needs it; let .gitattributes ignore it."
    if (root / "_runners").is_dir() and "_runners" not in tops:
        yield "_runners: it is not in the archive; let .gitattributes export it."
    for target in LINK.findall(read(root, "README.md")):
        if not any(name == target or name.startswith(f"{target}/") for name in names):
            yield f"README.md: it leads to {target}, which is not in the archive."


CHECKS = (number, stamps, tag, changelog, support, pages, licence, tree, machine, archive)


def read(root, name):
    """
    Return the text of a file.
    """
    return (root / name).read_text(encoding="utf-8")


def git(root, *words):
    """
    Return what git prints.
    """
    return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True).stdout


def places(root):
    """
    Return folders that only this machine has: those of its checkouts, and the home folder; and its index.
    """
    trees = re.findall(r"^worktree (.+)$", git(root, "worktree", "list", "--porcelain"), re.MULTILINE)
    folders = {str(folder) for one in map(Path, trees) for folder in (one, one.parent)} | {str(Path.home())}
    options = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    addresses = re.findall(r"(?:https?://|file://)[^\s'\"]+", options)
    return {*(folders - ANYWHERE), *(address for address in addresses if "pypi.org" not in address)}


def mentions(root, words):
    """
    Return the tracked files that have one of some words, with the longest that each has.
    """
    # Not as the beginning of a longer name.
    patterns = {
        word: re.compile(rf"(?<![\w.-]){re.escape(word)}(?![\w-])".encode())
        for word in sorted(words, key=len, reverse=True)
    }
    found = {}
    for name in git(root, "ls-files", "-z").split("\0")[:-1]:
        data = (root / name).read_bytes() if (root / name).is_file() else b""
        if word := next((word for word, pattern in patterns.items() if pattern.search(data)), None):
            found[name] = word
    return found


def tarred(root):
    """
    Return the members of the archive of this commit.
    """
    data = subprocess.run(["git", "archive", "HEAD"], cwd=root, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(data)) as made:
        return made.getmembers()


def main():
    """
    Run the checks; return the exit status.
    """
    wrong = 0
    for check in CHECKS:
        found = list(check(ROOT))
        wrong += len(found)
        for line in found:
            print(f"{check.__name__}: {line}")
        if not found:
            print(f"{check.__name__}: ok")
    print(
        f"{stamp.release()} can be released." if not wrong else f"{stamp.release()} cannot be released yet."
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
