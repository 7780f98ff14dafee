"""
Hostile pillar: whatever it holds, the check answers in words and in time.
"""

import pytest
import yaml
from containerd_formula.pillar import problems
from support import ROOT
from support.hostile import ANY, called

DEFAULTS = yaml.safe_load((ROOT / "containerd/defaults.yaml").read_text(encoding="utf-8"))
# One of each kind of setting.
PLACES = (
    *(
        "",
        "config",
        "config:a",
        "nope",
        "kernel",
        "kernel:modules",
        "kernel:sysctls:a",
        "package",
        "package:hold",
    ),
    *(
        "package:version",
        "package:source",
        "package:docker:url",
        "package:docker:key",
        "package:docker:packages",
    ),
    *("package:docker:fingerprints", "package:docker:distributions:Debian", "package:archive:sha256:1"),
    *("salt:tomlkit", "salt:wheel", "service:environment:X", "service:ready_timeout", "service:restart"),
)
GRAINS = {"os_family": "Debian", "os": "Debian", "cpuarch": "x86_64"}


@pytest.mark.parametrize("name", ANY)
def test_a_pillar_is_told_wrong_or_is_right(name):
    for path in PLACES:
        given = ANY[name]
        for key in reversed(path.split(":") if path else ()):
            given = {key: given}
        found = called(problems, (), given=given, defaults=DEFAULTS, families=["Debian"], grains=GRAINS)
        assert len("".join(found)) < 200_000
        "".join(found).encode("utf-8")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"config": ANY["endless table"]}, "is nested more than 64 levels deep; does a YAML anchor"),
        (
            {"config": {"a": ANY["laughs"]}},
            "containerd:config:a brings the pillar to more than 500000",
        ),
        (
            {"service": {"ready_timeout": float("nan")}},
            "containerd:service:ready_timeout is a number of more",
        ),
        ({"config": {"a": "\ud800"}}, "containerd:config:a holds text that is not Unicode"),
        ({"config": {"x" * 2000: 1}}, "containerd:config has a key that is a string; write text of up to"),
    ],
)
def test_a_pillar_that_cannot_be_merged_is_told_with_its_key(given, words):
    [told] = problems(given, DEFAULTS, ["Debian"], GRAINS)
    assert words in told
