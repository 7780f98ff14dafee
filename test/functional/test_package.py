"""
A repository's key and tomlkit's wheel, by Salt's own functions; packages themselves are for real machines.
"""

import hashlib
import http.server
import re
import stat
import tempfile
import threading
import zipfile

import pytest
from lab.repository import Key
from salt.exceptions import CommandExecutionError
from support import load


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    made = Key(tmp_path_factory.mktemp("key"))
    yield made
    made.close()


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
        ("file:///nowhere/docker.asc", "cannot be read: it is not there"),
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


def test_what_lay_in_the_place_of_a_key_is_not_shown(loaders, key, tmp_path, testmode):
    path = tmp_path / "docker.asc"
    path.write_text("hunter2\n", encoding="utf-8")
    given = {"name": str(path), "source": key.text, "fingerprints": [key.fingerprint]}
    ret = loaders.states.containerd_key.managed(**given, test=testmode)
    assert ret.changes == {"key": {"old": "another file", "new": "the pinned key"}}
    assert "hunter2" not in str(ret.raw)
    path.unlink()
    ret = loaders.states.containerd_key.managed(**given, test=testmode)
    assert ret.changes["key"] == {"old": "", "new": "the pinned key"}


class Refusing(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(401)

    def log_message(self, *_args):
        pass


def test_apt_reads_a_source_with_credentials_that_only_root_can_read(loaders, key, server):
    """
    By apt itself, which fetches as a user of its own; what it then tells shows no password.
    """
    server.apt("docker", [], key)
    inline = "".join(f" {line or '.'}\n" for line in key.text.splitlines())
    text = "Types: deb\nURIs: {}\nSuites: bookworm\nComponents: stable\nSigned-By:\n" + inline
    with_user = server.here.replace("//", "//me:hunter2@")
    assert loaders.modules.containerd_package.probe(text.format(f"{with_user}/docker/debian")) is True
    refusing = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=refusing.serve_forever, daemon=True).start()
    with pytest.raises(CommandExecutionError, match="401 +Unauthorized") as refused:
        loaders.modules.containerd_package.probe(
            text.format(f"http://me:hunter2@127.0.0.1:{refusing.server_port}/docker/debian")
        )
    refusing.shutdown()
    refusing.server_close()
    assert "(secret)@127.0.0.1" in str(refused.value)
    assert "hunter2" not in str(refused.value)


def wheel_of(folder, version):
    """
    Write a wheel of tomlkit, such as pip takes.
    """
    facts = f"tomlkit-{version}.dist-info"
    files = {
        "tomlkit/__init__.py": f"__version__ = {version!r}\n",
        f"{facts}/METADATA": f"Metadata-Version: 2.1\nName: tomlkit\nVersion: {version}\nRequires-Dist: n\n",
        f"{facts}/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{facts}/RECORD"] = "".join(f"{name},,\n" for name in (*files, f"{facts}/RECORD"))
    folder.mkdir()
    path = folder / f"tomlkit-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def test_pip_installs_the_wheel_that_is_pinned_and_no_other(loaders, tmp_path, monkeypatch):
    """
    By Salt's own pip.installed, into a folder, although pip is told of a newer one elsewhere.
    """
    wheel, rival = wheel_of(tmp_path / "mine", "0.99.1"), wheel_of(tmp_path / "theirs", "0.99.9")
    monkeypatch.setenv("PIP_FIND_LINKS", str(rival.parent))
    found = []

    def pip_installed(**given):
        # Not into the Python of these tests, which has a tomlkit.
        ret = loaders.states.pip.installed(**given, target=str(tmp_path / "site"), ignore_installed=True)
        found.extend(path.name for path in (tmp_path / "site").glob("*.dist-info"))
        return {"result": ret.result, "comment": ret.comment, "changes": ret.changes}

    state = load("_states/containerd_salt.py")
    state.__opts__, state.__states__ = {"test": False}, {"pip.installed": pip_installed}
    versions = iter(["", "0.99.1"])
    state.__salt__ = {
        "containerd_salt.library": lambda: next(versions),
        "containerd_fetch.content": lambda *given: loaders.modules.containerd_fetch.content(*given),
        "containerd_files.temporary": lambda prefix: tempfile.TemporaryDirectory(prefix=prefix, dir=tmp_path),
    }
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    ret = state.library_installed(wheel=f"file://{wheel}", wheel_sha256=sha256)
    assert ret["result"] is True, ret["comment"]
    assert found == ["tomlkit-0.99.1.dist-info"]
