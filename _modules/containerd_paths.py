"""
Check who can change a path: only root may, where root writes, runs or reads.
"""

import os
import stat

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()
from containerd_formula import places

# The kernel's limit.
_MOST_LINKS = 40


def why_not_roots(path):
    """
    Return why users other than root could change what an absolute path leads to.

    This checks each component of the path, and follows each link. A folder that others may write, such as
    ``/tmp``, is accepted above a file if it is sticky: there only root can move root's files. A path that
    does not exist yet is root's if nobody else can make it.

    path
        The path.

    :return: a reason such as ``/opt/x belongs to user 1000``; empty if only root can.
    """
    here, rest, links = "/", _components(path), 0
    while rest:
        name = rest.pop(0)
        if name == "..":
            here = os.path.dirname(here)
            continue
        entry = os.path.join(here, name)
        try:
            found = os.lstat(entry)
        except FileNotFoundError:
            break
        except OSError as err:
            return f"{entry} cannot be looked at: {err.strerror}"
        except ValueError:
            return f"{entry!r} is not a path: it holds a character that no file name can have"
        if found.st_uid != 0:
            return f"{entry} belongs to user {found.st_uid}"
        if stat.S_ISLNK(found.st_mode):
            links += 1
            if links > _MOST_LINKS:
                return f"{path} has too many links"
            rest = _components(os.readlink(entry)) + rest
            continue
        if _shared(found) and not (stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX):
            return f"users other than root may write to {entry}"
        here = entry
    # The end of the path, or the folder where it will be made: here sticky is not enough.
    return f"users other than root may write to {here}" if _shared(os.lstat(here)) else ""


def entries(folder):
    """
    Return the paths of the files in a folder.

    folder
        The folder.

    :return: a sorted list of paths; empty if there is no such folder.
    """
    try:
        return sorted(os.path.join(folder, name) for name in os.listdir(folder))
    except (OSError, ValueError):
        return []


def must_be_roots(path):
    """
    Fail unless only root can change where a file lies, and where a link leads. Then root may write it.

    The file itself may belong to another user: it is replaced, not written into.

    path
        The file.

    :raises CommandExecutionError: other users could change it, or it is something else than a file.
    """
    if os.path.islink(path):
        real = os.path.realpath(path)
        why = why_not_roots(path)
        if not why and not os.path.isfile(real):
            why = "that is not a regular file" if os.path.lexists(real) else "that is not there"
        if why:
            raise CommandExecutionError(f"{path} is a link to {real}, and {why}: make it a regular file.")
    elif os.path.lexists(path) and not os.path.isfile(path):
        raise CommandExecutionError(f"{path} is not a regular file, and stays as it is: remove it.")
    elif why := why_not_roots(os.path.dirname(path)):
        raise CommandExecutionError(f"{path} is not written: {why}. {places.ROOTS_OWN}")


def _components(path):
    """Return the components of a path; an absolute one begins with the root folder."""
    names = [name for name in path.split("/") if name not in ("", ".")]
    return ["/", *names] if path.startswith("/") else names


def _shared(found):
    """Tell whether more than the owner may write."""
    return bool(found.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
