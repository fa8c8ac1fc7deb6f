"""What the tests do to users. Rows are changed without signals, as another process would change them."""

from __future__ import annotations

import asyncio
import gc
import sys
from pathlib import Path

from django.contrib.auth import get_user_model, login, logout
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.http import HttpRequest, HttpResponse, JsonResponse


def prepare() -> None:
    """Make the tables, and the permissions of the UIs."""
    from django.conf import settings
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    of_gate, _ = ContentType.objects.get_or_create(app_label="ops_gate", model="gate")
    for name in settings.OPS_GATE_SERVICES:
        Permission.objects.get_or_create(codename=f"view_{name}", content_type=of_gate)


@login_not_required
def sign_in(request: HttpRequest, username: str) -> HttpResponse:
    """Sign in: "root-…" is a superuser, "ada-…" may open all UIs, and others none."""
    users = get_user_model().objects
    user, is_new = users.get_or_create(username=username, defaults={"email": f"{username}@site.example"})
    if is_new:
        user.is_superuser = username.startswith("root")
        user.set_unusable_password()
        user.save()
        if username.startswith("ada"):
            user.user_permissions.set(Permission.objects.filter(content_type__app_label="ops_gate"))
    login(request, user, "django.contrib.auth.backends.ModelBackend")
    return HttpResponse("signed in")


@login_not_required
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return HttpResponse("signed out")


@login_not_required
def deactivate(request: HttpRequest, username: str) -> HttpResponse:
    return HttpResponse(str(get_user_model().objects.filter(username=username).update(is_active=False)))


@login_not_required
def take_permissions(request: HttpRequest, username: str) -> HttpResponse:
    through = get_user_model().user_permissions.through
    rows = through.objects.filter(user__username=username)
    return HttpResponse(str(rows._raw_delete(rows.db)))


@login_not_required
async def facts(request: HttpRequest) -> HttpResponse:
    """Tell what this process holds: memory, descriptors, tasks."""
    gc.collect()
    status = Path("/proc/self/status").read_text()
    memory = {line.split(":")[0]: int(line.split()[1]) for line in status.splitlines() if line.startswith("Vm")}
    return JsonResponse(
        {
            "resident_kib": memory["VmRSS"],
            "peak_kib": memory["VmHWM"],
            "descriptors": len(list(Path("/proc/self/fd").iterdir())),
            "tasks": len(asyncio.all_tasks()),
            "objects": len(gc.get_objects()),
            "python": sys.version,
        }
    )
