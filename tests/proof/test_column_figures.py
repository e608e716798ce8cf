"""What a preview says of a column as a whole."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from flight_records import examined, flights
from headrace.kafka.sampling import Sample, SamplePin
from headrace.proof.column_figures import BINS, histograms, nulls
from headrace.proof.preview import preview


def test_before_and_after_are_counted_in_the_same_bins() -> None:
    before = pd.Series([0.0, 1.0, 2.0, 12.0, np.nan, np.inf])
    one, other = histograms(before, before[before < 2] * 2)
    assert one == [1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert other == [1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    assert nulls(before) == 1 / 6


def test_times_of_another_unit_are_the_same_times() -> None:
    times = pd.to_datetime(pd.Series(["2026-01-01", "2026-01-03"]), utc=True)
    one, other = histograms(times.dt.as_unit("us"), times.dt.as_unit("ns"))
    assert one == other == [1, *[0] * (BINS - 2), 1]
    assert histograms(pd.Series([1, 2]), times) == (one, one)


@pytest.mark.parametrize(
    ("column", "counts"),
    [
        (pd.Series([True, False, True]), [1, *[0] * (BINS - 2), 2]),
        (pd.Series([True, None], dtype="boolean"), [1, *[0] * (BINS - 1)]),
        (pd.Series([7, 7], dtype="Int64"), [2, *[0] * (BINS - 1)]),
        (pd.to_datetime(pd.Series(["2026-01-01", None, "2026-01-02"]), utc=True), [1, *[0] * (BINS - 2), 1]),
        (pd.Series(["a", "b"]), []),
        (pd.Series([[1], {}]), []),
        (pd.Series([1 + 2j]), []),
        (pd.Series([np.nan, np.nan]), []),
        (pd.Series([], dtype="float64"), []),
        (pd.Series([-1e308, 1e308, 0.0]), []),
    ],
)
def test_what_can_be_counted(column: pd.Series, counts: list[int]) -> None:
    assert histograms(column, None) == (counts, [])


def test_a_preview_has_them_over_the_whole_sample() -> None:
    records = flights(900)
    found = preview(
        examined("df[df.dep_delay.notna()].assign(x=lambda rows: rows.distance * 2)", records),
        Sample(SamplePin(cluster="c", topic="flights", text="latest:900", ranges=()), records),
    )
    before = {column.name: column for column in found.columns.before}
    after = {column.name: column for column in found.columns.after}
    assert len(found.rows) == 500
    assert sum(before["distance"].histogram) == 900
    assert sum(after["distance"].histogram) == sum(after["x"].histogram) == found.rows_out
    assert before["dep_delay"].nulls == pytest.approx(1 - found.rows_out / 900)
    assert (after["dep_delay"].nulls, before["carrier"].histogram) == (0, ())
