"""
What a site names and the node does not have: the daemon gets ready, but pods cannot start.

An error if no pod can start, as with a file in the place of a folder. A warning if only those of one runtime
cannot, or if the file may come later, as CNI's do with the first CNI pod. What the site does not set is not
reported.
"""

from containerd_formula.data import at, table, texts
from containerd_formula.names import shim
from containerd_formula.rules.context import shown
from containerd_formula.rules.cri import LINUX_V1, LOCAL_PULL, RUNC_V1, RUNC_V2

# Where CNI's packages and pods install: that these are not there yet means nothing.
_USUAL = ("/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni", "/etc/cni/net.d")
# The sandboxers that start the shim of the runtime's type.
_WITH_SHIM = (None, "", "podsandbox", "shim")


def runtimes(context):
    """Missing programs of runtimes: if it is the default runtime's, no pod can start."""
    place, chosen = (context.locate(f"CRI.containerd.{key}") for key in ("runtimes", "default_runtime_name"))
    default = at(context.result, chosen)
    for name, runtime in table(context.result, place).items():
        path = (*place, name)
        for key, program in _programs(runtime) if isinstance(runtime, dict) else ():
            mine = at(context.overrides, (*path, *key))
            is_chosen = name == default and at(context.overrides, chosen)
            if (not mine and not is_chosen) or _is_there(context, program):
                continue
            # The shim of a removed type: another rule reports the type.
            if context.version > 2 and program == shim(RUNC_V1):
                continue
            cause = (*path, *key) if mine else chosen
            hurt = "no pod can start" if name == default else f"no pod of the runtime {name} can start"
            level = "error" if name == default else "warning"
            yield cause, f"{_what(program, cause)}, and {hurt} without it: install it first", level


def runtime_names(context):
    """Invalid types of runtimes: each of their pods fails."""
    for path, runtime in context.touched_runtimes():
        kind = runtime.get("runtime_type")
        if isinstance(kind, str) and kind and "/" not in kind and not shim(kind):
            words = f"{shown(kind, path)} is not a runtime type, so each of its pods fails"
            yield (*path, "runtime_type"), f"{words}: write {RUNC_V2}, or one that ends as .<name>.<version>"


def cni_folders(context):
    """Folders of CNI that are missing, or files: no pod with a network can start before they are there."""
    for setting in ("bin_dir", "bin_dirs", "conf_dir"):
        hurt = "CRI does not start" if setting == "conf_dir" else "no pod with a network can start"
        yield from _folders(context, (*context.locate("CRI.cni"), setting), hurt)
    for path, _ in context.touched_runtimes():
        yield from _folders(context, (*path, "cni_conf_dir"), "CRI does not start")


def certificates(context):
    """Missing folders of hosts.toml files: images do not come from the mirrors."""
    path = context.locate("CRI.registry.config_path")
    value = at(context.overrides, path)
    if not isinstance(value, str) or not value:
        return
    if ":" in value and _takes_one_path(context):
        words = "this containerd takes a list of folders for one path, and so uses none: write one folder"
        yield path, words, "warning"
        return
    for folder in value.split(":"):
        if _is_file(context, folder):
            yield path, _no_folder(folder, "no image can be pulled")
        elif folder and not context.node.exists(folder):
            words = f"{folder} is not on this node; until it is, images come from the registries themselves"
            yield path, f"{words}: put it there, or correct the path", "warning"


def _programs(runtime):
    """Yield (key, program) of what starts the pods of a runtime; a bare name is looked up in PATH."""
    kind, path = runtime.get("runtime_type"), runtime.get("runtime_path")
    if isinstance(path, str) and path:
        yield ("runtime_path",), path
    elif isinstance(kind, str) and kind != LINUX_V1 and _is_shims(runtime):
        program = kind if kind.startswith("/") else shim(kind)
        if program:
            yield ("runtime_type",), program
    binary = table(runtime, ("options",)).get("BinaryName")
    if kind in (RUNC_V1, RUNC_V2) and isinstance(binary, str) and binary:
        yield ("options", "BinaryName"), binary


def _is_shims(runtime):
    return all(runtime.get(key) in _WITH_SHIM for key in ("sandboxer", "sandbox_mode"))


def _is_there(context, program):
    """Tell whether the daemon finds a program, by its path or in its PATH."""
    if "\0" in program:
        return False
    if "/" in program:
        return context.node.is_executable(program)
    return any(context.node.is_executable(f"{folder}/{program}") for folder in context.node.path)


def _what(program, path):
    where = "on this node" if "/" in program else "in the daemon's PATH"
    return f"there is no program {shown(program, path)} {where}"


def _folders(context, path, hurt):
    """Yield that none of a setting's folders is there: a warning, or that they are files: an error."""
    value = at(context.overrides, path)
    folders = [text for text in texts(value if isinstance(value, list) else [value]) if text]
    files = [folder for folder in folders if _is_file(context, folder)]
    if files and files == folders:
        yield path, _no_folder(" and ".join(files), hurt)
        return
    there = [folder for folder in folders if folder not in files and context.node.exists(folder)]
    if not folders or there or set(folders) <= set(_USUAL):
        return
    words = f"{' and '.join(folders)}: not on this node, and no pod with a network can start until it is"
    yield path, f"{words}: put it there, or correct the path", "warning"


def _is_file(context, path):
    return bool(path) and context.node.exists(path) and not context.node.is_folder(path)


def _no_folder(path, hurt):
    return f"{path} is no folder on this node, and {hurt}: name the folder"


def _takes_one_path(context):
    """Tell whether images are pulled by the transfer service, which knows no list of folders."""
    registry, images = context.locate("CRI.registry"), context.locate("CRI.registry")[:-1]
    if at(context.base, (*images, "use_local_image_pull")) is None:
        return False
    changed = any(
        at(context.result, path) != at(context.base, path) for path in map(context.locate, LOCAL_PULL)
    )
    old = any(table(context.result, (*registry, key)) for key in ("mirrors", "configs", "auths"))
    return not (changed or old or at(context.result, (*images, "use_local_image_pull")))


RULES = (runtimes, runtime_names, cni_folders, certificates)
