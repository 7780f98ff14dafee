"""Pillar ``runtimes`` as a model: which handlers pods may name, by which binary or shim, and where from."""

import re
from typing import NamedTuple

from containerd_formula import base_specs
from containerd_formula.addresses import is_address, is_sha256
from containerd_formula.conditions import has_fix
from containerd_formula.data import plain, without_null
from containerd_formula.errors import Refused, quoted
from containerd_formula.findings import ERROR, WARNING, of_pillar
from containerd_formula.names import is_label, nearest
from containerd_formula.places import RUNTIMES
from containerd_formula.table import ROWS, setting

RUNC, RUNC_V2 = "runc", "io.containerd.runc.v2"
# What a runtime that everybody knows has where pillar does not say it.
KNOWN = {
    RUNC: {"type": RUNC_V2},
    "crun": {"binary": "/usr/bin/crun"},
    "youki": {"binary": "/usr/bin/youki"},
    "nvidia": {"binary": "/usr/bin/nvidia-container-runtime"},
    "runsc": {"type": "io.containerd.runsc.v1"},
    "kata": {
        "type": "io.containerd.kata.v2",
        "privileged_without_host_devices": True,
        "pod_annotations": ["io.katacontainers.*"],
    },
}
_TABLE = setting("CRI.containerd.runtimes.*")
# What containerd calls otherwise here, or has no more.
_RENAMED = {
    "runtime_type": "type",
    "runtime_path": "path",
    "runtime_engine": "binary",
    "runtime_root": "options:Root",
    "base_runtime_spec": "base_spec",
}
_THEIRS = {cells[2][-1] for cells, _ in ROWS if cells[2] and cells[2][:-1] == _TABLE}
_THEIRS |= {
    cells[3][-1] for cells, _ in ROWS if cells[3] and cells[3][:-1] == setting("RT.containerd.runtimes.*")
}
# containerd's own keys that pillar takes under their names.
THEIRS = tuple(sorted(_THEIRS - {*_RENAMED, "options"} | {"base_runtime_spec"}))
_OURS = {
    **dict.fromkeys(("type", "path", "binary", "package", "archive", "sha256", "version"), str),
    **dict.fromkeys(("hold", "upgrade"), bool),
    **dict.fromkeys(("options", "base_spec"), dict),
}
_KINDS = {str: "one line of text, in quotes", bool: "true or false, without quotes", dict: "a mapping"}
# The name is part of the names of files.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_PACKAGE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.+-]*[A-Za-z0-9+])?")
_CONTAINERDS = ("containerd", "containerd.io")
_VERSION = re.compile(r"[A-Za-z0-9*\[][A-Za-z0-9_.+:~*?\[\]-]*")


class Runtime(NamedTuple):
    """A runtime: what a handler of config.toml is made of, and where its files come from."""

    # The handler.
    name: str
    type: str
    # Of a shim, absolute; empty where containerd looks for it itself.
    path: str
    # options.BinaryName; empty if the shim has its own, or for the runc that the daemon's PATH has.
    binary: str
    # As given, without BinaryName.
    options: dict
    # containerd's other keys of the table, as given.
    keys: dict
    package: str
    archive: str
    sha256: str
    version: str
    hold: object
    upgrade: bool
    base_spec: object


class Model(NamedTuple):
    """What pillar ``runtimes`` says to one release of containerd."""

    # Empty where pillar does not say it.
    default: str
    runtimes: list
    findings: list


def read(given, release=None):
    """Return the model of a pillar; without a release it is that of the newest."""
    return _Reader(release).read(given)


def is_configured(runtime):
    """Tell whether a runtime needs a table in config.toml: a runc with a version alone has containerd's."""
    own = (runtime.path, runtime.binary, runtime.options, runtime.keys)
    is_plain = runtime.type == RUNC_V2 and runtime.base_spec is None and not any(own)
    return runtime.name != RUNC or not is_plain


def package_of(runtime):
    """Return the package that a runtime comes from, or an empty text; a runc is in one of that name."""
    if runtime.archive or runtime.package or runtime.name != RUNC:
        return runtime.package
    return RUNC if runtime.version or runtime.hold is not None or runtime.upgrade else ""


