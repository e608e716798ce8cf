"""Compare two runs of the same records, output by output, by provenance."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from headrace.engine.result import BatchResult
from headrace.kafka.records import Records
from headrace.proof.json_values import cut, json_value
from headrace.proof.verdict import Difference

RELATIVE_TOLERANCE = 1e-9
"""Of floats that are not exactly equal: what another order of summing may change."""

Batch = tuple[npt.NDArray[np.int64], BatchResult]
"""A batch's records, as positions into the sample, and what became of them."""


@dataclass(frozen=True, slots=True)
class Run:
    """What all batches of a run gave, in the order in which it was sent.

    Attributes:
        source: for each output the position of its record in the sample; for outputs that cannot be traced, of the
            first record of their batch.
        values: the encoded outputs.
        keys: their keys.
        sinks: the topic of each output, as a position among the stream's.
        failures: the records that failed, with the error as one line.
        traced: every output's record is known.
    """

    source: list[int]
    values: list[bytes]
    keys: list[bytes | None]
    sinks: list[int]
    failures: dict[int, str]
    traced: bool

    @classmethod
    def of(cls, batches: Iterable[Batch]) -> Run:
        """Return the run that these batches make, one after the other."""
        run = cls([], [], [], [], {}, traced=True)
        traced = True
        for positions, result in batches:
            first = int(positions[0]) if len(positions) else -1
            run.source.extend(int(positions[row]) if row >= 0 else first for row in result.source.tolist())
            traced = traced and bool((result.source >= 0).all())
            run.values.extend(result.values)
            run.keys.extend(result.keys)
            run.sinks.extend([0] * len(result.values) if result.sinks is None else result.sinks.tolist())
            run.failures.update({int(positions[failure.position]): failure.summary for failure in result.failures})
        return cls(run.source, run.values, run.keys, run.sinks, run.failures, traced)


@dataclass(slots=True)
class Comparison:
    """What comparing found.

    Attributes:
        difference: the first difference in the order of partitions and offsets, or ``None``.
        drifted: columns with one number written as an integer here and with a point there (``1``, ``1.0``).
        rounded: columns whose floats agree within the tolerance and not exactly.
    """

    difference: Difference | None = None
    drifted: set[str] = field(default_factory=set)
    rounded: set[str] = field(default_factory=set)


def compare(whole: Run, split: Run, records: Records) -> Comparison:
    """Compare a whole run with a split one, by what a consumer of the outputs would read.

    Outputs are joined by record, by topic and by their ordinal among the record's outputs to that topic; failures,
    keys, columns, values (null equals null, numbers by value) and the order within a partition count. The order
    between topics does not: no consumer sees it. Where rows cannot be traced, the outputs to a topic are compared one
    after the other.

    Args:
        whole: the run of all records at once.
        split: the run of the same records in batches.
        records: the sample that both runs' positions refer to.
    """
    found = Comparison()
    if whole.traced and split.traced:
        found.difference = _by_record(whole, split, records, found)
    else:
        found.difference = _one_after_the_other(whole, split, records, found)
    return found


def _by_record(whole: Run, split: Run, records: Records, found: Comparison) -> Difference | None:
    order = np.lexsort((records.offsets, records.partitions))
    by_record = [_by_record_and_sink(run) for run in (whole, split)]
    sinks = _sinks(whole, split)
    for position in order.tolist():
        failed = [run.failures.get(position) for run in (whole, split)]
        if (failed[0] is None) != (failed[1] is None):
            return _difference(records, position, None, failed[0], failed[1], "failure")
        for sink in sinks:
            one, other = (outputs.get((position, sink), []) for outputs in by_record)
            for first, second in zip_longest(one, other):
                difference = _pair(whole, split, first, second, (records, position), found)
                if difference:
                    return difference
    return _order(whole, split, records)


