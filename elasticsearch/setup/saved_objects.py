"""Kibana's data view and saved search."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from client import Server, SetupError


def is_up(kibana: Server) -> bool:
    """Say whether Kibana answers to who is asking."""
    try:
        answer = kibana.ask("GET", "/api/status")
    except OSError:
        return False
    return answer.status == 200


def load(kibana: Server, path: Path) -> int:
    """Put the saved objects of an NDJSON file into Kibana, over those of the same ids; return how many."""
    try:
        objects = path.read_bytes()
    except OSError as error:
        raise SetupError(f"{path}: {error.strerror}") from error
    boundary = uuid4().hex
    form = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{path.name}"\r\n'
        f"Content-Type: application/ndjson\r\n\r\n"
    ).encode()
    form += objects + f"\r\n--{boundary}--\r\n".encode()
    content = (f"multipart/form-data; boundary={boundary}", form)
    answer = kibana.must("POST", "/api/saved_objects/_import?overwrite=true", content=content)
    if not answer.get("success"):
        raise SetupError(f"Kibana took not all of {path.name}: {answer.get('errors')}")
    return int(answer["successCount"])
