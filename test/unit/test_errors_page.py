"""
The page of errors quotes what the code says.
"""

import ast
import re

import pytest
from support import ROOT

PAGE = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(.+?)` \| .+ \| .+ \|$", PAGE, re.MULTILINE)
CODE = [
    path
    for folder in ("_modules", "_runners", "_states", "_utils")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
SLS = [path for path in sorted((ROOT / "containerd").rglob("*")) if path.suffix in (".sls", ".jinja")]


@pytest.fixture(scope="module")
def said():
    """
    Return all that the formula may say, its values left out.
    """
    texts = []
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else "…" for part in node.values]
                texts.append("".join(parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(re.sub(r"\{\w*\}", "…", node.value))
    texts += [" ".join(path.read_text(encoding="utf-8").split()) for path in SLS]
    return texts


def test_there_are_rows():
    assert len(ROWS) > 30


@pytest.mark.parametrize("message", ROWS)
def test_the_code_says_it(message, said):
    pieces = [piece.strip() for piece in message.split("…") if piece.strip(" ,.:")]
    pattern = ".*".join(re.escape(piece) for piece in pieces)
    assert any(re.search(pattern, text) for text in said)
