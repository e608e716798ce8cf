"""Digests of outputs and of cells."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from flight_records import of_values
from headrace.proof.body import body_digest
from headrace.proof.digest import output_digest
from headrace.spec import StreamSpec

RECORDS = of_values([b"{}"] * 6, partitions=2, seed=1)
GAP = float("nan")
ROWS = pd.DataFrame({"x": [1.5, 2.5, GAP, 4.5, 0.1, 6.0], "t": ["a", "b", "c", "d", "e", None]})
SOURCE = np.arange(6)
COLUMNS = {
    "a value": ROWS.assign(x=[1.5, 2.5, GAP, 4.5, 0.1 + 2**-55, 6.0]),
    "a null": ROWS.assign(t=ROWS.t.where(ROWS.t != "e")),
    "a dtype": ROWS.assign(x=ROWS.x.astype("float32").astype("float64").astype("object")),
    "a name": ROWS.rename(columns={"x": "y"}),
    "the columns' order": ROWS[["t", "x"]],
}


def digest(rows: pd.DataFrame = ROWS, order: list[int] | None = None) -> str:
    chosen = np.arange(len(rows)) if order is None else np.array(order)
    return output_digest(rows.iloc[chosen].reset_index(drop=True), SOURCE[chosen], RECORDS)


@pytest.mark.parametrize("rows", COLUMNS.values(), ids=COLUMNS.keys())
def test_it_depends_on(rows: pd.DataFrame) -> None:
    assert digest(rows) != digest()


def test_the_order_within_a_partition_counts_and_between_partitions_not() -> None:
    partitions = RECORDS.partitions.tolist()
    first = [row for row, partition in enumerate(partitions) if partition == 0]
    second = [row for row, partition in enumerate(partitions) if partition == 1]
    assert len(first) > 1
    assert second
    assert digest(order=second + first) == digest(order=first + second) == digest()
    assert digest(order=first[::-1] + second) != digest()


def test_it_depends_on_provenance() -> None:
    moved = output_digest(ROWS, np.array([0, 1, 2, 3, 4, 4]), RECORDS)
    unknown = output_digest(ROWS, np.full(6, -1), RECORDS)
    assert len({digest(), moved, unknown}) == 3


def test_it_is_the_same_in_another_process() -> None:
    program = """
import pandas as pd, numpy as np
from headrace.proof.digest import output_digest
from headrace.kafka.records import Records
rows = pd.DataFrame({"x": [{1, 2}, {"b": 1, "a": [None, 2.5]}], "d": pd.to_datetime(["2026-01-01", None], utc=True)})
rows["s"] = [{"p", "q", "r"}, frozenset("xyz")]
records = Records("t", [None] * 2, [b""] * 2, np.zeros(2, "int32"), np.arange(2), np.arange(2), [None] * 2)
print(output_digest(rows, np.arange(2), records))
"""
    found = {
        subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout
        for _ in range(2)
    }
    assert len(found) == 1
    assert len(found.pop().strip()) == 64


def test_a_cell_is_known_by_spec_and_body() -> None:
    spec = StreamSpec(name="late", source="flights")
    same = body_digest(spec, "df.head()  \n\n")
    assert same == body_digest(spec, "df.head()")
    assert same != body_digest(spec, "df.tail()")
    assert same != body_digest(StreamSpec(name="late", source="flights", key="id"), "df.head()")
