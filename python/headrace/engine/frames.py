"""The frame a stream's function sees: decoded columns, and with ``--meta`` what Kafka knows of each record."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from headrace.kafka.bytes_column import BytesColumn
from headrace.kafka.codec import KeyDecoder
from headrace.kafka.records import Records

_FEWEST_TO_FACTORIZE = 100


def add_meta(
    frame: pd.DataFrame, records: Records, positions: npt.NDArray[np.int64], decoder: KeyDecoder
) -> pd.DataFrame:
    """Return ``frame`` with the meta columns of its records.

    Args:
        frame: n rows.
        records: the records they were decoded from.
        positions: int64[n], the record of each row.
        decoder: of the records' keys.

    Returns:
        The same rows with ``_key`` (str, null without a key), ``_partition`` and ``_offset`` (int64),
        ``_timestamp`` (datetime64[us, UTC]) and ``_headers`` (object: a list of name and bytes pairs) added.
    """
    rows = positions.tolist()
    text = decoder.decode([records.keys[row] for row in rows])
    stamps = pd.to_datetime(records.timestamps[positions], unit="ms", utc=True)
    headers = np.empty(len(rows), dtype=object)
    headers[:] = [list(records.headers[row] or []) for row in rows] or None
    return frame.assign(
        _key=pd.array(text, dtype="str"),
        _partition=records.partitions[positions].astype(np.int64),
        _offset=records.offsets[positions],
        _timestamp=stamps.as_unit("us"),
        _headers=headers,
    )


def key_texts(column: pd.Series) -> list[bytes | None]:
    """Return a key column's values as text in UTF-8, null as ``None``: booleans as JSON writes them, times ISO 8601."""
    if len(column) < _FEWEST_TO_FACTORIZE and isinstance(column.dtype, pd.StringDtype):
        return [text.encode() if isinstance(text, str) else None for text in column.to_numpy(object).tolist()]
    codes, values = pd.factorize(column, use_na_sentinel=True)
    known: list[bytes | None] = [_key_text(value) for value in values]
    known.append(None)  # code -1, the nulls
    return [known[code] for code in codes.tolist()]


def key_column(column: pd.Series) -> Sequence[bytes | None]:
    """Return what :func:`key_texts` does; of much text as a column, without an object each."""
    if len(column) < _FEWEST_TO_FACTORIZE or not isinstance(column.dtype, pd.StringDtype):
        return key_texts(column)
    return BytesColumn.from_arrow(pa.array(column.array, pa.large_string()))


def _key_text(value: object) -> bytes:
    if isinstance(value, bool | np.bool_):
        return b"true" if value else b"false"
    if isinstance(value, pd.Timestamp):
        moment = value.tz_convert("UTC") if value.tzinfo else value
        return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z".encode()
    return str(value).encode("utf-8")
