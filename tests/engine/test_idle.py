"""Quiet partitions follow the clock minus ``--idle``; records from the future move nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import orjson
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.engine.processor import make_processor
from headrace.engine.result import BatchResult
from headrace.engine.stream import Stream
from headrace.kafka.records import Records
from headrace.spec import ColumnType, StreamDocument, StreamSpec
from two_stages import TwoStages

TYPES: dict[str, ColumnType] = {"k": "str", "t": "datetime64[us, UTC]", "x": "int64"}
START = pd.Timestamp("2026-01-01", tz="UTC")
IDLE = 30
HOUR = 3_600


def at(seconds: float) -> int:
    """Microseconds since the epoch, so many seconds after the start."""
    return int((START + pd.Timedelta(seconds=seconds)).value // 1000)


def counted(df: pd.DataFrame) -> pd.DataFrame:
    return df.groupby("window_start").agg(rows=("x", "size"), first=("x", "first")).reset_index()


def before(df: pd.DataFrame) -> pd.DataFrame:
    return df.assign(before=df.groupby("k")["x"].shift(1))


def stream_of(function: Callable[[pd.DataFrame], pd.DataFrame], **spec: object) -> Stream:
    declared = {"name": "s", "source": "in", "sinks": ("out",), "key": "k", "time": "t", "idle": f"{IDLE}s", **spec}
    return Stream(StreamDocument(spec=StreamSpec.model_validate(declared), input=TYPES), function)


@dataclass
class Log:
    """The source's records, and a clock in seconds after the start."""

    now: float = 0
    lines: dict[int, list[dict[str, object]]] = field(default_factory=dict)

    def clock(self) -> float:
        """Seconds since the epoch."""
        return at(self.now) / 1e6

    def send(self, *rows: tuple[float, int], partition: int = 0, key: str = "a") -> Records:
        """Append records with these times and ``x``, and return them."""
        lines = self.lines.setdefault(partition, [])
        first = len(lines)
        for seconds, x in rows:
            lines.append({"k": key, "t": (START + pd.Timedelta(seconds=seconds)).isoformat(), "x": x})
        return self.read(partition, first)

    def read(self, partition: int, first: int) -> Records:
        """Return records of a partition from an offset on."""
        there = self.lines[partition][first:]
        places = np.arange(first, first + len(there), dtype=np.int64)
        keys: list[bytes | None] = [str(line["k"]).encode() for line in there]
        count = len(there)
        values: list[bytes | None] = [orjson.dumps(line) for line in there]
        return Records("in", keys, values, np.full(count, partition, np.int32), places, places, [None] * count)


class OneStage:
    """A processor with the interface of :class:`TwoStages`."""

    def __init__(self, stream: Stream, log: Log, partitions: int) -> None:
        self._stream, self._log = stream, log
        self._memos = dict.fromkeys(range(partitions))
        self._ends = dict.fromkeys(range(partitions), 0)
        self._start()

    def process(self, records: Records) -> list[BatchResult]:
        result = self.processor.process(records)
        for number in np.unique(records.partitions).tolist():
            self._ends[number] = int(records.offsets[records.partitions == number].max()) + 1
        return self._commit(result)

    def advance(self, now: int, quiet: list[int]) -> list[BatchResult]:
        result = self.processor.advance(now, quiet)
        if result is None:
            self.processor.rollback()
            return []
        return self._commit(result)

    def restart(self) -> None:
        self.processor.close()
        self._start()

    def _start(self) -> None:
        self.processor = make_processor(self._stream, clock=self._log.clock)
        for number, memo in self._memos.items():
            self.processor.begin(number, memo)
        for number, memo in self._memos.items():
            end = self._ends[number]
            if memo is not None and memo.lowest is not None and memo.lowest < end:
                self.processor.restore(number, self._log.read(number, memo.lowest).take(np.arange(end - memo.lowest)))
            self.processor.restored(number)

    def _commit(self, result: BatchResult) -> list[BatchResult]:
        for number in self.processor.touched():
            self._memos[number] = self.processor.memo(number, self._ends[number])
        self.processor.commit()
        return [result]


Stages = OneStage | TwoStages


def run(stages: str, stream: Stream, log: Log, partitions: int = 1) -> Stages:
    return OneStage(stream, log, partitions) if stages == "one" else TwoStages(stream, partitions, log.clock)


def given_by(results: Iterable[BatchResult]) -> list[dict[str, object]]:
    return [orjson.loads(value) for result in results for value in result.values]


def windows_of(results: Iterable[BatchResult]) -> list[tuple[float, int]]:
    """Return start in seconds and rows of each window."""
    found = given_by(results)
    return [((pd.Timestamp(str(row["window_start"])) - START).total_seconds(), int(str(row["rows"]))) for row in found]


def late_in(results: Iterable[BatchResult]) -> list[int]:
    return [offset for result in results for offset in result.late.offsets.tolist()]


both = pytest.mark.parametrize("stages", ["one", "two"])


