"""
What is a secret, and how a value looks without it.
"""

import pytest
from containerd_formula.diff import diff
from containerd_formula.document import without_secrets
from containerd_formula.errors import Refused
from containerd_formula.findings import Finding, errors
from containerd_formula.secrets import (
    is_masked,
    is_secret,
    masked,
    masked_command,
    masked_url,
    masked_variable,
    secrets,
    without,
)
from library.texts import CRI, IMG, key


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (CRI + ".registry.configs.x.auth.password", True),
        (IMG + ".registry.configs.x.auth.identitytoken", True),
        (IMG + ".registry.configs.x.AUTH.auth", True),
        (IMG + ".registry.configs.x.auth", True),
        (IMG + ".registry.auths.x.username", True),
        (IMG + ".registry.headers.Authorization", True),
        ('plugins."io.example.x.v1.y".api_token', True),
        ('plugins."io.example.x.v1.y".Password', True),
        # What stands there instead of a table is one, too.
        (IMG + ".registry.auths", True),
        (IMG + ".registry.headers", True),
        (IMG + ".registry.configs.x", True),
        (CRI + ".registry.configs.x.auht.passwrd", True),
        ("proxy_plugins.x.exports.token", True),
        ('plugins."io.example.x.v1.y".api_key', True),
        ('plugins."io.example.x.v1.y".credentials.user', True),
        # containerd matches keys without regard to case.
        (IMG + ".Registry.Configs.x.Auth.username", True),
        (IMG + ".REGISTRY.HEADERS.X-Meta", True),
        # Hosts may have any name.
        (IMG + ".registry.configs.tls.auth.username", True),
        (IMG + ".registry.auths.tls.username", True),
        (IMG + ".registry.auths.x.tls", True),
        (CRI + ".registry.configs.x.tls.key_file", False),
        (CRI + ".registry.configs.x.TLS.ca_file", False),
        (IMG + '.registry.mirrors."token.example".endpoint', False),
        ('plugins."io.example.x.v1.y".access_key', True),
        ('plugins."io.example.x.v1.y".encryption_key', True),
        ('plugins."io.example.x.v1.y".pwd', True),
        ('plugins."io.example.x.v1.y".db_pwd', True),
        ('plugins."io.example.x.v1.y".cwd', False),
        # A host stands above other keys.
        ('plugins."io.example.x.v1.y"."my.password"', True),
        (IMG + ".registry", False),
        (IMG + ".registry.config_path", False),
        ("grpc.tcp_tls_key", False),
        ("timeouts.token", False),
        ("root", False),
    ],
)
def test_secrets_by_their_names(text, secret):
    assert is_secret(key(text)) is secret


def test_no_path_is_no_secret():
    assert is_secret(()) is False


