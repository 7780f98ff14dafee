"""
Hostile input to the library: each function answers or refuses, at once, and in words that can be read.
"""

import importlib
import inspect
import json

import pytest
import yaml
from containerd_formula.data import DEPTH, SIZE, VALUES, plain
from containerd_formula.document import compose
from containerd_formula.errors import Refused, brief
from containerd_formula.fleet_table import row
from containerd_formula.image_settings import read as read_images
from containerd_formula.image_words import Row
from containerd_formula.kubelet import Kubelet
from containerd_formula.places import DROP_IN, ENVIRONMENT
from containerd_formula.preflight import Facts
from containerd_formula.reading import reading
from containerd_formula.registries import read as read_registries
from containerd_formula.registry_words import questions
from containerd_formula.rolling import FAILED, Outcome, Summary
from containerd_formula.runtime_settings import read as read_runtimes
from containerd_formula.toml import loads
from support import ROOT
from support.hostile import ANY, TEXTS, assert_linear, called, nested, patterns, public_functions, within

BASE = "version = 2\noom_score = 0\n[debug]\nlevel = 'info'\n[plugins.'io.containerd.grpc.v1.cri']\na = 1\n"
MADE = compose(BASE, {"oom_score": 1})
READ = reading({}, {}, MADE)
REGISTRIES = read_registries({"hosts": {"a.io": {"mirrors": ["b.io"]}}})
[IMAGE] = read_images([{"name": "a.io/a:1", "archive": "salt://a", "sha256": "0" * 64}]).images
# What an archive's files say.
SAID = {name: (lambda _, text=text: text.encode("utf-8", "replace")) for name, text in TEXTS.items()}
SAID["deep"] = lambda _: b"[" * 100_000
SAID["index"] = lambda _: json.dumps({"manifests": [{"digest": "sha256:a"}] * 5}).encode()
SAID["wrong types"] = lambda _: b'{"manifests": {"a": 1}, "config": 5, "layers": [null], "os": 5}'
SAID["a list"] = lambda _: b'[{"Config": "a", "Layers": [1], "RepoTags": [null]}, 5]'
MADE_OF = {
    f"{name}, {of}": {"a": value, **({"of": of} if of else {})}
    for name, value in ANY.items()
    for of in ("", "registries", "runtimes", "sandbox_image")
}


def preflight_facts(own):
    """Return a node that has nothing, with some facts of its own."""
    facts = dict.fromkeys(Facts._fields, ())
    facts.update(sysctls={}, reason="a", hostname="a", release="1.30.0", port=1, ready=False)
    return Facts(**{**facts, **own})


