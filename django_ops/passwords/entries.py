"""A user's entries: how they are read, and how a password or a stored hash is recognised among them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import is_password_usable
from django.db.models import F
from django.utils.crypto import constant_time_compare

from django_ops.passwords import hashing
from django_ops.passwords.hashing import Secret
from django_ops.passwords.models import PasswordEntry, PasswordHistory

Secrets = Mapping[str, Secret]


def user_key(user: Any) -> Any:
    """Return the value by which AUTH_USER_MODEL is referred to; None for a user of another model."""
    user_model = get_user_model()
    return getattr(user, user_model._meta.pk.attname) if isinstance(user, user_model) else None


def entries_of(user: Any, database: str) -> list[PasswordEntry]:
    """Return the entries of `user`, newest first. One query, none for a user that cannot have any."""
    key = user_key(user)
    if key is None:
        return []
    return list(PasswordEntry.objects.using(database).filter(history__user_id=key).order_by("-pk"))


def locked_history(user: Any, database: str, now: datetime) -> PasswordHistory:
    """Return the history of `user`, locked until the transaction ends; make it if there is none.

    The lock is an UPDATE, not SELECT FOR UPDATE: SQLite has only this one, and waits for it.
    """
    histories = PasswordHistory.objects.using(database).filter(user_id=user_key(user))
    if not histories.update(changed_at=now):
        PasswordHistory.objects.using(database).get_or_create(user_id=user_key(user), defaults={"changed_at": now})
        histories.update(changed_at=now)
    return histories.get()


def lock_user(user: Any, database: str) -> None:
    """Lock the row with the password of `user` until the transaction ends.

    By an UPDATE that changes nothing, see `locked_history`. Here it is the user's row and not the history's: code that
    has locked its user before it saves it would wait for us, and we for it.
    """
    owner = user._meta.get_field("password").model  # where the column is: the parent, if the user model has one
    owner._base_manager.using(database).filter(pk=user.pk).update(password=F("password"))


def stored_password(user: Any, database: str) -> str | None:
    """Return what the password column of `user` holds in the database; None if there is no password in it."""
    rows = user.__class__._base_manager.using(database).filter(pk=user.pk)
    return _usable(rows.values_list("password", flat=True).first())


def current_password(user: Any, database: str) -> str | None:
    """Return the encoded password of `user`; None if there is none, or if the user is not saved yet.

    One query, if a new password has been set on the object but has not been saved.
    """
    if user._state.adding:
        return None
    if getattr(user, "_password", None) is not None:
        return stored_password(user, database)
    return _usable(user.password)


def _usable(encoded: str | None) -> str | None:
    return encoded if encoded and is_password_usable(encoded) else None


def sealed(entries: Iterable[PasswordEntry], encoded: str, secrets: Secrets) -> list[PasswordEntry]:
    """Return those of `entries` that stand for `encoded`, a value of the user's password column."""
    seals = {key_id: hashing.seal(encoded, secret) for key_id, secret in secrets.items()}
    return [entry for entry in entries if constant_time_compare(entry.seal, seals.get(entry.key_id, "-"))]


def matches(password: str, entries: Iterable[PasswordEntry], secrets: Secrets) -> bool:
    """Tell whether `password` is that of one of `entries`; all are compared, whatever the first ones say.

    Hashes once for each combination of key and setting. An entry whose key is in neither SECRET_KEY nor
    SECRET_KEY_FALLBACKS, or whose hasher is gone, matches nothing.
    """
    hashes: dict[tuple[bool, str, str], str] = {}
    found = False
    for entry in entries:
        recipe = hashing.recipe_of(entry.encoded)
        secret = secrets.get(entry.key_id)
        if recipe is None or secret is None:
            continue
        kind = (entry.inherited, entry.key_id, recipe.setting)
        if kind not in hashes:
            hashes[kind] = (
                hashing.seal(recipe.encode(password), secret)
                if entry.inherited
                else recipe.encode(hashing.pepper(password, secret))
            )
        found |= constant_time_compare(hashes[kind], entry.seal if entry.inherited else entry.encoded)
    return found
