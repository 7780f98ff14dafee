"""
Every Python and Salt in one command: ``nox``. Pythons that are not here are left out, or fetched where uv is.
"""

import nox

PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13")
SALTS = ("3006.28", "3008.3")

nox.options.default_venv_backend = "uv|virtualenv"


@nox.session(python=PYTHONS)
@nox.parametrize("salt", SALTS)
def test(session, salt):
    """
    Run the unit tests, those of Salt's loaders and those of the real binaries.
    """
    session.install(f"salt=={salt}", "--requirement", "test/requirements.txt")
    session.run("python", "-m", "pytest", "--numprocesses=auto", "--dist=loadfile", *session.posargs)
