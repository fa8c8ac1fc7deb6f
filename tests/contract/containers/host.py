"""H25: how the documentation says that the engine is set up."""

from __future__ import annotations

from tests.contract.containers.finding import Complaints, Project

#: What daemon.json must say (CIS 2.x), where the engine cannot be told per container.
DAEMON = {"no-new-privileges": True, "userland-proxy": False, "icc": False}


def h25_daemon(project: Project) -> Complaints:
    """The engine's own settings, as the documentation and the roles install them."""
    for key, value in DAEMON.items():
        if project.daemon.get(key) is not value:
            yield "*", f"daemon.json without {key} {str(value).lower()}"
    if not {"max-size", "max-file"} <= set(project.daemon.get("log-opts") or {}):
        yield "*", "daemon.json without bounded logs"
    if project.daemon.get("live-restore"):
        # the engine refuses to start with it once the machine joins a swarm
        yield "*", "daemon.json with live-restore"
