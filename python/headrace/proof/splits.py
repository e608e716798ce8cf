"""The ways in which a stream might cut a sample into batches, and samples that show more than the given one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import orjson

from headrace.kafka.records import Records

Positions = npt.NDArray[np.int64]

SINGLES = 6
"""How many records that give rows, and as many that give none, are sent each by itself."""
CUTS = 4
"""How many random places a sample is cut at."""
STRETCHED = 2_000
"""Up to how many records a short sample is repeated."""
MOST_COPIES = 16
NULL_EVERY = 7
"""Every how many records a null is put into each column that may hold one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One way of cutting the sample into batches.

    Attributes:
        name: what a message calls it.
        batches: positions into the sample; together all of them, each once.
        in_order: the batches one after the other are the sample in its own order.
    """

    name: str
    batches: list[Positions]
    in_order: bool


def plans(records: Records, with_rows: Positions, *, seed: int = 0) -> Iterator[Plan]:
    """Yield the ways of cutting ``records``; each keeps the order within a partition.

    Halves, random sizes, some records each by itself (a batch without any output row is one of its own kind), each
    partition by itself, and partitions interleaved at random: first the ones that show most.

    Args:
        records: the sample, at least two records.
        with_rows: positions of the records that give rows.
        seed: of the random sizes and orders; one seed gives one sequence of plans.
    """
    random = np.random.default_rng(seed)
    everything = np.arange(len(records), dtype=np.int64)
    middle = len(records) // 2
    yield Plan("halves", [everything[:middle], everything[middle:]], in_order=True)
    yield Plan("random sizes", _cut(everything, random), in_order=True)
    alone = np.concatenate([with_rows[:SINGLES], np.setdiff1d(everything, with_rows)[:SINGLES]])
    places = np.unique(np.concatenate([alone, alone + 1]))
    yield Plan("one by one", _batches(everything, places), in_order=True)
    by_partition = _by_partition(records)
    if len(by_partition) > 1:
        yield Plan("each partition", by_partition, in_order=False)
        for _ in range(2):
            yield Plan("interleaved partitions", _cut(_interleave(by_partition, random), random), in_order=False)
    yield Plan("random sizes", _cut(everything, random), in_order=True)


def copies(records: Records) -> int:
    """Return how often :func:`repeated` repeats ``records``: at least twice."""
    return min(MOST_COPIES, max(2, -(-STRETCHED // max(len(records), 1))))


def repeated(records: Records) -> Records:
    """Return the sample several times over, so that every value occurs again in a longer run."""
    return records.take(np.tile(np.arange(len(records), dtype=np.int64), copies(records)))


def apart(records: Records, stretch: int) -> Records:
    """Return repeated records with offsets of their own, so that partition and offset name one record.

    Args:
        records: what :func:`repeated` gave.
        stretch: by how much the offsets of each further copy are higher; more than the highest.
    """
    places = zip(records.partitions.tolist(), records.offsets.tolist(), strict=True)
    seen: Counter[tuple[int, int]] = Counter()
    copy = np.empty(len(records), np.int64)
    for row, place in enumerate(places):
        copy[row] = seen[place]
        seen[place] += 1
    return replace(records, offsets=records.offsets + copy * stretch)


def with_nulls(records: Records, columns: list[str]) -> Records | None:
    """Return the records with a null here and there in each of ``columns``, or ``None`` without such a column.

    Args:
        records: the sample, JSON objects as values.
        columns: the columns that may be null.
    """
    if not columns or len(records) < NULL_EVERY:
        return None
    values = list(records.values)
    for row, value in enumerate(values):
        here = columns[row % NULL_EVERY :: NULL_EVERY]
        if value is None or not here:
            continue
        try:
            fields = orjson.loads(value)
        except orjson.JSONDecodeError:
            continue
        if isinstance(fields, dict):
            values[row] = orjson.dumps(fields | dict.fromkeys(here))
    return Records(
        records.topic,
        records.keys,
        values,
        records.partitions,
        records.offsets,
        records.timestamps,
        records.headers,
    )


def _cut(order: Positions, random: np.random.Generator) -> list[Positions]:
    """Cut ``order`` at random places, into some batches of very different sizes."""
    count = min(CUTS, len(order) - 1)
    places = np.sort(random.choice(np.arange(1, len(order)), size=count, replace=False))
    return _batches(order, places)


def _batches(order: Positions, places: Positions) -> list[Positions]:
    return [batch for batch in np.split(order, places) if len(batch)]


def _by_partition(records: Records) -> list[Positions]:
    return [np.flatnonzero(records.partitions == partition) for partition in np.unique(records.partitions)]


def _interleave(by_partition: list[Positions], random: np.random.Generator) -> Positions:
    turns = np.repeat(np.arange(len(by_partition)), [len(positions) for positions in by_partition])
    random.shuffle(turns)
    order = np.empty(len(turns), np.int64)
    for turn, positions in enumerate(by_partition):
        order[turns == turn] = positions
    return order
