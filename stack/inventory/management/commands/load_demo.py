"""Loads the demo data."""

from typing import Any

from django.core.management.base import BaseCommand

from stack.inventory import demo_data, report


class Command(BaseCommand):
    help = "Adds what is missing of the demo data; changes nothing that is there."

    def handle(self, *args: Any, **options: Any) -> None:
        created = demo_data.load()
        if created:
            report.store()
        if options["verbosity"]:
            self.stdout.write(f"{created} servers added")
