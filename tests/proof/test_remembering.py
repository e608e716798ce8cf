"""The verdict on cells that declare a lookback or a window."""

from __future__ import annotations

import pytest

from headrace.errors import RefusedError
from keyed_samples import ROLLING, look, sample

TOTALS = 'df.groupby(["window_start", "k"])["x"].sum().reset_index()'


def test_a_rolling_mean_within_its_lookback_is_equal() -> None:
    verdict = look(ROLLING, sample(), lookback="6h").verdict
    assert verdict.equal is True, verdict.reason
    assert (verdict.rows_in, verdict.rows_out, verdict.filtered, verdict.failed) == (300, 300, 0, 0)


def test_a_lookback_that_is_too_short_differs() -> None:
    verdict = look(ROLLING, sample(), lookback="1h").verdict
    assert verdict.equal is False
    assert verdict.difference is not None
    assert verdict.difference.column == "mean"
    assert "with 1h of history" in verdict.reason


def test_what_needs_all_of_the_past_differs() -> None:
    verdict = look('df.assign(total=df.groupby("k")["x"].cumsum())', sample(), lookback="6h").verdict
    assert verdict.equal is False


def test_a_sample_shorter_than_three_lookbacks_proves_nothing() -> None:
    verdict = look(ROLLING, sample(40), lookback="6h").verdict
    assert verdict.equal is None
    assert "3 lookbacks" in verdict.reason


def test_late_records_are_named_with_the_grace_that_takes_them_in() -> None:
    verdict = look(ROLLING, sample(late=90), lookback="6h").verdict
    assert verdict.equal is False
    assert "--grace 2h" in verdict.reason
    assert look(ROLLING, sample(late=90), lookback="6h", grace="2h").verdict.equal is True


def test_shift_sees_the_row_before() -> None:
    body = 'df.assign(before=df.groupby("k")["x"].shift(1))'
    assert look(body, sample(), lookback="1rows").verdict.equal is True


def test_a_window_of_totals_is_equal_and_can_be_taken_many_at_once() -> None:
    found = look(TOTALS, sample(), window="tumbling=6h")
    assert found.verdict.equal is True, found.verdict.reason
    assert found.verdict.filtered is None
    assert found.stream.document.windows_at_once


def test_a_window_cell_that_compares_windows_is_taken_one_by_one() -> None:
    found = look(f"total = {TOTALS}\ntotal.assign(share=total.x / total.x.max())", sample(), window="tumbling=6h")
    assert not found.stream.document.windows_at_once


def test_a_window_that_depends_on_other_keys_differs_by_window_and_key() -> None:
    verdict = look(
        f"total = {TOTALS}\ntotal.assign(share=total.x / total.x.sum())", sample(), window="tumbling=6h"
    ).verdict
    assert verdict.equal is False
    assert verdict.difference is not None
    assert verdict.difference.window_start is not None
    assert verdict.difference.key is not None
    assert verdict.difference.column == "share"


def test_records_that_do_not_stand_by_the_key_are_repartitioned() -> None:
    assert look(ROLLING, sample(scattered=True), lookback="6h").stream.document.repartition
    assert not look(ROLLING, sample(), lookback="6h").stream.document.repartition


def test_a_lookback_whose_rows_cannot_be_told_apart_is_refused() -> None:
    with pytest.raises(RefusedError, match="cannot be matched"):
        look('df.groupby("k")["x"].mean().reset_index()', sample(), lookback="6h")
