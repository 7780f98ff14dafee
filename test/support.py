"""
What all tests share: the formula's folder and a loader for its Python files.
"""

import importlib.util
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]


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
