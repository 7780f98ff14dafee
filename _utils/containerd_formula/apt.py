"""Read apt's texts: its complaints, the changes that it plans, and sources that clash with ours."""

import re

from containerd_formula import secrets
from containerd_formula.errors import Refused
from containerd_formula.packages import may_remove

# Begins each line of a source that was set aside.
ASIDE = "# Set aside by containerd-formula: "
_ONE_LINE = re.compile(r"deb(?:-src)?\s+(?:\[[^\]]*\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)")
_INSTALL = re.compile(r"Inst (?P<name>\S+) (?:\[(?P<old>[^\]]+)\] )?\((?P<new>\S+) ")
_REMOVE = re.compile(r"(?:Remv|Purg) (?P<name>\S+) \[(?P<old>[^\]]+)\]")


def complaints(stderr):
    """Return the lines that are errors or warnings, without the credentials in their addresses."""
    return [secrets.masked_url(line) for line in stderr.splitlines() if line.startswith(("E: ", "W: "))]


def words(told):
    """Return complaints as one text."""
    return " ".join(line[3:] for line in told)


def updated(stderr, failed, repository=""):
    """Return what apt-get update complained of; fail if the repository cannot be used."""
    told = complaints(stderr)
    shown = secrets.masked_url(repository)
    # apt names a repository with its credentials, or without.
    names = (shown, secrets.bare_url(repository))
    ours = [line for line in told if repository and any(name in line for name in names)]
    # If apt could not even begin, no line names a repository.
    if ours or (failed and not any("://" in line for line in told)):
        raise Refused(f"The repository {shown} cannot be used: {words(ours or told)} Nothing was installed.")
    return told


def offered(listed):
    """Return the versions that ``apt-cache madison`` lists."""
    fields = [line.split("|") for line in listed.splitlines()]
    return [words[1].strip() for words in fields if len(words) > 1]


def foreseen(simulated, install):
    """Return the changes of a simulated install; fail if it would remove other packages."""
    lines = simulated.splitlines()
    removed = {match["name"]: match["old"] for match in map(_REMOVE.match, lines) if match}
    strangers = [name for name in removed if name not in (*may_remove(install), *install)]
    if strangers:
        raise Refused(
            f"installing {', '.join(install)} would remove {', '.join(strangers)}; nothing was changed. "
            "Remove them yourself, choose another containerd:package:source, or leave it out of pillar."
        )
    changes = {name: {"old": old, "new": ""} for name, old in removed.items()}
    for match in filter(None, map(_INSTALL.match, lines)):
        changes[match["name"]] = {"old": match["old"] or "", "new": match["new"]}
    return changes


def set_aside(path, text, uri, suite):
    """
    Return the text of a sources file, with the sources of an address and suite commented out.

    apt reads nothing at all while two sources name the same address and suite with different keys
    ("Conflicting values set for option Signed-By").
    """
    return (_stanzas if path.endswith(".sources") else _lines)(text, uri.rstrip("/"), suite)


def restored(text):
    """Return the text of a sources file without such comments."""
    return text.replace(ASIDE, "")


def _lines(text, uri, suite):
    """Return one-line sources with those of an address and suite commented out."""
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        match = _ONE_LINE.match(line.strip())
        if match and (match["uri"].rstrip("/"), match["suite"].rstrip("/")) == (uri, suite):
            lines[number] = f"{ASIDE}{line}"
    return "".join(lines)


def _stanzas(text, uri, suite):
    """Return deb822 sources with the stanzas of an address and suite commented out."""
    # deb822. The separators stay in the list, and so in the text.
    stanzas = re.split(r"(\n[ \t]*(?:\n|\Z))", text)
    for number, stanza in enumerate(stanzas):
        fields = _fields(stanza)
        uris = [word.rstrip("/") for word in fields.get("uris", "").split()]
        if uri in uris and suite in fields.get("suites", "").split():
            stanzas[number] = "".join(f"{ASIDE}{line}" for line in stanza.splitlines(keepends=True))
    return "".join(stanzas)


def _fields(stanza):
    """Return the fields of a deb822 stanza: name in lower case to value."""
    lines = [line for line in stanza.splitlines() if not line.startswith("#")]
    # A field continues in lines that begin with white space.
    entries = re.sub(r"\n[ \t]+", " ", "\n".join(lines)).splitlines()
    pairs = [entry.partition(":") for entry in entries]
    # apt ignores the case of field names.
    return {name.strip().lower(): value.strip() for name, colon, value in pairs if colon}
