"""What the current request or task is, for everything that runs within it."""

from __future__ import annotations

from contextvars import ContextVar

from django_ops.record.identity import Identity


class Context:
    """The ids of what is running, and what it has cost so far.

    One object per request, shared by all threads and tasks that work for it: `asgiref` copies the context
    when it crosses threads, and the copy refers to the same object.
    """

    __slots__ = ("db_count", "db_duration_ns", "error", "identity", "is_open")

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.db_count = self.db_duration_ns = 0
        self.error: BaseException | None = None  # what it raised
        self.is_open = True  # until its record is made

    @property
    def request_id(self) -> str:
        """The id that the response carries in `X-Request-ID`."""
        return self.identity.request_id


#: None outside of requests and tasks.
current: ContextVar[Context | None] = ContextVar("django_ops_context", default=None)
