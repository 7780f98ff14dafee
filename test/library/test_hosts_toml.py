"""
Pillar registries becomes the files of certs.d: a folder of certs_d is a behaviour.

``case.yaml`` has release and pillar; beside it are the files, ``warnings.txt``, or ``refused.txt``.
``GOLDEN=write`` writes them anew, to be read.
"""

import os
import shutil
from pathlib import Path

import pytest
import tomlkit
import yaml
from containerd_formula import hosts_toml, registries
from containerd_formula.errors import Refused
from containerd_formula.findings import warnings
from containerd_formula.registry_settings import parsed
from hypothesis import given
from hypothesis import strategies as st

CASES = sorted((Path(__file__).parent / "certs_d").iterdir())
PEM = "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----"
KEY = "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----"


def files(hosts, release="2.3.4", fetched=None, **more):
    return hosts_toml.files(registries.read({"hosts": hosts, **more}, release), fetched)


def text(hosts, folder="a.io", **options):
    return files(hosts, **options)[f"{folder}/hosts.toml"].text


def told(hosts, release="2.3.4", **more):
    return [one.message for one in registries.read({"hosts": hosts, **more}, release).findings]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_golden(case):
    asked = yaml.safe_load((case / "case.yaml").read_text(encoding="utf-8"))
    model = registries.read(asked["registries"], asked["release"])
    try:
        found = {path: file.text for path, file in hosts_toml.files(model).items()}
        if told := warnings(model.findings):
            found["warnings.txt"] = "".join(f"{sentence}\n" for sentence in told)
    except Refused as err:
        found = {"refused.txt": f"{err}\n"}
    if os.environ.get("GOLDEN") == "write":
        for path in [path for path in case.iterdir() if path.name != "case.yaml"]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for name, content in found.items():
            (case / name).parent.mkdir(exist_ok=True)
            (case / name).write_text(content, encoding="utf-8")
    there = {
        str(path.relative_to(case)): path.read_text(encoding="utf-8")
        for path in case.rglob("*")
        if path.is_file() and path.name != "case.yaml"
    }
    assert found == there
    assert ("refused.txt" in found) == case.name.startswith("refused")


NAMES = st.from_regex(r"[a-z][a-z0-9]{0,8}(\.[a-z]{1,5}){1,2}(:[1-9][0-9]{0,3})?", fullmatch=True)
URLS = st.builds(
    lambda scheme, name, path: f"{scheme}{name}{path}",
    st.sampled_from(["", "http://", "https://"]),
    NAMES,
    st.sampled_from(["", "/", "/v2/p", "/p-1"]),
)


@given(st.lists(URLS, max_size=6, unique_by=lambda url: str(parsed(url))))
def test_any_order_of_mirrors_survives(urls):
    written = tomlkit.parse(text({"a.io": {"mirrors": urls}})).unwrap()
    assert list(written["host"]) == [str(parsed(url)) for url in urls]
    if urls:
        alone = tomlkit.parse(text({"a.io": {"mirrors": urls, "fallback": False}})).unwrap()
        assert [*alone["host"], alone["server"]] == [str(parsed(url)) for url in urls]


@given(st.text(min_size=1).filter(str.isprintable), st.text(min_size=1).filter(str.isprintable))
def test_any_header_is_read_back_as_it_is(one, other):
    mirror = {"url": "m.io", "header": {"X-A": [one, other]}}
    if "(secret)" in one or "(secret)" in other:
        return
    written = tomlkit.parse(text({"a.io": {"mirrors": [mirror]}})).unwrap()
    assert written["host"]["https://m.io"]["header"]["X-A"] == [one, other]


def test_layers_have_merged_and_an_empty_pillar_has_nothing():
    assert files({}) == {}
    assert registries.read(None).registries == []
    assert registries.read({"hosts": {"a.io": None}}).findings == []


def test_texts_become_files_and_paths_are_named():
    mirror = {"url": "m.io:8443", "ca": [PEM, "/etc/ca.pem"], "client": {"cert": PEM, "key": KEY}}
    found = files({"a.io": {"mirrors": [mirror]}})
    assert list(found) == ["a.io/ca-m.io_8443.pem", "a.io/client-m.io_8443.pem", "a.io/hosts.toml"]
    assert found["a.io/client-m.io_8443.pem"] == (f"{PEM}\n{KEY}\n", True)
    assert 'ca = ["ca-m.io_8443.pem", "/etc/ca.pem"]\nclient = "client-m.io_8443.pem"' in text(
        {"a.io": {"mirrors": [mirror]}}
    )
    assert found["a.io/ca-m.io_8443.pem"].secret is False


def test_a_certificate_of_the_master_and_a_key_of_the_node():
    mirror = {"url": "m.io", "client": [["salt://c.pem", "/etc/k.pem"]]}
    model = registries.read({"hosts": {"a.io": {"mirrors": [mirror]}}}, "2.1.9")
    assert hosts_toml.sources(model) == ["salt://c.pem"]
    found = hosts_toml.files(model, {"salt://c.pem": PEM})
    assert 'client = [["client-m.io.cert.pem", "/etc/k.pem"]]' in found["a.io/hosts.toml"].text
    for fetched, words in (({}, "salt://c.pem was not fetched"), ({"salt://c.pem": "x"}, "holds no PEM")):
        with pytest.raises(Refused, match=words):
            hosts_toml.files(model, fetched)


