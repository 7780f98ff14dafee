"""
What a person asks of a node: where does a value come from, is it in effect, what is deprecated.
"""

import os
from collections import OrderedDict

import pytest
import yaml
from saltfactories.utils.functional import Loaders
from support.binaries import binaries, on_path, release, started  # noqa: F401

V2 = "io.containerd.grpc.v1.cri"
SANDBOX = f'plugins."{V2}".sandbox_image'
PILLAR = {
    "package": {"source": "distro"},
    "config": {
        "version": 2,
        "oom_score": -999,
        "plugins": {
            V2: {
                "sandbox_image": "example.org/pause:1",
                "registry": {
                    "mirrors": {"r": {"endpoint": ["https://m.example.org"]}},
                    "configs": {"r": {"auth": {"password": "hunter2"}}},
                },
            }
        },
    },
}
GRAINS = {"os": "Debian", "os_family": "Debian", "osfinger": "Debian-12", "systemd": {"version": "252"}}


@pytest.fixture(scope="module")
def site(make_minion_opts, tmp_path_factory):
    """
    A minion with a pillar and an os map that has something to say.
    """
    pillar = tmp_path_factory.mktemp("pillar")
    (pillar / "top.sls").write_text("base: {'*': [containerd]}\n")
    (pillar / "containerd.sls").write_text(yaml.safe_dump({"containerd": PILLAR}))
    return Loaders(make_minion_opts("report", grains=GRAINS, pillar_roots={"base": [str(pillar)]}))


@pytest.fixture(scope="module")
def layers(site):
    """
    What the formula's own SLS passes to the state on that minion.
    """
    [chunk] = [
        chunk
        for chunk in site.modules.state.show_low_sls("containerd.config")
        if (chunk["state"], chunk["fun"]) == ("containerd_toml", "managed")
    ]
    return chunk["overrides"]


@pytest.fixture
def node(site, layers, on_path, tmp_path):  # noqa: F811
    """
    The functions of that minion, and the file that the formula would write.
    """
    path = tmp_path / "config.toml"
    text = site.modules.containerd_toml.render(layers, strict=False, show_secrets=True)
    path.write_text(text, encoding="utf-8")
    return site.modules, str(path)


def named(explained, end):
    [facts] = [facts for key, facts in explained.items() if key.endswith(end)]
    return facts


def test_explain_names_layer_value_and_effect(node, release):  # noqa: F811
    modules, path = node
    explained = modules.containerd_toml.explain(path=path)
    assert explained["oom_score"] == {
        "value": -999,
        "layer": "pillar",
        "default": 0,
        "effective": -999,
        "in_effect": True,
    }
    assert named(explained, "runc.options.SystemdCgroup")["layer"] == "formula"
    assert named(explained, "cni.bin_dirs" if release.startswith("2.") else "cni.bin_dir")["layer"] == "os"
    assert all(facts["in_effect"] for facts in explained.values()), explained
    assert "hunter2" not in str(explained)
    assert named(explained, "auth.password")["value"] == "(secret)"


def test_explain_takes_a_key_of_any_schema(node, layers):
    modules, path = node
    [(key, facts)] = modules.containerd_toml.explain(SANDBOX, layers, path).items()
    assert facts["effective"] == "example.org/pause:1"
    images = 'plugins."io.containerd.cri.v1.images".pinned_images.sandbox'
    assert modules.containerd_toml.explain(images, layers, path) == {key: facts}


def test_explain_takes_the_end_of_a_key(node, layers):
    """
    At three in the morning nobody knows where a release keeps it.
    """
    modules, path = node
    whole = modules.containerd_toml.explain(SANDBOX, layers, path)
    assert modules.containerd_toml.explain("sandbox_image", layers, path) == whole
    assert modules.containerd_toml.explain("LEVEL", layers, path).keys() >= {"debug.level"}
    # Salt's outputter sorts other dictionaries than this one.
    [facts] = whole.values()
    assert (type(facts), list(facts)[:3]) == (OrderedDict, ["value", "in_effect", "layer"])
    with pytest.raises(Exception, match="is not a key of this containerd.*the nearest is"):
        modules.containerd_toml.explain("sandbox_imgae", layers, path)


