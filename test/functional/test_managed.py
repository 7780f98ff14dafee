"""
containerd_toml.managed as Salt runs it, with the real containerd releases.
"""

from pathlib import Path

import pytest
import tomlkit
from containerd_formula import unit
from support.binaries import binaries, on_path, release, started  # noqa: F401

V2 = "io.containerd.grpc.v1.cri"
OVERRIDES = {"oom_score": -999, "grpc": {"max_recv_message_size": 33554432}}
CHANGES = {
    "oom_score": {"old": 0, "new": -999},
    "grpc.max_recv_message_size": {"old": 16777216, "new": 33554432},
}


@pytest.fixture
def managed(loaders, on_path, config_path):  # noqa: F811
    def run(overrides=OVERRIDES, test=False, **options):
        return loaders.states.containerd_toml.managed(
            name=str(config_path), overrides=overrides, test=test, **options
        )

    return run


def content(path):
    return path.read_text(encoding="utf-8")


def test_a_new_file_is_predicted_and_written_alike(managed, config_path):
    predicted = managed(test=True)
    assert (predicted.result, config_path.exists()) == (None, False)
    done = managed()
    assert done.result is True, done.comment
    assert done.changes == predicted.changes
    assert done.changes == {str(config_path): {"old": None, "new": "created"}, **CHANGES}
    assert config_path.stat().st_mode & 0o777 == 0o644
    assert content(config_path).startswith("# Managed by Salt (containerd-formula).")


def test_the_second_run_changes_nothing(managed, config_path):
    managed()
    before = config_path.stat()
    for test in (True, False):
        again = managed(test=test)
        assert (again.result, again.changes) == (True, {})
    assert config_path.stat().st_mtime_ns == before.st_mtime_ns


def test_other_bytes_for_the_same_data_are_left_alone(managed, config_path):
    managed()
    text = content(config_path).replace("\n", "\n# a person's note\n", 1) + "\n\n"
    config_path.write_text(text, encoding="utf-8")
    ret = managed()
    assert (ret.result, ret.changes, content(config_path)) == (True, {}, text)


def test_an_edit_by_hand_is_reported_and_put_right(managed, config_path):
    managed()
    right = content(config_path)
    config_path.write_text(right.replace("-999", "-1"), encoding="utf-8")
    predicted = managed(test=True)
    ret = managed()
    assert ret.changes == predicted.changes == {"oom_score": {"old": -1, "new": -999}}
    assert content(config_path) == right


def test_dockers_packaged_file_shows_that_cri_comes_back(managed, config_path):
    """
    A key that the old file lacks counts as containerd's default: the changes are what the daemon sees.
    """
    config_path.parent.mkdir()
    config_path.write_text('disabled_plugins = ["cri"]\n', encoding="utf-8")
    ret = managed()
    assert ret.changes == {"disabled_plugins": {"old": ["cri"], "new": []}, **CHANGES}


def test_mode_and_owner_are_kept(managed, config_path):
    managed()
    config_path.chmod(0o600)
    managed({"oom_score": 0})
    assert config_path.stat().st_mode & 0o777 == 0o600


def test_layers_win_in_their_order(managed, config_path):
    ret = managed([{"formula": {"oom_score": 1}}, {"os": None}, {"pillar": {"oom_score": 2}}])
    assert ret.changes["oom_score"]["new"] == 2


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"oom_score": "high"}, "oom_score is 'high', a string"),
        ({"disabled_plugins": ["cri"]}, "is refused; nothing was changed."),
        ({"version": 9}, "version: 9 is not a schema"),
        ({"debug": {"levle": "debug"}}, "debug.levle"),
        ("oom_score", "overrides must be a fragment of config.toml"),
        ([{"a": {}, "b": {}}], "overrides must be a fragment of config.toml"),
        ([{"a": []}], "layer a of overrides must be a fragment of config.toml"),
        ({"version": 3, "plugins": {V2: {"sandbox_image": "x"}}}, "Two schemas are mixed"),
    ],
)
def test_a_mistake_is_refused_and_the_file_stays(managed, config_path, overrides, words):
    managed()
    before = content(config_path)
    for test in (True, False):
        ret = managed(overrides, test=test)
        assert (ret.result, ret.changes) == (False, {})
        assert words in ret.comment
    assert content(config_path) == before


def test_a_file_that_is_no_toml_is_replaced_and_named(managed, config_path):
    config_path.parent.mkdir()
    config_path.write_text("version = = 2\n", encoding="utf-8")
    ret = managed()
    assert ret.result is True
    assert "is not valid TOML" in ret.changes[str(config_path)]["old"]


