"""
What of a file is in effect, for what no binary of the tests shows: schema 4, and imports by default.
"""

import pytest
from containerd_formula import reading
from containerd_formula.data import combine
from containerd_formula.document import compose
from containerd_formula.drift import drift
from containerd_formula.minimal import cri_comes_on, minimal
from containerd_formula.toml import loads

# As containerd 2.3 prints it, in small.
BASE = """
version = 4
imports = ["/etc/containerd/conf.d/*.toml"]
oom_score = 0
[plugins."io.containerd.server.v1.grpc"]
address = "/run/containerd/containerd.sock"
[plugins."io.containerd.server.v1.ttrpc"]
address = "/run/containerd/containerd.sock.ttrpc"
[plugins."io.containerd.server.v1.metrics"]
address = ""
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "registry.k8s.io/pause:3.10"
[timeouts]
a = "1m0s"
"""
DEFAULT = loads(BASE)
SOCKET = 'plugins."io.containerd.server.v1.metrics".address'


def read(text, dump=None, layers=()):
    made = compose(BASE, list(layers))
    return made, reading.reading(loads(text), combine(DEFAULT, dump or {}), made)


def test_sections_that_schema_4_ignores_are_dead():
    """
    kubespray writes them, and the dump repeats them at its end.
    """
    text = 'version = 4\n[grpc]\naddress = "/run/site.sock"\n[metrics]\naddress = "127.0.0.1:1338"\n'
    made, found = read(text, {key: value for key, value in loads(text).items() if key != "version"})
    assert not {"grpc", "metrics"} & found.effect.keys()
    told = " ".join(one.message for one in found.dead)
    assert "metrics.address: not in effect: schema 4 calls it" in told and SOCKET in told
    answer = minimal(made, found, lambda config: compose(BASE, [{"pillar": config}]))
    assert answer["containerd"]["config"] == {"version": 4, "imports": []}
    assert len(answer["left_out"]) == 2


def test_what_a_dump_writes_in_another_way_is_given_as_in_the_file():
    made, found = read('version = 4\nimports = []\n[timeouts]\na = "90s"\n', {"timeouts": {"a": "1m30s"}})
    config = minimal(made, found, lambda config: compose(BASE, [{"pillar": config}]))["containerd"]["config"]
    assert config["timeouts"] == {"a": "90s"}
    assert reading.changes(found.effect, combine(DEFAULT, {"timeouts": {"a": "1m30s"}})).keys() == {"imports"}


def test_conf_d_that_a_file_does_not_name_stays_unread():
    made, found = read("version = 4\n")
    answer = minimal(made, found, lambda config: compose(BASE, [{"pillar": config}]))
    assert answer == {"containerd": {"config": {"version": 4, "imports": []}}}
    assert reading.changes(found.effect, made.result)["imports"] == {"old": [], "new": DEFAULT["imports"]}


def test_a_key_of_a_layer_that_is_not_in_effect_is_removed():
    layers = [{"formula": {"version": 4, "oom_score": -1, "timeouts": {"b": "1s"}}}]
    made, found = read("version = 4\n", layers=layers)
    judged = lambda config: compose(BASE, [*layers, {"pillar": config}])  # noqa: E731
    config = minimal(made, found, judged)["containerd"]["config"]
    assert (config["oom_score"], config["timeouts"]) == (0, {"b": None})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('imports = ["/a"]\noom_score = 1 # why\n', "oom_score = 1 # why\n"),
        ('disabled_plugins = ["cri", "btrfs"]\n', 'disabled_plugins = ["btrfs"]\n'),
    ],
)
def test_a_file_alone_has_neither_imports_nor_a_disabled_cri(text, expected):
    assert reading.alone(text) == expected


def test_who_has_cri_off_learns_how_to_keep_it_so():
    [told] = cri_comes_on(read('version = 4\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')[1])
    assert "service:cri: false, and disabled_plugins as in this file" in told.message


def test_minimal_tells_what_stays_different():
    """
    It is judged by what would be written, not by what was meant.
    """
    made, found = read("version = 4\nimports = []\n", {"oom_score": 7})
    answer = minimal(made, found, lambda config: compose(BASE, [{"pillar": {"imports": []}}]))
    assert answer["left_out"] == ["oom_score: it is 7 now, and 0 with this pillar: set it by hand."]


def test_a_whole_file_lacks_what_nobody_asked_for_and_another_does_not():
    made = compose(BASE, {"version": 4, "oom_score": 5})
    found = {"version": 4}
    assert drift(found, made, "/f", whole=False) == {"missing": {"oom_score": {"wanted": 5, "file": "/f"}}}
    assert "timeouts.a" in drift(found, made, "/f", whole=True)["missing"]
    assert drift(made.result, made, "/f", whole=True) == {}


def test_drift_after_an_upgrade_names_the_schema_once_and_no_empty_default_of_it():
    made = compose(BASE, {"version": 4})
    old = loads(
        'version = 2\noom_score = 7\n[plugins."io.containerd.grpc.v1.cri"]\nsystemd_cgroup = false\n'
        '[plugins."io.containerd.runtime.v1.linux"]\nruntime_root = ""\nshim = "own"\n'
        '[metrics]\naddress = ""\n'
    )
    told = drift(old, made, "/f", whole=True)
    assert list(told["added"]) == ['plugins."io.containerd.runtime.v1.linux".shim']
    assert told["changed"]["version"] == {"value": 2, "wanted": 4, "file": "/f"}
    assert told["changed"].keys() == {"version", "oom_score"}
    assert not any(one["wanted"] in ("", [], 0) for one in told["missing"].values())


def test_a_mix_of_schemas_is_guessed_entry_by_entry():
    """Where no containerd is asked, an entry of each schema is where this containerd has it."""
    made = compose(BASE, [])
    text = 'version = 2\nimports = []\n[plugins."io.containerd.grpc.v1.cri"]\nsandbox_image = "x/pause:1"\n'
    mixed = loads(f'{text}[plugins."io.containerd.server.v1.metrics"]\naddress = "127.0.0.1:1"\n')
    effect = reading.guessed(mixed, made).effect["plugins"]
    assert effect["io.containerd.cri.v1.images"]["pinned_images"] == {"sandbox": "x/pause:1"}
    assert effect["io.containerd.server.v1.metrics"] == {"address": "127.0.0.1:1"}
    assert "io.containerd.grpc.v1.cri" not in effect


@pytest.mark.parametrize("name", reading.ID_LISTS)
def test_a_short_id_is_no_other_plugin(name):
    short, full, other = (
        {name: [plugin]} for plugin in ("btrfs", "io.containerd.snapshotter.v1.btrfs", "zfs")
    )
    assert not reading.unlike((name,), short, full)
    assert reading.unlike((name,), short, other)
    assert reading.unlike((name,), short, {})