@pytest.mark.parametrize(
    ("value", "path", "shown"),
    [
        ("hunter2", ("plugins", "io.x.v1.y", "password"), "(secret)"),
        (["hunter2"], ("plugins", "io.x.v1.y", "password"), "(secret)"),
        # What is not set says nothing.
        ("", ("plugins", "io.x.v1.y", "password"), ""),
        (None, ("plugins", "io.x.v1.y", "password"), None),
        ({"a": {"token": "hunter2", "b": 1}}, ("x",), {"a": {"token": "(secret)", "b": 1}}),
        ([{"token": "hunter2"}, "a"], ("x",), [{"token": "(secret)"}, "a"]),
        (["https://u:hunter2@r/v2"], ("x",), ["https://(secret)@r/v2"]),
        ({"password": "hunter2"}, (), {"password": "(secret)"}),
        (5, ("x",), 5),
        (["PATH=/a", "API_TOKEN=hunter2"], ("x", "env"), ["PATH=/a", "API_TOKEN=(secret)"]),
        (["--a=b", "--password=hunter2"], ("x", "args"), ["--a=b", "--password=(secret)"]),
        (["--token", "hunter2", "b"], ("x", "args"), ["--token", "(secret)", "b"]),
        ({"https://u:hunter2@h": {"a": 1}}, ("x",), {"https://(secret)@h": {"a": 1}}),
        # As a whole it may have blanks.
        ("https://me:hunter 2@h", ("x",), "https://(secret)@h"),
        ("docker.io/a/b:1@sha256:abc", ("sandbox_image",), "docker.io/a/b:1@sha256:abc"),
    ],
)
def test_values_as_they_may_be_shown(value, path, shown):
    assert masked(value, path) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "see https://u:hunter2@r and https://hunter2@s/p",
            "see https://(secret)@r and https://(secret)@s/p",
        ),
        ("https://u:hun/t@er2@r/p", "https://(secret)@r/p"),
        ("https://r/p@1", "https://(secret)@1"),
        ("https://me:hunt'er2@r", "https://(secret)@r"),
        ('https://me:hunt"er2@r', "https://(secret)@r"),
        ("https://me:hu<nter2@r", "https://(secret)@r"),
        ("http:/me:hunter2@r", "http:/(secret)@r"),
        ("https:\\\\me:hunter2@r", "https:\\\\(secret)@r"),
        ("https://r/v2?token=hunter2", "https://r/v2?(secret)"),
        ("https://r/v2?X-Amz-Signature=hunter2&a=b", "https://r/v2?(secret)"),
        ("https://r/#access_token=hunter2", "https://r/#(secret)"),
        ("https://me:hun?ter2@r", "https://(secret)"),
        ("https://r/p?m=a@b&token=hunter2", "https://(secret)"),
        ("is it https://r/v2?", "is it https://r/v2?"),
        ("me@example.org", "me@example.org"),
        ("/run/a.sock", "/run/a.sock"),
    ],
)
def test_urls_without_what_identifies_somebody(text, shown):
    assert masked_url(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/x --password=hunter2 --token hunter2 -v", "/x --password=(secret) --token (secret) -v"),
        ("/x --auth-token 'hun ter2' b", "/x --auth-token (secret) b"),
        ("API_TOKEN=hunter2 /x", "API_TOKEN=(secret) /x"),
        ("curl -H 'Authorization: Bearer hunter2' r", "curl -H 'Authorization: (secret) (secret)' r"),
        ("curl -H 'X-Auth-Token: hunter2' r", "curl -H 'X-Auth-Token: (secret)' r"),
        ("curl -u me:hunter2 r", "curl -u (secret) r"),
        ("curl --user 'me:hun ter2' r", "curl --user (secret) r"),
        ("curl https://u:hunter2@r/p?q=1", "curl https://(secret)@r/p?(secret)"),
        ("/bin/sh -u -c /x:y", "/bin/sh -u -c /x:y"),
        ("/usr/bin/containerd --config /etc/containerd/config.toml", None),
    ],
)
def test_commands_without_what_nobody_should_see(text, shown):
    assert masked_command(text) == (text if shown is None else shown)
    assert masked_command(masked_command(text)) == masked_command(text)


@pytest.mark.parametrize(
    "secret",
    [
        'hun"ter2',
        "hun\\ter2",
        "hun\nter2 ends",
        "hun\tter2",
        "h\xfcn\u2028ter2\x01\U0001f511\U000e0001",
        "A" * 450 + "hunter2" + "B" * 700,
    ],
)
@pytest.mark.parametrize(
    "told",
    [
        "Can't convert {}(string) to bool",
        'level=fatal msg="parse \\"{}\\": no"',
    ],
)
def test_a_program_says_it_however_it_writes_the_secret(secret, told):
    for written in (secret, *_as_go_does(secret)):
        assert without([secret], told.format(written)) == told.format("(secret)"), written


def _as_go_does(text):
    escapes = {"\n": "\\n", "\t": "\\t", "\x01": "\\x01", "\u2028": "\\u2028", "\U000e0001": "\\U000e0001"}
    once = text.replace("\\", "\\\\").replace('"', '\\"')
    for char, escape in escapes.items():
        once = once.replace(char, escape)
    return once, once.replace("\\", "\\\\").replace('"', '\\"')


