"""
Check pillar ``containerd`` while rendering, before anything on the node changes.

map.jinja runs this file with Salt's ``py`` renderer, so that it works on a minion that has no library yet.
It imports nothing of ours. The defaults are the schema: a setting must exist there and have its type.
"""

import difflib
import itertools
import re

# Mappings whose keys are the user's own.
FREE = (
    *("config", "config_for"),
    "kernel:sysctls",
    *(f"package:{source}:config" for source in ("docker", "distro", "archive", "none")),
    "package:docker:distributions",
    "package:archive:architectures",
    "package:archive:sha256",
    "package:archive:runc:sha256",
    *("registries:endpoints", "registries:hosts", "runtimes", "tools:crictl:config", "tools:nerdctl:config"),
    *("service:environment", "service:limits", "service:directives"),
)
# For some of these: the types that each value may have, and the cure.
OF_VALUES = {
    "config_for": (("mapping",), "it must be a mapping."),
    **dict.fromkeys(
        ("registries:endpoints", "registries:hosts"), (("mapping", "null"), "it must be a mapping.")
    ),
    # The name of the default one is text.
    "runtimes": (("mapping", "null", "string"), "it must be a mapping, or null to take it away."),
    "kernel:sysctls": (("number", "string", "null"), "write the number, such as 1."),
}
# Settings of two types: most may be null, which is the same as not given.
KINDS = {
    "package:hold": ("null", "boolean"),
    "config": ("null", "mapping"),
    "registries:check": ("boolean", "string"),
}
RUNC = ("package", "version", "hold", "upgrade", "archive")
CHOICES = (("registries", "check", ("warn", "fail", False)), ("service", "restart", ("auto", "manual")))
ADDRESS = re.compile(r"(salt|https?|file)://\S+")
# A requirement with a version. pip would take addresses and options, too.
TOMLKIT = re.compile(r"tomlkit(?: ?[<>=!~]={0,2} ?[\w.*+!-]+(?:, ?[<>=!~]={0,2} ?[\w.*+!-]+)*)?", re.ASCII)
# Characters that no path or variable can hold, or that YAML refuses or turns into blanks.
UNWRITABLE = re.compile(r"[\x00\x7f-\x9f\u2028\u2029\ufffe\uffff]")
# As conditions.py reads them.
CONDITION = re.compile(r" *(>=|<)?\d{1,4}(\.\d{1,4}){0,2} *(, *(>=|<)?\d{1,4}(\.\d{1,4}){0,2} *)*", re.ASCII)
# Limits of the whole pillar: values plus characters, and levels of keys, for Salt's merge is recursive; of
# the answer: characters of a sentence, and sentences.
SIZE, DEPTH, SHOWN, TOLD = 500_000, 64, 1000, 100


def problems(given, defaults, families, grains):
    """Return what is wrong with ``given``, the pillar: a list of sentences; empty if all is well."""
    excess = _excess(given)
    found = [excess] if excess else _found(given, defaults, families, grains)
    return [_short(sentence) for sentence in found]


def _found(given, defaults, families, grains):
    """Return the problems of a pillar that is small enough to be checked."""
    family = grains.get("os_family")
    if family not in families:
        return [
            f"os_family {family!r} is not supported: this formula knows {', '.join(families)}. "
            "Take this minion out of the target, or add the family to containerd/osfamilymap.yaml."
        ]
    shape = itertools.islice(_shape("", given, defaults), TOLD)
    return list(shape) or list(itertools.islice(_values(given, defaults, grains), TOLD))


