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

    def take(self, places: npt.NDArray[np.intp]) -> _New:
        """Return the rows at ``places``."""
        return _New(self.rows.take(places), self.lanes[places])


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
            piece = new if whole else new.take(np.arange(first, end))
            for part in self._with_bounded_past(piece, lanes):
                self._run(part, lanes, emission)

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

    def _with_bounded_past(self, new: _New, lanes: dict[int, Lane]) -> list[_New]:
        """Return new rows in parts that, with the past of their keys, are few enough to be in memory at once.

        A part has whole keys, as many as fit; of a key whose past alone is too much, few new rows.
        """
        histories = {number: lane.history for number, lane in lanes.items() if lane.history is not None}
        most = min((history.most_rows for history in histories.values()), default=0)
        if not histories or sum(map(len, histories.values())) + len(new.rows) <= most:
            return [new]
        past = np.zeros(len(new.rows), np.int64)
        for number, history in histories.items():
            mine = np.flatnonzero(new.lanes == number)
            if len(mine):
                hashes, counts = history.counts_before(new.rows.take(mine))
                past[mine] = counts[np.searchsorted(hashes, new.rows.hashes[mine])]
        _, first, key_of, own = np.unique(new.rows.hashes, return_index=True, return_inverse=True, return_counts=True)
        past_of = past[first]
        sizes = past_of + own
        pieces = []
        for group in _groups(sizes, most):
            mine = np.flatnonzero(np.isin(key_of, group))
            fits = sizes[group].sum() <= most
            step = len(mine) if fits else max(most - int(past_of[group[0]]), most // 10)
            pieces += [new.take(mine[begin : begin + step]) for begin in range(0, len(mine), step)]
        return pieces if len(pieces) > 1 else [new]

    def _run(self, new: _New, lanes: dict[int, Lane], emission: Emission) -> None:
        def attempt(start: int, end: int) -> list[Emitted]:
            everything = end - start == len(new.rows)
            piece = new if everything else new.take(np.arange(start, end))
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


def _groups(sizes: npt.NDArray[np.int64], most: int) -> list[npt.NDArray[np.intp]]:
    """Return neighbouring places in groups with sizes of ``most`` at most together; a larger one is alone."""
    bounds, total = [0], 0
    for place, size in enumerate(sizes.tolist()):
        if total and total + size > most:
            bounds.append(place)
            total = 0
        total += size
    return np.split(np.arange(len(sizes)), bounds[1:])