def test_all_findings_come_in_one_message(managed, config_path):
    ret = managed({"oom_score": "high", "grpc": {"gid": "x"}, "debug": {"levle": "debug"}})
    assert ret.result is False
    for key in ("oom_score", "grpc.gid", "debug.levle"):
        assert key in ret.comment
    assert not config_path.exists()


def test_an_unknown_key_is_a_warning_where_that_is_allowed(managed, config_path):
    ret = managed({"debug": {"levle": "debug"}}, strict=False)
    assert ret.result is True
    assert "debug.levle" in ret.comment


def test_the_last_proved_file_is_kept(managed, config_path, loaders):
    managed()
    before = content(config_path)
    loaders.modules.containerd_change.settle()
    for score in (-1, -2):
        managed({"oom_score": score})
        assert loaders.modules.containerd_change.good(str(config_path)) == before


SECRET = {
    "version": 2,
    "plugins": {V2: {"registry": {"configs": {"r.example.org": {"auth": {"password": "hunter2"}}}}}},
}


def test_a_secret_closes_the_file_and_is_shown_nowhere(managed, config_path, caplog):
    managed()
    assert config_path.stat().st_mode & 0o777 == 0o644
    predicted = managed(SECRET, test=True)
    ret = managed(SECRET)
    assert ret.result is True, ret.comment
    assert "hunter2" in content(config_path)
    assert config_path.stat().st_mode & 0o777 == 0o600
    assert ret.changes == predicted.changes
    # The test library itself logs the calls that it makes.
    logged = [record.getMessage() for record in caplog.records if "saltfactories" not in record.name]
    assert "hunter2" not in f"{ret.changes}{ret.comment}{logged}"
    assert [change["new"] for key, change in ret.changes.items() if key.endswith("auth.password")] == [
        "(secret)"
    ]


@pytest.fixture
def drop_in(config_path):
    config_path.parent.mkdir()
    return config_path.with_name("99-site.toml")


def test_a_drop_in_that_masks_is_reported(managed, drop_in, release):  # noqa: F811
    schema = 3 if release.startswith("2.") else 2
    text = f'version = {schema}\n[plugins."{V2}"]\nstream_server_address = "127.0.0.9"\n'
    drop_in.write_text(text, encoding="utf-8")
    for _ in range(2):
        ret = managed({"imports": [str(drop_in)]})
        assert ret.result is True
        assert str(drop_in) in ret.comment
        assert ("over '127.0.0.1'" if schema == 3 else "instead of the whole table") in ret.comment


def test_a_relative_import_is_read_from_where_the_file_will_lie(managed, drop_in, release):  # noqa: F811
    """
    The candidate lies elsewhere, and the daemon of the trial sees it in its place.
    """
    drop_in.write_text(f"version = {3 if release.startswith('2.') else 2}\noom_score = 7\n", encoding="utf-8")
    for score in (5, 6):
        ret = managed({"oom_score": score, "imports": [drop_in.name]})
        assert ret.result is False
        assert f"oom_score: {score} would not be in effect, containerd would run with 7." in ret.comment
    ret = managed({"imports": [drop_in.name]})
    assert ret.result is True, ret.comment
    assert "trial start" not in ret.comment


def test_a_drop_in_that_undoes_an_override_is_the_reason_given(managed, drop_in, config_path):
    drop_in.write_text("oom_score = 7\n", encoding="utf-8")
    ret = managed({**OVERRIDES, "imports": [str(drop_in)]})
    assert ret.result is False
    assert "oom_score: -999 would not be in effect, containerd would run with 7." in ret.comment
    assert not config_path.exists()


@pytest.fixture
def parsed(monkeypatch):
    """
    Return the texts that were parsed, in their order.
    """
    texts, parse = [], tomlkit.parse
    monkeypatch.setattr(tomlkit, "parse", lambda text: texts.append(text) or parse(text))
    return texts


def test_a_converged_run_starts_the_binary_once_and_parses_once(managed, started, parsed):  # noqa: F811
    managed()
    started()
    parsed.clear()
    assert managed().changes == {}
    assert started() == ["containerd config default"]
    assert len(parsed) == 1


def test_a_changed_run_parses_each_text_once_and_asks_the_daemon_once(
    managed,
    started,  # noqa: F811
    parsed,
    loaders,
    config_path,
):
    """
    The text that a ready daemon ran with last is that of the file: it is not parsed again for that.
    """
    managed()
    loaders.modules.containerd_change.settle()
    started()
    parsed.clear()
    assert managed({"oom_score": -5}).result is True
    commands = [line.split() for line in started()]
    assert [(words[0], words[-1]) for words in commands] == [
        ("containerd", "default"),
        ("bwrap", "/usr/bin/true"),
        ("bwrap", "dump"),
        ("bwrap", str(config_path)),
        ("ctr", "ls"),
    ]
    assert len(parsed) == len(set(parsed))


