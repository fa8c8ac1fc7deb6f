"""Who a session is, and what they may open: the session is read every time, what its user may do is remembered."""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple, cast

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model, load_backend
from django.core.exceptions import ValidationError
from django.db import close_old_connections
from django.utils.crypto import constant_time_compare

from django_ops.access.gate import changes
from django_ops.access.gate.decision import Person
from django_ops.access.gate.registry import Service
from django_ops.conf import conf

#: How many answers are remembered in one process: users times services, and few of either. About 2 MB.
MOST_REMEMBERED = 4096


class Claim(NamedTuple):
    """What a session says about its user: true only if the user still has this hash."""

    backend: str
    user_id: str
    auth_hash: str


class Memory:
    """What users may open, for OPS_GATE_CACHE_SECONDS or until a change is told, in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[Claim, Service], tuple[float, Person | None]] = {}
        self._generation = 0
        self._change: object = None

    def __len__(self) -> int:
        return len(self._known)

    def clear(self) -> None:
        """Forget everything, also what is being looked up just now."""
        with self._lock:
            self._generation += 1
            self._known.clear()

    def follow(self, change: object) -> None:
        """Forget everything unless `change`, what stands for the latest one, is the one of before."""
        if change != self._change:
            self.clear()
            self._change = change

    def find(self, claim: Claim, service: Service, *, afresh: bool = False) -> Person | None:
        """Return what is remembered, or look it up; with `afresh`, look it up in any case.

        Raises what the database and the back ends raise.
        """
        now = monotonic()  # before the look-up: what is true then is old afterwards
        key = (claim, service)
        known = self._known.get(key)
        if known is not None and now < known[0] and not afresh:
            return known[1]
        generation = self._generation
        person = look_up(claim, service)
        with self._lock:
            if generation == self._generation:
                self._known.pop(key, None)
                if len(self._known) >= MOST_REMEMBERED:
                    del self._known[next(iter(self._known))]  # the oldest
                self._known[key] = (now + conf.OPS_GATE_CACHE_SECONDS, person)
        return person


memory = Memory()


def find(cookies: Mapping[str, str], service: Service, *, afresh: bool = False) -> Person | None:
    """Return whose session the cookies name, and what they may do with `service`; None for nobody.

    Writes nothing: a session is neither renewed nor ended by the gate. With `afresh`, nothing remembered counts. Raises
    what the session store, the database and the back ends raise.
    """
    session_key = cookies.get(settings.SESSION_COOKIE_NAME)
    if not session_key or "\0" in session_key:  # no key of ours, and PostgreSQL raises on it
        return None
    if not afresh:
        memory.follow(changes.latest())
    claim = claim_of(_store(settings.SESSION_ENGINE)(session_key))
    return None if claim is None else memory.find(claim, service, afresh=afresh)


#: The same, for a view or a middleware under ASGI, whose request has its own thread for the database.
afind = sync_to_async(find, thread_sensitive=True)


def find_again(cookies: Mapping[str, str], service: Service) -> Person | None:
    """The same afresh, for what outlives its request, as a websocket does: it may not live on what is remembered.

    Leaves no unusable database connection behind.
    """
    close_old_connections()
    try:
        return find(cookies, service, afresh=True)
    finally:
        close_old_connections()


afind_again = sync_to_async(find_again, thread_sensitive=True)


@lru_cache(maxsize=8)
def _store(engine: str) -> Any:
    return import_module(engine).SessionStore


def claim_of(session: Any) -> Claim | None:
    """Return what a session says about its user; None for a session of nobody, or by a back end that is not in use."""
    user_id, backend = session.get(SESSION_KEY), session.get(BACKEND_SESSION_KEY)
    if user_id is None or backend not in settings.AUTHENTICATION_BACKENDS:
        return None
    return Claim(backend, str(user_id), str(session.get(HASH_SESSION_KEY) or ""))


def look_up(claim: Claim, service: Service) -> Person | None:
    """Return the user, as `django.contrib.auth.get_user` finds one, and what they may do; None for nobody.

    Nobody are also an inactive user, whatever the back end says, and one whose password has changed since they signed
    in. A session hash of a key in SECRET_KEY_FALLBACKS counts, and stays as it is.
    """
    try:
        user_id = get_user_model()._meta.pk.to_python(claim.user_id)
    except ValidationError:
        return None
    user: Any = cast(Any, load_backend(claim.backend)).get_user(user_id)
    if user is None or not getattr(user, "is_active", True) or not _has_hash(user, claim.auth_hash):
        return None
    role = next((role for permission, role in service.roles if user.has_perm(permission)), service.default_role)
    return Person(
        key=str(user.pk),
        username=str(user.get_username()),
        email=str(getattr(user, user.get_email_field_name(), "") or ""),
        may_open=bool(user.has_perm(service.permission)),
        role=role,
        authorization=credentials(service),
        may_change=not service.change_permission or bool(user.has_perm(service.change_permission)),
    )


def credentials(service: Service) -> str:
    """Return the Authorization that opens the UI itself; "" where it has no password of its own.

    Raises OSError, or ValueError for a file that does not hold `user:password` on one line.
    """
    if not service.credentials_file:
        return ""
    text = Path(service.credentials_file).read_text(encoding="utf-8").strip()
    if ":" not in text or not text.isprintable():
        raise ValueError(f"{service.credentials_file} does not hold user:password on one line")
    return "Basic " + b64encode(text.encode()).decode("ascii")


def _has_hash(user: Any, claimed: str) -> bool:
    if not hasattr(user, "get_session_auth_hash"):
        return True  # as Django does for a user model that is no AbstractBaseUser
    return bool(claimed) and (
        constant_time_compare(claimed, user.get_session_auth_hash())
        or any(constant_time_compare(claimed, former) for former in user.get_session_auth_fallback_hash())
    )
