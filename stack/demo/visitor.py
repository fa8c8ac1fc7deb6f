"""The account that the demo traffic signs in with: an ordinary user, with a password of its own."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model

from stack.inventory import accounts

VISITOR = "visitor"


def password_file() -> Path:
    """Return the file with the visitor's password, which only its owner can read."""
    return Path(settings.VAR_DIR) / "visitor-password"


def prepare_visitor() -> None:
    """Create the visitor with a generated password, and write that to `password_file`, unless both are there."""
    path = password_file()
    exists = get_user_model()._default_manager.filter(username=VISITOR).exists()
    if not settings.DEMO or (exists and path.exists()):
        return
    password = accounts.reset_password(VISITOR, superuser=False)
    unfinished = path.with_name(f".{path.name}")
    unfinished.touch(mode=0o600)
    unfinished.write_text(f"{password}\n", encoding="ascii")
    unfinished.rename(path)
