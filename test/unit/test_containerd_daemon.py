"""
The daemon's module: what it makes of the answers of containerd's binaries.
"""

import pytest
from salt.exceptions import CommandExecutionError
from support import load

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
def daemon():
    return load("_modules/containerd_daemon.py")


def answers(module, stdout="", stderr="", retcode=0):
    result = {"stdout": stdout, "stderr": stderr, "retcode": retcode}
    module.__salt__ = {
        "containerd_command.path": lambda name: name,
        "containerd_command.run": lambda *_: result,
        "containerd_words.told": lambda text, *_: text.replace("hunter2", "(secret)"),
    }


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ("containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u3\n", "1.6.20"),
        ("containerd github.com/containerd/containerd/v2 2.1.9+unknown \n", "2.1.9"),
        ("containerd containerd.io v1.7.28 b98a3aace656320842a23f4a392a33f46af97866\n", "1.7.28"),
        ("containerd github.com/containerd/containerd/v2 v2.4.0-beta.1 abc\n", "2.4.0-beta.1"),
    ],
)
def test_version_is_the_third_field(daemon, printed, version):
    answers(daemon, printed)
    assert daemon.version() == version


def test_without_cri_an_answer_is_enough(daemon, tmp_path):
    socket = tmp_path / "containerd.sock"
    socket.touch()
    answers(daemon, PLUGINS.replace("grpc.v1           cri", "grpc.v1           other").format(images="skip"))
    found = daemon.ready(address=str(socket))
    assert (found["ready"], found["answers"]) == (False, True)
    assert "set containerd:service:cri to false" in found["reason"]
    assert daemon.ready(address=str(socket), cri=False) == {"ready": True, "answers": True, "reason": ""}
    answers(daemon, stderr="nobody there", retcode=1)
    assert daemon.ready(address=str(socket), cri=False)["ready"] is False


def test_rubbish_is_no_version(daemon):
    answers(daemon, "hello\n")
    with pytest.raises(CommandExecutionError, match="printed no version: 'hello"):
        daemon.version()


def test_an_empty_default_is_an_error(daemon):
    answers(daemon, "\n")
    with pytest.raises(CommandExecutionError, match="printed nothing"):
        daemon.config_default()


def test_a_command_that_fails_gives_containerds_own_last_words(daemon):
    answers(daemon, stderr="level=info\ncontainerd: invalid plugin key URI\n", retcode=1)
    with pytest.raises(CommandExecutionError, match="config default failed: invalid plugin key"):
        daemon.config_default()


def test_dump_of_a_missing_file_is_an_error(daemon, tmp_path):
    """
    containerd 2 shows its defaults for a file that does not exist.
    """
    answers(daemon, "version = 3")
    with pytest.raises(CommandExecutionError, match="does not exist"):
        daemon.config_dump(str(tmp_path / "config.toml"))


def test_a_missing_binary_is_named_with_the_cure(daemon):
    daemon.__salt__ = {"containerd_command.path": lambda name: None}
    with pytest.raises(CommandExecutionError, match="containerd is not installed.*apply containerd.package"):
        daemon.version()


def test_ready_needs_every_cri_plugin(daemon):
    answers(daemon, PLUGINS.format(images="ok"))
    assert daemon.ready(address=__file__) == {"ready": True, "answers": True, "reason": ""}


def test_a_failed_cri_plugin_is_named_with_the_daemons_words(daemon):
    plugins = PLUGINS.format(images="error")
    answers(daemon)
    daemon.__salt__["containerd_command.run"] = lambda *argv: {
        "stdout": DETAILED if "--detailed" in argv else plugins,
        "stderr": "",
        "retcode": 0,
    }
    answer = daemon.ready(address=__file__)
    assert answer["ready"] is False
    assert answer["reason"] == (
        "io.containerd.cri.v1.images failed: "
        "invalid plugin config: `mirrors` cannot be set when `config_path` is provided"
    )


