"""
OpenPGP keys: whatever a file holds beside the pinned key, no tool trusts another one in what is written.

The judges are those who will read the file: gpgv and sqv for apt, rpmkeys, and apt itself.
"""

import base64
import re
import subprocess

import pytest
from lab.repository import Server
from salt.exceptions import CommandExecutionError
from support import _run_all, functions_of, load

BEGIN, END = "-----BEGIN PGP PUBLIC KEY BLOCK-----", "-----END PGP PUBLIC KEY BLOCK-----"
command = load("_modules/containerd_command.py")
command.__salt__ = {"cmd.run_all": _run_all}
key_module = load("_modules/containerd_key.py")
fetch_module = load("_modules/containerd_fetch.py")
key_module.__salt__ = fetch_module.__salt__ = {
    **functions_of("containerd_files", "containerd_paths"),
    "containerd_command.run": command.run,
    "containerd_fetch.read": fetch_module.read,
}


def binary(key):
    return base64.b64decode("".join(key.text.split("\n\n")[1].split("\n=")[0].split()))


def packet(tag, body):
    return bytes([0xC0 | tag, 0xFF]) + len(body).to_bytes(4, "big") + body


def quoted(text):
    return "".join(f"={line}\n" for line in text.splitlines())


# What made apt, gpg, sqv or rpm trust a second key in a file that a parser took for the first one alone.
BESIDE = {
    "a second block": lambda good, other: good.text + other.text,
    "the other first": lambda good, other: other.text + good.text,
    "without an end": lambda good, other: good.text + other.text.replace(END, ""),
    "with an end of another kind": lambda good, other: good.text + other.text.replace(END, "-----END X-----"),
    "with too few dashes": lambda good, other: good.text + other.text.replace(END, END[1:-1]),
    "a message": lambda good, other: good.text + other.text.replace("PUBLIC KEY BLOCK", "MESSAGE"),
    "an armored file": lambda good, other: good.text + other.text.replace("PUBLIC KEY BLOCK", "ARMORED FILE"),
    "another begin": lambda good, other: good.text + other.text.replace(BEGIN, "-----BEGIN X-----"),
    "quoted lines": lambda good, other: good.text + quoted(other.text),
    "in one block": lambda good, other: armored(binary(good) + binary(other)),
    "both binary": lambda good, other: binary(good) + binary(other),
    "compressed": lambda good, other: binary(good) + packet(8, b"\0" + binary(other)),
    "compressed in a block": lambda good, other: armored(binary(good) + packet(8, b"\0" + binary(other))),
    "armored in a packet": lambda good, other: packet(60, good.text.encode()) + binary(other),
    "a marker first": lambda good, other: packet(10, b"PGP") + binary(good) + binary(other),
    "padding": lambda good, other: binary(good) + packet(21, b"\0" * 9) + binary(other),
    "a literal": lambda good, other: binary(good) + packet(11, b"b\0\0\0\0\0" + binary(other)),
    "its subkey": lambda good, other: binary(good) + b"\xb9" + binary(other)[1:],
    **{
        f"{name} behind begin": (
            lambda good, other, char=char: good.text + other.text.replace(BEGIN, BEGIN + char)
        )
        for name, char in (("VT", "\v"), ("FF", "\f"), ("NEL", "\x85"), ("U+2028", "\u2028"), ("NUL", "\0"))
    },
}


def armored(data):
    done = subprocess.run(["gpg", "--enarmor"], input=data, capture_output=True, check=True)
    return done.stdout.decode().replace("ARMORED FILE", "PUBLIC KEY BLOCK")


@pytest.fixture
def offered(tmp_path):
    """
    Put bytes or a text where a key is fetched from, and return the address.
    """

    def offer(content):
        path = tmp_path / "offered"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        key_module.__salt__["containerd_fetch.content"] = lambda _, *given: fetch_module.read(path, *given)
        return "https://example.org/key.asc"

    return offer


