"""Column types from a topic's records: inferred once over at least 10,000 of them, then pinned.

The rules: ``int64`` where every value is an integer within 64 bits, ``float64`` for other numbers and for integers
with nulls; ``bool``, or ``boolean`` with nulls; ``str`` for text, also with nulls; ``object`` for objects, arrays,
mixed kinds and columns that are null throughout. A missing field is a null. Text that looks like a time stays text;
only ``--time`` (see :func:`column_types`) makes a column of times.

Where the format has schemas in a registry, these decide (see :mod:`headrace.kafka.registered_types`); ``string`` and
``bytes`` have one column, ``csv`` has those of ``--type``.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from headrace.errors import DecodeError, ExpiredOffsetError, UsageError
from headrace.home import home
from headrace.kafka.sampling import SampleLimits, SamplePin, read_pin
from headrace.kafka.topics import watermarks
from headrace.spec import META_COLUMNS, TIME_TYPE, ColumnType, Format, StreamSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from headrace.kafka.clusters import Cluster
    from headrace.kafka.registry import Registry
    from headrace.kafka.sample_request import Range

LEAST_RECORDS = 10_000
MOST_COLUMNS = 10_000

_WANTED = 20_000
_PLACES = 8
_LIMITS = SampleLimits(records=100_000, bytes=200_000_000, seconds=60.0)
_RETENTION_TRIES = 3
Kind = type | str
_WIDE_INTEGER = "numbers beyond 64 bits"
_WORDS: dict[Kind, str] = {
    int: "whole numbers",
    float: "numbers with a point",
    bool: "true or false",
    str: "text",
    list: "arrays",
    dict: "objects",
    type(None): "null",
}

Ends = dict[int, tuple[int, int]]


class InferredTypes(BaseModel):
    """What a topic's records say about its columns.

    Attributes:
        columns: each column's type, in the order in which the fields first appear.
        never_null: columns that are there and not null in every record read.
        records: how many records the types rest on.
        broken: how many more were read that are not JSON objects; they do not count.
        left_out: how many fields have no column, because a topic has at most 10,000 columns.
        kinds: for each column how many rows hold what: ``text``, ``whole numbers``, ``null``, also where the field is
            missing; empty where the types do not come from values.
    """

    model_config = ConfigDict(frozen=True)

    columns: dict[str, ColumnType]
    never_null: tuple[str, ...]
    records: int
    broken: int = 0
    left_out: int = 0
    kinds: dict[str, dict[str, int]] = {}


class _Entry(BaseModel):
    """What the cache keeps: the types, and the topic's ends when they were inferred."""

    types: InferredTypes
    ends: dict[int, int]


def infer_types(
    cluster: Cluster,
    topic: str,
    *,
    renew: bool = False,
    format: Format = "json",  # noqa: A002  the option's name
    registry: Registry | None = None,
) -> InferredTypes:
    """Return the types of a topic's columns, inferred over records from all over the topic.

    The result is kept on disk. It is made anew when ``renew`` says so, when the topic was made anew, and, as long as
    it rests on fewer than 10,000 records, when the topic has grown. What a registry's schemas say is asked each time.

    Args:
        cluster: the cluster.
        topic: the topic.
        renew: whether to infer again.
        format: the format of the records.
        registry: where the schemas are; for the formats that have some, the cluster's own by default.

    Raises:
        MissingTopicError: there is no such topic.
        ClusterError: the cluster or the registry cannot be reached, or refuses.
        UsageError: the format needs a registry and the cluster names none.
        DecodeError: a schema cannot be read.
    """
    if format == "string":
        return InferredTypes(columns={"value": "str"}, never_null=("value",), records=0)
    if format == "bytes":
        return InferredTypes(columns={"value": "object"}, never_null=("value",), records=0)
    if format == "csv":
        return InferredTypes(columns={}, never_null=(), records=0)
    if format != "json":
        from headrace.kafka.registered_types import registered_types  # noqa: PLC0415  an optional extra
        from headrace.kafka.registry import registry_of  # noqa: PLC0415  only where there is one

        values = partial(_read_spread, cluster, topic)
        columns, never_null = registered_types(registry or registry_of(cluster), topic, format, values)
        return InferredTypes(columns=columns, never_null=never_null, records=0)
    path = home("types") / f"{_key(cluster, topic)}.json"
    ends = watermarks(cluster, topic)
    highs = {number: high for number, (_, high) in ends.items()}
    kept = None if renew else _load(path)
    if kept is not None and _is_current(kept, highs):
        return kept.types
    inferred = infer_from_values(_read_spread(cluster, topic))
    _save(path, _Entry(types=inferred, ends=highs))
    return inferred


def infer_from_values(values: Sequence[bytes | None]) -> InferredTypes:
    """Return the types that n record values have together; values that are no JSON objects are left out."""
    from headrace.kafka.codec.json.by_record import parse_objects  # noqa: PLC0415  loads pandas; kept types do not need it

    kinds: dict[str, dict[Kind, int]] = {}
    left_out: set[str] = set()
    broken = rows = 0
    for value in values:
        try:
            documents = parse_objects(value)
        except DecodeError:
            broken += 1
            continue
        rows += len(documents)
        for name, field in (item for document in documents for item in document.items()):
            if name not in kinds:
                if len(kinds) == MOST_COLUMNS:
                    left_out.add(name)
                    continue
                kinds[name] = defaultdict(int)
            kinds[name][_kind(field)] += 1
    records = len(values) - broken
    for found in kinds.values():
        if (missing := rows - sum(found.values())) > 0:
            found[type(None)] += missing
    return InferredTypes(
        columns={name: _type_of(set(found), nullable=type(None) in found) for name, found in kinds.items()},
        never_null=tuple(name for name, found in kinds.items() if type(None) not in found),
        records=records,
        broken=broken,
        left_out=len(left_out),
        kinds={name: {_words(kind): count for kind, count in found.items()} for name, found in kinds.items()},
    )


