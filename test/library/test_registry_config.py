"""
What of pillar registries belongs into config.toml, by release, and the way back from an existing config.toml.
"""

import pytest
from containerd_formula import registries
from containerd_formula.document import compose, layers
from containerd_formula.errors import Refused
from containerd_formula.findings import errors
from containerd_formula.registry_config import CRI, IMAGES, as_config, from_config
from containerd_formula.rules.context import ANY_NODE

CERTS = "/etc/containerd/certs.d"
AUTH = {"username": "u", "password": "hunter2"}
PILLAR = {
    "endpoints": {"m.corp": {"auth": AUTH, "ca": "/etc/ca.pem"}},
    "hosts": {"docker.io": {"mirrors": ["https://m.corp/v2/hub", "https://b.corp"]}},
}
V2 = "version = 2\n[plugins.'io.containerd.grpc.v1.cri'.registry]\nconfig_path = ''\n"


def registry(given, release):
    return as_config(given, release)["plugins"][CRI]["registry"]


def test_one_folder_and_credentials_where_a_header_does_not_do():
    assert registry(PILLAR, "2.1.9") == {"config_path": CERTS}
    assert registry(PILLAR, None) == {"config_path": CERTS}
    for release in ("1.6.20", "1.7.24", "2.0.11"):
        assert registry(PILLAR, release) == {"config_path": CERTS, "configs": {"m.corp": {"auth": AUTH}}}
    basic = {**PILLAR, "endpoints": {"m.corp": {"auth": {**AUTH, "basic": True}}}}
    assert registry(basic, "1.7.24") == {"config_path": CERTS}


@pytest.mark.parametrize("given", [None, {}, {"hosts": {"docker.io": None}}])
def test_without_registries_nothing_is_set(given):
    assert as_config(given, "1.7.24") == {}


def test_the_oldest_has_mirrors_there():
    assert registry(PILLAR, "1.4.13") == {
        "mirrors": {"docker.io": {"endpoint": ["https://m.corp/v2/hub", "https://b.corp"]}},
        "configs": {"m.corp": {"auth": AUTH, "tls": {"ca_file": "/etc/ca.pem"}}},
    }
    plain = {"hosts": {"*": {"mirrors": [{"url": "m.corp/p", "skip_verify": True}]}}}
    assert registry(plain, "1.4.13") == {
        "mirrors": {"*": {"endpoint": ["https://m.corp/p/v2"]}},
        "configs": {"m.corp": {"tls": {"insecure_skip_verify": True}}},
    }


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ({"mirrors": ["m.corp"], "fallback": False}, "asks the registry itself in the end"),
        ({"server": "m.corp"}, "asks the registry itself in the end"),
        ({"mirrors": [{"url": "m.corp", "header": {"a": "b"}}]}, "has no header for one mirror"),
        ({"mirrors": [{"url": "m.corp", "ca": ["/a", "/b"]}]}, "paths of files on the node, one each"),
        ({"mirrors": [{"url": "m.corp", "ca": "salt://a"}]}, "paths of files on the node, one each"),
        ({"mirrors": 5}, "it must be a list"),
    ],
)
def test_what_the_oldest_cannot_have_is_refused(host, words):
    with pytest.raises(Refused, match=words):
        as_config({"hosts": {"a.io": host}}, "1.4.13")


def test_a_layer_of_registries_is_made_for_the_release():
    overrides = [{"registries": PILLAR, "of": "registries"}, {"pillar": {"oom_score": 1}}]
    made = compose(V2, overrides, release="1.7.24")
    assert made.result["plugins"][CRI]["registry"]["configs"] == {"m.corp": {"auth": AUTH}}
    assert made.origin[("plugins", CRI, "registry", "config_path")] == "registries"
    assert layers([{"registries": {}, "of": "registries"}]) == [("registries", {})]
    with pytest.raises(Refused, match="overrides must be"):
        layers([{"registries": {}, "of": "something"}])


@pytest.mark.parametrize("value", ["/etc/other", f"{CERTS}:/etc/docker/certs.d", None])
def test_another_folder_in_pillar_config_is_refused(value):
    site = {"version": 2, "plugins": {CRI: {"registry": {"config_path": value}}}}
    overrides = [{"registries": PILLAR, "of": "registries"}, {"pillar": site}]
    assert any(
        f"the files of containerd:registries are in {CERTS}" in one
        for one in errors(compose(V2, overrides, release="1.7.24").findings)
    )
    # Without registries it is the site's own.
    overrides[0]["registries"] = {"endpoints": PILLAR["endpoints"]}
    assert errors(compose(V2, overrides, release="1.7.24").findings) == []


def test_a_folder_that_comes_with_the_files_is_not_missed():
    node = ANY_NODE._replace(exists=lambda path: False)
    overrides = [{"registries": PILLAR, "of": "registries"}]
    found = compose(V2, overrides, release="1.7.24", node=node).findings
    assert not any(CERTS in one.message for one in found)
    site = {"version": 2, "plugins": {CRI: {"registry": {"config_path": CERTS}}}}
    assert any("is not on this node" in one.message for one in compose(V2, site, node=node).findings)


