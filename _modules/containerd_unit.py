"""
systemd's side of the daemon: the state of its unit, and a drop-in with the site's settings.

.. versionadded:: 0.1.0

The drop-in is ``/etc/systemd/system/containerd.service.d/50-containerd-formula.conf``. Its environment lies
in a file of its own for root alone beside it, because every user may ask systemd for ``Environment=``, and a
proxy may have a password.

.. code-block:: bash

    salt '*' containerd_unit.properties
"""

import os
import re
import shutil
import tempfile

import salt.utils.path
from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "containerd_unit"

UNIT = "containerd.service"
# What sd_booted(3) looks at.
SYSTEMD_BOOTED = "/run/systemd/system"
PROPERTIES = (
    "LoadState",
    "ActiveState",
    "UnitFileState",
    "InvocationID",
    "FragmentPath",
    "ExecMainStartTimestampMonotonic",
)
DROP_IN = f"/etc/systemd/system/{UNIT}.d/50-containerd-formula.conf"
ENVIRONMENT = DROP_IN.replace(".conf", ".env")
HEADER = "# Managed by Salt (containerd-formula). Edits are overwritten: change pillar containerd:service.\n"
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*")
# What a unit file says in one line; a line break would begin another directive.
BREAK = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
TIMEOUT = 20
# user:password@host, user@host
USER = re.compile(r"(^|//)[^/@\s]+@")


def __virtual__():
    return __virtualname__


def properties():
    """
    Return what systemd says of the daemon's unit.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_unit.properties

    :return: a dictionary of systemd's properties: ``LoadState``, ``ActiveState``, ``UnitFileState``,
        ``InvocationID`` (another one after each start), ``FragmentPath`` and
        ``ExecMainStartTimestampMonotonic``. Empty where systemd does not run.
    :raises CommandExecutionError: systemd does not answer.
    """
    if not os.path.isdir(SYSTEMD_BOOTED):
        return {}
    result = _run("systemctl", "show", f"--property={','.join(PROPERTIES)}", UNIT)
    if result["retcode"]:
        raise CommandExecutionError(f"systemctl show {UNIT} failed: {result['stderr'].strip()}")
    return dict(line.split("=", 1) for line in result["stdout"].splitlines() if "=" in line)


def enabled():
    """
    Return whether the service starts at boot, in systemctl's words; works without a running systemd too.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_unit.enabled

    :return: ``enabled``, ``disabled``, ``masked`` or another of systemctl's words; empty where there is no
        such unit.
    """
    word = _run("systemctl", "is-enabled", UNIT)["stdout"].strip()
    return "" if word == "not-found" else word


def enable():
    """
    Have the service started at boot; starts nothing. Works without a running systemd too.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_unit.enable

    :return: true.
    :raises CommandExecutionError: systemctl cannot do it: its own words are in the message.
    """
    result = _run("systemctl", "enable", UNIT)
    if result["retcode"]:
        raise CommandExecutionError(f"systemctl enable {UNIT} failed: {result['stderr'].strip()}")
    return True


def reload():
    """
    Have systemd read its unit files anew; the daemon itself is left alone.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_unit.reload

    :return: whether systemd runs, and has done so.
    :raises CommandExecutionError: it could not: its own words are in the message.
    """
    if not os.path.isdir(SYSTEMD_BOOTED):
        return False
    result = _run("systemctl", "daemon-reload")
    if result["retcode"]:
        raise CommandExecutionError(f"systemctl daemon-reload failed: {result['stderr'].strip()}")
    return True


def last_words():
    """
    Return what the daemon wrote to the journal when it ended, since its last start.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_unit.last_words

    :return: a line of text; empty where it did not end, or systemd does not run.
    """
    start = properties().get("InvocationID")
    if not start or not salt.utils.path.which("journalctl"):
        return ""
    log = _run("journalctl", "--quiet", "--output=cat", "--lines=50", f"_SYSTEMD_INVOCATION_ID={start}")
    # Not every error ends it: CNI that is not configured yet is one, too.
    errors = re.findall(r"^(?:containerd: |panic: |.*level=fatal).*$", log["stdout"], re.MULTILINE)
    return errors[-1].removeprefix("containerd: ") if errors else ""


