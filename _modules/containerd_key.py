"""
OpenPGP keys that a package manager shall trust: which ones a file holds, and until when.

Read here and not by gpg, which a minimal node does not have.
"""

import re
import time

import containerd_formula
from salt.exceptions import CommandExecutionError

containerd_formula.renew()
from containerd_formula import errors, openpgp

_told = errors.told_as(CommandExecutionError)
_SCHEMES = ("salt://", "http://", "https://", "file://")


@_told
def fingerprints(path):
    """
    Return the keys that a file holds.

    path
        The file, armored or not.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_key.fingerprints /etc/apt/keyrings/docker.asc

    :return: a dictionary: fingerprint to the time at which the key expires, in seconds since 1970; None for
        never. Subkeys are not listed: they are worth nothing without the key that signed them.
    :raises CommandExecutionError: the file cannot be read, or it holds no public key or what is no key.
    """
    try:
        with open(path, "rb") as file:
            return openpgp.parse(file.read(), path)
    except OSError as err:
        raise CommandExecutionError(f"{path} cannot be read: {err.strerror}.") from err


@_told
def fetch(source, pinned):
    """
    Return the text of a key, from an address or the armored text itself, if it passes ``check``.

    :raises CommandExecutionError: it cannot be fetched, is no key, is another key, or has expired.
    """
    label = "The key" if _is_text(source) else f"The key {source}"
    text = _content(source, label)
    check(openpgp.parse(text.encode(), label), pinned, label)
    return text


def check(keys, pinned, label):
    """
    Fail unless keys, as ``fingerprints`` returns them, are pinned, all of them, and none has expired.

    Some pinned ones may be missing; nothing else may be there, since a package manager would trust it.

    :return: true.
    """
    wanted = {re.sub(r"[\s:]", "", entry).upper() for entry in pinned}
    if not wanted:
        raise CommandExecutionError(f"{label} cannot be checked: no fingerprint is pinned.")
    strange = [key for key in keys if key not in wanted]
    if strange:
        raise CommandExecutionError(
            f"{label} is refused: it holds {', '.join(strange)}, and pinned is {', '.join(sorted(wanted))}. "
            "If the publisher tells of a new key, pin its fingerprint; else somebody else made this one."
        )
    for key, expires in keys.items():
        if expires is not None and expires <= time.time():
            day = time.strftime("%Y-%m-%d", time.gmtime(expires))
            raise CommandExecutionError(
                f"{label} is refused: {key} expired on {day}. Take the publisher's renewed key."
            )
    return True


def _is_text(source):
    return "-----BEGIN" in source


def _content(source, label):
    """Return the text of a source."""
    if _is_text(source):
        return source if source.endswith("\n") else f"{source}\n"
    if not source.startswith(_SCHEMES):
        raise CommandExecutionError(
            f"{label} is neither an address ({', '.join(_SCHEMES)}) nor a key's text."
        )
    try:
        path = __salt__["cp.get_url"](source, "")
        if not path:
            raise CommandExecutionError("there is no such file")
        with open(path, encoding="utf-8") as file:
            return file.read()
    except UnicodeDecodeError as err:
        raise CommandExecutionError(f"{label} is no text: it takes the armored form of the key.") from err
    except Exception as err:  # noqa: BLE001 - Salt's fetchers raise whatever their libraries do.
        raise CommandExecutionError(f"{label} cannot be fetched: {err}.") from err
