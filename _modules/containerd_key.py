"""
OpenPGP keys that a package manager shall trust: which ones a file holds, and until when.

.. versionadded:: 0.1.0

Read here and not by gpg, which a minimal node does not have. Nothing is verified but that a key is the one
that was pinned: the fingerprint is a hash over the whole public key (RFC 9580, section 5.5.4).

.. code-block:: bash

    salt '*' containerd_key.fingerprints /etc/apt/keyrings/docker.asc
"""

import base64
import binascii
import hashlib
import re
import time

from salt.exceptions import CommandExecutionError, SaltInvocationError

__virtualname__ = "containerd_key"

ARMOR = re.compile(
    rb"-----BEGIN PGP (?P<kind>[A-Z ]+)-----[ \t]*\r?\n(?P<body>.*?)-----END PGP (?P=kind)-----", re.DOTALL
)
# By version of the key: hash, first octet, and octets of the length, all of which the fingerprint covers.
FINGERPRINTS = {4: ("sha1", b"\x99", 2), 5: ("sha256", b"\x9a", 4), 6: ("sha256", b"\x9b", 4)}
SIGNATURE, SECRET_KEY, PUBLIC_KEY = 2, 5, 6
# Self-signatures that may carry the key's expiry: on a user id, and on the key itself.
ON_KEY = 0x1F
SELF_SIGNATURES = (0x10, 0x11, 0x12, 0x13, ON_KEY)
CREATED, LIFETIME, ISSUER, ISSUER_FINGERPRINT = 2, 9, 16, 33
SCHEMES = ("salt://", "http://", "https://", "file://")


def __virtual__():
    return __virtualname__


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
            return parse(file.read(), path)
    except OSError as err:
        raise CommandExecutionError(f"{path} cannot be read: {err.strerror}.") from err


def parse(text, label="the key"):
    """
    Return the keys that a text holds.

    text
        The text of an armored key, or the bytes of one.

    label : ``the key``
        What an error calls it.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_key.parse '-----BEGIN PGP PUBLIC KEY BLOCK----- ...'

    :return: as ``fingerprints``.
    :raises CommandExecutionError: it holds no public key, or what is no public key.
    """
    raw = text.encode() if isinstance(text, str) else text
    keys = {}
    try:
        for block in _blocks(raw):
            keys.update(_keys(block))
    except (IndexError, binascii.Error, KeyError) as err:
        raise CommandExecutionError(f"{label} is damaged: it is no whole OpenPGP key.") from err
    except ValueError as err:
        raise CommandExecutionError(f"{label} is refused: {err}.") from err
    if not keys:
        start = raw.lstrip()[:40].decode(errors="replace")
        raise CommandExecutionError(f"{label} holds no OpenPGP public key; it begins {start!r}.")
    return keys


def fetch(source, pinned):
    """
    Return the text of a key, if it holds the pinned keys and no other.

    source
        Where it is: an ``http(s)://``, ``salt://`` or ``file://`` address, or the armored text itself.

    pinned
        A list of fingerprints, in any spelling. The text may hold some of them, and nothing else: a
        package manager would trust every key in the file.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_key.fetch salt://docker.asc '[9DC858229FC7DD38854AE2D88D81803C0EBFCD88]'

    :return: the text.
    :raises CommandExecutionError: it cannot be fetched, is no key, is another key, or has expired.
    :raises SaltInvocationError: there is no pinned fingerprint.
    """
    label = "The key" if "-----BEGIN" in source else f"The key {source}"
    text = _content(source, label)
    check(parse(text, label), pinned, label)
    return text


def check(keys, pinned, label="The key"):
    """
    Fail unless keys are pinned, all of them, and none has expired.

    keys
        What ``fingerprints`` or ``parse`` returned.

    pinned
        A list of fingerprints, in any spelling.

    label : ``The key``
        What an error calls it.

    CLI Example:

    .. code-block:: bash

        salt '*' containerd_key.check '{9DC8...CD88: null}' '[9DC8...CD88]'

    :return: true.
    :raises CommandExecutionError: a key is not pinned, or it has expired.
    :raises SaltInvocationError: there is no pinned fingerprint.
    """
    wanted = {re.sub(r"[\s:]", "", entry).upper() for entry in pinned}
    if not wanted:
        raise SaltInvocationError(f"{label} cannot be checked: no fingerprint is pinned.")
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


def _content(source, label):
    """
    Return the text of a source.
    """
    if "-----BEGIN" in source:
        return source if source.endswith("\n") else f"{source}\n"
    if not source.startswith(SCHEMES):
        raise SaltInvocationError(f"{label} is neither an address ({', '.join(SCHEMES)}) nor a key's text.")
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


