"""The past that a sample's rows need, pinned with it, and for which of them it is not all there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from headrace.engine.arrivals import Arrivals
from headrace.engine.codecs import make_codecs
from headrace.engine.edges import Edges
from headrace.engine.event_time import NEVER, microseconds
from headrace.engine.rows import Rows, event_order
from headrace.engine.stream import Stream
from headrace.kafka.inference import InferredTypes, column_types
from headrace.kafka.past import PAST_LIMITS, read_back
from headrace.kafka.pins import kept_sample
from headrace.kafka.reading import SampleLimits
from headrace.kafka.records import Records
from headrace.kafka.sampling import Sample
from headrace.proof.keying import stands_by_key
from headrace.proof.needed_past import NeededPast
from headrace.spec import StreamDocument, StreamSpec

if TYPE_CHECKING:
    import numpy.typing as npt

    from headrace.kafka.clusters import Cluster

_FIRST_ROWS = 20
"""So many rows at the beginning of what was read say how far the partition was there, late ones among them or not."""


@dataclass(frozen=True, slots=True)
class PastSample:
    """What is known of the log around a sample.

    Attributes:
        edges: the past, and the sample's ends; ``None`` where the stream's rows need no past.
        incomplete: int64[k], positions of the sample's records that have less history than the service will have.
        notes: what is worth knowing of it, a sentence each.
    """

    edges: Edges | None = None
    incomplete: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    notes: tuple[str, ...] = ()


def pinned_past(
    cluster: Cluster,
    spec: StreamSpec,
    inferred: InferredTypes,
    sample: Sample,
    *,
    renew: bool = False,
    limits: SampleLimits = PAST_LIMITS,
    progress: Callable[[int], None] | None = None,
) -> PastSample:
    """Return the records before a sample that its lookback or window needs: those of before where they were pinned.

    A service that has read the log up to the sample has them; so the sample's rows get what they get there. They are
    read backwards from the sample, until a run of records lies altogether before what is needed.

    Args:
        cluster: where.
        spec: the stream's declaration.
        inferred: the source topic's column types.
        sample: the pinned records of the source.
        renew: read them anew in any case.
        limits: how much to read at most.
        progress: called with the number of records read so far.

    Raises:
        MissingTopicError: the topic does not exist.
        UsageError: a column that is declared is not there.
        ClusterError: the cluster cannot be reached, or refuses.
    """
    starts = {number: start for number, start, _ in reversed(sample.pin.ranges)}  # of a partition's first range
    own = tuple(_of_sample(spec, sample))
    if not spec.in_event_time:
        return PastSample(notes=(*own, *_of_states(spec, starts)))
    bare = Stream(StreamDocument(spec=spec, input=column_types(inferred, spec)), _same)
    arrivals = Arrivals(spec, make_codecs(bare))
    arrived = arrivals.rows(sample.records)
    together = spec.key is None or not stands_by_key(arrived.rows.frame[spec.key], arrived)
    needed = NeededPast(spec, arrived.rows, together=together, ahead_of=int((time.time() + 3600) * 1e6))
    declared = f"{spec.key} {spec.time} {spec.lookback} {spec.window} {spec.grace} {spec.format} {together}"

    def take() -> Sample:
        def enough(number: int, records: Records) -> bool:
            return needed.enough(number, arrivals.rows(records).rows)

        return read_back(cluster, spec.source, starts, enough, limits=limits, progress=progress)

    words = f"before {sample.pin.offsets} for {declared} up to {limits}"
    past = kept_sample(cluster, spec.source, words, take, renew=renew)
    rows = arrivals.rows(past.records).rows
    known = _known_from(spec, past, rows, starts, arrived.rows)
    if together:
        known = dict.fromkeys(known, max(known.values(), default=NEVER))
    lacking = needed.incomplete(rows, known)
    edges = Edges(
        past=past.records,
        starts=starts,
        since=_since(spec, known),
        quiet=tuple(_quiet(spec, sample, past)),
        now=sample.pin.taken * 1000,
    )
    notes = (*own, *_notes(spec, past, known, arrived.rows, lacking))
    return PastSample(edges, arrived.positions[lacking], notes)


def _same(df: object) -> object:
    return df


def _of_sample(spec: StreamSpec, sample: Sample) -> Iterator[str]:
    """Say where a sample is less than was asked for, and where it has gaps that matter."""
    pin = sample.pin
    if not pin.complete:
        looked = f" after {pin.looked_at:,} records were looked at" if pin.looked_at else ""
        yield f"The sample {pin.text} was cut to {len(sample.records):,} records by a limit{looked}."
    if spec.remembers and len(pin.ranges) > len({number for number, _, _ in pin.ranges}):
        yield "The sample has gaps: records between those that are shown are in no history, window or state here."


def _of_states(spec: StreamSpec, starts: dict[int, int]) -> Iterator[str]:
    if spec.states and any(starts.values()):
        yield "The state is empty at the sample's first record; the service's holds what earlier records have left."


def _known_from(spec: StreamSpec, past: Sample, rows: Rows, starts: dict[int, int], sampled: Rows) -> dict[int, int]:
    """Return by partition from which event time on all its rows are known, :data:`NEVER` where all there ever were.

    What is before the first record that was read is at most the grace later than the first rows in time; a few rows
    are looked at, since one may be late.
    """
    firsts = {**starts, **{number: first for number, first, _ in past.pin.ranges}}
    known = {}
    for number, first in firsts.items():
        times = np.concatenate([rows.times[rows.partitions == number], sampled.times[sampled.partitions == number]])
        offsets = np.concatenate([own.offsets[own.partitions == number] for own in (rows, sampled)])
        earliest = times[np.argsort(offsets, kind="stable")[:_FIRST_ROWS]]
        known[number] = NEVER if first == 0 else int(earliest.max(initial=NEVER)) + microseconds(spec.grace_time)
    return known


def _since(spec: StreamSpec, known: dict[int, int]) -> int:
    """Return before which time a window that begins lacks records."""
    window = spec.windows
    latest = max(known.values(), default=NEVER)
    if window is None or window.kind == "count" or latest == NEVER:
        return NEVER
    return latest + (microseconds(window.size) + 1 if window.kind == "session" else 0)


def _quiet(spec: StreamSpec, sample: Sample, past: Sample) -> Iterator[int]:
    """Yield the partitions that a service would hold for quiet at the sample's end."""
    before = sample.pin.taken - spec.idle_time.total_seconds() * 1000
    for number, _, end in sample.pin.ranges:
        stamps = [own.timestamps[own.partitions == number] for own in (past.records, sample.records)]
        if sample.pin.ends.get(number) == end and int(np.concatenate(stamps).max(initial=0)) <= before:
            yield number


