"""The list of what we patch names each patch."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/decisions/0004-patches.md").read_text()
PATCH = re.compile(r'\bpatch\(([\w.]+), "(\w+)", ')


def test_page__names_every_patch():
    found = [
        f"{owner}.{name}"
        for file in (ROOT / "django_ops").rglob("*.py")
        for owner, name in PATCH.findall(file.read_text())
    ]
    assert len(found) >= 5
    assert [patched for patched in found if f"{patched}`" not in PAGE] == []
