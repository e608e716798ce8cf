"""The step over new rows with each key's history before them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from headrace.engine.bisect import Failure, bisect, failure_of
from headrace.engine.changelog import FAILED, STATE, Change, kind_of
from headrace.engine.codecs import Codecs
from headrace.engine.context import Part, StepResult
from headrace.engine.emission import Emission, Emitted
from headrace.engine.event_time import microseconds
from headrace.engine.failed_rows import FailedRows
from headrace.engine.lane import Lane
from headrace.engine.rows import Rows, event_order
from headrace.engine.sides import Sides
from headrace.engine.state.given import Given
from headrace.engine.state.states import States
from headrace.engine.step import step
from headrace.engine.stream import Stream

MOST_ROWS = 100_000
"""New rows in one call of the function; what has waited for long can be more."""


@dataclass(frozen=True, slots=True)
class _New:
    """Rows that are ready, of all lanes, in the order in which they are taken."""

    rows: Rows
    lanes: npt.NDArray[np.int32]


class RowWork:
    """Runs the function over rows that are ready, and keeps them for those to come.

    Args:
        stream: what to run.
        codecs: how outputs are written.
        sides: gives the side inputs.
        states: the stream's states, where it has some.
    """

    def __init__(self, stream: Stream, codecs: Codecs, sides: Sides, states: States | None = None) -> None:
        spec = stream.document.spec
        lookback = spec.looks_back
        self._stream = stream
        self._spec = spec
        self._sides = sides
        self._codecs = codecs
        self.failed = FailedRows()
        self.states = states
        self.span = microseconds(lookback.span) if lookback is not None and lookback.span is not None else None

    def run(self, ready: list[tuple[Lane, Rows]], emission: Emission) -> None:
        """Take rows that are ready through the step and put what they give into ``emission``."""
        lanes = {lane.number: lane for lane, _ in ready}
        new = self._in_order(ready)
        bounds = [*range(0, len(new.rows), MOST_ROWS), len(new.rows)]
        if self.states is not None:
            bounds = sorted({*bounds, *self.states.cuts(new.rows)})
        for first, end in pairwise(bounds):
            whole = end - first == len(new.rows)
            piece = new if whole else _New(new.rows.take(np.arange(first, end)), new.lanes[first:end])
            self._run(piece, lanes, emission)

    def changes(self) -> list[Change]:
        """Return what the batch changes in the changelog."""
        return self.failed.changes() + (self.states.changes() if self.states is not None else [])

    def load(self, partition: int, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Take records of the changelog: keys and values, in their order."""
        for key, value in records:
            if kind_of(key) == FAILED:
                self.failed.load(partition, key, value)
        if self.states is not None:
            self.states.load(partition, [(key, value) for key, value in records if kind_of(key) == STATE])

    def drop(self, partition: int) -> None:
        """Forget a partition."""
        self.failed.drop(partition)

    def commit(self) -> None:
        """The batch is committed."""
        self.failed.commit()
        if self.states is not None:
            self.states.commit()

    def rollback(self) -> None:
        """The batch is not committed."""
        self.failed.rollback()
        if self.states is not None:
            self.states.rollback()

    def _in_order(self, ready: list[tuple[Lane, Rows]]) -> _New:
        rows = Rows.concat([rows for _, rows in ready]) if ready else Rows.empty(self._stream.document.input)
        lanes = np.repeat(
            np.array([lane.number for lane, _ in ready], np.int32), np.array([len(rows) for _, rows in ready], np.int64)
        )
        order = event_order(rows.times, rows.partitions, rows.offsets) if self._spec.in_event_time else None
        return _New(rows, lanes) if order is None else _New(rows.take(order), lanes[order])

    def _run(self, new: _New, lanes: dict[int, Lane], emission: Emission) -> None:
        def attempt(start: int, end: int) -> list[Emitted]:
            everything = end - start == len(new.rows)
            piece = new if everything else _New(new.rows.take(np.arange(start, end)), new.lanes[start:end])
            return self._attempt(piece, lanes)

        done, failed = bisect(len(new.rows), attempt)
        emission.emitted += [emitted for part in done for emitted in part]
        if failed and self._spec.lookback:
            places = np.array([position for position, _ in failed], np.int64)
            rows = new.rows.take(places)
            self.failed.note(new.lanes[places] if self._spec.key else rows.partitions, rows)
        for position, error in failed:
            found = failure_of(-1, error, self._stream.function)
            emission.failures.append(
                Failure(
                    -1,
                    found.error,
                    found.kind,
                    found.traceback,
                    found.line,
                    int(new.rows.partitions[position]),
                    int(new.rows.offsets[position]),
                )
            )

    def _attempt(self, new: _New, lanes: dict[int, Lane]) -> list[Emitted]:
        """Run the step once; only when all of it went through is anything kept."""
        by_lane = [(lanes[number], self._of_lane(new, number)) for number in np.unique(new.lanes).tolist()]
        rows, is_new = self._with_history(new.rows, by_lane)
        order = self._order_in_time(rows)
        given = self.states.given(new.rows, new.lanes) if self.states is not None else None
        result = self._step(rows if order is None else rows.take(order), is_new, given)
        parts = result.parts if order is None else [_put_back(part, order) for part in result.parts]
        emitted = [Emitted(part, self._codecs.encode(part, rows.partitions, rows.offsets), rows) for part in parts]
        if self.states is not None and given is not None:
            self.states.take(given, result.states)
        for lane, own in by_lane:
            if lane.history is not None:
                lane.history.add(own)
        return emitted

    def _order_in_time(self, rows: Rows) -> npt.NDArray[np.intp] | None:
        """Return the event-time order of rows that come in offset order and are joined in time, if it is another."""
        if self._spec.in_event_time or not self._spec.joins_in_time:
            return None
        return event_order(rows.times, rows.partitions, rows.offsets)

    def _step(self, rows: Rows, is_new: npt.NDArray[np.bool_] | None, given: Given | None) -> StepResult:
        arguments = self._sides.frames(int(rows.times.min()), int(rows.times.max())) if self._spec.sides else {}
        if given is not None:
            arguments = {**arguments, **given.frames}
        return step(rows.frame, self._stream.context(arguments, new=is_new))

    @staticmethod
    def _of_lane(new: _New, number: int) -> Rows:
        mine = new.lanes == number
        return new.rows if mine.all() else new.rows.take(mine)

    @staticmethod
    def _with_history(new: Rows, by_lane: list[tuple[Lane, Rows]]) -> tuple[Rows, npt.NDArray[np.bool_] | None]:
        """Return new rows with the rows of their keys' past, in event-time order, and which are new."""
        if by_lane[0][0].history is None:
            return new, None
        past = [lane.history.before(own) for lane, own in by_lane if lane.history is not None]
        known = sum(map(len, past))
        is_new = np.ones(known + len(new), np.bool_)
        if not known:
            return new, is_new
        rows = Rows.concat([*past, new])
        is_new[:known] = False
        order = event_order(rows.times, rows.partitions, rows.offsets)
        return (rows, is_new) if order is None else (rows.take(order), is_new[order])


def _put_back(part: Part, order: npt.NDArray[np.intp]) -> Part:
    """Return outputs of rows that were put in ``order``, as if these had been given in their own."""
    if not (part.source >= 0).all():
        return Part(part.rows, np.where(part.source >= 0, order[part.source], -1), part.sink)
    source = order[part.source]
    places = np.argsort(source, kind="stable")
    return Part(part.rows.take(places).reset_index(drop=True), source[places], part.sink)
