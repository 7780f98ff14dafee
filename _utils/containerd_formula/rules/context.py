"""The context of a rule: the document, its overrides, and questions about both and the node."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from containerd_formula import schema
from containerd_formula.data import at, table, walk
from containerd_formula.places import CONFIG_FOLDER, DAEMON_PATH
from containerd_formula.secrets import is_secret, masked
from containerd_formula.table import ROWS, named

SNAPSHOTTER = "io.containerd.snapshotter.v1."


class Node(NamedTuple):
    """What the rules need to know of the node."""

    is_file: Callable
    cgroup_v2: bool
    # Why users other than root could change what a path leads to, and the paths in a folder.
    why_not_roots: Callable = lambda path: ""
    entries: Callable = lambda folder: ()
    # Whether a kubelet uses this containerd, and so needs CRI.
    cri: bool = True
    # Whether a path exists, is a folder, is a program, and where the daemon looks for programs by name.
    exists: Callable = lambda path: True
    is_folder: Callable = lambda path: True
    is_executable: Callable = lambda path: True
    path: tuple = DAEMON_PATH
    # What its kubelet was told, None without one; and whether that takes the cgroup driver over all the same.
    kubelet: Callable = lambda: None
    kubelet_takes_over: Callable = lambda kubelet: False


# Without a node to ask, nothing is missing and everything is root's.
ANY_NODE = Node(is_file=lambda path: True, cgroup_v2=True)


@dataclass
class Context:
    """One document with its overrides. Rules name settings as the table does, in schema 2."""

    # The default of the binary, what the site sets (None removes a key), and the one merged into the other.
    base: dict
    overrides: dict
    result: dict
    # Whether a key that containerd does not know is an error.
    strict: bool = True
    # Where the file will be.
    folder: str = CONFIG_FOLDER
    node: Node = ANY_NODE
    # For paths of the site: the schema and the path in which the author wrote them.
    written: dict = field(default_factory=dict)
    # What the rules before this one have found.
    found: list = field(default_factory=list)

    def __post_init__(self):
        self.version = self.base["version"]
        self.leaves = list(walk(self.overrides))
        self._leaf_paths = {leaf for leaf, _ in self.leaves}
        rows = [paths[self.version] for paths, _ in ROWS]
        # The position in the overrides where each prefix of a path comes first.
        self._first = {}
        for number, (leaf, _) in enumerate(self.leaves):
            for depth in range(len(leaf) + 1):
                self._first.setdefault(leaf[:depth], number)
        # For each prefix of a path: its schema and path as written, if what is below it keeps its names.
        self._authors, self._keys = {}, {}
        for leaf, (source, own) in self.written.items():
            for depth in range(min(len(leaf), len(own))):
                head, tail = leaf[: len(leaf) - depth], leaf[len(leaf) - depth :]
                if own[len(own) - depth :] != tail:
                    break
                self._authors.setdefault(head, (source, own[: len(own) - depth]))
        self._rows = [named(row, self.version, self.base) for row in rows if row]

    def locate(self, setting):
        """Return the path of a setting in this schema, or None if the schema lacks it."""
        return schema.locate(setting, self.version, self.base)

    def cause(self, *paths):
        """Return the first of some paths that the overrides set, or remove, or hold a part of."""
        for path in paths:
            if path in self._first:
                return path
            for depth in range(len(path)):
                if path[:depth] in self._leaf_paths:
                    return path[:depth]
        return None

    def author(self, path):
        """Return the schema in which a part of the overrides was written and its path there."""
        return self._authors.get(path, (self.version, path))

    def keys_of(self, source):
        """Return the names of this release's keys in a schema; * stands for the name of a table."""
        if source not in self._keys:
            found = [leaf[:depth] for leaf, _ in walk(self.base) for depth in range(1, len(leaf) + 1)]
            if source != self.version:
                found = [schema.move(path, self.version, source) for path in found]
                found += [paths[source] for paths, _ in ROWS if paths[source] and paths[self.version]]
            self._keys[source] = list(dict.fromkeys(filter(None, found)))
        return self._keys[source]

    def position(self, path):
        """Return the position of a path in the overrides: that of the first key that shares most with it."""
        heads = (path[:depth] for depth in range(len(path), -1, -1))
        return next((self._first[head] for head in heads if head in self._first), 0)

    def known(self, path):
        """Tell whether containerd reads a key."""
        parent = at(self.base, path[:-1])
        if isinstance(parent, dict) and path[-1] in parent:
            return True
        if not schema.is_free_form(path):
            return False
        if is_map(path[:-1]) or "unprinted" in schema.facts(path):
            return True
        # A release prints all keys of its default runtime, and other runtimes have the same ones.
        siblings = self._siblings(path[:-1])
        return not siblings or any(path[-1] in sibling for sibling in siblings)

    def children(self, path):
        """Return the names of the keys that containerd knows in a table."""
        names = dict.fromkeys(table(self.base, path))
        for sibling in self._siblings(path):
            names.update(dict.fromkeys(sibling))
        for row in self._rows:
            if len(row) > len(path) and all(part in ("*", own) for part, own in zip(row, path)):
                names[row[len(path)]] = None
        return [name for name in names if name != "*" and self.known((*path, name))]

    def touched_runtimes(self):
        """Yield (path, runtime in effect) of each runtime that the overrides set something of."""
        runtimes = self.locate("CRI.containerd.runtimes")
        for name, runtime in table(self.result, runtimes).items():
            if isinstance(runtime, dict) and isinstance(at(self.overrides, (*runtimes, name)), dict):
                yield (*runtimes, name), runtime

    def snapshotters(self):
        """Return the names of the snapshotters: those built in, and those of proxy plugins."""
        built_in = table(self.base, ("plugins",))
        if SNAPSHOTTER + "overlayfs" not in built_in:
            # containerd 1.4 has them all, and prints those that have settings.
            built_in = schema.plugins()
        names = [plugin[len(SNAPSHOTTER) :] for plugin in built_in if plugin.startswith(SNAPSHOTTER)]
        return [*names, *table(self.result, ("proxy_plugins",))]

    def _siblings(self, path):
        """Return the tables beside one that has a name, such as runtimes.runc for runtimes.crun."""
        tables = table(self.base, path[:-1]).values() if len(path) > 2 and is_map(path[:-1]) else ()
        return [sibling for sibling in tables if isinstance(sibling, dict) and sibling]


def is_below(path, tables):
    """Tell whether a path is one of a set, or below one."""
    return any(path[:depth] in tables for depth in range(len(path) + 1))


def is_map(path):
    """Tell whether a table's keys are names, which containerd does not know beforehand."""
    return schema.is_free_form((*path, "\0"))


def is_short(plugin):
    """Tell whether an id has too few parts to be one."""
    return len(plugin.split(".")) < 4


def too_short(plugin, known):
    """Return the message about an id with too few parts."""
    full = next((other for other in known if other.endswith("." + plugin)), "io.containerd.<type>.v1.<name>")
    return f"{plugin} is not a plugin id, and containerd may refuse to start: write {full}"


def shown(value, path):
    """Return a value for a message; a secret is only called "this"."""
    return "this" if is_secret(path) else repr(masked(value, path))