@pytest.mark.parametrize(
    "registry",
    [
        {"headers": {"Authorization": "Basic hunter2"}},
        {"configs": {"r": {"auth": "hunter2"}}},
        {"configs": {"r": "hunter2"}},
        {"configs": {"r": {"auht": {"passwrd": "hunter2"}}}},
        {"mirrors": {"r": {"endpoint": ["https://user:hunter2@m.example.org"]}}},
    ],
)
def test_a_secret_in_the_wrong_shape_is_shown_nowhere_either(managed, loaders, registry):
    """
    containerd 1.x prints the values that it cannot convert.
    """
    overrides = {"version": 2, "plugins": {V2: {"registry": registry}}}
    for strict in (True, False):
        ret = managed(overrides, strict=strict)
        assert "hunter2" not in f"{ret.comment}{ret.changes}"
    assert "hunter2" not in str(loaders.modules.containerd_toml.expected(overrides))


def test_a_wrong_value_stays_an_error_where_unknown_keys_are_allowed(managed, config_path):
    ret = managed({"disabled_plugins": ["cri", "io.containerd.internal.v1.opt"]}, strict=False)
    assert ret.result is False
    assert "disabled_plugins" in ret.comment
    assert not config_path.exists()


def test_a_file_that_is_no_text_is_replaced_and_named(managed, config_path, loaders):
    config_path.parent.mkdir()
    config_path.write_bytes(b"# caf\xe9\n")
    ret = managed()
    assert ret.result is True
    assert "not UTF-8" in ret.changes[str(config_path)]["old"]
    kept = loaders.modules.containerd_change.copies(str(config_path))["good"]
    assert Path(kept).read_bytes() == b"# caf\xe9\n"


def test_a_directory_in_its_place_is_an_error_with_its_cure(managed, config_path):
    config_path.mkdir(parents=True)
    ret = managed()
    assert ret.result is False
    assert f"{config_path} is not a regular file, and stays as it is: remove it." in ret.comment


NO_CRI = {"version": 2, "disabled_plugins": [V2]}


def test_cri_is_disabled_where_that_is_meant_and_told_how_to_mean_it(managed, config_path, testmode):
    refused = managed(NO_CRI, test=testmode)
    assert (refused.result, config_path.exists()) == (False, False)
    cure = "remove it, or set containerd:service:cri to false where no kubelet uses this containerd"
    assert cure in refused.comment
    # With the formula's own layer, of which nothing is in effect then.
    options = {"runc": {"options": {"SystemdCgroup": True}}}
    formula = {"version": 2, "plugins": {V2: {"containerd": {"runtimes": options}}}}
    ret = managed([{"formula": formula}, {"pillar": NO_CRI}], cri=False, test=testmode)
    assert ret.result is (None if testmode else True), ret.comment
    # The daemon came up without it.
    assert "trial start" not in ret.comment


LIMITS = {"limits": {"LimitNOFILE": 5}}


def test_a_pair_that_failed_is_not_written_again(managed, config_path, loaders, request):
    """
    config.toml and the drop-in of the unit, which another state writes after it.
    """
    managed()
    change = loaders.modules.containerd_change
    change.settle()
    right = content(config_path)
    managed({"oom_score": -5})
    [drop_in] = [path for path, text in unit.render(**LIMITS).items() if text]
    line = f'# Rolled back together: ["{config_path}", "{drop_in}"] it failed\n'
    for path, text in ((str(config_path), content(config_path)), (drop_in, unit.render(**LIMITS)[drop_in])):
        kept = Path(change.copies(path)["rejected"])
        kept.write_text(line + text, encoding="utf-8")
        request.addfinalizer(kept.unlink)
    config_path.write_text(right, encoding="utf-8")
    for test in (True, False):
        ret = managed({"oom_score": -5}, service=LIMITS, test=test)
        assert (ret.result, ret.changes) == (False, {})
        assert "this very content was rolled back before" in ret.comment
        assert "whether other files went with it" in ret.comment
    assert content(config_path) == right
    # One of the two alone is something else.
    assert managed({"oom_score": -5}, service={"limits": {"LimitNOFILE": 6}}, test=True).result is None
    assert managed({"oom_score": -5}).result is True


@pytest.mark.parametrize("service", [5, [1], {"nope": {}}, {"limits": {"NOFILE": 1}}])
def test_settings_of_the_unit_that_are_none_are_refused(managed, config_path, service):
    ret = managed(service=service)
    assert ret.result is False
    assert "service" in ret.comment
    assert not config_path.exists()
