"""What a test needs of the machine beside Python; `tests/leaving_out.py` skips a test whose machine lacks it."""

from __future__ import annotations

import os
import shutil
import socket

#: Where Debian keeps servers, which is not in everybody's PATH.
_ALSO = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/sbin")


class MissingError(Exception):
    """This machine lacks something. Raised by a fixture or a test, it leaves the test out."""

    #: The Debian package that has it, "" where none does.
    package = ""


class MissingProgramError(MissingError):
    """A program is not installed; the text names it and the Debian package that has it."""

    def __init__(self, service: str, package: str) -> None:
        super().__init__(f"{service} is not installed: apt-get install {package}")
        self.service, self.package = service, package


class MissingIPv6Error(MissingError):
    """There is no ::1 to listen on, as in many containers."""

    def __init__(self) -> None:
        super().__init__("this machine has no IPv6 loopback address")


class MissingRootError(MissingError):
    """Whoever runs the tests may not give files away."""

    def __init__(self) -> None:
        super().__init__("this user is not root")


def require(name: str, service: str = "", package: str = "") -> str:
    """Return the path of a program. Raises MissingProgramError.

    `service` is its name as people write it, `package` the Debian package that has it: both are `name` where left out.
    """
    path = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), *_ALSO]))
    if path is None:
        raise MissingProgramError(service or name, package or name)
    return path


def require_ipv6() -> None:
    """Raises MissingIPv6Error where nothing can listen on ::1."""
    try:
        with socket.socket(socket.AF_INET6) as attempt:
            attempt.bind(("::1", 0))
    except OSError:
        raise MissingIPv6Error from None


def require_root() -> None:
    """Raises MissingRootError where this user is another one."""
    if os.geteuid() != 0:
        raise MissingRootError
