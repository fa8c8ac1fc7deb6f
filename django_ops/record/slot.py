"""Which slot of its server this process holds: a small number that is used again when a worker is recycled.

Log and metric files belong to slots, not to process ids, so that their number stays the number of workers
however many workers have come and gone. A slot is held by an exclusive `flock` on a file in the slot
directory; the kernel gives it up when the process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from django_ops.exceptions import SlotError
from django_ops.record import owner
from django_ops.record.command import serves

#: Shared with prometheus_client, whose own files lie in the same directory.
DIRECTORY_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

#: What a server's master process is called: it answers no request and takes no number. Where several
#: servers share a directory, the later ones are "main2", "main3", ...
MAIN = "main"

#: What a management command is called, "command2" where several run at once. It must not take a number: root, or
#: whoever else runs it for a moment, would leave files under that number to the next worker.
COMMAND = "command"

#: Asked while Django is set up, as later another thread may claim the slot.
_serves = serves()

_HIGHEST = 9999

#: How long a master waits for a slot that it gave back and that a child still holds which was born meanwhile:
#: until that child runs its first lines, it has copies of its siblings' locks.
_BIRTH_SECONDS = 0.2

_lock = threading.RLock()  # re-entrant: a signal handler that counts or logs may interrupt a claim
_label: str | None = None
_next: tuple[str, int] | None = None  # label and lock of the slot that the next forked child takes
_given_back: set[str] = set()  # labels that this process released and has not reserved again
_held: dict[str, int] = {}  # label -> file descriptor of its lock, of this process and of its children
_listeners: list[Callable[[], None]] = []


def directory() -> Path | None:
    """Return the slot directory, or None where a single process needs none."""
    name = os.environ.get(DIRECTORY_VARIABLE)
    return Path(name) if name else None


def label() -> str:
    """Return this process's slot ("0", "1", ..., "main" or "command"), claiming the lowest free one at first use.

    Raises SlotError when the slot directory cannot be used.
    """
    if _label is not None:
        return _label
    with _lock:
        return _label if _label is not None else _claim()


def be_main() -> None:
    """Mark this process as a server's master, giving up the number that it may have taken before.

    Raises nothing: a master that cannot write to the slot directory still has workers that answer.
    """
    global _label
    where = directory()
    with _lock:
        before, _label = _label, MAIN
        if before is not None:
            release(before)
        if where is not None:
            try:
                _label, descriptor = _first_free(where, _like(MAIN))
                _held[_label] = descriptor
            except SlotError:
                pass
    if before not in (None, _label):
        for listener in _listeners:
            listener()


def reserve_for_next_fork() -> str | None:
    """Reserve the lowest free slot for the child that this process forks next, and return its label.

    Called by a master just before it forks. None without a slot directory, and where it cannot be used: the
    child is forked all the same.
    """
    global _next
    where = directory()
    if where is None:
        return None
    with _lock:
        if _next is None:  # else the fork that it was meant for failed
            try:
                _next = _lowest_free_after_births(where)
            except SlotError:
                return None
            _held[_next[0]] = _next[1]
            _given_back.discard(_next[0])
        return _next[0]


def release(slot: str) -> None:
    """Give up the slot of a child that has ended (the child held it as well, until it ended)."""
    global _next
    if _next is not None and _next[0] == slot:
        _next = None
    descriptor = _held.pop(slot, None)
    if descriptor is not None:
        os.close(descriptor)
        _given_back.add(slot)


@contextmanager
def unless_held(where: Path, slot: str) -> Iterator[bool]:
    """Yield whether no living process holds `slot`; none can take it within the block.

    What is another user's counts as held. Raises OSError when its lock cannot be opened.
    """
    lock_file = where / f"slot-{slot}.lock"
    if not lock_file.exists():  # nobody ever held it
        yield True
        return
    descriptor = _try_lock(lock_file)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def is_free(where: Path, slot: str) -> bool:
    """Tell whether no living process holds `slot`. Raises OSError when its lock cannot be opened."""
    with unless_held(where, slot) as free:
        return free


def on_change(listener: Callable[[], None]) -> None:
    """Call `listener` when this process's slot is another than before: in each forked child, and in a master."""
    _listeners.append(listener)


def _claim() -> str:
    global _label
    where = directory()
    if where is None:
        _label = "0" if _serves else COMMAND
    else:
        _label, descriptor = _lowest_free(where) if _serves else _first_free(where, _like(COMMAND))
        _held[_label] = descriptor
    return _label


def _like(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}{number}" for number in range(2, _HIGHEST + 1))


def _lowest_free_after_births(where: Path) -> tuple[str, int]:
    deadline = monotonic() + _BIRTH_SECONDS
    while True:
        label, descriptor = _lowest_free(where)
        lower = {other for other in _given_back if other.isdecimal() and int(other) < int(label)}
        if not lower:
            return label, descriptor
        if monotonic() > deadline:  # somebody else has taken it, such as another master
            _given_back.difference_update(lower)
            return label, descriptor
        os.close(descriptor)
        sleep(0.001)


def _lowest_free(where: Path) -> tuple[str, int]:
    return _first_free(where, (str(number) for number in range(_HIGHEST + 1)))


def _first_free(where: Path, labels: Iterable[str]) -> tuple[str, int]:
    try:
        owner.make_directory(where)
        for name in labels:
            descriptor = _try_lock(where / f"slot-{name}.lock")
            if descriptor is not None:
                return name, descriptor
    except OSError as error:
        raise SlotError(
            f"{DIRECTORY_VARIABLE} names {where}, where no slot can be claimed: {error}."
            " Make it a directory that this user may write."
        ) from error
    raise SlotError(f"all slots of {where} are held; are several servers sharing one directory?")


def _try_lock(path: Path) -> int | None:
    """Return the lock's descriptor, or None where another process holds it or another user owns it."""
    try:
        descriptor = owner.open_file(path, os.O_RDWR | os.O_CLOEXEC, 0o600)
    except PermissionError as error:
        if owner.is_of_another(path, error):
            return None
        raise
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _after_fork_in_parent() -> None:
    global _next
    _next = None


def _after_fork_in_child() -> None:
    """Take the slot that was reserved for this child, and let go of everybody else's.

    A lock taken by `flock` lives as long as one process has its descriptor open: a child that kept its
    siblings' would keep their slots from being used again.
    """
    global _label, _next, _lock
    _lock = threading.RLock()
    mine, _next = _next, None
    _given_back.clear()
    for slot, descriptor in list(_held.items()):
        if mine is None or slot != mine[0]:
            os.close(descriptor)
            del _held[slot]
    _label = mine[0] if mine else None
    for listener in _listeners:
        listener()


os.register_at_fork(after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
