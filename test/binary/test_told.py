"""
What the real containerd quotes of its configuration is told without secrets, whoever asks.
"""

import pytest
from salt.exceptions import CommandExecutionError

CRI = "io.containerd.grpc.v1.cri"
# 1.5 and newer, before 2.0, quote a value of the wrong type.
SECRETS = {
    "quotes": 'hun"ter2',
    "a backslash": "hun\\\\ter2",
    "lines": "hunter1\\nhunter2",
    "long": "A" * 450 + "hunter2" + "B" * 700,
    "control": "h\\u00fcnter1\\u2028hunter2\\u0001",
}


@pytest.fixture(params=SECRETS)
def quoted(request, tmp_path):
    """
    A file of which containerd complains, and one that imports it.
    """
    text = f'version = 2\n[plugins."{CRI}".registry.configs.h]\nauth = "{SECRETS[request.param]}"\n'
    (tmp_path / "one.toml").write_text(text.replace('hun"ter2', 'hun\\"ter2'), encoding="utf-8")
    (tmp_path / "two.toml").write_text('version = 2\nimports = ["one.toml"]\n')
    return tmp_path


@pytest.mark.parametrize(
    ("function", "file"),
    [
        ("containerd.trial_start", "one.toml"),
        ("containerd_daemon.config_dump", "one.toml"),
        ("containerd_daemon.dumped", "two.toml"),
    ],
)
def test_a_value_of_the_wrong_type_is_not_quoted(salt_functions, quoted, function, file):
    with pytest.raises(CommandExecutionError) as error:
        salt_functions[function](str(quoted / file))
    assert "config.AuthConfig" in str(error.value)
    for part in ("hun", "ter2", "AAAA", "BBBB"):
        assert part not in str(error.value).rpartition("failed:")[2]


def test_a_broken_import_is_not_quoted(salt_functions, tmp_path):
    (tmp_path / "one.toml").write_text("root:$6$hunter2:19000\n")
    (tmp_path / "two.toml").write_text('version = 2\nimports = ["one.toml"]\n')
    with pytest.raises(CommandExecutionError, match="one.toml is not valid TOML: it goes wrong at") as error:
        salt_functions["containerd_daemon.dumped"](str(tmp_path / "two.toml"))
    assert "hunter2" not in str(error.value)