def _one_after_the_other(whole: Run, split: Run, records: Records, found: Comparison) -> Difference | None:
    for position in sorted(whole.failures.keys() ^ split.failures.keys()):
        failed = [run.failures.get(position) for run in (whole, split)]
        return _difference(records, position, None, failed[0], failed[1], "failure")
    for sink in _sinks(whole, split):
        one, other = ([row for row, own in enumerate(run.sinks) if own == sink] for run in (whole, split))
        for first, second in zip_longest(one, other):
            position = whole.source[first] if second is None else split.source[second]
            difference = _pair(whole, split, first, second, (records, max(position, 0)), found)
            if difference:
                return difference
    return None


def _sinks(whole: Run, split: Run) -> list[int]:
    return sorted({*whole.sinks, *split.sinks})


def _by_record_and_sink(run: Run) -> dict[tuple[int, int], list[int]]:
    rows: dict[tuple[int, int], list[int]] = defaultdict(list)
    for row, place in enumerate(zip(run.source, run.sinks, strict=True)):
        rows[place].append(row)
    return rows


def _pair(
    whole: Run, split: Run, first: int | None, second: int | None, place: tuple[Records, int], found: Comparison
) -> Difference | None:
    records, position = place
    if first is None or second is None:
        rows = [
            None if row is None else json_value(orjson.loads(run.values[row]))
            for run, row in ((whole, first), (split, second))
        ]
        return _difference(records, position, None, rows[0], rows[1], "row")
    if whole.keys[first] != split.keys[second]:
        return _difference(records, position, "_key", whole.keys[first], split.keys[second], "key")
    if whole.values[first] == split.values[second]:
        return None
    one, other = orjson.loads(whole.values[first]), orjson.loads(split.values[second])
    for column in [*one, *(name for name in other if name not in one)]:
        if column not in one or column not in other or not _same(one[column], other[column], column, found):
            return _difference(records, position, column, one.get(column), other.get(column), "value")
    return None


def _same(one: Any, other: Any, column: str, found: Comparison) -> bool:  # noqa: ANN401, PLR0911  any JSON value
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key], column, found) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_same(a, b, column, found) for a, b in zip(one, other, strict=True))
    if isinstance(one, bool) or isinstance(other, bool) or not _numbers(one, other):
        return type(one) is type(other) and bool(one == other)
    if type(one) is not type(other) and one == other:
        found.drifted.add(column)
        return True
    if isinstance(one, int) and isinstance(other, int):
        return one == other
    if one != other and math.isclose(one, other, rel_tol=RELATIVE_TOLERANCE, abs_tol=0.0):
        found.rounded.add(column)
        return True
    return bool(one == other)


def same_rows(one: dict[str, Any], other: dict[str, Any]) -> str | None:
    """Return the first column in which two output rows differ, rounding aside; ``None`` when they are equal."""
    found = Comparison()
    for column in [*one, *(name for name in other if name not in one)]:
        if column not in one or column not in other or not _same(one[column], other[column], column, found):
            return column
    return None


def _numbers(one: object, other: object) -> bool:
    return isinstance(one, int | float) and isinstance(other, int | float)


def _order(whole: Run, split: Run, records: Records) -> Difference | None:
    """Find the first output that does not stand in the same place among its partition's outputs to its topic."""
    sequences: list[dict[tuple[int, int], list[int]]] = []
    for run in (whole, split):
        sequence: dict[tuple[int, int], list[int]] = defaultdict(list)
        for position, sink in zip(run.source, run.sinks, strict=True):
            sequence[int(records.partitions[position]), sink].append(position)
        sequences.append(sequence)
    for place in sorted(sequences[0]):
        for first, second in zip(sequences[0][place], sequences[1][place], strict=True):
            if first != second:
                offsets = int(records.offsets[first]), int(records.offsets[second])
                return _difference(records, first, None, offsets[0], offsets[1], "order")
    return None


def _difference(
    records: Records,
    position: int,
    column: str | None,
    whole: object,
    split: object,
    kind: Any,  # noqa: ANN401
) -> Difference:
    return Difference(
        partition=int(records.partitions[position]),
        offset=int(records.offsets[position]),
        column=None if column is None else cut(column),
        whole=json_value(whole),
        split=json_value(split),
        kind=kind,
    )
