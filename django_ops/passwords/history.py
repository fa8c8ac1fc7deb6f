"""The history of a user: whether it forbids a password, and recording a new one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db import router, transaction
from django.utils import timezone

from django_ops.passwords import hashing
from django_ops.passwords.entries import (
    current_password,
    entries_of,
    locked_history,
    matches,
    sealed,
    user_key,
)
from django_ops.passwords.models import PasswordEntry
from django_ops.passwords.saving import Draft, take_draft, take_replaced
from django_ops.passwords.window import Window


def is_forbidden(password: str, user: Any, window: Window) -> bool:
    """Tell whether `password` is the current one of `user`, or one that the `window` of its history holds.

    Reads only, one query. Costs at most two slow hashes: one for all recorded entries, and one for the
    newest password that was set without Django's hook, which is the current or else the inherited one.
    (A changed SECRET_KEY or PASSWORD_HASHERS adds one until the entries from before have left the window.)
    """
    database = router.db_for_write(user.__class__, instance=user)
    secrets = hashing.secrets_by_id()
    current = current_password(user, database)
    entries = entries_of(user, database)
    if current is None or sealed(entries, current, secrets):
        return matches(password, window.of(entries, timezone.now()), secrets)
    # The current password takes one of the N places, and the place of the inherited one.
    earlier = Window(window.last - 1, window.max_age).of(entries, timezone.now())
    is_earlier = matches(password, [entry for entry in earlier if not entry.inherited], secrets)
    return hashing.verify(password, current) or is_earlier


def record(password: str, user: Any, windows: Collection[Window]) -> None:
    """Add `password`, which `user` has been given, and delete what none of `windows` needs any more.

    Does nothing for a user that is not in the database, nor when another validator of the list has
    recorded the change already.
    """
    if user._state.adding or user_key(user) is None:
        return
    # Only within save() is it sure that the column is the hash of this password: save() still holds both.
    is_saving = getattr(user, "_password", None) == password
    change = Change(user, user.password if is_saving else None, take_replaced(user), windows)
    draft = take_draft(user) if is_saving else None
    if draft is None:
        entries = entries_of(user, user._state.db)
        if is_saving and sealed(entries, user.password, hashing.secrets_by_id()):
            return
        draft = Draft.after(entries, password)
    while not change.is_written(draft):
        draft = Draft.after(entries_of(user, user._state.db), password)


@dataclass(frozen=True, repr=False)
class Change:
    """A change of password: `current` and `replaced` are the new and the old value of the password column."""

    user: Any
    current: str | None
    replaced: str | None
    windows: Collection[Window]

    def is_written(self, draft: Draft) -> bool:
        """Add the password; return False, with nothing done, if what the draft was made after has changed."""
        database = self.user._state.db
        encoded = draft.encoded
        with transaction.atomic(using=database):
            now = timezone.now()
            history = locked_history(self.user, database, now)
            latest = entries_of(self.user, database)
            if [entry.pk for entry in latest] != draft.earlier:
                return False
            added = self._new_entries(latest, draft)
            for entry in added:
                entry.history, entry.created_at = history, now
                entry.save(using=database)
            # A password that is used again moves to the front, and the newest inherited one is the only one.
            inherits = len(added) > 1
            earlier = [e for e in latest if e.encoded != encoded and not (inherits and e.inherited)]
            remaining = [*reversed(added), *earlier]
            needed = {entry.pk for window in self.windows for entry in window.of(remaining, now)}
            PasswordEntry.objects.using(database).filter(history=history).exclude(pk__in=needed).delete()
        return True

    def _new_entries(self, latest: list[PasswordEntry], draft: Draft) -> list[PasswordEntry]:
        """Return what to add, oldest first: the replaced password if no entry stands for it, and the new one."""
        key_id, secrets = draft.key_id, hashing.secrets_by_id()
        seal = hashing.seal(self.current, secrets[key_id]) if self.current else ""
        new = PasswordEntry(encoded=draft.encoded, key_id=key_id, seal=seal)
        if self.replaced is None or sealed(latest, self.replaced, secrets):
            return [new]
        recipe = hashing.recipe_of(self.replaced)
        if recipe is None:
            return [new]
        seal = hashing.seal(self.replaced, secrets[key_id])
        return [PasswordEntry(encoded=recipe.setting, key_id=key_id, seal=seal, inherited=True), new]
