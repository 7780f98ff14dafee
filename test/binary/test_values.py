"""
Values at their borders: what the real containerd starts with is not refused, what ends it is.
"""

import pytest
from containerd_formula.document import compose
from containerd_formula.findings import errors
from support.faults import cri


def metrics(address):
    return {"version": 2, "metrics": {"address": address}}


def gc(delay):
    return {"plugins": {"io.containerd.gc.v1.scheduler": {"startup_delay": delay}}}


# Both micro signs, signs, and the whole of Go's 64 bits.
RUNS = {
    "micro sign": gc("500\u00b5s"),
    "Greek letter": gc("500\u03bcs"),
    "signed zero": gc("+0"),
    "largest duration": gc("9223372036.854775807s"),
    "optional": cri(stream_idle_timeout="+0"),
    "timeout": {"timeouts": {"io.containerd.timeout.shim.load": "500\u03bcs"}},
    "this host by name": metrics("localhost:1338"),
    "all addresses": metrics(":1338"),
    "a low port": metrics("127.0.0.1:80"),
    "the name of a port": metrics("127.0.0.1:http"),
    **{
        f"key_model {name!r}": cri(image_decryption={"key_model": name}) for name in ("", "node", "Node", "x")
    },
}
ENDS = {
    "half a duration": {"timeouts": {"io.containerd.timeout.shim.load": "5"}},
    "too long": {"timeouts": {"io.containerd.timeout.shim.load": "9223372036.854775808s"}},
    "no port": metrics("1338"),
    "no such port": metrics("localhost:99999"),
    "no host": metrics("::1:80"),
}


@pytest.fixture
def found(salt_functions):
    def look(overrides):
        return errors(compose(salt_functions["containerd_daemon.config_default"](), overrides).findings)

    return look


@pytest.mark.parametrize("name", RUNS)
def test_what_runs_is_not_refused(found, trial, name):
    assert trial(RUNS[name]) == {"ok": True, "reason": "", "sandbox": "locked"}
    assert found(RUNS[name]) == []


@pytest.mark.parametrize("name", ENDS)
def test_what_ends_it_is(found, trial, name):
    assert trial(ENDS[name])["ok"] is False
    assert len(found(ENDS[name])) == 1


def test_a_name_of_the_network_is_neither_proved_nor_refused(found, trial):
    """
    The sandbox has no network: what the node's own name service knows cannot be asked there.
    """
    overrides = metrics("metrics.example.org:1338")
    assert found(overrides) == []
    answer = trial(overrides)
    assert answer["ok"] is None
    assert answer["reason"].endswith("no name server answers for metrics.example.org")
