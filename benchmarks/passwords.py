"""What it costs to learn that a password is none of the last N: ours and two others, with full histories."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from benchmarks import variants
from benchmarks.child import Child
from benchmarks.figures import rotate

OURS = variants.OURS
VALIDATORS = "django-password-validators"
VALIDATORS_EQUAL = "django-password-validators, Django's hasher"
HISTORY = "django-password-history"

COMPARED = (OURS, VALIDATORS, VALIDATORS_EQUAL, HISTORY)
LENGTHS = (1, 10, 24)


class Validated(NamedTuple):
    """The validations of fresh passwords against one length of history."""

    variant: str
    length: int
    milliseconds: list[float]
    iterations: list[int]  # of each slow hash in one validation


def measure(python: Path, scratch: Path, rounds: int, say) -> list[Validated]:
    """Fill the histories, then validate fresh passwords in turn. Raises ChildError, AssertionError."""
    with ExitStack() as stack:
        children = {
            variant: stack.enter_context(_child(variant, python, scratch / f"passwords-{number}"))
            for number, variant in enumerate(COMPARED)
        }
        for variant, child in children.items():
            child.answer(timeout_seconds=300)
            for length in LENGTHS:
                answer = child.ask(do="recognises", length=length)
                assert answer["refused"], f"{variant} does not refuse the oldest of {length} passwords"
            say(f"passwords: {variant} has its histories")
        results = {(variant, length): Validated(variant, length, [], []) for length in LENGTHS for variant in COMPARED}
        for turn in range(rounds):
            for variant, length in rotate(list(results), turn):
                answer = children[variant].ask(do="validate", length=length, turn=turn)
                results[variant, length].milliseconds.append(answer["ms"])
                results[variant, length].iterations[:] = answer["iterations"]
            say(f"passwords: round {turn + 1} of {rounds}")
        return list(results.values())


def _child(variant: str, python: Path, scratch: Path) -> Child:
    return Child(python, "benchmarks.passwords_child", {"variant": variant, "lengths": LENGTHS}, scratch)