def _notes(
    spec: StreamSpec, past: Sample, known: dict[int, int], rows: Rows, lacking: npt.NDArray[np.bool_]
) -> Iterator[str]:
    latest = max(known.values(), default=NEVER)
    if latest == NEVER:
        return
    why = "older records are no longer in the log"
    if not past.pin.complete:
        why = f"reading back stopped after {len(past.records):,} records"
    window = spec.windows
    if window is not None and window.kind == "count":
        yield f"The windows count from the first record that was read, not from the service's first: {why}."
    if not lacking.any():
        return
    whole = np.flatnonzero(~lacking)
    if len(whole):
        first = whole[_first(rows.take(whole))]
        moment = pd.Timestamp(int(rows.times[first]), unit="us", tz="UTC")
        place = f"{int(rows.partitions[first])}:{int(rows.offsets[first])}"
        since = f"the first with all of it is {place}, of {moment:%Y-%m-%d %H:%M:%S} UTC"
    else:
        since = "none has all of it"
    yield f"{int(lacking.sum()):,} of {len(rows):,} rows have less history than in the service; {since} ({why})."


def _first(rows: Rows) -> int:
    """Return the position of the row that is first in event-time order."""
    order = event_order(rows.times, rows.partitions, rows.offsets)
    return 0 if order is None else int(order[0])
