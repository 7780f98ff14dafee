"""
Why a repository cannot be used, as the real dnf says it, in a root of its own.
"""

import re
import subprocess

import pytest
from lab.repository import Key, Server
from salt.exceptions import CommandExecutionError
from support import functions_of, load

TEXT = "[docker-stable]\nname=Docker stable\nbaseurl={}\nenabled=1\ngpgcheck=1\nrepo_gpgcheck=1\ngpgkey=file://{}\n"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    made = {name: Key(folder, name) for name in ("good", "other")}
    yield made
    for key in made.values():
        key.close()


@pytest.fixture(scope="module")
def server(keys, tmp_path_factory):
    """
    A server with two repositories of nothing, one of them signed by a stranger.
    """
    with Server() as server:
        server.here = server.url.replace("10.0.2.2", "127.0.0.1")
        server.down = server.url_down.replace("10.0.2.2", "127.0.0.1")
        for name, key in keys.items():
            folder = tmp_path_factory.mktemp(name)
            subprocess.run(["createrepo_c", "--quiet", folder], check=True)
            listed = folder / "repodata/repomd.xml"
            (folder / "repodata/repomd.xml.asc").write_text(key.detached(listed.read_text()))
            server.replace(name, folder)
        yield server


@pytest.fixture
def module(tmp_path):
    """
    The module, whose dnf has a root, lists and repositories of its own in a folder.
    """
    module = load("_modules/containerd_lists.py")
    repos = tmp_path / "yum.repos.d"
    repos.mkdir()
    (tmp_path / "dnf.conf").write_text("[main]\nskip_if_unavailable=0\n")
    functions = functions_of("containerd_command", "containerd_files", "containerd_paths")
    own = [f"--config={tmp_path}/dnf.conf", f"--installroot={tmp_path}/root", "--releasever=9"]
    own += [f"--setopt=reposdir={repos}", f"--setopt=cachedir={tmp_path}/cache"]

    def run(name, *argv, **options):
        return functions["containerd_command.run"](name, *own, *argv, **options)

    module.__salt__ = {**functions, "containerd_command.run": run}
    module.repos = repos
    return module


@pytest.fixture
def key(keys, tmp_path):
    path = tmp_path / "key.asc"
    path.write_text(keys["good"].text)
    return path


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("{here}/good", None),
        ("{here}/other", "Bad GPG signature"),
        ("{here}/none", "Status code: 404"),
        ("{down}/good", "connect to server"),
    ],
)
def test_a_repository_is_asked_before_it_is_configured(module, server, key, tmp_path, address, words):
    text = TEXT.format(address.format(here=server.here, down=server.down), key)
    if words is None:
        assert module.probe(text) is True
    else:
        with pytest.raises(CommandExecutionError, match=f"^The repository cannot be .*{words}") as refused:
            module.probe(text)
        assert str(refused.value).endswith(" Nothing was changed.")
    assert not (tmp_path / "cache").exists(), "dnf's own lists stay"


def test_no_password_is_told(module, server, key):
    address = server.down.replace("//", "//me:hunter2@")
    with pytest.raises(CommandExecutionError, match=r"http://\(secret\)@127.0.0.1") as refused:
        module.probe(TEXT.format(address, key))
    assert "hunter2" not in str(refused.value)


def test_ours_must_answer_and_of_others_it_is_told(module, server, key):
    ours, theirs = f"{server.here}/good", f"{server.down}/theirs"
    module.__salt__["pkg.list_repos"] = lambda: {"docker-stable": {"baseurl": ours}, "x": {"baseurl": theirs}}
    (module.repos / "docker.repo").write_text(TEXT.format(ours, key))
    (module.repos / "x.repo").write_text(TEXT.format(theirs, key).replace("docker-stable", "x"))
    (told,) = module.refresh(ours)
    assert told.startswith("x: Curl error (7): ")
    # libcurl says how long it took.
    assert [re.sub("after [0-9]+ ms", "", one) for one in module.refresh("")] == [
        re.sub("after [0-9]+ ms", "", told)
    ]
    module.__salt__["pkg.list_repos"] = lambda: {"docker-stable": {"baseurl": ours}, "x": {"baseurl": theirs}}
    with pytest.raises(CommandExecutionError, match="^The repository .*/theirs cannot be used: x: Curl"):
        module.refresh(theirs)


def test_where_dnf_cannot_begin_its_words_are_told(module):
    module.__salt__["pkg.list_repos"] = dict
    module.repos.parent.joinpath("dnf.conf").write_text("[main\n")
    with pytest.raises(CommandExecutionError, match="cannot be used: .*[Pp]arsing"):
        module.refresh("https://example.org")


def test_what_is_offered_now_is_asked_without_the_lists_of_the_node(module, server, key, tmp_path):
    module.__grains__ = {"os_family": "RedHat"}
    (module.repos / "docker.repo").write_text(TEXT.format(f"{server.here}/good", key))
    assert module.offered("containerd.io") == []
    assert not (tmp_path / "cache").exists()
    module.__grains__ = {"os_family": "Other"}
    assert module.offered("containerd.io") == []
