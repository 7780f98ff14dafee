"""
OpenPGP keys: what gpg says of a key, this module says too, and refuses all that was not pinned.
"""

import re
import subprocess
import time

import pytest
from lab import debian
from lab.repository import Key
from salt.exceptions import CommandExecutionError, SaltInvocationError
from support import load

key_module = load("_modules/containerd_key.py")
# The version 6 certificate of RFC 9580, appendix A.3.
VERSION_6 = """-----BEGIN PGP PUBLIC KEY BLOCK-----

xioGY4d/4xsAAAAg+U2nu0jWCmHlZ3BqZYfQMxmZu52JGggkLq2EVD34laPCsQYf
GwoAAABCBYJjh3/jAwsJBwUVCg4IDAIWAAKbAwIeCSIhBssYbE8GCaaX5NUt+mxy
KwwfHifBilZwj2Ul7Ce62azJBScJAgcCAAAAAK0oIBA+LX0ifsDm185Ecds2v8lw
gyU2kCcUmKfvBXbAf6rhRYWzuQOwEn7E/aLwIwRaLsdry0+VcallHhSu4RN6HWaE
QsiPlR4zxP/TP7mhfVEe7XWPxtnMUMtf15OyA51YBM4qBmOHf+MZAAAAIIaTJINn
+eUBXbki+PSAld2nhJh/LVmFsS+60WyvXkQ1wpsGGBsKAAAALAWCY4d/4wKbDCIh
BssYbE8GCaaX5NUt+mxyKwwfHifBilZwj2Ul7Ce62azJAAAAAAQBIKbpGG2dWTX8
j+VjFM21J0hqWlEg+bdiojWnKfA5AQpWUWtnNwDEM0g12vYxoWM8Y81W+bHBw805
I8kWVkXU6vFOi+HWvv/ira7ofJu16NnoUkhclkUrk0mXubZvyl4GBg==
-----END PGP PUBLIC KEY BLOCK-----
"""


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """
    A good key, another one, and one that has expired.
    """
    folder = tmp_path_factory.mktemp("keys")
    made = {"good": Key(folder, "good", lifetime="1y"), "other": Key(folder, "other")}
    made["old"] = Key(folder, "old", born="20200101T000000", lifetime="1d")
    yield made
    for key in made.values():
        key.close()


def gpg_says(path):
    listed = subprocess.run(
        ["gpg", "--show-keys", "--with-colons", str(path)], capture_output=True, text=True, check=True
    ).stdout
    # Lines about who may revoke the key can stand between.
    found = re.findall(r"^pub:(?:[^:]*:){5}(\d*):.*\n(?:rvk.*\n)*fpr:+(\w+):", listed, re.MULTILINE)
    return {fingerprint: int(expires) if expires else None for expires, fingerprint in found}


def test_gpg_says_the_same_of_a_keyring():
    """
    Debian's holds keys with direct signatures, revokers, subkeys, and signatures of others.
    """
    said = gpg_says(debian.KEYRING)
    assert len(said) > 5
    assert key_module.fingerprints(debian.KEYRING) == said


def test_gpg_says_the_same_of_armored_keys(keys, tmp_path):
    path = tmp_path / "all.asc"
    path.write_text("".join(key.text for key in keys.values()), encoding="utf-8")
    said = gpg_says(path)
    assert list(said) == [key.fingerprint for key in keys.values()]
    assert key_module.fingerprints(str(path)) == said


def test_a_version_6_key_has_a_fingerprint_of_its_own_kind():
    fingerprint = "CB186C4F0609A697E4D52DFA6C722B0C1F1E27C18A56708F6525EC27BAD9ACC9"
    assert key_module.parse(VERSION_6) == {fingerprint: None}


@pytest.mark.parametrize("spelled", [lambda f: f, str.lower, lambda f: " ".join(re.findall("....", f))])
def test_a_pinned_key_is_taken_however_its_fingerprint_is_spelled(keys, spelled):
    good = keys["good"]
    assert key_module.fetch(good.text, [spelled(good.fingerprint)]) == good.text


def test_a_key_beside_the_pinned_one_is_refused(keys):
    """
    A package manager would trust it as well.
    """
    both = keys["good"].text + keys["other"].text
    with pytest.raises(CommandExecutionError, match=f"it holds {keys['other'].fingerprint}, and pinned is"):
        key_module.fetch(both, [keys["good"].fingerprint])
    assert key_module.fetch(both, [keys["good"].fingerprint, keys["other"].fingerprint]) == both


