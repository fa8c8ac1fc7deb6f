"""Keys and hashes of the history: HMAC with the SECRET_KEY, and one slow hash for many entries."""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.contrib.auth import hashers
from django.utils.crypto import salted_hmac

logger = logging.getLogger(__name__)

Secret = str | bytes

#: Hashers, and subclasses of theirs, whose `decode()` tells all that is needed to repeat a hash.
REPEATABLE = (
    hashers.PBKDF2PasswordHasher,
    hashers.ScryptPasswordHasher,
    hashers.Argon2PasswordHasher,
    hashers.BCryptSHA256PasswordHasher,
    hashers.MD5PasswordHasher,
)
#: Tried for an entry whose algorithm has left PASSWORD_HASHERS.
BUILT_IN: dict[str, type[hashers.BasePasswordHasher]] = {
    str(hasher.algorithm): hasher
    for hasher in (*REPEATABLE, hashers.PBKDF2SHA1PasswordHasher, hashers.BCryptPasswordHasher)
}
#: Attributes of a hasher that `decode()` reports under the same name.
COSTS = ("iterations", "work_factor", "block_size", "parallelism", "time_cost", "memory_cost")


def secrets_by_id() -> dict[str, Secret]:
    """Return SECRET_KEY, then each of SECRET_KEY_FALLBACKS, by the fingerprint that entries carry."""
    secrets: list[Secret] = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return {_hmac("key", "", secret)[:16]: secret for secret in secrets}


def pepper(password: str, secret: Secret) -> str:
    """Return what is hashed in place of `password`: 64 hexadecimal digits that take `secret` to compute."""
    return _hmac("password", password, secret)


def seal(encoded: str, secret: Secret) -> str:
    """Return a fingerprint of a value of the user's password column: 64 hexadecimal digits."""
    return _hmac("seal", encoded, secret)


def _hmac(purpose: str, value: str, secret: Secret) -> str:
    return salted_hmac(f"django_ops.passwords.{purpose}", value, secret, algorithm="sha256").hexdigest()


@dataclass(frozen=True)
class Recipe:
    """How a hash was made; `setting` is its text form: algorithm, cost and salt as Django writes them."""

    hasher: hashers.BasePasswordHasher
    salt: str | bytes
    setting: str

    def encode(self, password: str) -> str:
        """Hash `password` in this way and return Django's encoded form. This is the slow part."""
        return self.hasher.encode(password, self.salt)  # type: ignore[arg-type] # bcrypt's salt is bytes


def recipe_of(encoded: str) -> Recipe | None:
    """Return how `encoded` was made; None, with a warning in the log, if that cannot be repeated here.

    `encoded` may lack the hash itself, as `setting` does.
    """
    hasher = _hasher_of(encoded)
    if hasher is None:
        return None
    try:
        decoded = hasher.decode(encoded)
    except ValueError as error:  # its library has been uninstalled, or the value is no hash
        _warn_once(str(hasher.algorithm), str(error))
        return None
    hasher = copy.copy(hasher)
    for name in COSTS:
        if name in decoded and hasattr(hasher, name):
            setattr(hasher, name, decoded[name])
    salt: str | bytes = decoded["salt"]
    if isinstance(hasher, hashers.BCryptSHA256PasswordHasher):
        salt = encoded.partition("$")[2][:29].encode()  # bcrypt's salt is "$2b$", the cost, and the salt proper
    digest = decoded["hash"] if "hash" in decoded else decoded["checksum"]
    return Recipe(hasher, salt, encoded.removesuffix(digest))


def _hasher_of(encoded: str) -> hashers.BasePasswordHasher | None:
    algorithm = encoded.partition("$")[0]
    try:
        hasher = hashers.get_hasher(algorithm)
    except ValueError:
        if algorithm not in BUILT_IN:
            _warn_once(algorithm, "it is neither in PASSWORD_HASHERS nor part of Django")
            return None
        return BUILT_IN[algorithm]()
    if not isinstance(hasher, REPEATABLE):
        _warn_once(algorithm, f"{type(hasher).__name__} is not derived from one of Django's hashers")
        return None
    return hasher


@cache
def _warn_once(algorithm: str, reason: str) -> None:
    logger.warning("Passwords hashed with %.40r are left out of the password history: %s", algorithm, reason)


def encode_next(secret_password: str, earlier: Sequence[str]) -> str:
    """Hash `secret_password` (see `pepper`) for a new entry and return Django's encoded form.

    `earlier` are the encoded forms of the entries so far, newest first. The newest one's salt serves again,
    so that one hash is compared with all; a new one is drawn for the first entry and after a change of the
    preferred hasher. When only the cost has changed (as in each release of Django), the new cost waits
    until entries of one cost are left: so there are never more than two.
    """
    hasher = _preferred_hasher()
    newest = recipe_of(earlier[0]) if earlier else None
    if newest is not None and newest.hasher.algorithm == hasher.algorithm:
        settings_in_use = {recipe.setting for recipe in map(recipe_of, earlier) if recipe}
        if len(settings_in_use) > 1 or not hasher.must_update(earlier[0]):
            return newest.encode(secret_password)
    return hasher.encode(secret_password, hasher.salt())


def _preferred_hasher() -> hashers.BasePasswordHasher:
    hasher = hashers.get_hasher()
    return hasher if isinstance(hasher, REPEATABLE) else hashers.PBKDF2PasswordHasher()


def verify(password: str, encoded: str) -> bool:
    """Tell whether `encoded`, a value of the user's password column, is of `password`. One slow hash.

    Unlike Django's `check_password` it never hashes a second time to even out the time: the user is known.
    """
    try:
        return hashers.identify_hasher(encoded).verify(password, encoded)
    except ValueError:  # no hasher for it any more: nobody can sign in with it either
        return False


def is_outdated(encoded: str) -> bool:
    """Tell whether Django would hash the password of `encoded` again when its owner signs in."""
    preferred = hashers.get_hasher()
    try:
        hasher = hashers.identify_hasher(encoded)
    except ValueError:
        return False
    return hasher.algorithm != preferred.algorithm or preferred.must_update(encoded)
