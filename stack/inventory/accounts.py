"""Accounts with generated passwords: there is no default one that could be left in place."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

ADMIN = "admin"
#: 15 bytes are 20 characters, 120 bits.
PASSWORD_BYTES = 15


def generated_password() -> str:
    """Return a random password."""
    return secrets.token_urlsafe(PASSWORD_BYTES)


def create_admin() -> str | None:
    """Create the superuser `admin` and return its password, or None when there is a superuser already."""
    users = get_user_model()._default_manager
    if users.filter(is_superuser=True).exists():
        return None
    password = generated_password()
    users.create_superuser(ADMIN, "", password)
    return password


def reset_password(username: str, *, superuser: bool) -> str:
    """Give `username` a new password, creating the user where there is none, and return the password."""
    user, _created = get_user_model()._default_manager.get_or_create(
        username=username, defaults={"is_staff": superuser, "is_superuser": superuser}
    )
    password = generated_password()
    user.set_password(password)
    user.save()
    return password


def ask_for_another_password(request: HttpRequest | None, user: Any, **kwargs: Any) -> None:
    """Ask whoever signs in with the first administrator's generated password to change it: a file still has it."""
    path = os.environ.get("ADMIN_PASSWORD_FILE")
    if request is None or not path or not user.is_superuser or user.get_username() != ADMIN:
        return
    try:
        generated = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return
    if user.check_password(generated):
        text = 'Your password is the generated one, which a file still has. <a href="{}">Choose another one</a>.'
        messages.warning(request, format_html(text, reverse("password_change")), fail_silently=True)
