"""One test of one fact that holds for many cases."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

import pytest

Test = Callable[..., None]


def each(arguments: str, cases: Iterable[Any], name: Callable[[Any], object] = repr) -> Callable[[Test], Test]:
    """Run a test for each case within one test, which fails with the names of all offenders and what is said of them.

    It is written like `pytest.mark.parametrize`, for products whose cases prove nothing each by itself. Fixtures are
    set up once, so a test must leave them as they are.
    """
    names, several = [argument.strip() for argument in arguments.split(",")], list(cases)
    assert several, "there is no case"

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        def run(**fixtures: Any) -> None:
            offenders = []
            for case in several:
                values = dict(zip(names, case, strict=True)) if len(names) > 1 else {names[0]: case}
                try:
                    test(**values, **fixtures)
                except (Exception, pytest.fail.Exception) as error:
                    offenders.append(f"{name(case)}: {type(error).__name__}: {error}")
            if offenders:
                pytest.fail(f"{len(offenders)} of {len(several)}:\n" + "\n".join(offenders), pytrace=False)

        signature = inspect.signature(test)
        left = [parameter for parameter in signature.parameters.values() if parameter.name not in names]
        run.__signature__ = signature.replace(parameters=left)  # type: ignore[attr-defined]
        return run

    return decorate
