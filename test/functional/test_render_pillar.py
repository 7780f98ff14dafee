"""
A wrong pillar fails first and alone, whoever checks it.
"""

import shutil

import pytest
from support.rendering import GRAINS, UNKNOWN, closure, required


@pytest.mark.parametrize(
    ("grains", "containerd", "words"),
    [
        (UNKNOWN, {}, "os_family 'Bell' is not supported"),
        (GRAINS["debian-12"], {"package": {"source": "pigeon"}}, "containerd:package:source is 'pigeon'"),
        (GRAINS["debian-12"], "docker", "containerd is a string; it must be a mapping."),
        (GRAINS["debian-12"], {"kernel": {"modules": "overlay"}}, "containerd:kernel:modules is a string"),
        (GRAINS["debian-12"], {"packages": {}}, "did you mean package?"),
        (GRAINS["debian-12"], {"config": ["a"]}, "containerd:config is a list; it must be a mapping."),
    ],
)
@pytest.mark.parametrize("sls", ["containerd", "containerd.clean"])
# Asked of the minion's own module, and of a renderer.
@pytest.mark.parametrize(("root", "test"), [("file_root", False), ("other_release", True)])
def test_a_wrong_pillar_fails_first_and_alone(
    request, apply_with, grains, containerd, words, test, root, sls
):
    """
    One state fails with the reason; everything that changes the node requires it.
    """
    root = request.getfixturevalue(root)
    chunks = apply_with(sls, grains, {"containerd": containerd}, test, root)
    assert words in _fails_first(chunks)


@pytest.mark.parametrize(
    "pillar", [{}, {"containerd": {"package": {"source": "pigeon"}}}], ids=["right", "wrong"]
)
@pytest.mark.parametrize("saltenv", ["base", "prod"])
@pytest.mark.parametrize("sls", ["containerd", "containerd.clean"])
def test_without_its_check_no_pillar_is_right(apply_with, no_check, pillar, saltenv, sls):
    chunks = apply_with(sls, GRAINS["debian-12"], pillar, root=no_check, saltenv=saltenv)
    assert "The pillar was not checked" in _fails_first(chunks)


@pytest.mark.parametrize("sls", ["containerd", "containerd.clean"])
def test_the_pillar_is_checked_in_another_saltenv(apply_with, other_release, sls):
    """
    By the file of that saltenv: there is none in base.
    """
    chunks = apply_with(sls, GRAINS["debian-12"], {}, root=other_release, saltenv="prod")
    assert chunks["containerd pillar is valid"]["fun"] == "nop"
    wrong = {"containerd": {"nope": 1}}
    chunks = apply_with(sls, GRAINS["debian-12"], wrong, root=other_release, saltenv="prod")
    assert "containerd:nope is not a setting" in _fails_first(chunks)


def test_the_run_that_brings_the_modules_hands_them_no_pillar(apply_with, file_root, tmp_path):
    """
    They read it themselves: keys of two types cannot be written into an SLS, and a secret need not be there.
    """
    root = tmp_path / "root"
    shutil.copytree(file_root, root)
    path = root / "containerd/salt/sync.jinja"
    path.write_text(
        path.read_text(encoding="utf-8").replace('release = "', 'release = "0.'), encoding="utf-8"
    )
    given = {"containerd": {"config": {1: "a", "b": "hunter2"}}}
    chunks = apply_with("containerd.salt.modules", GRAINS["debian-12"], given, root=root)
    synced = chunks["containerd Salt modules are synced"]
    assert set(synced["pillar"]) == {"defaults", "families"}
    assert "hunter2" not in str(chunks)


def _fails_first(chunks):
    """
    Assert that the state of the pillar fails, and that nothing changes the node without it; return its words.
    """
    first = min(chunks.values(), key=lambda chunk: chunk["order"])
    assert (first["__id__"], first["fun"]) == ("containerd pillar is valid", "fail_without_changes")
    needs = {name: required(chunk, chunks) for name, chunk in chunks.items()}
    for name, chunk in chunks.items():
        if chunk["state"] != "test":
            assert first["__id__"] in closure(name, needs), f"{name} would run with a wrong pillar"
    return first["name"]
