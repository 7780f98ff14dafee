"""
The files of certs.d: rendered from the model of pillar ``registries``, read back for what changes.

The rules are containerd's: real ``[host."URL"]`` headers in the order that is meant, sub-tables right behind
their host, root keys first, and a ``[host]`` where there are none.
"""

import base64
import contextlib
import hashlib
import json
import re
from typing import NamedTuple

from containerd_formula import toml
from containerd_formula.data import at, leaves, plain, put, same
from containerd_formula.errors import Refused
from containerd_formula.findings import errors
from containerd_formula.paths import dotted
from containerd_formula.registry_settings import PEM, has_certificates_alone
from containerd_formula.secrets import MASK, masked

MARK = "# Managed by Salt (containerd-formula)."
HEADER = f"{MARK} Edits are overwritten: change pillar containerd:registries.\n"
HOSTS = "hosts.toml"
# How the files begin that are named beside it. Docker's layout takes *.crt, *.cert and *.key: these are none.
_CA, _CLIENT = "ca-", "client-"
OTHER_FILES = (_CA, _CLIENT)
_AUTHORIZATION = "Authorization"
# Characters of a host in the name of a file, which the kernel limits.
_NAME = 150
# As they are written here.
_TABLE = re.compile(r"\[host(?:\.(\"[^\"\\]*\"))?(\.header)?\]")


class File(NamedTuple):
    """A file below certs.d."""

    text: str
    secret: bool


def files(model, fetched=None):
    """
    Return the files that a model wants: relative path to ``File``, those that are named before the namer.

    ``fetched`` has the texts at addresses of Salt's file server.
    """
    if wrong := errors(model.findings):
        raise Refused("\n".join(wrong))
    result = {}
    for registry in model.registries:
        beside = {}
        text, secret = _rendered(registry, beside, fetched or {})
        for name, file in beside.items():
            result[f"{registry.folder}/{name}"] = file
        result[f"{registry.folder}/{HOSTS}"] = File(text, secret)
    return result


def sources(model):
    """Return the addresses of Salt's file server that a model names."""
    named = [
        text
        for registry in model.registries
        for one in registry.asked()
        for text in (*one.ca, *one.client.values())
    ]
    return list(dict.fromkeys(text for text in named if text.startswith("salt://")))


def is_ours(text):
    """Tell whether a hosts.toml is the formula's."""
    return text.startswith(MARK)


def folder_of(path):
    """Return the folder of a registry's file, whose path begins below certs.d."""
    return path.partition("/")[0]


def without_secrets(path, text):
    """Return the text of a file as it may be shown."""
    if path.rpartition("/")[2].startswith(_CLIENT):
        return MASK
    lines, hidden = [], False
    for line in text.split("\n"):
        if line.startswith("["):
            hidden = line.endswith("header]")
        name, mark, _ = line.partition(" = ")
        lines.append(f'{name} = "{MASK}"' if hidden and mark else line)
    return "\n".join(lines)


def changes(path, old, new):
    """
    Return what differs between two texts of a file, None for one that is not there: key to old and new.

    Of a hosts.toml the keys are dotted paths, and ``mirrors`` is their order; secrets are masked.
    """
    if old == new:
        return {}
    if path.rpartition("/")[2] != HOSTS:
        return {"content": {"old": _told(path, old), "new": _told(path, new)}}
    before, after = _said(old), _said(new)
    found = {
        dotted(key): {"old": _masked(before.get(key), key), "new": _masked(after.get(key), key)}
        for key in [*after, *(key for key in before if key not in after)]
        if not same(before.get(key), after.get(key))
    }
    return found or {"content": {"old": "the same, written otherwise", "new": "as the formula writes it"}}


def _rendered(registry, beside, fetched):
    """Return the text of a hosts.toml, and whether it holds a secret; put what it names into ``beside``."""
    lines, secret = [], False
    if registry.server:
        lines.append(f"server = {_text(str(registry.server.url))}")
        more, secret = _settings(registry.server, "", beside, fetched)
        lines += more
    if not registry.mirrors:
        lines += ["", "[host]"]
    for one in registry.mirrors:
        table = f"host.{_text(str(one.url))}"
        more, hides = _settings(one, f"{table}.", beside, fetched)
        lines += ["", f"[{table}]", *more]
        secret = secret or hides
    secret = secret or any(file.secret for file in beside.values())
    return HEADER + "\n" + "\n".join(lines).strip("\n") + "\n", secret


