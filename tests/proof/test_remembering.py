"""The verdict on cells that declare a lookback or a window."""

from __future__ import annotations

import textwrap

import numpy as np
import orjson
import pandas as pd
import pytest

from headrace.engine.function import compile_body
from headrace.errors import RefusedError
from headrace.kafka.inference import infer_from_values
from headrace.kafka.records import Records
from headrace.proof.examine import Examination, examine
from headrace.spec import StreamSpec

ROLLING = """
by_key = df.sort_values("k", kind="stable")
mean = by_key.groupby("k").rolling("6h", on="t")["x"].mean()
by_key.assign(mean=mean.to_numpy()).sort_index()
"""
TOTALS = 'df.groupby(["window_start", "k"])["x"].sum().reset_index()'
HOUR = 3_600


def sample(
    count: int = 300, *, minutes: int = 20, partitions: int = 3, late: int = 0, scattered: bool = False
) -> Records:
    """Records of five keys, each key in one partition unless ``scattered``; every 17th ``late`` minutes late."""
    random = np.random.default_rng(3)
    keys = [f"k{number}" for number in random.integers(0, 5, count)]
    shift = np.where(np.arange(count) % 17 == 16, late, 0)
    times = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(count) * 20 - shift, unit="min")
    values: list[bytes | None] = [
        orjson.dumps({"k": key, "t": time.isoformat(), "x": float(x)})
        for key, time, x in zip(keys, times, random.integers(0, 100, count), strict=True)
    ]
    partition = np.array([(row if scattered else int(key[1:])) % 3 for row, key in enumerate(keys)], np.int32)
    offsets = np.asarray(pd.Series(partition).groupby(partition).cumcount(), np.int64)
    texts: list[bytes | None] = [key.encode() for key in keys]
    return Records("in", texts, values, partition, offsets, np.arange(count, dtype=np.int64), [None] * count)


def look(body: str, records: Records, **spec: object) -> Examination:
    declared = StreamSpec.model_validate(
        {"name": "s", "source": "in", "sinks": ("out",), "key": "k", "time": "t", **spec}
    )
    namespace = {"pd": pd, "np": np}
    function = compile_body(textwrap.dedent(body), filename="<cell>", namespace=namespace)
    return examine(declared, function, infer_from_values(records.values), records)


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
