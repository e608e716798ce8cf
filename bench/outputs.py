"""Whether a contestant's outputs are right: as a multiset, value by value, against plain pandas on the whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from bench.workloads import Workload, outputs_frame

TOLERANCE = 1e-9


@dataclass(frozen=True)
class Finding:
    """What a comparison found.

    Attributes:
        rows: distinct outputs.
        repeated: outputs that came more than once, each repetition counted.
        problem: None where every output is right, else a sentence about the first that is not.
    """

    rows: int
    repeated: int
    problem: str | None


def compare(
    values: list[bytes], expected: pd.DataFrame, workload: Workload, *, may_repeat: bool, whole: bool
) -> Finding:
    """Compare a contestant's outputs with the expected rows.

    Args:
        values: the outputs, JSON.
        expected: what should be there.
        workload: which says what identifies an output and which columns are times.
        may_repeat: the contestant promises at-least-once only.
        whole: every expected output must be there; without it (the time was up) those that are must be right.
    """
    if not values:
        return Finding(0, 0, "there are no outputs")
    try:
        found = outputs_frame(values, workload)
    except ValueError as error:
        return Finding(0, 0, f"an output cannot be read: {error}")
    identity = list(workload.identity)
    if missing := [name for name in expected.columns if name not in found]:
        return Finding(0, 0, f"the outputs lack the columns {missing}")
    distinct = found.drop_duplicates(identity, keep="last")
    repeated = len(found) - len(distinct)
    joined = expected.merge(distinct, on=identity, how="outer", suffixes=("", " found"), indicator=True)
    sides = joined["_merge"].value_counts()
    problem = None
    if repeated and not may_repeat:
        problem = f"{repeated} outputs came more than once"
    elif sides["right_only"]:
        problem = f"{sides['right_only']} outputs should not be there"
    elif whole and sides["left_only"]:
        problem = f"{sides['left_only']} outputs of {len(expected)} are missing"
    both = joined[joined["_merge"] == "both"]
    for column in expected.columns.difference(identity):
        wrong = ~same(both[column], both[f"{column} found"])
        if problem is None and wrong.any():
            first = both[wrong].iloc[0]
            where = ", ".join(f"{name} {first[name]}" for name in identity)
            problem = f"{column} is {first[f'{column} found']}, not {first[column]} ({where}; {wrong.sum()} such)"
    return Finding(len(distinct), repeated, problem)


def same(one: pd.Series, other: pd.Series) -> np.ndarray:
    """Return where two columns agree: numbers within `TOLERANCE`, missing with missing, all else exactly."""
    if pd.api.types.is_numeric_dtype(one) and not pd.api.types.is_bool_dtype(one):
        numbers = pd.to_numeric(other, errors="coerce").to_numpy(float)
        close = np.isclose(one.to_numpy(float), numbers, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
        return np.asarray(close, dtype=bool)
    alike = one.astype(object).to_numpy() == other.astype(object).to_numpy()
    return np.asarray(alike | (one.isna() & other.isna()).to_numpy(), dtype=bool)