RUNTIME = read_runtimes({"crun": {}}).runtimes[0]
FOLDER = ROOT / "_utils/containerd_formula"
MODULES = {
    ".".join(path.relative_to(FOLDER).with_suffix("").parts): path for path in sorted(FOLDER.rglob("*.py"))
}
# Rules are given what the composition of a document gives them, and pillar.run what a renderer does.
INNER = tuple(name for name in MODULES if name.startswith("rules.") and name != "rules.context")
PATHS = {name: ("plugins", text[:SIZE]) for name, text in TEXTS.items()}
# What comes through the door, and is as large as it may be.
ADMITTED = {
    "wide": {f"k{number}": [] for number in range(VALUES - 1)},
    "deep": nested(DEPTH - 2, lambda value: {"a": value}),
    "deep list": {"a": nested(DEPTH - 2, lambda value: [value])},
    "long": {"a": "x" * (SIZE - 1)},
    "control": {"a\0\x1b": "\n\x7f"},
    "wrong types": {"version": 2, "plugins": 5, "imports": {"a": 1}, "disabled_plugins": [1], "root": []},
}
READINGS = {name: reading(value, value, MADE) for name, value in ADMITTED.items()}
READINGS.update({f"{name}, imported": reading({}, {}, MADE, value) for name, value in ADMITTED.items()})
VALUES_ADMITTED = {**ADMITTED, **{name: text[:SIZE] for name, text in TEXTS.items()}, "none": None}
FILES = {name: {DROP_IN: text, ENVIRONMENT: text} for name, text in TEXTS.items()}
LINES = {name: text.splitlines() for name, text in TEXTS.items()}
NOTHING = {}
# A minion's answer is not ours: states that are none, and what is no run at all.
ANSWERS = {
    **{name: value for name, value in ANY.items() if not isinstance(value, dict) or name == "table"},
    **{f"a state of {name}": {"a": value} for name, value in ANY.items()},
    **{f"a comment of {name}": {"a": {"result": False, "comment": value}} for name, value in ANY.items()},
    **{
        f"drift of {name}": {"drift": value, "version": value, "errors": [value]}
        for name, value in ANY.items()
    },
}
JSON = {
    **TEXTS,
    **{name: json.dumps({"items": [value]}) for name, value in ADMITTED.items()},
    "deep": "[" * 100_000,
}
ORDER = {
    **dict.fromkeys(("saltenv", "pillar", "spread", "soak", "drain_options", "max_unavailable", "hook")),
    **dict.fromkeys(("kubeconfig", "context", "roster_file")),
    **dict.fromkeys(("skip_deaf", "kubernetes", "drain", "ssh", "test"), False),
    **dict.fromkeys(("timeout", "ready_timeout", "drain_timeout", "canary", "batch", "max_fails"), 1),
    **dict.fromkeys(("sls", "kubectl", "node_name"), "a"),
}
# By name of a parameter, or of a function's: a value that harms nobody, and what the parameter is given.
PARAMETERS = {
    **dict.fromkeys(
        ("text", "stderr", "simulated", "why", "places.beneath.path", "journal", "name", "words"),
        ("a", TEXTS),
    ),
    **dict.fromkeys(("found", "wanted", "plugin", "known", "repository"), ("a", TEXTS)),
    **dict.fromkeys(("packages.upstream.version", "uri", "suite", "source", "short"), ("a", TEXTS)),
    **dict.fromkeys(("told", "warnings", "complaints", "offered", "ours"), ([], LINES)),
    **dict.fromkeys(("lists.listed_by_dnf.package", "lists.listed_by_zypper.package"), ("a", TEXTS)),
    "lists.listed_by_pacman.package": ("a", TEXTS),
    **dict.fromkeys(("install", "names", "states"), (["a"], LINES)),
    **dict.fromkeys(("path", "findings.finding.path"), (("a",), PATHS)),
    "apt.set_aside.path": ("a.sources", TEXTS),
    **dict.fromkeys(("data", "patch", "site", "result", "dump", "main", "old", "new"), ({}, ADMITTED)),
    **dict.fromkeys(("translation.version_of.fragment", "translation.translate.fragment"), ({}, ADMITTED)),
    "translation.written.fragment": ({}, ADMITTED),
    "translation.written.base": ({}, ADMITTED),
    "translation.removed_tables.fragment": ({}, {**ADMITTED, "nulls": dict.fromkeys(TEXTS)}),
    "translation.removed_tables.base": ({}, ADMITTED),
    "data.without_paths.paths": ([], NOTHING),
    **dict.fromkeys(("value", "default", "one", "other", "intended"), (1, VALUES_ADMITTED)),
    **dict.fromkeys(("overrides", "document.merge.fragment", "data.plain.value"), ({}, ANY)),
    **dict.fromkeys(("environment", "limits", "directives", "given", "toml.key.text"), ({}, ANY)),
    **dict.fromkeys(("toml.loads.text", "toml.parse.text", "document.compose.base"), (BASE, ANY)),
    **dict.fromkeys(("document.merge.base", "document.without_secrets.text"), (BASE, ANY)),
    **dict.fromkeys(("unit.changes.before", "unit.changes.after", "unit.parse.files"), ({}, FILES)),
    **dict.fromkeys(("explain.as_in.found", "explain.minimal.found"), ({}, ADMITTED)),
    "condition": (">=1.5", ANY),
    "conditions.holds.release": ("1.7.24", TEXTS),
    **dict.fromkeys(
        [f"reading.{name}.found" for name in ("reading", "guessed", "is_whole")] + ["drift.drift.found"],
        ({}, ADMITTED),
    ),
    **dict.fromkeys(("effect", "reading.changes.before", "effect.not_in_effect.default"), ({}, ADMITTED)),
    **dict.fromkeys(("reading.alone.text",), (BASE, ANY)),
    "read": (READ, READINGS),
    "judge": (lambda config: MADE, NOTHING),
    "whole": (True, NOTHING),
    **dict.fromkeys(("reading.reading.whole", "shown"), ({}, ADMITTED)),
    **dict.fromkeys(("changed", "level"), ({}, NOTHING)),
    "reading.lost.files": (["a"], LINES),
    "drift.drift.path": ("/a", TEXTS),
    "explain.explained.key": (None, TEXTS),
    "toml.is_new_enough.found": ("1", TEXTS),
    **dict.fromkeys(("names.misspelt.known", "rules.context.too_short.plugin"), ("a.b", NOTHING)),
    **dict.fromkeys(("names.is_slip.one", "names.is_slip.other"), ("a", TEXTS)),
    "rules.context.too_short.known": (["a"], LINES),
    "schema.is_residue.version": (2, NOTHING),
    **dict.fromkeys(("schema.removed.version", "schema.deprecated.version"), (2, VALUES_ADMITTED)),
    "schema.known.version": (2, VALUES_ADMITTED),
    "places.file_path.path": ("/a", ANY),
    "durations.seconds.value": (1, ANY),
    "places.beneath.folders": (["/a"], LINES),
    "drop_ins.findings.drop_ins": ([], {name: [("a", data)] for name, data in ADMITTED.items()}),
    "drop_ins.dead.drop_in": ({}, ADMITTED),
    "drop_ins.dead.merged": ({"version": 2}, NOTHING),
    "drop_ins.together.drop_ins": ([], NOTHING),
    "rules.findings.base": ({"version": 2}, NOTHING),
    **dict.fromkeys(("base",), (None, NOTHING)),
    **dict.fromkeys(("schema", "version", "source_schema", "target"), (2, NOTHING)),
    **dict.fromkeys(("schema.cure.source", "schema.move.source"), (2, NOTHING)),
    "schema.lose.found": ([], NOTHING),
    **dict.fromkeys(("findings", "tables"), ([], NOTHING)),
    **dict.fromkeys(("error",), (Refused, NOTHING)),
    "made": (MADE, NOTHING),
    **dict.fromkeys(("running", "lowstate", "families", "grains"), ({}, NOTHING)),
    **dict.fromkeys(("function", "state"), ("a.b", NOTHING)),
    "pillar.problems.families": ({"Debian": {}}, NOTHING),
    "pillar.problems.grains": ({"os_family": "Debian", "os": "Debian"}, NOTHING),
    **dict.fromkeys(("address", "saltenv", "listed"), ("salt://a", TEXTS)),
    "packages": (["a"], LINES),
    "failed": (True, NOTHING),
    "data.put.data": ({}, NOTHING),
    **dict.fromkeys(("packages.newest.package", "packages.newest.key"), ("a", TEXTS)),
    "pattern": ("a", TEXTS),
    **dict.fromkeys(("who", "folder"), ("a", TEXTS)),
    "secrets.masked_variable.value": ("a", TEXTS),
    "secrets.without.found": (["a"], LINES),
    "pillar.problems.defaults": ({}, NOTHING),
    **dict.fromkeys(("registries", "url", "registry_config.as_config.given"), ({}, ANY)),
    "registry_config.from_config.config": ({}, ADMITTED),
    "registry_config.as_config.release": ("1.4.13", NOTHING),
    **dict.fromkeys(("hosts_toml.changes.old", "hosts_toml.changes.new"), ("a", TEXTS)),
    **dict.fromkeys(
        ("hosts_toml.changes.path", "hosts_toml.folder_of.path", "hosts_toml.without_secrets.path"),
        ("a/hosts.toml", TEXTS),
    ),
    "model": (REGISTRIES, NOTHING),
    "registry": (REGISTRIES.registries[0], NOTHING),
    "question": (questions(REGISTRIES.registries[0])[0], NOTHING),
    **dict.fromkeys(("registry_words.is_as_meant.found", "addresses"), (["a"], LINES)),
    "registry_words.named.registry": ("a", TEXTS),
    **dict.fromkeys(("since", "fixed"), ("1.5", NOTHING)),
    **dict.fromkeys(("findings.of_pillar.key", "findings.of_pillar.where"), (["a"], LINES)),
    "is_since.release": ("1.7.24", NOTHING),
    "release": ("1.7.24", NOTHING),
    "credentials": (True, NOTHING),
    "image": ("a", TEXTS),
    "machine": ("x86_64", TEXTS),
    "runtime": (RUNTIME, NOTHING),
    **dict.fromkeys(
        ("image_archive.found.members", "image_archive.chosen.members"),
        (
            {"index.json": 9, "blobs/sha256/a": 9},
            {"docker": {"manifest.json": 9, "a": 9}, "none": {}, "large": {"index.json": 2**40}},
        ),
    ),
    **dict.fromkeys(("image_archive.found.read", "image_archive.chosen.read"), (lambda _: b"{}", SAID)),
    "image_archive.chosen.image": (IMAGE, NOTHING),
    **dict.fromkeys(("node", "machine"), ("linux/amd64", TEXTS)),
    "said": ("a", TEXTS),
    "rows": ({"a": Row("sha256:a", {})}, NOTHING),
    "digests": (["a"], LINES),
    "runtime_settings.is_configured.runtime": (RUNTIME, NOTHING),
    "layer": ({"a": {}}, MADE_OF),
    **dict.fromkeys(("made_layers.made.name", "made_layers.needs_release.name"), ("a", NOTHING)),
    "made_layers.twice.layer": ("a", TEXTS),
    **dict.fromkeys(("applied", "owned", "made_layers.owned.default"), ({}, NOTHING)),
    "made_layers.owned.source": ("runtimes", TEXTS),
    "made_layers.past_the_files.default": ({"version": 2}, NOTHING),
    "document.given.source": ("runtimes", TEXTS),
    "kind": ("io.containerd.runc.v2", TEXTS),
    **dict.fromkeys(("kubelet.flags.words", "kubelet.kubelet.words"), (["--a"], LINES)),
    **dict.fromkeys(("kubelet.kubelet.config", "kubelet.driver.is_systemd"), ({}, ANY)),
    **dict.fromkeys(
        [f"kubelet.{name}.one" for name in ("takes_driver_over", "driver_differs", "endpoint_differs")],
        (Kubelet(), NOTHING),
    ),
    **dict.fromkeys(("mine", "endpoint"), ("a", TEXTS)),
    "tool": ("crictl", NOTHING),
    "tools.settings.tool": ("crictl", ANY),
    "completions.is_as_meant.text": ("a", TEXTS),
    "tools.settings.effective": ({}, ADMITTED),
    "tools.render.found": ({}, ADMITTED),
    **dict.fromkeys(("tools.changes.before", "tools.changes.after"), ("a", TEXTS)),
    "tools.says_the_same.text": ("a", TEXTS),
    "tools.says_the_same.new": ("a", NOTHING),
    **dict.fromkeys(("kubelet.takes_driver_over.release", "containerd"), ("2.0.0", TEXTS)),
    "preflight.of_kubeadm.said": ("[preflight] good", {**TEXTS, "a finding": "\t[ERROR a]: b\n" * 9999}),
    **dict.fromkeys(("known", "why"), ("Swap", TEXTS)),
    "facts": (preflight_facts({}), {name: preflight_facts({"reason": text}) for name, text in TEXTS.items()}),
    "base_specs.render.default": ('{"process": {}}', TEXTS),
    **dict.fromkeys(
        (f"base_specs.{name}.fragment" for name in ("path", "render", "is_as_meant", "wrong", "open_files")),
        ({}, ADMITTED),
    ),
    # A roll: answers of minions are anything.
    "answer": ({}, ANSWERS),
    # They are asked of a run that did not fail.
    **dict.fromkeys((f"state_run.{name}.answer" for name in ("changes", "did", "restarts")), ({}, NOTHING)),
    "state_run.plan.answered": (({}, 0), {name: (value, 1) for name, value in ANSWERS.items()}),
    **dict.fromkeys(("retcode", "size", "number"), (1, NOTHING)),
    "unready": ("", TEXTS),
    "nodes": (["a"], LINES),
    "waves.size_of.batch": (1, ANY),
    "roll_order.read.given": (
        ORDER,
        {f"{key}, {of}": {**ORDER, key: ANY[of]} for key in ORDER for of in ANY},
    ),
    "roll_order.limit.order": ({"kubernetes": False}, NOTHING),
    **dict.fromkeys(("pod_text", "budgets_text"), ("{}", JSON)),
    "kube_nodes.nodes.text": ("{}", JSON),
    "minions": (["a"], NOTHING),
    "answers": ({"a": "a"}, {name: {"a": value} for name, value in ANY.items()}),
    "node_name": ("grain:a", TEXTS),
    "waves.known.canary": (1, ANY),
    "waves.zoned.zones": ({}, {name: {"a": value} for name, value in ANY.items()}),
    "spread": ("a", TEXTS),
    **dict.fromkeys(("roll_order.flag.name", "roll_order.time.name"), ("timeout", NOTHING)),
    "roll_order.flag.value": (True, ANY),
    "roll_order.time.value": (1, ANY),
    "errors.printable.text": ("a", TEXTS),
    "kube_nodes.why_not_good.node": (None, NOTHING),
    "fleet_table.is_right.one": (row(None), {name: row(value) for name, value in ANSWERS.items()}),
    **dict.fromkeys(
        ("fleet_table.table.rows", "fleet_table.comment.rows"),
        ({"a": row(None)}, {name: {name[:9]: row(value)} for name, value in ANSWERS.items()}),
    ),
    "rolling.conduct.waves": ([], NOTHING),
    **dict.fromkeys(("fleet", "say"), (None, NOTHING)),
    "summary": (Summary({}, ""), {name: Summary({"a": Outcome(FAILED, t)}, t) for name, t in TEXTS.items()}),
}
DEFAULTS = yaml.safe_load((ROOT / "containerd/defaults.yaml").read_text(encoding="utf-8"))