def column_types(inferred: InferredTypes, spec: StreamSpec) -> dict[str, ColumnType]:
    """Return the types to pin for a stream: the inferred ones, ``--time`` and ``--type`` applied.

    A column named by ``--type`` that no record had comes last. The columns of ``csv`` are those of ``--type`` alone, in
    their order, which is that of the fields.

    Raises:
        UsageError: the ``--time`` column is not among the columns of a topic that has some, or the ``--key`` of a
            stream that remembers is none of them; a stream that does not may make it in its cell.
    """
    types = _timed_types(inferred, spec)
    if spec.remembers and spec.key is not None and spec.key not in (*types, *(META_COLUMNS if spec.meta else ())):
        raise _no_field(spec, spec.key, "--key", types)
    return types


def _timed_types(inferred: InferredTypes, spec: StreamSpec) -> dict[str, ColumnType]:
    if spec.format == "csv":
        if spec.time is not None and spec.time not in spec.types:
            message = f"The --time column `{spec.time}` has no place among the fields of CSV."
            raise UsageError(message, hint=f"Name it in its place: --type '{spec.time}={TIME_TYPE}'.")
        return dict(spec.types)
    types = dict(inferred.columns)
    if spec.time is not None:
        if types and spec.time not in types and spec.time not in spec.types:
            raise _no_field(spec, spec.time, "--time", types)
        types[spec.time] = TIME_TYPE
    return types | spec.types


def _no_field(spec: StreamSpec, column: str, option: str, types: Iterable[str]) -> UsageError:
    names = ", ".join(f"`{name}`" for name in list(types)[:20])
    hint = f"They have {names}." if names else f"No record says which they have: declare it with --type {column}=DTYPE."
    return UsageError(f"The records of `{spec.source}` have no field `{column}` for {option}.", hint=hint)


def _kind(field: object) -> Kind:
    if type(field) is int and not -(2**63) <= field < 2**63:
        return _WIDE_INTEGER
    return type(field)


def _words(kind: Kind) -> str:
    return kind if isinstance(kind, str) else _WORDS[kind]


def _type_of(found: set[Kind], *, nullable: bool) -> ColumnType:
    kinds = found - {type(None)}
    if kinds == {int}:
        return "float64" if nullable else "int64"
    if kinds and kinds <= {int, float, _WIDE_INTEGER}:
        return "float64"
    if kinds == {bool}:
        return "boolean" if nullable else "bool"
    return "str" if kinds == {str} else "object"


def _read_spread(cluster: Cluster, topic: str) -> Sequence[bytes | None]:
    """Read records from several places of each partition; wider where gaps in the offsets leave too few."""
    tries = 0
    wanted = _WANTED
    while True:
        ends = watermarks(cluster, topic)
        pin = SamplePin(cluster=cluster.name, topic=topic, text="types", ranges=spread(ends, wanted))
        try:
            values = read_pin(cluster, pin, limits=_LIMITS).records.values
        except ExpiredOffsetError:  # retention was quicker than the reading
            tries += 1
            if tries == _RETENTION_TRIES:
                raise
            continue
        is_whole = wanted >= sum(high - low for low, high in ends.values())
        is_much = sum(len(value or b"") for value in values) * 2 >= _LIMITS.bytes
        if len(values) >= LEAST_RECORDS or is_whole or is_much:
            return values
        wanted *= 4


def spread(ends: Ends, wanted: int) -> tuple[Range, ...]:
    """Return ranges of offsets that hold about ``wanted`` records, from several places of each partition.

    Args:
        ends: for each partition its first offset and the one after its last.
        wanted: records in all; the whole topic when it has no more.
    """
    total = sum(high - low for low, high in ends.values())
    ranges: list[Range] = []
    for number, (low, high) in sorted(ends.items()):
        size = high - low
        share = size if total <= wanted else -(-wanted * size // total)
        if share >= size:
            if size:
                ranges.append((number, low, high))
            continue
        places = min(_PLACES, share)
        bounds = [share * place // places for place in range(places + 1)]
        for place in range(places):
            passed_over = (size - share) * place // max(places - 1, 1)
            ranges.append((number, low + passed_over + bounds[place], low + passed_over + bounds[place + 1]))
    return tuple(ranges)


def _key(cluster: Cluster, topic: str) -> str:
    words = json.dumps([cluster.name, cluster.address, topic])
    return hashlib.sha256(words.encode()).hexdigest()[:32]


def _is_current(kept: _Entry, highs: dict[int, int]) -> bool:
    if any(highs.get(number, -1) < high for number, high in kept.ends.items()):
        return False
    return kept.types.records >= LEAST_RECORDS or kept.ends == highs


def _load(path: Path) -> _Entry | None:
    try:
        return _Entry.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _save(path: Path, entry: _Entry) -> None:
    partial = path.with_name(f"{uuid.uuid4().hex}.partial")
    partial.write_text(entry.model_dump_json(), encoding="utf-8")
    partial.replace(path)