@both
def test_a_quiet_partition_closes_a_window_idle_after_its_end_and_no_sooner(stages: str) -> None:
    log = Log()
    service = run(stages, stream_of(counted, window="tumbling=1min", grace="5s"), log)
    assert windows_of(service.process(log.send((10, 0), (40, 1)))) == []
    for now in (45, 60, 60 + IDLE - 0.001):
        assert windows_of(service.advance(at(now), [0])) == []
    assert windows_of(service.advance(at(60 + IDLE + 1.5), [0])) == [(0, 2)]
    assert windows_of(service.advance(at(1_000), [0])) == []


@both
def test_a_window_that_ends_later_stays_open(stages: str) -> None:
    log = Log()
    service = run(stages, stream_of(counted, window="tumbling=1min"), log)
    service.process(log.send((10, 0), (70, 1)))
    assert windows_of(service.advance(at(119.9 + IDLE), [0])) == []  # the first closed with the second record
    assert windows_of(service.process(log.send((119, 2)))) == []
    assert windows_of(service.advance(at(121 + IDLE), [0])) == [(60, 2)]


@pytest.mark.parametrize(
    ("stages", "key", "too_late"),
    [("one", "k", []), ("one", None, [1]), ("two", "k", [1])],
    ids=["a lane a partition", "one lane", "two stages"],
)
def test_what_a_replay_brings_after_a_pause_is_not_late(stages: str, key: str | None, too_late: list[int]) -> None:
    log = Log(now=4 * 24 * HOUR)
    service = run(stages, stream_of(counted, window="tumbling=1min", key=key), log, 2)
    results = service.process(log.send((10, 0), (70, 1)))
    results += service.process(log.send((20, 2), partition=1, key="b"))
    results += service.advance(at(log.now + IDLE + 1), [0, 1])  # all that is open closes, and nothing more
    results += service.process(log.send((130, 3), (135, 4), (200, 5)))
    results += service.process(log.send((100, 6), (190, 7), partition=1, key="b"))
    service.restart()
    results += service.advance(at(log.now + 100 * IDLE), [0, 1])
    assert sum(rows for _, rows in windows_of(results)) == 8 - len(late_in(results))
    assert late_in(results) == too_late  # the one of 100 s, where its window closed with partition 0's


@both
def test_a_session_of_a_replay_closes_in_a_pause_and_the_next_is_not_late(stages: str) -> None:
    log = Log(now=4 * 24 * HOUR)
    stream = stream_of(counted, window="session=30s")
    service = run(stages, stream, log)
    assert windows_of(service.process(log.send((10, 0), (20, 1)))) == []
    assert windows_of(service.advance(at(log.now + IDLE + 1), [0])) == [(10, 2)]
    results = service.process(log.send((51, 2), (60, 3)))
    results += service.advance(at(log.now + 10 * IDLE), [0])
    assert (windows_of(results), late_in(results)) == ([(51, 2)], [])


@both
def test_a_lookback_of_a_replay_goes_on_after_a_pause(stages: str) -> None:
    log = Log(now=4 * 24 * HOUR)
    service = run(stages, stream_of(before, lookback="1h", grace="10s"), log)
    results = service.process(log.send((10, 1), (20, 2)))
    results += service.advance(at(log.now + IDLE + 1), [0])
    results += service.process(log.send((18, 3), (30, 4)))  # 18 s is within the grace, and comes after what was given
    results += service.advance(at(log.now + 10 * IDLE), [0])
    assert late_in(results) == []
    assert sorted(int(str(row["x"])) for row in given_by(results)) == [1, 2, 3, 4]


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("send"), st.integers(0, 40), st.integers(0, 1)),
            st.tuples(st.just("wait"), st.integers(1, 90), st.just(0)),
            st.tuples(st.just("restart"), st.just(0), st.just(0)),
        ),
        max_size=25,
    ),
    stages=st.sampled_from(["one", "two"]),
)
def test_no_window_closes_before_its_end(steps: list[tuple[str, int, int]], stages: str) -> None:
    log = Log()
    service = run(stages, stream_of(counted, window="tumbling=1min", grace="10s"), log, 2)
    newest = {0: -np.inf, 1: -np.inf}
    heard = {0: 0.0, 1: 0.0}
    sent, closed, late = 0, 0, 0
    for what, amount, partition in steps:
        results: list[BatchResult] = []
        if what == "send":
            log.now += 1
            results = service.process(log.send((log.now - amount, sent), partition=partition, key="ab"[partition]))
            newest[partition] = max(newest[partition], log.now - amount)
            heard[partition] = log.now
            sent += 1
        elif what == "wait":
            log.now += amount
            quiet = [number for number, last in heard.items() if last <= log.now - IDLE]
            results = service.advance(at(log.now), quiet)
        else:
            service.restart()
        for start, rows in windows_of(results):
            reached = max(max(newest.values()) - 10, log.now - IDLE)
            assert start + 60 <= reached
            closed += rows
        late += len(late_in(results))
    log.now += 10_000
    closed += sum(rows for _, rows in windows_of(service.advance(at(log.now), [0, 1])))
    assert closed + late == sent


