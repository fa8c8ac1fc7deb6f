"""Does what the README says, where nothing but git and Python is: `install FOLDER`, and then `check FOLDER`."""

import itertools
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONSOLE, PYTHON = (re.findall(rf"(?ms)^```{kind}\n(.*?)^```", README) for kind in ("console", "python"))
LOG = Path("runserver.log")


def install() -> None:
    """Make a project, and add what the README says to add; pip fetches what it needs."""
    lines = (
        f"git clone -q {ROOT} django-ops",
        "python3 -m venv .venv",
        CONSOLE[0][2:],
        "django-admin startproject shop .",
    )
    for command in lines:
        subprocess.run(command, shell=True, check=True)
    with Path("shop/settings.py").open("a", encoding="utf-8") as settings:
        settings.write(f"\n{PYTHON[0]}")
    Path("gunicorn.conf.py").write_text(PYTHON[1], encoding="utf-8")
    subprocess.run("python manage.py migrate -v0", shell=True, check=True)


def ask(command: str) -> str:
    """Return what curl would print, which a bare Debian does not have."""
    *options, url = shlex.split(command)[1:]
    headers = dict(value.split(": ", 1) for option, value in itertools.pairwise(options) if option == "-H")
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as answer:
        return f"HTTP/1.1 {answer.status} {answer.reason}\n{answer.headers}{answer.read().decode()}"


def wait_for(text: str) -> None:
    deadline = time.monotonic() + 60
    while text not in (said := LOG.read_text(encoding="utf-8")):
        assert time.monotonic() < deadline, f"{text!r} is not in:\n{said}"
        time.sleep(0.1)


def check() -> None:
    """Serve the project and ask as the README does."""
    make_token, serve = (line.removeprefix("$ ") for line in CONSOLE[1].splitlines())
    subprocess.run(make_token, shell=True, check=True)
    with LOG.open("wb") as log:
        server = subprocess.Popen(serve, shell=True, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_for("Quit the server")
        for command, shown in re.findall(r"^\$ (.*)\n(.*)", CONSOLE[2], re.MULTILINE):
            told = ask(command)
            assert (shown if shown.startswith("HTTP/") else shown.split()[0]) in told, f"{command}\n{told}"
        wait_for("GET / 200")
    finally:
        os.killpg(server.pid, signal.SIGTERM)  # a shell's background jobs may ignore Ctrl-C
        server.wait(60)


if __name__ == "__main__":
    os.chdir(sys.argv[2])
    os.environ |= {"PATH": f"{os.getcwd()}/.venv/bin:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"}
    {"install": install, "check": check}[sys.argv[1]]()
