"""
OpenPGP keys: what was not pinned is refused, and what is good on the node is not fetched again.
"""

import re

import pytest
from salt.exceptions import CommandExecutionError
from support import load

key_module = load("_modules/containerd_key.py")


def test_a_file_is_read_whatever_its_form(keys, tmp_path):
    path = tmp_path / "docker.asc"
    path.write_text(keys["other"].text, encoding="utf-8")
    assert key_module.fingerprints(str(path)) == {keys["other"].fingerprint: None}
    path.write_bytes(b"\x00")
    with pytest.raises(CommandExecutionError, match=f"{path} holds no OpenPGP public key"):
        key_module.fingerprints(str(path))
    with pytest.raises(CommandExecutionError, match=f"{tmp_path} cannot be read: Is a directory."):
        key_module.fingerprints(str(tmp_path))


@pytest.mark.parametrize("spelled", [lambda f: f, str.lower, lambda f: " ".join(re.findall("....", f))])
def test_a_pinned_key_is_taken_however_its_fingerprint_is_spelled(keys, spelled):
    good = keys["good"]
    assert key_module.fetch(good.text, [spelled(good.fingerprint)]) == good.text


def test_a_key_beside_the_pinned_one_is_refused(keys):
    """A package manager would trust it as well."""
    both = keys["good"].text + keys["other"].text
    with pytest.raises(CommandExecutionError, match=f"it holds {keys['other'].fingerprint}, and pinned is"):
        key_module.fetch(both, [keys["good"].fingerprint])
    assert key_module.fetch(both, [keys["good"].fingerprint, keys["other"].fingerprint]) == both


def test_an_expired_key_is_refused(keys):
    with pytest.raises(
        CommandExecutionError, match="expired on 2020-01-02. Take the publisher's renewed key"
    ):
        key_module.fetch(keys["old"].text, [keys["old"].fingerprint])


def test_one_wrong_bit_is_another_key(keys):
    good = keys["good"]
    body = good.text.splitlines()
    body[4] = body[4].replace(body[4][10], "A" if body[4][10] != "A" else "B")
    with pytest.raises(CommandExecutionError):
        key_module.fetch("\n".join(body), [good.fingerprint])


@pytest.mark.parametrize("source", ["", "docker.asc", "/etc/docker.asc", "ftp://x/y"])
def test_a_source_is_an_address_or_a_key(source):
    with pytest.raises(CommandExecutionError, match="is neither an address"):
        key_module.fetch(source, ["0" * 40])


def test_no_fingerprint_means_no_key(keys):
    with pytest.raises(CommandExecutionError, match="no fingerprint is pinned"):
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
