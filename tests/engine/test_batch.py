"""A micro-batch: each record ends in outputs, filtered, or among the failures."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.engine.function import compile_body
from headrace.engine.stream import Stream
from headrace.engine.trial import process
from headrace.kafka.records import Records
from headrace.spec import ColumnType, StreamDocument, StreamSpec

TYPES: dict[str, ColumnType] = {
    "id": "int64",
    "name": "str",
    "delay": "float64",
    "at": "datetime64[us, UTC]",
    "ok": "boolean",
}


def records(values: list[bytes | None], *, headers: bool = False) -> Records:
    count = len(values)
    return Records(
        topic="in",
        keys=[f"k{row}".encode() for row in range(count)],
        values=values,
        partitions=np.arange(count, dtype=np.int32) % 2,
        offsets=np.arange(count, dtype=np.int64) // 2 + 100,
        timestamps=np.arange(count, dtype=np.int64) + 1_000,
        headers=[[("h", b"\xff")] if headers else None] * count,
    )


def rows(*changes: Mapping[str, object]) -> list[bytes | None]:
    base = {"name": "a", "delay": 1.5, "at": "2026-11-22T10:00:00Z", "ok": True}
    return [json.dumps({"id": number, **base, **change}).encode() for number, change in enumerate(changes)]


def stream(source: str, **options: object) -> Stream:
    namespace = {"pd": pd, "np": np}
    spec = StreamSpec.model_validate({"name": "s", "source": "in", "sinks": ("out",), **options})
    document = StreamDocument(spec=spec, input=TYPES)
    return Stream(document, compile_body(source, filename="<cell>", namespace=namespace, arguments=spec.params))


def test_outputs_carry_value_key_time_and_headers_of_their_records() -> None:
    result = process(
        stream("df[df.id > 0]", key="name"), records(rows({}, {"name": "b"}, {"name": None}), headers=True)
    )
    assert [json.loads(value)["id"] for value in result.values] == [1, 2]
    assert result.keys == [b"b", None]
    assert result.timestamps.tolist() == [1_001, 1_002]
    assert result.headers == [[("h", b"\xff")]] * 2
    assert result.source.tolist() == [1, 2]
    assert json.loads(result.values[0])["at"] == "2026-11-22T10:00:00.000000Z"


def test_without_a_key_column_the_records_key_goes_on() -> None:
    result = process(stream("df[df.id > 0]"), records(rows({}, {}, {})))
    assert result.keys == [b"k1", b"k2"]


def test_a_key_column_that_the_cell_dropped_still_is_the_key() -> None:
    assert process(stream("df[['id']]", key="name"), records(rows({"name": "x"}))).keys == [b"x"]


def test_parameters_are_in_scope() -> None:
    result = process(stream("df[df.delay > least]", params={"least": 2}), records(rows({"delay": 1}, {"delay": 3})))
    assert result.source.tolist() == [1]


def test_meta_columns() -> None:
    result = process(stream("df[['_key', '_partition', '_offset', '_timestamp']]", meta=True), records(rows({}, {})))
    assert json.loads(result.values[1]) == {
        "_key": "k1",
        "_partition": 1,
        "_offset": 100,
        "_timestamp": "1970-01-01T00:00:01.001000Z",
    }


@settings(max_examples=30)
@given(st.lists(st.sampled_from(["fine", "filtered", "not json", "type", "raises", "unwritable"]), max_size=60))
def test_every_record_has_one_fate(fates: list[str]) -> None:
    changes: dict[str, dict[str, object]] = {
        "filtered": {"delay": -1},
        "type": {"id": "x"},
        "raises": {"name": "raise"},
        "unwritable": {"name": "obj"},
    }
    values = rows(*(changes.get(fate, {}) for fate in fates))
    for number, fate in enumerate(fates):
        if fate == "not json":
            values[number] = b"{"
    cell = stream(
        "if (df.name == 'raise').any():\n    raise ValueError('bad name')\n"
        "kept = df[df.delay > 0]\nkept.assign(name=[object() if n == 'obj' else n for n in kept.name])"
    )
    result = process(cell, records(values))
    kinds = {"not json": "decode", "type": "decode", "raises": "cell", "unwritable": "encode"}
    assert {failure.position: failure.kind for failure in result.failures} == {
        number: kinds[fate] for number, fate in enumerate(fates) if fate in kinds
    }
    assert result.source.tolist() == [number for number, fate in enumerate(fates) if fate == "fine"]
    assert len(result.values) == len(result.keys) == len(result.timestamps) == len(result.source)


def test_a_failure_names_the_error_and_the_cells_own_line() -> None:
    result = process(
        stream("x = 1\ndf.assign(y=df.name.map(lambda n: 1 / (len(n) - 1)))"), records(rows({}, {"name": "ab"}))
    )
    (failure,) = result.failures
    assert failure.summary == "ZeroDivisionError: division by zero"
    assert failure.line == 2
    assert "bisect" not in failure.traceback
    assert "ZeroDivisionError" in failure.traceback


def test_an_output_without_provenance_that_cannot_be_written_fails_the_whole_batch() -> None:
    cell = stream("pd.DataFrame({'x': [object()]})")
    cell = Stream(cell.document.model_copy(update={"matching": "none"}), cell.function)
    result = process(cell, records(rows({}, {}, {})))
    assert [failure.position for failure in result.failures] == [0, 1, 2]
    assert result.values == []


@pytest.mark.parametrize("extra", [[{}], [{"delay": None}], [{"ok": None, "name": None}], [{"delay": 3}]])
def test_no_batch_changes_a_dtype(extra: list[dict[str, object]]) -> None:
    seen: list[dict[str, str]] = []
    cell = stream("df")

    def look(df: pd.DataFrame) -> pd.DataFrame:
        seen.append({str(name): str(dtype) for name, dtype in df.dtypes.items()})
        return df

    looking = Stream(cell.document, look)
    process(looking, records(rows({}, {"ok": False})))
    process(looking, records(rows(*extra)))
    process(looking, records([b'{"id": 1}']))
    assert seen[0] == TYPES
    assert all(dtypes == TYPES for dtypes in seen)


CHANGES: st.SearchStrategy[dict[str, object]] = st.fixed_dictionaries(
    {},
    optional={
        "name": st.none() | st.text(max_size=3),
        "delay": st.none() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False),
        "at": st.none() | st.just("2026-11-22T10:00:00+01:00"),
        "ok": st.none() | st.booleans(),
    },
)


@settings(max_examples=60, deadline=None)
@given(st.lists(CHANGES, min_size=1, max_size=8), st.booleans(), st.sampled_from([1, 100]))
def test_any_batch_has_the_pinned_dtypes(changes: list[dict[str, object]], bare: bool, copies: int) -> None:  # noqa: FBT001
    """Null, integer and missing throughout come up; 100 copies take the quick decoder, one the reference."""
    seen: list[dict[str, str]] = []

    def look(df: pd.DataFrame) -> pd.DataFrame:
        seen.append({str(name): str(dtype) for name, dtype in df.dtypes.items()})
        return df

    chosen = [json.dumps({"id": 1, **change}).encode() for change in changes] if bare else rows(*changes)
    result = process(Stream(stream("df").document, look), records([*chosen] * copies))
    assert not result.failures
    assert seen == [TYPES]
    assert {str(name): str(dtype) for name, dtype in result.rows.dtypes.items()} == TYPES
