"""Make the pillar for a node that another tool configured, so that none of its settings changes."""

from containerd_formula import schema
from containerd_formula.data import at, drop, leaves, plain, put, walk
from containerd_formula.findings import ERROR, WARNING, finding
from containerd_formula.reading import ID_LISTS, told, unlike
from containerd_formula.secrets import masked

# Entries of these are left out whole: with half a runtime, pods that ask for it would get another one.
_WHOLE = ("runtimes", "proxy_plugins", "stream_processors")
_HALF = "half of it would be worse than none"
_ROUNDS = 20


def minimal(made, read, judge, show_secrets=False, lost=None):
    """
    Return the pillar that reproduces a file's settings over a composed document, and what it leaves out.

    ``judge`` composes the document with a fragment on top, to find what would be refused. ``lost`` returns
    findings about settings that imported files would mask in that document, or would no longer set.
    """
    notes = [*cri_comes_on(read), *_layers_for_cri(made, read), *read.dead, *_about_entries(read)]
    config = {"version": made.version, **_settings(made, read)}
    judged = _without_refused(config, judge, notes)
    notes += _masked(judged, read)
    notes += lost(judged) if lost else []
    notes += _changed(judged, read, notes)
    if not show_secrets:
        notes += _without_secrets(config)
    left_out = list(dict.fromkeys(one.message for one in notes))
    return {"containerd": {"config": config}, **({"left_out": left_out} if left_out else {})}


def cri_comes_on(read):
    """Return findings about a file that disables CRI, which the formula turns on."""
    words = (
        "this file disables CRI: no kubelet can use the node, and none of CRI's settings is in effect. With "
        "the formula CRI goes from off to on. To keep it off where no kubelet uses this containerd, set "
        "service:cri: false, and disabled_plugins as in this file."
    )
    return [finding((ID_LISTS[0],), words, WARNING)] if read.cri_off else []


def _layers_for_cri(made, read):
    """Return findings about CRI settings of the lower layers, if CRI was off."""
    differing = [path for path in made.origin if _is_cri(path) and unlike(path, made.result, made.default)]
    return [
        finding(
            path,
            f"with CRI on it is {masked(at(made.result, path), path)!r}, by the layer {made.origin[path]}; "
            f"containerd's own default is {at(made.default, path)!r}, and was not in effect with CRI off.",
            WARNING,
        )
        for path in (differing if read.cri_off else ())
        if not unlike(path, made.default, read.effect)
    ]


def _settings(made, read):
    """Return what differs from the composed document, as a fragment: in the file's order, then the rest."""
    config, effect = {}, _as_it_runs(made, read)
    every = leaves(effect)
    for path in dict.fromkeys([*read.places, *every, *leaves(made.result)]):
        if path == ("version",) or any(path[: len(entry)] == entry for entry in read.absent):
            continue
        value = every.get(path, at(effect, path))
        if isinstance(value, dict) or (path in read.over and path not in made.origin):
            continue
        if not unlike(path, made.result, effect):
            continue
        if read.cri_off and _is_cri(path) and not unlike(path, made.default, effect):
            continue
        # A missing boolean is false, which reads better than null.
        off = value is None and isinstance(at(made.result, path), bool)
        put(config, path, False if off else value)
    return config


def _as_it_runs(made, read):
    """Return a file's settings, with the import's value where an import overrides a layer."""
    effect = plain(read.effect)
    for path, value in read.over.items():
        if path in made.origin and value is not None:
            put(effect, path, value)
        elif path in made.origin and _has(effect, path):
            drop(effect, path)
    return effect


def _masked(judged, read):
    """Return findings about settings of the file that its imports override."""
    found = []
    for path, value in read.over.items():
        if path in read.places and unlike(path, judged.result, read.effect):
            runs, mine = told(value, path), told(at(read.effect, path), path)
            words = f"it is {runs} by an imported file; {mine}, as here, is not in effect, and left out."
            found.append(finding(path, words, WARNING))
    return found


