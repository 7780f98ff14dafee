"""What apt's answers mean, and which sources would clash with ours."""

import pytest
from containerd_formula import apt
from containerd_formula.errors import Refused

URL = "https://download.docker.com/linux/debian"
WITH_USER = URL.replace("//", "//me:hunter2@")
SIMULATED = """NOTE: This is only a simulation!
Remv runc [1.1.5+ds1-1]
Inst containerd.io [1.6.20-1] (1.7.24-1 Docker:bookworm [amd64])
Inst libseccomp2 (2.5.4-1 Debian:12.9/stable [amd64])
Conf containerd.io (1.7.24-1 Docker:bookworm [amd64])
"""
RIVAL = f"deb [arch=amd64 signed-by=/usr/share/keyrings/docker.gpg] {URL} bookworm stable\n"
STANZA = f"Types: deb\nURIs: {URL}/\nSuites: bookworm\nComponents: stable\nSigned-By: /x.gpg\n"
OTHERS = "# a remark\ndeb https://mirror.example.org/debian bookworm main\n"
OTHER_STANZA = "Types: deb\nURIs: https://mirror.example.org/debian\nSuites: bookworm\nComponents: main\n"


@pytest.mark.parametrize(
    ("stderr", "failed", "fails"),
    [
        ("", False, False),
        (f"W: Failed to fetch {URL}/dists/bookworm/InRelease  Could not connect", False, True),
        (f"E: The repository '{URL} bookworm InRelease' is not signed.", True, True),
        ("E: The repository 'https://other.example.org/apt x InRelease' is not signed.", True, False),
        ("W: Failed to fetch https://other.example.org/apt/InRelease", False, False),
        ("E: Could not get lock /var/lib/apt/lists/lock.", True, True),
    ],
)
def test_only_our_repository_must_answer(stderr, failed, fails):
    if fails:
        with pytest.raises(Refused) as caught:
            apt.updated(f"{stderr}\nW: x", failed, URL)
        words = f"{stderr[3:]} x" if URL not in stderr else stderr[3:]
        assert str(caught.value) == f"The repository {URL} cannot be used: {words} Nothing was installed."
    else:
        assert apt.updated(f"{stderr}\nReading lists", failed, URL) == stderr.splitlines()


def test_a_failure_without_a_word_is_one_too():
    with pytest.raises(Refused, match="cannot be used"):
        apt.updated("", True, URL)


def test_apt_says_beforehand_what_it_will_do():
    assert apt.foreseen(SIMULATED, ["containerd.io"]) == {
        "runc": {"old": "1.1.5+ds1-1", "new": ""},
        "containerd.io": {"old": "1.6.20-1", "new": "1.7.24-1"},
        "libseccomp2": {"old": "", "new": "2.5.4-1"},
    }


@pytest.mark.parametrize("word", ["Remv", "Purg"])
def test_what_would_remove_a_stranger_is_refused(word):
    with pytest.raises(Refused) as caught:
        apt.foreseen(f"{word} docker.io [20.10.24]\n{SIMULATED}", ["containerd.io"])
    assert str(caught.value) == (
        "installing containerd.io would remove docker.io; nothing was changed. Remove them yourself, choose "
        "another containerd:package:source, or leave it out of pillar."
    )


def test_what_is_installed_anew_is_no_stranger():
    simulated = "Remv nerdctl [1]\nInst nerdctl (2 x [amd64])\n"
    assert apt.foreseen(simulated, ["nerdctl"]) == {"nerdctl": {"old": "", "new": "2"}}


@pytest.mark.parametrize(
    ("path", "text", "lines"),
    [
        ("sources.list", OTHERS + RIVAL, 1),
        ("docker.list", RIVAL + RIVAL.replace("deb ", "deb-src ", 1), 2),
        ("a.list", RIVAL.replace(" stable", " test").replace(URL, f"{URL}/"), 1),
        ("b.sources", f"{OTHER_STANZA}\n{STANZA}\n{OTHER_STANZA}", 5),
        ("c.sources", STANZA.replace("Suites: bookworm", "Suites:\n bullseye\n bookworm"), 7),
        ("d.sources", STANZA.replace("Suites: bookworm", "Suites:\n# ours\n bookworm"), 7),
        ("d.list", RIVAL.replace("bookworm", "bullseye"), 0),
        ("f.sources", STANZA.replace("URIs", "uris").replace("Suites", "suiTES"), 5),
        ("e.list", f"#{RIVAL}", 0),
        ("e.sources", STANZA.replace("URIs", "#URIs"), 0),
        ("g.list", RIVAL.replace("debian", "ubuntu"), 0),
        ("g.sources", OTHER_STANZA, 0),
    ],
)
def test_rivals_are_set_aside_and_come_back(path, text, lines):
    aside = apt.set_aside(path, text, f"{URL}/", "bookworm")
    assert aside.count(apt.ASIDE) == lines
    # Only whole lines, and only those.
    kept = [line for line in aside.splitlines() if not line.startswith(apt.ASIDE)]
    assert len(kept) == len(text.splitlines()) - lines
    assert (aside == text) is (lines == 0)
    assert apt.set_aside(path, aside, URL, "bookworm") == aside
    assert apt.restored(aside) == text


@pytest.mark.parametrize("named", [URL, WITH_USER])
def test_a_repository_with_credentials_is_known_and_they_are_not_shown(named):
    """
    apt 2.6 names it with them where a server refuses it, and without them where none answers.
    """
    told = f"E: Failed to fetch {named}/dists/bookworm/InRelease  401  Unauthorized\n"
    with pytest.raises(Refused, match=r"repository https://\(secret\)@download.* 401 ") as refused:
        apt.updated(told, True, WITH_USER)
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in str(apt.complaints(told))
    # That of somebody else is no reason to stop.
    assert apt.updated(told.replace("docker", "other"), True, WITH_USER)


def test_versions_are_those_that_madison_lists():
    listed = (
        " c | 5:1.7.24-1~deb |  http://x/debian bookworm/stable amd64 Packages\n c | 1.6 | http://x\n\nE\n"
    )
    assert apt.offered(listed) == ["5:1.7.24-1~deb", "1.6"]
