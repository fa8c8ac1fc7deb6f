"""What goes wrong with secrets. No message has a secret in it."""


class SecretsError(Exception):
    """The secrets cannot be had, and none was changed; the message says what to do."""