def test_a_disabled_cri_plugin_is_not_ready(daemon):
    answers(daemon, "TYPE ID PLATFORMS STATUS\nio.containerd.grpc.v1 version - ok\n")
    assert "disabled_plugins" in daemon.ready(address=__file__)["reason"]


def test_ready_waits_until_the_daemon_answers(daemon, monkeypatch):
    monkeypatch.setattr(daemon, "POLL_INTERVAL", 0)
    replies = [
        {"stdout": "", "stderr": "ctr: connection refused", "retcode": 1},
        {"stdout": PLUGINS.format(images="ok"), "stderr": "", "retcode": 0},
    ]
    answers(daemon)
    daemon.__salt__["containerd_command.run"] = lambda *_: replies.pop(0)
    assert daemon.ready(30, __file__)["ready"] is True
    assert not replies


def test_no_socket_needs_no_waiting_for_ctr(daemon):
    """
    1.7's ctr waits ten seconds for a socket that is not there.
    """
    answers(daemon)
    answer = daemon.ready(address="/nonexistent/containerd.sock")
    assert answer == {
        "ready": False,
        "answers": False,
        "reason": "no daemon answers: there is no socket /nonexistent/containerd.sock",
    }


def test_a_panic_is_told_by_its_first_line(daemon):
    answers(daemon, stderr="panic: plugin: no type\n\ngoroutine 1:\n\tmain.go:39 +0x2d\n", retcode=2)
    with pytest.raises(CommandExecutionError, match="config default failed: panic: plugin: no type"):
        daemon.config_default()


def test_ready_gives_up_with_the_reason(daemon):
    answers(daemon, stderr="ctr: connection refused", retcode=1)
    answer = daemon.ready(0, __file__)
    assert answer["ready"] is False
    assert "connection refused" in answer["reason"]


def test_no_words_of_programs_tell_a_secret(daemon, tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("")
    answers(daemon, stderr=f"containerd: {'x' * 2000}hunter2{'y' * 2000}", retcode=1)
    with pytest.raises(CommandExecutionError) as error:
        daemon.dumped(str(path))
    assert "hunt" not in str(error.value)
    answers(daemon, stderr="level=warning msg=hunter2")
    assert daemon.dumped(str(path))["warnings"] == ["level=warning msg=(secret)"]
    answers(daemon, "Type: io.containerd.grpc.v1\nID: cri\nMessage: no hunter2\n")
    assert daemon._plugin_errors(["io.containerd.grpc.v1.cri"], "/") == "no (secret)"


@pytest.mark.parametrize("address", [["a"], 5, {"a": 1}])
def test_what_is_no_path_of_a_socket_is_refused(daemon, address):
    answers(daemon)
    with pytest.raises(CommandExecutionError, match="is not a socket path"):
        daemon.plugins(address)


VERSIONS = "Client:\n  Version:  {}\n  Revision: a\n  Go version: go1\n\nServer:\n  Version:  {}\n  UUID: 1\n"


def test_the_old_daemon_of_an_upgrade_does_not_serve(daemon, tmp_path, monkeypatch):
    socket = tmp_path / "containerd.sock"
    monkeypatch.setattr(daemon, "_socket", lambda: str(socket))
    answers(daemon, VERSIONS.format("2.1.9", "2.1.9"))
    assert daemon.serves() is False
    socket.touch()
    assert daemon.serves() is True
    for said in (VERSIONS.format("2.1.9", "1.7.24"), "Client:\n  Version: 2.1.9\n", ""):
        answers(daemon, said)
        assert daemon.serves() is False
    answers(daemon, retcode=1)
    assert daemon.serves() is False


def test_a_shim_is_looked_for_beside_containerd_too(daemon, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real/containerd").touch()
    (tmp_path / "containerd").symlink_to("real/containerd")
    daemon.__salt__ = {"cmd.which": lambda name: str(tmp_path / name)}
    assert daemon.search_path()[-2:] == (str(tmp_path), str(tmp_path / "real"))
    daemon.__salt__ = {"cmd.which": lambda name: None}
    assert daemon.search_path() == daemon.DAEMON_PATH
