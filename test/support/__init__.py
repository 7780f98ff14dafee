"""
What all tests share: the formula's folder and a loader for its Python files.
"""

import importlib.util
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# What of it Salt is given.
FORMULA = ("_modules", "_runners", "_states", "_utils", "containerd")


def load(relative):
    """
    Import a file of the formula by its path, as Salt's loader would.
    """
    name = "formula." + relative.removesuffix(".py").replace("/", ".")
    spec = importlib.util.spec_from_file_location(name, ROOT / relative)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def salt_functions():
    """
    Return the formula's execution functions, wired as ``__salt__`` with what they call of Salt's own.
    """
    functions = {"cmd.run_all": _run_all, "cmd.which": shutil.which}
    for path in sorted(ROOT.glob("_modules/*.py")):
        module = load(f"_modules/{path.name}")
        module.__salt__ = functions
        # This machine's own record and copies are none of the tests'.
        module.__opts__ = {"root_dir": "/nonexistent", "test": False}
        functions.update(
            {f"{path.stem}.{name}": value for name, value in vars(module).items() if callable(value)}
        )
    return functions


def functions_of(*names):
    """
    Return the functions of some execution modules, wired.
    """
    return {key: value for key, value in salt_functions().items() if key.partition(".")[0] in names}


def wired(name):
    """
    Return one of the formula's execution modules, wired.
    """
    salt_functions()
    return sys.modules[f"formula._modules.{name}"]


def _run_all(argv, timeout=None, **_options):
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=timeout)
    except subprocess.TimeoutExpired:
        # As Salt has it.
        return {"stdout": f"Timed out after {timeout} seconds", "stderr": "", "retcode": 1}
    return {"stdout": done.stdout, "stderr": done.stderr, "retcode": done.returncode}
