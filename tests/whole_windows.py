"""Which windows there are, by plain pandas on all rows at once. It shares no code with the engine."""

from __future__ import annotations

import pandas as pd

from whole import placed


def windowed(frame: pd.DataFrame, kind: str, *sizes: object, zone: str = "UTC") -> pd.DataFrame:
    """Return the rows in time once for each window they are in, in event-time order.

    Args:
        frame: rows in the order of their arrival.
        kind: tumbling, hopping, session or count.
        sizes: as ``--window`` has them.
        zone: in whose local time tumbling and hopping windows are aligned.

    Returns:
        ``k``, ``t``, ``x``, ``n``, ``window_start``, ``window_end``, and ``window``, which tells windows apart.
    """
    rows = placed(frame)
    rows = rows[rows.t.notna() & ~rows.late].sort_values(["t", "partition", "offset"], kind="stable", ignore_index=True)
    if kind == "count":
        return _counts(rows, int(str(sizes[0])))
    if kind == "session":
        return _sessions(rows, pd.Timedelta(str(sizes[0])))
    return _aligned(rows, pd.Timedelta(str(sizes[0])), pd.Timedelta(str(sizes[-1])), zone)


def _aligned(rows: pd.DataFrame, size: pd.Timedelta, step: pd.Timedelta, zone: str) -> pd.DataFrame:
    """A bound is the first minute at which the clocks of the zone show its local time, or a later one."""
    if not len(rows):
        return rows.assign(window_start=rows.t, window_end=rows.t, window=0)
    around = size + pd.Timedelta("3h")
    minutes = pd.date_range(rows.t.min().floor("h") - around, rows.t.max() + around, freq="1min")
    local = minutes.tz_convert(zone).tz_localize(None)
    shown = pd.Series(local).cummax()
    epoch = pd.Timestamp(0)
    first = epoch - (epoch - local.min() - pd.Timedelta("2h")) // step * step
    bounds = pd.date_range(first, local.max() - size, freq=step)
    starts, ends = minutes[shown.searchsorted(bounds)], minutes[shown.searchsorted(bounds + size)]
    found = []
    for number, (low, high) in enumerate(zip(rows.t.searchsorted(starts), rows.t.searchsorted(ends), strict=True)):
        inside = rows.iloc[low:high]
        if len(inside):
            found.append(inside.assign(window_start=starts[number], window_end=ends[number], window=number))
    covered = pd.concat(found)
    assert set(covered.index) == set(rows.index)
    return covered


def _sessions(rows: pd.DataFrame, gap: pd.Timedelta) -> pd.DataFrame:
    keys = rows.k.fillna("?")
    pause = rows.groupby(keys)["t"].diff()
    number = (pause.isna() | (pause > gap)).groupby(keys).cumsum()
    groups = rows.groupby([keys, number])["t"]
    return rows.assign(
        window_start=groups.transform("min"),
        window_end=groups.transform("max") + gap,
        window=keys + number.astype("str"),
    )


def _counts(rows: pd.DataFrame, size: int) -> pd.DataFrame:
    keys = rows.k.fillna("?")
    rank = rows.groupby(keys).cumcount()
    number = rank // size
    full = rank.groupby([keys, number]).transform("size") == size
    groups = rows.groupby([keys, number])["t"]
    found = rows.assign(
        window_start=groups.transform("min"),
        window_end=groups.transform("max"),
        window=keys + number.astype("str"),
    )
    return found[full]
