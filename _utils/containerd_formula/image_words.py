"""The images of a node, as ``ctr images ls`` and ``ctr images check`` print them, and the labels of ours."""

import re
from typing import NamedTuple

# With the hash of the archive and the name, on each name that the formula gave: ctr 1.x copies labels to the
# names that others give with `ctr images tag`.
OURS = "containerd-formula"
# CRI's own: kubelet's collection leaves such images alone; CRI has taken one up.
PINNED, TAKEN_UP = "io.cri-containerd.pinned", "io.cri-containerd.image"
_ROW = re.compile(r"(\S+)[ \t]+(\S+)[ \t]+(sha256:[0-9a-f]{64})[ \t]+(\S.*)")
_LABEL = re.compile(r"(?:[\s,]|\A)([A-Za-z0-9][A-Za-z0-9._/-]*)=([^\s,]*)")
# The name that CRI gives each image: its id.
_ID = re.compile(r"sha256:[0-9a-f]{64}")


class Row(NamedTuple):
    """An image of the node."""

    digest: str
    labels: dict

    @property
    def archive(self):
        """Return the hash of the archive that the formula took it from, empty if it did not."""
        return self.labels.get(OURS, "")

    @property
    def is_pinned(self):
        return self.labels.get(PINNED) == "pinned"

    @property
    def is_taken_up(self):
        """Tell whether CRI knows it."""
        return self.labels.get(TAKEN_UP) == "managed"


def images(said):
    """Return the images that ``ctr images ls`` lists: name to row."""
    rows = (_ROW.match(line) for line in said.splitlines())
    return {row[1]: Row(row[3], _own(row[1], dict(_LABEL.findall(row[4])))) for row in rows if row}


def _own(name, labels):
    """Return the labels of a name: ours, ARCHIVE/NAME, with the archive alone, and not if it is another's."""
    archive, _, labelled = labels.pop(OURS, "").partition("/")
    return {**labels, OURS: archive} if labelled == name else labels


def whole(said, unpacked=False):
    """
    Return the names of the images that have all their content, of what ``ctr images check`` says.

    With ``unpacked`` also those that have their layers as a file system alone, from which pods start.
    """
    rows = (_ROW.match(line) for line in said.splitlines())
    ends = {row[1]: row[4].split() for row in rows if row}
    return [name for name, end in ends.items() if end[0] == "complete" or (unpacked and end[-1] == "true")]


def filters(names):
    """Return the arguments by which ctr is asked for images of some names."""
    return [f'name=="{name}"' for name in names]


def named_by_id(rows, digests):
    """Return the names that are CRI's alone of the images with some digests, which no other name has."""
    others = {row.digest for name, row in rows.items() if not _ID.fullmatch(name)}
    return [name for name, row in rows.items() if _ID.fullmatch(name) and row.digest in set(digests) - others]
