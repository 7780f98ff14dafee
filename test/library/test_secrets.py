"""
What is a secret, and how a value looks without it.
"""

import pytest
from containerd_formula.secrets import is_masked, is_secret, masked, masked_url, masked_variable, secrets
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
        ("me@example.org", "me@example.org"),
        ("/run/a.sock", "/run/a.sock"),
    ],
)
def test_urls_without_what_identifies_somebody(text, shown):
    assert masked_url(text) == shown


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("HTTPS_PROXY", "http://u:hunter2@proxy:3128", "http://(secret)@proxy:3128"),
        ("https_proxy", "u:hunter2@proxy:3128", "(secret)"),
        ("no_proxy", ".svc,10.0.0.0/8", ".svc,10.0.0.0/8"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://h/v1?k=hunter2", "https://h/(secret)"),
        ("AWS_SECRET_ACCESS_KEY", "hunter2", "(secret)"),
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
