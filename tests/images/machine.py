"""What this machine needs to reach its package registries, for the base image: taken at run time, never committed."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


def cache_directory(*names: str) -> Path:
    """Return a directory of ours in the user's cache, which outlives the work tree."""
    top = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "django-ops"
    directory = top.joinpath(*names)
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def apt_settings() -> str:
    """Return apt's settings here about proxies, checks of dates and retries, as a file of apt.conf.d."""
    if not shutil.which("apt-config"):
        return ""
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    wanted = re.compile(r'^Acquire::(?:Check-|Retries|https?::(?:Proxy|Timeout)).*"[^"]+";$')
    return "".join(f"{line}\n" for line in dump.splitlines() if wanted.match(line))


@contextmanager
def machine_files() -> Iterator[list[tuple[str, Path]]]:
    """Yield path in the build context and path on the disk of this machine's certificates, pip and apt settings."""
    with TemporaryDirectory() as directory:
        settings = Path(directory) / "90machine"
        settings.write_text(apt_settings(), encoding="utf-8")
        files = [("machine/etc/apt/apt.conf.d/90machine", settings)]
        for path in sorted(Path("/usr/local/share/ca-certificates").glob("**/*.crt")):
            files.append((f"machine/usr/local/share/ca-certificates/{path.name}", path))
        if Path("/etc/pip.conf").exists():
            files.append(("machine/etc/pip.conf", Path("/etc/pip.conf")))
        yield files
