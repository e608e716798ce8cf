"""A column of byte strings in one piece of memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


class BytesColumn(Sequence[bytes | None]):
    """n byte strings, or ``None``: a sequence like a list of them, without an object each. It cannot be changed.

    Args:
        data: uint8[], what the strings are made of.
        offsets: int64[n + 1], ascending; string i is ``data[offsets[i]:offsets[i + 1]]``.
        missing: bool[n], where there is ``None``; ``None`` when there is none.
    """

    __slots__ = ("data", "missing", "offsets")

    def __init__(self, data: Bytes, offsets: Offsets, missing: Booleans | None = None) -> None:
        self.data = data
        self.offsets = offsets
        self.missing = missing

    @classmethod
    def of(cls, values: Sequence[bytes | None]) -> BytesColumn:
        """Return ``values`` as a column; a column is returned as it is."""
        if isinstance(values, BytesColumn):
            return values
        missing = np.fromiter((value is None for value in values), np.bool_, len(values))
        has_nulls = bool(missing.any())
        given: Iterable[bytes] = (value or b"" for value in values) if has_nulls else values  # type: ignore[assignment]
        joined = list(given)
        offsets = np.zeros(len(joined) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, joined), np.int64, len(joined)), out=offsets[1:])
        return cls(np.frombuffer(b"".join(joined), np.uint8), offsets, missing if has_nulls else None)

    @classmethod
    def nulls(cls, count: int) -> BytesColumn:
        """Return ``count`` times ``None``."""
        return cls(np.empty(0, np.uint8), np.zeros(count + 1, np.int64), np.ones(count, np.bool_))

    @classmethod
    def from_arrow(cls, array: pa.Array | pa.ChunkedArray) -> BytesColumn:
        """Return an Arrow array of text or bytes; of the large types, and in one chunk, without a copy."""
        if isinstance(array, pa.ChunkedArray):
            array = array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
        if array.type not in {pa.large_string(), pa.large_binary()}:
            array = array.cast(pa.large_string() if pa.types.is_string(array.type) else pa.large_binary())
        _, offsets, data = array.buffers()
        bounds = np.zeros(1, np.int64)
        if len(array):
            bounds = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
        missing = array.is_null().to_numpy(zero_copy_only=False) if array.null_count else None
        return cls(np.frombuffer(data or b"", np.uint8), bounds, missing)

    @classmethod
    def concat(cls, parts: Iterable[Sequence[bytes | None]]) -> BytesColumn:
        """Return the strings of all parts, one after the other."""
        columns = [cls.of(part) for part in parts]
        if len(columns) == 1:
            return columns[0]
        own = [column.data[column.offsets[0] : column.offsets[-1]] for column in columns]
        ends = np.cumsum([0, *map(len, own)])
        shifted = [
            column.offsets[1:] - column.offsets[0] + end for column, end in zip(columns, ends.tolist(), strict=False)
        ]
        missing = None
        if any(column.missing is not None for column in columns):
            missing = np.concatenate([column.mask() for column in columns])
        empty = np.empty(0, np.uint8)
        return cls(np.concatenate([empty, *own]), np.concatenate([np.zeros(1, np.int64), *shifted]), missing)

    def mask(self) -> Booleans:
        """Return bool[n], where there is ``None``."""
        return np.zeros(len(self), np.bool_) if self.missing is None else self.missing

    def lengths(self) -> Offsets:
        """Return int64[n], the length of each string; 0 for ``None``."""
        lengths: Offsets = np.diff(self.offsets)
        return lengths

    def take(self, positions: npt.ArrayLike) -> BytesColumn:
        """Return the strings at ``positions`` in that order; ``None`` where a position is negative."""
        chosen = np.asarray(positions, np.int64)
        outside = chosen < 0
        indices = pa.array(chosen, mask=outside if outside.any() else None)
        return BytesColumn.from_arrow(self.to_arrow().take(indices))

    def to_arrow(self) -> pa.Array:
        """Return the strings as large_binary[n], without a copy."""
        validity = None
        if self.missing is not None:
            validity = pa.py_buffer(np.packbits(~self.missing, bitorder="little"))
        buffers = [validity, pa.py_buffer(np.ascontiguousarray(self.offsets)), pa.py_buffer(self.data)]
        return pa.Array.from_buffers(pa.large_binary(), len(self), buffers)

    def to_list(self) -> list[bytes | None]:
        """Return the strings as a list."""
        first = int(self.offsets[0])
        text = self.data[first : self.offsets[-1]].tobytes()
        strings: list[bytes | None] = [text[start:end] for start, end in pairwise((self.offsets - first).tolist())]
        if self.missing is not None:
            for row in np.flatnonzero(self.missing).tolist():
                strings[row] = None
        return strings

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, place: int) -> bytes | None: ...

    @overload
    def __getitem__(self, place: slice) -> BytesColumn: ...

    def __getitem__(self, place: int | slice) -> bytes | BytesColumn | None:
        if isinstance(place, slice):
            first, end, step = place.indices(len(self))
            if step != 1:
                return self.take(np.arange(first, end, step))
            end = max(first, end)
            missing = None if self.missing is None else self.missing[first:end]
            return BytesColumn(self.data, self.offsets[first : end + 1], missing)
        row = place + len(self) if place < 0 else place
        if not 0 <= row < len(self):
            raise IndexError(f"row {place} of a column of {len(self)}")
        if self.missing is not None and self.missing[row]:
            return None
        return self.data[self.offsets[row] : self.offsets[row + 1]].tobytes()

    def __iter__(self) -> Iterator[bytes | None]:
        return iter(self.to_list())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BytesColumn | list | tuple):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # like a list

    def __repr__(self) -> str:
        return f"<BytesColumn of {len(self)}, {int(self.offsets[-1] - self.offsets[0])} bytes>"