def _excess(given):
    """Return a sentence about a value that is too large, too deep or unusable, or None if there is none."""
    todo, size = [("containerd", given, 0)], 0
    while todo:
        label, value, depth = todo.pop()
        size += len(value) if isinstance(value, (str, dict, list, tuple)) else 0
        told = _unusable(value)
        if depth > DEPTH:
            told = f"is nested more than {DEPTH} levels deep; does a YAML anchor contain itself?"
        elif size > SIZE:
            told = f"brings the pillar to more than {SIZE} values and characters; leave some out."
        if told:
            return f"{_short(label)} {told}"
        if isinstance(value, dict):
            todo += [(f"{label}:{key}", inner, depth + 1) for key, inner in value.items()]
        elif isinstance(value, (list, tuple)):
            todo += [(label, inner, depth + 1) for inner in value]
    return None


def _unusable(value):
    """Return why a value can be neither compared nor written, or None if it can."""
    if isinstance(value, str) and value.encode("utf-8", "ignore").decode() != value:
        return "holds text that is not Unicode; type it again."
    if isinstance(value, str) and (found := UNWRITABLE.search(value)):
        return f"holds the character {found[0]!a}, which cannot be written; leave it out."
    # False for infinity and NaN, too.
    if isinstance(value, (int, float)) and not abs(value) < 2**64:
        return "is a number of more than 64 bits; write another, or quote it."
    if isinstance(value, dict):
        for key in value:
            if isinstance(key, str) and UNWRITABLE.search(key):
                return f"has a key that {_unusable(key)}"
            if not isinstance(key, (str, int, float)) or _unusable(key) or len(str(key)) > SHOWN:
                return f"has a key that is a {_kind(key)}; write text of up to {SHOWN} characters."
    return None


def _short(text):
    """Return a sentence; if it is very long, without its middle."""
    shown = text if len(text) <= SHOWN else f"{text[: SHOWN // 2]} ... {text[-SHOWN // 2 :]}"
    return shown.encode("utf-8", "backslashreplace").decode()


def _shape(path, given, default):
    """Yield a sentence for each key of ``given`` that is unknown or not of its default's type."""
    label = f"containerd:{path}".rstrip(":")
    if path in KINDS:
        if _kind(given) not in KINDS[path]:
            yield f"{label} is a {_kind(given)}; it must be a {KINDS[path][-1]}."
    elif _kind(given) != _kind(default):
        # A key without a value.
        cure = ", or left out" if given is None else ""
        yield f"{label} is a {_kind(given)}; it must be a {_kind(default)}{cure}."
    elif path in OF_VALUES:
        kinds, cure = OF_VALUES[path]
        for key, value in given.items():
            if _kind(value) not in kinds:
                yield f"{label}:{key} is a {_kind(value)}; {cure}"
    elif isinstance(default, list):
        wanted = "mapping" if path == "images" else "string"
        wrong = [item for item in given if _kind(item) != wanted]
        if wrong:
            yield f"{label} has an entry that is a {_kind(wrong[0])}; each must be a {wanted}."
    elif isinstance(default, dict) and path not in FREE:
        yield from _keys(path, given, default, label)


def _keys(path, given, default, label):
    """Yield what is wrong with the settings in one mapping."""
    for key, value in given.items():
        if key in default:
            yield from _shape(f"{path}:{key}".lstrip(":"), value, default[key])
        else:
            near = difflib.get_close_matches(str(key)[:100], default, 1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(default)}."
            yield f"{label}:{key} is not a setting of this formula; {hint}"


def _values(given, defaults, grains):
    """Yield a sentence for each value that has the right type and is wrong all the same."""
    yield from _kernel(_merged(given.get("kernel") or {}, defaults["kernel"]))
    if "repository" in (given.get("package") or {}):
        yield "containerd:package:repository is set by the formula for each os family; leave it out."
    yield from _conditions(given.get("config_for") or {})
    package = _merged(given.get("package") or {}, defaults["package"])
    yield from _package(package, grains)
    yield from _runc((given.get("runtimes") or {}).get("runc"), package)
    yield from _library(_merged(given.get("salt") or {}, defaults["salt"]))
    yield from _images(given.get("images") or [])
    for name, value in (given.get("runtimes") or {}).items():
        if value is not None and isinstance(value, str) != (name == "default"):
            wanted = "the name of a runtime" if name == "default" else "a mapping"
            yield f"containerd:runtimes:{name} is a {_kind(value)}; it must be {wanted}."
    for section, key, choices in CHOICES:
        value = (given.get(section) or {}).get(key, choices[0])
        if value is True or value not in choices:
            known = ", ".join(str(choice).lower() for choice in choices)
            yield f"containerd:{section}:{key} is {value!r}; it must be one of {known}."
    timeout = (given.get("service") or {}).get("ready_timeout")
    if timeout is not None and timeout <= 0:
        yield f"containerd:service:ready_timeout is {timeout}; it must be above 0 (seconds)."


