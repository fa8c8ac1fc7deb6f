"""An exception as `error.*`: once, with its causes, bounded and masked, and never the values of variables."""

from __future__ import annotations

import linecache
from collections.abc import Iterator
from hashlib import sha256
from types import TracebackType

from django_ops.logs.shrink import bounded, cut

LONGEST_MESSAGE = 2048  # characters
LONGEST_NAME = 256  # characters
LONGEST_SOURCE_LINE = 256  # characters
LONGEST_STACK_BYTES = 10_240

#: Frames at the outer and at the inner end of a traceback that are shown; those between are counted.
OUTER_FRAMES, INNER_FRAMES = 10, 30
#: Causes and contexts, one behind the other.
LONGEST_CHAIN = 8
#: Exceptions of a group, and groups within groups.
MOST_OF_GROUP, DEEPEST_GROUP = 5, 3
MOST_NOTES = 5

_CAUSE = "\nThe above exception was the direct cause of the following exception:\n"
_CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n"


def error_fields(error: BaseException, traceback: TracebackType | None = None) -> dict[str, str]:
    """Return type, message, stack_trace and stack_hash of `error`.

    `traceback` is that of a moment ago: an exception that is raised on gets frames that it did not have then.
    """
    story = _Story({id(error): traceback} if traceback is not None else {})
    story.tell(error, 0)
    return {
        "type": type_name(error),
        "message": message_of(error),
        "stack_trace": cut("\n".join(story.lines), LONGEST_STACK_BYTES, both_ends=True),
        "stack_hash": sha256("\n".join(story.frames).encode("utf-8", "backslashreplace")).hexdigest()[:16],
    }


def type_name(error: BaseException) -> str:
    """Return the dotted name of the exception's class, without the module of built-in ones."""
    kind = type(error)
    try:
        module, name = kind.__module__, kind.__qualname__
        full = name if module in ("builtins", "__main__") else f"{module}.{name}"
        return bounded(full, LONGEST_NAME)
    except Exception:
        return "(unnamed exception)"


def message_of(error: BaseException) -> str:
    """Return the text of `error`, masked and bounded."""
    try:
        return bounded(str(error), LONGEST_MESSAGE)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as failure:
        return f"(its text raised {type(failure).__name__})"


class _Story:
    """What is told of one exception and of all that led to it."""

    def __init__(self, tracebacks: dict[int, TracebackType]) -> None:
        self.lines: list[str] = []
        self.tracebacks = tracebacks  # by the exception's id, of those that have got more frames since
        self.frames: list[str] = []  # what makes the stack hash: types and functions, no line numbers, no folders
        self._seen: set[int] = set()

    def tell(self, error: BaseException, depth: int) -> None:
        """Tell of `error` after its causes and contexts, the first of which comes first."""
        chain = self._chain(error)
        for index, (linked, phrase) in enumerate(chain):
            self._tell_one(linked, depth)
            if index < len(chain) - 1:
                self._add(depth, phrase)

    def _chain(self, error: BaseException) -> list[tuple[BaseException, str]]:
        """Return the exceptions that led to `error` and itself, each with what links it to the next."""
        chain: list[tuple[BaseException, str]] = []
        current: BaseException | None = error
        phrase = ""
        while current is not None and id(current) not in self._seen and len(chain) < LONGEST_CHAIN:
            self._seen.add(id(current))
            chain.append((current, phrase))
            if current.__cause__ is not None:
                current, phrase = current.__cause__, _CAUSE
            else:
                current, phrase = (None if current.__suppress_context__ else current.__context__), _CONTEXT
        return chain[::-1]

    def _tell_one(self, error: BaseException, depth: int) -> None:
        name, message = type_name(error), message_of(error)
        self.frames.append(name)
        traceback = self.tracebacks.get(id(error), error.__traceback__)
        if traceback is not None:
            self._add(depth, "Traceback (most recent call last):", *_frames_text(traceback))
            for frame in _frame_names(traceback):
                if frame != self.frames[-1]:  # a recursion is one frame, however deep it went
                    self.frames.append(frame)
        self._add(depth, f"{name}: {message}" if message else name, *_notes(error))
        if isinstance(error, BaseExceptionGroup):
            self._tell_group(error.exceptions, depth)

    def _tell_group(self, members: tuple[BaseException, ...], depth: int) -> None:
        if depth >= DEEPEST_GROUP:
            self._add(depth, f"({len(members)} exceptions, not shown)")
            return
        for number, member in enumerate(members[:MOST_OF_GROUP], 1):
            self._add(depth + 1, f"--- {number} of {len(members)} ---")
            self.tell(member, depth + 1)
        if len(members) > MOST_OF_GROUP:
            self._add(depth + 1, f"--- {len(members) - MOST_OF_GROUP} more ---")

    def _add(self, depth: int, *texts: str) -> None:
        margin = "  | " * depth
        self.lines += (f"{margin}{line}" for text in texts for line in text.split("\n")) if depth else texts


def _notes(error: BaseException) -> list[str]:
    try:
        notes = getattr(error, "__notes__", None)
        if type(notes) is not list:
            return []
        return [bounded(note, LONGEST_SOURCE_LINE) for note in notes[:MOST_NOTES] if type(note) is str]
    except Exception:
        return []


def _frames_text(traceback: TracebackType) -> Iterator[str]:
    frames = list(_walk(traceback))
    left_out = len(frames) - OUTER_FRAMES - INNER_FRAMES
    for index, step in enumerate(frames):
        if left_out > 0 and index == OUTER_FRAMES:
            yield f"  ... {left_out} frames ..."
        if left_out <= 0 or index < OUTER_FRAMES or index >= OUTER_FRAMES + left_out:
            code = step.tb_frame.f_code
            yield f'  File "{code.co_filename}", line {step.tb_lineno}, in {code.co_name}'
            source = _source_line(step)
            if source:
                yield f"    {source}"


def _walk(traceback: TracebackType) -> Iterator[TracebackType]:
    step: TracebackType | None = traceback
    while step is not None:
        yield step
        step = step.tb_next


def _source_line(step: TracebackType) -> str:
    try:
        line = linecache.getline(step.tb_frame.f_code.co_filename, step.tb_lineno, step.tb_frame.f_globals)
        return bounded(line.strip(), LONGEST_SOURCE_LINE)
    except Exception:  # what a loader of source raises
        return ""


def _frame_names(traceback: TracebackType) -> Iterator[str]:
    for step in _walk(traceback):
        module = step.tb_frame.f_globals.get("__name__")
        yield f"{module if type(module) is str else ''}.{step.tb_frame.f_code.co_qualname}"
