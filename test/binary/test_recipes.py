"""
Every pillar that the documents show: the check takes it, and each release runs with it.
"""

import re
import shutil

import pytest
import yaml
from containerd_formula import pillar, registries, unit
from containerd_formula.findings import errors
from containerd_formula.places import DROP_IN
from salt.exceptions import CommandExecutionError
from support import ROOT, wired

DOCS = ("README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))))
BLOCK = re.compile(r"^```yaml\n(containerd:\n.*?)^```$", re.MULTILINE | re.DOTALL)
DEFAULTS = yaml.safe_load((ROOT / "containerd/defaults.yaml").read_text(encoding="utf-8"))
DEBIAN = {"os": "Debian", "os_family": "Debian", "osarch": "amd64", "cpuarch": "x86_64"}
# What the document says that a release lacks.
LACKS = {"1.4.13": ("registry.config_path", "kata:path"), "1.6.20": ("kata:path",)}


def pillars():
    """
    Return the pillars of the documents, by the file and the heading above them.
    """
    found = []
    for name in DOCS:
        text = (ROOT / name).read_text(encoding="utf-8")
        for block in BLOCK.finditer(text):
            heading = re.findall(r"^#+ (.*)$", text[: block.start()], re.MULTILINE)[-1]
            found.append(pytest.param(yaml.safe_load(block[1])["containerd"], id=f"{name}: {heading}"))
    return found


@pytest.fixture(params=pillars())
def shown(request):
    return request.param


def test_the_check_takes_it(shown):
    assert pillar.problems(shown, DEFAULTS, {"Debian": {}}, DEBIAN) == []


def test_its_registries_are_right_for_each_release_that_has_files(shown, release):
    if release != "1.4.13":
        assert errors(registries.read(shown.get("registries"), release).findings) == []


def test_each_release_runs_with_it(shown, release, salt_functions, tmp_path):
    made = [
        {name: shown[name], "of": name, **({"systemd": True} if name == "runtimes" else {})}
        for name in ("runtimes", "sandbox_image")
        if name in shown
    ]
    layers = [*made, {"pillar": shown.get("config", {})}]
    try:
        plan = salt_functions["containerd_toml.plan"](str(tmp_path / "config.toml"), layers)
    except CommandExecutionError as err:
        lacks = [key for key in LACKS[release] if key in str(err)]
        assert len(str(err).splitlines()) <= 2 and lacks
        assert "config_path" in str(layers) or "kata" in str(layers)
    else:
        assert plan["write"]


def test_systemd_understands_it(shown, monkeypatch):
    wanted = {
        key: value for key, value in shown.get("service", {}).items() if key in ("limits", "directives")
    }
    module = wired("containerd_service")
    fragment = str(ROOT / "containerd/package/containerd.service")
    monkeypatch.setattr(module, "properties", lambda: {"FragmentPath": fragment})
    assert shutil.which("systemd-analyze")
    assert module.verify(unit.render(**wanted)[DROP_IN] or "") == []
