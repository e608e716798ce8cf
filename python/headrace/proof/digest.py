"""The digest of a stream's outputs, value by value."""

from __future__ import annotations

import hashlib
import math
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from headrace.kafka.records import Records

_NULL = b"null"


def output_digest(
    rows: pd.DataFrame,
    source: npt.NDArray[np.int64],
    records: Records,
    sinks: npt.NDArray[np.int64] | None = None,
) -> str:
    """Return the digest of a run's outputs: columns, dtypes, exact values, provenance, order within a partition.

    Two runs have one digest exactly if each partition's records gave the same rows in the same order to each topic; how
    partitions and topics were interleaved does not count. It is the same in every process.

    Args:
        rows: the outputs, m rows.
        source: int64[m], for each output the position of its record; -1 where unknown.
        records: the records that were processed.
        sinks: int64[m], the topic of each output, where there are several.

    Returns:
        SHA-256 as 64 hexadecimal digits.
    """
    known = source >= 0
    partitions = np.full(len(source), -1, np.int64)
    offsets = np.full(len(source), -1, np.int64)
    partitions[known] = records.partitions[source[known]]
    offsets[known] = records.offsets[source[known]]
    order = np.argsort(partitions, kind="stable") if sinks is None else np.lexsort((sinks, partitions))
    digest = hashlib.sha256()
    digest.update(np.ascontiguousarray(partitions[order], dtype=">i8").tobytes())
    digest.update(np.ascontiguousarray(offsets[order], dtype=">i8").tobytes())
    if sinks is not None:
        digest.update(np.ascontiguousarray(sinks[order], dtype=">i8").tobytes())
    for name, dtype in zip(rows.columns, rows.dtypes, strict=True):
        digest.update(_tagged(b"c", repr(name).encode(), str(dtype).encode()))
        for value in rows[name].iloc[order].tolist():
            digest.update(canonical(value))
    return digest.hexdigest()


def canonical(value: Any) -> bytes:  # noqa: ANN401, C901, PLR0911  any value of a cell; one return a kind
    """Return bytes that are equal exactly for equal values of one kind (sets and dicts in sorted order)."""
    if value is None or value is pd.NA or value is pd.NaT:
        return _NULL
    if isinstance(value, bool | np.bool_):
        return b"true" if value else b"false"
    if isinstance(value, int | np.integer):
        return b"i%d;" % int(value)
    if isinstance(value, float | np.floating):
        return _NULL if math.isnan(value) else b"f" + struct.pack(">d", float(value))
    if isinstance(value, str):
        return _tagged(b"s", value.encode("utf-8", "surrogatepass"))
    if isinstance(value, bytes):
        return _tagged(b"b", value)
    if isinstance(value, dict):
        items = sorted((canonical(key), canonical(item)) for key, item in value.items())
        return _tagged(b"d", *(part for item in items for part in item))
    if isinstance(value, set | frozenset):
        return _tagged(b"e", *sorted(canonical(item) for item in value))
    if isinstance(value, list | tuple | np.ndarray):
        return _tagged(b"l", *(canonical(item) for item in value))
    if isinstance(value, pd.Timestamp | np.datetime64):
        return _tagged(b"t", pd.Timestamp(value).isoformat().encode())
    return _tagged(b"o", type(value).__qualname__.encode(), str(value).encode("utf-8", "surrogatepass"))


def _tagged(tag: bytes, *parts: bytes) -> bytes:
    return tag + b"".join(b"%d:%s" % (len(part), part) for part in parts) + b"."
