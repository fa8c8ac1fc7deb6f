"""From within each container, as its user: is anything of another one's to be read?"""

from __future__ import annotations

from tests.attack.target import Held
from tests.e2e.crawl import look_around
from tests.e2e.stack import Stack


def attack(stack: Stack) -> Held:
    """Look around in each running container."""
    found = look_around(stack)
    troubles = [
        f"{name} reads {seen['processes'] + seen['files']}" for name, seen in found.items() if any(seen.values())
    ]
    return Held(len(found), troubles)
