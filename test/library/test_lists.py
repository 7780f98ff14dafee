"""
What dnf 4 says of repositories that it cannot use, word for word.
"""

import pytest
from containerd_formula import dnf
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
    assert dnf.complaints(DOWN + FORGED) == {
        "docker-stable": "Curl error (7): Couldn't connect to server for "
        "http://(secret)@10.0.2.2:1/repomd.xml [Failed]",
        "b": "GPG signature verification error: Bad GPG signature",
    }


def test_other_repositories_may_be_old():
    told = dnf.updated(FORGED, False, URL, ["docker-stable"])
    assert told == ["b: GPG signature verification error: Bad GPG signature."]


@pytest.mark.parametrize(("stderr", "failed"), [(DOWN, False), (DOWN, True), ("Config error: 1\n", True)])
def test_ours_may_not(stderr, failed):
    with pytest.raises(Refused, match="^The repository .* cannot be used: .* was installed.$") as refused:
        dnf.updated(stderr, failed, URL, ["docker-stable"])
    assert "hunter2" not in str(refused.value)