def parameter(module, function, name):
    for key in (f"{module}.{function}.{name}", name):
        if key in PARAMETERS:
            return PARAMETERS[key]
    raise AssertionError(f"say in PARAMETERS what {module}.{function} may be given as {name}")


def attacks():
    for module, path in MODULES.items():
        if module in INNER or path.stem == "__init__":
            continue
        functions = public_functions(importlib.import_module(f"containerd_formula.{module}"))
        for name, function in functions.items():
            if name != "run":
                yield pytest.param(module, name, function, id=f"{module}.{name}")


@pytest.mark.parametrize(("module", "name", "function"), attacks())
def test_each_function_answers_or_refuses(module, name, function):
    given = {}
    for parameter_name, one in inspect.signature(function).parameters.items():
        if one.default is inspect.Parameter.empty or parameter_name in ("key", "repository"):
            given[parameter_name] = parameter(module, name, parameter_name)
    harmless = {key: value for key, (value, _) in given.items()}
    if module == "pillar":
        harmless["defaults"] = DEFAULTS
    for key, (_, corpus) in given.items():
        for value in corpus.values():
            arguments = {**harmless, key: value}
            if inspect.isgeneratorfunction(function):
                called(lambda **kwargs: list(function(**kwargs)), Refused, **arguments)  # noqa: B023
            else:
                called(function, Refused, **arguments)