def brings_runc(given):
    """Tell whether a pillar says that runc is installed apart from containerd."""
    return any(one.name == RUNC and (one.archive or package_of(one)) for one in read(given).runtimes)


def is_runc_shim(kind):
    """Tell whether a type is containerd's own shim, which starts the binary that it is told."""
    return kind.startswith("io.containerd.runc.")


class _Reader:
    """The way of one pillar to its model, and what is wrong with it."""

    def __init__(self, release):
        self.release = release
        self.found = []

    def read(self, given):
        try:
            data = plain({} if given is None else given, ("containerd", "runtimes"))
        except Refused as err:
            self.tell((), str(err))
            data = {}
        if not isinstance(data, dict):
            self.tell((), "it must be a mapping: name to settings")
            data = {}
        named = {name: one for name, one in data.items() if name != "default"}
        runtimes = [one for name, given in named.items() if (one := self.runtime(name, given))]
        return Model(self.default(data.get("default"), named), runtimes, self.found)

    def tell(self, where, words, level=ERROR):
        """Note what is wrong with a key."""
        self.found.append(of_pillar(("containerd", "runtimes", *where), where, words, level))

    def default(self, name, named):
        known = [RUNC, *(one for one, given in named.items() if given is not None)]
        if name is None:
            return ""
        if not isinstance(name, str):
            self.tell(("default",), "it must be the name of a runtime")
            return ""
        if name not in known:
            near = nearest(name, known)
            cure = f"did you mean {near}?" if near else f"there are {', '.join(dict.fromkeys(known))}"
            self.tell(("default",), f"no runtime has the name {quoted(name[:100])}; {cure}")
            return ""
        return name

    def runtime(self, name, given):
        """Return the model of one runtime, None where it is not wanted or wrong."""
        where = (name,)
        if given is None:
            return None
        if not isinstance(given, dict):
            self.tell(where, "it must be a mapping, or null to take it away")
            return None
        if not _NAME.fullmatch(name):
            self.tell(where, "write a name of letters, digits and dashes, such as crun")
            return None
        if not is_label(name):
            words = "no RuntimeClass can name it: use small letters, digits and dashes alone"
            self.tell(where, words, WARNING)
        before = len(self.found)
        # Empty text is as good as none.
        given = self.keys(where, {key: value for key, value in given.items() if value not in (None, "")})
        self.source(where, given)
        one = self.made(name, given)
        return one if not any(each.level == ERROR for each in self.found[before:]) else None

    def keys(self, where, given):
        """Return the settings of known names and right types; tell of the others."""
        result = {}
        known = (*_OURS, *THEIRS)
        for key, value in given.items():
            if key in _OURS and not _is_a(_OURS[key], value):
                self.tell((*where, key), f"it is {quoted(value)}; it must be {_KINDS[_OURS[key]]}")
            elif key in known:
                result[key] = value
            else:
                near = _RENAMED.get(key) or nearest(key, known)
                cure = f"did you mean {near}?" if near else f"known are {', '.join(known)}"
                self.tell((*where, key), f"there is no such key; {cure}")
        return result

    def source(self, where, given):
        """Tell what is wrong with where the files of a runtime come from."""
        package, archive = given.get("package"), given.get("archive")
        if package and (words := _no_package(package)):
            self.tell((*where, "package"), words)
        if package and archive:
            self.tell((*where, "archive"), "package and archive exclude each other: leave one out")
        if archive and not is_address(archive):
            self.tell((*where, "archive"), "it is no address: write an https://, salt:// or file:// one")
        if archive and not is_sha256(given.get("sha256", "")):
            words = "pin the SHA-256 of the archive, 64 hexadecimal digits: nothing is installed without it"
            self.tell((*where, "sha256"), words)
        if given.get("sha256") and not archive:
            self.tell((*where, "sha256"), "it is for an archive, and there is none: leave it out")
        if given.get("version") and not _VERSION.fullmatch(given["version"]):
            self.tell((*where, "version"), "write a version or a pattern, such as 1.3.1 or 1.3.*")
        installed = package or where == (RUNC,)
        for key in ("version", "hold", "upgrade"):
            if key in given and archive and key != "version":
                self.tell((*where, key), "an archive has one release, its sha256 says which: leave it out")
            elif key in given and not (installed or archive):
                self.tell((*where, key), "nothing is installed: name a package, or leave it out")

    def made(self, name, given):
        """Return the runtime of settings that have the right types."""
        where, known = (name,), KNOWN.get(name, {})
        options = without_null(given.get("options", {}))
        binary = given.get("binary", "")
        if "BinaryName" in options:
            if binary:
                words = "binary says it already: leave one out"
                self.tell((*where, "options", "BinaryName"), words)
            other = options.pop("BinaryName")
            if not _is_a(str, other):
                self.tell((*where, "options", "BinaryName"), f"it must be {_KINDS[str]}")
            else:
                binary = binary or other
        archive = given.get("archive", "")
        kind = given.get("type") or known.get("type", "")
        if not kind and (binary or archive or known.get("binary")):
            kind = RUNC_V2
        if not kind:
            self.tell(where, "it needs binary, such as /usr/bin/crun, or type, that of its shim")
        if is_runc_shim(kind):
            binary = binary or (name if archive else known.get("binary", ""))
        elif binary and kind:
            words = f"the shim of {quoted(kind)} takes no binary: leave it out, or type"
            self.tell((*where, "binary"), words)
        for place, words, level in base_specs.wrong(given.get("base_spec", {}), self.release):
            self.tell((*where, "base_spec", *place), words, level)
        theirs = {key: without_null(value) for key, value in {**known, **given}.items() if key in THEIRS}
        if "base_spec" in given and "base_runtime_spec" in theirs:
            self.tell((*where, "base_spec"), "base_runtime_spec says it already: leave one out")
        return Runtime(
            name=name,
            type=kind,
            path=self.shim(where, given, kind),
            binary=self.place((*where, "binary"), binary, archive, is_bare=True),
            options=options,
            keys=theirs,
            package=given.get("package", ""),
            archive=archive,
            sha256=given.get("sha256", ""),
            version=given.get("version", ""),
            hold=given.get("hold"),
            upgrade=given.get("upgrade", False),
            base_spec=given.get("base_spec"),
        )

    def shim(self, where, given, kind):
        """Return the path of a shim; tell where a release does nothing with it."""
        where, archive, path = (*where, "path"), given.get("archive", ""), given.get("path", "")
        if not path:
            if archive and kind and not is_runc_shim(kind):
                self.tell(where, "write where the archive has the shim, such as bin/containerd-shim-kata-v2")
            return ""
        if not has_fix(self.release, "1.6.21", "1.7.1"):
            self.tell(
                where,
                f"containerd {self.release} does nothing with it: upgrade to 1.6.21 or 1.7.1, or put the "
                "shim beside the containerd binary and leave path out",
            )
        return self.place(where, path, archive)

    def place(self, where, path, archive, is_bare=False):
        """Return the absolute path of a file, which beside an archive is below its folder."""
        if not path:
            return ""
        parts = path.split("/")
        if ".." in parts or "." in parts:
            self.tell(where, "write the path without . and ..")
            return ""
        if archive:
            root = f"{RUNTIMES}/{where[0]}/"
            if path.startswith("/") and not path.startswith(root):
                self.tell(where, "it is not in the archive: write where it is in there, such as bin/NAME")
            return path if path.startswith("/") else f"{root}{path}"
        if not path.startswith("/") and not (is_bare and len(parts) == 1):
            self.tell(where, f"it is {quoted(path[:200])}; write an absolute path")
        return path


def _no_package(name):
    """Return why a runtime cannot have a package; empty if it can."""
    if name in _CONTAINERDS:
        return "that is containerd's own package, whose version is containerd:package's: leave it out"
    return "" if _PACKAGE.fullmatch(name) else "that is no name of a package; correct it"


def _is_a(kind, value):
    """Tell whether a value is of a type; a text has to be one line with something in it."""
    return isinstance(value, kind) and (kind is not str or (value.strip() != "" and value.isprintable()))
