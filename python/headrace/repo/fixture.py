"""The fixture of a stream's tests: few records that cover what the cell does, as JSON lines that people can read."""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from headrace.engine.result import BatchResult
from headrace.kafka.record_view import as_text
from headrace.kafka.records import Headers, Records

MOST_RECORDS = 30
ENOUGH_RECORDS = 12


def choose(records: Records, result: BatchResult) -> list[int]:
    """Return positions of at most :data:`MOST_RECORDS` records, ascending, that cover what happened.

    Each kind of outcome is there: kept, filtered, every kind of failure, every choice of topics; every pattern of nulls
    in input and output and of true and false in the output, as far as there is room.

    Args:
        records: the sample.
        result: what became of it.
    """
    first: dict[tuple[object, ...], int] = {}
    for position, kind in enumerate(_kinds(records, result)):
        first.setdefault(kind, position)
    by_status: dict[object, list[int]] = {}
    for kind, position in first.items():
        by_status.setdefault(kind[0], []).append(position)
    chosen = [
        position
        for row in range(max(map(len, by_status.values()), default=0))
        for positions in by_status.values()
        for position in positions[row : row + 1]
    ][:MOST_RECORDS]
    rest = (position for position in range(len(records)) if position not in set(chosen))
    chosen += [position for position, _ in zip(rest, range(ENOUGH_RECORDS - len(chosen)), strict=False)]
    return sorted(chosen)


def write_records(path: Path, records: Records) -> None:
    """Write records as JSON lines; a value that is a plain JSON object stands there as that object."""
    lines = []
    for row in range(len(records)):
        headers = records.headers[row]
        line = {
            "partition": int(records.partitions[row]),
            "offset": int(records.offsets[row]),
            "timestamp": int(records.timestamps[row]),
            "key": as_text(records.keys[row]),
            "value": _value(records.values[row]),
            "headers": None if headers is None else [[name, as_text(value)] for name, value in headers],
        }
        lines.append(orjson.dumps(line))
    path.write_bytes(b"".join(line + b"\n" for line in lines))


def read_records(path: Path, topic: str) -> Records:
    """Return the records that :func:`write_records` wrote."""
    lines = read_lines(path)
    headers: list[Headers | None] = [
        None if line["headers"] is None else [(name, _bytes(value)) for name, value in line["headers"]]
        for line in lines
    ]
    return Records(
        topic=topic,
        keys=[_bytes(line["key"]) for line in lines],
        values=[_bytes(line["value"]) for line in lines],
        partitions=np.array([line["partition"] for line in lines], np.int32),
        offsets=np.array([line["offset"] for line in lines], np.int64),
        timestamps=np.array([line["timestamp"] for line in lines], np.int64),
        headers=headers,
    )


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the JSON objects of a file, one a line."""
    return [orjson.loads(line) for line in path.read_bytes().splitlines() if line.strip()]


def write_lines(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    """Write JSON objects to a file, one a line."""
    path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))


def outcomes(records: Records, result: BatchResult, sinks: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return what became of records, one object a record, in their order.

    ``output`` lists the key and value of each output, none for a filtered record, and with several topics the topic it
    goes ``to``; ``error`` names the kind of error of a failed one. Outputs that cannot be traced to a record follow,
    each by itself.

    Args:
        records: the records that were processed.
        result: what became of them.
        sinks: the stream's topics.
    """
    lines: list[dict[str, Any]] = [
        {"partition": int(partition), "offset": int(offset), "output": []}
        for partition, offset in zip(records.partitions, records.offsets, strict=True)
    ]
    for failure in result.failures:
        line = lines[failure.position]
        line.pop("output")
        line["error"] = type(failure.error).__name__
    untraced = []
    topics = np.zeros(len(result.values), np.int64) if result.sinks is None else result.sinks
    for row in np.argsort(topics, kind="stable").tolist():
        source = int(result.source[row])
        output = {"key": as_text(result.keys[row]), "value": orjson.loads(result.values[row])}
        if len(sinks) > 1:
            output["to"] = sinks[int(topics[row])]
        if source >= 0:
            lines[source]["output"].append(output)
        else:
            untraced.append({"output": [output]})
    if untraced:
        return [line for line in lines if "error" in line] + untraced
    return lines


def _kinds(records: Records, result: BatchResult) -> list[tuple[object, ...]]:
    kinds: list[tuple[object, ...]] = [("filtered",)] * len(records)
    nulls = result.before.isna().to_numpy()
    for row, position in enumerate(result.before_positions.tolist()):
        kinds[position] = ("filtered", nulls[row].tobytes())
    rows = result.rows
    patterns = [rows.isna().to_numpy(), rows.select_dtypes(include=["bool", "boolean"]).fillna(value=False).to_numpy()]
    for row, position in enumerate(result.source.tolist()):
        if position >= 0:
            kinds[position] = ("kept", *kinds[position][1:2], *(pattern[row].tobytes() for pattern in patterns))
    for position, topics in _topics(result).items():
        kinds[position] = (*kinds[position], frozenset(topics))
    for failure in result.failures:
        kinds[failure.position] = ("failed", failure.kind, type(failure.error).__name__, failure.line)
    return kinds


def _topics(result: BatchResult) -> dict[int, set[int]]:
    """Return by record which topics its outputs go to; nothing where there is one topic."""
    topics: dict[int, set[int]] = defaultdict(set)
    if result.sinks is not None:
        for position, sink in zip(result.source.tolist(), result.sinks.tolist(), strict=True):
            if position >= 0:
                topics[position].add(sink)
    return topics


def _value(value: bytes | None) -> Any:  # noqa: ANN401  any JSON object
    try:
        content = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return as_text(value)
    return content if isinstance(content, dict) and orjson.dumps(content) == value else as_text(value)


def _bytes(value: Any) -> bytes | None:  # noqa: ANN401  any JSON value
    if value is None:
        return None
    if isinstance(value, str):
        return value.encode("utf-8")
    if isinstance(value, dict) and value.keys() == {"base64"}:
        return base64.b64decode(value["base64"])
    return orjson.dumps(value)
