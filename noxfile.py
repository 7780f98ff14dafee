"""
Every Python and Salt in one command: ``nox``. Pythons that are not here are left out, or fetched where uv is.
"""

import nox

PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13")
SALTS = ("3006.28", "3008.3")
LINTED_WITH = "3.11"

nox.options.default_venv_backend = "uv|virtualenv"


def install(session, salt):
    """
    Install a Salt release and what the tests run with.
    """
    session.install(f"salt=={salt}", "--requirement", "test/requirements.txt")


@nox.session(python=LINTED_WITH)
def lint(session):
    """
    Run the linters that ``make lint`` runs.
    """
    install(session, SALTS[0])
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("yamllint", "--strict", ".")
    files = session.run("git", "ls-files", "*.sls", "*.jinja", external=True, silent=True)
    session.run("salt-lint", *files.split())


@nox.session(python=PYTHONS)
@nox.parametrize("salt", SALTS)
def test(session, salt):
    """
    Run the unit tests, those of Salt's loaders and those of the real binaries.
    """
    install(session, salt)
    session.run("python", "-m", "pytest", "--numprocesses=auto", "--dist=loadfile", *session.posargs)
