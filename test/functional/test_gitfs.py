"""
The formula from a git server: a tag, a branch, a commit, a subfolder; on a master, and without one.

The settings are those of docs/ways-in.md. The repository is this one, as it stands here.
"""

import os
import shutil
import subprocess

import pytest
import yaml
from support import FORMULA, ROOT
from support.pages import block, blocks
from support.releases import Root
from support.salt_call import Minion
from tools import stamp

PAGE = "docs/ways-in.md"
SYNCED = "containerd Salt modules are synced"
LIBRARY = "containerd TOML library is installed"
# The page's tag and address.
TAG, ADDRESS = f"v{stamp.release()}-site1", "https://git.example.org/containerd-formula.git"
SITE = "https://git.example.org/salt.git"
WHO = {f"GIT_{who}_{what}": "site" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
# A preview of an image build: where the tests run, there may be no systemd.
IMAGE = {"containerd": {"package": {"source": "distro"}, "service": {"manage": False}}}
FOREIGN = "def version():\n    return '1.0'\n"


class Repository:
    """
    A clone, and the bare repository of the site's git server that it is pushed to.
    """

    def __init__(self, folder):
        self.clone, bare = folder / "clone", folder / "server.git"
        self.address = f"file://{bare}"
        self.run(f"git init --quiet --bare --initial-branch=main {bare}", folder)
        self.run(f"git init --quiet --initial-branch=main {self.clone}", folder)
        self.run(f"git remote add site {bare}")

    def run(self, command, folder=None):
        environment = {**os.environ, **WHO}
        done = subprocess.run(
            ["sh", "-ec", command], cwd=folder or self.clone, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def push(self):
        """
        Commit what is in the clone; return the commit.
        """
        self.run("git add --all --force && git commit --quiet --message=all && git push --quiet site main")
        return self.run("git rev-parse HEAD")


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """
    All of this repository on branch main, and the page's tag.
    """
    made = Repository(tmp_path_factory.mktemp("formula"))
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (made.clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, made.clone / name)
    made.commit = made.push()
    made.run(block(PAGE, "gitfs: tag"))
    return made


@pytest.fixture(scope="module")
def subfolder(tmp_path_factory):
    """
    The site's own repository, with the formula in a folder of it.
    """
    made = Repository(tmp_path_factory.mktemp("site"))
    folder = yaml.safe_load(block(PAGE, "gitfs: subfolder"))["gitfs_remotes"][0][SITE][0]["root"]
    for name in FORMULA:
        shutil.copytree(ROOT / name, made.clone / folder / name)
    made.push()
    return made


@pytest.fixture(scope="module")
def ways(repository, subfolder):
    """
    Options of each way, by its name.
    """
    site = {**yaml.safe_load(block(PAGE, "gitfs: subfolder")), "gitfs_provider": "gitpython"}
    made = {"tag": yaml.safe_load(block(PAGE, "gitfs: master")), "subfolder": site}
    for name, ref in (("branch", "main"), ("commit", repository.commit)):
        made[name] = {**made["tag"], "gitfs_remotes": [{ADDRESS: [{"base": ref}]}]}
    # Each branch and tag is a saltenv by itself.
    made["saltenv"] = {**made["tag"], "gitfs_remotes": [ADDRESS]}
    text = yaml.safe_dump(made).replace(ADDRESS, repository.address).replace(SITE, subfolder.address)
    return yaml.safe_load(text)


def test_each_block_of_the_page_is_what_a_test_does():
    tested = {"gitfs: tag", "gitfs: master", "gitfs: subfolder", "masterless", "masterless: run"}
    on_nodes = {"master", "master: run", "salt-ssh: master", "salt-ssh: tomlkit", "salt-ssh: run"}
    on_nodes |= {"image: pillar", "image: run"}
    assert set(blocks(PAGE)) == tested | on_nodes


def previewed(minion, *arguments):
    states = minion.apply("containerd", "test=True", *arguments)
    assert [ret["comment"] for ret in states.values() if ret["result"] is False] == []
    assert states[SYNCED]["comment"] == "The modules are those of the formula."
    assert states["containerd sysctls are set at boot"]["result"] is not False
    return states


@pytest.mark.parametrize("way", ["tag", "branch", "commit", "subfolder"])
def test_the_first_preview_is_whole_without_a_master(tmp_path, ways, way):
    minion = Minion(tmp_path, {}, **ways[way])
    assert not list(minion.extmods.glob("*/containerd*"))
    previewed(minion)


def test_without_a_master_and_without_git(tmp_path, file_root):
    options = yaml.safe_load(block(PAGE, "masterless"))
    assert block(PAGE, "masterless: run") == "salt-call state.apply containerd test=True\n"
    previewed(Minion(tmp_path, {"base": [tmp_path / "own", file_root]}, **options))


def test_below_a_mountpoint_there_is_no_formula(tmp_path, repository, ways):
    remotes = [{repository.address: [{"base": TAG}, {"mountpoint": "salt://formulas"}]}]
    minion = Minion(tmp_path, {}, **{**ways["tag"], "gitfs_remotes": remotes})
    assert minion.call("saltutil.sync_modules") == []
    assert "No matching sls found" in str(minion.call("state.apply", "containerd", "test=True"))


def test_a_tag_is_a_saltenv(tmp_path, ways):
    minion = Minion(tmp_path, {}, **ways["saltenv"])
    previewed(minion, f"saltenv={TAG}")


def test_a_site_sees_the_formula_and_nothing_else(tmp_path, repository, ways):
    """
    Of the tag, and of the subfolder. All of the repository's files are a branch's.
    """
    folders = " ".join(FORMULA)
    formula = set(repository.run(f"git ls-files {folders}").splitlines())
    for way in ("tag", "subfolder"):
        (tmp_path / way).mkdir()
        seen = Minion(tmp_path / way, {}, **ways[way]).call("cp.list_master")
        assert {name for name in seen if "__pycache__" not in name} == formula
    seen = set(Minion(tmp_path, {}, **ways["branch"]).call("cp.list_master"))
    assert seen == set(repository.run("git ls-files").splitlines())
    # What Salt would take for a site's own is not among the rest.
    rest = {name.partition("/")[0] for name in seen - formula}
    assert not [name for name in rest if name.startswith("_") or name == "top.sls"]


def test_a_module_of_an_earlier_remote_is_named(tmp_path, ways):
    other = Repository(tmp_path)
    (other.clone / "_modules").mkdir()
    (other.clone / "_modules/containerd.py").write_text(FOREIGN, encoding="utf-8")
    other.push()
    remotes = [{other.address: [{"base": "main"}]}, *ways["tag"]["gitfs_remotes"]]
    minion = Minion(tmp_path, {}, **{**ways["tag"], "gitfs_remotes": remotes})
    ret = minion.apply("containerd", "test=True")[SYNCED]
    assert ret["result"] is False
    assert (
        "is salt://_modules/containerd.py of saltenv base: a root or remote that comes before"
        in ret["comment"]
    )
    # The cure that it tells.
    (tmp_path / "cured").mkdir()
    remotes = [*ways["tag"]["gitfs_remotes"], {other.address: [{"base": "main"}]}]
    previewed(Minion(tmp_path / "cured", {}, **{**ways["tag"], "gitfs_remotes": remotes}))


def test_the_states_of_an_earlier_root_are_told_apart(tmp_path, ways):
    """
    Salt takes each file from the first root that has it: nothing of ours is asked for the first one.
    """
    theirs = tmp_path / "theirs"
    (theirs / "containerd").mkdir(parents=True)
    (theirs / "containerd/init.sls").write_text("theirs:\n  test.nop: []\n", encoding="utf-8")
    (theirs / "containerd/map.jinja").write_text("{%- set containerd = {} %}\n", encoding="utf-8")
    both = {**ways["tag"], "fileserver_backend": ["roots", "gitfs"]}
    minion = Minion(tmp_path, {"base": [theirs]}, **both)
    assert set(minion.apply("containerd", "test=True")) == {"theirs"}
    told = minion.call("state.apply", "containerd.registries", "test=True")
    assert "failed: Jinja variable" in str(told)
    assert "Traceback" not in str(told)


@pytest.fixture(scope="module")
def master(salt_factories, ways):
    config = {**ways["branch"], "pillar_roots": {"base": []}, "fileserver_list_cache_time": 0}
    master = salt_factories.salt_master_daemon("git-master", defaults={"open_mode": True}, overrides=config)
    with master.started():
        yield master


def test_a_master_gives_what_was_pushed_to_its_branch(master, repository, tmp_path):
    """
    A push, and an update of the master's copy: the running minion has all of the new release in one run.
    """
    minion = master.salt_minion_daemon("git-minion")
    cli = master.salt_cli(timeout=180)

    def applied(*arguments, **options):
        states = cli.run("state.apply", *arguments, minion_tgt=minion.id, **options).data
        assert isinstance(states, dict), states
        return {ret["__id__"]: ret for ret in states.values()}

    with minion.started():
        states = applied("containerd", test=True, pillar=IMAGE)
        assert [ret["comment"] for ret in states.values() if ret["result"] is False] == []
        root = Root(tmp_path / "release", repository.clone)
        told = root.upgrade()
        shutil.copytree(root.folder, repository.clone, dirs_exist_ok=True)
        repository.push()
        assert master.salt_run_cli().run("fileserver.update").data is True
        assert applied("containerd.salt")[LIBRARY]["comment"].endswith(told)
