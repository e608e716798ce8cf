"""Waiting for a condition, with a bound."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")


def eventually(condition: Callable[[], Result], timeout: float = 15.0, *, interval: float = 0.05) -> Result:
    """Call ``condition`` until what it returns is true, and return that.

    Args:
        condition: asked again and again; an `AssertionError` counts as not yet.
        timeout: seconds after which the test fails, with the last answer.
        interval: seconds between two calls.
    """
    deadline = time.monotonic() + timeout
    while True:
        answer: object
        try:
            result = condition()
            if result:
                return result
            answer = result
        except AssertionError as error:
            answer = error
        if time.monotonic() > deadline:
            message = f"not true within {timeout} s; last answer: {answer!r}"
            raise AssertionError(message)
        time.sleep(interval)
