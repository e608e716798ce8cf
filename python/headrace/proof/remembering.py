"""The check of streams that remember: one batch against many, by record or by window."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import zip_longest

import numpy as np
import orjson
import pandas as pd

from headrace.engine.arrivals import Arrivals, Arrived
from headrace.engine.codecs import make_codecs
from headrace.engine.event_time import NEVER, microseconds, newest_before
from headrace.engine.result import BatchResult
from headrace.engine.rows import Rows
from headrace.engine.stream import Stream
from headrace.engine.trial import joined, process_batches
from headrace.kafka.records import Records
from headrace.proof.compare import Run, compare, same_rows
from headrace.proof.exercises import LOOKBACKS, Exercise, each_alone, exercises
from headrace.proof.globals_watch import changed, fingerprint
from headrace.proof.json_values import json_value
from headrace.proof.quiet import quiet
from headrace.proof.splits import Positions, plans
from headrace.proof.state_verdict import compare_states
from headrace.proof.touches import Touches, watched
from headrace.proof.verdict import Difference, Verdict

FEWEST_WINDOWS = 3
PARTS = 20


def check_remembering(
    stream: Stream, records: Records, *, seed: int = 0, whole: BatchResult | None = None, budget: float
) -> Verdict:
    """Run a stream that remembers over the sample in one batch, again, and in many; the engine cuts what it sees.

    In one batch the function sees every row of the sample at once; in many, the history that it declared and no more.
    So a lookback that is too short differs.

    Args:
        stream: the stream with its pinned types.
        records: the sample.
        seed: of the random cuts.
        whole: what one batch gave, where it was run already.
        budget: seconds after which no further cut is tried.
    """
    started = time.perf_counter()
    before = fingerprint(stream.function)
    everything = np.arange(len(records), dtype=np.int64)
    first = whole if whole is not None else joined(process_batches(stream, records, [everything]))
    windows = stream.document.spec.window is not None
    difference, splits, again, sample, touches = None, 0, False, "", Touches()
    seconds = 0.0
    if len(records) and len(first.values):
        with quiet():
            begun = time.perf_counter()
            noted = replace(stream, function=watched(stream.function, touches))
            second = joined(process_batches(noted, records, [everything]))
            seconds = time.perf_counter() - begun
            difference = _compare(first, second, records, windows=windows)
            again = difference is not None
            for batches in _cuts(records, seed):
                late = splits and time.perf_counter() - started > budget
                if difference is not None or late:
                    break
                splits += 1
                found = joined(process_batches(stream, records, batches))
                difference = _compare(first, found, records, windows=windows)
            if difference is None and stream.document.spec.lookback and budget > 0:
                exercised = _exercised(stream, records, seed, started + budget)
                sample, difference = exercised.sample, exercised.difference
                splits += exercised.splits
    rows = _rows_of(stream, records)
    lateness = _most_late(stream, rows)
    touched = changed(before, fingerprint(stream.function))
    seen = _Seen(stream, records, first, rows, difference, splits, touched, lateness, again, sample)
    equal, reason = _judge(seen)
    failed = len({failure.position for failure in first.failures})
    with_rows = len(np.unique(first.source[first.source >= 0]))
    return Verdict(
        equal=equal,
        reason=reason,
        difference=difference,
        splits=splits,
        seconds=round(time.perf_counter() - started, 3),
        seconds_per_record=seconds / max(len(records), 1),
        messages=(*_messages(stream, lateness), *touches.messages(), *_of_edges(first)),
        rows_in=len(records),
        rows_out=len(first.values),
        filtered=None if windows else len(records) - failed - with_rows,
        failed=failed,
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one check has found."""

    stream: Stream
    records: Records
    first: BatchResult
    rows: Rows
    difference: Difference | None
    splits: int
    touched: list[str]
    lateness: timedelta
    again: bool
    sample: str


@dataclass(frozen=True, slots=True)
class _Exercised:
    """What samples that were made of the given one have shown.

    Attributes:
        sample: which of them differs.
        difference: its first difference.
        splits: how many cuts were run.
    """

    sample: str = ""
    difference: Difference | None = None
    splits: int = 0


