"""The drop-in of the daemon's unit: render it from pillar, and read it back from the node."""

import re

from containerd_formula import places
from containerd_formula.data import plain
from containerd_formula.diff import diff
from containerd_formula.errors import Refused
from containerd_formula.paths import dotted
from containerd_formula.secrets import MASK, UNMASK, is_masked, masked_command, masked_variable

HEADER = "# Managed by Salt (containerd-formula). Edits are overwritten: change pillar containerd:service.\n"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*")
# A line break would begin another directive.
_BREAK = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# Directives that hold secrets, and what to write instead.
_READ_BY_ALL = {
    "Environment": "write containerd:service:environment",
    "SetCredential": "write LoadCredential, and the path of a file that only root can read",
}
# The lookbehinds keep these linear: a match begins where a word does.
_UP_TO_AT = re.compile(r"(?<!\S)\S+@")
_USER = re.compile(r"(?<![^:=])[^:=]+:")


def render(environment=None, limits=None, directives=None):
    """
    Return the files that give the daemon's unit these directives: path to text, None if not needed.

    The environment goes into a file that only root can read: every user may ask systemd for
    ``Environment=``, and a proxy's address may hold a password. One message reports all faults.
    """
    faults = []
    environment, limits, directives = (
        _mapping(name, given)
        for name, given in (("environment", environment), ("limits", limits), ("directives", directives))
    )
    variables = [
        f"{name}={_quoted(_line(f'environment:{name}', name, _VARIABLE, _text(value), faults))}\n"
        for name, value in environment.items()
    ]
    sections = {"Service": _limits(limits, faults)}
    for section, content in directives.items():
        sections[section] = {**sections.get(section, {}), **_directives(section, content, faults)}
    if faults:
        raise Refused("\n".join(f"containerd:service:{fault}" for fault in faults))
    if variables:
        sections["Service"].setdefault("EnvironmentFile", []).append(f"-{places.ENVIRONMENT}")
    return {
        places.DROP_IN: _unit_text(sections),
        places.ENVIRONMENT: HEADER + "".join(variables) if variables else None,
    }


def parse(files):
    """
    Return the content of such files as ``render`` returns.

    ``environment`` is variable to value, and each section is directive to its value, or to a list of them.
    """
    found = {}
    section = {}
    for line in _lines(files.get(places.DROP_IN)):
        if line.startswith("["):
            section = found.setdefault(line.strip("[]"), {})
            continue
        name, value = (part.strip() for part in line.partition("=")[::2])
        if name != "EnvironmentFile" or value != f"-{places.ENVIRONMENT}":
            section[name] = [*section.get(name, []), value]
    result = {
        name: {key: values[0] if len(values) == 1 else values for key, values in content.items()}
        for name, content in found.items()
        if content
    }
    variables = [line.partition("=")[::2] for line in _lines(files.get(places.ENVIRONMENT))]
    if variables:
        result["environment"] = {name: _unquoted(value) for name, value in variables}
    return result


def changes(before, after):
    """Return the differences between two sets of files, as ``diff`` does, with secrets masked."""
    old, new = (_without_passwords(parse(files)) for files in (before, after))
    variables = [found.pop("environment", {}) for found in (old, new)]
    changed = diff(old, new)
    for name in dict.fromkeys([*variables[1], *variables[0]]):
        one, other = (found.get(name) for found in variables)
        if one != other:
            shown = {"old": masked_variable(name, one), "new": masked_variable(name, other)}
            changed[dotted(("environment", name))] = shown
    return changed


def _without_passwords(said):
    """Return the parsed files with the passwords in their directives masked."""
    # Passwords in commands; a name such as getty@tty1 has no colon before its @.
    return {
        section: content
        if section == "environment"
        else {
            name: [_hidden(name, value) for value in values]
            if isinstance(values, list)
            else _hidden(name, values)
            for name, values in content.items()
        }
        for section, content in said.items()
    }


def _hidden(name, value):
    return MASK if value and name in _READ_BY_ALL else masked_command(_UP_TO_AT.sub(_without_password, value))


def _without_password(word):
    user = _USER.search(word[0])
    return f"{word[0][: user.start()]}{MASK}@" if user else word[0]


def _mapping(name, given):
    if not isinstance(given, (dict, type(None))):
        raise Refused(f"containerd:service:{name} must be a mapping.")
    return plain(given or {}, ("containerd", "service", name))


def _limits(limits, faults):
    """Return the limits as directives; note what is wrong."""
    for name in limits:
        if not str(name).startswith("Limit"):
            faults.append(
                f"limits:{name} is not a limit: write a directive of systemd.exec(5) such as LimitNOFILE."
            )
    return {name: [_line(f"limits:{name}", name, _WORD, value, faults)] for name, value in limits.items()}


def _directives(section, content, faults):
    """Return the directives of a section, each as a list of lines; note what is wrong."""
    if not _WORD.fullmatch(str(section)):
        faults.append(f"directives:{section}: {str(section)!r} is not a section of a unit.")
    if not isinstance(content, dict):
        faults.append(f"directives:{section} must be a mapping: directive to value.")
        return {}
    faults += [
        f"directives:{section}:{name}: every user may read it there; {cure}."
        for name, cure in _READ_BY_ALL.items()
        if name in content
    ]
    return {
        name: [
            _line(f"directives:{section}:{name}", name, _WORD, item, faults)
            for item in (value if isinstance(value, (list, tuple)) else [value])
        ]
        for name, value in content.items()
    }


def _text(value):
    """Return a variable's value as a program expects it."""
    # Programs expect true, systemd yes.
    if isinstance(value, (list, tuple)):
        return ",".join(str(item) for item in value)
    return str(value).lower() if isinstance(value, bool) else value


def _line(label, name, pattern, value, faults):
    """Return a value as the text of one line; note what is wrong with the name or the value."""
    if not pattern.fullmatch(str(name)):
        faults.append(f"{label}: {str(name)!r} is not a name that systemd accepts.")
    if isinstance(value, bool):
        value = "yes" if value else "no"
    if not isinstance(value, (str, int, float)):
        faults.append(f"{label} is a {type(value).__name__}; write a text or a number.")
    elif _BREAK.search(str(value)):
        faults.append(
            f"{label} has a line break or another control character, which a unit file cannot hold."
        )
    elif is_masked(value):
        faults.append(f"{label}: {UNMASK}.")
    elif pattern is _WORD and str(value).endswith("\\"):
        faults.append(f"{label} ends with a backslash: systemd would join it with the next line.")
    return str(value)


def _quoted(value):
    # As systemd.exec(5) reads it from an EnvironmentFile.
    return '"' + re.sub(r'(["\\$`])', r"\\\1", value) + '"'


def _unquoted(value):
    """Return a quoted value without its quotes and escapes."""
    # Text without quotes stays as it is.
    if len(value) < 2 or not value.startswith('"') or not value.endswith('"'):
        return value
    return re.sub(r'\\(["\\$`])', r"\1", value[1:-1])


def _unit_text(sections):
    """Return the text of the drop-in, or None without directives."""
    lines = []
    for section, content in sections.items():
        if content:
            lines.append(f"\n[{section}]\n")
            lines += [f"{name}={value}\n" for name, values in content.items() for value in values]
    return HEADER + "".join(lines) if lines else None


def _lines(text):
    # Without blank lines and comments. splitlines() would also split at U+2028 and NEL.
    stripped = [line.strip() for line in (text or "").split("\n")]
    return [line for line in stripped if line and not line.startswith(("#", ";"))]
