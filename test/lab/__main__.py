"""Build images and boot machines by hand: ``PYTHONPATH=test python3 -m lab boot``."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
from pathlib import Path

from . import cache, host, image
from .machine import Machine, close_all


def build(arguments: argparse.Namespace) -> None:
    """Build an image, or say how fast the cache gave it."""
    print(image.build(arguments.suite, arguments.salt).disk)


def boot(arguments: argparse.Namespace) -> None:
    """Boot a node and leave it to a person until Ctrl-C."""
    made = image.build(arguments.suite, arguments.salt)
    if arguments.key:
        arguments.key.parent.mkdir(parents=True, exist_ok=True)
        arguments.key.unlink(missing_ok=True)
        arguments.key.symlink_to(made.ssh_key)
    size = (arguments.memory, arguments.cpus)
    with Machine(made, arguments.name, *size, keep=arguments.detach, port=arguments.port) as node:
        print(node.ssh_command(), flush=True)
        if not arguments.detach:
            print(f"Ctrl-C ends {node.name}.", flush=True)
            signal.pause()


def end(arguments: argparse.Namespace) -> None:
    """End the nodes of a name that were left running."""
    for name in close_all(arguments.name):
        print(f"ended {name}")


def clean(_arguments: argparse.Namespace) -> None:
    """End every machine and remove every image."""
    for name in close_all():
        print(f"ended {name}")
    shutil.rmtree(cache.folder())


def main() -> int:
    """Run one command."""
    parser = argparse.ArgumentParser(prog="lab", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    for command in (build, boot, end, clean):
        sub = commands.add_parser(command.__name__, help=command.__doc__)
        sub.set_defaults(command=command)
        if command in (build, boot):
            sub.add_argument("--suite", default=image.DEFAULT_SUITE, help="a Debian suite")
            sub.add_argument("--salt", default=image.DEFAULT_SALT, help="a version of Salt, in full")
        if command in (boot, end):
            sub.add_argument("--name", default="node", help="host name of the node")
        if command is boot:
            sub.add_argument("--detach", action="store_true", help="leave the node running")
            sub.add_argument("--port", type=int, default=0, help="port of this host that leads to it")
            sub.add_argument("--key", type=Path, help="make this file a link to the key that opens it")
            sub.add_argument("--memory", type=int, default=2048, help="in MiB")
            sub.add_argument("--cpus", type=int, default=2)
    arguments = parser.parse_args()
    try:
        arguments.command(arguments)
    except host.LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
