"""
Registries with the real ctr of each release: it reads what is written as it is meant, and says what is wrong.
"""

import socket

import pytest
from containerd_formula import registry_words
from containerd_formula.registries import read
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from salt.exceptions import CommandExecutionError
from support.registry import PASSWORD, USER, Authority, Registry

AUTH = {"username": USER, "password": PASSWORD}


@pytest.fixture(autouse=True)
def a_release_with_files(release):
    if release == "1.4.13":
        pytest.skip("it has no hosts.toml")


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture
def probed(salt_functions):
    """
    Return a function that returns why a mirror of a.io does not serve.
    """

    def run(mirror, image="there:1", timeout=10):
        hosts = {"a.io": {"mirrors": [mirror], **({"probe": image} if image else {})}}
        return salt_functions["containerd_registries.probe"]({"hosts": hosts}, timeout)["a.io"][mirror["url"]]

    return run


def test_a_mirror_in_order(probed, authority, tmp_path):
    with Registry(tmp_path, authority.issue()) as registry:
        mirror = {"url": registry.url, "ca": authority.pem}
        assert probed(mirror) == ""
        assert probed(mirror, image="") == ""
        # What it is for is no matter of its being there.
        assert probed({**mirror, "capabilities": ["pull"]}) == ""
        assert {path for path, _ in registry.asked} >= {"/v2/there/manifests/1?ns=a.io"}
        assert probed(mirror, image="gone:1") == "it does not have gone:1"


def test_a_path_is_taken_as_it_is_or_has_v2_behind_it(probed, tmp_path):
    with Registry(tmp_path) as registry:
        assert probed({"url": f"{registry.url}/v2/proj"}) == ""
        assert probed({"url": f"{registry.url}/proj"}) == ""
        paths = {path.partition("?")[0] for path, _ in registry.asked}
        assert {path for path in paths if path.endswith("/1")} == {
            "/v2/proj/there/manifests/1",
            "/proj/v2/there/manifests/1",
        }


@pytest.mark.parametrize(
    ("certificate", "trusted", "words"),
    [
        ({}, False, "its certificate is signed by an unknown authority: give its ca"),
        ({"days": -1}, True, "its certificate has expired, or is not valid yet: have it renewed"),
        ({"address": "192.0.2.1"}, True, "its certificate is for other names"),
    ],
)
def test_a_wrong_certificate_is_named(probed, authority, tmp_path, certificate, trusted, words):
    with Registry(tmp_path, authority.issue(**certificate)) as registry:
        ca = authority if trusted else Authority("other")
        assert probed({"url": registry.url, "ca": ca.pem}).startswith(words)
        assert probed({"url": registry.url, "skip_verify": True}) == ""


def test_a_client_certificate_is_wanted_and_given(probed, authority, tmp_path):
    certificate, key = authority.issue()
    with Registry(tmp_path, authority.issue(), clients=authority.pem) as registry:
        mirror = {"url": registry.url, "ca": authority.pem}
        assert "client certificate" in probed(mirror)
        assert probed({**mirror, "client": {"cert": certificate, "key": key}}) == ""


def test_credentials_of_a_registry_that_asks_for_the_password(probed, authority, tmp_path):
    with Registry(tmp_path, authority.issue(), wants="basic") as registry:
        mirror = {"url": registry.url, "ca": authority.pem}
        assert probed({**mirror, "auth": {**AUTH, "basic": True}}) == ""
        wrong = {**AUTH, "password": "hunter3", "basic": True}
        assert probed({**mirror, "auth": wrong}) == "401 with these credentials"
        assert probed(mirror) == "401 and no credentials are written for it"


def test_credentials_of_a_registry_that_gives_tokens(probed, authority, tmp_path, release):
    with Registry(tmp_path, authority.issue(), wants="token") as registry:
        # Before 2.1 they are in config.toml, and nobody but the daemon has them.
        assert probed({"url": registry.url, "ca": authority.pem, "auth": AUTH}) == ""
        tokens = [header for path, header in registry.asked if path.startswith("/token")]
        assert any("Authorization" in header for header in tokens) == (release == "2.1.9")