def _settings(one, table, beside, fetched):
    """Return the lines of a host that is asked, and whether a secret is in them."""
    lines = [f"{key} = {_value(value)}" for key, value in one.keys.items()]
    place = one.url.host.translate({ord(":"): "_", ord("["): None, ord("]"): None})[:_NAME]
    texts = [_authority(text, fetched) for text in one.ca]
    inline = [text for text in texts if PEM in text]
    names = [text for text in texts if PEM not in text]
    if inline:
        whole = "".join(f"{text.strip()}\n" for text in inline)
        names.insert(0, _beside(beside, f"{_CA}{place}", whole, False))
    if names:
        lines.append(f"ca = {_value(names)}")
    if one.client:
        lines.append(f"client = {_client(one.client, place, beside, fetched)}")
    header = dict(one.header)
    if one.auth:
        pair = f"{one.auth['username']}:{one.auth['password']}".encode()
        header[_AUTHORIZATION] = [f"Basic {base64.b64encode(pair).decode()}"]
    if header:
        lines += [
            "",
            f"[{table}header]",
            *(f"{_text(name)} = {_value(value)}" for name, value in header.items()),
        ]
    return lines, bool(header)


def _client(client, place, beside, fetched):
    """Return the value of ``client``: where certificate and key are texts, one file has both."""
    content = {key: _content(text, fetched) for key, text in client.items()}
    inline = [key for key, text in content.items() if PEM in text]
    if len(inline) == len(content):
        whole = "".join(f"{text.strip()}\n" for text in content.values())
        return _text(_beside(beside, f"{_CLIENT}{place}", whole, True))
    names = [
        _beside(beside, f"{_CLIENT}{place}.{key}", f"{text.strip()}\n", True) if key in inline else text
        for key, text in content.items()
    ]
    return _text(names[0]) if len(names) == 1 else f"[{_value(names)}]"


def _authority(text, fetched):
    """Return an authority as text or path: everybody may read that file, so no key may be in it."""
    found = _content(text, fetched)
    if PEM in found and not has_certificates_alone(found):
        raise Refused(f"{text} is written as ca, and has more than certificates: take the key out of it.")
    return found


def _content(text, fetched):
    if not text.startswith("salt://"):
        return text
    found = fetched.get(text)
    if found is None:
        raise Refused(f"{text} was not fetched.")
    if PEM not in found:
        raise Refused(f"{text} holds no PEM: it must be the text of certificates, or of a key.")
    return found


def _beside(beside, stem, text, secret):
    """Add a file; return its name: where two hosts of a name have another one, each has its own."""
    number, name = 1, f"{stem}.pem"
    while name in beside and beside[name].text != text:
        number += 1
        name = f"{stem}-{number}.pem"
    beside[name] = File(text, secret)
    return name


def _value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"[{', '.join(map(_text, value))}]" if isinstance(value, list) else _text(value)


def _text(text):
    # TOML's escapes are JSON's, but for DEL, which JSON does not escape.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def _said(text):
    """Return what a hosts.toml says, flat, with the order of its mirrors; of no TOML that it is none."""
    if text is None:
        return {}
    try:
        data = _data(text)
    except Refused as err:
        return {("content",): str(err)}
    except RecursionError:
        return {("content",): "it is nested too deep"}
    hosts = data.pop("host", {})
    found = leaves(data)
    if isinstance(hosts, dict) and hosts:
        found = {("mirrors",): list(hosts), **found, **leaves(hosts)}
    return {key: value for key, value in found.items() if value != {}}


def _data(text):
    """Return a hosts.toml as data: what the formula wrote is lines of JSON, which need no library."""
    if is_ours(text):
        # Anybody may have written below that mark.
        with contextlib.suppress(ValueError, RecursionError):
            return plain(_lines(text))
    return toml.loads(text, HOSTS)


def _lines(text):
    data, table = {}, ()
    for line in text.split("\n"):
        head = _TABLE.fullmatch(line)
        if head:
            url, header = head.groups()
            table = (*(("host", json.loads(url)) if url else ("host",)), *(("header",) if header else ()))
            # Also where nothing is in it: its place tells the order.
            put(data, table, at(data, table) or {})
        elif line == "[header]":
            table = ("header",)
        elif line and not line.startswith("#"):
            name, _, value = line.partition(" = ")
            put(data, (*table, json.loads(name) if name.startswith('"') else name), json.loads(value))
    return data


def _masked(value, key):
    if value is not None and "header" in key:
        return MASK
    return masked(value, key)


def _told(path, text):
    """Return what may be told of a certificate or key: whether it is the same one."""
    if text is None or path.rpartition("/")[2].startswith(_CLIENT):
        return text and MASK
    return f"sha256 {hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:16]}"
