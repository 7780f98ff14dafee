"""
What containerd says is told without the secrets of its configuration, wherever they lie.
"""

import pytest
from support import wired

FILE = '[plugins."io.x.v1.y"]\npassword = "hunter2 hunter3"\n'
SAID = "Can't convert hunter2 hunter3(string) to bool"
HIDDEN = "Can't convert (secret)(string) to bool"


@pytest.fixture
def told(tmp_path):
    """
    Return a function that tells words of a configuration that imports what is given.
    """
    config = tmp_path / "config.toml"

    def run(imports, text=SAID, **options):
        config.write_text(f"imports = {imports}\n")
        return wired("containerd_words").told(text, str(config), **options)

    return run


def test_secrets_of_the_file_itself(tmp_path):
    (tmp_path / "config.toml").write_text(FILE)
    assert wired("containerd_words").told(SAID, str(tmp_path / "config.toml")) == HIDDEN


@pytest.mark.parametrize(
    ("imports", "name"),
    [
        (["a.toml"], "a.toml"),
        (["*.toml"], "a.toml"),
        # Go's stars find them.
        (["d/*.toml"], "d/.a.toml"),
        (["{folder}/*/*"], "d/a"),
        (["one.toml"], "a.toml"),
    ],
)
def test_secrets_of_what_it_imports(told, tmp_path, imports, name):
    (tmp_path / "one.toml").write_text('imports = ["a.toml", "config.toml"]\n')
    (tmp_path / "d").mkdir()
    (tmp_path / name).write_text(FILE)
    assert told([one.format(folder=tmp_path) for one in imports]) == HIDDEN


def test_a_file_that_the_program_sees_is_the_one_that_is_read(told, tmp_path):
    (tmp_path / "candidate").write_text(FILE)
    assert told([], files={str(tmp_path / "config.toml"): str(tmp_path / "candidate")}) == HIDDEN


@pytest.mark.parametrize("content", [b"password = hunter2 hunter3\n", b"\xff\xfe"])
def test_words_about_what_cannot_be_read_are_not_told(told, tmp_path, content):
    (tmp_path / "a.toml").write_bytes(content)
    words = told(["a.toml"])
    assert "hunter" not in words and "a.toml is no" in words and "may hold secrets" in words


def test_what_is_missing_has_no_secrets(told):
    assert told(["a.toml", "*/b"]) == SAID


def test_words_about_more_imports_than_can_be_followed_are_not_told(told):
    # A relative one may begin at the root of the disk, by release.
    assert "may hold secrets" in told(["*/*"])


def test_words_about_more_files_than_are_read_are_not_told(told, tmp_path):
    (tmp_path / "d").mkdir()
    for number in range(201):
        (tmp_path / f"d/{number}").write_text("")
    assert "may hold secrets" in told([f"{tmp_path}/d/*"])


def test_no_words_need_no_file(tmp_path):
    (tmp_path / "config.toml").write_text("broken")
    assert wired("containerd_words").told("\n", str(tmp_path / "config.toml")) == "\n"