def trusted_by(path, folder, signed):
    """
    Return the tools that take a signature for good by the keys in a file.
    """
    ring, text = folder / "ring", folder / "signed"
    ring.write_bytes(
        subprocess.run(["gpg", "--dearmor"], input=path.read_bytes(), capture_output=True).stdout
    )
    text.write_text(signed, encoding="utf-8")
    detached = folder / "detached"
    asked = {
        "gpgv": ["gpgv", "--keyring", str(ring), str(text)],
        "sqv": ["sqv", "--keyring", str(path), str(detached), str(folder / "content")],
    }
    (folder / "content").write_text("content\n", encoding="utf-8")
    return [tool for tool, argv in asked.items() if subprocess.run(argv, capture_output=True).returncode == 0]


@pytest.fixture
def judged(keys, tmp_path):
    """
    Return a function that tells which of the keys are trusted by whom in a text.
    """

    def judge(text):
        path = tmp_path / "written.asc"
        path.write_text(text, encoding="utf-8")
        found = {}
        for name in ("good", "other"):
            signature = keys[name].detached("content\n")
            (tmp_path / "detached").write_text(signature, encoding="utf-8")
            found[name] = trusted_by(path, tmp_path, keys[name].sign("content\n"))
        return found

    return judge


def test_the_judges_trust_a_second_key_in_what_is_offered(keys, judged):
    """
    Or they would prove nothing.
    """
    assert judged(keys["good"].text + keys["other"].text) == {
        "good": ["gpgv", "sqv"],
        "other": ["gpgv", "sqv"],
    }


@pytest.mark.parametrize("name", BESIDE)
def test_nobody_trusts_a_key_that_was_not_pinned(keys, offered, judged, name):
    source = offered(BESIDE[name](keys["good"], keys["other"]))
    try:
        text = key_module.fetch(source, [keys["good"].fingerprint])
    except CommandExecutionError as err:
        assert re.match("The key https://example.org/key.asc (is|holds) ", str(err))
        return
    assert judged(text) == {"good": ["gpgv", "sqv"], "other": []}


@pytest.mark.parametrize("name", ["a second block", "VT behind begin", "compressed"])
def test_apt_refuses_a_repository_that_the_other_key_signed(keys, offered, tmp_path, name):
    """
    From end to end: what came beside the pinned key, apt's own update, and a repository by either.
    """
    path = tmp_path / "docker.asc"
    try:
        offer = BESIDE[name](keys["good"], keys["other"])
        text = key_module.fetch(offered(offer), [keys["good"].fingerprint])
    except CommandExecutionError:
        # Refused, and what was there before stays.
        text = key_module.fetch(keys["good"].text, [keys["good"].fingerprint])
    path.write_text(text, encoding="utf-8")
    updated = {}
    for signer in ("good", "other"):
        with Server() as server:
            server.apt("docker", [], keys[signer])
            source = tmp_path / f"{signer}.sources"
            source.write_text(
                f"Types: deb\nURIs: file:{server.root}/docker/debian\nSuites: bookworm\nComponents: stable\n"
                f"Signed-By: {path}\n",
                encoding="utf-8",
            )
            updated[signer] = apt_update(source, tmp_path / f"lists-{signer}")
    assert updated["good"].returncode == 0, updated["good"].stderr
    assert updated["other"].returncode != 0
    assert "NO_PUBKEY" in updated["other"].stderr


def apt_update(source, lists):
    """
    Run apt-get update for one source alone.
    """
    (lists / "partial").mkdir(parents=True)
    settings = {
        "Dir::Etc::sourcelist": source,
        "Dir::Etc::sourceparts": "-",
        "Dir::State::lists": lists,
        "APT::Sandbox::User": "root",
    }
    options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
    return subprocess.run(["apt-get", *options, "update"], capture_output=True, text=True, check=False)


