"""
Whose a path is: what root writes, runs or reads must not be in the hands of others.
"""

import os
import stat

from salt.exceptions import CommandExecutionError

# As the kernel has it.
_MOST_LINKS = 40


def why_not_roots(path):
    """
    Tell why others than root could change what an absolute path leads to.

    Each component is looked at, each link followed, and both the folder of a link and what it leads to. A
    folder that others may write, such as ``/tmp``, is passed through where it is sticky: there nobody but
    root moves what is root's. What is not there yet is root's where nobody else may make it.

    :return: a reason such as ``/opt/x belongs to user 1000``; empty where the path is root's alone.
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
            return f"{entry!r} is no path: it holds what no name of a file does"
        if found.st_uid != 0:
            return f"{entry} belongs to user {found.st_uid}"
        if stat.S_ISLNK(found.st_mode):
            links += 1
            if links > _MOST_LINKS:
                return f"{path} has too many links"
            rest = _components(os.readlink(entry)) + rest
            continue
        if _shared(found) and not (stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX):
            return f"others than root may write to {entry}"
        here = entry
    # What the path ends in, or what is to be made in it: being sticky is no help here.
    return f"others than root may write to {here}" if _shared(os.lstat(here)) else ""


def entries(folder):
    """
    Return the paths of what lies in a folder, of nothing where there is none.
    """
    try:
        return sorted(os.path.join(folder, name) for name in os.listdir(folder))
    except (OSError, ValueError):
        return []


def must_be_roots(path):
    """
    Hold that root may write a file, or make it: nobody else has a say in where it lies or where it leads.

    The file itself may be another user's: it is replaced, and not written into.

    :raises CommandExecutionError: others have; or a link leads to what is no file.
    """
    if os.path.islink(path):
        real = os.path.realpath(path)
        why = why_not_roots(path)
        if not why and not os.path.isfile(real):
            why = "that is no regular file" if os.path.lexists(real) else "that is not there"
        if why:
            raise CommandExecutionError(f"{path} is a link to {real}, and {why}: make it a regular file.")
    elif os.path.lexists(path) and not os.path.isfile(path):
        raise CommandExecutionError(f"{path} is no regular file, and stays as it is: remove it.")
    elif why := why_not_roots(os.path.dirname(path)):
        raise CommandExecutionError(
            f"{path} is not written: {why}. Mend that with chown root and chmod go-w."
        )


def _components(path):
    """Return the components of a path; an absolute one begins with the root folder."""
    names = [name for name in path.split("/") if name not in ("", ".")]
    return ["/", *names] if path.startswith("/") else names


def _shared(found):
    """Tell whether more than the owner may write."""
    return bool(found.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
