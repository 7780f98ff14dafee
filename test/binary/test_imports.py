"""
The imports of a configuration: those that containerd itself reads are those that were looked at.
"""

import pytest
from containerd_formula.toml import loads
from salt.exceptions import CommandExecutionError

NAMES = ("a.toml", ".b.toml", "c.toml", "d-e.toml", "!f.toml", "sub/a.toml", "sub/.b.toml", ".dot/a.toml")
PATTERNS = (
    *("*.toml", "*", ".*", "?.*", "[ac]*.toml", "[^a]*.toml", "[!a]*.toml", "\\a*", "*/*.toml", "*/a.toml"),
    *("[a-c]*", "*-?.toml", "sub/*", "./*.toml", "sub/../*.toml", "*e*", "**", "*l", "a.toml*", "[\\!]*"),
)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_find_what_containerd_finds(salt_functions, tmp_path, pattern):
    for name in NAMES:
        file = tmp_path / "conf.d" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f'version = 2\n[timeouts]\n"{name}" = "1s"\n', encoding="utf-8")
    full = f"{tmp_path}/conf.d/{pattern}"
    path = tmp_path / "config.toml"
    path.write_text(f"version = 2\nimports = ['{full}']\n", encoding="utf-8")
    found = salt_functions["containerd_imports.files"](str(path), {"imports": [full]})
    try:
        said = salt_functions["containerd_daemon.dumped"](str(path))
    except CommandExecutionError as err:
        # A folder is no file: 1.x refuses.
        assert "is a directory" in str(err)
        return
    read = set(loads(said["text"]).get("timeouts", {})) & set(NAMES)
    assert {f"{tmp_path}/conf.d/{name}" for name in read} == set(found)
