"""Where windows that are aligned to the clock begin and end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from headrace.engine.event_time import microseconds
from headrace.engine.rows import Integers
from headrace.spec import Window

_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_DAY = microseconds(timedelta(days=1))


class Alignment:
    """The bounds of tumbling and hopping windows, in UTC or in the local time of a zone.

    In a zone the bounds are local times: days have 23 or 25 hours when the clocks change. A local time that comes twice
    is a bound the first time, one that is left out is a bound when the clocks have been changed. So windows of one
    series never overlap and leave nothing out: the hour that comes twice is in one window of two hours, or the last of
    its shorter windows is an hour longer.

    Args:
        window: tumbling or hopping.
    """

    def __init__(self, window: Window) -> None:
        self._size = microseconds(window.size)
        self._step = microseconds(window.step)
        self._timezone = window.timezone
        self.overlaps = -(-self._size // self._step)
        """In how many windows a row can be."""

    def bounds(self, times: Integers, back: int = 0) -> tuple[Integers, Integers]:
        """Return start and end of a window of each row, int64[n] microseconds.

        Args:
            times: int64[n], event times in microseconds.
            back: 0 for the window that begins last at or before the row, 1 for the one before that, and so on.
        """
        local = self._monotonic(times)
        starts = local // self._step * self._step - back * self._step
        return self._utc(starts), self._utc(starts + self._size)

    def _local(self, times: Integers) -> Integers:
        if self._timezone is None:
            return times
        moments = pd.DatetimeIndex(times.view("datetime64[us]"), tz="UTC").tz_convert(self._timezone)
        return np.asarray(moments.tz_localize(None).as_unit("us").to_numpy().view(np.int64))

    def _monotonic(self, times: Integers) -> Integers:
        """Return local times that never go back: where a stretch comes twice, its end stands for the second time."""
        local = self._local(times)
        if self._timezone is None or not len(times) or self._is_calm(times):
            return local
        local, first = local.copy(), self._utc(local)
        second = np.flatnonzero(first < times)
        while len(second):
            row = second[0]
            change = _change_between(int(first[row]), int(times[row]), ZoneInfo(self._timezone))
            shown_before = change + int(local[row] - first[row])
            mine = (times[second] >= change) & (times[second] < change + times[row] - first[row])
            local[second[mine]] = shown_before - 1
            second = second[~mine]
        return local

    def _is_calm(self, times: Integers) -> bool:
        """Return whether the clocks surely do not change around a few days."""
        ends = np.array([times.min() - _DAY, times.max()], np.int64)
        return bool(ends[1] - ends[0] < 8 * _DAY and np.ptp(self._local(ends) - ends) == 0)

    def _utc(self, local: Integers) -> Integers:
        if self._timezone is None:
            return local
        values, places = np.unique(local, return_inverse=True)
        naive = pd.DatetimeIndex(values.view("datetime64[us]"))
        first = np.ones(len(naive), np.bool_)
        moments = naive.tz_localize(self._timezone, ambiguous=first, nonexistent="NaT").tz_convert("UTC")
        found = np.array(moments.tz_localize(None).as_unit("us").to_numpy().view(np.int64))
        for row in np.flatnonzero(moments.isna()).tolist():
            found[row] = _change_around(naive[row].to_pydatetime(), ZoneInfo(self._timezone))
        return found[places]


def _change_around(local: datetime, zone: ZoneInfo) -> int:
    """Return when the clocks of ``zone`` leave out the local time ``local``, in microseconds since the epoch.

    pandas' own ``shift_forward`` is wrong for changes of half an hour. In a gap ``fold`` chooses the offset before or
    after the change (PEP 495), and the change lies between what the two give.
    """
    before = local.replace(tzinfo=zone, fold=0).utcoffset() or timedelta(0)
    after = local.replace(tzinfo=zone, fold=1).utcoffset() or timedelta(0)
    moment = local.replace(tzinfo=UTC) - _EPOCH
    return _change_between((moment - after) // _MICROSECOND, (moment - before) // _MICROSECOND, zone)


def _change_between(low: int, high: int, zone: ZoneInfo) -> int:
    """Return when the clocks of ``zone`` change, once, after ``low`` and up to ``high``; all in microseconds."""
    before = (_EPOCH + low * _MICROSECOND).astimezone(zone).utcoffset()
    while low < high:
        middle = (low + high) // 2
        if (_EPOCH + middle * _MICROSECOND).astimezone(zone).utcoffset() == before:
            low = middle + 1
        else:
            high = middle
    return low