def test_functions_without_arguments_are_about_this_node(node, layers):
    modules, path = node
    toml = modules.containerd_toml
    base = modules.containerd_daemon.config_default()
    assert toml.check() == toml.check(base, layers)
    assert toml.check(overrides={"oom_score": 5000})[0]["key"] == "oom_score"
    if any(finding["level"] == "error" for finding in toml.check()):
        # containerd 1.4 lacks a key of the os map.
        return
    assert toml.render() == toml.render(layers)
    assert toml.plan(path)["write"] is False
    assert toml.plan(path)["text"] == toml.render()
    there = os.path.exists("/etc/containerd/config.toml")
    assert there or toml.diff()["oom_score"] == {"old": 0, "new": -999}


def test_drift_names_what_nobody_asked_for(node, layers, release):  # noqa: F811
    """
    A mirror that somebody added to the file by hand: each pull goes there, and no override is out of effect.
    """
    modules, path = node
    assert modules.containerd.drift(path, layers) == {}
    images = "io.containerd.cri.v1.images" if release.startswith("2.") else V2
    mirror = f'plugins."{images}".registry.mirrors.evil.endpoint'
    with open(path, "a", encoding="utf-8") as file:
        file.write(f'[plugins."{images}".registry.mirrors.evil]\nendpoint = ["https://u:hunter2@evil"]\n')
    found = modules.containerd.drift(path, layers)
    assert found == {"added": {mirror: {"value": ["https://(secret)@evil"], "file": path}}}
    report = modules.containerd.status(path, layers)
    assert (report["drift"], report["not_in_effect"], report["errors"]) == (found, {}, [])


def test_drift_names_what_is_missing_or_changed_and_drop_ins(node, layers, tmp_path):
    modules, path = node
    text = open(path, encoding="utf-8").read()
    lines = [line for line in text.splitlines() if not line.startswith(("imports", "oom_score", "root"))]
    (tmp_path / "gpu.toml").write_text("version = 9\n", encoding="utf-8")
    head = f'root = "/srv/c"\nimports = ["{tmp_path}/gpu.toml"]\n'
    open(path, "w", encoding="utf-8").write(head + "\n".join(lines))
    found = modules.containerd.drift(path, layers)
    assert found["missing"]["oom_score"] == {"wanted": -999, "file": path}
    assert found["changed"]["root"] == {"value": "/srv/c", "wanted": "/var/lib/containerd", "file": path}
    assert "has version = 9" in found["drop_ins"][f"{tmp_path}/gpu.toml"][0]


def test_drift_takes_a_file_of_an_older_schema(node, tmp_path):
    modules, _ = node
    path = str(tmp_path / "old.toml")
    text = f'version = 2\n[plugins."{V2}"]\nsandbox_image = "example.org/pause:1"\nenable_selinux = true\n'
    open(path, "w", encoding="utf-8").write(text)
    want = {"version": 2, "plugins": {V2: {"sandbox_image": "example.org/pause:1"}}}
    [(key, change)] = modules.containerd.drift(path, want)["changed"].items()
    assert key.endswith("enable_selinux") and (change["value"], change["wanted"]) == (True, False)


def test_explain_tells_a_default_and_what_is_no_key(node, layers):
    modules, path = node
    facts = modules.containerd_toml.explain("grpc.address", layers, path)["grpc.address"]
    assert (facts["layer"], facts["in_effect"]) == ("containerd", True)
    with pytest.raises(Exception, match="is not a key of this containerd"):
        modules.containerd_toml.explain("grpc.adress", layers, path)


