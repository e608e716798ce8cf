"""The step over windows that have closed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from headrace.engine.bisect import Failure, bisect, failure_of
from headrace.engine.codecs import Codecs
from headrace.engine.context import Context, Part
from headrace.engine.emission import Emission, Emitted
from headrace.engine.event_time import ALWAYS, NEVER
from headrace.engine.frames import key_column, key_texts
from headrace.engine.lane import Lane
from headrace.engine.result import Integers
from headrace.engine.rows import Rows
from headrace.engine.sides import Sides
from headrace.engine.step import step
from headrace.engine.stream import Stream
from headrace.engine.windows import Closed

WINDOW_START = "window_start"


class WindowWork:
    """Runs the function over complete windows, each once.

    Args:
        stream: what to run.
        codecs: how outputs are written.
        sides: gives the side inputs.

    Attributes:
        since: windows that begin before this lack records and are not given, microseconds; a sample has such.
        cut: those that were not given: start, and hash of the key where a window is of one key, else 0.
    """

    def __init__(self, stream: Stream, codecs: Codecs, sides: Sides) -> None:
        self.since = NEVER
        self.cut: set[tuple[int, int]] = set()
        self._stream = stream
        self._spec = stream.document.spec
        self._sides = sides
        self._codecs = codecs
        self._no_rows = Rows.empty(stream.document.input)

    @property
    def by_key(self) -> bool:
        """Whether a window is of one key."""
        window = self._spec.windows
        return window is not None and window.per_key

    def run(self, lanes: list[Lane], emission: Emission, told: Callable[[int, Rows], None]) -> None:
        """Close what is complete in ``lanes`` and put what the function gives into ``emission``.

        Where much is complete at once it goes piece by piece, so that not all of it is in memory together.

        Args:
            lanes: which.
            emission: takes what comes of them.
            told: is given the number of a lane and the rows of its windows that close.
        """
        found = [cuts for lane in lanes if lane.windows is not None and len(cuts := lane.windows.cuts(lane.complete))]
        for cut in np.unique(np.concatenate(found)).tolist() if found else []:
            self._close(lanes, cut, emission, told)
        self._close(lanes, ALWAYS, emission, told)

    def _close(self, lanes: list[Lane], until: int, emission: Emission, told: Callable[[int, Rows], None]) -> None:
        """Close what is complete up to a time."""
        found = []
        for lane in lanes:
            assert lane.windows is not None  # noqa: S101  lanes of a stream with windows
            closed = lane.windows.close(min(lane.complete, until), min(lane.released, until))
            if closed is not None and len(closed.rows):
                found.append(closed)
                told(lane.number, closed.rows)
        if not found:
            return
        closed = self._whole(Closed.together(found))
        if not len(closed.rows):
            return
        if self._stream.document.windows_at_once:
            for run in closed.told_apart():
                self._run(run, run.bounds(), emission)
        else:
            bounds = closed.bounds()
            for number in range(len(bounds) - 1):
                self._run(closed, bounds[number : number + 2], emission)

    def _whole(self, closed: Closed) -> Closed:
        """Leave out the windows that lack records."""
        lacking = closed.starts < self.since
        if not lacking.any():
            return closed
        keys = closed.rows.hashes[lacking].tolist() if self.by_key else [0] * int(lacking.sum())
        self.cut |= set(zip(closed.starts[lacking].tolist(), keys, strict=True))
        kept = np.flatnonzero(~lacking)
        return closed.only(kept)

    def _run(self, closed: Closed, bounds: Integers, emission: Emission) -> None:
        """Run the function over windows, all in one frame; ``bounds`` are the first row of each and the end.

        A window that fails with the rows of several lanes is tried lane by lane: which of them close in one turn
        depends on the time at which they are read, and no record's fate may.
        """

        def attempt(start: int, end: int) -> list[Emitted]:
            return self._attempt(closed, int(bounds[start]), int(bounds[end]))

        done, failed = bisect(len(bounds) - 1, attempt)
        emission.emitted += [emitted for part in done for emitted in part]
        for window, error in failed:
            first, end = int(bounds[window]), int(bounds[window + 1])
            apart = closed.by_lane(first, end)
            for lane in apart:
                self._run(lane, lane.bounds(), emission)
            if not apart:
                self._fail(closed.rows.take(np.arange(first, end)), error, emission)

    def _fail(self, rows: Rows, error: BaseException, emission: Emission) -> None:
        """Note each of the rows as failed, once."""
        found = failure_of(-1, error, self._stream.function)
        known = {(failure.partition, failure.offset) for failure in emission.failures}
        emission.failures += [
            Failure(-1, found.error, found.kind, found.traceback, found.line, partition, offset)
            for partition, offset in zip(rows.partitions.tolist(), rows.offsets.tolist(), strict=True)
            if (partition, offset) not in known
        ]

    def _attempt(self, closed: Closed, first: int, end: int) -> list[Emitted]:
        places = np.arange(first, end)
        whole = end - first == len(closed.rows)
        rows = closed.rows if whole else closed.rows.take(places)
        starts, ends = closed.starts[first:end], closed.ends[first:end]
        frame = rows.frame.assign(window_start=_as_times(starts), window_end=_as_times(ends))
        result = step(frame, self._context(starts, ends))
        return [
            self._emitted(part, rows, starts)
            for part in (Part(part.rows, np.full(len(part.rows), -1, np.int64), part.sink) for part in result.parts)
        ]

    def _context(self, starts: Integers, ends: Integers) -> Context:
        arguments = self._sides.frames(int(starts.min()), int(ends.max()) - 1) if self._spec.sides else {}
        context = self._stream.context(arguments)
        return Context(context.function, "none", context.arguments, None, context.sinks, context.states)

    def _emitted(self, part: Part, rows: Rows, starts: Integers) -> Emitted:
        """Return a part with what its windows know: their start, newest timestamp and, for one key, the key.

        Outputs of windows come of no one row, so that the rows need not be kept until the batch is sent.
        """
        values = self._codecs.encode(part, rows.partitions, rows.offsets)
        count = len(part.rows)
        found = _starts_of(part.rows, starts)
        stamps = self._newest(part.rows, found, rows, starts)
        keys = self._keys(part, rows, count)
        return Emitted(part, values, self._no_rows, found, stamps, keys)

    def _newest(self, given: pd.DataFrame, found: Integers, rows: Rows, starts: Integers) -> Integers:
        """Return for each output the newest timestamp in its window: by the window's start and, if it has one, key."""
        key, window = self._spec.key, self._spec.windows
        by, of = [starts], [found]
        if window is not None and window.per_key and key in given.columns and key in rows.frame.columns:
            texts = [*key_texts(rows.frame[key]), *key_texts(given[key])]
            codes, _ = pd.factorize(np.array(texts, dtype=object))
            by, of = [starts, codes[: len(rows)]], [found, codes[len(rows) :]]
        newest = pd.Series(rows.timestamps).groupby(by).max()
        index = pd.MultiIndex.from_arrays(of) if len(of) > 1 else pd.Index(of[0])
        return newest.reindex(index).fillna(int(rows.timestamps.max())).to_numpy(np.int64)

    def _keys(self, part: Part, rows: Rows, count: int) -> Sequence[bytes | None]:
        key, window = self._spec.key, self._spec.windows
        if key is None:
            return [None] * count
        if key in part.rows.columns:
            return key_column(part.rows[key])
        if window is not None and window.per_key and (rows.hashes == rows.hashes[0]).all():
            return key_texts(rows.frame[key].iloc[:1]) * count
        return [None] * count


def _as_times(microseconds: Integers) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(microseconds.view("datetime64[us]"), tz="UTC")


def _starts_of(rows: pd.DataFrame, starts: Integers) -> Integers:
    """Return for each output the start of its window, by its column ``window_start``; else of the newest window."""
    newest = int(starts.max())
    if WINDOW_START not in rows.columns or not isinstance(rows[WINDOW_START].dtype, pd.DatetimeTZDtype):
        return np.full(len(rows), newest, np.int64)
    column = rows[WINDOW_START]
    times = column.dt.as_unit("us").dt.tz_convert(None).to_numpy().view(np.int64)
    return np.where(column.isna().to_numpy(), newest, times)
