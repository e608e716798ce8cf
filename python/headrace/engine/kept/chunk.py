"""A run of kept records, as one value of the changelog."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.engine.rows import Integers, Rows
from headrace.kafka.bytes_column import BytesColumn
from headrace.kafka.records import Records

Codes = npt.NDArray[np.uint64]
"""64-bit digests of where records come from, or rows; two of a million are alike with a probability of 3e-8."""

PIECE = 512 * 1024
"""Bytes of records in one value at most, unless one record has more: a broker takes a megabyte by default."""

_OF_RECORD = 32
"""Bytes that a record is counted for beside its key and value."""

_SOURCES, _OFFSETS = "source_partition", "source_offset"
_NEWEST, _LATE, _COUNT, _SIZE, _END = b"newest", b"late", b"count", b"size", b"end"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records of one partition, in the order of their offsets; all columns have one length n > 0.

    Attributes:
        records: as they were read, byte for byte.
        partitions: int32[n], the source partition of each; not where it was read, in a repartition topic.
        offsets: int64[n], the offset there.
        late: uint64[m, 2], the :func:`record_codes` and :func:`row_codes` of the rows among them that came too late.
        newest: the newest event time seen in the partition before them, microseconds.
    """

    records: Records
    partitions: npt.NDArray[np.int32]
    offsets: Integers
    late: Codes
    newest: int

    def __len__(self) -> int:
        return len(self.records)

    @property
    def first(self) -> int:
        """The offset of the first record, where it was read."""
        return int(self.records.offsets[0])

    @property
    def end(self) -> int:
        """The offset after the last record."""
        return int(self.records.offsets[-1]) + 1

    @property
    def size(self) -> int:
        """About how many bytes the records have."""
        return int(_sizes(self.records).sum())

    def take(self, chosen: npt.NDArray[np.bool_]) -> Chunk:
        """Return the chosen records."""
        return self if chosen.all() else self._at(np.flatnonzero(chosen))

    def _at(self, places: npt.NDArray[np.intp]) -> Chunk:
        partitions, offsets = self.partitions[places], self.offsets[places]
        late = self.late
        if len(late):
            late = late[np.isin(late[:, 0], record_codes(partitions, offsets))]
        chosen = self.records.take(places)
        return replace(self, records=chosen, partitions=partitions, offsets=offsets, late=late)

    def since(self, offset: int) -> Chunk | None:
        """Return the records from an offset on, ``None`` when there are none."""
        later = self.records.offsets >= offset
        return self.take(later) if later.any() else None

    def pieces(self) -> list[Chunk]:
        """Return the records in chunks that are small enough to be sent."""
        ends = np.cumsum(_sizes(self.records))
        if ends[-1] <= PIECE:
            return [self]
        numbers = (ends - 1) // PIECE
        return [self.take(np.asarray(numbers == number)) for number in np.unique(numbers).tolist()]

    @classmethod
    def union(cls, parts: Sequence[Chunk]) -> Chunk:
        """Return the records of ``parts`` (at least one) in the order of their offsets, each once."""
        whole = cls.concat(parts)
        return whole._at(np.unique(whole.records.offsets, return_index=True)[1])  # noqa: SLF001  its own

    @classmethod
    def concat(cls, parts: Sequence[Chunk]) -> Chunk:
        """Return the records of ``parts`` (at least one), one after the other."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            Records.concat(parts[0].records.topic, [part.records for part in parts]),
            np.concatenate([part.partitions for part in parts]),
            np.concatenate([part.offsets for part in parts]),
            np.concatenate([part.late for part in parts]),
            parts[0].newest,
        )

    def to_bytes(self) -> bytes:
        """Return the value of the changelog."""
        table = self.records.to_table()
        table = table.append_column(_SOURCES, pa.array(self.partitions)).append_column(_OFFSETS, pa.array(self.offsets))
        said = {_NEWEST: b"%d" % self.newest, _LATE: self.late.astype("<u8").tobytes()}
        said |= {_COUNT: b"%d" % len(self), _SIZE: b"%d" % self.size, _END: b"%d" % self.end}
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), **said})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
            writer.write_table(table)
        return bytes(sink.getvalue())

    @classmethod
    def from_bytes(cls, value: bytes) -> Chunk:
        """Return what :meth:`to_bytes` wrote."""
        table = pa.ipc.open_stream(value).read_all()
        said = table.schema.metadata
        return cls(
            Records.from_table(table),
            table.column(_SOURCES).to_numpy(),
            table.column(_OFFSETS).to_numpy(),
            np.frombuffer(said[_LATE], "<u8").astype(np.uint64).reshape(-1, 2),
            int(said[_NEWEST]),
        )


def described(value: bytes) -> tuple[int, int, int]:
    """Return of what :meth:`Chunk.to_bytes` wrote the offset after the last record, how many there are, and their size.

    The records themselves are not read.
    """
    said = pa.ipc.open_stream(value).schema.metadata
    return int(said[_END]), int(said[_COUNT]), int(said[_SIZE])


def record_codes(partitions: npt.NDArray[np.int32], offsets: Integers) -> Codes:
    """Return uint64[n], what stands for each record of the source."""
    return _mixed(offsets.astype(np.uint64) ^ (partitions.astype(np.uint64) << np.uint64(44)))


def both_codes(rows: Rows) -> Codes:
    """Return uint64[n, 2], of each row the code of its record and its own."""
    return np.column_stack((record_codes(rows.partitions, rows.offsets), row_codes(rows)))


def row_codes(rows: Rows) -> Codes:
    """Return uint64[n], what stands for each row; rows of one record differ by their time or key."""
    codes = record_codes(rows.partitions, rows.offsets)
    return _mixed(_mixed(codes ^ rows.times.astype(np.uint64)) ^ rows.hashes)


def _mixed(numbers: Codes) -> Codes:
    """Spread numbers over 64 bits (the finalizer of splitmix64, Steele et al. 2014)."""
    numbers = (numbers + np.uint64(0x9E3779B97F4A7C15)) & np.uint64(0xFFFFFFFFFFFFFFFF)
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(numbers ^ (numbers >> np.uint64(31)), np.uint64)


def _sizes(records: Records) -> Integers:
    sizes = BytesColumn.of(records.values).lengths() + BytesColumn.of(records.keys).lengths() + _OF_RECORD
    for row, headers in enumerate(records.headers):
        if headers:
            sizes[row] += sum(len(name) + len(value or b"") for name, value in headers)
    return sizes
