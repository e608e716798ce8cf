"""A run of Kafka records, column by column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from confluent_kafka import Message
from pyarrow import feather

from headrace.kafka.bytes_column import BytesColumn

Headers = list[tuple[str, bytes | None]]

_STAMP = itemgetter(1)
"""A message's timestamp comes with its kind before it."""

_SCHEMA = pa.schema(
    [
        ("key", pa.large_binary()),
        ("value", pa.large_binary()),
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("timestamp", pa.int64()),
        ("headers", pa.list_(pa.struct([("name", pa.string()), ("value", pa.large_binary())]))),
    ]
)


@dataclass(frozen=True, slots=True)
class Records:
    """Records of one topic, in the order in which they were consumed; all columns have one length n.

    Attributes:
        topic: the topic they come from.
        keys: n keys, bytes or ``None``; a list, or a :class:`~headrace.kafka.bytes_column.BytesColumn`.
        values: n values, bytes or ``None`` (a tombstone), likewise.
        partitions: int32[n].
        offsets: int64[n].
        timestamps: int64[n], milliseconds since the epoch, UTC.
        headers: n header lists, ``None`` where a record has none.
    """

    topic: str
    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]
    partitions: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    timestamps: npt.NDArray[np.int64]
    headers: list[Headers | None]

    def __len__(self) -> int:
        return len(self.values)

    @classmethod
    def from_messages(cls, topic: str, messages: Sequence[Message]) -> Records:
        """Return the records of consumed messages; none of them may carry an error."""
        count = len(messages)
        return cls(
            topic=topic,
            keys=list(map(Message.key, messages)),
            values=list(map(Message.value, messages)),
            partitions=np.fromiter(map(Message.partition, messages), np.int32, count),
            offsets=np.fromiter(map(Message.offset, messages), np.int64, count),
            timestamps=np.fromiter(map(_STAMP, map(Message.timestamp, messages)), np.int64, count),
            headers=list(map(Message.headers, messages)),  # type: ignore[arg-type]  # the stubs allow a dict
        )

    @classmethod
    def empty(cls, topic: str) -> Records:
        """Return no records of ``topic``."""
        return cls.from_messages(topic, [])

    @classmethod
    def concat(cls, topic: str, parts: Iterable[Records]) -> Records:
        """Return all records of ``parts``, one after the other."""
        runs = list(parts) or [cls.empty(topic)]
        return cls(
            topic=topic,
            keys=_joined([run.keys for run in runs]),
            values=_joined([run.values for run in runs]),
            partitions=np.concatenate([run.partitions for run in runs]),
            offsets=np.concatenate([run.offsets for run in runs]),
            timestamps=np.concatenate([run.timestamps for run in runs]),
            headers=[header for run in runs for header in run.headers],
        )

    def take(self, positions: npt.ArrayLike) -> Records:
        """Return the records at ``positions`` (integers into this run), in that order."""
        chosen = np.asarray(positions, dtype=np.intp)
        rows = chosen.tolist()
        return Records(
            topic=self.topic,
            keys=_taken(self.keys, chosen),
            values=_taken(self.values, chosen),
            partitions=self.partitions[chosen],
            offsets=self.offsets[chosen],
            timestamps=self.timestamps[chosen],
            headers=[self.headers[row] for row in rows],
        )

    def to_table(self) -> pa.Table:
        """Return the records as an Arrow table, byte for byte; the topic is in its metadata."""
        headers = [
            None if header is None else [{"name": name, "value": value} for name, value in header]
            for header in self.headers
        ]
        texts = [BytesColumn.of(column).to_arrow() for column in (self.keys, self.values)]
        columns = [*texts, self.partitions, self.offsets, self.timestamps, headers]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, _SCHEMA, strict=True)]
        return pa.Table.from_arrays(arrays, schema=_SCHEMA.with_metadata({"topic": self.topic}))

    def save(self, path: Path) -> None:
        """Write the records to ``path`` (Arrow IPC), byte for byte; the file is its owner's alone (mode 0600)."""
        path.touch(mode=0o600)
        feather.write_feather(self.to_table(), str(path), compression="zstd")

    @classmethod
    def load(cls, path: Path) -> Records:
        """Return the records that :meth:`save` wrote to ``path``."""
        return cls.from_table(feather.read_table(str(path), memory_map=False))

    @classmethod
    def from_table(cls, table: pa.Table) -> Records:
        """Return the records that :meth:`to_table` gave as ``table``; other columns are passed over."""
        column = table.column("headers")
        headers: list[Headers | None] = [None] * len(column)
        if column.null_count < len(column):
            headers = [
                None if header is None else [(item["name"], item["value"]) for item in header]
                for header in column.to_pylist()
            ]
        return cls(
            topic=(table.schema.metadata or {}).get(b"topic", b"").decode(),
            keys=table.column("key").to_pylist(),
            values=table.column("value").to_pylist(),
            partitions=table.column("partition").to_numpy(),
            offsets=table.column("offset").to_numpy(),
            timestamps=table.column("timestamp").to_numpy(),
            headers=headers,
        )


def header_bytes(headers: Headers | None) -> int:
    """Return how many bytes names and values of headers have."""
    return sum(len(name.encode()) + len(value or b"") for name, value in headers or ())


def _joined(columns: list[Sequence[bytes | None]]) -> Sequence[bytes | None]:
    if any(isinstance(column, BytesColumn) for column in columns):
        return BytesColumn.concat(columns)
    return [value for column in columns for value in column]


def _taken(column: Sequence[bytes | None], rows: npt.NDArray[np.intp]) -> Sequence[bytes | None]:
    return column.take(rows) if isinstance(column, BytesColumn) else [column[row] for row in rows.tolist()]