def _is_cri(path):
    return path[:1] == ("plugins",) and path[1:2] != () and path[1] in schema.cri_plugins()


def _about_entries(read):
    """Return findings about entries of the default that the file leaves out."""
    words = "this file leaves it out, and the formula's document has it, as containerd's default does"
    return [finding(entry, f"{words}.", WARNING) for entry in read.absent]


def _without_refused(config, judge, notes):
    """Remove what would be refused and note the reason; return the document of the rest."""
    for _ in range(_ROUNDS):
        judged = judge(config)
        # What keeps pods from starting does so already.
        wrong = [one for one in judged.findings if one.level == ERROR and one.about != "pods"]
        taken = [said for one in wrong for said in _left_out(one, _taken(config, one, judged))]
        notes += taken
        if not taken:
            notes += wrong
            break
    return judged


def _left_out(one, gone):
    """Yield findings about what was removed because of a finding."""
    if gone and one.about == "ignored":
        yield one._replace(message=f"{one.message}. Left out here.")
    elif gone:
        words = f"{one.message}. Left out here, it is in effect until the formula writes the file."
        yield one._replace(message=words)
        if len(gone) < len(one.path):
            yield finding(gone, f"left out with that: {_HALF}.")


def _taken(config, one, judged):
    """Remove the key of a finding, or its whole entry if half of it is worse; return the path removed."""
    # A key that containerd ignores may go alone.
    path = one.path if one.about == "ignored" else _entry(one.path, judged.default)
    ends = [end for end in range(1, len(path) + 1) if _has(config, path[:end])]
    longest = path[: ends[-1]] if ends else ()
    # A table that holds only other keys is not at fault.
    if not longest or (longest != path and isinstance(at(config, longest), dict)):
        return ()
    # If the file empties a value of the default, that is the fault.
    below = at(config, longest)
    empty = [leaf for leaf, value in walk(below) if value == ""] if isinstance(below, dict) else []
    for leaf in empty or [()]:
        drop(config, (*longest, *leaf))
    return longest


def _entry(path, default):
    """Return the path of the whole entry that a path is in, or itself."""
    for end in range(2, len(path)):
        if path[end - 1] in _WHOLE and at(default, path[: end + 1]) is None:
            return path[: end + 1]
    return path[:2] if path[:1] and path[0] in _WHOLE else path


def _has(data, path):
    parent = at(data, path[:-1])
    return isinstance(parent, dict) and path[-1] in parent


def _changed(judged, read, notes):
    """Return findings about settings that would still change, and that no note mentions."""
    told = [one.path for one in notes if one.path]
    found = []
    for path in dict.fromkeys([*leaves(judged.result), *leaves(read.effect)]):
        if path == ("version",) or path in read.over or any(path[: len(head)] == head for head in told):
            continue
        if read.cri_off and _is_cri(path):
            continue
        # Tables are compared by their keys: 1.4 shows the options of each runtime as an empty one.
        if isinstance(at(judged.result, path), dict):
            continue
        if unlike(path, judged.result, read.effect):
            before, after = (masked(at(data, path), path) for data in (read.effect, judged.result))
            found.append(
                finding(
                    path, f"it is {before!r} now, and {after!r} with this pillar: set it by hand.", WARNING
                )
            )
    return found


def _without_secrets(config):
    """Take the secrets out of a fragment; return findings that name them."""
    found = []
    for path, value in leaves(config).items():
        if masked(value, path) != value:
            words = "a secret, left out here: show_secrets=True shows it, for a pillar that is encrypted"
            found.append(finding(path, f"{words}.", WARNING))
    entries = dict.fromkeys(one.path[:2] if one.path[0] in _WHOLE else one.path for one in found)
    for path in entries:
        drop(config, path)
    halves = [path for path in entries if path[0] in _WHOLE]
    return [*found, *(finding(path, f"left out with that: {_HALF}.", WARNING) for path in halves)]
