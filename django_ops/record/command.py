"""Which management command this process was started with, if any."""

from __future__ import annotations

import inspect
import os
import traceback

#: Says of a management command whether it serves, where its name does not.
SERVES_VARIABLE = "DJANGO_OPS_SERVES"

#: Commands that serve though neither "server" nor "worker" is in their name.
_SERVERS = ("qcluster", "rundramatiq")


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

    Whatever is no management command counts as one, so that no server needs to be known by name. Of the commands,
    those with "server" or "worker" in their name do, and a few others; DJANGO_OPS_SERVES=1 or 0 says it of the rest.
    """
    command = management_command()
    if command is None:
        return True
    told = os.environ.get(SERVES_VARIABLE)
    if told in ("0", "1"):
        return told == "1"
    return "server" in command or "worker" in command or command in _SERVERS
