"""A column of byte strings behaves as the list of them does."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.kafka.bytes_column import BytesColumn
from headrace.kafka.records import Headers, Records

STRINGS = st.lists(st.one_of(st.none(), st.binary(max_size=6)), max_size=12)


@settings(deadline=None)
@given(given_values=STRINGS, data=st.data())
def test_it_is_a_sequence_like_the_list(given_values: list[bytes | None], data: st.DataObject) -> None:
    column = BytesColumn.of(given_values)
    assert BytesColumn.of(column) is column
    places = st.integers(-15, 15) | st.none()
    cut = slice(data.draw(places), data.draw(places), data.draw(st.sampled_from([None, 1, 2, -1])))
    for some, values in ((column, given_values), (column[cut], given_values[cut])):
        assert some == values
        assert len(some) == len(values)
        assert [some[row] for row in range(-len(values), len(values))] == values * 2
        assert some.to_arrow().to_pylist() == values
        assert BytesColumn.from_arrow(some.to_arrow()) == values
        assert BytesColumn.from_arrow(pa.chunked_array([pa.array(values, pa.binary())] * 2)) == values * 2
        assert some.mask().tolist() == [value is None for value in values]
        assert some.lengths().tolist() == [len(value or b"") for value in values]
        assert pickle.loads(pickle.dumps(some)) == values  # noqa: S301  our own
        assert BytesColumn.concat([some, values, some]) == values * 3
        rows = data.draw(st.lists(st.integers(-1, len(values) - 1), max_size=8))
        assert some.take(rows) == [values[row] if row >= 0 else None for row in rows]
    with pytest.raises(IndexError):
        column[len(column)]
    assert (column == given_values[1:]) is (not given_values)


def test_nulls() -> None:
    assert BytesColumn.nulls(3) == [None, None, None]
    assert BytesColumn.nulls(0) == []
    assert BytesColumn.concat([]) == []


def test_records_are_the_same_with_lists_and_columns(tmp_path: Path) -> None:
    values: list[bytes | None] = [b"a", None, b"", b"dd"]
    keys: list[bytes | None] = [None, b"k", b"k", b""]

    def records(made: Callable[[list[bytes | None]], Sequence[bytes | None]]) -> Records:
        headers: list[Headers | None] = [None, [("h", b"1")], None, []]
        numbers = np.arange(4)
        return Records("t", made(keys), made(values), numbers.astype(np.int32), numbers, numbers, headers)

    listed, columned = records(list), records(BytesColumn.of)
    for number, (one, other) in enumerate(
        [
            (listed, columned),
            (listed.take([3, 1]), columned.take([3, 1])),
            (Records.concat("t", [listed, listed]), Records.concat("t", [listed, columned])),
        ]
    ):
        assert other.values == one.values
        assert other.keys == one.keys
        other.save(tmp_path / str(number))
        again = Records.load(tmp_path / str(number))
        assert again.values == one.values
        assert again.keys == one.keys
        assert again.headers == one.headers
