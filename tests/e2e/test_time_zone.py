"""The time zone of .env: of pages and schedules, and never of log lines."""

from __future__ import annotations

import json
import secrets
import time
from datetime import datetime

import pytest

from tests.e2e.commands import CommandFailed, run
from tests.e2e.lines import field
from tests.e2e.stack import Stack

#: Five and a half hours from UTC.
ZONE = "Asia/Kolkata"
FEW_SECONDS = 600
CODE = (
    "import logging; from django.conf import settings; from django.utils import timezone;"
    " from stack.config.celery import app; logging.getLogger('e2e').warning('now');"
    " print(settings.TIME_ZONE, timezone.localtime().utcoffset(), app.timezone)"
)


def test_time_zone__is_told_to_all_of_the_site(stack: Stack) -> None:
    command = ("docker", "compose", "-p", stack.project, "--profile", "*", "config", "--format", "json")
    config = json.loads(run(*command, environment={**stack.environment, "TZ": ZONE}).stdout)
    ours = {name: it for name, it in config["services"].items() if it["image"].startswith("django-ops/app:")}
    assert ours
    assert {name: it["environment"].get("TZ") for name, it in ours.items()} == dict.fromkeys(ours, ZONE)


def test_time_zone__is_djangos_and_celerys_and_not_that_of_lines(stack: Stack) -> None:
    folder = f"/tmp/time-zone-{secrets.token_hex(4)}"
    environment = ("env", f"TZ={ZONE}", f"DJANGO_LOG_DIR={folder}")
    said = stack.exec("web", *environment, "python", "manage.py", "shell", "-c", CODE, timeout=60)
    assert said.splitlines()[-1] == f"{ZONE} 5:30:00 {ZONE}"
    lines = [json.loads(line) for line in stack.exec("web", "sh", "-c", f"cat {folder}/*.jsonl").splitlines()]
    written = [line["@timestamp"] for line in lines if field(line, "log.logger") == "e2e"]
    assert [moment[-1] for moment in written] == ["Z"]
    assert abs(datetime.fromisoformat(written[0]).timestamp() - time.time()) < FEW_SECONDS


def test_time_zone__that_is_none_is_told_at_start(stack: Stack) -> None:
    entrypoint = "/opt/django-ops/app/entrypoint.py"
    with pytest.raises(CommandFailed, match="TZ is 'Mars/Olympus', which is no time zone") as raised:
        stack.exec("web", "env", "TZ=Mars/Olympus", "python", entrypoint, "web", timeout=60)
    assert raised.value.status == 78
