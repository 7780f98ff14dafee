"""
Types below tables that have names of the site's own: what containerd cannot read is found, with key and cure.
"""

import subprocess

import pytest
import tomlkit
from containerd_formula import toml
from containerd_formula.data import combine
from containerd_formula.document import compose
from containerd_formula.findings import errors
from support.faults import cri

RUNC_TYPE = "io.containerd.runc.v2"


def crun(**settings):
    return cri(containerd={"runtimes": {"crun": {"runtime_type": RUNC_TYPE, **settings}}})


def registry(**settings):
    return cri(registry=settings)


def auth(**settings):
    return registry(configs={"r.example": {"auth": settings}})


def processor(**settings):
    return {"stream_processors": {"x": settings}}


def proxy(**settings):
    return {"proxy_plugins": {"x": {"type": "snapshot", "address": "/run/x.sock", **settings}}}


# What is wrong, what is right, and what the message must have.
TYPES = {
    "flag": (
        crun(privileged_without_host_devices="yes"),
        crun(privileged_without_host_devices=True),
        "False",
    ),
    "list": (crun(pod_annotations="a"), crun(pod_annotations=["a"]), "pod_annotations is 'a', a string"),
    "text": (crun(base_runtime_spec=["/x"]), crun(base_runtime_spec=""), "base_runtime_spec is ['/x']"),
    "options": (crun(options="x"), crun(options={}), "options is a string; it must be a table"),
    "runtime": (
        cri(containerd={"runtimes": {"crun": RUNC_TYPE}}),
        crun(),
        "crun is a string; it must be a t",
    ),
    "mirror": (
        registry(mirrors={"r.example": ["https://m"]}),
        registry(mirrors={"r.example": {"endpoint": ["https://m"]}}),
        "must be a table with endpoint",
    ),
    "endpoint": (
        registry(mirrors={"r.example": {"endpoint": "https://m"}}),
        registry(mirrors={}),
        "endpoint is 'https://m', a string; ",
    ),
    "auth": (registry(configs={"r.example": {"auth": "x"}}), auth(), "with username and password"),
    "user": (
        auth(username=["u"]),
        auth(username="u"),
        "username is '(secret)', an array; it must be a string",
    ),
    "header": (registry(headers={"X": "1"}), registry(headers={"X": ["1"]}), "must be an array of strings"),
    "proxy": ({"proxy_plugins": {"x": "y"}}, proxy(), "proxy_plugins.x is a string; it must be a table"),
    "socket": (proxy(address=["/x"]), proxy(), "proxy_plugins.x.address is ['/x'], an array"),
    "processor": ({"stream_processors": {"x": "y"}}, processor(), "stream_processors.x is a string"),
    "accepts": (processor(accepts="y"), processor(accepts=["y"]), "stream_processors.x.accepts is 'y'"),
    "returns": (processor(returns=["y"]), processor(returns="y"), "stream_processors.x.returns is ['y']"),
    "path": (processor(path=["/bin/x"]), processor(path="x"), "stream_processors.x.path is ['/bin/x']"),
    "pinned": (
        {"version": 3, "plugins": {"io.containerd.cri.v1.images": {"pinned_images": {"x": ["y"]}}}},
        {"version": 3, "plugins": {"io.containerd.cri.v1.images": {"pinned_images": {"x": "y"}}}},
        "pinned_images.x is ['y'], an array; it must be a string",
    ),
}


@pytest.fixture
def base(salt_functions):
    return salt_functions["containerd_daemon.config_default"]()


def reads(on_path, folder, base, overrides):
    """
    Tell whether containerd reads its default with overrides, whatever their types.
    """
    path = folder / "config.toml"
    path.write_text(tomlkit.dumps(combine(toml.loads(base), overrides)), encoding="utf-8")
    command = [str(on_path / "containerd"), "--config", str(path), "config", "dump"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("name", TYPES)
def test_a_wrong_type_is_found_and_the_right_one_is_not(on_path, base, release, tmp_path, name):
    wrong, right, words = TYPES[name]
    if wrong.get("version") == 3 and release.startswith("1."):
        pytest.skip("a key of containerd 2.0")
    # containerd itself, where its file has what the pillar says; 1.4 takes any options, and starts no pod.
    own = wrong.get("version") in (None, toml.loads(base)["version"])
    if own and (release, name) != ("1.4.13", "options"):
        assert not reads(on_path, tmp_path, base, wrong)
        assert reads(on_path, tmp_path, base, right)
    said = errors(compose(base, wrong).findings)
    assert [words in message for message in said].count(True) == 1, said
    assert "write it as one (quote a string)" in said[0]
    assert errors(compose(base, right).findings) == []
