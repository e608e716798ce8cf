"""Windows of each kind, against plain pandas, cut into batches and restarted anywhere."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.engine.event_time import NEVER, microseconds
from headrace.engine.history import MemoryBudget
from headrace.engine.rows import Rows, key_hashes
from headrace.engine.windows import Closed, OpenWindows
from headrace.engine.windows.alignment import Alignment
from headrace.spec import Window, parse_window

MEGABYTE = 1024 * 1024

Found = set[tuple[int, int, tuple[int, ...]]]
"""Start, end, and the offsets of the rows of each window."""


def rows_of(times: list[int], keys: list[str]) -> Rows:
    """Return rows with these event times in seconds, in the order in which they arrive."""
    count = len(times)
    frame = pd.DataFrame({"k": pd.array(keys, dtype="str")})
    stamps = np.array(times, np.int64) * 1_000_000
    places = np.arange(count, dtype=np.int64)
    return Rows(frame, stamps, np.zeros(count, np.int32), places, stamps // 1000, key_hashes(frame.k))


def windows_in(closed: Closed | None) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    if closed is None:
        return
    assert (np.diff(closed.windows) >= 0).all()
    for number in np.unique(closed.windows).tolist():
        mine = closed.windows == number
        (start,), (end,) = np.unique(closed.starts[mine]), np.unique(closed.ends[mine])
        assert (np.diff(closed.rows.times[mine]) >= 0).all()
        yield int(start), int(end), tuple(sorted(closed.rows.offsets[mine].tolist()))


def expected(window: Window, rows: Rows) -> Found:
    """Return every window there is, one record after the other in plain Python."""
    size, step = microseconds(window.size), microseconds(window.step)
    found: dict[tuple[object, int, int], list[int]] = {}
    places = zip(rows.times.tolist(), rows.offsets.tolist(), rows.frame.k.tolist(), strict=True)
    ordered = sorted(places)
    if window.kind in {"tumbling", "hopping"}:
        for time, offset, _ in ordered:
            start = time // step * step
            while start + size > time:
                found.setdefault(("", start, start + size), []).append(offset)
                start -= step
    else:
        for key in sorted({key for _, _, key in ordered}):
            run: list[tuple[int, int]] = []
            for time, offset in [(time, offset) for time, offset, own in ordered if own == key]:
                if window.kind == "session" and run and time - run[-1][0] > size:
                    found[key, run[0][0], run[-1][0] + size] = [place for _, place in run]
                    run = []
                run.append((time, offset))
                if window.kind == "count" and len(run) == window.count:
                    found[key, run[0][0], run[-1][0], run[0][1]] = [place for _, place in run]  # type: ignore[index]
                    run = []
            if window.kind == "session" and run:
                found[key, run[0][0], run[-1][0] + size] = [place for _, place in run]
    return {(bounds[1], bounds[2], tuple(sorted(offsets))) for bounds, offsets in found.items()}


@pytest.mark.parametrize("text", ["tumbling=10s", "hopping=10s,3s", "hopping=9s,3s", "session=5s", "count=3"])
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_each_window_comes_once_and_whole(text: str, data: st.DataObject) -> None:
    window, memory = parse_window(text), data.draw(st.sampled_from([1, MEGABYTE]))
    steps = data.draw(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 6), st.sampled_from("ab")), min_size=1))
    clock = np.cumsum([step for step, _, _ in steps])
    rows = rows_of((clock - [late for _, late, _ in steps] + 100).tolist(), [key for _, _, key in steps])
    open_windows = OpenWindows(window, MemoryBudget(memory))
    found: list[tuple[int, int, tuple[int, ...]]] = []
    newest, first = NEVER, 0
    for end in [*sorted(data.draw(st.sets(st.integers(1, len(rows)), max_size=5))), len(rows)]:
        batch = rows.take(np.arange(first, end))
        if not len(batch):
            continue
        for attempt in range(data.draw(st.integers(1, 2))):
            if attempt:
                open_windows.rollback()
            assert not open_windows.add(batch).any()
            reached = max(newest, int(batch.times.max()))
            complete = reached - 6_000_000
            given_now = list(windows_in(open_windows.close(complete, complete)))
        open_windows.commit()
        found += given_now
        newest, first = reached, end
        if data.draw(st.booleans()):  # a restart: only what may still be needed is read again
            since = open_windows.earliest()
            again = rows.take(np.arange(first))
            open_windows = OpenWindows(window, MemoryBudget(memory))
            if since is not None:
                open_windows.restore(again.take(again.times >= since))
            open_windows.settle(complete, complete)
    found += windows_in(open_windows.close_all())
    assert len(found) == len(set(found))
    assert set(found) == expected(window, rows)


@pytest.mark.parametrize(
    ("zone", "first", "last"),
    [
        ("Europe/Berlin", "2026-03-28", "2026-03-31"),
        ("Europe/Berlin", "2026-10-24", "2026-10-27"),
        ("Australia/Lord_Howe", "2026-04-03", "2026-04-06"),
        ("Australia/Lord_Howe", "2026-10-02", "2026-10-05"),
    ],
)
@pytest.mark.parametrize("size", ["1d", "6h", "1h"])
def test_windows_of_a_zone_leave_nothing_out_when_the_clocks_change(
    zone: str, first: str, last: str, size: str
) -> None:
    moments = pd.date_range(first, last, freq="7min", tz="UTC")
    rows = rows_of((moments.as_unit("s").tz_localize(None).to_numpy().view(np.int64)).tolist(), ["a"] * len(moments))
    open_windows = OpenWindows(parse_window(f"tumbling={size}@{zone}"), MemoryBudget(MEGABYTE))
    open_windows.add(rows)
    found = sorted(windows_in(open_windows.close_all()))
    assert sum(len(offsets) for _, _, offsets in found) == len(rows)
    ends = [end for _, end, _ in found]
    assert all(end <= start for end, (start, _, _) in zip(ends[:-1], found[1:], strict=True))
    local = pd.DatetimeIndex(np.array([start for start, _, _ in found], "datetime64[us]"), tz="UTC").tz_convert(zone)
    if size == "1d":
        assert (local.strftime("%H:%M") == "00:00").all()
        hours = {(end - start) / 3.6e9 for start, end, _ in found}
        assert hours >= {24.0}
        assert len(hours) == 2


def test_what_the_clock_has_closed_takes_nothing_more() -> None:
    open_windows = OpenWindows(parse_window("tumbling=10s"), MemoryBudget(MEGABYTE))
    assert not open_windows.add(rows_of([1, 12], ["a", "a"])).any()
    assert len(list(windows_in(open_windows.close(20_000_000, 20_000_000)))) == 2
    assert open_windows.add(rows_of([13, 21], ["a", "a"])).tolist() == [True, False]


ZONES = [
    ("Europe/Berlin", "2026-10-23", "the hour from 2:00 comes twice"),
    ("Europe/Berlin", "2026-03-27", "the hour from 2:00 is left out"),
    ("Australia/Lord_Howe", "2026-04-03", "half an hour comes twice"),
    ("Africa/Casablanca", "2026-02-13", "an hour comes twice where summer time is less"),
]


def every_three_minutes(day: str) -> tuple[pd.DatetimeIndex, npt.NDArray[np.int64]]:
    moments = pd.date_range(day, periods=6 * 24 * 20, freq="3min", tz="UTC").as_unit("us")
    return moments, np.array(moments.tz_localize(None).to_numpy().view(np.int64))


@pytest.mark.parametrize(("zone", "day", "what"), ZONES)
@pytest.mark.parametrize(
    "text", ["tumbling=1d", "tumbling=30min", "tumbling=7min", "hopping=2h,30min", "hopping=1h,7min"]
)
def test_every_moment_is_in_all_its_windows_when_the_clocks_change(zone: str, day: str, what: str, text: str) -> None:
    window = parse_window(f"{text}@{zone}")
    alignment = Alignment(window)
    _, times = every_three_minutes(day)
    inside = np.zeros(len(times), np.int64)
    for back in range(alignment.overlaps):
        starts, ends = alignment.bounds(times, back)
        inside += (starts <= times) & (times < ends)
        for row in range(0, len(times), 41):  # alone a row has the windows that it has among others
            start, end = alignment.bounds(times[row : row + 1], back)
            assert (start[0], end[0]) == (starts[row], ends[row])
    assert inside.min() >= window.size // window.step, what


@pytest.mark.parametrize(("zone", "day", "what"), ZONES)
@pytest.mark.parametrize("size", ["6h", "1h"])
def test_windows_of_a_zone_begin_where_pandas_floors_local_times(zone: str, day: str, what: str, size: str) -> None:
    del what
    moments, times = every_three_minutes(day)
    starts, ends = Alignment(parse_window(f"tumbling={size}@{zone}")).bounds(times)
    local = moments.tz_convert(zone)
    offset = local.tz_localize(None) - moments.tz_localize(None)
    plain = (offset == offset[0]) | (offset == offset[-1])
    near = np.abs(times - times[np.flatnonzero(np.diff(offset.asi8))[0]]) < 7 * 3_600_000_000
    floor = local.floor(size, ambiguous=np.ones(len(local), bool), nonexistent="shift_forward")
    begin = np.array(floor.tz_convert("UTC").tz_localize(None).as_unit("us").to_numpy().view(np.int64))
    calm = np.asarray(plain) & ~near
    assert calm.sum() > len(times) // 2
    assert (starts[calm] == begin[calm]).all()
    assert (ends[calm] - starts[calm] == pd.Timedelta(size) // pd.Timedelta("1us")).all()


@pytest.mark.parametrize(
    ("text", "at", "start", "end"),
    [
        ("tumbling=6h", "2026-10-25T01:30", "2026-10-24T22:00", "2026-10-25T05:00"),  # seven hours
        ("tumbling=6h", "2026-03-29T01:30", "2026-03-28T23:00", "2026-03-29T04:00"),  # five
        ("tumbling=1h", "2026-10-25T00:59", "2026-10-25T00:00", "2026-10-25T02:00"),  # two
        ("tumbling=1h", "2026-10-25T01:00", "2026-10-25T00:00", "2026-10-25T02:00"),
        ("tumbling=1h", "2026-03-29T01:00", "2026-03-29T01:00", "2026-03-29T02:00"),  # 3:00 follows 1:59
        ("tumbling=30min", "2026-10-25T01:10", "2026-10-25T00:30", "2026-10-25T02:00"),
        ("hopping=2h,1h", "2026-10-25T01:10", "2026-10-25T00:00", "2026-10-25T03:00"),
        ("hopping=2h,1h", "2026-03-29T01:10", "2026-03-29T01:00", "2026-03-29T03:00"),
    ],
)
def test_bounds_on_the_days_when_the_clocks_change_in_berlin(text: str, at: str, start: str, end: str) -> None:
    times = np.array([at], "datetime64[us]").view(np.int64)
    starts, ends = Alignment(parse_window(f"{text}@Europe/Berlin")).bounds(times)
    assert (starts[0], ends[0]) == tuple(np.array([start, end], "datetime64[us]").view(np.int64).tolist())
