"""
OpenPGP keys that a package manager shall trust: which ones a text holds, and until when.

Nothing is verified but that a key is the one that was pinned: the fingerprint is a hash over the whole
public key (RFC 9580, section 5.5.4).
"""

import base64
import binascii
import hashlib
import re

from containerd_formula.errors import Refused

_ARMOR = re.compile(
    rb"-----BEGIN PGP (?P<kind>[A-Z ]+)-----[ \t]*\r?\n(?P<body>.*?)-----END PGP (?P=kind)-----", re.DOTALL
)
# By version of the key: hash, first octet, and octets of the length, all of which the fingerprint covers.
_FINGERPRINTS = {4: ("sha1", b"\x99", 2), 5: ("sha256", b"\x9a", 4), 6: ("sha256", b"\x9b", 4)}
_SIGNATURE, _SECRET_KEY, _PUBLIC_KEY = 2, 5, 6
# Self-signatures that may carry the key's expiry: on a user id, and on the key itself.
_ON_KEY = 0x1F
_SELF_SIGNATURES = (0x10, 0x11, 0x12, 0x13, _ON_KEY)
_CREATED, _LIFETIME, _ISSUER, _ISSUER_FINGERPRINT = 2, 9, 16, 33


def parse(raw, label):
    """
    Return the keys in the bytes of a file, armored or not: fingerprint to expiry.

    That is in seconds since 1970, None for never. Subkeys are not listed: they are worth nothing without the
    key that signed them.
    """
    keys = {}
    try:
        for block in _blocks(raw):
            keys.update(_keys(block))
    except (IndexError, binascii.Error, KeyError) as err:
        raise Refused(f"{label} is damaged: it is no whole OpenPGP key.") from err
    except ValueError as err:
        raise Refused(f"{label} is refused: {err}.") from err
    if not keys:
        start = raw.lstrip()[:40].decode(errors="replace")
        raise Refused(f"{label} holds no OpenPGP public key; it begins {start!r}.")
    return keys


def _blocks(raw):
    """Yield the binary form of each block of keys."""
    found = list(_ARMOR.finditer(raw))
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
    """Return the fingerprints and expiries of the keys in a block."""
    keys, born, newest = {}, {}, {}
    current = None
    for tag, body in _packets(block):
        if tag == _SECRET_KEY:
            raise ValueError("it holds a secret key, which belongs on no node")
        if tag == _PUBLIC_KEY:
            algorithm, prefix, width = _FINGERPRINTS[body[0]]
            octets = prefix + len(body).to_bytes(width, "big") + body
            current = hashlib.new(algorithm, octets, usedforsecurity=False).hexdigest().upper()
            keys.setdefault(current, None)
            born[current] = int.from_bytes(body[1:5], "big")
        elif current is None:
            raise ValueError("it does not begin with a public key")
        elif tag == _SIGNATURE and body[0] in (4, 6) and body[1] in _SELF_SIGNATURES:
            facts = _subpackets(body)
            # One on the key itself may be about other things, such as who may revoke it.
            tells = facts["lifetime"] or body[1] != _ON_KEY
            # Signatures of others say nothing of this key's expiry; of its own the newest counts.
            if tells and _is_of(current, facts["issuers"]) and facts["created"] >= newest.get(current, 0):
                newest[current] = facts["created"]
                keys[current] = born[current] + facts["lifetime"] if facts["lifetime"] else None
    return keys


def _is_of(fingerprint, issuers):
    """Tell whether one of the issuers, fingerprints or the short ids that are part of them, is this key."""
    # Version 4 ends in its id, later ones begin with it.
    return not issuers.isdisjoint(
        {fingerprint, fingerprint[-16:] if len(fingerprint) == 40 else fingerprint[:16]}
    )


def _packets(block):
    """Yield tag and body of each packet (RFC 9580, section 4.2)."""
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
    """Return the length that is written at a place, and the place behind it."""
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
    """Return when a signature was made, by which key, and what lifetime it gives to the key it is on."""
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
            if kind in (_CREATED, _LIFETIME):
                facts["created" if kind == _CREATED else "lifetime"] = int.from_bytes(value, "big")
            elif kind == _ISSUER_FINGERPRINT:
                facts["issuers"].add(value[1:].hex().upper())
            elif kind == _ISSUER:
                facts["issuers"].add(value.hex().upper())
            at += length
    return facts


def _subpacket_length(data, at):
    """Return the length that is written at a place, and the place behind it: not quite that of a packet."""
    if 192 <= data[at] < 255:
        return ((data[at] - 192) << 8) + data[at + 1] + 192, at + 2
    return _length(data, at)
