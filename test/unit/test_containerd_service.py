"""
The service: what is asked of systemd, and what the state makes of the answers.
"""

import pytest
from salt.exceptions import CommandExecutionError
from support import functions_of, load


@pytest.fixture
def service(tmp_path, monkeypatch):
    """
    The module over a systemd that runs and has the unit; ``asked`` is what was run, ``told`` what it answers.
    """
    module = load("_modules/containerd_service.py")
    fragment = tmp_path / "unit"
    fragment.write_text("[Service]\nExecStart=/bin/true\n", encoding="utf-8")
    monkeypatch.setattr(module.places, "SYSTEMD_BOOTED", str(tmp_path))
    monkeypatch.setattr(module.places, "DROP_IN", str(tmp_path / "own.conf"))
    monkeypatch.setattr(module.places, "ENVIRONMENT", str(tmp_path / "own.env"))
    module.missing, module.asked = [], []
    module.told = {
        "show": f"ActiveState=active\nInvocationID=1\nFragmentPath={fragment}\nExecStart=a=b\n",
        "is-enabled": "enabled\n",
    }
    monkeypatch.setattr(
        module.salt.utils.path, "which", lambda name: None if name in module.missing else name
    )

    def run(*argv):
        module.asked.append(argv)
        told = module.told.get(argv[1] if argv[0] == "systemctl" else argv[0], "")
        if callable(told):
            told = told(*argv)
        failed = isinstance(told, Exception)
        return {"stdout": "" if failed else told, "stderr": f"{told}\n", "retcode": int(failed)}

    def restart(name):
        module.asked.append(("restart", name))
        if "restart" in module.told:
            raise module.told["restart"]
        return True

    files = functions_of("containerd_paths", "containerd_files", "containerd_words")
    module.__salt__ = {**files, "containerd_command.run": run, "service.restart": restart}
    return module


def asked(service):
    return [argv[1] for argv in service.asked]


def test_systemd_is_asked_for_the_units_properties(service):
    assert service.properties()["ActiveState"] == "active"
    assert service.properties()["ExecStart"] == "a=b"


def test_without_a_running_systemd_nothing_is_asked(service, monkeypatch):
    monkeypatch.setattr(service.places, "SYSTEMD_BOOTED", "/no/such/folder")
    assert (service.properties(), service.reload(), service.last_words()) == ({}, False, "")
    assert service.restart_if_running() == ""
    assert service.verify("[Service]\n") == []
    assert service.asked == []


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        ("properties", "systemctl show containerd.service failed: no bus"),
        ("enable", "systemctl enable containerd.service failed: no bus"),
        ("reload", "systemctl daemon-reload failed: no bus"),
    ],
)
def test_systemctl_that_fails_is_quoted(service, ask, words):
    service.told = dict.fromkeys(("show", "enable", "daemon-reload"), OSError("no bus"))
    with pytest.raises(CommandExecutionError) as error:
        getattr(service, ask)()
    assert str(error.value) == words


def test_a_node_without_systemd_is_told_so(service):
    service.missing = ["systemctl"]
    with pytest.raises(CommandExecutionError, match="systemctl is not installed: this formula needs systemd"):
        service.enabled()


@pytest.mark.parametrize(
    ("told", "word"), [("masked\n", "masked"), ("not-found\n", ""), (OSError("Failed to get state"), "")]
)
def test_what_is_enabled_is_in_systemctls_words(service, told, word):
    service.told["is-enabled"] = told
    assert service.enabled() == word


def test_a_service_that_runs_is_restarted_with_the_unit_file_of_now(service):
    assert service.restart_if_running() == " The service was restarted."
    assert asked(service) == ["daemon-reload", "show", "reset-failed", "containerd"]


def test_a_restart_is_not_refused_since_there_were_too_many(service):
    """
    A roll-back may be the sixth start within ten seconds, which systemd refuses.
    """
    service.told["reset-failed"] = CommandExecutionError("not loaded")
    assert service.restart() is True
    assert service.asked == [("systemctl", "reset-failed", "containerd.service"), ("restart", "containerd")]