def _merged(given, default):
    """Return settings with their defaults where they are not given."""
    return {
        **default,
        **{
            key: _merged(value, default[key]) if isinstance(default.get(key), dict) else value
            for key, value in given.items()
        },
    }


def _conditions(config_for):
    """Yield what is wrong with the conditions of config_for."""
    for key in config_for:
        if not isinstance(key, str):
            # YAML reads 1.10 as 1.1.
            yield f"containerd:config_for has the key {key!r}, a number; put it in quotation marks."
        elif len(key) > 100 or not CONDITION.fullmatch(key):
            yield (
                f"containerd:config_for has the key {key!r}; write releases such as '>=1.5', '<2.0', "
                "'>=1.6,<2.0', or '1.7' for any 1.7."
            )
        elif words := _never(key):
            yield f"containerd:config_for has the key {key!r}, which {words}"


def _never(condition):
    """Return why a condition of the right form never holds; empty if it may."""
    terms = [term.strip() for term in condition.split(",")]
    if len(terms) > 1 and any(term[0] not in "<>" for term in terms):
        return "has a release beside another term; write one entry for each, or a range such as '>=1.6,<2.0'."
    starts, ends = (
        [([*map(int, term.strip("<>=").split(".")), 0, 0])[:3] for term in terms if term[0] == sign]
        for sign in "><"
    )
    if starts and ends and max(starts) >= min(ends):
        return "holds for no release; write a range such as '>=1.6,<2.0'."
    return ""


def _kernel(kernel):
    """Yield what is wrong with modules and sysctls: modprobe would load a path, sysctl take a pattern."""
    for module in kernel["modules"]:
        if not re.fullmatch(r"\w[\w-]*", module, re.ASCII):
            yield f"containerd:kernel:modules has {module!r}; write a module's name, such as br_netfilter."
    for key, value in kernel["sysctls"].items():
        # Two separators in a row would lead upwards: net/ipv4/../../kernel/core_pattern.
        if not re.fullmatch(r"\w[\w:-]*(?:[./][\w:-]+)*", str(key), re.ASCII):
            yield f"containerd:kernel:sysctls has the key {key!r}; write one such as net.ipv4.ip_forward."
        if isinstance(value, str) and not value.isprintable():
            yield f"containerd:kernel:sysctls:{key} has a control character; write one line of text."


def _names(label, packages):
    """Yield what is wrong with package names: a package manager takes other text for files or options."""
    for name in packages:
        # apt would remove a package if its name ended with a -.
        if not re.fullmatch(r"[A-Za-z0-9](?:[\w.+-]*[A-Za-z0-9+])?", name, re.ASCII):
            yield f"{label} has {name!r}, which is not a package name; correct it."


