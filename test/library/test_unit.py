"""
The drop-in for the daemon's unit: what is written, what is read back, what is refused.
"""

import pytest
from containerd_formula import unit
from containerd_formula.errors import Refused
from containerd_formula.places import DROP_IN, ENVIRONMENT

SETTINGS = {
    "environment": {
        "HTTPS_PROXY": 'http://u:p%$w`"\\@proxy.example.org:3128',
        "NO_PROXY": [".svc", "10.0.0.0/8"],
    },
    "limits": {"LimitNOFILE": 1048576, "LimitCORE": "infinity"},
    "directives": {
        "Unit": {"After": ["a.service", "b.service"]},
        "Service": {"ExecStartPre": ["", "/bin/true"], "CPUAccounting": True},
    },
}


def test_the_files_hold_every_setting():
    drop_in, environment = unit.render(**SETTINGS).values()
    assert drop_in.split("\n\n", 1)[1] == (
        "[Service]\n"
        "LimitNOFILE=1048576\n"
        "LimitCORE=infinity\n"
        "ExecStartPre=\n"
        "ExecStartPre=/bin/true\n"
        "CPUAccounting=yes\n"
        f"EnvironmentFile=-{ENVIRONMENT}\n"
        "\n"
        "[Unit]\n"
        "After=a.service\n"
        "After=b.service\n"
    )
    assert environment.splitlines()[1:] == [
        'HTTPS_PROXY="http://u:p%\\$w\\`\\"\\\\@proxy.example.org:3128"',
        'NO_PROXY=".svc,10.0.0.0/8"',
    ]


def test_what_is_written_reads_back():
    assert unit.parse(unit.render(**SETTINGS)) == {
        "environment": {
            "HTTPS_PROXY": 'http://u:p%$w`"\\@proxy.example.org:3128',
            "NO_PROXY": ".svc,10.0.0.0/8",
        },
        "Service": {
            "LimitNOFILE": "1048576",
            "LimitCORE": "infinity",
            "ExecStartPre": ["", "/bin/true"],
            "CPUAccounting": "yes",
        },
        "Unit": {"After": ["a.service", "b.service"]},
    }


def test_no_settings_need_no_files():
    assert unit.render({}, {}, {}) == {DROP_IN: None, ENVIRONMENT: None}
    assert unit.parse({}) == {}


def test_what_would_begin_a_line_of_its_own_is_refused_all_at_once():
    with pytest.raises(Refused) as error:
        unit.render(
            {"A": "x\nLD_PRELOAD=/evil", "B C": "x", "D": {"x": 1}},
            {"NOFILE": 1, "LimitCORE": "1\\"},
            {
                "Service": {"ExecStartPre": "x\nExecStart=/evil", "Bad Name": 1, "Environment": "TOKEN=x"},
                "Socket": {"SetCredential": "token:x"},
                "Unit": "text",
                "A]\n[B": {},
            },
        )
    for words in (
        "environment:A has a line break",
        "environment:B C: 'B C' is not a name",
        "environment:D is a dict",
        "limits:NOFILE is not a limit",
        "limits:LimitCORE ends with a backslash",
        "directives:Service:Environment: every user may read it there",
        "directives:Socket:SetCredential: every user may read it there; write LoadCredential",
        "directives:Service:ExecStartPre has a line break",
        "directives:Service:Bad Name: 'Bad Name' is not a name",
        "directives:Unit must be a mapping",
        "directives:A]\n[B: 'A]\\n[B' is not a section",
    ):
        assert f"containerd:service:{words}" in str(error.value)


def test_directives_are_told_without_their_secrets():
    old = {
        DROP_IN: "[Service]\nEnvironment=AWS_SECRET_ACCESS_KEY=hunter2 'B=hunter2 c'\n"
        "SetCredential=tok:hunter2\nExecStart=/x --password=hunter2 --token hunter2\n"
    }
    assert unit.changes(old, {}) == {
        "Service.Environment": {"old": "(secret)", "new": None},
        "Service.SetCredential": {"old": "(secret)", "new": None},
        "Service.ExecStart": {"old": "/x --password=(secret) --token (secret)", "new": None},
    }
    new = unit.render(directives={"Service": {"ExecStartPre": ["curl -H 'Authorization: Bearer hunter2' r"]}})
    assert "hunter2" not in str(unit.changes({}, new))


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\x85"])
def test_only_a_line_feed_ends_a_line(end):
    files = {DROP_IN: None, ENVIRONMENT: f'TOKEN="abc{end}hunter2"\n'}
    assert unit.parse(files) == {"environment": {"TOKEN": f"abc{end}hunter2"}}
    assert unit.changes({}, files) == {"environment.TOKEN": {"old": None, "new": "(secret)"}}


