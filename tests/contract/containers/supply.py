"""H15, H16, H22 and H23: secrets, images, credentials and the edge's TLS."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from tests.contract.containers.finding import Complaints, Project

SECRETS_DIRECTORY = "/run/secrets"

_SECRET_NAME = re.compile(r"(PASSWORD|PASSWD|PASS|SECRET|TOKEN|KEY)$", re.IGNORECASE)
_SECRET_URL = re.compile(r"://[^/\s:@]*:[^/\s@]+@")
_SECRET_ARGUMENT = re.compile(r"(password|passwd|requirepass|secret|token)[= ](?!\$|/run/secrets)\S", re.IGNORECASE)
_EXACT_TAG = re.compile(r"^v?\d+\.\d+(\.\d+)?([-.][\w.-]+)?$")
_DEFAULTS = re.compile(
    r"changeme|:-(admin|password|passwd|secret|root|guest|postgres)\b|\b(admin:admin|guest:guest|elastic:elastic)\b",
    re.IGNORECASE,
)
#: Settings that let anybody in, by the name of the variable.
OPEN_DOORS = {
    "ALLOW_EMPTY_PASSWORD": re.compile("."),
    "FLOWER_UNAUTHENTICATED_API": re.compile("."),
    "GF_AUTH_ANONYMOUS_ENABLED": re.compile("true", re.IGNORECASE),
    "POSTGRES_HOST_AUTH_METHOD": re.compile("trust"),
    "xpack.security.enabled": re.compile("false", re.IGNORECASE),
}
#: Programs that have a password of their own making unless this variable names a file with ours.
PASSWORD_FILES = {
    "postgres": "POSTGRES_PASSWORD_FILE",
    "elasticsearch": "ELASTIC_PASSWORD_FILE",
    "grafana": "GF_SECURITY_ADMIN_PASSWORD__FILE",
}
#: What nginx's configuration must say: https://ssl-config.mozilla.org, guideline 6.0, intermediate.
NGINX = {
    "TLS 1.2 and 1.3 only": re.compile(r"^\s*ssl_protocols\s+TLSv1\.2\s+TLSv1\.3;", re.MULTILINE),
    "curves": re.compile(r"^\s*ssl_ecdh_curve\s+[\w:]*X25519:prime256v1:secp384r1;", re.MULTILINE),
    "clients choose the cipher": re.compile(r"^\s*ssl_prefer_server_ciphers\s+off;", re.MULTILINE),
    "HSTS of two years": re.compile(r"max-age=63072000"),
    "no version shown": re.compile(r"^\s*server_tokens\s+off;", re.MULTILINE),
}


def h15_secrets(project: Project) -> Complaints:
    """Secrets are files in volumes that only one service reads, and reads only."""
    for name, service in project.services:
        for variable, value in (service.get("environment") or {}).items():
            if value and (_SECRET_NAME.search(variable) or _SECRET_URL.search(value)):
                yield name, f"secret in the environment: {variable}"
        for argument in _arguments(service):
            if _SECRET_URL.search(argument) or _SECRET_ARGUMENT.search(argument):
                yield name, "secret in an argument"
    for key, secret in (project.config.get("secrets") or {}).items():
        if "file" not in secret and not secret.get("external"):
            yield "*", f"secret {key} is no file"
    yield from _secret_volumes(project)


def _secret_volumes(project: Project) -> Complaints:
    readers: dict[str, list[str]] = defaultdict(list)
    for name, service in project.services:
        for volume in service.get("volumes") or []:
            if not volume["target"].startswith(SECRETS_DIRECTORY) or volume["type"] != "volume":
                continue
            if not volume.get("read_only"):
                yield name, f"can change {volume['target']}"
            readers[volume["source"]].append(name)
    for volume_name, names in readers.items():
        if len(names) > 1:
            for name in names:
                yield name, f"shares {volume_name}"


def _arguments(service: dict[str, Any]) -> Iterator[str]:
    for key in ("command", "entrypoint"):
        value = service.get(key) or []
        yield " ".join(value) if isinstance(value, list) else value
    test = (service.get("healthcheck") or {}).get("test") or []
    yield " ".join(test) if isinstance(test, list) else test


def h16_versions(project: Project) -> Complaints:
    """Images of others by exact version and digest; ours are built from this tree."""
    ours = {service.get("image") for _, service in project.services if service.get("build")}
    for name, service in project.services:
        image = service.get("image", "")
        if image in ours:
            continue
        reference, _, digest = image.partition("@")
        _, _, tag = reference.rpartition("/")[2].partition(":")
        if not _EXACT_TAG.match(tag):
            yield name, f"tag {tag or 'latest'} is no exact version"
        if not re.fullmatch("sha256:[0-9a-f]{64}", digest):
            yield name, "no digest"


def h22_default_credentials(project: Project) -> Complaints:
    """No password that is in a public file, and no door without one."""
    for match in _DEFAULTS.finditer(project.text):
        yield "*", f"default credential {match[0]}"
    for name, service in project.services:
        environment = service.get("environment") or {}
        for variable, pattern in OPEN_DOORS.items():
            if pattern.search(environment.get(variable) or ""):
                yield name, f"open door {variable}"
        program = service.get("image", "").partition("@")[0].rpartition("/")[2].partition(":")[0]
        variable = PASSWORD_FILES.get(program)
        if variable and not (environment.get(variable) or "").startswith(SECRETS_DIRECTORY):
            yield name, f"no {variable}"


def h23_tls(project: Project) -> Complaints:
    """The edge speaks TLS as Mozilla's intermediate guideline says."""
    for what, pattern in NGINX.items():
        if not pattern.search(project.nginx):
            yield "nginx", what