def _package(package, grains):
    """Yield what is wrong with where containerd comes from."""
    yield from _names("containerd:package:hold_needs", package["hold_needs"])
    for origin in ("docker", "distro"):
        yield from _names(f"containerd:package:{origin}:packages", package[origin]["packages"])
    sources = [key for key, value in package.items() if isinstance(value, dict) and "config" in value]
    source, version, hold = package["source"], package["version"], package["hold"]
    label = "containerd:package"
    if source not in sources:
        yield f"{label}:source is {source!r}; it must be one of {', '.join(sources)}."
        return
    if not re.fullmatch(r"[\w.+:~*?\[\]-]*", version) or version.startswith("-"):
        yield f"{label}:version is {version!r}; write a version or a pattern, such as 1.7.24 or 1.7.*."
    if source == "docker":
        yield from _docker(package["docker"], grains)
    if source == "archive":
        yield from _archive(package["archive"], version, grains)
    if source == "none" and version:
        yield f"{label}:version is set, and source none installs nothing; choose a source, or leave it out."
    if package["upgrade"] and source in ("archive", "none"):
        yield f"{label}:upgrade is set, and source {source} has no newest package; leave it out."
    if hold is not None and source in ("archive", "none"):
        yield f"{label}:hold is set, and source {source} has no package to hold; leave it out."
    if hold and grains.get("os_family") == "Arch":
        yield f"{label}:hold is set, and pacman holds no packages; set IgnorePkg in pacman.conf instead."


def _docker(docker, grains):
    """Yield what is wrong with Docker's repository."""
    label = "containerd:package:docker"
    known = docker["distributions"]
    if grains.get("os") not in known:
        yield (
            f"containerd:package:source is docker, and Docker has no packages for {grains.get('os')!r}; set "
            "it to distro, or name the distribution whose packages fit: see distributions and release in "
            "pillar.example."
        )
    elif not re.fullmatch(r"[\w.-]+", str(known[grains["os"]])):
        yield f"{label}:distributions:{grains['os']} is {known[grains['os']]!r}; write one word."
    if not re.fullmatch(r"(https?|file)://[^\s\"]+", docker["url"]):
        # Without the value, which may hold a password.
        yield f"{label}:url is not an address; write one, such as https://mirror.example.org/docker/linux."
    for key in ("channel", "release"):
        if not re.fullmatch(r"[\w.-]*", docker[key]):
            yield f"{label}:{key} is {docker[key]!r}; write one word."
    if not ADDRESS.fullmatch(docker["key"]) and "-----BEGIN PGP PUBLIC KEY BLOCK-----" not in docker["key"]:
        yield f"{label}:key is neither an address (https://, salt://, file://) nor the text of a public key."
    if not docker["fingerprints"]:
        yield f"{label}:fingerprints is empty; pin the fingerprint of the key, as its publisher tells it."
    for entry in docker["fingerprints"]:
        if not re.fullmatch(r"[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}", re.sub(r"[\s:]", "", entry)):
            yield f"{label}:fingerprints has {entry!r}; a fingerprint has 40 or 64 hexadecimal digits."


def _archive(archive, version, grains):
    """Yield what is wrong with upstream's archive and its pinned hashes."""
    label = "containerd:package:archive"
    if not re.fullmatch(r"\d[\w.+-]*", version):
        yield f"containerd:package:version is {version!r}; an archive takes an exact one, such as 1.7.24."
        return
    machine, known = grains.get("cpuarch"), archive["architectures"]
    if machine not in known:
        yield f"{label}: there are no archives for {machine!r}; known are {', '.join(map(str, known))}."
        return
    arch = known[machine]
    if not re.fullmatch(r"\w+", str(arch)):
        yield f"{label}:architectures:{machine} is {arch!r}; write one word."
        return
    yield from _pinned(label, archive, version, arch)
    runc = archive["runc"]
    if not runc["version"]:
        return
    if not re.fullmatch(r"\d[\w.+-]*", runc["version"]):
        yield f"{label}:runc:version is {runc['version']!r}; write an exact one, such as 1.1.12."
        return
    yield from _pinned(f"{label}:runc", runc, runc["version"], arch)