def _exercised(stream: Stream, records: Records, seed: int, deadline: float) -> _Exercised:
    """Compare whole and cut on samples that are made of the given one."""
    alone, arrived, seen = replace(stream, edges=None), _arrived(stream, records), _Exercised()
    for made in exercises(alone, records, arrived.rows, arrived.positions):
        whole = joined(process_batches(alone, made.records, [np.arange(len(made.records), dtype=np.int64)]))
        for batches in (each_alone(made.records), next(_cuts(made.records, seed))):
            if time.perf_counter() > deadline:
                return seen
            seen = replace(seen, splits=seen.splits + 1)
            found = joined(process_batches(alone, made.records, batches))
            difference = _compare(whole, found, made.records, windows=False)
            if difference is not None:
                return replace(seen, sample=made.name, difference=_own(difference, made))
    return seen


def _own(difference: Difference, made: Exercise) -> Difference:
    """Return the difference at the record that the user knows."""
    return difference.model_copy(update={"offset": difference.offset % made.stretch}) if made.stretch else difference


def _cuts(records: Records, seed: int) -> Iterator[list[Positions]]:
    """Yield ways of cutting the sample; the first, into many equal parts, shows most."""
    everything = np.arange(len(records), dtype=np.int64)
    if len(records) > 1:
        yield [part for part in np.array_split(everything, min(PARTS, len(records))) if len(part)]
        for plan in plans(records, everything, seed=seed):
            yield plan.batches


def _judge(seen: _Seen) -> tuple[bool | None, str]:  # noqa: PLR0911  one return a finding
    spec = seen.stream.document.spec
    if not len(seen.records):
        return None, "The sample is empty: take one that holds records."
    if not len(seen.first.values):
        failures = seen.first.failures
        if failures:
            return None, f"No record gave a row; the first failure: {failures[0].summary}"
        if seen.first.open_windows:
            return None, f"The sample has none of its {seen.first.open_windows} windows in full: take a longer one."
        return None, "No record of the sample gave a row: take one in which some pass."
    if seen.difference is not None:
        return False, _why(seen)
    if seen.touched:
        names = ", ".join(f"`{name}`" for name in seen.touched)
        return None, f"The outputs agree, but the cell changes {names} outside itself, which no restart knows."
    if not seen.splits:
        return None, "The sample has one record, so that nothing was cut: take a longer one."
    missing = _not_shown(seen)
    if missing is not None:
        return None, missing
    what = "window" if spec.window else "lookback" if spec.lookback else "state"
    return True, f"One batch and {seen.splits} ways of many batches agree, each with the {what} that is declared."


def _why(seen: _Seen) -> str:
    spec, difference = seen.stream.document.spec, f"{seen.difference}{seen.sample and ', on the sample'}{seen.sample}"
    if seen.again:
        return f"Two runs on the same records differ {difference}: the cell depends on something else than its rows."
    if seen.lateness > timedelta(0):
        return (
            f"Batch differs from stream {difference}. Records of the sample come later than the grace allows: "
            f"--grace {_text(spec.grace_time + seen.lateness)} would wait for them."
        )
    if spec.lookback:
        return (
            f"Batch differs from stream {difference}: with {spec.lookback} of history the cell does not give what it "
            "gives on the whole sample. It looks further back, or at other keys."
        )
    if spec.states:
        return (
            f"Batch differs from stream {difference}: what the cell leaves in its state at the end of a batch is not "
            "what the next rows of the same keys would have to start from."
        )
    return f"Batch differs from stream {difference}: the cell looks beyond its rows."


def _not_shown(seen: _Seen) -> str | None:  # noqa: PLR0911  one return a finding
    """Return what the sample would have to show for a proof, or ``None`` when it does."""
    spec, rows = seen.stream.document.spec, seen.rows
    if spec.window:
        count = len(np.unique(seen.first.starts)) if seen.first.starts is not None else 0
        if count < FEWEST_WINDOWS:
            return f"The outputs agree, but the sample closes {count} windows, and {FEWEST_WINDOWS} would prove it."
        return None
    lookback = spec.looks_back
    most = int(np.unique(rows.hashes, return_counts=True)[1].max(initial=0))
    if lookback is None or lookback.rows is not None:
        needed = (lookback.rows or 0) + 2 if lookback is not None else 2
        if most < needed:
            return f"The outputs agree, but no key has {needed} rows in the sample: take a longer one."
        return None
    assert lookback.span is not None  # noqa: S101  one of the two is set
    stretch = int(rows.times.max() - rows.times.min()) if len(rows) else 0
    if stretch < LOOKBACKS * microseconds(lookback.span):
        return (
            f"The outputs agree, but the sample stretches over {_text(timedelta(microseconds=stretch))}; "
            f"{LOOKBACKS} lookbacks ({_text(LOOKBACKS * lookback.span)}) would prove it: take a longer one."
        )
    if most < LOOKBACKS:
        return f"The outputs agree, but no key has {LOOKBACKS} rows in the sample: take a longer one."
    return None


