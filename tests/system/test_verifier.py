"""The verifier finds what it is there to find."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random

import numpy as np
import pandas as pd
import pytest

from system.data import flights, levels
from system.faults import FAULTS
from system.schedule import drawn, kills_and_rescales
from system.verifier import _EXPECTED, IDENTITY, Verdict, _with_levels, compare

RIGHT = Verdict(0, 100, 100, 0, 0, 0, 0)


def outputs() -> pd.DataFrame:
    number = np.arange(100)
    return pd.DataFrame({"number": number, "tailnum": [f"N{n % 7}" for n in number], "mean": number / 3})


def found(expected: pd.DataFrame) -> pd.DataFrame:
    return expected.assign(_key=expected.tailnum, mean=expected["mean"] + 1e-12).sample(frac=1, random_state=1)


def judged(rows: pd.DataFrame) -> Verdict:
    return replace(compare(outputs(), rows, ["number"]), example="")


def test_what_is_right_in_any_order_is_right() -> None:
    assert judged(found(outputs())) == RIGHT


def test_what_is_lost_doubled_foreign_or_wrong_is_counted() -> None:
    rows = found(outputs())
    assert judged(rows.iloc[3:]) == replace(RIGHT, found=97, lost=3)
    assert judged(rows.iloc[:0]) == replace(RIGHT, found=0, lost=100)
    assert judged(pd.concat([rows, rows.iloc[:2], rows.iloc[:1]])) == replace(RIGHT, found=103, doubled=3)
    assert judged(pd.concat([rows, rows.iloc[:1].assign(number=500)])) == replace(RIGHT, found=101, foreign=1)
    shifted = rows.assign(mean=rows["mean"] + np.where(rows.number == 5, 1e-6, 0))
    assert judged(shifted) == replace(RIGHT, wrong=1)
    assert not judged(shifted).holds("exactly-once")


def test_a_wrong_key_and_a_wrong_repetition_are_wrong() -> None:
    rows = found(outputs())
    assert judged(rows.assign(_key="N0")).wrong == 85
    again = pd.concat([rows, rows.iloc[:1].assign(mean=-1.0)])
    assert (judged(again).doubled, judged(again).wrong) == (1, 1)


def test_only_at_least_once_may_double() -> None:
    doubled = replace(RIGHT, doubled=1)
    assert (doubled.holds("at-least-once"), doubled.holds("exactly-once")) == (True, False)
    assert not replace(RIGHT, lost=1).holds("at-least-once")


def joined(records: pd.DataFrame) -> pd.DataFrame:
    """Return records with their side input."""
    side = pd.DataFrame([json.loads(flight.value) for flight in levels(flights(3_000, 1), 1)])
    return _with_levels(records, side)


@pytest.mark.parametrize("kind", list(_EXPECTED))
def test_what_is_expected_depends_on_every_record(kind: str) -> None:
    frame = flights(3_000, 1)
    frame["tailnum"] = frame.tailnum.where(frame.tailnum.isna(), frame.tailnum.str[:4])
    mark = frame.tail(1).assign(time=frame.time.max() + pd.Timedelta("90D"), number=-1)
    records = pd.concat([frame, mark], ignore_index=True).assign(_partition=0, _offset=range(3_001))
    whole = _EXPECTED[kind](joined(records)).reset_index(drop=True)
    rows = whole.assign(_key=whole.tailnum)
    assert compare(whole, rows, IDENTITY[kind]).holds("exactly-once")
    changed = records.assign(distance=records.distance + 1, delay=records.delay + 1)
    other = _EXPECTED[kind](joined(changed)).reset_index(drop=True)
    assert compare(other, rows, IDENTITY[kind]).wrong > len(whole) // 2


def test_a_schedule_is_its_seeds() -> None:
    names = list(FAULTS)
    one, same, other = (drawn(Random(seed), 30, 10_000, names) for seed in (1, 1, 2))
    assert one == same
    assert one != other
    assert {strike.fault.name for strike in one} == set(names)
    assert [strike.after for strike in one] == sorted(strike.after for strike in one)
    planned = kills_and_rescales(Random(1), 20, 10_000, [3, 2])
    assert [strike.fault.name for strike in planned].count("kill") == 20
    assert [str(strike.fault) for strike in planned if strike.fault.name == "rescale"] == [
        "Rescale(count=3)",
        "Rescale(count=2)",
    ]
