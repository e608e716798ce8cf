"""Run the step; when it fails, halve the rows until the failing ones stand alone."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
import pandas as pd

from headrace.engine.context import Context, Part
from headrace.engine.step import step
from headrace.errors import ClusterError, RefusedError
from headrace.kafka.codec import EncodeError

Result = TypeVar("Result")
FailureKind = Literal["decode", "cell", "encode", "time"]
CELL_FAILURES = (Exception, SystemExit)
"""What a cell may raise that is its record's failure; a keyboard interrupt still is the person's."""
NOBODYS_FAILURES = (ClusterError, RefusedError)
"""What is no record's failure: a registry that does not answer, or refuses the outputs' schema."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One record that failed.

    Attributes:
        position: which one, into the records (or rows) that were processed.
        error: what was raised.
        kind: where: reading the value, its event time, in the cell, or writing the output.
        traceback: the frames from the cell on, as text; empty where the cell was not reached.
        line: the line of the cell (or of ``transform.py``) that raised, where there is one.
        partition: the record's partition, where it may be a record of an earlier run; else -1.
        offset: its offset there, or -1.
    """

    position: int
    error: BaseException
    kind: FailureKind
    traceback: str = ""
    line: int | None = None
    partition: int = -1
    offset: int = -1

    @property
    def summary(self) -> str:
        """``ValueError: what was wrong``, one line as dead letters carry it."""
        return f"{type(self.error).__name__}: {self.error}"


def run_bisecting(
    frame: pd.DataFrame, context: Context, accept: Callable[[Part], None] | None = None
) -> tuple[list[Part], list[Failure]]:
    """Run the step over ``frame``; where it raises, over its halves, until the failing rows stand alone.

    Args:
        frame: rows without history, with a plain 0-based index.
        context: as for :func:`~headrace.engine.step.step`.
        accept: raises for parts that shall not go through.

    Returns:
        The parts that went through, in the order of the rows, and the rows that failed. A part's ``source`` counts
        from the whole frame's start.
    """

    def attempt(start: int, end: int) -> list[Part]:
        piece = frame if end - start == len(frame) else frame.iloc[start:end].reset_index(drop=True)
        parts = step(piece, context).parts
        if accept is not None:
            for part in parts:
                accept(part)
        return [Part(part.rows, np.where(part.source >= 0, part.source + start, -1), part.sink) for part in parts]

    done, failed = bisect(len(frame), attempt)
    failures = [failure_of(position, error, context.function) for position, error in failed]
    return [part for parts in done for part in parts], failures


def bisect(count: int, attempt: Callable[[int, int], Result]) -> tuple[list[Result], list[tuple[int, BaseException]]]:
    """Attempt everything at once; where that raises, each half by itself, the first before the second.

    Args:
        count: how many there are.
        attempt: takes a start and an end; what it changes beside its result, it must not have changed when it raises.

    Returns:
        The results, in order, and which of the ``count`` failed by themselves, with what was raised.

    Raises:
        ClusterError: what is no record's failure; so is a RefusedError.
    """
    done: list[Result] = []
    failed: list[tuple[int, BaseException]] = []
    pending = [(0, count)] if count else []
    while pending:
        start, end = pending.pop()
        try:
            done.append(attempt(start, end))
        except NOBODYS_FAILURES:
            raise
        except CELL_FAILURES as error:
            if end - start == 1:
                failed.append((start, error))
            else:
                middle = (start + end) // 2
                pending += [(middle, end), (start, middle)]
    return done, failed


def failure_of(position: int, error: BaseException, function: Callable[..., object]) -> Failure:
    """Return the failure of a record, with the line of the function that raised."""
    code = getattr(function, "__code__", None)
    frames = list(traceback.walk_tb(error.__traceback__))
    own = [number for number, (frame, _) in enumerate(frames) if code is not None and frame.f_code is code]
    line = None
    shown = error.__traceback__
    if own and code is not None:
        for _ in range(own[0]):
            shown = shown.tb_next if shown else None
        line = next(line for frame, line in reversed(frames) if frame.f_code.co_filename == code.co_filename)
    text = "".join(traceback.format_exception(type(error), error, shown)) if own else ""
    kind: FailureKind = "encode" if isinstance(error, EncodeError) else "cell"
    return Failure(position, error.with_traceback(None), kind, text, line)
