"""TOML text: the one place that knows tomlkit, imported at its first use."""

import importlib
import re
import sys

from containerd_formula.data import SIZE, is_unicode, plain
from containerd_formula.errors import Refused, quoted

# The first tomlkit whose round trip is right.
FLOOR = (0, 15, 1)


def version():
    """Return the version of tomlkit in this Python, or an empty text if it cannot be imported."""
    # A run that installs or upgrades tomlkit must see the new one.
    importlib.invalidate_caches()
    if not is_new_enough(getattr(sys.modules.get("tomlkit"), "__version__", "")):
        for name in [name for name in sys.modules if name.partition(".")[0] == "tomlkit"]:
            del sys.modules[name]
    try:
        return importlib.import_module("tomlkit").__version__
    except ImportError:
        return ""


def is_new_enough(found):
    """Tell whether a version of tomlkit is new enough."""
    return tuple(int(part) for part in found.split(".")[:3] if re.fullmatch(r"[0-9]{1,9}", part)) >= FLOOR


def parse(text, source="the text"):
    """Return TOML text as a tomlkit document; an error calls the text ``source``."""
    return _parsed(text, source)[0]


def loads(text, source="the text"):
    """Return TOML text as plain data."""
    return _parsed(text, source)[1]


def _parsed(text, source):
    """Return TOML text as a tomlkit document, and as plain data within the limits of ``plain``."""
    tomlkit = _tomlkit()
    if not isinstance(text, str):
        raise Refused(f"{source} is not text: write it as TOML.")
    if len(text) > SIZE:
        raise Refused(f"{source} is refused: it has more than {SIZE} characters.")
    if not is_unicode(text):
        raise Refused(f"{source} is not valid TOML: it is not UTF-8.")
    try:
        document = tomlkit.parse(text)
        return document, plain(document.unwrap())
    except tomlkit.exceptions.TOMLKitError as err:
        # Name the place only: the text there may be a secret.
        where = (
            f"it goes wrong at line {err.line} col {err.col}"
            if hasattr(err, "line")
            else "it has a key or table twice"
        )
        raise Refused(f"{source} is not valid TOML: {where}") from err
    except RecursionError as err:
        raise Refused(f"{source} is refused: its tables are nested too deep.") from err
    except Refused as err:
        raise Refused(f"{source}: {err}") from err


def key(text):
    """Return the parts of a TOML key, bare or quoted or dotted."""
    tomlkit = _tomlkit()
    if not isinstance(text, str):
        raise Refused(f"The key {quoted(text)} is not text: put it in quotes")
    if len(text) > SIZE:
        raise Refused(f"The key has more than {SIZE} characters: shorten it.")
    try:
        found, _ = tomlkit.key_value(f"{text} = 0")
    except (tomlkit.exceptions.TOMLKitError, ValueError):
        found = None
    # Text after the key would become its value: "a = 1 #".
    if found is None or found.as_string().strip() != text.strip():
        raise Refused(
            f"{text!r} is not a TOML key: put parts other than A-Z a-z 0-9 _ - in double quotes, as in "
            'plugins."io.containerd.grpc.v1.cri"'
        )
    return tuple(part.key for part in found)


def _tomlkit():
    """Return the module tomlkit; refuse with the cure if it is missing."""
    try:
        return importlib.import_module("tomlkit")
    except ImportError as err:
        raise Refused(
            f"tomlkit is missing in the Python that runs this minion ({sys.executable}): apply "
            "containerd.salt, or install it with salt-pip install 'tomlkit>=0.15.1'."
        ) from err
