"""Every error that django-ops raises on purpose; the text says what is wrong and what to do."""


class OpsError(Exception):
    """The base of all errors of django-ops: catch it to catch them all."""


class ImproperlyConfiguredError(OpsError):
    """A setting has a value that cannot be used; the message names the setting and the remedy."""


class MissingExtraError(OpsError, ImportError):
    """An optional part was used without the packages it needs; the message is the command that installs them."""


class SlotError(OpsError):
    """No slot can be claimed in the slot directory; the message names the directory and the cause."""


class NotReadyError(OpsError):
    """A readiness check found that something is not as it must be; the message says what."""


class DrainError(OpsError):
    """The drain file cannot be written or removed; the message names the file and the cause."""
