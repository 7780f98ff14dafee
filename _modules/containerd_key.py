"""
The key of a repository: gpg reads it in a separate home, and we write gpg's export of the pinned keys.

Never the fetched file: a package manager may read more in it than gpg has checked.
"""

import contextlib
import os
import re
import time

import containerd_formula
from salt.exceptions import CommandExecutionError

containerd_formula.renew()
from containerd_formula import errors, secrets

_SCHEMES = ("salt://", "http://", "https://", "file://")
# Bytes; Docker's key has 4,000.
_LIMIT = 256 * 1024


def fingerprints(path):
    """
    Return the keys that a file holds, as gpg lists them.

    path
        The file, armored or not.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_key.fingerprints /etc/apt/keyrings/docker.asc

    :return: a dictionary: fingerprint to the time at which the key expires, in seconds since 1970; None if it
        never does. Subkeys are not listed: they are worth nothing without the key that signed them.
    :raises CommandExecutionError: gpg is not installed, the file cannot be read, or it holds a revoked key or
        no public key.
    """
    with _read_by_gpg(__salt__["containerd_fetch.read"](path, _LIMIT, path), path) as (_, keys):
        return keys


def fetch(source, pinned):
    """
    Return gpg's armored export of a key, if it is pinned.

    source
        The address of the key, or its armored text.

    pinned
        A list of fingerprints.

    :return: armored text.
    :raises CommandExecutionError: the key cannot be fetched, is not a public key, is not pinned, has expired,
        or has been revoked.
    """
    label = "The key" if _is_text(source) else f"The key {errors.brief(secrets.masked_url(source))}"
    return _export(_fetched(source, label), pinned, label)


def on_node(path, pinned):
    """
    Return gpg's armored export of the keys in a file.

    path
        The file.

    pinned
        A list of fingerprints.

    :return: armored text; None if the file holds other keys than pinned ones, or expired or revoked ones.
    """
    try:
        return _export(__salt__["containerd_fetch.read"](path, _LIMIT, path), pinned, path)
    except CommandExecutionError:
        return None


def _export(data, pinned, label):
    """Return gpg's export of keys; fail unless all are pinned and none has expired or been revoked."""
    with _read_by_gpg(data, label) as (gpg, keys):
        _check(keys, pinned, label)
        done = gpg("--armor", "--export-options", "export-minimal", "--export", *keys)
        # A partial export is refused: apt trusts what is written.
        if done["retcode"] or not done["stdout"].strip().endswith("-----END PGP PUBLIC KEY BLOCK-----"):
            raise CommandExecutionError(f"{label}: gpg cannot export it: {done['stderr'].strip()}")
        return done["stdout"]


def _check(keys, pinned, label):
    """Fail unless all keys are pinned and none has expired; some pinned ones may be missing."""
    wanted = {re.sub(r"[\s:]", "", entry).upper() for entry in pinned}
    if not wanted:
        raise CommandExecutionError(f"{label} cannot be checked: no fingerprint is pinned; pin one.")
    strange = [key for key in keys if key not in wanted]
    if strange:
        raise CommandExecutionError(
            f"{label} is refused: it holds {', '.join(strange)}, and pinned is {', '.join(sorted(wanted))}. "
            "If the publisher announced a new key, pin its fingerprint; if not, somebody replaced the key."
        )
    for key, expires in keys.items():
        if expires is not None and expires <= time.time():
            day = time.strftime("%Y-%m-%d", time.gmtime(expires))
            raise CommandExecutionError(
                f"{label} is refused: {key} expired on {day}. Take the publisher's renewed key."
            )


@contextlib.contextmanager
def _read_by_gpg(data, label):
    """Yield a function that runs gpg in a home with the keys in some bytes, and {fingerprint: expiry}."""
    with __salt__["containerd_files.temporary"]("key-") as home:

        def gpg(*argv):
            options = ("--homedir", home, "--batch", "--no-tty", "--no-autostart", "--no-auto-check-trustdb")
            return __salt__["containerd_command.run"]("gpg", *options, "--trust-model", "always", *argv)

        fetched = os.path.join(home, "fetched")
        with open(fetched, "wb") as file:
            file.write(data)
        said = gpg("--status-fd", "1", "--import-options", "import-clean", "--import", fetched)
        result = re.search(r"^\[GNUPG:\] IMPORT_RES ([\d ]+)$", said["stdout"], re.MULTILINE)
        counts = [int(number) for number in result[1].split()] if result else [0] * 15
        if counts[9] or re.search(rb"-----BEGIN PGP (PRIVATE|SECRET)", data):
            raise CommandExecutionError(
                f"{label} is refused: it holds a secret key, which belongs on no node."
            )
        keys = _listed(gpg("--with-colons", "--list-keys")["stdout"], label)
        if not keys:
            raise CommandExecutionError(f"{label} holds no OpenPGP public key.")
        # gpg read something that is neither a new key nor a repeated one.
        if said["retcode"] or counts[0] != counts[2] + counts[4]:
            words = said["stderr"].strip().splitlines()
            raise CommandExecutionError(
                f"{label} is damaged: gpg does not read all of it ({words[-1] if words else 'no reason'})."
            )
        yield gpg, keys


def _listed(colons, label):
    """Return {fingerprint: expiry} of the keys in gpg's listing (gpg's doc/DETAILS)."""
    keys, expires = {}, ""
    for fields in (line.split(":") for line in colons.splitlines()):
        if fields[0] == "pub":
            validity, expires = fields[1], fields[6]
        elif fields[0] == "fpr" and expires is not None:
            if validity in ("r", "i", "d"):
                state = {"r": "revoked", "i": "invalid", "d": "disabled"}[validity]
                raise CommandExecutionError(f"{label} is refused: {fields[9]} is {state}.")
            keys[fields[9]] = int(expires) if expires else None
            # The next fingerprints belong to subkeys.
            expires = None
    return keys


def _is_text(source):
    return "-----BEGIN" in source


def _fetched(source, label):
    """Return the bytes of a source."""
    if _is_text(source):
        return source.encode()
    if not source.startswith(_SCHEMES):
        raise CommandExecutionError(
            f"{label} is neither an address ({', '.join(_SCHEMES)}) nor a key's text."
        )
    return __salt__["containerd_fetch.content"](source, _LIMIT, label)
