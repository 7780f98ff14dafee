"""
The sandbox image: the grammar of image references, and what the message says of what is none.
"""

import pytest
from containerd_formula.rules.images import is_reference
from library.rules_documents import CRI, IMG, cases, found, prove

SHA = "sha256:" + "0123456789abcdef" * 4
KEYS = {2: f"{CRI}.sandbox_image", 3: f"{IMG}.pinned_images.sandbox", 4: f"{IMG}.pinned_images.sandbox"}
GOOD = "registry.example.org/pause:3.10"


@pytest.mark.parametrize(
    "text",
    [
        *("pause", "pause:3.10", "library/pause", "a", "0", "k8s/pause:v1_2.3-x", "pause:A"),
        *("registry.k8s.io/pause:3.10", "registry.k8s.io/a/b/c:1", "localhost/pause", "localhost:5000/pause"),
        *("10.0.0.1:5000/pause", "[::1]:5000/pause", "[2001:db8::1]/pause", "REGISTRY.example.org/pause"),
        *("host.example:5000/a_b/c__d/e-f--g/h.i:t", "a.b-c.d/x", "Registry/pause", "localhost:5000"),
        *(f"pause@{SHA}", f"registry.k8s.io/pause:3.10@{SHA}", SHA, "f" * 64, "pause@sha512:" + "a" * 128),
        "a" * 237,
        "registry.example.org/" + "a" * 234,
        "pause:" + "t" * 128,
    ],
)
def test_what_names_an_image(text):
    assert is_reference(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "pause ", " pause", "pa use", "pause:3 10", "pause\t", "pause\n", "\u00a0pause"),
        *("Pause", "registry.k8s.io/Pause:3.10", "registry.k8s.io/a/B", "LOCALHOST"),
        *("pause:", "pause:.x", "pause:-x", ":3.10", "pause:a:b", "registry.k8s.io/pause:3/10"),
        *("pause@", "pause@sha256:abc", f"pause@{SHA}0", f"pause@{SHA.upper()}", "pause@md5:" + "a" * 32),
        *(f"@{SHA}", f"pause@{SHA}@{SHA}", "pause@sha256:" + "A" * 64),
        *("/pause", "pause/", "a//b", "registry.k8s.io/", "registry.k8s.io//pause", "registry.k8s.io:/pause"),
        *("https://registry.k8s.io/pause", "-a.example/pause", "a-.example/pause", "a..b/pause"),
        *("a.b:port/pause", "_pause", "pause_", ".pause", "pause-", "a...b", "a___b", "a._b", "päuse"),
        *("${SANDBOX_IMAGE}", "<image>", "pause,3.10", "a" * 238, "pause:" + "t" * 129),
        "registry.example.org/" + "a" * 235,
    ],
)
def test_what_does_not(text):
    assert not is_reference(text)


CASES = [
    one
    for version, key in KEYS.items()
    for bad, words in (
        ("", "it is empty, so no pod can start: write one, or null for containerd's own"),
        ("pause :3.10", "'pause :3.10' names no image, so no pod can start: write it without blanks"),
        ("registry.k8s.io/pause\t", "write it without blanks"),
        ("registry.k8s.io/Pause:3.10", "write it in lower case, registry.k8s.io/pause:3.10"),
        ("https://registry.k8s.io/pause", f"write one such as {GOOD}"),
    )
    for one in cases((version,), (key, bad), words, (key, GOOD))
]


@pytest.mark.parametrize("case", CASES)
def test_rule(case):
    prove(*case)


@pytest.mark.parametrize("version", KEYS)
def test_a_null_is_containerds_own_image(version):
    assert found(version, [(KEYS[version], None)]) == []
