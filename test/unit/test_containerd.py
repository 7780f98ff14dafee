"""
The daemon's module: what it makes of the answers of containerd's binaries.
"""

import pytest
from salt.exceptions import CommandExecutionError
from support import load

SCHEMA = {"containerd_schema.cri_plugins": load("_modules/containerd_schema.py").cri_plugins}
PLUGINS = """\
TYPE                            ID                    PLATFORMS      STATUS
io.containerd.snapshotter.v1    zfs                   linux/amd64    skip
io.containerd.cri.v1            images                -              {images}
io.containerd.cri.v1            runtime               linux/amd64    ok
io.containerd.grpc.v1           cri                   -              ok
"""
DETAILED = """\
Type:             io.containerd.snapshotter.v1
ID:               zfs
Error:
                  Code:        Unknown
                  Message:     no zfs here: skip plugin

Type:             io.containerd.cri.v1
ID:               images
Error:
                  Code:        Unknown
                  Message:     invalid plugin config: `mirrors` cannot be set when `config_path` is provided
"""


@pytest.fixture
def containerd(monkeypatch):
    module = load("_modules/containerd.py")
    monkeypatch.setattr(module.salt.utils.path, "which", lambda name: f"/usr/bin/{name}")
    return module


def answers(module, stdout="", stderr="", retcode=0):
    result = {"stdout": stdout, "stderr": stderr, "retcode": retcode}
    module.__salt__ = {**SCHEMA, "cmd.run_all": lambda *_, **__: result}


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ("containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u3\n", "1.6.20"),
        ("containerd github.com/containerd/containerd/v2 2.1.9+unknown \n", "2.1.9"),
        ("containerd containerd.io v1.7.28 b98a3aace656320842a23f4a392a33f46af97866\n", "1.7.28"),
        ("containerd github.com/containerd/containerd/v2 v2.4.0-beta.1 abc\n", "2.4.0-beta.1"),
    ],
)
def test_version_is_the_third_field(containerd, printed, version):
    answers(containerd, printed)
    assert containerd.version() == version


def test_rubbish_is_no_version(containerd):
    answers(containerd, "hello\n")
    with pytest.raises(CommandExecutionError, match="printed no version: 'hello"):
        containerd.version()


def test_an_empty_default_is_an_error(containerd):
    answers(containerd, "\n")
    with pytest.raises(CommandExecutionError, match="printed nothing"):
        containerd.config_default()


def test_a_command_that_fails_gives_containerds_own_last_words(containerd, tmp_path):
    path = tmp_path / "config.toml"
    path.touch()
    answers(containerd, stderr="level=info\ncontainerd: invalid plugin key URI\n", retcode=1)
    with pytest.raises(CommandExecutionError, match="config dump failed: containerd: invalid plugin key"):
        containerd.config_dump(str(path))


def test_dump_of_a_missing_file_is_an_error(containerd, tmp_path):
    """
    containerd 2 shows its defaults for a file that does not exist.
    """
    answers(containerd, "version = 3")
    with pytest.raises(CommandExecutionError, match="does not exist"):
        containerd.config_dump(str(tmp_path / "config.toml"))


def test_a_missing_binary_is_named_with_the_cure(containerd, monkeypatch):
    monkeypatch.setattr(containerd.salt.utils.path, "which", lambda name: None)
    with pytest.raises(CommandExecutionError, match="containerd is not installed.*apply containerd.package"):
        containerd.version()


def test_ready_needs_every_cri_plugin(containerd):
    answers(containerd, PLUGINS.format(images="ok"))
    assert containerd.ready(address=__file__) == {"ready": True, "reason": ""}


def test_a_failed_cri_plugin_is_named_with_the_daemons_words(containerd):
    plugins = PLUGINS.format(images="error")
    containerd.__salt__ = {
        **SCHEMA,
        "cmd.run_all": lambda argv, **_: {
            "stdout": DETAILED if "--detailed" in argv else plugins,
            "stderr": "",
            "retcode": 0,
        },
    }
    answer = containerd.ready(address=__file__)
    assert answer["ready"] is False
    assert answer["reason"] == (
        "io.containerd.cri.v1.images failed: "
        "invalid plugin config: `mirrors` cannot be set when `config_path` is provided"
    )


def test_a_disabled_cri_plugin_is_not_ready(containerd):
    answers(containerd, "TYPE ID PLATFORMS STATUS\nio.containerd.grpc.v1 version - ok\n")
    assert "disabled_plugins" in containerd.ready(address=__file__)["reason"]


def test_ready_waits_until_the_daemon_answers(containerd, monkeypatch):
    monkeypatch.setattr(containerd, "POLL_INTERVAL", 0)
    replies = [
        {"stdout": "", "stderr": "ctr: connection refused", "retcode": 1},
        {"stdout": PLUGINS.format(images="ok"), "stderr": "", "retcode": 0},
    ]
    containerd.__salt__ = {**SCHEMA, "cmd.run_all": lambda *_, **__: replies.pop(0)}
    assert containerd.ready(30, __file__)["ready"] is True
    assert not replies


def test_no_socket_needs_no_waiting_for_ctr(containerd):
    """
    1.7's ctr waits ten seconds for a socket that is not there.
    """
    containerd.__salt__ = {**SCHEMA}
    answer = containerd.ready(address="/nonexistent/containerd.sock")
    assert answer == {
        "ready": False,
        "reason": "no daemon answers: there is no socket /nonexistent/containerd.sock",
    }


def test_a_panic_is_told_by_its_first_line(containerd):
    answers(containerd, stderr="panic: plugin: no type\n\ngoroutine 1:\n\tmain.go:39 +0x2d\n", retcode=2)
    with pytest.raises(CommandExecutionError, match="config default failed: panic: plugin: no type"):
        containerd.config_default()


def test_ready_gives_up_with_the_reason(containerd):
    answers(containerd, stderr="ctr: connection refused", retcode=1)
    answer = containerd.ready(0, __file__)
    assert answer["ready"] is False
    assert "connection refused" in answer["reason"]
