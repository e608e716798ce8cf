"""What plain pandas gives for all rows of a topic at once. It shares no code with the engine."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import orjson
import pandas as pd

from drawn import GRACE
from headrace.engine.result import BatchResult

_PLACE = ["partition", "offset"]
_ISO = "%Y-%m-%dT%H:%M:%S.%fZ"


def outputs(*results: BatchResult) -> pd.DataFrame:
    """Return the outputs of results by partition and offset, as they were encoded."""
    rows = pd.DataFrame([orjson.loads(value) for result in results for value in result.values])
    rows["partition"] = np.concatenate([result.partitions for result in results])
    rows["offset"] = np.concatenate([result.offsets for result in results])
    return rows.sort_values(_PLACE, kind="stable", ignore_index=True)


def placed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows in the order of their arrival with their offsets, and whether they are late."""
    rows = frame.assign(offset=frame.groupby("partition").cumcount())
    newest = rows.groupby("partition")["t"].transform(lambda times: times.cummax().ffill().shift())
    return rows.assign(late=(rows.t < newest - pd.Timedelta(seconds=GRACE)).to_numpy())


def wanted(
    function: Callable[[pd.DataFrame], pd.DataFrame], frame: pd.DataFrame, *, in_time: bool = True
) -> pd.DataFrame:
    """Return what pandas gives for all rows that have a time, in event-time order; or for all, as they came."""
    whole = placed(frame)
    if in_time:
        whole = whole[whole.t.notna()].sort_values(["t", *_PLACE], kind="stable", ignore_index=True)
    return _given(function, whole, np.ones(len(whole), bool))


def as_they_came(
    function: Callable[[pd.DataFrame], pd.DataFrame], frame: pd.DataFrame, batches: list[npt.NDArray[np.int64]]
) -> pd.DataFrame:
    """Return what pandas gives when some rows come too late: over all rows taken so far, after each batch.

    A row in time is taken once its own partition has reached its time and the grace; a late one at once.
    """
    rows = placed(frame)
    taken, read = np.zeros(len(rows), bool), np.zeros(len(rows), bool)
    found = []
    for batch in [*batches, None]:
        if batch is None:
            ready = read & ~taken & rows.t.notna().to_numpy()
        else:
            read[batch] = True
            newest = rows.partition.map(rows[read].groupby("partition")["t"].max())
            reached = rows.t <= newest - pd.Timedelta(seconds=GRACE)
            ready = read & ~taken & (rows.late | reached).to_numpy()
        taken |= ready
        known = rows.assign(new=ready)[taken].sort_values(["t", *_PLACE], kind="stable", ignore_index=True)
        if ready.any():
            found.append(_given(function, known, known.new.to_numpy()))
    every = [rows for rows in found if len(rows)] or found or [pd.DataFrame(columns=_PLACE)]
    return pd.concat(every).sort_values(_PLACE, kind="stable", ignore_index=True)


def _given(
    function: Callable[[pd.DataFrame], pd.DataFrame], whole: pd.DataFrame, kept: npt.NDArray[np.bool_]
) -> pd.DataFrame:
    if not len(whole):
        return pd.DataFrame(columns=_PLACE)
    rows = function(whole[["k", "t", "x", "n"]])
    rows = rows[kept[rows.index]]
    rows = rows.assign(partition=whole.partition.loc[rows.index], offset=whole.offset.loc[rows.index])
    if "t" in rows:
        rows["t"] = rows.t.dt.strftime(_ISO)
    return rows.sort_values(_PLACE, kind="stable", ignore_index=True)


def assert_same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Hold rows against rows, in their order: numbers to 1e-9, all else exactly."""
    assert len(found) == len(expected)
    if not len(expected):
        return
    found = found.loc[:, list(expected.columns)]
    for name in expected.columns:
        one, other = found[name], expected[name]
        if pd.api.types.is_numeric_dtype(other):
            np.testing.assert_allclose(
                one.astype(float).to_numpy(), other.astype(float).to_numpy(), rtol=1e-9, atol=1e-9, err_msg=name
            )
        else:
            assert one.fillna("").tolist() == other.fillna("").tolist()
