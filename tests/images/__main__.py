"""Builds stand-ins for upstream's images, shows what each image is, and starts an engine: see README.md."""

import argparse
import subprocess
import sys

from . import engine, report
from .builder import LOGS, Builder, OneAtATime
from .catalog import HERE, ImageError, in_order, read_catalog
from .machine import machine_files


def say(text: str) -> None:
    """Write a line for people at once."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def build(names: list[str], may_pull: bool, answer_seconds: float) -> None:
    """Have every image of that name, all where none is named, and say what they are."""
    engine.require_engine()
    LOGS.mkdir(parents=True, exist_ok=True)
    images = read_catalog()
    with machine_files() as machine, OneAtATime("build", say):
        builder = Builder(images, machine, say, answer_seconds, may_pull)
        built = builder.have_all(in_order(images, names or images))
        say(report.write_build_log(built))
    say(report.banner(built))


def main() -> None:
    """Read the command line, do as it says, and exit with 1 and one message where that fails."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.images", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    building = verbs.add_parser("build", help="build what is neither here nor can be pulled")
    building.add_argument("names", nargs="*", metavar="NAME", help="folders of tests/images; all of them by default")
    building.add_argument("--no-pull", action="store_true", help="do not ask the image registries first")
    building.add_argument("--answer-seconds", type=float, default=20.0, help="how long a registry may be silent")
    verbs.add_parser("table", help="show component, version pinned, version run, and real, stand-in or fake")
    verbs.add_parser("engine", help="install and start a Docker engine where there is none (Debian, root)")
    told = parser.parse_args()
    try:
        if told.verb == "build":
            build(told.names, not told.no_pull, told.answer_seconds)
        elif told.verb == "table":
            engine.require_engine()
            sys.stdout.write(f"{report.table(read_catalog().values())}\n")
        else:
            with OneAtATime("engine", say):
                raise SystemExit(subprocess.run([HERE / "engine.sh"]).returncode)
    except ImageError as error:
        say(f"{parser.prog}: {error}")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
