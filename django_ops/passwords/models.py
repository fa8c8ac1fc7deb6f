"""What is kept of a user's passwords: enough to recognise one, too little to find one out."""

from django.conf import settings
from django.db import models


class PasswordHistory(models.Model):
    """The history of one user; its row is the lock under which entries are added and pruned."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    #: When a password was last recorded.
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name = "password history"
        verbose_name_plural = "password histories"

    def __str__(self) -> str:
        return f"Password history of user {self.user_id}"


class PasswordEntry(models.Model):
    """One password that the user has, or had. A higher primary key means a later password."""

    history = models.ForeignKey(PasswordHistory, on_delete=models.CASCADE, related_name="entries")
    #: The slow hash of the password's HMAC, as Django encodes it. Inherited: algorithm, cost and salt only.
    encoded = models.CharField(max_length=255)
    #: Fingerprint of the SECRET_KEY that both HMACs were made with.
    key_id = models.CharField(max_length=16)
    #: HMAC of what the user's password column held with this password; empty if that is not known.
    seal = models.CharField(max_length=64, blank=True)
    #: It was set without Django's hook and is known by its hash only: the seal recognises it.
    inherited = models.BooleanField(default=False)
    #: When it was recorded, which is when the next older one went out of use.
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]
        verbose_name = "password entry"
        verbose_name_plural = "password entries"

    def __str__(self) -> str:
        return f"Password entry {self.pk}"