@pytest.mark.parametrize("state", ["inactive", "failed", "activating"])
def test_a_service_that_does_not_run_is_not_started(service, state):
    service.told["show"] = f"ActiveState={state}\n"
    assert service.restart_if_running() == ""
    assert asked(service) == ["daemon-reload", "show"]


def test_a_daemon_without_its_binary_is_left_running(service):
    service.missing = ["containerd"]
    assert service.restart_if_running() == ""
    assert asked(service) == ["daemon-reload", "show"]


def test_a_restart_that_fails_is_told_and_no_error(service):
    service.told["restart"] = CommandExecutionError("Job failed")
    told = " The service did not start with the old configuration: Job failed"
    assert service.restart_if_running() == told
    with pytest.raises(CommandExecutionError, match="Job failed"):
        service.restart()


def test_the_last_words_are_those_of_the_last_start(service):
    service.told["journalctl"] = "containerd: invalid key\nended\n"
    assert service.last_words() == "invalid key"


def test_the_last_words_tell_no_secret(service):
    service.told["journalctl"] = f"containerd: {'x' * 2000}hunter2{'y' * 2000}\n"
    service.__salt__["containerd_words.told"] = lambda text: text.replace("hunter2", "(secret)")
    assert "hunt" not in service.last_words()
    assert service.asked[-1][-1] == "_SYSTEMD_INVOCATION_ID=1"
    service.missing = ["journalctl"]
    assert service.last_words() == ""


def test_what_systemd_would_ignore_in_the_drop_in_is_told(service):
    trial = []

    def analyze(_program, _verb, path):
        candidate = f"{path}.d/own.conf"
        for name in (path, candidate):
            with open(name, encoding="utf-8") as file:
                trial.append((name, file.read()))
        return OSError(f"{candidate}:2: Unknown key 'X' in section\n/other.service:1: Unknown key 'Y'\n")

    service.told["systemd-analyze"] = analyze
    assert service.verify("[Service]\nX=1\n") == ["Unknown key 'X' in section"]
    assert [text for _, text in trial] == ["[Service]\nExecStart=/bin/true\n", "[Service]\nX=1\n"]
    assert not any(service.os.path.exists(name) for name, _ in trial)
    service.missing = ["systemd-analyze"]
    assert service.verify("[Service]\nX=1\n") == []


def test_a_unit_that_cannot_be_copied_is_an_error(service):
    service.told["show"] = "FragmentPath=/no/such/unit\n"
    with pytest.raises(CommandExecutionError, match="the drop-in cannot be tried out: .*/no/such/unit"):
        service.verify("[Service]\n")


def test_the_files_of_the_node_are_read(service, tmp_path):
    (tmp_path / "own.conf").write_bytes(b"[Service]\n\xff")
    assert service.current() == {
        str(tmp_path / "own.conf"): "[Service]\n\ufffd",
        str(tmp_path / "own.env"): None,
    }


def test_a_drop_in_that_systemd_masks_is_no_file(service, tmp_path):
    (tmp_path / "own.conf").symlink_to("/dev/null")
    with pytest.raises(CommandExecutionError, match="own.conf is not a file: remove it"):
        service.current()


@pytest.fixture(params=[False, True], ids=["live", "test"])
def state(request, service):
    """
    The state over the files of the test; ``written`` is what it had written, in order.
    """
    module = load("_states/containerd_service.py")
    module.written = []

    def apply(path, text, mode):
        module.written.append((service.os.path.basename(path), mode))
        if text is None:
            service.os.unlink(path)
            return
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    module.__opts__ = {"test": request.param}
    module.__salt__ = {
        **{f"containerd_service.{n}": f for n, f in vars(service).items() if callable(f)},
        "containerd_change.rejected": lambda path, text, beside: False,
        "containerd_change.copies": lambda path: {"rejected": f"/kept{path}"},
        "containerd_change.take_over": lambda path: None,
        "containerd_change.apply": apply,
    }
    return module


WANTED = {"environment": {"HTTPS_PROXY": "http://u:hunter2@proxy"}, "limits": {"LimitNOFILE": 5}}


