"""Optional packages: imported when a part is used, with the command that installs them when they are missing."""

from importlib import import_module
from types import ModuleType

from django_ops.exceptions import MissingExtraError

#: Where the package is installed from: a clone, or the path of a wheel. Never by its name alone, which on PyPI belongs
#: to another project, whose setup.py would run: docs/how-to/install.md.
SOURCE = "./django-ops"


def install_line(extra: str) -> str:
    """Return the command that installs the packages of an extra."""
    return f"pip install '{SOURCE}[{extra}]'"


def require(extra: str, module: str | None = None) -> ModuleType:
    """Import `module` (by default named as the extra) and return it.

    Raises MissingExtraError, whose text is the exact command to run, when it is not installed.
    """
    name = module or extra
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != name.partition(".")[0]:
            raise
        raise MissingExtraError(
            f"{name} is not installed. Run: {install_line(extra)} ({SOURCE} is your clone, or the path of its wheel;"
            " on PyPI the name belongs to another project)"
        ) from error
