"""
The way in for a node that another tool configured: with minimal's pillar nothing that is in effect changes.
"""

from pathlib import Path

import pytest
from salt.exceptions import CommandExecutionError
from support.way_in import FORMULA, came_in, dumped, untold

# Small, each in the style of a public project.
FILES = sorted((Path(__file__).parent / "files").glob("*.toml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_of_another_tool_comes_in_without_a_change(salt_functions, tmp_path, file):
    path = tmp_path / "config.toml"
    path.write_bytes(file.read_bytes())
    before = dumped(path)
    if before is None:
        with pytest.raises(CommandExecutionError, match="config dump failed"):
            salt_functions["containerd_toml.minimal"](str(path), beneath=FORMULA)
        return
    answer, plan = came_in(salt_functions, path)
    new = tmp_path / "new.toml"
    new.write_text(plan["text"], encoding="utf-8")
    told = answer.get("left_out", [])
    assert untold(before, dumped(new), told) == {}
    assert {key for key in plan["changes"] if key not in ("version", str(path))} <= {
        key for key in plan["changes"] if any(sentence.startswith(key) for sentence in told)
    }
    # And once it is written, it is the formula's, and stays.
    again = salt_functions["containerd_toml.plan"](
        str(new), [*FORMULA, {"pillar": answer["containerd"]["config"]}]
    )
    assert not again["write"]
