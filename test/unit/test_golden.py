"""
The golden cases: a folder is a behaviour, with containerd's default, the overrides, and what comes of them.

``expected.toml`` is the document, ``refused.txt`` the message. ``GOLDEN=write`` writes them anew, to be read.
"""

import os

import pytest
import yaml
from salt.exceptions import CommandExecutionError
from support import ROOT, salt_functions

CASES = sorted((ROOT / "test/golden").iterdir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_golden(case):
    functions = salt_functions()
    functions["containerd_daemon.config_default"] = lambda: (case / "default.toml").read_text(
        encoding="utf-8"
    )
    functions["containerd_release.installed"] = lambda: "2.1.9"
    overrides = yaml.safe_load((case / "overrides.yaml").read_text(encoding="utf-8"))
    try:
        name, text = "expected.toml", functions["containerd_toml.render"](overrides)
    except CommandExecutionError as err:
        name, text = "refused.txt", f"{err}\n"
    if os.environ.get("GOLDEN") == "write":
        (case / name).write_text(text, encoding="utf-8")
    assert sorted(path.name for path in case.iterdir()) == sorted(["default.toml", name, "overrides.yaml"])
    assert text == (case / name).read_text(encoding="utf-8")
    assert name.startswith("refused") == case.name.startswith("refused")
