"""The password that a user gives up: noticed before it is overwritten, because Django's hook comes after."""

from __future__ import annotations

from typing import Any

from django_ops.passwords import hashing
from django_ops.passwords.entries import entries_of, sealed, stored_password

ATTRIBUTE = "_ops_replaced_password"


def before_save(instance: Any, using: str, update_fields: frozenset[str] | None, **signal: object) -> None:
    """Receive `pre_save` of the user model: one query when the password changes, none otherwise."""
    if instance._state.adding:
        return
    if getattr(instance, "_password", None) is not None:
        setattr(instance, ATTRIBUTE, stored_password(instance, using))
    elif update_fields == frozenset({"password"}) and "_password" in vars(instance):
        # What check_password() does to hash the same password again: set_password(), forget the raw password.
        _follow_upgrade(instance, using)


def take_replaced(user: Any) -> str | None:
    """Return, once, the value of the password column that the last save of `user` has overwritten."""
    replaced: str | None = getattr(user, ATTRIBUTE, None)
    setattr(user, ATTRIBUTE, None)
    return replaced


def _follow_upgrade(user: Any, database: str) -> None:
    """Let the entry of the current password stand for its new hash as well.

    Only if the old hash was due for an upgrade: so a different password, saved in the same manner, is never
    mistaken for the recorded one.
    """
    before = stored_password(user, database)
    if before is None or not hashing.is_outdated(before):
        return
    secrets = hashing.secrets_by_id()
    for entry in sealed(entries_of(user, database), before, secrets):
        if not entry.inherited:
            entry.seal = hashing.seal(user.password, secrets[entry.key_id])
            entry.save(using=database, update_fields=["seal"])
