"""
Somebody else's module of the plain name that ours has: named in the run that meets it, with the cure.
"""

import shutil

import pytest
from support.salt_call import Minion
from tools import stamp

SYNCED = "containerd Salt modules are synced"
# As other formulas have it.
THEIRS = {
    "_modules": "def version():\n    return '1.0'\n",
    "_states": "def running(name):\n    return {'name': name, 'result': True, 'changes': {}}\n",
}


@pytest.fixture
def theirs(tmp_path):
    """
    Return a function that makes a file root of somebody else's.
    """

    def make(kind, text=None):
        root = tmp_path / "theirs"
        (root / kind).mkdir(parents=True)
        (root / kind / "containerd.py").write_text(text or THEIRS[kind], encoding="utf-8")
        return root

    return make


def refused(minion, sls="containerd", test=True):
    """
    Return what the failed state says; what needs the modules waits for it.
    """
    states = minion.apply(sls, f"test={test}")
    ret = states[SYNCED]
    assert (ret["result"], ret["changes"]) == (False, {}), ret
    assert states["containerd TOML library is installed"]["result"] is False
    assert "Traceback" not in str(states)
    return ret["comment"]


@pytest.mark.parametrize("kind", THEIRS)
# A real run of all would change this machine.
@pytest.mark.parametrize(("sls", "test"), [("containerd", True), ("containerd.salt", False)])
def test_a_module_of_another_file_root_is_named_with_the_root(tmp_path, file_root, theirs, kind, sls, test):
    root = theirs(kind)
    minion = Minion(tmp_path, {"base": [root, file_root]})
    for _ in range(2):
        comment = refused(minion, sls, test)
        assert f"{minion.extmods}/{kind.strip('_')}/containerd.py is not of this formula" in comment
        assert (
            f"It is salt://{kind}/containerd.py of saltenv base ({root}): a root or remote that comes"
            in comment
        )
        assert "name the formula's root first" in comment
    # The cure, and no second run.
    shutil.rmtree(root)
    states = minion.apply("containerd", "test=True")
    assert [ret["comment"] for ret in states.values() if ret["result"] is False] == []


def test_another_release_of_ours_is_named_as_that(tmp_path, file_root, theirs):
    text = (file_root / "_modules/containerd.py").read_text(encoding="utf-8")
    own = f'RELEASE = "{stamp.release()}+'
    assert own in text
    root = theirs("_modules", text.replace(own, 'RELEASE = "0.0.1+'))
    comment = refused(Minion(tmp_path, {"base": [root, file_root]}))
    assert "is of another release of this formula, 0.0.1+" in comment


def test_a_module_that_no_file_server_has_is_named(tmp_path, file_root, theirs):
    root = theirs("_modules")
    minion = Minion(tmp_path, {"base": [file_root]}, module_dirs=[str(root)])
    comment = refused(minion)
    assert f"{root}/_modules/containerd.py is not of this formula" in comment
    assert "remove it there (module_dirs, -m, or a package), or rename it" in comment


def test_a_sync_that_the_minion_forbids_is_told(tmp_path, file_root):
    options = {"extmod_blacklist": {"modules": ["containerd"]}}
    comment = refused(Minion(tmp_path, {"base": [file_root]}, **options))
    assert "There is no " in comment
    assert "extmod_blacklist" in comment


@pytest.mark.parametrize("ours", ["base", "prod"])
def test_that_of_another_saltenv_gives_way(tmp_path, file_root, theirs, ours):
    root = theirs("_modules")
    other = {"base": "prod", "prod": "base"}[ours]
    minion = Minion(tmp_path, {ours: [file_root], other: [root]})
    minion.call("saltutil.sync_all", f"saltenv={other}")
    states = minion.apply("containerd", "test=True", f"saltenv={ours}")
    assert states[SYNCED]["result"] is True
    assert [ret["comment"] for ret in states.values() if ret["result"] is False] == []