@pytest.mark.parametrize("name", ANY)
def test_an_override_is_refused_or_composed(name):
    for overrides in within(ANY[name]):
        called(compose, Refused, base=BASE, overrides=overrides)
        called(compose, Refused, base=BASE, overrides=overrides, strict=False)


@pytest.mark.parametrize("name", ADMITTED)
def test_the_largest_overrides_are_composed_in_time(name):
    # tomlkit is not linear in the keys that are new to a table.
    called(compose, Refused, seconds=30, base=BASE, overrides=ADMITTED[name])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            {"a": nested(DEPTH + 1, lambda value: [value])},
            "a.0.0 is nested more than 64 levels deep: does an anchor",
        ),
        ({"a": ["x"] * VALUES}, "is one of more than 5000 values: leave some out"),
        ({"a": "x" * (SIZE + 1)}, "a brings the overrides to more than 131072 characters: shorten it"),
        ({"a": {10**5000: 1}}, "a is a number of more than 64 bits"),
    ],
)
def test_what_is_too_much_is_refused_with_its_key(value, words):
    with pytest.raises(Refused) as refused:
        plain(value)
    assert words in str(refused.value)


def test_toml_beyond_64_bits_is_refused():
    with pytest.raises(Refused, match="the file: a is a number of more than 64 bits"):
        loads(f"a = {2**64}", "the file")


def test_a_long_message_keeps_its_key_and_its_cure():
    told = brief(f"{'a' * 10_000}: mend it\n" * 1000).split("\n")
    assert told[0].startswith("aaa") and told[0].endswith(": mend it") and len(told[0]) < 1100
    assert len(told) == 101 and told[-1] == "... and 901 more."


def pieces():
    for module, path in MODULES.items():
        names = vars(importlib.import_module(f"containerd_formula.{module}".removesuffix(".__init__")))
        for pattern, method in patterns(path, names):
            yield pytest.param(pattern, method, id=f"{module}.{method}.{pattern.pattern}"[:60])


@pytest.mark.parametrize(("pattern", "method"), pieces())
def test_patterns_take_linear_time(pattern, method):
    assert_linear(pattern, method)
