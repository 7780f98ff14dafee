"""
What dnf 4, zypper and pacman say, word for word.
"""

import pytest
from containerd_formula import lists
from containerd_formula.errors import Refused

DOWN = """\
Errors during downloading metadata for repository 'docker-stable':
  - Curl error (7): Couldn't connect to server for http://me:hunter2@10.0.2.2:1/repomd.xml [Failed]
  - Curl error (7): Couldn't connect to server for http://me:hunter2@10.0.2.2:1/repomd.xml [Failed again]
Error: Failed to download metadata for repo 'docker-stable': Cannot download repomd.xml: All were tried
Ignoring repositories: docker-stable
"""
FORGED = """\
Importing GPG key 0x94002638:
 Userid     : "site@example.org"
Error: Failed to download metadata for repo 'b': GPG signature verification error: Bad GPG signature
"""
URL = "https://me:hunter2@download.example.org/linux/centos"


def test_the_first_reason_of_each_repository_is_told_without_a_password():
    assert lists.complaints(DOWN + FORGED) == {
        "docker-stable": "Curl error (7): Couldn't connect to server for "
        "http://(secret)@10.0.2.2:1/repomd.xml [Failed]",
        "b": "GPG signature verification error: Bad GPG signature",
    }


def test_other_repositories_may_be_old():
    told = lists.updated(FORGED, False, URL, ["docker-stable"])
    assert told == ["b: GPG signature verification error: Bad GPG signature."]


@pytest.mark.parametrize(("stderr", "failed"), [(DOWN, False), (DOWN, True), ("Config error: 1\n", True)])
def test_ours_may_not(stderr, failed):
    with pytest.raises(Refused, match="^The repository .* cannot be used: .* was installed.$") as refused:
        lists.updated(stderr, failed, URL, ["docker-stable"])
    assert "hunter2" not in str(refused.value)


DNF = "containerd.io 1.6.20-3.1.el9\n\ncontainerd.io 1.7.24-3.1.el9\n\n"
ZYPPER = """\
Loading repository data...
Reading installed packages...

S  | Name           | Type    | Version           | Arch   | Repository
---+----------------+---------+-------------------+--------+----------------
v  | containerd     | package | 1.7.24-150000.1.1 | x86_64 | Main Repository
il | containerd     | package | 1.6.20-150000.1.1 | x86_64 | Main Repository
   | containerd     | patch   | 1                 | noarch | Main Repository
"""
PACMAN = """\
extra bubblewrap 0.8.0-1 [installed]
extra containerd 1.6.20-1
extra containerd-x 2-1
"""


@pytest.mark.parametrize(
    ("read", "text", "package", "versions"),
    [
        (lists.listed_by_dnf, DNF, "containerd.io", ["1.6.20-3.1.el9", "1.7.24-3.1.el9"]),
        (lists.listed_by_zypper, ZYPPER, "containerd", ["1.7.24-150000.1.1", "1.6.20-150000.1.1"]),
        (lists.listed_by_pacman, PACMAN, "containerd", ["1.6.20-1"]),
        (lists.listed_by_dnf, "Error: nothing to list\n", "a", []),
        (lists.listed_by_zypper, "No matching items found.\n", "a", []),
        (lists.listed_by_pacman, "error: x\n", "a", []),
    ],
)
def test_the_versions_on_offer_are_read(read, text, package, versions):
    assert read(text, package) == versions
