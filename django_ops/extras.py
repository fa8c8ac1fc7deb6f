"""Optional packages: imported when a part is used, with the command that installs them when they are missing."""

from importlib import import_module
from types import ModuleType

from django_ops.exceptions import MissingExtraError


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
        raise MissingExtraError(f"{name} is not installed. Run: pip install 'django-ops[{extra}]'") from error
