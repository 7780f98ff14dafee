"""
What of pillar registries is in config.toml: each release takes it, and its CRI comes up with it.
"""

import pytest
import tomlkit
from containerd_formula.registry_config import CRI, IMAGES
from salt.exceptions import CommandExecutionError

CERTS = "/etc/containerd/certs.d"
AUTH = {"username": "u", "password": "hunter2"}
REGISTRIES = {
    "endpoints": {"m.corp": {"auth": AUTH}},
    "hosts": {"docker.io": {"mirrors": ["https://m.corp/v2/hub"]}, "quay.io": {"mirrors": ["http://b.corp"]}},
}
LAYER = {"registries": REGISTRIES, "of": "registries"}


def test_each_release_comes_up_with_what_it_needs_and_no_more(planned, release):
    plan = planned(LAYER)
    assert plan["write"] and "hunter2" not in str(plan["changes"])
    plugins = tomlkit.parse(plan["text"]).unwrap()["plugins"]
    registry = (plugins.get(IMAGES) or plugins[CRI])["registry"]
    if release == "1.4.13":
        assert registry["mirrors"]["docker.io"]["endpoint"] == ["https://m.corp/v2/hub"]
        assert registry["configs"]["m.corp"]["auth"] == AUTH
    else:
        assert (registry["config_path"], registry.get("mirrors") or {}) == (CERTS, {})
        # A header does from 2.1 on.
        assert bool(registry.get("configs")) == (release != "2.1.9")
    assert plan["secret"] == (release != "2.1.9")
    assert plan["warnings"] == []


def test_what_cannot_be_beside_the_files_is_refused_with_its_cure(planned, release):
    def site(**settings):
        return {"pillar": {"version": 2, "plugins": {CRI: {"registry": settings}}}}

    if release == "1.4.13":
        return
    with pytest.raises(CommandExecutionError, match="remove mirrors"):
        planned(LAYER, site(mirrors={"a.io": {"endpoint": ["https://b.io"]}}))
    with pytest.raises(CommandExecutionError, match=f"the files of containerd:registries are in {CERTS}"):
        planned(LAYER, site(config_path=f"{CERTS}:/etc/docker/certs.d"))
    with pytest.raises(CommandExecutionError, match="hosts.toml files"):
        planned(LAYER, site(configs={"a.io": {"tls": {"ca_file": "/a.pem"}}}))


def test_explain_names_the_layer(salt_functions, release, tmp_path):
    key = "mirrors" if release == "1.4.13" else "config_path"
    facts = salt_functions["containerd_toml.explain"](None, [LAYER], str(tmp_path / "none.toml"))
    assert {fact["layer"] for path, fact in facts.items() if key in path} == {"registries"}
