"""Gathers what the rules look at from the files of this repository."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.contract.containers import compose
from tests.contract.containers.finding import Project

NGINX_DIRECTORY = compose.ROOT / "dockerfiles"
ENGINE_PAGE = compose.ROOT / "docs" / "how-to" / "install-docker.md"


def load(raw: dict[str, Any] | None = None, config: dict[str, Any] | None = None) -> Project:
    """Return the project; with `raw` in place of compose.yml, and `config` in place of rendering it here."""
    text = compose.COMPOSE_FILE.read_text(encoding="utf-8")
    if raw is None:
        raw = compose.read()
    else:
        text = compose.yaml.safe_dump(raw)
    environment = compose.read_env()
    env_file = compose.ROOT / ".env"
    if env_file.exists():
        text += env_file.read_text(encoding="utf-8")
    rendered = compose.render(raw, environment) if config is None else config
    return Project(config=rendered, raw=raw, text=text, nginx=nginx_text(), daemon=daemon_json())


def nginx_text(directory: Path = NGINX_DIRECTORY) -> str:
    """Return all of nginx's configuration, comments left out."""
    files = sorted(path for path in directory.rglob("*") if path.suffix in {".conf", ".template", ".inc"})
    lines = "\n".join(path.read_text(encoding="utf-8") for path in files).splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


def daemon_json(page: Path = ENGINE_PAGE) -> dict[str, Any]:
    """Return the daemon.json that the page about the engine shows: its first block of JSON; empty without one."""
    match = re.search(r"```json\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL) if page.exists() else None
    return json.loads(match[1]) if match else {}
