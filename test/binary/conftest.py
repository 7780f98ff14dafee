"""
Fixtures of the tests against real containerd binaries.
"""

import subprocess

import pytest
from binaries import binaries, on_path, release  # noqa: F401
from support import load


@pytest.fixture
def salt_functions(on_path):  # noqa: F811
    """
    The formula's execution functions with the one function of Salt's own that they call.
    """
    functions = {"cmd.run_all": run_all}
    for name in ("containerd", "containerd_toml"):
        module = load(f"_modules/{name}.py")
        module.__salt__ = functions
        functions.update({f"{name}.{key}": value for key, value in vars(module).items() if callable(value)})
    return functions


def run_all(argv, **_options):
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return {"stdout": done.stdout, "stderr": done.stderr, "retcode": done.returncode}
