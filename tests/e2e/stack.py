"""One running copy of compose.yml."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.e2e.claims import claim_network, claim_port
from tests.e2e.commands import KEPT, ROOT, CommandFailed, docker, run, wait_for

#: A cold start of everything on two slow cores, images built before.
UP_SECONDS = 600
#: As many stores and programs wait for each other: PostgreSQL, Redis, Elasticsearch, nginx, and whoever is last.
UP_ATTEMPTS = 5
#: How soon a service that died serves again, on a machine that does nothing else. The report has what it took.
RECOVERY_SECONDS = 60

#: What engine 20.10 says of a network whose last container has gone, if it has failed to take note of that: it keeps
#: the empty network until it is started anew, and `up` uses it again.
_STALE = "has active endpoints"


class Stack:
    """A project of `docker compose`, with its own name, volumes, networks and published port."""

    def __init__(
        self,
        project: str,
        port: int = 0,
        profiles: str | None = None,
        files: Sequence[Path] = (),
        folder: Path = ROOT,
        version: str = "",
    ) -> None:
        self.project = project
        self.folder = folder
        self.port = port or claim_port()
        # of its own are also the two networks whose addresses compose.yml chooses
        self.environment = {
            "HTTP_PORT": str(self.port),
            "UI_NETWORK": claim_network(project, "10.88"),
            "WEB_NETWORK": claim_network(project, "10.89"),
            "TZ": "",  # that of this machine's shell would come before the one of .env
        }
        if version:
            # images of its own as well: what another checkout builds meanwhile is not started here
            self.environment |= {"DJANGO_OPS_VERSION": version, "PROVISION_VERSION": version}
        if profiles is not None:
            self.environment["COMPOSE_PROFILES"] = profiles
        self.files = [argument for file in files for argument in ("-f", str(file))]

    def compose(self, *arguments: str, timeout: float = 120, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `docker compose` for this project. Raises CommandFailed."""
        command = ("docker", "compose", *self.files, "-p", self.project, *arguments)
        return run(*command, timeout=timeout, check=check, environment=self.environment, folder=self.folder)

    @property
    def shell_environment(self) -> dict[str, str]:
        """What makes a `docker compose` that somebody types in `folder` one of this project."""
        files = {"COMPOSE_FILE": ":".join(self.files[1::2])} if self.files else {}
        return {**os.environ, **self.environment, "COMPOSE_PROJECT_NAME": self.project, **files}

    def up(self, *arguments: str) -> None:
        """Start everything and wait until it is healthy. Raises CommandFailed, or AssertionError."""
        self.patiently("up", "-d", "--wait", "--wait-timeout", str(UP_SECONDS), *arguments)

    def patiently(self, *command: str) -> None:
        """Run a command of `docker compose` that waits for containers. Raises CommandFailed, or AssertionError.

        Compose gives up as soon as one container is unhealthy, which one is for a moment where a busy machine takes
        longer than the 3 s of a health check to start a program. Whoever does pass the check then lets it go on.
        """
        for _ in range(UP_ATTEMPTS):
            ended = self.compose(*command, timeout=UP_SECONDS + 60, check=False)
            if "is unhealthy" not in ended.stderr:
                break
            begun = {name for name, (item, *_) in self.containers().items() if item["State"]["StartedAt"] > "0002"}
            self.wait_healthy(of=begun)
        if ended.returncode:
            raise CommandFailed(("docker", "compose", *command), ended.returncode, ended.stdout + ended.stderr)

    def down(self) -> None:
        """Remove everything of this project, data as well."""
        docker("rm", "-f", f"{self.project}-probe", check=False)  # it would hold networks and volumes
        command = ("--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "5")
        ended = self.compose(*command, timeout=180, check=False)
        if ended.returncode and _STALE in ended.stderr:
            ended = self.compose(*command, timeout=180, check=False)
        if ended.returncode and _STALE not in ended.stderr:
            raise CommandFailed(command, ended.returncode, ended.stdout + ended.stderr)

    @contextmanager
    def of_its_own(self, reason: str) -> Iterator[Stack]:
        """Remove what an earlier run left, and everything at the end; where the body raises, keep traces before."""
        self.down()
        try:
            yield self
        except BaseException:
            self.keep_traces(reason)
            raise
        finally:
            self.down()

    @cached_property
    def config(self) -> dict[str, Any]:
        """compose.yml as `docker compose` itself understands it."""
        return json.loads(self.compose("--profile", "*", "config", "--format", "json").stdout)

    @cached_property
    def services(self) -> set[str]:
        """The services that `up` starts with the profiles of this stack."""
        return set(self.compose("config", "--services").stdout.split())

    def containers(self) -> dict[str, list[dict[str, Any]]]:
        """Return what `docker inspect` says of every container, ended ones too, by service."""
        ids = docker("ps", "-aq", "--no-trunc", "--filter", f"label=com.docker.compose.project={self.project}").split()
        found: dict[str, list[dict[str, Any]]] = {}
        for container in json.loads(docker("inspect", *ids)) if ids else []:
            labels = container["Config"]["Labels"]
            # a container that others made of an image has the labels that the build gave it, but never this one
            if labels.get("com.docker.compose.oneoff") == "False":
                found.setdefault(labels["com.docker.compose.service"], []).append(container)
        return found

    def container(self, service: str) -> dict[str, Any]:
        """Return what `docker inspect` says of the service's first container. Raises KeyError."""
        return self.containers()[service][0]

    def id(self, service: str) -> str:
        """Return the id of the service's first container. Raises KeyError."""
        return self.container(service)["Id"]

    def exec(self, service: str, *command: str, timeout: float = 30, check: bool = True) -> str:
        """Run a program in a service's container and return its output. Raises CommandFailed."""
        return docker("exec", self.id(service), *command, timeout=timeout, check=check)

    def volumes(self) -> dict[str, str]:
        """Return the engine's name of each of the project's volumes, by its name in compose.yml."""
        names = docker("volume", "ls", "-q", "--filter", f"label=com.docker.compose.project={self.project}").split()
        return {name.removeprefix(f"{self.project}_"): name for name in names}

    def networks(self) -> list[str]:
        """Return the engine's names of the project's networks."""
        found = docker("network", "ls", "-q", "--no-trunc", "--filter",
                       f"label=com.docker.compose.project={self.project}").split()  # fmt: skip
        return [network["Name"] for network in json.loads(docker("network", "inspect", *found))] if found else []

    def unhealthy(self, well: Callable[[dict[str, Any]], bool] | None = None) -> dict[str, str]:
        """Return each container that does not do what it should, with its state: the engine's word, or `well`."""
        troubles = {}
        for service, containers in self.containers().items():
            for container in containers:
                state = state_of(container)
                if state not in {"healthy", "done"} and not (well and well(container)):
                    troubles[f"{service} {container['Id'][:12]}"] = state
        return troubles

    def wait_healthy(
        self, seconds: float = RECOVERY_SECONDS, *, by_the_engine: bool = False, of: set[str] | None = None
    ) -> None:
        """Wait until every container (or those of these services) is healthy or has done its work.

        Raises AssertionError, at once where one has ended and is not started again.
        The engine asks every 5 to 30 s, so each one's own health check is run here as well, unless its word is wanted.
        """
        last: dict[str, str] = {}

        def healthy() -> bool:
            last.clear()
            troubles = self.unhealthy(None if by_the_engine else is_well)
            last.update({name: state for name, state in troubles.items() if of is None or name.split()[0] in of})
            given_up = {name: state for name, state in last.items() if state.startswith(("exited", "dead"))}
            assert not given_up, f"ended, and is not started again: {given_up}"
            return not last

        try:
            wait_for("every container to be healthy", healthy, seconds, every_seconds=0.5)
        except AssertionError as error:
            raise AssertionError(f"{error}: {last}") from None

    def keep_traces(self, reason: str) -> Path:
        """Write what the containers say and how they are to var/e2e; return that directory."""
        directory = KEPT / f"{self.project}-{reason}"
        directory.mkdir(parents=True, exist_ok=True)
        logs = self.compose("--profile", "*", "logs", "--no-color", "--timestamps", check=False, timeout=120)
        (directory / "logs.txt").write_text(logs.stdout + logs.stderr, encoding="utf-8")
        states = {service: [item["State"] for item in items] for service, items in self.containers().items()}
        (directory / "states.json").write_text(json.dumps(states, indent=1), encoding="utf-8")
        return directory


def state_of(container: dict[str, Any]) -> str:
    """Return healthy, done, or what is amiss with a container."""
    state = container["State"]
    if state["Status"] == "exited":
        one_shot = container["HostConfig"]["RestartPolicy"]["Name"] in {"", "no"}
        return "done" if one_shot and state["ExitCode"] == 0 else f"exited with {state['ExitCode']}"
    if state["Status"] != "running":
        return state["Status"]
    # a container without a check (a waived H9) is as healthy as it can say
    return state.get("Health", {}).get("Status", "healthy")


def passes_its_check(container: dict[str, Any]) -> bool:
    """Run a container's health check now, as the engine does when its interval is over; tell whether it succeeds."""
    if container["State"]["Status"] != "running":
        return False
    kind, *command = container["Config"]["Healthcheck"]["Test"]
    shell = ("sh", "-c") if kind == "CMD-SHELL" else ()
    try:
        return run("docker", "exec", container["Id"], *shell, *command, check=False, timeout=10).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def is_well(container: dict[str, Any]) -> bool:
    """Tell whether a container is healthy: by the engine's word, or else by its own check."""
    state = state_of(container)
    return state == "healthy" or (state in {"starting", "unhealthy"} and passes_its_check(container))


def has_given_up(container: dict[str, Any]) -> bool:
    """Tell whether a container that must run has ended and is not started again."""
    return container["State"]["Status"] in {"exited", "dead"}


def engine_is_there() -> bool:
    """Tell whether a Docker engine answers."""
    try:
        return run("docker", "version", "--format", "{{.Server.Version}}", timeout=30, check=False).returncode == 0
    except FileNotFoundError:
        return False


def is_root() -> bool:
    """Tell whether processes of containers can be looked at, and killed, from here."""
    return os.geteuid() == 0