def test_what_the_formula_makes_itself_is_not_told_deprecated():
    assert compose(V2, [{"registries": PILLAR, "of": "registries"}], release="1.7.24").findings == []
    assert compose(V2, as_config(PILLAR, "1.7.24")).findings != []


def test_mirrors_beside_the_files_are_refused():
    site = {"version": 2, "plugins": {CRI: {"registry": {"mirrors": {"a.io": {"endpoint": ["https://b"]}}}}}}
    overrides = [{"registries": PILLAR, "of": "registries"}, {"pillar": site}]
    assert any(
        "CRI does not start with both mirrors and config_path" in one
        for one in errors(compose(V2, overrides, release="1.7.24").findings)
    )


@pytest.mark.parametrize("plugin", [CRI, IMAGES])
def test_an_existing_configuration_becomes_pillar(plugin):
    config = {
        "plugins": {
            plugin: {
                "registry": {
                    "mirrors": {
                        "docker.io": {
                            "endpoint": ["https://m.corp/v2/hub", "b.corp", "https://registry-1.docker.io"]
                        },
                        "quay.io": {"endpoint": ["ftp://x"]},
                    },
                    "configs": {
                        "m.corp": {
                            "auth": {"auth": "dTpodW50ZXIy"},
                            "tls": {"ca_file": "/ca", "cert_file": "/c", "key_file": "/k"},
                        },
                        "own.corp:5000": {
                            "tls": {"insecure_skip_verify": True},
                            "auth": {"identitytoken": "t"},
                        },
                    },
                    "auths": {"https://b.corp": {"username": "u", "password": "p"}},
                    "headers": {"X": ["a"]},
                }
            }
        }
    }
    made, notes = from_config(config)
    assert made == {
        "hosts": {
            "docker.io": {
                "mirrors": [{"url": "https://m.corp/v2/hub", "override_path": True}, "https://b.corp"]
            },
            "own.corp:5000": {},
        },
        "endpoints": {
            "m.corp": {"ca": "/ca", "client": {"cert": "/c", "key": "/k"}, "auth": AUTH},
            "own.corp:5000": {"skip_verify": True},
            "b.corp": {"auth": {"username": "u", "password": "p"}},
        },
    }
    assert len(notes) == 3 and "hunter2" not in str(notes)
    assert registries.read(made, "2.1.9").findings == []


def test_the_way_there_and_back():
    given = {**PILLAR, "endpoints": {"m.corp": {"ca": "/etc/ca.pem", "auth": AUTH}}}
    made, notes = from_config(as_config(given, "1.4.13"))
    assert notes == [] and as_config(made, "1.4.13") == as_config(given, "1.4.13")


def test_credentials_in_the_place_of_a_host_are_not_told():
    settings = {"auth": {"identitytoken": "t"}, "tls": {"ca_file": "/ca"}}
    found = {
        "mirrors": {"u:hunter2@z": {"endpoint": ["https://m.corp"]}},
        "configs": {"https://u:hunter2@x": settings, "*": settings},
        "auths": {"https://u:hunter2@m.corp/": {"username": "u", "password": "hunter2"}},
    }
    made, notes = from_config({"plugins": {CRI: {"registry": found}}})
    assert made == {} and "hunter2" not in str(notes)
    assert [note.partition(": that is no host")[0] for note in notes] == [
        "mirrors.(secret)@z",
        "https://(secret)@x",
        "*",
        "https://(secret)@m.corp/",
    ]


def test_the_oldest_has_an_address_of_the_registry_itself():
    given = {"hosts": {"a.io": {"server": "http://a.io"}}}
    assert registry(given, "1.4.13") == {"mirrors": {"a.io": {"endpoint": ["http://a.io"]}}}


def test_the_oldest_knows_no_capabilities():
    mirror = {"url": "m.io", "capabilities": ["pull"]}
    [found] = registries.read({"hosts": {"a.io": {"mirrors": [mirror]}}}, "1.4.13").findings
    assert found.level == "warning" and "asks this host for everything: left out" in found.message


def test_one_host_has_one_user_in_config():
    two = [{"url": f"m.io/{one}", "auth": {"username": "u", "password": one}} for one in ("b", "c")]
    given = {"hosts": {"a.io": {"mirrors": two}}}
    with pytest.raises(Refused, match="mirrors:1:auth: containerd 1.7.24 takes one user for m.io, and else"):
        as_config(given, "1.7.24")
    assert errors(registries.read(given, "2.1.9").findings) == []
    two[1] = {**two[0], "url": "m.io/c"}
    assert registry(given, "1.7.24")["configs"] == {"m.io": {"auth": {"username": "u", "password": "b"}}}


def test_only_docker_hub_has_another_name_for_itself():
    """
    registry-1.quay.io is a mirror like any other.
    """
    given = {name: {"endpoint": [f"https://registry-1.{name}"]} for name in ("quay.io", "docker.io")}
    found, _ = from_config({"plugins": {CRI: {"registry": {"mirrors": given}}}})
    assert found == {"hosts": {"quay.io": {"mirrors": ["https://registry-1.quay.io"]}}}