@both
@pytest.mark.parametrize("again", [False, True], ids=["at once", "after a restart"])
def test_what_the_clock_has_closed_stays_closed(stages: str, again: bool) -> None:  # noqa: FBT001
    log = Log()
    service = run(stages, stream_of(counted, window="tumbling=1min", grace="2min"), log)
    service.process(log.send((10, 0), (70, 1)))
    assert windows_of(service.advance(at(62 + IDLE), [0])) == [(0, 1)]
    if again:
        service.restart()
    results = service.process(log.send((20, 2), (80, 3)))  # in time by the log, but the clock was faster
    assert (windows_of(results), late_in(results)) == ([], [2])
    assert windows_of(service.advance(at(122 + IDLE), [0])) == [(60, 2)]


@both
def test_rows_that_wait_for_the_grace_are_taken_when_the_clock_has_passed_them(stages: str) -> None:
    log = Log()
    service = run(stages, stream_of(before, lookback="1h", grace="1min"), log)
    assert given_by(service.process(log.send((10, 0), (30, 1), (20, 2)))) == []
    assert given_by(service.advance(at(9 + IDLE), [0])) == []
    assert [row["x"] for row in given_by(service.advance(at(20 + IDLE), [0]))] == [0, 2]
    service.restart()
    assert given_by(service.advance(at(29 + IDLE), [0])) == []
    found = given_by(service.advance(at(31 + IDLE), [0]))
    assert [(row["x"], row["before"]) for row in found] == [(1, 2)]


def test_without_a_key_a_quiet_partition_holds_the_others_back_until_idle() -> None:
    log = Log()
    service = run("one", stream_of(counted, window="tumbling=1min", key=None), log, 2)
    service.process(log.send((10, 0), partition=1))
    assert windows_of(service.process(log.send((20, 1), (200, 2)))) == []
    assert windows_of(service.advance(at(59 + IDLE), [1])) == []
    assert windows_of(service.advance(at(61 + IDLE), [1])) == [(0, 2)]
    service.restart()
    assert windows_of(service.advance(at(1_000), [1])) == []  # the other one brought 200, and may bring more of it
    assert windows_of(service.advance(at(1_000), [0, 1])) == [(180, 1)]


@both
@pytest.mark.parametrize("again", [False, True], ids=["at once", "after a restart"])
def test_a_record_from_the_future_closes_nothing_and_waits_for_the_clock(stages: str, again: bool) -> None:  # noqa: FBT001
    log = Log(now=100)
    service = run(stages, stream_of(counted, window="tumbling=1min"), log)
    future = 100 + HOUR + 60
    results = service.process(log.send((90, 0), (future, 1), (95, 2)))
    assert (windows_of(results), late_in(results)) == ([], [])
    if again:
        log.now += 2 * HOUR  # by now it would not be ahead; it was when it came
        service.restart()
        log.now = 110
    results = service.process(log.send((110, 3), (125, 4)))
    assert (windows_of(results), late_in(results)) == ([(60, 3)], [])
    end = future // 60 * 60 + 60
    assert windows_of(service.advance(at(end + IDLE - 2), [0])) == [(120, 1)]
    assert windows_of(service.advance(at(end + IDLE + 2), [0])) == [(end - 60, 1)]


@both
def test_a_record_less_than_an_hour_ahead_does_move_the_watermark(stages: str) -> None:
    log = Log(now=100)
    service = run(stages, stream_of(counted, window="tumbling=1min"), log)
    results = service.process(log.send((90, 0), (100 + HOUR - 60, 1), (95, 2)))
    assert (windows_of(results), late_in(results)) == ([(60, 1)], [2])


@both
@pytest.mark.parametrize("again", [False, True], ids=["at once", "after a restart"])
def test_a_lookback_takes_a_record_from_the_future_when_its_time_comes(stages: str, again: bool) -> None:  # noqa: FBT001
    log = Log(now=100)
    service = run(stages, stream_of(before, lookback="3h"), log)
    future = 100 + 2 * HOUR
    found = given_by(service.process(log.send((90, 0), (future, 1), (95, 2))))
    if again:
        service.restart()
    found += given_by(service.process(log.send((99, 3))))
    found += given_by(service.advance(at(future + IDLE + 2), [0]))
    assert [(row["x"], row["before"]) for row in found] == [(0, None), (2, 0), (3, 2), (1, 3)]


def test_a_past_with_a_record_from_the_future_makes_nothing_late() -> None:
    log = Log(now=100)
    log.send((80, 0), (100 + 2 * HOUR, 1), (90, 2))
    stream = stream_of(before, lookback="1h")
    processor = make_processor(stream, clock=log.clock)
    processor.begin(0, start=3)  # the stream begins behind what the log has
    processor.restore(0, log.read(0, 0))
    processor.restored(0)
    result = processor.process(log.send((95, 3)))
    assert len(result.late) == 0
    assert [(row["x"], row["before"]) for row in given_by([result])] == [(3, 2)]
    processor.close()