def test_what_a_person_wrote_is_read():
    text = "; note\n[Service]\nLimitNOFILE = 5\nEnvironmentFile=/etc/own.env\n"
    assert unit.parse({DROP_IN: text, ENVIRONMENT: "A=b\n"}) == {
        "environment": {"A": "b"},
        "Service": {"LimitNOFILE": "5", "EnvironmentFile": "/etc/own.env"},
    }


@pytest.mark.parametrize("setting", ["environment", "limits", "directives"])
def test_what_is_no_mapping_is_refused(setting):
    with pytest.raises(Refused, match=f"containerd:service:{setting} must be a mapping"):
        unit.render(**{setting: ["a"]})


@pytest.mark.parametrize(
    "settings",
    [
        {"environment": {"HTTPS_PROXY": "http://(secret)@proxy:3128"}},
        {"environment": {"OTHER": "(secret)"}},
        {"directives": {"Service": {"ExecStartPre": ["/bin/true", "/bin/fetch user:(secret)@host"]}}},
    ],
)
def test_a_masked_value_that_was_pasted_back_is_refused(settings):
    with pytest.raises(Refused, match="write the real value, from the node's file or with show_secrets=True"):
        unit.render(**settings)


def test_a_backslash_at_the_end_of_a_variable_is_a_part_of_it():
    files = unit.render({"A": "x\\"})
    assert files[ENVIRONMENT].endswith('A="x\\\\"\n')
    assert unit.parse(files) == {"environment": {"A": "x\\"}}


def test_a_boolean_of_a_program_is_not_one_of_systemd():
    assert 'A="true"' in unit.render({"A": True})[ENVIRONMENT]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("http://u:hunter2@proxy:3128", "http://(secret)@proxy:3128"),
        ("u:hunter2@proxy:3128", "(secret)"),
        ("http://hunter2@proxy", "http://(secret)@proxy"),
        ('http://u:p"/w@proxy', "http://(secret)@proxy"),
        ("http://proxy:3128", "http://proxy:3128"),
        ("http://proxy:3128/", "http://proxy:3128/"),
        ("http://u:p@ss@proxy", "http://(secret)@proxy"),
        ("http://proxy/hunter2", "http://proxy/(secret)"),
        ("http://proxy?token=hunter2", "http://proxy/(secret)"),
        ("", ""),
    ],
)
def test_who_asks_a_proxy_is_nobodys_business(value, shown):
    files = unit.render({"HTTPS_PROXY": value})
    assert unit.parse(files) == {"environment": {"HTTPS_PROXY": value}}
    assert unit.changes({}, files) == {"environment.HTTPS_PROXY": {"old": None, "new": shown}}


@pytest.mark.parametrize("name", ["API_TOKEN", "AWS_ACCESS_KEY_ID", "OTEL_EXPORTER_OTLP_HEADERS", "X"])
def test_a_variable_is_masked_whatever_its_name(name):
    files = unit.render({name: "hunter2"})
    key = f"environment.{name}"
    assert unit.changes({}, files) == {key: {"old": None, "new": "(secret)"}}
    # Another value is a change all the same.
    assert unit.changes(files, unit.render({name: "x"})) == {key: {"old": "(secret)", "new": "(secret)"}}


def test_what_is_no_secret_is_shown():
    files = unit.render({"NO_PROXY": [".svc", "10.0.0.0/8"]})
    assert unit.changes({}, files) == {"environment.NO_PROXY": {"old": None, "new": ".svc,10.0.0.0/8"}}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("/bin/curl -u u:hunter2@h", "/bin/curl -u (secret)@h"),
        (["", "/bin/x --proxy=u:hunter2@h"], ["", "/bin/x --proxy=(secret)@h"]),
        ("getty@tty1.service", "getty@tty1.service"),
    ],
)
def test_a_password_in_a_command_is_masked(value, shown):
    files = unit.render(directives={"Service": {"ExecStartPre": value}})
    assert unit.changes({}, files) == {"Service.ExecStartPre": {"old": None, "new": shown}}
