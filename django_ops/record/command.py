"""Which management command this process was started with, if any."""

from __future__ import annotations

import inspect
import traceback


def management_command() -> str | None:
    """Return the command that `manage.py` or `django-admin` runs, or None where something else started the process.

    It is asked while Django is set up: whatever the script is called, and whatever the command does later, Django's
    own function that runs commands is then among the callers. `call_command()` in a server is not.
    """
    for frame, _ in traceback.walk_stack(inspect.currentframe()):
        if frame.f_code.co_name == "execute" and frame.f_globals.get("__name__") == "django.core.management":
            return str(frame.f_locals.get("subcommand", "help"))
    return None


def serves() -> bool:
    """Tell whether this process is a server, whose standard output is nobody's result.

    Whatever is no management command counts as one, so that no server needs to be known by name; of the commands,
    `runserver` and those that are called alike (`runserver_plus`, `runsslserver`, `testserver`).
    """
    command = management_command()
    return command is None or (command.startswith(("run", "test")) and "server" in command)
