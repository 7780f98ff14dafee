"""
A repository's key by Salt's own fetchers and file.managed; packages themselves are for real machines.
"""

import re
import stat

import pytest
from lab.repository import Key, Server


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    made = Key(tmp_path_factory.mktemp("key"))
    yield made
    made.close()


@pytest.fixture
def server():
    with Server() as server:
        server.here = server.url.replace("10.0.2.2", "127.0.0.1")
        server.down = server.url_down.replace("10.0.2.2", "127.0.0.1")
        yield server


def test_a_key_is_fetched_once_and_readable_by_all(loaders, key, server, tmp_path, testmode):
    server.put("docker.asc", key.text)
    path = tmp_path / "keyrings" / "docker.asc"
    given = {"name": str(path), "source": f"{server.here}/docker.asc", "fingerprints": [key.fingerprint]}
    ret = loaders.states.containerd_key.managed(**given, test=testmode)
    assert ret.result is (None if testmode else True), ret.comment
    assert path.exists() is not testmode
    if not testmode:
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
        path.chmod(0o600)
        assert loaders.states.containerd_key.managed(**given).changes == {"mode": "0644"}
        assert loaders.states.containerd_key.managed(**given).changes == {}
        assert path.read_text(encoding="utf-8") == key.text
        assert server.requests == ["/docker.asc"]


@pytest.mark.parametrize("kind", ["text", "file"])
def test_a_key_comes_from_pillar_or_a_file(loaders, key, tmp_path, kind):
    source = tmp_path / "source.asc"
    source.write_text(key.text, encoding="utf-8")
    ret = loaders.states.containerd_key.managed(
        name=str(tmp_path / "docker.asc"),
        source=key.text.rstrip("\n") if kind == "text" else f"file://{source}",
        fingerprints=[key.fingerprint.lower()],
    )
    assert ret.result is True, ret.comment
    assert (tmp_path / "docker.asc").read_text(encoding="utf-8") == key.text


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("{here}/none.asc", "cannot be fetched: .*404"),
        ("{down}/docker.asc", "cannot be fetched: .*refused"),
        ("{here}/binary.gpg", r"holds no OpenPGP public key\.$"),
        ("{here}/page.html", r"holds no OpenPGP public key\.$"),
        ("file:///nowhere/docker.asc", "cannot be read: No such file"),
        ("salt://nowhere/docker.asc", "cannot be fetched: there is no such file"),
    ],
)
def test_a_key_that_cannot_be_fetched_is_one_clear_sentence(
    loaders, server, tmp_path, address, words, testmode
):
    server.put("page.html", "<html>")
    server.put("binary.gpg", b"\x99\x00\xff")
    ret = loaders.states.containerd_key.managed(
        name=str(tmp_path / "docker.asc"),
        source=address.format(here=server.here, down=server.down),
        fingerprints=["0" * 40],
        test=testmode,
    )
    assert (ret.result, ret.changes) == (False, {})
    assert "Traceback" not in ret.comment
    assert re.search(words, ret.comment), ret.comment
    assert not (tmp_path / "docker.asc").exists()
