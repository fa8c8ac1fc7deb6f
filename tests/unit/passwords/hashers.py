"""Django's hashers at a cost that tests can afford, and one that is not Django's."""

from hashlib import sha256
from typing import Any

from django.contrib.auth import hashers


class QuickPBKDF2(hashers.PBKDF2PasswordHasher):
    iterations = 10


class DearerPBKDF2(hashers.PBKDF2PasswordHasher):
    iterations = 20


class DearestPBKDF2(hashers.PBKDF2PasswordHasher):
    iterations = 30


class QuickScrypt(hashers.ScryptPasswordHasher):
    work_factor = 2
    parallelism = 1


class QuickArgon2(hashers.Argon2PasswordHasher):
    time_cost = 1
    memory_cost = 8
    parallelism = 1


class QuickBCryptSHA256(hashers.BCryptSHA256PasswordHasher):
    rounds = 4


class QuickBCrypt(hashers.BCryptPasswordHasher):
    rounds = 4


class OwnAlgorithm(QuickPBKDF2):
    """Derived from Django's, under a name of its own."""

    algorithm = "own"


class Opaque(hashers.BasePasswordHasher):
    """A hasher that only implements what Django demands."""

    algorithm = "opaque"

    def encode(self, password: str, salt: str) -> str:
        return f"opaque${salt}${sha256((salt + password).encode()).hexdigest()}"

    def verify(self, password: str, encoded: str) -> bool:
        return self.encode(password, encoded.split("$")[1]) == encoded

    def safe_summary(self, encoded: str) -> dict[str, Any]:
        return {}


def path(hasher: type[hashers.BasePasswordHasher]) -> str:
    """Return what to write into PASSWORD_HASHERS."""
    return f"{hasher.__module__}.{hasher.__name__}"