def render(environment=None, limits=None, directives=None):
    """
    Return the files that give the daemon's unit these settings.

    environment : ``None``
        A dictionary: variable to value, such as ``HTTPS_PROXY``. Lists are joined by commas (``NO_PROXY``).

    limits : ``None``
        A dictionary: a directive of systemd.exec(5) that begins with ``Limit`` to its value.

    directives : ``None``
        A dictionary: section of the unit to a dictionary, directive to value. A list gives the directive once
        for each entry; an empty text resets one that the unit sets.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_unit.render limits='{LimitNOFILE: 1048576}'

    :return: a dictionary, path to text; None for a file that is not needed.
    :raises SaltInvocationError: a name or value that cannot be written: all of them in one message.
    """
    faults = []
    for name, settings in (("environment", environment), ("limits", limits), ("directives", directives)):
        if settings is not None and not isinstance(settings, dict):
            raise SaltInvocationError(f"containerd:service:{name} must be a mapping.")
    variables = [
        f"{name}={_quoted(_line(f'environment:{name}', name, VARIABLE, _text(value), faults))}\n"
        for name, value in (environment or {}).items()
    ]
    sections = {"Service": _limits(limits or {}, faults)}
    for section, content in (directives or {}).items():
        sections[section] = {**sections.get(section, {}), **_directives(section, content, faults)}
    if faults:
        raise SaltInvocationError("\n".join(f"containerd:service:{fault}" for fault in faults))
    if variables:
        sections["Service"].setdefault("EnvironmentFile", []).append(f"-{ENVIRONMENT}")
    return {
        DROP_IN: _unit_text(sections),
        ENVIRONMENT: HEADER + "".join(variables) if variables else None,
    }


def verify(text):
    """
    Return what systemd would ignore in a drop-in for the daemon's unit.

    systemd starts a unit without the lines that it does not understand, and tells only the journal.

    text
        The drop-in.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_unit.verify '[Service]'

    :return: a list of systemd's sentences; empty where it understands all, or where the unit or
        systemd-analyze is not installed.
    :raises CommandExecutionError: a copy of the unit cannot be written.
    """
    fragment = properties().get("FragmentPath")
    if not fragment or not salt.utils.path.which("systemd-analyze"):
        return []
    try:
        folder = tempfile.mkdtemp(prefix="containerd-unit-")
    except OSError as err:
        raise CommandExecutionError(f"the drop-in cannot be tried out: {err}") from err
    try:
        shutil.copy(fragment, os.path.join(folder, UNIT))
        os.mkdir(os.path.join(folder, f"{UNIT}.d"))
        candidate = os.path.join(folder, f"{UNIT}.d", os.path.basename(DROP_IN))
        with open(candidate, "w", encoding="utf-8") as file:
            file.write(text)
        said = _run("systemd-analyze", "verify", os.path.join(folder, UNIT))["stderr"]
    except OSError as err:
        raise CommandExecutionError(f"the drop-in cannot be tried out: {err}") from err
    finally:
        shutil.rmtree(folder)
    return [line.split(":", 2)[-1].strip() for line in said.splitlines() if line.startswith(candidate)]


def current():
    """
    Return the files that the node has of what ``render`` makes.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_unit.current

    :return: a dictionary, path to text; None for a file that is not there. It may hold secrets.
    :raises CommandExecutionError: a file cannot be read.
    """
    found = {}
    for path in (DROP_IN, ENVIRONMENT):
        # Also a link to /dev/null, by which systemd masks a drop-in.
        if os.path.exists(path) and not os.path.isfile(path):
            raise CommandExecutionError(f"{path} is no file: remove it.")
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                found[path] = file.read()
        except FileNotFoundError:
            found[path] = None
        except OSError as err:
            raise CommandExecutionError(f"{path} cannot be read: {err.strerror}. Remove it.") from err
    return found


def changes(before, after):
    """
    Return what differs between the settings of two sets of files, without secrets.

    before
        A dictionary, path to text or None: what ``current`` returns.

    after
        Such a dictionary.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_unit.changes '{}' '{}'

    :return: a dictionary: dotted path to ``{"old": ..., "new": ...}``. What stands before the @ of an address
        is masked, with and without a scheme.
    """
    found = __salt__["containerd_toml.diff"](parse(before), parse(after))
    return {
        key: {
            when: USER.sub(r"\1(secret)@", value) if isinstance(value, str) else value
            for when, value in change.items()
        }
        for key, change in found.items()
    }


