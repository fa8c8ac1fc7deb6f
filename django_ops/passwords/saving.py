"""What happens around the saving of a new password: one change at a time, and the old one noticed before it is gone."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import router, transaction

from django_ops.passwords import hashing
from django_ops.passwords.entries import entries_of, lock_user, sealed, stored_password, user_key
from django_ops.passwords.models import PasswordEntry
from django_ops.passwords.validators import configured_validators

REPLACED = "_ops_replaced_password"
DRAFT = "_ops_password_draft"


@dataclass(frozen=True, repr=False)
class Draft:
    """A new entry, hashed before any lock is taken: good for as long as nothing was added to those before it."""

    earlier: list[int]  # primary keys
    encoded: str
    key_id: str

    @classmethod
    def after(cls, entries: Sequence[PasswordEntry], password: str) -> Draft:
        """Hash `password` for an entry that follows `entries`, which are all there are, newest first."""
        key_id, secret = next(iter(hashing.secrets_by_id().items()))
        recorded = [entry.encoded for entry in entries if not entry.inherited]
        encoded = hashing.encode_next(hashing.pepper(password, secret), recorded)
        return cls([entry.pk for entry in entries], encoded, key_id)


def as_a_whole(save: Callable[..., None]) -> Callable[..., None]:
    """Make `AbstractBaseUser.save` read the old password, write the new one and record both in one transaction.

    Otherwise a change could find a password in the column that another change has yet to record, take it for one that
    was set without Django's hook, and drop what the history has of that kind.
    """

    @functools.wraps(save)
    def save_as_a_whole(self: Any, *args: Any, **kwargs: Any) -> None:
        if self._password is None or self._state.adding or user_key(self) is None or not configured_validators():
            save(self, *args, **kwargs)
            return
        using = kwargs.get("using") or next(iter(args[2:3]), None)  # positional until Django 6.0
        database = using or router.db_for_write(self.__class__, instance=self)
        setattr(self, DRAFT, Draft.after(entries_of(self, database), self._password))
        try:
            with transaction.atomic(using=database):
                lock_user(self, database)
                save(self, *args, **kwargs)
        finally:
            take_draft(self)

    return save_as_a_whole


def before_save(instance: Any, using: str, update_fields: frozenset[str] | None, **signal: object) -> None:
    """Receive `pre_save` of the user model: one query when the password changes, none otherwise."""
    if instance._state.adding:
        return
    if getattr(instance, "_password", None) is not None:
        setattr(instance, REPLACED, stored_password(instance, using))
    elif update_fields == frozenset({"password"}) and "_password" in vars(instance):
        # What check_password() does to hash the same password again: set_password(), forget the raw password.
        _follow_upgrade(instance, using)


def take_replaced(user: Any) -> str | None:
    """Return, once, the value of the password column that the last save of `user` has overwritten."""
    replaced: str | None = vars(user).pop(REPLACED, None)
    return replaced


def take_draft(user: Any) -> Draft | None:
    """Return, once, what was hashed in advance for the save of `user` that goes on."""
    draft: Draft | None = vars(user).pop(DRAFT, None)
    return draft


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
            # a change may have deleted it meanwhile
            rows = PasswordEntry.objects.using(database).filter(pk=entry.pk)
            rows.update(seal=hashing.seal(user.password, secrets[entry.key_id]))
