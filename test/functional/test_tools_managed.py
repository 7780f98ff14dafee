"""
containerd_tools as Salt runs it: predicted, written, left alone, and taken away again.
"""

import pytest
import yaml

pytestmark = pytest.mark.once

SOCKET = "unix:///run/containerd/containerd.sock"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "etc" / "crictl.yaml"


@pytest.fixture
def managed(loaders, path):
    def run(test=False, manage=True, **more):
        apply = loaders.states.containerd_tools.managed
        return apply(name=str(path), tool="crictl", manage=manage, test=test, **more)

    return run


def test_it_is_predicted_and_written_alike(managed, path):
    path.parent.mkdir()
    predicted = managed(test=True, config={"timeout": 10})
    assert (predicted.result, path.exists()) == (None, False)
    done = managed(config={"timeout": 10})
    assert (done.result, done.changes) == (True, predicted.changes), done.comment
    assert yaml.safe_load(path.read_text()) == {
        "runtime-endpoint": SOCKET,
        "image-endpoint": SOCKET,
        "timeout": 10,
    }
    assert path.stat().st_mode & 0o777 == 0o644
    for test in (True, False):
        again = managed(test=test, config={"timeout": 10})
        assert (again.result, again.changes) == (True, {})


def test_a_missing_folder_is_made(managed, path):
    assert managed().result is True and path.is_file()


def test_only_what_differs_is_told(managed, path):
    managed(config={"timeout": 10})
    changes = {"timeout": {"old": 10, "new": None}, "debug": {"old": None, "new": True}}
    for test in (True, False):
        assert managed(test=test, config={"debug": True}).changes == changes
    path.chmod(0o666)
    assert managed(config={"debug": True}).changes == {"mode": "0644"}


def test_without_manage_ours_goes_and_another_stays(managed, path):
    assert managed(manage=False).changes == {}
    managed()
    assert managed(manage=False, test=True).result is None and path.exists()
    assert managed(manage=False).changes == {"removed": str(path)} and not path.exists()
    path.write_text("timeout: 2\n")
    assert managed(manage=False).changes == {} and path.read_text() == "timeout: 2\n"


def test_a_file_of_somebody_else_is_replaced_where_pillar_says_so(managed, path):
    path.parent.mkdir()
    path.write_text("timeout: 2\n")
    for test in (True, False):
        refused = managed(test=test)
        assert refused.result is False and "containerd:tools:crictl:replace" in refused.comment
    assert path.read_text() == "timeout: 2\n"
    done = managed(replace=True)
    assert done.result is True and done.changes["file"] == {"old": "another's", "new": "replaced"}
    assert managed(manage=False).changes == {"removed": str(path)}


@pytest.fixture
def completed(loaders, tmp_path, monkeypatch):
    """
    The state, on a node with a crictl that completes.
    """
    programs, folder = tmp_path / "bin", tmp_path / "bash_completion.d"
    programs.mkdir()
    (programs / "crictl").write_text(
        "#!/bin/sh\n[ \"$*\" = 'completion bash' ] && echo 'complete -F _a crictl'\n"
    )
    (programs / "crictl").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")

    def run(tools, test=False):
        return loaders.states.containerd_tools.completed(name=str(folder), tools=tools, test=test)

    run.folder = folder
    return run


def test_completion_is_predicted_written_and_goes_again(completed):
    path = completed.folder / "crictl"
    predicted = completed(["crictl", "nerdctl"], test=True)
    assert (predicted.result, path.exists()) == (None, False)
    done = completed(["crictl", "nerdctl"])
    assert (done.result, done.changes) == (True, predicted.changes), done.comment
    assert done.changes == {str(path): {"old": None, "new": "written"}}
    assert "nerdctl: it is not installed." in done.comment
    assert path.read_text().endswith("complete -F _a crictl\n") and path.stat().st_mode & 0o777 == 0o644
    for test in (True, False):
        assert completed(["crictl"], test=test).changes == {}
    assert completed([], test=True).result is None and path.exists()
    assert completed([]).changes == {str(path): {"old": "present", "new": None}} and not path.exists()


def test_a_tool_that_nobody_knows_is_a_failure(completed):
    refused = completed(["crictrl"])
    assert refused.result is False and "did you mean crictl?" in refused.comment
