"""
Drop-in files: which of them break or mask the main file.
"""

import pytest
from containerd_formula import drop_ins, toml

CRI = "io.containerd.grpc.v1.cri"
RUNTIME = "io.containerd.cri.v1.runtime"
NAME = "/etc/containerd/conf.d/99-nvidia.toml"


def findings(main, text):
    return drop_ins.findings(main, [(NAME, toml.loads(text))])


@pytest.mark.parametrize(
    ("imports", "patterns"),
    [
        ({"imports": ["conf.d/*.toml", 5, "gone.toml"]}, ["conf.d/*.toml", "gone.toml"]),
        ({"imports": "conf.d/*.toml"}, []),
        ({}, []),
    ],
)
def test_imports_are_texts_in_a_list(imports, patterns):
    assert drop_ins.patterns(imports) == patterns


@pytest.mark.parametrize(
    ("main", "text", "words"),
    [
        ({"version": 2}, "version = 3\n", "has version = 3 and the main file 2"),
        ({"version": 3}, "version = 4\n", "has version = 4 and the main file 3"),
        ({"version": 2}, "version = 1\n", "ignores the plugin settings of all files"),
        ({}, "version = 2\n", "has version = 2 and the main file 1"),
        (
            {"version": 2, "plugins": {CRI: {"sandbox_image": "x", "cni": {"conf_dir": "y"}}}},
            f'version = 2\n[plugins."{CRI}".containerd]\ndefault_runtime_name = "nvidia"\n',
            "instead of the whole table of the main file, so that 2 settings of the main file are lost",
        ),
        (
            {"version": 2, "plugins": {CRI: {"sandbox_image": "x"}}},
            f'[plugins."{CRI}"]\nsandbox_image = "y"\n',
            "instead of the whole table of the main file, so that 1 settings of the main file are lost",
        ),
        (
            {"version": 3, "plugins": {RUNTIME: {"containerd": {"default_runtime_name": "runc"}}}},
            f'version = 3\n[plugins."{RUNTIME}".containerd]\ndefault_runtime_name = "nvidia"\n',
            "default_runtime_name to 'nvidia' over 'runc' of the main file.",
        ),
        ({"version": 3}, 'version = "x"\n', "is not a containerd configuration"),
        ({"version": 3}, "version = 3\nplugins = 3\n", "is not a containerd configuration"),
        ({"version": 3}, f'version = 3\ndisabled_plugins = ["{CRI}"]\n', "there will be no CRI"),
        ({"version": 3}, f'version = 3\ndisabled_plugins = ["{RUNTIME}"]\n', "there will be no CRI"),
        ({"version": 2, "oom_score": -1}, "version = 2\noom_score = 5\n", "sets oom_score to 5 over -1"),
    ],
)
def test_a_drop_in_that_breaks_or_masks_is_named(main, text, words):
    [finding] = findings(main, text)
    assert (finding.key, finding.level) == (NAME, "warning")
    assert finding.message.startswith(f"{NAME} ")
    assert words in finding.message


@pytest.mark.parametrize(
    ("main", "text"),
    [
        (
            {"version": 3, "plugins": {RUNTIME: {"a": 1}}},
            f'version = 3\n[plugins."{RUNTIME}"]\na = 1\nb = 2\n',
        ),
        ({"version": 3}, "version = 2\n"),
        ({"version": 2, "plugins": {}}, 'version = 2\n[plugins."com.example.own"]\na = 1\n'),
        ({"version": 2, "plugins": {}}, "[plugins]\n"),
        ({}, "oom_score = 1\n"),
        ({"version": 3, "disabled_plugins": ["a"]}, 'disabled_plugins = ["b"]\n'),
        ({"version": 3}, "disabled_plugins = 5\n"),
        ({"version": "x"}, "version = 3\n"),
    ],
)
def test_a_harmless_drop_in_is_not(main, text):
    assert findings(main, text) == []


