"""
Fixtures of the tests against real containerd binaries.
"""

import pytest
import support
import tomlkit
from containerd_formula.data import combine
from containerd_formula.document import compose
from support.binaries import binaries, on_path, release  # noqa: F401
from support.image_node import Node
from support.images import Daemon


@pytest.fixture
def salt_functions(on_path):  # noqa: F811
    """
    The formula's execution functions on a node that has this release.
    """
    return support.salt_functions()


@pytest.fixture
def trial(salt_functions, tmp_path):
    """
    Return a function that tries the release's own default with overrides.
    """
    path = tmp_path / "config.toml"

    def run(overrides, **options):
        made = compose(salt_functions["containerd_daemon.config_default"](), overrides, strict=False)
        # With what the translation would mend, and the checks would refuse.
        data = combine(made.result, overrides if overrides.get("version") == made.version else {})
        path.write_text(tomlkit.dumps(data), encoding="utf-8")
        return salt_functions["containerd.trial_start"](str(path), **options)

    return run


@pytest.fixture(scope="module")
def daemon(binaries, tmp_path_factory):  # noqa: F811
    """
    A daemon of this release with folders of its own.
    """
    with Daemon(tmp_path_factory.mktemp("node") / "d", binaries) as running:
        yield running


@pytest.fixture
def node(daemon, tmp_path, monkeypatch):
    """
    A node with that daemon, and without images in the end.
    """
    yield Node(daemon, tmp_path, monkeypatch)
    for _ in range(2):
        if names := daemon.names():
            daemon.ctr("images", "rm", "--sync", *names, check=False)


@pytest.fixture
def planned(salt_functions, tmp_path):
    """
    Return a function that plans a file of layers, with a trial start.
    """

    def run(*layers):
        return salt_functions["containerd_document.plan"](
            str(tmp_path / "config.toml"), list(layers), trial=30
        )

    return run
