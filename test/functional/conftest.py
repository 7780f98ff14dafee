"""
Salt for real, without a daemon: the loaders and state.apply of a minion whose file_roots is this formula.
"""

import logging
import shutil
import tempfile
from pathlib import Path

import pytest
from lab.repository import NODE_SEES_HOST, Server
from saltfactories.utils.functional import Loaders
from support import FORMULA, ROOT
from support.rendering import apply_with, no_check, other_release  # noqa: F401


@pytest.fixture(scope="session")
def salt_factories_config():
    # Short: a longer path makes the sockets of a master too long.
    root_dir = tempfile.mkdtemp(prefix="cf-")
    yield {
        "code_dir": None,
        "inject_sitecustomize": False,
        "root_dir": root_dir,
        "log_server_host": "127.0.0.1",
    }
    shutil.rmtree(root_dir, ignore_errors=True)
    # Salt's handlers log past the end of the capture, each time with a traceback.
    logging.raiseExceptions = False


@pytest.fixture(scope="session")
def file_root(tmp_path_factory):
    """
    Return a folder with the formula alone: Salt walks all of a file root, and ROOT may have .venv and .cache.
    """
    folder = tmp_path_factory.mktemp("file_root")
    for name in FORMULA:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="session")
def make_minion_opts(salt_factories, file_root):
    """
    Return the configuration of a masterless minion that has the formula's modules without a sync.
    """

    def make(name, **overrides):
        factory = salt_factories.salt_minion_daemon(
            name,
            overrides={
                "file_client": "local",
                "file_roots": {"base": [str(file_root)]},
                "module_dirs": [str(ROOT / "_modules"), str(ROOT / "test/support/modules")],
                "states_dirs": [str(ROOT / "_states")],
                "utils_dirs": [str(ROOT / "_utils")],
                **overrides,
            },
        )
        return factory.config.copy()

    return make


@pytest.fixture(scope="session")
def minion_opts(make_minion_opts):
    return make_minion_opts("functional")


@pytest.fixture(scope="session")
def session_loaders(minion_opts):
    return Loaders(minion_opts)


@pytest.fixture
def loaders(session_loaders):
    yield session_loaders
    session_loaders.reset_state()


@pytest.fixture(params=[False, True], ids=["live", "test"])
def testmode(request):
    return request.param


@pytest.fixture
def config_path(tmp_path) -> Path:
    return tmp_path / "etc" / "config.toml"


@pytest.fixture
def server():
    """
    A web server, which this machine reaches as ``here``; nobody listens at ``down``.
    """
    with Server() as server:
        server.here, server.down = (
            url.replace(NODE_SEES_HOST, "127.0.0.1") for url in (server.url, server.url_down)
        )
        yield server