def test_a_drop_in_is_written_once_and_removed(state, service):
    test = state.__opts__["test"]
    ret = state.managed("x", **WANTED)
    assert ret["result"] is (None if test else True)
    assert ret["changes"] == {
        "environment.HTTPS_PROXY": {"old": None, "new": "http://(secret)@proxy"},
        "Service.LimitNOFILE": {"old": None, "new": "5"},
    }
    assert state.written == ([] if test else [("own.env", "0600"), ("own.conf", "0644")])
    assert ("systemctl", "daemon-reload") in service.asked or test
    if not test:
        gone = state.managed("x")
        assert gone["changes"]["Service.LimitNOFILE"] == {"old": "5", "new": None}
        assert service.current() == dict.fromkeys(service.current())


def test_files_that_are_right_stay(state, service):
    for path, text in state.unit.render(**WANTED).items():
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    ret = state.managed("x", **WANTED)
    assert ret["comment"] == "The service has these settings already."
    assert (ret["result"], ret["changes"], state.written, service.asked) == (True, {}, [], [])


def test_an_edit_that_says_the_same_is_a_change(state, tmp_path):
    files = state.unit.render(**WANTED)
    for path, text in files.items():
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"{text}# mine\n" if path.endswith(".conf") else text)
    ret = state.managed("x", **WANTED)
    assert ret["changes"] == {str(tmp_path / "own.conf"): {"old": "edited", "new": "as specified"}}
    assert state.written == ([] if state.__opts__["test"] else [("own.conf", "0644")])


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ({"current": CommandExecutionError("is not a file")}, "is not a file"),
        ({"verify": ["Unknown key 'X'"]}, "nothing was changed. systemd would ignore:\nUnknown key 'X'"),
        ({"verify": CommandExecutionError("no copy")}, "no copy"),
        ({"rejected": True}, "own.env says why"),
    ],
    ids=["unreadable", "ignored", "no trial", "rolled back before"],
)
def test_what_is_refused_changes_nothing(state, broken, words):
    for name, answer in broken.items():
        module = "change" if name == "rejected" else "service"
        state.__salt__[f"containerd_{module}.{name}"] = lambda *_, answer=answer: _give(answer)
    ret = state.managed("x", **WANTED)
    assert (ret["result"], ret["changes"], state.written) == (False, {}, [])
    assert words in ret["comment"]


def test_where_the_configuration_failed_the_unit_is_left_alone(state):
    """
    Of two changes that failed together, and are refused together, neither is written.
    """
    tag = "containerd_toml_|-containerd configuration is managed_|-/etc/a_|-managed"
    state.__running__ = {tag: {"result": False}}
    ret = state.managed("x", **WANTED)
    assert (ret["result"], ret["changes"], state.written) == (False, {}, [])
    assert "not changed, because /etc/a failed" in ret["comment"]
    state.__running__ = {tag: {"result": True}}
    assert state.managed("x", **WANTED)["result"] is not False


def test_the_other_files_of_the_run_are_told_to_who_knows_what_failed_together(state):
    asked = []
    state.__salt__["containerd_change.rejected"] = lambda *args: asked.append(args)
    state.managed("x", **WANTED)
    files = state.unit.render(**WANTED)
    assert asked == [(path, text, files) for path, text in files.items()]


def test_what_cannot_be_written_is_refused(state):
    ret = state.managed("x", limits={"NOFILE": 1})
    assert (ret["result"], ret["changes"], state.written) == (False, {}, [])
    assert "containerd:service:limits:NOFILE is not a limit" in ret["comment"]


def test_a_write_that_fails_tells_what_was_changed_before_it(state):
    whole = state.__salt__["containerd_change.apply"]

    def apply(path, text, mode):
        if path.endswith(".conf"):
            raise CommandExecutionError("the disk is full")
        whole(path, text, mode)

    state.__salt__["containerd_change.apply"] = apply
    ret = state.managed("x", **WANTED)
    if not state.__opts__["test"]:
        assert (ret["result"], ret["comment"]) == (False, "the disk is full")
        assert list(ret["changes"]) == ["environment.HTTPS_PROXY"]


def _give(answer):
    if isinstance(answer, Exception):
        raise answer
    return answer