def test_an_expired_key_is_refused(keys):
    with pytest.raises(
        CommandExecutionError, match="expired on 2020-01-02. Take the publisher's renewed key"
    ):
        key_module.fetch(keys["old"].text, [keys["old"].fingerprint])


def test_a_secret_key_is_refused(keys):
    secret = keys["good"]._gpg("--armor", "--export-secret-keys")
    with pytest.raises(CommandExecutionError, match="it holds a private key block"):
        key_module.parse(secret)
    disguised = secret.replace("PRIVATE KEY", "PUBLIC KEY")
    with pytest.raises(CommandExecutionError, match="it holds a secret key, which belongs on no node"):
        key_module.parse(disguised)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda text: text[: len(text) // 2], "holds no OpenPGP public key"),
        (lambda text: text.replace("\n\n", "\n\nAAAA"), "is damaged"),
        (lambda text: text.replace("mQ", "m!", 1), "is damaged"),
        (lambda text: "<html>404</html>", "holds no OpenPGP public key; it begins '<html>404</html>'"),
        (lambda text: "", "holds no OpenPGP public key"),
        (lambda text: b"\xff\x00\x00", "does not begin with a public key"),
        (lambda text: b"\xc6\xff\x00\x01", "is damaged"),
    ],
)
def test_what_is_no_key_is_refused_without_a_traceback(keys, spoil, words):
    with pytest.raises(CommandExecutionError, match=words):
        key_module.parse(spoil(keys["good"].text))


def test_one_wrong_bit_is_another_key(keys):
    good = keys["good"]
    body = good.text.splitlines()
    body[4] = body[4].replace(body[4][10], "A" if body[4][10] != "A" else "B")
    with pytest.raises(CommandExecutionError):
        key_module.fetch("\n".join(body), [good.fingerprint])


@pytest.mark.parametrize("source", ["", "docker.asc", "/etc/docker.asc", "ftp://x/y"])
def test_a_source_is_an_address_or_a_key(source):
    with pytest.raises(SaltInvocationError, match="is neither an address"):
        key_module.fetch(source, ["0" * 40])


def test_no_fingerprint_means_no_key(keys):
    with pytest.raises(SaltInvocationError, match="no fingerprint is pinned"):
        key_module.fetch(keys["good"].text, [])


@pytest.fixture
def state(keys, tmp_path):
    module = load("_states/containerd_key.py")
    asked = []

    def get_url(address, _destination):
        asked.append(address)
        path = tmp_path / "fetched"
        path.write_text(keys["good"].text, encoding="utf-8")
        return str(path)

    key_module.__salt__ = {"cp.get_url": get_url}
    module.asked = asked
    module.__salt__ = {f"containerd_key.{n}": f for n, f in vars(key_module).items() if callable(f)}
    module.__states__ = {"file.managed": lambda **given: given}
    return module


def managed(state, path, pinned):
    return state.managed(str(path), "https://example.org/key.asc", pinned)


def test_a_good_key_on_the_node_is_not_fetched_again(state, keys, tmp_path):
    path = tmp_path / "docker.asc"
    pinned = [keys["good"].fingerprint]
    written = managed(state, path, pinned)
    assert (written["contents"], written["mode"]) == (keys["good"].text, "0644")
    assert state.asked == ["https://example.org/key.asc"]
    path.write_text(keys["good"].text, encoding="utf-8")
    assert managed(state, path, pinned)["contents"] == keys["good"].text
    assert len(state.asked) == 1


@pytest.mark.parametrize("there", ["old", "other"])
def test_another_key_on_the_node_is_replaced(state, keys, tmp_path, there):
    path = tmp_path / "docker.asc"
    path.write_text(keys["good"].text + keys[there].text, encoding="utf-8")
    pinned = [keys["good"].fingerprint]
    assert managed(state, path, pinned)["contents"] == keys["good"].text
    assert len(state.asked) == 1


def test_a_refused_key_writes_nothing(state, keys, tmp_path):
    ret = managed(state, tmp_path / "docker.asc", [keys["other"].fingerprint])
    assert (ret["result"], ret["changes"]) == (False, {})
    assert "https://example.org/key.asc is refused" in ret["comment"]


def test_expiry_is_a_time(keys):
    (expires,) = key_module.parse(keys["good"].text).values()
    assert 0 < expires - time.time() <= 366 * 86400