def test_what_is_no_registry_is_named(probed, authority, tmp_path):
    with Registry(tmp_path) as plain, Registry(tmp_path, authority.issue()) as secure:
        assert "http://" in probed({"url": plain.url.replace("http:", "https:")})
        assert "https" in probed({"url": secure.url.replace("https:", "http:")})
    assert probed({"url": plain.url}) == "it refuses connections"
    assert probed({"url": "https://nobody.invalid"}) == "its name does not resolve"


def test_a_silent_mirror_costs_no_more_than_its_time(probed):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        assert probed({"url": url}, timeout=1) == "it does not answer within 1 s"


def test_a_header_goes_to_its_host_alone_at_each_place(salt_functions, authority, tmp_path):
    """
    Also at the root, where the last mirror is, if nothing else may be asked.
    """
    with Registry(tmp_path) as one, Registry(tmp_path) as other:
        mirrors = [
            {"url": one.url, "header": {"X-A": "a"}},
            {"url": other.url, "header": {"X-B": ["b", "c"]}},
        ]
        plan = salt_functions["containerd_certs.plan"](
            str(tmp_path / "certs.d"), {"hosts": {"a.io": {"mirrors": mirrors, "fallback": False}}}
        )
        salt_functions["containerd_certs.apply"](str(tmp_path / "certs.d"), plan, [])
        fetch = ("ctr", "--address", "/none", "content", "fetch-object", "--hosts-dir", tmp_path / "certs.d")
        done = salt_functions["containerd_command.run"](*map(str, fetch), "a.io/gone:1")
        assert "not found" in done["stderr"]
        [seen, *_] = [header for _, header in one.asked]
        assert seen.get("X-A") == "a" and "X-B" not in seen
        [seen, *_] = [header for _, header in other.asked]
        assert seen.get("X-B") == "b" and "X-A" not in seen


NAMES = st.from_regex(r"\A[a-z][a-z0-9]{0,8}\.(invalid|test)(:[1-9][0-9]{0,3})?\Z")
MIRRORS = st.builds(
    lambda scheme, name, path, capabilities: {"url": f"{scheme}{name}{path}", "capabilities": capabilities},
    st.sampled_from(["", "http://", "https://"]),
    NAMES,
    st.sampled_from(["", "/", "/v2/p", "/p-1"]),
    st.sampled_from([[], ["pull"], ["pull", "resolve"], ["Push", "RESOLVE"]]),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(MIRRORS, min_size=1, max_size=4, unique_by=lambda one: one["url"]), st.booleans(), NAMES)
def test_any_order_is_read_as_it_is_meant(salt_functions, tmp_path, mirrors, fallback, name):
    """
    By a proof that fails where it is not: the plan is refused.
    """
    hosts = {name: {"mirrors": mirrors, "fallback": fallback}, "*": {"mirrors": mirrors}}
    if read({"hosts": hosts}, "1.7.24").findings:
        return
    plan = salt_functions["containerd_certs.plan"](str(tmp_path / "none"), {"hosts": hosts})
    assert len(plan["files"]) == 2 and not any("not proved" in one for one in plan["warnings"])


@pytest.mark.parametrize(
    "host",
    [
        {"mirrors": ["https://a.invalid", "https://b.invalid"]},
        {"mirrors": ["http://a.invalid", "https://b.invalid"]},
        {"mirrors": ["https://b.invalid"], "server": "https://b.invalid"},
    ],
)
def test_a_host_that_is_asked_twice_is_no_mistake(salt_functions, tmp_path, host):
    plan = salt_functions["containerd_certs.plan"](str(tmp_path / "none"), {"hosts": {"a.invalid": host}})
    assert plan["files"] and not any("Not proved" in one for one in plan["warnings"])


def test_what_ctr_says_is_understood_and_what_it_reads_otherwise_refused(
    salt_functions, tmp_path, monkeypatch
):
    """
    As 2.x does with hosts in an inline table: it drops them in silence.
    """
    hosts = {"a.io": {"mirrors": ["https://b.invalid"]}}
    plan = salt_functions["containerd_certs.plan"]
    asked_for = registry_words.asked_for
    monkeypatch.setattr(registry_words, "asked_for", lambda said: asked_for(said)[1:])
    with pytest.raises(
        CommandExecutionError, match="containerd would ask https://a.io/v2/containerd-formula, and"
    ):
        plan(str(tmp_path / "none"), {"hosts": hosts})
