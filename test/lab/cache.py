"""The folder of built artefacts: a file or folder there is complete, or it is not there."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

REPOSITORY = Path(__file__).resolve().parents[2]


def folder() -> Path:
    """Return the cache folder (``LAB_CACHE``, else ``.cache/lab`` of the repository), made if missing."""
    path = Path(os.environ.get("LAB_CACHE") or REPOSITORY / ".cache" / "lab").resolve()
    path.mkdir(parents=True, exist_ok=True)
    return path


def artefact(stem: str, inputs: object, make: Callable[[Path], None], suffix: str = "") -> Path:
    """Return the path of an artefact, after ``make(path)`` has made it unless it is there already.

    ``inputs`` is everything its content depends on (anything JSON can hold). Its hash is part of
    the name, so an artefact of another recipe is not found.
    """
    final = folder() / f"{stem}-{digest(inputs)}{suffix}"
    if final.exists():
        return final
    with locked(final.name):
        # Another run may have built it while this one waited for the lock.
        if not final.exists():
            with _workshop(final.name) as workshop:
                unfinished = workshop / "unfinished"
                make(unfinished)
                unfinished.rename(final)
    return final


def digest(inputs: object) -> str:
    """Return a short hash of JSON-like data."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:12]


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock of one artefact: a second run waits here until the first has built it."""
    with open(folder() / f".{name}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _workshop(name: str) -> Iterator[Path]:
    """Lend a scratch folder, on the file system of the cache so that a result can be renamed."""
    path = folder() / f".{name}.work"
    # What a killed run left here is ours to remove: we hold the lock of this name.
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    try:
        yield path
    finally:
        shutil.rmtree(path)