def test_two_authorities_of_one_host_are_two_files():
    other = PEM.replace("A\n", "B\n")
    mirrors = [{"url": "m.io/a", "ca": PEM}, {"url": "m.io/b", "ca": other}, {"url": "m.io/c", "ca": PEM}]
    assert list(files({"a.io": {"mirrors": mirrors}})) == [
        "a.io/ca-m.io.pem",
        "a.io/ca-m.io-2.pem",
        "a.io/hosts.toml",
    ]


def test_no_setting_that_counts_as_said_is_written():
    mirror = {"url": "http://m.io", "skip_verify": False, "override_path": False, "capabilities": []}
    assert "=" not in text({"a.io": {"mirrors": [mirror]}}).split("\n", 1)[1]
    # Of an endpoint that has TLS elsewhere.
    endpoint = {"m.io:80": {"ca": PEM, "skip_verify": True}}
    assert "=" not in text({"a.io": {"mirrors": ["http://m.io"]}}, endpoints=endpoint).split("\n", 1)[1]


def test_a_mirror_goes_before_its_endpoint():
    endpoints = {"m.io": {"ca": "/a.pem", "dial_timeout": "1s"}}
    written = text({"a.io": {"mirrors": [{"url": "m.io", "ca": "/b.pem"}]}}, endpoints=endpoints)
    assert 'dial_timeout = "1s"\nca = ["/b.pem"]' in written


@pytest.mark.parametrize(
    ("release", "words"),
    [
        ("1.5.18", "it needs override_path, which came with containerd 1.6"),
        ("1.6.20", "cannot read https://[::1]:5 as a mirror"),
        ("1.7.24", "cannot read https://[::1]:5 as a mirror"),
        ("2.0.0", "dial_timeout: containerd 2.0.0 has none, it came with 2.0.7: left out"),
        ("2.0.7", "dial_timeout: with it, containerd 2.0.7 tries TLS first on http: left out"),
        ("2.1.9", "referrers came with containerd 2.2, and makes the file unreadable before: left out"),
    ],
)
def test_what_a_release_lacks_is_told(release, words):
    mirrors = [
        "https://[::1]:5",
        "m.io/v2/p",
        {"url": "http://m.io", "dial_timeout": "1s"},
        {"url": "n.io", "capabilities": ["Pull", "referrers"]},
    ]
    assert any(words in one for one in told({"a.io": {"mirrors": mirrors}}, release))
    assert told({"a.io": {"mirrors": mirrors}}) == []


def test_a_name_that_nothing_uses_is_told():
    endpoints = {"harbor.corp:443": {}, "harbor.crop": {}}
    [sentence] = told({"a.io": {"mirrors": ["harbor.corp"]}}, endpoints=endpoints)
    assert sentence.startswith(
        "containerd:registries:endpoints:harbor.crop: no mirror and no server is there"
    )


def test_secrets_are_hidden_in_texts_and_changes():
    mirror = {"url": "m.io", "header": {"X-A": "hunter2"}, "auth": {"username": "u", "password": "hunter2"}}
    mirror["client"] = {"cert": PEM, "key": KEY}
    old = files({"a.io": {"mirrors": [{**mirror, "header": {"X-A": "hunter3"}}]}})
    new = files({"a.io": {"mirrors": ["b.io", mirror]}})
    for path, file in new.items():
        shown = hosts_toml.without_secrets(path, file.text)
        assert file.secret and "hunter" not in shown and "dTpodW50ZXIy" not in shown
    assert hosts_toml.changes(
        "a.io/hosts.toml", old["a.io/hosts.toml"].text, new["a.io/hosts.toml"].text
    ) == {
        "mirrors": {"old": ["https://m.io"], "new": ["https://b.io", "https://m.io"]},
        '"https://m.io".header.X-A': {"old": "(secret)", "new": "(secret)"},
    }
    path = "a.io/client-m.io.pem"
    assert hosts_toml.changes(path, None, new[path].text) == {"content": {"old": None, "new": "(secret)"}}


@pytest.mark.parametrize(
    "path", sorted(CASES[0].parent.rglob("hosts.toml")), ids=lambda path: str(path.parent)
)
def test_what_the_formula_wrote_is_read_without_a_library(path, monkeypatch):
    text = path.read_text(encoding="utf-8")
    by_library = hosts_toml._said(text.replace(hosts_toml.MARK, "#"))
    monkeypatch.setattr(hosts_toml.toml, "loads", lambda *_: pytest.fail("tomlkit was needed"))
    assert hosts_toml._said(text) == by_library != {}
    assert list(hosts_toml._said(text)) == list(by_library)


