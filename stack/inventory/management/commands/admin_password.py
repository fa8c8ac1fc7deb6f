"""Gives the user `admin` a new password."""

from typing import Any

from django.core.management.base import BaseCommand

from stack.inventory import accounts


class Command(BaseCommand):
    help = "Gives the user admin a new generated password and prints it; creates the user where there is none."

    def handle(self, *args: Any, **options: Any) -> None:
        password = accounts.reset_password(accounts.ADMIN, superuser=True)
        self.stdout.write(f"Sign in as {accounts.ADMIN} with the password {password}")
