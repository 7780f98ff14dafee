"""
``make stamp``: write what minions compare, to know whether their modules are of this commit.

The stamp is the release and a hash of modules, states and library. A minion that follows a branch gets new
ones in the run that brings new SLS, even where the release number stayed.

FORMULA has the release. Where it was raised, the changelog's section of what is not released gets its number
and the day, and the pages their examples.
"""

import datetime
import hashlib
import re

from support import ROOT

LINE = re.compile(r'^((?:RELEASE|\{%- set release) = )"([^"]*)"', re.MULTILINE)
# What minions sync.
FOLDERS = ("_modules", "_states", "_utils")
PLACES = (
    "_modules/containerd.py",
    "_utils/containerd_formula/release.py",
    "containerd/salt/sync.jinja",
    "containerd/map.jinja",
)
# A tag of a site's own, and its message.
EXAMPLE = re.compile(r"(?:(?<=containerd-formula )v\d+\.\d+\.\d+|v\d+\.\d+\.\d+(?=-site1))")
EXAMPLES = ("README.md", "docs/ways-in.md")
UNRELEASED = re.compile(r"^## .*\bunreleased\b.*$", re.MULTILINE | re.IGNORECASE)


def release(root=ROOT):
    """
    Return the release that FORMULA names.
    """
    return re.search(r"^version: (\S+)", (root / "FORMULA").read_text(encoding="utf-8"), re.MULTILINE)[1]


def stamp(root=ROOT):
    """
    Return the stamp that the files should have.
    """
    digest = hashlib.sha256()
    for path in sorted(path for folder in FOLDERS for path in (root / folder).rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode())
        # Without the stamp itself.
        digest.update(LINE.sub(r"\1", path.read_text(encoding="utf-8")).encode())
    return f"{release(root)}+{digest.hexdigest()[:8]}"


def stamps(root=ROOT):
    """
    Return the stamps that the files have.
    """
    return [LINE.search((root / place).read_text(encoding="utf-8"))[2] for place in PLACES]


def has_section(changelog, number):
    """
    Tell whether a changelog has a section of a release.
    """
    return bool(re.search(rf"^## {re.escape(number)}(?: |$)", changelog, re.MULTILINE))


def write(root=ROOT, today=None):
    """
    Write the stamps, and the number of a release where they are to follow it.
    """
    number = release(root)
    rewrite(root, PLACES, lambda text: LINE.sub(rf'\g<1>"{stamp(root)}"', text))
    rewrite(root, EXAMPLES, lambda text: EXAMPLE.sub(f"v{number}", text))
    day = today or datetime.date.today().isoformat()
    rewrite(
        root,
        ["CHANGELOG.md"],
        lambda text: (
            text if has_section(text, number) else UNRELEASED.sub(f"## {number} ({day})", text, count=1)
        ),
    )


def rewrite(root, names, function):
    """
    Put what a function makes of a text in the place of it.
    """
    for path in (root / name for name in names):
        text = path.read_text(encoding="utf-8")
        if (new := function(text)) != text:
            path.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    write()
    print(stamp())