def parse(files):
    """
    Return the settings that such files give the daemon's unit.

    files
        A dictionary, path to text or None: what ``render`` and ``current`` return.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_unit.parse '{}'

    :return: a dictionary: ``environment``, variable to value, and for each section directive to its value,
        or to a list of them.
    """
    found = {}
    section = {}
    for line in _lines(files.get(DROP_IN)):
        if line.startswith("["):
            section = found.setdefault(line.strip("[]"), {})
            continue
        name, value = (part.strip() for part in line.partition("=")[::2])
        if name != "EnvironmentFile" or value != f"-{ENVIRONMENT}":
            section[name] = [*section.get(name, []), value]
    result = {
        name: {key: values[0] if len(values) == 1 else values for key, values in content.items()}
        for name, content in found.items()
        if content
    }
    variables = [line.partition("=")[::2] for line in _lines(files.get(ENVIRONMENT))]
    if variables:
        result["environment"] = {name: _unquoted(value) for name, value in variables}
    return result


def _limits(limits, faults):
    """
    Return limits as directives: name to a list of lines.
    """
    for name in limits:
        if not str(name).startswith("Limit"):
            faults.append(
                f"limits:{name} is no limit: write a directive of systemd.exec(5) such as LimitNOFILE."
            )
    return {name: [_line(f"limits:{name}", name, WORD, value, faults)] for name, value in limits.items()}


def _directives(section, content, faults):
    """
    Return the directives of one section: name to a list of lines.
    """
    if not WORD.fullmatch(str(section)):
        faults.append(f"directives:{section}: {str(section)!r} is no section of a unit.")
    if not isinstance(content, dict):
        faults.append(f"directives:{section} must be a mapping: directive to value.")
        return {}
    if "Environment" in content:
        faults.append(
            f"directives:{section}:Environment: every user may read it there; write "
            "containerd:service:environment."
        )
    return {
        name: [
            _line(f"directives:{section}:{name}", name, WORD, item, faults)
            for item in (value if isinstance(value, (list, tuple)) else [value])
        ]
        for name, value in content.items()
    }


def _text(value):
    """
    Return the value of a variable as text, where it is a list or a boolean.
    """
    if isinstance(value, (list, tuple)):
        return ",".join(str(item) for item in value)
    return str(value).lower() if isinstance(value, bool) else value


def _line(label, name, pattern, value, faults):
    """
    Return a value as the text of one line; note what is wrong with its name or with itself.
    """
    if not pattern.fullmatch(str(name)):
        faults.append(f"{label}: {str(name)!r} is no name that systemd takes.")
    if isinstance(value, bool):
        value = "yes" if value else "no"
    if not isinstance(value, (str, int, float)):
        faults.append(f"{label} is a {type(value).__name__}; write a text or a number.")
    elif BREAK.search(str(value)):
        faults.append(
            f"{label} has a line break or another control character, which a unit file cannot hold."
        )
    elif pattern is WORD and str(value).endswith("\\"):
        faults.append(f"{label} ends with a backslash: systemd would take the next line for a part of it.")
    return str(value)


def _quoted(value):
    """
    Return a value as systemd.exec(5) reads it from an EnvironmentFile.
    """
    return '"' + re.sub(r'(["\\$`])', r"\\\1", value) + '"'


def _unquoted(value):
    """
    Return what ``_quoted`` wrote; any other text as it is.
    """
    if len(value) < 2 or not value.startswith('"') or not value.endswith('"'):
        return value
    return re.sub(r'\\(["\\$`])', r"\1", value[1:-1])


def _unit_text(sections):
    """
    Return sections as the text of a drop-in, None where they say nothing.
    """
    lines = []
    for section, content in sections.items():
        if content:
            lines.append(f"\n[{section}]\n")
            lines += [f"{name}={value}\n" for name, values in content.items() for value in values]
    return HEADER + "".join(lines) if lines else None


def _lines(text):
    """
    Return the lines of a file that say something.
    """
    stripped = [line.strip() for line in (text or "").splitlines()]
    return [line for line in stripped if line and not line.startswith(("#", ";"))]


def _run(*command):
    """
    Run one of systemd's tools; return cmd.run_all's dictionary.
    """
    if not salt.utils.path.which(command[0]):
        raise CommandExecutionError(f"{command[0]} is not installed: this formula needs systemd.")
    return __salt__["cmd.run_all"](
        list(command), python_shell=False, timeout=TIMEOUT, output_loglevel="quiet", ignore_retcode=True
    )
