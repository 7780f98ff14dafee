"""OpenPGP keys: what gpg says of a key, the library says too."""

import re
import subprocess
import time
from pathlib import Path

import pytest
from containerd_formula import openpgp
from containerd_formula.errors import Refused
from lab import debian

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


def gpg_says(path):
    listed = subprocess.run(
        ["gpg", "--show-keys", "--with-colons", str(path)], capture_output=True, text=True, check=True
    ).stdout
    # Lines about who may revoke the key can stand between.
    found = re.findall(r"^pub:(?:[^:]*:){5}(\d*):.*\n(?:rvk.*\n)*fpr:+(\w+):", listed, re.MULTILINE)
    return {fingerprint: int(expires) if expires else None for expires, fingerprint in found}


def parse(text):
    return openpgp.parse(text if isinstance(text, bytes) else text.encode(), "the key")


def test_gpg_says_the_same_of_a_keyring():
    """Debian's holds keys with direct signatures, revokers, subkeys, and signatures of others."""
    said = gpg_says(debian.KEYRING)
    assert len(said) > 5
    assert parse(Path(debian.KEYRING).read_bytes()) == said


def test_gpg_says_the_same_of_armored_keys(keys, tmp_path):
    path = tmp_path / "all.asc"
    path.write_text("".join(key.text for key in keys.values()), encoding="utf-8")
    said = gpg_says(path)
    assert list(said) == [key.fingerprint for key in keys.values()]
    assert parse(path.read_bytes()) == said


def test_a_version_6_key_has_a_fingerprint_of_its_own_kind():
    fingerprint = "CB186C4F0609A697E4D52DFA6C722B0C1F1E27C18A56708F6525EC27BAD9ACC9"
    assert parse(VERSION_6) == {fingerprint: None}


def test_a_secret_key_is_refused(keys):
    secret = keys["good"]._gpg("--armor", "--export-secret-keys")
    with pytest.raises(
        Refused, match="the key is refused: it holds a private key block, not only public keys"
    ):
        parse(secret)
    disguised = secret.replace("PRIVATE KEY", "PUBLIC KEY")
    with pytest.raises(Refused, match="it holds a secret key, which belongs on no node"):
        parse(disguised)


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
    with pytest.raises(Refused, match=f"the key .*{words}"):
        parse(spoil(keys["good"].text))


def test_a_keyring_that_is_cut_is_damaged():
    with pytest.raises(Refused, match="the key is damaged"):
        parse(Path(debian.KEYRING).read_bytes()[:-1])


def test_expiry_is_a_time(keys):
    (expires,) = parse(keys["good"].text).values()
    assert 0 < expires - time.time() <= 366 * 86400
