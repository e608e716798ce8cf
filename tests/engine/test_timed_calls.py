"""Calls that may never return."""

from __future__ import annotations

import threading
import weakref

import pytest

from headrace.engine.service.timed_calls import TimedCalls
from waiting import eventually


class Thing:
    def __init__(self) -> None:
        self.gate = threading.Event()

    def block(self) -> None:
        self.gate.wait(60)


def threads() -> int:
    return sum(thread.name == "calls" for thread in threading.enumerate())


def test_calls_are_made_in_turn_by_one_thread_and_raise_what_they_raise() -> None:
    calls, seen = TimedCalls(), []
    for number in range(5):
        calls.call(lambda number=number: seen.append((number, threading.get_ident())), 5)  # type: ignore[misc]
    assert [number for number, _ in seen] == list(range(5))
    assert len({thread for _, thread in seen}) == 1
    with pytest.raises(ZeroDivisionError):
        calls.call(lambda: 1 // 0, 5)
    calls.call(lambda: None, 5)
    calls.close()
    eventually(lambda: threads() == 0)


def test_a_call_that_does_not_return_is_left_behind_with_what_it_holds() -> None:
    calls, thing, seen = TimedCalls(), Thing(), []
    gate, alive = thing.gate, weakref.ref(thing)
    with pytest.raises(TimeoutError, match="not returned"):
        calls.call(thing.block, 0.1)
    del thing
    calls.call(lambda: seen.append(1), 5)
    assert seen == [1]
    assert alive() is not None
    gate.set()
    eventually(lambda: alive() is None)
    calls.close()
    eventually(lambda: threads() == 0)
