"""
What a dump writes otherwise is the same; what it does not show is not in effect.
"""

import pytest
from containerd_formula import effect

CRI = "io.containerd.grpc.v1.cri"


@pytest.mark.parametrize(
    ("path", "value", "dump", "differs"),
    [
        (("debug", "level"), "debug", {"debug": {"level": "debug"}}, False),
        (("debug", "level"), "debug", {"debug": {"level": "info"}}, True),
        (("debug", "levle"), "debug", {"debug": {"level": "info"}}, True),
        # Typed durations are rewritten.
        (("timeouts", "x"), "60s", {"timeouts": {"x": "1m0s"}}, False),
        (("timeouts", "x"), "0.1s", {"timeouts": {"x": "100ms"}}, False),
        (("timeouts", "x"), "1h30m", {"timeouts": {"x": "1h30m0s"}}, False),
        (("timeouts", "x"), "500μs", {"timeouts": {"x": "500µs"}}, False),
        (("timeouts", "x"), "60s", {"timeouts": {"x": "61s"}}, True),
        (("gc", "x"), 0, {"gc": {"x": "0s"}}, False),
        (("gc", "x"), "0", {"gc": {"x": "0s"}}, False),
        (("gc", "x"), False, {"gc": {"x": "0s"}}, True),
        # A float that is whole.
        (("a",), 1, {"a": 1.0}, False),
        (("a",), 1, {"a": True}, True),
        (("a",), "1", {"a": 1}, True),
        # What is empty is left out.
        (("a", "b"), "", {"a": {}}, False),
        (("a", "b"), [], {}, False),
        (("a", "b"), "x", {"a": {}}, True),
        (("a",), {}, {"a": {"b": 1}}, False),
        # Zero and nothing cannot override a built-in server default.
        (("grpc", "max_recv_message_size"), 0, {"grpc": {"max_recv_message_size": 16777216}}, True),
        # 1.x lists the files that it read.
        (("imports",), ["conf.d/*.toml"], {"imports": ["/etc/containerd/config.toml"]}, False),
        (("imports",), ["conf.d/*.toml"], {}, False),
        # 1.4 shows the options of each runtime as an empty table; later ones show them.
        (("r", "options", "SystemdCgroup"), True, {"r": {"options": {}}}, False),
        (("r", "options", "SystemdCgroup"), True, {"r": {}}, True),
        (("r", "options", "SystemdCgroup"), True, {"r": {"options": {"SystemdCgroup": False}}}, True),
        # 1.x leaves out the tables of a disabled plugin.
        (("plugins", "disabled", "k"), 1, {"plugins": {}}, False),
        (("plugins", "q", "k"), 1, {"disabled_plugins": ["q"], "plugins": {}}, True),
        # Tables in a list come back with their empty keys.
        (("u",), [{"a": "x"}], {"u": [{"a": "x", "differ": "", "args": []}]}, False),
        (("u",), [{"a": "x"}], {"u": [{"a": "x", "differ": "erofs"}]}, True),
        (("u",), [{"a": "x"}], {"u": [{"a": "y"}]}, True),
        (("u",), [{"a": "x"}], {"u": []}, True),
        # A key that was removed has nothing to show.
        (("a",), None, {"a": 1}, False),
    ],
)
def test_differs(path, value, dump, differs):
    assert effect.differs(path, value, dump, ["disabled"]) is differs


def not_in_effect(site, dump, warnings=(), strict=True):
    return effect.not_in_effect(site, site, dump, list(warnings), strict=strict)


def test_an_ignored_override_is_an_error_and_a_warning_where_that_is_allowed():
    site = {"debug": {"levle": "debug"}, "oom_score": 1}
    for strict, level in ((True, "error"), (False, "warning")):
        [finding] = not_in_effect(site, {"oom_score": 1, "debug": {"level": ""}}, strict=strict)
        assert (finding.key, finding.level) == ("debug.levle", level)
        assert "'debug' would not be in effect, containerd does not know this key." in finding.message


def test_a_removed_key_and_the_tables_of_a_disabled_plugin_are_no_findings():
    site = {"debug": None, "disabled_plugins": [CRI], "plugins": {CRI: {"sandbox_image": "x"}}}
    result = {key: value for key, value in site.items() if value is not None}
    assert effect.not_in_effect(site, result, {"disabled_plugins": [CRI], "plugins": {}}, []) == []


def test_another_value_in_effect_is_shown_and_a_secret_is_not():
    site = {"plugins": {CRI: {"registry": {"configs": {"r": {"auth": {"password": "mine"}}}}}}}
    dump = {"plugins": {CRI: {"registry": {"configs": {"r": {"auth": {"password": "theirs"}}}}}}}
    [finding] = not_in_effect(site, dump)
    assert "would run with '(secret)'" in finding.message
    assert "mine" not in str(finding)


@pytest.mark.parametrize(("strict", "level"), [(True, "error"), (False, "warning")])
def test_containerds_own_warning_counts(strict, level):
    line = 'time="x" level=warning msg="Ignoring unknown key in TOML" column=1 file=x key="grpc bogus" row=3'
    [finding] = not_in_effect(
        {"grpc": {"bogus": 1}}, {"grpc": {"bogus": 1}}, [line, "level=warning other"], strict
    )
    assert (finding.key, finding.level) == ("grpc bogus", level)


def test_an_unknown_key_of_somebody_elses_file_is_a_warning():
    line = 'time="x" level=warning msg="Ignoring unknown key in TOML for plugin" key=bogus plugin=a.b.c row=3'
    [finding] = not_in_effect({"oom_score": 1}, {"oom_score": 1}, [line])
    assert (finding.key, finding.level) == ("plugins a.b.c bogus", "warning")
    assert "time=" not in finding.message


@pytest.mark.parametrize(
    ("path", "stranger"),
    [
        (("plugins", "io.containerd.grpc.v1.cir", "x"), True),
        (("plugins", "com.example.own", "x"), False),
        (("plugins", CRI, "x"), False),
        (("debug", "level"), False),
        (("plugins",), False),
    ],
)
def test_a_plugin_that_the_default_has_not_is_only_repeated_by_a_dump(path, stranger):
    assert effect.is_stranger(path, {"plugins": {"com.example.own": {}}}) is stranger


OWN, DEFAULT = {"com.example.v1.own": {"a": 1, "b": {"c": 2}}}, {"plugins": {CRI: {}}}


@pytest.mark.parametrize(("strict", "level"), [(True, "error"), (False, "warning")])
def test_what_2_x_only_repeats_is_not_in_effect(strict, level):
    site = {"plugins": OWN}
    [one] = effect.not_in_effect(site, site, site, [], strict, {"version": 3, **DEFAULT})
    assert (one.key, one.level) == ('plugins."com.example.v1.own"', level)
    assert "would not be in effect: this containerd has no such plugin" in one.message
    # What is not repeated is not known, as each other key.
    assert len(effect.not_in_effect(site, site, {}, [], strict, {"version": 3, **DEFAULT})) == 2
    # 1.x has loaded what it shows.
    assert effect.not_in_effect(site, site, site, [], strict, {"version": 2, **DEFAULT}) == []


def test_an_option_of_a_runtime_is_found_in_any_case():
    """
    A dump repeats the file's spelling, which containerd ignores.
    """
    dump = {"runtimes": {"runc": {"options": {"systemdCgroup": True}}}}
    effect.spell_options(dump)
    assert dump == {"runtimes": {"runc": {"options": {"SystemdCgroup": True}}}}
    assert effect.option(("metrics", "ROOT")) == ("metrics", "ROOT")
