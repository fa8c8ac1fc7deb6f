"""The service `secrets`: generates what is missing, rotates, takes what is given. It prints names only."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from stack.provision.secrets import files, rotation, volumes
from stack.provision.secrets.errors import SecretsError
from stack.provision.secrets.store import Store
from stack.provision.secrets.table import GIVEN

ROOT = Path("/secrets")
VOLUMES_ROOT = Path("/volumes")
#: The group whose directory is locked by whoever changes a secret; `database_password` does so as well.
LOCKED = "django"


def main(arguments: list[str] | None = None) -> None:
    """Do what the command line says. Exits with a message and 1 where that is impossible."""
    options = _parser().parse_args(arguments)
    try:
        with files.locked(options.root / LOCKED):
            print(_run(options))
    except SecretsError as error:
        sys.exit(f"secrets: {error}")
    except OSError as error:
        sys.exit(f"secrets: {error.filename}: {error.strerror}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="secrets", description=__doc__)
    parser.add_argument("--root", type=Path, default=ROOT, help="the directory of the groups")
    parser.add_argument("--volumes", type=Path, default=VOLUMES_ROOT, help="the directory of the volumes of data")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("ensure", help="generate what is missing, give each volume to its user; change nothing else")
    rotate = commands.add_parser("rotate", help="replace a secret that may change while the stack runs")
    rotate.add_argument("name", metavar="NAME", help=", ".join([*rotation.ROTATED, rotation.DATABASE_PASSWORD]))
    commands.add_parser("forget-old-keys", help="let no former key of Django's be valid any more")
    give = commands.add_parser("set", help="take a secret from standard input")
    give.add_argument("name", metavar="NAME", help=", ".join(GIVEN))
    return parser


def _run(options: argparse.Namespace) -> str:
    store = Store(options.root)
    if options.command == "set":
        store.write()
        return f"{rotation.take(store, options.name, sys.stdin.read())} written"
    if options.command == "rotate":
        return _restart(f"{options.name} rotated", rotation.rotate(store, options.name))
    if options.command == "forget-old-keys":
        return _restart("former keys forgotten", rotation.forget_old_keys(store))
    changed = [f"{file.path} written" for file in store.write()]
    changed += [f"{name} given to its user" for name in volumes.give(options.volumes)]
    return "\n".join(changed) or f"all {len(store.contents)} secrets are there"


def _restart(done: str, services: tuple[str, ...]) -> str:
    return f"{done}. To be read anew: docker compose restart {' '.join(services)}"


if __name__ == "__main__":
    main()
