"""No pickle comes from where others write: to read one is to run what its writer wants."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
#: Modules that run, or may run, what they read.
UNSAFE = {"pickle", "shelve", "marshal", "dill", "cloudpickle", "jsonpickle", "joblib"}
#: What reads such a thing nevertheless: file -> module, and why nobody else writes it.
EXPECTED = {("django_ops/logs/site.py", "marshal"): "from a pipe that its own child writes into"}
#: Volumes with a file of Python's shelve in them, and the one service that has them: Flower's history.
PICKLES = {"flower-data": "flower"}
SHOW = """
import json, django
django.setup()
from django.conf import settings
from django.core.cache import caches
from stack.config.celery import app
names = ("accept_content", "task_serializer", "result_serializer", "event_serializer", "result_accept_content")
print(json.dumps({
    "caches": {alias: [kind.__module__ for kind in type(caches[alias]).__mro__] for alias in settings.CACHES},
    "celery": {name: app.conf[name] for name in names},
    "sessions": settings.SESSION_SERIALIZER,
}))
"""


def test_our_code__imports_nothing_that_runs_what_it_reads() -> None:
    found = set()
    for path in (path for folder in ("django_ops", "stack") for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found |= {(str(path.relative_to(ROOT)), name) for name in names if name.partition(".")[0] in UNSAFE}
    assert found == set(EXPECTED)


def test_stack__keeps_and_takes_json_only(tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "stack.config.settings",
        "DJANGO_SECRET_KEY": "for this test only",
        "DJANGO_VAR_DIR": str(tmp_path),
        "CACHE_URL": "redis://redis:6379/1",
        "CELERY_BROKER_URL": "redis://redis:6379/0",
        "MEMCACHED_ADDRESS": "memcached:11211",
    }
    shown = subprocess.run(
        [sys.executable, "-c", SHOW], env=environment, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60
    )
    found = json.loads(shown.stdout)
    assert set(found["caches"]) == {"default", "memcached"}
    assert [alias for alias, modules in found["caches"].items() if "django_ops.guard.caches" not in modules] == []
    assert {name: value for name, value in found["celery"].items() if value not in ("json", ["json"], None)} == {}
    assert found["sessions"] == "django.contrib.sessions.serializers.JSONSerializer"


def test_volume_with_pickles__has_one_service() -> None:
    services = yaml.safe_load((ROOT / "compose.yml").read_text(encoding="utf-8"))["services"]
    for volume, owner in PICKLES.items():
        mounted = {
            name
            for name, service in services.items()
            for mount in service.get("volumes") or []
            if (mount if isinstance(mount, str) else str(mount.get("source"))).partition(":")[0] == volume
        }
        assert mounted - {"secrets"} == {owner}, "but for the one-shot that gives it to its owner, and ends"
