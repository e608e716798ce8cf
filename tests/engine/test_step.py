"""The step: rows, provenance, and what a function may return."""

from __future__ import annotations

from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.engine.context import Context, Function
from headrace.engine.function import compile_body
from headrace.engine.matching import find_matching
from headrace.engine.step import step
from headrace.errors import CellError
from headrace.spec import Matching

NAMES = {"pd": pd, "np": np, "table": pd.DataFrame({"key": ["a", "b", "b"], "rate": [1.0, 2.0, 3.0]})}


def function(source: str, *arguments: str) -> Function:
    return compile_body(source, filename="<cell>", namespace=dict(NAMES), arguments=arguments)


def frame(size: int = 6) -> pd.DataFrame:
    return pd.DataFrame({"key": ["a", "b", "c"] * (size // 3), "number": np.arange(size)})


@pytest.mark.parametrize(
    ("source", "matching", "expected"),
    [
        ("df", "label", [0, 1, 2, 3, 4, 5]),
        ("df[df.number % 2 == 0]", "label", [0, 2, 4]),
        ("df.sort_values('number', ascending=False)", "label", [5, 4, 3, 2, 1, 0]),
        ("df.assign(x=[[1, 2]] * len(df)).explode('x')", "label", [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]),
        ("pd.concat([df[df.number > 3], df[df.number < 2]])", "label", [4, 5, 0, 1]),
        ("df.number * 2", "label", [0, 1, 2, 3, 4, 5]),
        ("df.merge(table, on='key')", "row-id", [0, 1, 1, 3, 4, 4]),
        ("df[df.number > 2].reset_index(drop=True)", "row-id", [3, 4, 5]),
        ("df.set_index('key')", "row-id", [0, 1, 2, 3, 4, 5]),
        ("df.groupby('key').number.sum()", "none", [-1, -1, -1]),
        ("pd.DataFrame({'n': [len(df)]})", "none", [-1]),
    ],
)
def test_provenance_is_found_and_used(source: str, matching: str, expected: list[int]) -> None:
    cell = function(source)
    assert find_matching(cell, frame(), {}) == matching
    result = step(frame(), Context(cell, matching))
    assert result.source.tolist() == expected
    assert result.rows.index.equals(pd.RangeIndex(len(expected)))


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_any_filter_and_order_is_traced(kept: list[bool], random: Random) -> None:
    positions = [position for position, keep in enumerate(kept) if keep]
    random.shuffle(positions)
    given_frame = pd.DataFrame({"number": np.arange(len(kept)) * 10})
    ways: list[tuple[Matching, Function]] = [
        ("label", lambda df: df.iloc[positions]),
        ("row-id", lambda df: df.iloc[positions].reset_index(drop=True)),
    ]
    for matching, cell in ways:
        result = step(given_frame, Context(cell, matching))
        assert result.source.tolist() == positions
        assert result.rows["number"].tolist() == [position * 10 for position in positions] if positions else True


def test_history_rows_give_no_output() -> None:
    new = np.array([False, False, False, True, True, True])
    result = step(frame(), Context(function("df.assign(total=df.number.cumsum())"), "label", new=new))
    assert result.source.tolist() == [3, 4, 5]
    assert result.rows.total.tolist() == [6, 10, 15]


def test_arguments_reach_the_function_by_name() -> None:
    result = step(frame(), Context(function("df[df.number > least]", "least"), "label", {"least": 4}))
    assert result.rows.number.tolist() == [5]


def test_the_frame_is_left_as_it_was() -> None:
    before = frame()
    step(before, Context(function("df['number'] = 0\ndf"), "label"))
    pd.testing.assert_frame_equal(before, frame())


def test_a_named_index_becomes_a_column() -> None:
    result = step(frame(), Context(function("df.groupby('key').number.sum()"), "none"))
    assert result.rows.to_dict("list") == {"key": ["a", "b", "c"], "number": [3, 5, 7]}


def test_a_series_becomes_a_column() -> None:
    assert step(frame(), Context(function("df.number + 1"), "label")).rows.columns.tolist() == ["number"]
    assert step(frame(), Context(function("pd.Series(1, df.index)"), "label")).rows.columns.tolist() == ["value"]


def test_no_rows_give_no_rows_without_a_call() -> None:
    result = step(frame(0), Context(function("1 / 0"), "label"))
    assert len(result.rows) == 0
    assert result.source.dtype == np.int64


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("None", "nothing (None)"),
        ("5", "a int"),
        ("df.to_numpy()", "a ndarray"),
        ("pd.concat([df.number, df.number], axis=1)", "two columns named `number`"),
        ("df.set_index('key')", "index are not those"),
        ("df.set_axis(df.index + 100)", "index are not those"),
        ("df.pivot_table(index='key', values=['number'], aggfunc=['sum', 'max'])", "2 levels"),
    ],
)
def test_what_is_no_frame_of_rows_is_refused(source: str, message: str) -> None:
    with pytest.raises(CellError) as caught:
        step(frame(), Context(function(source), "label"))
    assert message in str(caught.value)
    assert caught.value.hint
