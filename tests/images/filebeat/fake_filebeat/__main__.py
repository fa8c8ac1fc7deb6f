"""The command line of Filebeat, as far as our compose.yml uses it."""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from . import events, files
from .configuration import Configuration, ConfigurationError, configuration, read
from .output import Document, Elasticsearch, NotNowError

HERE = Path(__file__).resolve().parent
HOME = Path("/usr/share/filebeat")


def say(text: str) -> None:
    """Write a line for people."""
    sys.stderr.write(f"fake filebeat: {text}\n")
    sys.stderr.flush()


class Shipper:
    """Reads, sends, and goes on when what was sent is there."""

    def __init__(self, told: Configuration, data: Path, stopping: threading.Event) -> None:
        self._told = told
        self._registry = files.Registry(data)
        self._elasticsearch = Elasticsearch(told, self._warn_once)
        self._stopping = stopping
        self._warned: set[str] = set()

    def run(self) -> None:
        """Ship until it is told to stop."""
        while not self._stopping.is_set():
            unread = iter(list(self._found()))
            lines = (line for file in unread for line in files.lines(file, self._registry.offset(file.key)))
            while batch := list(islice(lines, self._told.lines_per_request)):
                if not self._sent(batch):
                    return
                self._registry.put({line.file.key: line.end for line in batch})
            self._stopping.wait(self._told.poll_seconds)

    def _found(self) -> Iterator[files.Found]:
        for told in self._told.inputs:
            found = files.find(told, self._warn_once)
            if told.clean_removed:
                self._registry.forget_all_but(set(found), f"{told.id}::")
            yield from (file for file in found.values() if file.size_bytes != self._registry.offset(file.key))

    def _sent(self, batch: list[files.Line]) -> bool:
        documents: list[Document] = [
            Document(*events.processed(
                events.event_of(line.raw, line.file.path, line.file.fingerprint, line.offset,
                                line.file.input.longest_line_bytes),
                (*line.file.input.processors, *self._told.processors),
            ))
            for line in batch
        ]  # fmt: skip
        wait_seconds = self._told.backoff_seconds
        while documents:
            try:
                documents = self._elasticsearch.create(documents)
                reason = f"{len(documents)} lines are to be sent again"
            except NotNowError as error:
                reason = str(error)
            if documents:
                self._warn_once(reason)
                if self._stopping.wait(wait_seconds):
                    return False
                wait_seconds = min(2 * wait_seconds, self._told.longest_backoff_seconds)
        return True

    def _warn_once(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            say(text)


def run(told: Configuration, data: Path) -> None:
    """Ship until SIGTERM or SIGINT."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    say(f"THIS IS NO FILEBEAT, but a fake for tests; it ships {', '.join(each.id for each in told.inputs)}")
    Shipper(told, data, stopping).run()


def main() -> None:
    """Do what the command line says; exits with 1 and what is wrong."""
    parser = argparse.ArgumentParser(prog="filebeat")
    parser.add_argument("command", nargs="*", help="run, version, test config, test output")
    parser.add_argument("-c", action="append", metavar="FILE", dest="files")
    parser.add_argument("-e", action="store_true", help="log to standard error, as it always does")
    parser.add_argument("--strict.perms", choices=["true", "false"], default="true", dest="strict_permissions")
    parser.add_argument("--path.data", default=str(HOME / "data"), dest="data", type=Path)
    parser.add_argument("--path.config", default=str(HOME), dest="config", type=Path)
    options = parser.parse_args()
    command = " ".join(options.command) or "run"
    if command == "version":
        sys.stdout.write("filebeat version 8.19.21 (a fake for tests)\n")
        return
    paths = [options.config / name for name in options.files or ["filebeat.yml"]]
    try:
        if options.strict_permissions == "true":
            refuse_strangers(paths)
        schema = Path(os.environ.get("FAKE_FILEBEAT_SCHEMA") or HERE / "schema.json")
        told = configuration(read(paths, schema))
        if command == "test config":
            sys.stdout.write("Config OK\n")
        elif command == "test output":
            sys.stdout.write(f"elasticsearch: {told.hosts[0]}... talk to server... OK, version {hello(told)}\n")
        elif command == "run":
            run(told, options.data)
        else:
            parser.error(f"the fake does not know {command!r}")
    except (ConfigurationError, NotNowError, OSError) as error:
        say(f"Exiting: {error}")
        raise SystemExit(1) from None


def hello(told: Configuration) -> str:
    """Return Elasticsearch's version; raises NotNowError."""
    return Elasticsearch(told, say).hello()


def refuse_strangers(paths: list[Path]) -> None:
    """Raise ConfigurationError for a file of another user than root and us, or that others may write."""
    for path in paths:
        found = path.stat()
        if found.st_uid not in (0, os.geteuid()):
            raise ConfigurationError(f"{path} must be owned by the user identifier (uid={os.geteuid()}) or root")
        if found.st_mode & 0o022:
            raise ConfigurationError(f"{path} can only be writable by the owner")


if __name__ == "__main__":
    main()
