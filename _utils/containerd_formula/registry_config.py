"""
What of pillar ``registries`` belongs into config.toml, and what of a config.toml into that pillar.

Since 1.5 config.toml names the folder of the files. To 1.4 mirrors and credentials are settings there.
"""

import base64
import binascii

from containerd_formula import registries
from containerd_formula.conditions import is_since
from containerd_formula.data import at, put, table, texts
from containerd_formula.errors import Refused
from containerd_formula.findings import errors
from containerd_formula.places import CERTS
from containerd_formula.registry_settings import PEM, is_host, own_host, parsed, shown
from containerd_formula.table import IDS

CRI, IMAGES = IDS["CRI"], IDS["IMG"]
_TLS = {"ca": "ca_file", "cert": "cert_file", "key": "key_file", "skip_verify": "insecure_skip_verify"}


def as_config(given, release):
    """Return what a release of containerd needs in config.toml for a pillar: a fragment of schema 2."""
    model = registries.read(given, release)
    if wrong := errors(model.findings):
        raise Refused("\n".join(wrong))
    if not model.registries:
        return {}
    registry = {"config_path": CERTS} if is_since("1.5", release) else _mirrors(model, release)
    for host, auth in model.auths.items():
        put(registry, ("configs", host, "auth"), auth)
    return {"version": 2, "plugins": {CRI: {"registry": registry}}}


def _mirrors(model, release):
    """Return the settings of 1.4."""
    result = {"mirrors": {}}
    for one in model.registries:
        where = f"containerd:registries:hosts:{one.name}"
        addresses = [each.base() if each.url.path else str(each.url) for each in one.asked()]
        if one.server and one.server.url.host not in (one.name, own_host(one.name)):
            raise Refused(
                f"{where}: containerd {release} asks the registry itself in the end, whatever is written: "
                "leave out fallback and server for it, or upgrade."
            )
        if one.mirrors or one.server:
            result["mirrors"][one.name] = {"endpoint": addresses}
        for each in one.asked():
            if each.header:
                raise Refused(f"{where}: containerd {release} has no header for one mirror: leave it out.")
            for key, value in _tls(each, where, release).items():
                put(result, ("configs", each.url.host, "tls", key), value)
    return result


def _tls(one, where, release):
    """Return the TLS settings of a host for 1.4, which knows files of the node only."""
    named = [*one.ca, *one.client.values()]
    if len(one.ca) > 1 or any(PEM in text or text.startswith("salt://") for text in named):
        raise Refused(
            f"{where}: containerd {release} takes ca and client as paths of files on the node, one each: "
            "put them there, and write the path."
        )
    both = one.client.get("both")
    values = {
        "ca": one.ca[0] if one.ca else None,
        "cert": both or one.client.get("cert"),
        "key": both or one.client.get("key"),
        "skip_verify": one.keys.get("skip_verify"),
    }
    return {_TLS[key]: value for key, value in values.items() if value}


def from_config(config):
    """
    Return pillar ``registries`` for what a config.toml says of mirrors, TLS and credentials, and sentences.

    These tell what the pillar cannot say.
    """
    result, notes = {"hosts": {}, "endpoints": {}}, []
    for plugin in (CRI, IMAGES):
        registry = table(config, ("plugins", plugin, "registry"))
        for name, mirror in table(registry, ("mirrors",)).items():
            _add_mirrors(result, notes, name, texts(at(mirror, ("endpoint",))))
        for name, settings in table(registry, ("configs",)).items():
            _add_endpoint(result, notes, name, settings)
        for address, auth in table(registry, ("auths",)).items():
            url = parsed(address)
            _add_endpoint(result, notes, url.host if url else address, {"auth": auth})
        if table(registry, ("headers",)):
            notes.append(
                "headers: they go to all registries there; write header at the mirrors that want them."
            )
    return {key: value for key, value in result.items() if value}, notes


def _add_mirrors(result, notes, name, endpoints):
    if name != "*" and not is_host(name):
        notes.append(f"mirrors.{shown(name)}: that is no host, and left out.")
        return
    mirrors = []
    for address in endpoints:
        url = parsed(address)
        if not url:
            notes.append(f"mirrors.{name}: an endpoint of it is no address, and left out.")
        elif url.path:
            mirrors.append({"url": str(url), "override_path": True})
        else:
            mirrors.append(str(url))
    # The registry itself is asked in the end, without being named.
    own = [f"https://{name}", f"https://{own_host(name)}"]
    while mirrors and mirrors[-1] in own:
        mirrors.pop()
    if mirrors:
        result["hosts"][name] = {"mirrors": mirrors}


def _add_endpoint(result, notes, host, settings):
    """Add the TLS settings and credentials of a host, which must be asked for something to be used."""
    if not is_host(host):
        notes.append(f"{shown(host)}: that is no host, and its TLS and credentials are left out.")
        return
    tls, auth = table(settings, ("tls",)), table(settings, ("auth",))
    endpoint = {}
    if tls.get("ca_file"):
        endpoint["ca"] = tls["ca_file"]
    if tls.get("cert_file") and tls.get("key_file"):
        endpoint["client"] = {"cert": tls["cert_file"], "key": tls["key_file"]}
    if tls.get("insecure_skip_verify"):
        endpoint["skip_verify"] = True
    if auth:
        pair = _credentials(auth)
        if pair:
            endpoint["auth"] = pair
        else:
            notes.append(f"configs.{host}.auth: it has no user with a password, which a header needs.")
    if not endpoint:
        return
    result["endpoints"].setdefault(host, {}).update(endpoint)
    asked = [url for one in result["hosts"].values() for url in map(_address, one.get("mirrors", [])) if url]
    if host not in [url.host for url in asked]:
        result["hosts"].setdefault("docker.io" if host == own_host("docker.io") else host, {})


def _address(mirror):
    return parsed(mirror["url"] if isinstance(mirror, dict) else mirror)


def _credentials(auth):
    """Return user and password of a registry's entry, None where it has none."""
    user, password = auth.get("username"), auth.get("password")
    if not (user and password) and isinstance(auth.get("auth"), str):
        try:
            user, _, password = base64.b64decode(auth["auth"], validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return None
    return {"username": user, "password": password} if user and password else None