def _pinned(label, origin, version, arch):
    """Yield what is wrong with the address of a download and its hash for this node."""
    if not ADDRESS.fullmatch(origin["url"]):
        yield f"{label}:url is not an address; write an https://, salt:// or file:// one."
    hashes = origin["sha256"].get(version)
    found = hashes.get(arch) if isinstance(hashes, dict) else None
    if not re.fullmatch(r"[0-9a-f]{64}", str(found)):
        yield (
            f"{label}:sha256:{version}:{arch} is {found!r}; pin the SHA-256 of the release, 64 hexadecimal "
            "digits: nothing is installed without it."
        )


def _runc(runc, package):
    """Yield what is wrong with a runc apart from containerd's, for the source that containerd comes from."""
    given = [key for key in runc if key in RUNC and runc[key] is not None] if isinstance(runc, dict) else []
    label, source = "containerd:runtimes:runc", package["source"]
    if source == "docker" and given and "archive" not in given:
        yield (
            f"{label}:{given[0]} is set, and source docker has runc in containerd.io; take a containerd.io "
            "that has it (containerd:package:version), or write archive and sha256."
        )
    if source == "archive" and given and package["archive"]["runc"]["version"]:
        yield f"{label} and containerd:package:archive:runc:version exclude each other; leave one out."


def _images(images):
    """Yield what is wrong with the archives of images; the state knows more."""
    for number, image in enumerate(images):
        label = f"containerd:images:{number}"
        if not isinstance(image.get("name"), str):
            yield f"{label}:name is missing; write the whole name, such as registry.k8s.io/pause:3.10."
        if not ADDRESS.fullmatch(str(image.get("archive"))):
            yield f"{label}:archive is not an address; write a salt://, https:// or file:// one."
        if not re.fullmatch(r"[0-9a-f]{64}", str(image.get("sha256"))):
            yield f"{label}:sha256 is not 64 hexadecimal digits; pin what sha256sum prints for the archive."


def _library(library):
    """Yield what is wrong with where tomlkit comes from."""
    label = "containerd:salt"
    chosen = [key for key in ("wheel", "index_url", "package") if library[key]]
    if len(chosen) > 1:
        yield f"{label} has {' and '.join(chosen)}; set only one of them."
    wheel, sha256, index = library["wheel"], library["wheel_sha256"], library["index_url"]
    if wheel and not re.fullmatch(r"(salt|https|file)://(\S*/)?tomlkit-[\w.+!-]+\.whl", wheel, re.ASCII):
        yield (
            f"{label}:wheel is not the address of a tomlkit wheel; write an https://, salt:// or file:// one "
            "that ends in the wheel's file name, such as salt://files/tomlkit-0.15.2-py3-none-any.whl."
        )
    if wheel and not re.fullmatch(r"[0-9a-f]{64}", sha256):
        yield (
            f"{label}:wheel_sha256 is {sha256!r}; pin the 64 hexadecimal digits that sha256sum prints for "
            "the wheel: it is not installed without them."
        )
    if sha256 and not wheel:
        yield f"{label}:wheel_sha256 is set, but wheel is not; set wheel, or leave both out."
    if index and not re.fullmatch(r"(https?|file)://\S+", index):
        yield f"{label}:index_url is not an address; write an https:// or file:// one."
    if not TOMLKIT.fullmatch(library["tomlkit"]):
        # Without the value: it may be an address with a password.
        yield f"{label}:tomlkit is not a requirement; write one such as tomlkit>=0.15.1."
    yield from _names(f"{label}:package", [library["package"]] if library["package"] else [])


def _kind(value):
    """Return what YAML calls the type of ``value``."""
    if value is None:
        return "null"
    for types, name in (
        (bool, "boolean"),
        ((int, float), "number"),
        (str, "string"),
        (dict, "mapping"),
        ((list, tuple), "list"),
    ):
        if isinstance(value, types):
            return name
    return type(value).__name__


def run():
    """Return the problems. The renderer makes ``grains`` and what map.jinja passes globals of this file."""
    return problems(given, defaults, families, grains)  # noqa: F821
