"""Run the step; when it fails, halve the rows until the failing ones stand alone."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from headrace.engine.context import Context, StepResult
from headrace.engine.step import step

FailureKind = Literal["decode", "cell", "encode"]
CELL_FAILURES = (Exception, SystemExit)
"""What a cell may raise that is its record's failure; a keyboard interrupt still is the person's."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One record that failed.

    Attributes:
        position: which one, into the records (or rows) that were processed.
        error: what was raised.
        kind: where: reading the value, in the cell, or writing the output.
        traceback: the frames from the cell on, as text; empty where the cell was not reached.
        line: the line of the cell (or of ``transform.py``) that raised, where there is one.
    """

    position: int
    error: BaseException
    kind: FailureKind
    traceback: str = ""
    line: int | None = None

    @property
    def summary(self) -> str:
        """``ValueError: what was wrong``, one line as dead letters carry it."""
        return f"{type(self.error).__name__}: {self.error}"


@dataclass(frozen=True, slots=True)
class Part:
    """A run of rows that went through the step in one call; ``source`` counts from the whole frame's start."""

    rows: pd.DataFrame
    source: npt.NDArray[np.int64]


def run_bisecting(frame: pd.DataFrame, context: Context) -> tuple[list[Part], list[Failure]]:
    """Run the step over ``frame``; where it raises, over its halves, until the failing rows stand alone.

    Args:
        frame: rows without history, with a plain 0-based index.
        context: as for :func:`~headrace.engine.step.step`.

    Returns:
        The parts that went through, in the order of the rows, and the rows that failed.
    """
    parts: list[Part] = []
    failures: list[Failure] = []
    pending = [(0, len(frame))] if len(frame) else []
    while pending:
        start, end = pending.pop()
        piece = frame if end - start == len(frame) else frame.iloc[start:end].reset_index(drop=True)
        outcome = _attempt(piece, context)
        if isinstance(outcome, StepResult):
            source = np.where(outcome.source >= 0, outcome.source + start, -1)
            parts.append(Part(outcome.rows, source))
        elif end - start == 1:
            failures.append(_failure(start, outcome, context.function))
        else:
            middle = (start + end) // 2
            pending += [(middle, end), (start, middle)]
    return parts, failures


def _attempt(frame: pd.DataFrame, context: Context) -> StepResult | BaseException:
    try:
        return step(frame, context)
    except CELL_FAILURES as error:
        return error


def _failure(position: int, error: BaseException, function: Callable[..., object]) -> Failure:
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
    return Failure(position, error.with_traceback(None), "cell", text, line)
