"""What is kept of a user's passwords: enough to recognise one, too little to find one out."""

from django.conf import settings
from django.db import models


class PasswordHistory(models.Model):
    """The history of one user; its row is the lock under which entries are added and pruned."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    changed_at = models.DateTimeField(help_text="When a password was last recorded.")

    class Meta:
        verbose_name = "password history"
        verbose_name_plural = "password histories"

    def __str__(self) -> str:
        return f"Password history of user {self.user_id}"


class PasswordEntry(models.Model):
    """One password that the user has, or had. A higher primary key means a later password."""

    history = models.ForeignKey(PasswordHistory, on_delete=models.CASCADE, related_name="entries")
    encoded = models.CharField(
        max_length=255,
        help_text="Django's encoded form of the slow hash of the password's HMAC. Of an inherited entry:"
        " algorithm, cost and salt only.",
    )
    key_id = models.CharField(max_length=16, help_text="Fingerprint of the SECRET_KEY of both HMACs.")
    seal = models.CharField(
        max_length=64,
        blank=True,
        help_text="HMAC of the value that the user's password column had with this password; empty if unknown.",
    )
    inherited = models.BooleanField(
        default=False, help_text="Set without Django's hook, known only by its hash, and recognised by the seal."
    )
    created_at = models.DateTimeField(help_text="When it was recorded; until then the next older one was in use.")

    class Meta:
        ordering = ["-pk"]
        verbose_name = "password entry"
        verbose_name_plural = "password entries"

    def __str__(self) -> str:
        return f"Password entry {self.pk}"