def test_rpm_reads_what_is_written(keys, offered, tmp_path):
    path = tmp_path / "RPM-GPG-KEY-docker"
    path.write_text(
        key_module.fetch(offered(keys["good"].text), [keys["good"].fingerprint]), encoding="utf-8"
    )
    subprocess.run(["rpmkeys", "--dbpath", str(tmp_path / "db"), "--import", str(path)], check=True)
    listed = subprocess.run(
        ["rpm", "--dbpath", str(tmp_path / "db"), "-q", "gpg-pubkey"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert [line.split("-")[2] for line in listed.splitlines()] == [keys["good"].fingerprint[-8:].lower()]


@pytest.mark.parametrize("form", ["armored", "binary", "with text around it", "CRLF"])
def test_a_pinned_key_is_taken_in_any_form(keys, offered, judged, form):
    good = keys["good"]
    offers = {
        "armored": good.text,
        "binary": binary(good),
        "with text around it": f"Our key:\n{good.text}Yours.\n",
        "CRLF": good.text.replace("\n", "\r\n"),
    }
    text = key_module.fetch(offered(offers[form]), [good.fingerprint])
    assert text.startswith(f"{BEGIN}\n\n")
    assert judged(text) == {"good": ["gpgv", "sqv"], "other": []}


@pytest.mark.parametrize("spelled", [lambda f: f, str.lower, lambda f: " ".join(re.findall("....", f))])
def test_a_fingerprint_may_be_spelled_in_any_way(keys, spelled):
    good = keys["good"]
    assert key_module.fetch(good.text, [spelled(good.fingerprint)]).startswith(BEGIN)


def test_several_keys_may_be_pinned(keys, judged):
    both = keys["good"].text + keys["other"].text
    text = key_module.fetch(both, [keys["good"].fingerprint, keys["other"].fingerprint])
    assert judged(text) == {"good": ["gpgv", "sqv"], "other": ["gpgv", "sqv"]}


def test_a_file_is_read_whatever_its_form(keys, tmp_path):
    path = tmp_path / "docker.asc"
    path.write_text(keys["other"].text, encoding="utf-8")
    assert key_module.fingerprints(str(path)) == {keys["other"].fingerprint: None}
    path.write_bytes(b"\x00")
    with pytest.raises(CommandExecutionError, match=f"{path} holds no OpenPGP public key"):
        key_module.fingerprints(str(path))
    with pytest.raises(CommandExecutionError, match=f"{tmp_path} cannot be read: it is not a regular"):
        key_module.fingerprints(str(tmp_path))


def test_an_expired_key_is_refused(keys):
    words = "expired on 2020-01-02. Take the publisher's renewed key"
    with pytest.raises(CommandExecutionError, match=words):
        key_module.fetch(keys["old"].text, [keys["old"].fingerprint])


def test_a_revoked_key_is_refused(keys, tmp_path):
    """
    Its owner says that somebody else may have it.
    """
    revoked = keys["revoked"]
    with pytest.raises(CommandExecutionError, match=f"{revoked.fingerprint} is revoked"):
        key_module.fetch(revoked.text, [revoked.fingerprint])


@pytest.mark.parametrize("disguise", [lambda text: text, lambda text: text.replace("PRIVATE", "PUBLIC")])
def test_a_secret_key_is_refused(keys, disguise):
    secret = disguise(keys["good"]._gpg("--armor", "--export-secret-keys"))
    with pytest.raises(CommandExecutionError, match="it holds a secret key, which belongs on no node"):
        key_module.fetch(secret, [keys["good"].fingerprint])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("\n\n", "\n\nAAAA"),
        lambda text: text.replace("mQ", "m!", 1),
        lambda text: "<html>404</html>",
        lambda text: "",
        lambda text: b"\xff\x00\x00",
        lambda text: b"\xc6\xff\x00\x01",
        lambda text: text.encode() + b"x" * 300_000,
    ],
)
def test_what_is_no_key_is_refused_and_not_shown(keys, offered, spoil):
    """
    An address can lead to any file of the node.
    """
    source = offered(spoil(keys["good"].text))
    with pytest.raises(CommandExecutionError, match="The key https://example.org/key.asc ") as refused:
        key_module.fetch(source, [keys["good"].fingerprint])
    assert "404" not in str(refused.value)


