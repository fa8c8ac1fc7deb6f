"""Kinds of user models."""

import uuid

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import AbstractUser
from django.db import models


class Account(AbstractUser):
    """The usual custom user."""


class Staff(Account):
    """A child with a table of its own."""

    desk = models.CharField(max_length=20, blank=True)


class Visitor(Account):
    """A proxy."""

    class Meta:
        proxy = True


class Member(AbstractBaseUser):
    """No username, no permissions, a UUID for a key."""

    key = models.UUIDField(primary_key=True, default=uuid.uuid4)
    email = models.EmailField(unique=True)

    objects = BaseUserManager()

    USERNAME_FIELD = "email"


class Nobody(BaseUserManager):
    """A default manager that hides everybody, as those do that leave out the inactive or other tenants."""

    def get_queryset(self):
        return super().get_queryset().none()


class Slug(AbstractBaseUser):
    """A key made of text, that is the name at the same time; and users that the default manager hides."""

    handle = models.CharField(max_length=20, primary_key=True)

    objects = Nobody()

    USERNAME_FIELD = "handle"
