"""The first of AUTHENTICATION_BACKENDS: refuses before any password is looked at, once too many were wrong."""

from __future__ import annotations

import logging
from typing import Any, NoReturn

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from django_ops.access.attempts.limits import Attempt, attempt, seconds_left
from django_ops.guard.client import client_of
from django_ops.metrics import catalog
from django_ops.metrics.lost import hand_to

logger = logging.getLogger("django_ops.access.attempts")

#: Set on a request whose sign-in was refused: after how many seconds it may try again.
WAIT_ATTRIBUTE = "_ops_sign_in_wait_seconds"


class AttemptsBackend:
    """Knows nobody; without `get_user`, so that Django keeps no session in its name."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        """Raise PermissionDenied, which ends the sign-in, when a limit is reached. No word without a password."""
        if credentials.get("password") is None:
            return
        wanted = _attempt(request, credentials)
        try:
            limit = wanted.refused_by()
        except Exception as error:
            # without the cache nobody could sign in; nginx has a limit of its own
            logger.error("Failed sign-ins cannot be counted, and are not limited: %r", error)
            return
        if limit:
            self._refuse(request, wanted, limit)

    aauthenticate = sync_to_async(authenticate, thread_sensitive=True)

    def _refuse(self, request: HttpRequest | None, wanted: Attempt, limit: str) -> NoReturn:
        if request is not None:
            # Django REST framework hands on a request of its own
            setattr(getattr(request, "_request", request), WAIT_ATTRIBUTE, seconds_left())
        hand_to("metrics", catalog.SIGN_IN_FAILURES.inc, "refused")
        logger.warning(
            "A sign-in was refused before its password was looked at: too many have failed for this %s.",
            limit,
            extra={"sign_in_limit": limit, "sign_in_client": wanted.address},
        )
        raise PermissionDenied


def _on_failure(credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any) -> None:
    is_refused = hasattr(getattr(request, "_request", request), WAIT_ATTRIBUTE)
    if is_refused or credentials.get("password") is None:
        return
    hand_to("metrics", catalog.SIGN_IN_FAILURES.inc, "wrong")
    try:
        _attempt(request, credentials).count_failure()
    except Exception as error:
        logger.error("A failed sign-in cannot be counted: %r", error)


def _on_success(user: Any, request: HttpRequest | None = None, **kwargs: Any) -> None:
    try:
        attempt(user.get_username(), _address(request)).remember()
    except Exception as error:
        logger.error("An address that has signed in cannot be remembered: %r", error)


user_login_failed.connect(_on_failure, dispatch_uid=__name__)
user_logged_in.connect(_on_success, dispatch_uid=__name__)


def _attempt(request: HttpRequest | None, credentials: dict[str, Any]) -> Attempt:
    username = credentials.get("username", credentials.get(get_user_model().USERNAME_FIELD, ""))
    return attempt(username, _address(request))


def _address(request: HttpRequest | None) -> str:
    return client_of(getattr(request, "META", {}))