def test_changes_of_what_is_no_toml_and_of_the_order_alone():
    ours = text({"a.io": {"mirrors": ["b.io", "c.io"]}})
    other = text({"a.io": {"mirrors": ["c.io", "b.io"]}})
    assert list(hosts_toml.changes("a.io/hosts.toml", ours, other)) == ["mirrors"]
    assert "not valid TOML" in str(hosts_toml.changes("a.io/hosts.toml", "[", ours))
    assert list(hosts_toml.changes("a.io/hosts.toml", ours.replace(hosts_toml.HEADER, ""), ours)) == [
        "content"
    ]
    assert hosts_toml.changes("a.io/hosts.toml", ours, ours) == {}


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"hosts": {"puller:hunter2@harbor.corp": {}}}, "hosts:(secret)@harbor.corp: write the host alone"),
        ({"hosts": {"https://puller:hunter2@harbor.corp": {}}}, "hosts:https://(secret)@harbor.corp: write"),
        ({"hosts": {"puller:hunter2": {}}}, "hosts:puller:(secret): write the host alone"),
        ({"endpoints": {"puller:hunter2@harbor.corp": {}}}, "endpoints:(secret)@harbor.corp: it is no host"),
        (
            {"hosts": {"a.io": {"mirrors": [{"url": "b.io", "header": {"X-A: hunter2": "x"}}]}}},
            "header: 'X-A:(secret)' is no name of a header",
        ),
    ],
)
def test_a_secret_in_the_place_of_a_name_is_not_shown(given, shown):
    found = registries.read(given, "2.1.9").findings
    assert any(shown in one.message for one in found)
    assert "hunter2" not in str([one.shown() for one in found])


def test_a_foreign_header_that_is_no_table_is_not_shown():
    found = hosts_toml.changes("a.io/hosts.toml", 'header = ["X-Key", "hunter2"]\n', None)
    assert "header" in found and "hunter2" not in str(found)


def test_a_key_of_the_master_is_no_authority():
    model = registries.read(
        {"hosts": {"a.io": {"mirrors": [{"url": "m.io", "ca": "salt://b.pem"}]}}}, "2.1.9"
    )
    assert hosts_toml.files(model, {"salt://b.pem": PEM})
    for text in (f"{PEM}\n{KEY}", KEY):
        with pytest.raises(Refused, match="salt://b.pem is written as ca, and has more than certificates"):
            hosts_toml.files(model, {"salt://b.pem": text})


def test_a_password_in_clear_is_told():
    endpoints = {
        name: {"auth": {"username": "u", "password": "hunter2"}} for name in ("m.io", "localhost:5000")
    }
    [sentence] = told({"a.io": {"mirrors": ["http://m.io/p"]}}, endpoints={"m.io": endpoints["m.io"]})
    assert sentence == (
        "containerd:registries:hosts:a.io:mirrors:0:auth: "
        "its password goes to http://m.io/p in clear: write https."
    )
    mirrors = ["https://m.io", "http://localhost:5000"]
    assert told({"a.io": {"mirrors": mirrors}}, endpoints=endpoints) == []


def test_two_endpoints_of_one_host_are_refused():
    endpoints = {"m.io": {"ca": "/a.pem"}, "m.io:443": {"dial_timeout": "1s"}, "m.io:8443": {}}
    found = told({"a.io": {"mirrors": ["m.io", "m.io:8443"]}}, endpoints=endpoints)
    assert found == [
        "containerd:registries:endpoints:m.io:443: m.io is the same host, and only one of both is used: "
        "write all at one of them."
    ]


@pytest.mark.parametrize("url", ["https://m.io/a\x1b[31m", "m.io/\x00", "m.io/a b", "m.io/\x7f", "m.io/\x85"])
def test_an_address_that_containerd_cannot_read_is_refused(url):
    assert any("it is no address of a registry" in one for one in told({"a.io": {"mirrors": [url]}}))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("quay.io:0", "write the host alone"),
        ("quay.io:99999", "write the host alone"),
        ("x" * 250 + ".corp", "write the host alone"),
        ("harbor", "images of such a name are docker.io's"),
    ],
)
def test_a_host_that_no_image_has_is_refused(name, words):
    assert words in told({name: {"mirrors": ["m.io"]}})[0]
    for right in ("quay.io:65535", "x" * 248 + ".corp", "harbor:5000", "localhost", "[::1]:5000"):
        assert told({right: {"mirrors": ["m.io"]}}) == []
    assert told({}, endpoints={"m.io:0": {}})[0].endswith("such as harbor.corp:443.")


def test_the_files_of_a_long_host_have_names_that_a_disk_takes():
    mirror = {"url": f"{'x' * 240}.io", "client": {"cert": PEM, "key": "/k"}, "ca": PEM}
    assert all(len(path) < 200 for path in files({"a.io": {"mirrors": [mirror]}}))


@pytest.mark.parametrize("value", ["[" * 100_000, "[" * 500 + "]" * 500, '{"a":' * 900 + "1" + "}" * 900])
def test_what_is_nested_without_end_is_told(value):
    for text in (f"{hosts_toml.MARK}\na = {value}\n", f"a = {value}\n"):
        assert hosts_toml.changes("a.io/hosts.toml", text, text + "b = 1\n")
        assert hosts_toml.changes("a.io/hosts.toml", text, None)