def _blocks(raw):
    """
    Yield the binary form of each block of keys.
    """
    found = list(ARMOR.finditer(raw))
    if not found:
        # The first octet of a packet has its high bit set, which no text has.
        yield from [raw] if raw[:1] >= b"\x80" else []
    for match in found:
        if match["kind"] != b"PUBLIC KEY BLOCK":
            raise ValueError(f"it holds a {match['kind'].decode().lower()}, not only public keys")
        # Headers end with a blank line, where there are any; the checksum starts with =.
        body = re.sub(rb"\A(?:[A-Za-z]+: [^\n]*\n)*\s*", b"", match["body"])
        lines = [line.strip() for line in body.splitlines()]
        encoded = b"".join(line for line in lines if not line.startswith(b"="))
        yield base64.b64decode(encoded, validate=True)


def _keys(block):
    """
    Return the fingerprints and expiries of the keys in a block.
    """
    keys, born, newest = {}, {}, {}
    current = None
    for tag, body in _packets(block):
        if tag == SECRET_KEY:
            raise ValueError("it holds a secret key, which belongs on no node")
        if tag == PUBLIC_KEY:
            algorithm, prefix, width = FINGERPRINTS[body[0]]
            octets = prefix + len(body).to_bytes(width, "big") + body
            current = hashlib.new(algorithm, octets, usedforsecurity=False).hexdigest().upper()
            keys.setdefault(current, None)
            born[current] = int.from_bytes(body[1:5], "big")
        elif current is None:
            raise ValueError("it does not begin with a public key")
        elif tag == SIGNATURE and body[0] in (4, 6) and body[1] in SELF_SIGNATURES:
            facts = _subpackets(body)
            # One on the key itself may be about other things, such as who may revoke it.
            tells = facts["lifetime"] or body[1] != ON_KEY
            # Signatures of others say nothing of this key's expiry; of its own the newest counts.
            if tells and _is_of(current, facts["issuers"]) and facts["created"] >= newest.get(current, 0):
                newest[current] = facts["created"]
                keys[current] = born[current] + facts["lifetime"] if facts["lifetime"] else None
    return keys


def _is_of(fingerprint, issuers):
    """
    Tell whether one of the issuers, fingerprints or the short ids that are part of them, is this key.
    """
    # Version 4 ends in its id, later ones begin with it.
    return not issuers.isdisjoint(
        {fingerprint, fingerprint[-16:] if len(fingerprint) == 40 else fingerprint[:16]}
    )


def _packets(block):
    """
    Yield tag and body of each packet (RFC 9580, section 4.2).
    """
    at = 0
    while at < len(block):
        first = block[at]
        if first < 0x80:
            raise IndexError("no packet")
        at += 1
        if first & 0x40:
            tag = first & 0x3F
            length, at = _length(block, at)
        else:
            tag = (first >> 2) & 0x0F
            octets = 1 << (first & 3)
            if octets > 4:
                raise IndexError("a packet of unknown length")
            length, at = int.from_bytes(block[at : at + octets], "big"), at + octets
        if at + length > len(block):
            raise IndexError("the packet is cut")
        yield tag, block[at : at + length]
        at += length


def _length(data, at):
    """
    Return the length that is written at a place, and the place behind it.
    """
    first = data[at]
    if first < 192:
        return first, at + 1
    if first < 224:
        return ((first - 192) << 8) + data[at + 1] + 192, at + 2
    if first < 255:
        # Keys never come in parts; other tools could read them otherwise than this one.
        raise IndexError("a partial length")
    return int.from_bytes(data[at + 1 : at + 5], "big"), at + 5


def _subpackets(body):
    """
    Return when a signature was made, by which key, and what lifetime it gives to the key it is on.
    """
    facts = {"created": 0, "lifetime": 0, "issuers": set()}
    width = 4 if body[0] == 6 else 2
    at = 4
    # What the signature covers, and then hints such as who made it.
    for _area in ("hashed", "unhashed"):
        end = at + width + int.from_bytes(body[at : at + width], "big")
        at += width
        while at < end:
            length, at = _subpacket_length(body, at)
            kind, value = body[at] & 0x7F, body[at + 1 : at + length]
            if kind in (CREATED, LIFETIME):
                facts["created" if kind == CREATED else "lifetime"] = int.from_bytes(value, "big")
            elif kind == ISSUER_FINGERPRINT:
                facts["issuers"].add(value[1:].hex().upper())
            elif kind == ISSUER:
                facts["issuers"].add(value.hex().upper())
            at += length
    return facts


def _subpacket_length(data, at):
    """
    Return the length that is written at a place, and the place behind it: not quite that of a packet.
    """
    if 192 <= data[at] < 255:
        return ((data[at] - 192) << 8) + data[at + 1] + 192, at + 2
    return _length(data, at)