SERVER = "io.containerd.server.v1.metrics"
FULL3 = {"version": 3, "plugins": {RUNTIME: {"containerd": {"runtimes": {}}, "enable_selinux": False}}}
GPU = f'[plugins."{CRI}".containerd.runtimes.nvidia]\nruntime_type = "io.containerd.runc.v2"\n'
GPU3 = GPU.replace(CRI, RUNTIME)


@pytest.mark.parametrize(
    ("main", "text", "words"),
    [
        (
            FULL3,
            GPU,
            "has no version and settings of another schema, which containerd drops without an error",
        ),
        (FULL3, f"version = 3\n{GPU}", "has version = 3 and settings of another schema"),
        # It is migrated with all the others, and the main file's table of runtimes stays.
        (FULL3, f"version = 2\n{GPU}", "has version = 2 and settings of another schema"),
        (
            {"version": 4},
            f"version = 4\n{GPU}",
            f'plugins."{RUNTIME}".containerd.runtimes.nvidia.runtime_type.',
        ),
        ({"version": 4}, 'version = 4\n[metrics]\naddress = ":1"\n', f'calls it plugins."{SERVER}".address'),
        # containerd 1.x migrates nothing.
        ({"version": 2}, GPU3, "has no version and settings of another schema"),
        (
            {"version": 2},
            f"version = 2\n{GPU3}",
            f'names of that schema into it; schema 2 calls it plugins."{CRI}"',
        ),
        # Its migration looks for runtimes first.
        (
            {"version": 4},
            f'version = 2\n[plugins."{CRI}".containerd]\nsnapshotter = "native"\n',
            "containerd.snapshotter. Write version = 4 and the names of that schema into it; schema 4",
        ),
    ],
)
def test_what_is_dropped_without_an_error_is_named(main, text, words):
    [finding] = findings(main, text)
    assert (finding.key, finding.level) == (NAME, "warning")
    assert words in finding.message


@pytest.mark.parametrize(
    ("main", "text"),
    [
        ({"version": 2}, f"version = 2\n{GPU}"),
        ({"version": 4}, GPU),
        ({"version": 4}, f"version = 2\n{GPU}"),
        ({"version": 4}, f"version = 3\n{GPU}"),
        ({"version": 4}, 'version = 3\n[metrics]\naddress = ":1"\n'),
        ({"version": 4}, f'version = 2\n{GPU}[plugins."{CRI}".containerd]\nsnapshotter = "native"\n'),
        ({"version": 3}, f"version = 2\n{GPU}"),
        # Nothing is lost with a key that says nothing.
        (FULL3, f'[plugins."{CRI}".containerd.runtimes.nvidia]\nruntime_engine = ""\n'),
    ],
)
def test_what_is_migrated_is_not(main, text):
    assert findings(main, text) == []


def test_the_last_version_counts_for_all_files_before_2_3():
    image = f'[plugins."{CRI}"]\nsandbox_image = "x"\n'
    files = [("a", toml.loads(image)), ("b", {"version": 2})]
    assert drop_ins.findings({"version": 3}, files) == []
    assert [one.key for one in drop_ins.findings({"version": 3}, [*files, ("c", {"version": 3})])] == ["a"]


def test_a_key_of_an_older_schema_masks_what_it_becomes():
    main = {"version": 4, "plugins": {SERVER: {"address": ":1"}}}
    [finding] = findings(main, 'version = 3\n[metrics]\naddress = ":2"\n')
    assert finding.message.endswith(f"sets plugins.\"{SERVER}\".address to ':2' over ':1' of the main file.")


def test_one_that_cannot_be_read_is_named():
    [finding] = drop_ins.findings({"version": 2}, [(NAME, f"{NAME}: there is no such file.")])
    assert finding.message == (
        f"{NAME} is imported and cannot be used, so that containerd will not start: "
        f"{NAME}: there is no such file."
    )


def test_a_secret_of_a_drop_in_is_not_shown():
    main = {"version": 3, "plugins": {"x": {"password": "mine"}}}
    [finding] = findings(main, '[plugins.x]\npassword = "theirs"\n')
    assert "'(secret)' over '(secret)'" in finding.message