def test_what_somebody_changed_is_not_in_effect(node, layers):
    modules, path = node
    text = open(path, encoding="utf-8").read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace("oom_score = -999", "oom_score = 5"))
    facts = modules.containerd_toml.explain("oom_score", layers, path)["oom_score"]
    assert (facts["value"], facts["effective"], facts["in_effect"]) == (-999, 5, False)
    report = modules.containerd.status(path, layers)
    assert report["not_in_effect"] == {"oom_score": {"wanted": -999, "effective": 5}}


def test_deprecations_name_the_release(node, layers):
    modules, _ = node
    messages = [finding["message"] for finding in modules.containerd_toml.deprecations(layers)]
    assert any(
        "registry.mirrors" in message and "containerd 2.4 removes it" in message for message in messages
    )
    assert "hunter2" not in str(messages)


def test_minimal_hides_secrets_unless_asked(node):
    modules, path = node
    found = modules.containerd_toml.minimal(path)
    assert "hunter2" not in str(found)
    # A mask that is pasted would become the password.
    assert "(secret)" not in str(found["containerd"])
    [told] = [sentence for sentence in found["left_out"] if "auth.password: " in sentence]
    assert "show_secrets=True shows it" in told
    shown = modules.containerd_toml.minimal(path, show_secrets=True)
    assert "hunter2" in str(shown["containerd"]) and "auth.password" not in str(shown.get("left_out"))


def test_no_report_shows_a_secret_that_was_not_asked_for(node, layers):
    """
    What a job returns is kept on the master, and travels over its event bus.
    """
    modules, path = node
    toml = modules.containerd_toml
    [password] = [key for key in toml.explain(path=path) if key.endswith("auth.password")]
    asked = {
        "read": lambda **show: toml.read(path, **show),
        "get": lambda **show: toml.get(path, password, **show),
        "render": lambda **show: toml.render(layers, strict=False, **show),
        "merge": lambda **show: toml.merge("", layers[-1]["pillar"], **show),
        "plan": lambda **show: toml.plan(path + ".new", layers, strict=False, **show),
        "dump": lambda **show: modules.containerd_daemon.config_dump(path, **show),
        "minimal": lambda **show: toml.minimal(path, **show),
    }
    for name, ask in asked.items():
        assert "hunter2" not in str(ask()), name
        assert "hunter2" in str(ask(show_secrets=True)), name


def test_status_is_a_report_where_no_daemon_runs(node, layers, release):  # noqa: F811
    modules, path = node
    report = modules.containerd.status(path, layers)
    schema = 3 if release.startswith("2.") else 2
    assert (report["installed"], report["version"]) == (True, release)
    assert (report["schema"], report["file_schema"]) == (schema, schema)
    assert report["not_in_effect"] == {}
    assert report["errors"] == []
    assert report["cri_ok"] is False
    assert report["cri_reason"]


def test_a_report_starts_the_binary_twice(node, layers, started):  # noqa: F811
    """
    Hundreds of nodes are asked at once.
    """
    modules, path = node
    started()
    assert modules.containerd.status(path, layers)["errors"] == []
    # A file that is not the daemon's own is dumped in a sandbox, which is probed first.
    assert [line.split()[-1] for line in started()] == ["--version", "default", "/usr/bin/true", "dump"]


def test_status_of_a_node_without_containerd(site, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    report = site.modules.containerd.status()
    assert (report["installed"], report["cri_ok"], report["errors"]) == (False, False, [])


def test_an_option_in_another_case_is_in_effect(node, layers, release):  # noqa: F811
    """
    As other tools write it; containerd does not mind.
    """
    modules, path = node
    text = open(path, encoding="utf-8").read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace("SystemdCgroup", "systemdCgroup"))
    assert named(modules.containerd_toml.explain(None, layers, path), "SystemdCgroup")["in_effect"]
    assert modules.containerd.status(path, layers)["not_in_effect"] == {}
