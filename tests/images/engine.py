"""The docker command, as far as building and looking at images needs it."""

import json
import queue
import subprocess
import threading
import time
from pathlib import Path

from .catalog import ImageError

PREFIX = "org.django-ops."


def docker(*arguments: str, stdin: str | None = None, seconds: float = 600) -> str:
    """Run docker and return what it printed; raises ImageError with its complaint."""
    try:
        done = subprocess.run(["docker", *arguments], input=stdin, capture_output=True, text=True, timeout=seconds)
    except FileNotFoundError:
        raise ImageError("there is no docker command: see docs/how-to/install-docker.md") from None
    except subprocess.TimeoutExpired:
        raise ImageError(f"docker {arguments[0]} took more than {seconds:.0f} s") from None
    if done.returncode:
        raise ImageError(f"docker {arguments[0]}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def require_engine() -> None:
    """Raise ImageError unless an engine answers."""
    try:
        docker("version", "--format", "{{.Server.Version}}", seconds=20)
    except ImageError as error:
        raise ImageError(f"no Docker engine answers; `python3 -m tests.images engine` starts one\n{error}") from None


def labels(tag: str) -> dict[str, str] | None:
    """Return the labels of a local image, or None where there is no such image."""
    try:
        found = json.loads(docker("image", "inspect", tag))
    except ImageError as error:
        if "No such" in str(error):
            return None
        raise
    return found[0]["Config"].get("Labels") or {}


def size_bytes(tag: str) -> int:
    """Return the size of a local image."""
    return int(docker("image", "inspect", "--format", "{{.Size}}", tag))


def registry(tag: str) -> str:
    """Return the registry's host that a tag names, empty for the default one."""
    first, slash, _ = tag.partition("/")
    return first if slash and ("." in first or ":" in first) else ""


def pull(tag: str, answer_seconds: float, total_seconds: float = 1800) -> str:
    """Pull an image, and return an empty string, or why it could not be pulled.

    A registry that has said nothing after `answer_seconds` counts as out of reach; one that has may take its time.
    """
    process = subprocess.Popen(["docker", "pull", tag], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said: queue.Queue[str] = queue.Queue()
    assert process.stdout is not None
    stream = process.stdout
    reader = threading.Thread(target=lambda: [said.put(line.strip()) for line in stream], daemon=True)
    reader.start()
    last = ""
    deadline = time.monotonic() + answer_seconds
    while process.poll() is None or reader.is_alive() or not said.empty():
        try:
            last = said.get(timeout=0.1) or last
            if "Pulling from" in last:
                deadline = time.monotonic() + total_seconds
        except queue.Empty:
            if time.monotonic() > deadline:
                process.kill()
                process.wait()
                return "no answer in time"
    return "" if process.wait() == 0 else last


def build(context: Path, tag: str, log: Path) -> None:
    """Build a context to a tag, its output into `log`; raises ImageError with the end of it."""
    with log.open("w", encoding="utf-8") as output:
        done = subprocess.run(["docker", "build", "--progress=plain", "--tag", tag, str(context)],
                              stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)  # fmt: skip
    if done.returncode:
        end = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-40:])
        raise ImageError(f"building {tag} failed, all of it is in {log}\n{end}")


def relabel(source: str, tag: str, new: dict[str, str]) -> None:
    """Make `tag` of the image `source`, with labels added."""
    words = " ".join(f"{PREFIX}{key}={json.dumps(value)}" for key, value in new.items())
    docker("build", "--quiet", "--tag", tag, "-", stdin=f"FROM {source}\nLABEL {words}\n")


def run_once(tag: str, command: tuple[str, ...]) -> str:
    """Return what a command prints in an image without its entry point, without network, as nobody."""
    shown = ["--entrypoint", command[0], "--network", "none", "--user", "65534:65534"]
    done = subprocess.run(["docker", "run", "--rm", *shown, tag, *command[1:]],
                          capture_output=True, text=True, timeout=120)  # fmt: skip
    if done.returncode:
        raise ImageError(f"{' '.join(command)} in {tag} exits with {done.returncode}: {done.stderr.strip()}")
    return f"{done.stdout}\n{done.stderr}"