@pytest.mark.parametrize("source", ["", "docker.asc", "/etc/docker.asc", "ftp://x/y"])
def test_a_source_is_an_address_or_a_key(source):
    with pytest.raises(CommandExecutionError, match="is neither an address"):
        key_module.fetch(source, ["0" * 40])


def test_an_error_shows_no_password(offered):
    offered("no key")
    with pytest.raises(CommandExecutionError, match="holds no OpenPGP public key") as refused:
        key_module.fetch("https://me:hunter2@example.org/key", ["0" * 40])
    assert "hunter2" not in str(refused.value)


def test_no_fingerprint_means_no_key(keys):
    with pytest.raises(CommandExecutionError, match="no fingerprint is pinned"):
        key_module.fetch(keys["good"].text, [])


@pytest.fixture
def state(keys, tmp_path):
    module = load("_states/containerd_key.py")
    asked = []

    def content(address, _limit, _label):
        asked.append(address)
        return keys["good"].text.encode()

    key_module.__salt__["containerd_fetch.content"] = content
    module.asked = asked
    module.__opts__ = {"test": False}
    module.__salt__ = {
        "cmd.which": lambda name: name,
        **{f"containerd_key.{n}": f for n, f in vars(key_module).items() if callable(f)},
    }
    module.__states__ = {"file.managed": lambda **given: {"changes": {}, **given}}
    return module


def managed(state, path, pinned):
    return state.managed(str(path), "https://example.org/key.asc", pinned)


def test_a_good_key_on_the_node_is_not_fetched_again(state, keys, tmp_path):
    path = tmp_path / "docker.asc"
    pinned = [keys["good"].fingerprint]
    written = managed(state, path, pinned)
    assert written["mode"] == "0644"
    assert state.asked == ["https://example.org/key.asc"]
    path.write_text(written["contents"], encoding="utf-8")
    assert managed(state, path, pinned)["contents"] == written["contents"]
    assert len(state.asked) == 1


@pytest.mark.parametrize("there", ["old", "other"])
def test_another_key_on_the_node_is_replaced(state, keys, tmp_path, there):
    path = tmp_path / "docker.asc"
    path.write_text(keys["good"].text + keys[there].text, encoding="utf-8")
    pinned = [keys["good"].fingerprint]
    path.write_text(managed(state, path, pinned)["contents"], encoding="utf-8")
    assert list(key_module.fingerprints(str(path))) == pinned
    assert len(state.asked) == 1


def test_a_refused_key_writes_nothing(state, keys, tmp_path):
    ret = managed(state, tmp_path / "docker.asc", [keys["other"].fingerprint])
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "https://example.org/key.asc is refused" in ret["comment"]


def test_without_gpg_a_dry_run_foretells_what_it_can(state, keys, tmp_path):
    state.__salt__["cmd.which"] = lambda _: None
    state.__opts__ = {"test": True}
    pinned = [keys["good"].fingerprint]
    ret = managed(state, tmp_path / "docker.asc", pinned)
    assert (ret["result"], ret["changes"]) == (None, {"key": {"old": "", "new": "the pinned key"}})
    (tmp_path / "docker.asc").touch()
    ret = managed(state, tmp_path / "docker.asc", pinned)
    assert (ret["result"], ret["changes"]) == (None, {})
    assert state.asked == []


def test_an_export_that_fails_writes_nothing(keys, monkeypatch):
    """
    An empty or cut file would take the repository's key away.
    """

    def run(*argv, **options):
        done = command.run(*argv, **options)
        return {**done, "stdout": done["stdout"][:80]} if "--export" in argv else done

    monkeypatch.setitem(key_module.__salt__, "containerd_command.run", run)
    with pytest.raises(CommandExecutionError, match="gpg cannot export it"):
        key_module.fetch(keys["good"].text, [keys["good"].fingerprint])