def _messages(stream: Stream, lateness: timedelta) -> Iterator[str]:
    spec = stream.document.spec
    if lateness > timedelta(0):
        yield f"Some records are late; --grace {_text(spec.grace_time + lateness)} would take all of this sample's in."
    if stream.document.repartition:
        yield f"The topic is not keyed by {spec.key}: the service passes its records through a topic of its own."


def _of_edges(first: BatchResult) -> Iterator[str]:
    """Say what the sample's edges leave open."""
    if first.open_windows:
        yield (
            f"{first.open_windows:,} windows are open at the sample's edges and are not shown: the service gives them "
            "when they are complete."
        )
    if len(first.waiting):
        yield (
            f"{len(first.waiting):,} rows at the sample's end are still within the grace: a record that comes later "
            "may belong before them."
        )


def _arrived(stream: Stream, records: Records) -> Arrived:
    return Arrivals(stream.document.spec, make_codecs(stream)).rows(records)


def _rows_of(stream: Stream, records: Records) -> Rows:
    return _arrived(stream, records).rows


def _most_late(stream: Stream, rows: Rows) -> timedelta:
    """Return by how much the latest record exceeds the grace; zero when none does."""
    spec = stream.document.spec
    if not spec.in_event_time:
        return timedelta(0)
    latest = 0
    for number in np.unique(rows.partitions).tolist():
        times = rows.times[rows.partitions == number]
        seen = newest_before(times, NEVER, int(times.max()))[:-1]
        latest = max(latest, int((seen - times).max()))
    return max(timedelta(0), timedelta(microseconds=latest) - spec.grace_time)


def _compare(whole: BatchResult, split: BatchResult, records: Records, *, windows: bool) -> Difference | None:
    if windows:
        return _compare_windows(whole, split, records)
    everything = np.arange(len(records), dtype=np.int64)
    found = compare(Run.of([(everything, whole)]), Run.of([(everything, split)]), records).difference
    return found or compare_states(whole.states, split.states, records)


def _compare_windows(whole: BatchResult, split: BatchResult, records: Records) -> Difference | None:
    """Compare what each window gave, whatever the order in which the rows of one window come."""
    one, other = _by_window(whole), _by_window(split)
    for start, sink in sorted(one.keys() | other.keys()):
        for mine, theirs in zip_longest(one.get((start, sink), []), other.get((start, sink), [])):
            key = mine[0] if mine is not None else theirs[0] if theirs is not None else None
            place = {
                "partition": int(records.partitions[0]),
                "offset": int(records.offsets[0]),
                "window_start": pd.Timestamp(start, unit="us", tz="UTC").isoformat(),
                "key": key,
            }
            if mine is None or theirs is None:
                rows = [None if row is None else json_value(row[1]) for row in (mine, theirs)]
                return Difference(**place, column=None, whole=rows[0], split=rows[1], kind="row")
            column = same_rows(mine[1], theirs[1])
            if column is not None:
                values = [json_value(row[1].get(column)) for row in (mine, theirs)]
                return Difference(**place, column=column, whole=values[0], split=values[1])
    return None


_Row = tuple[str | None, dict[str, object]]


def _by_window(result: BatchResult) -> dict[tuple[int, int], list[_Row]]:
    """Return the rows by the start of their window and by topic."""
    zeros = np.zeros(len(result.values), np.int64)
    starts, sinks = (zeros if column is None else column for column in (result.starts, result.sinks))
    rows: dict[tuple[int, int], list[_Row]] = defaultdict(list)
    for start, sink, key, value in zip(starts.tolist(), sinks.tolist(), result.keys, result.values, strict=True):
        rows[start, sink].append((None if key is None else key.decode("utf-8", "replace"), orjson.loads(value)))
    return {place: sorted(own, key=_order) for place, own in rows.items()}


def _order(row: _Row) -> tuple[str, list[str]]:
    """Order rows by key, then by what is no float, which may differ in its last digits."""
    plain = [f"{name}={value}" for name, value in sorted(row[1].items()) if not isinstance(value, float)]
    return row[0] or "", plain


def _text(length: timedelta) -> str:
    """Return a length of time as an option takes it, rounded up."""
    seconds = -(-length // timedelta(seconds=1))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{-(-seconds // size)}{unit}"
    return f"{seconds}s"