def test_each_line_of_a_secret_is_one():
    assert without(["first\n  second line\n}"], "at 'second line' of {}") == "at '(secret)' of {}"


def test_a_short_secret_hides_no_part_of_a_word():
    assert without(["a", "", " "], "a bad day: a") == "(secret) bad day: (secret)"


def test_an_address_as_a_key_names_nobody():
    data = {"mirrors": {"https://u:hunter2@r": {"endpoint": ["https://r"]}}}
    assert list(diff({}, data)) == ['mirrors."https://(secret)@r".endpoint']
    assert secrets(data) == ["https://u:hunter2@r"]
    text = without_secrets('[mirrors."https://u:hunter2@r"]\nendpoint = ["https://r"]\n')
    assert text == '[mirrors."(secret)"]\nendpoint = ["https://r"]\n'


def test_no_message_has_an_address_with_its_password():
    told = "a: https://u:hunter2@r is wrong"
    assert str(Refused(told)) == "a: https://(secret)@r is wrong"
    assert errors([Finding("a", told)]) == ["a: https://(secret)@r is wrong"]
    assert Finding("a", told).shown()["message"] == "a: https://(secret)@r is wrong"


def test_what_is_hidden_of_a_list_is_a_secret_and_no_more():
    data = {"x": {"env": ["PATH=/a", "TOKEN=b"], "args": ["--password", "c"], "endpoint": ["d", "e://f@g"]}}
    assert secrets(data) == ["TOKEN=b", "c", "e://f@g"]
    assert without(secrets(data), "b: no such TOKEN, hunter2") == "(secret): no such TOKEN, hunter2"


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("HTTPS_PROXY", "http://u:hunter2@proxy:3128", "http://(secret)@proxy:3128"),
        ("https_proxy", "u:hunter2@proxy:3128", "(secret)"),
        ("no_proxy", ".svc,10.0.0.0/8", ".svc,10.0.0.0/8"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://h/v1?k=hunter2", "https://h/(secret)"),
        ("AWS_SECRET_ACCESS_KEY", "hunter2", "(secret)"),
        ("ANYTHING", "hunter2://a", "(secret)"),
        ("GODEBUG", "http2debug=1", "http2debug=1"),
        ("ANYTHING", "", ""),
        ("ANYTHING", None, None),
    ],
)
def test_variables_without_what_nobody_should_see(name, value, shown):
    assert masked_variable(name, value) == shown


@pytest.mark.parametrize(
    "value",
    [
        "(secret)",
        " (secret)\n",
        ["a", "(secret)"],
        [{"a": "(secret)"}],
        "https://(secret)@host/p",
        "see http://(secret)@host",
        "http://host/(secret)",
        "http://(secret)@host/(secret)",
        "--auth=user:(secret)@host",
    ],
)
def test_a_masked_value_is_none(value):
    assert is_masked(value)


@pytest.mark.parametrize(
    "value", ["secret", "my(secret)word", "(secret)word", "", None, 5, [], {}, "https://u:p@host/secret"]
)
def test_any_other_value_is_one(value):
    assert not is_masked(value)


@pytest.mark.parametrize("path", [("password",), ("plugins", "x", "auth_token"), ("root",)])
@pytest.mark.parametrize("value", ["hunter2", ["hunter2"], {"password": "hunter2"}, "https://u:hunter2@h"])
def test_what_is_masked_is_known_again(path, value):
    shown = masked(value, path)
    assert is_masked(shown) == (shown != value)


def test_the_secrets_of_a_document():
    data = {
        "plugins": {
            "io.x.v1.y": {"password": "a", "tokens": ["b", {"c": 5}], "secret": "", "peers": [{"pass": "d"}]},
            "io.x.v1.z": {"registry": {"auths": {"r": {"auth": "e"}}}},
        },
        "root": "/r",
    }
    assert secrets(data) == ["a", "b", "5", "d", "e"]
