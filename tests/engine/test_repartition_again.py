"""Two stages, at least once: what stage one sends again, or not at all, stage two takes once and in order."""

from __future__ import annotations

import numpy as np
import orjson
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drawn import START, arrivals, records_of
from headrace.engine.memo import Memo
from headrace.engine.repartition_record import Marks
from headrace.engine.result import BatchResult
from headrace.engine.stream import Stream
from headrace.kafka.records import Records
from idioms import previous, rolling_by_key, stream_of
from two_stages import TwoStages
from whole import assert_same, outputs, wanted


def all_arrive(count: int) -> list[bool]:
    return [True] * count


def sums(df: pd.DataFrame) -> pd.DataFrame:
    return df.groupby(["window_start", "k"], dropna=False).agg(rows=("n", "size"), n=("n", "sum")).reset_index()


class Run:
    """Stage one's place in the source, and all that stage two gives."""

    def __init__(self, stream: Stream, records: Records, sources: int = 3) -> None:
        self.records, self.at = records, 0
        self.stages = TwoStages(stream, sources, lambda: 2e9)
        self.results: list[BatchResult] = []

    @property
    def is_over(self) -> bool:
        return self.at == len(self.records)

    def send(self, count: int, data: st.DataObject | None = None) -> None:
        """Have stage one take some records; ``data`` says what is lost on the way."""
        batch = self.records.take(np.arange(self.at, min(self.at + count, len(self.records))))
        if data is None:
            committed = self.stages.send(batch, arrive=all_arrive, commits=True)
        else:
            kept = st.integers(0, 3).map(bool)
            arrive = lambda lines: data.draw(st.lists(kept, min_size=lines, max_size=lines))  # noqa: E731
            committed = self.stages.send(batch, arrive=arrive, commits=data.draw(st.booleans()))
        self.at += len(batch) if committed else 0

    def read(self) -> None:
        self.results += self.stages.read()

    def finish(self) -> None:
        while not self.is_over:
            self.send(20)
        self.read()
        self.results.append(self.stages.second.finish())
        assert not [failure for result in self.results for failure in result.failures]
        assert not [late for result in self.results for late in result.late.offsets]


def go(run: Run, data: st.DataObject) -> None:
    """Draw what happens until all records are through."""
    for _ in range(data.draw(st.integers(1, 12))):
        what = data.draw(st.sampled_from(["send", "lose", "read", "restart"]))
        if what in {"send", "lose"} and not run.is_over:
            run.send(data.draw(st.integers(1, 20)), data if what == "lose" else None)
        elif what == "read":
            run.read()
        elif what == "restart":
            run.stages.restart()
    run.finish()


@pytest.mark.parametrize(("function", "lookback"), [(rolling_by_key, "10min"), (previous, "1rows")])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_lookback_has_each_row_once(function: object, lookback: str, data: st.DataObject) -> None:
    assert callable(function)
    frame = data.draw(arrivals(40, by_key=False))
    run = Run(stream_of(function, lookback=lookback, delivery="at-least-once"), records_of(frame))
    go(run, data)
    assert_same(outputs(*run.results), wanted(function, frame))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_window_has_each_row_once(data: st.DataObject) -> None:
    frame = data.draw(arrivals(40, by_key=False))
    run = Run(stream_of(sums, window="tumbling=5min", delivery="at-least-once"), records_of(frame))
    go(run, data)
    found = pd.DataFrame([orjson.loads(value) for result in run.results for value in result.values])
    expected = sums(frame.assign(window_start=frame.t.dt.floor("5min")))
    expected["window_start"] = expected.window_start.dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    columns = ["window_start", "k", "rows", "n"]
    one, other = (
        rows.assign(k=rows.k.fillna("")).sort_values(columns)[columns].to_numpy().tolist() for rows in (found, expected)
    )
    assert one == other


def ten() -> Records:
    frame = pd.DataFrame(
        {
            "k": pd.array(["a"] * 10, dtype="str"),
            "t": START + pd.to_timedelta(np.arange(10), unit="s"),
            "x": 1.0,
            "n": range(10),
            "partition": 0,
        }
    )
    return records_of(frame)


def taken_by(run: Run) -> list[int]:
    return [int(orjson.loads(value)["n"]) for result in run.results for value in result.values]


def test_a_batch_that_comes_twice_counts_once() -> None:
    run = Run(stream_of(previous, lookback="1rows", grace="0s", delivery="at-least-once"), ten(), 1)
    run.stages.send(run.records, arrive=all_arrive, commits=False)
    run.read()
    run.finish()
    assert taken_by(run) == list(range(10))


def test_what_follows_a_record_that_is_missing_waits_for_it_to_come() -> None:
    run = Run(stream_of(previous, lookback="1rows", grace="0s", delivery="at-least-once"), ten(), 1)
    run.stages.send(run.records, arrive=lambda count: [row != 4 for row in range(count)], commits=True)
    run.read()
    assert taken_by(run) == []  # the mark behind the gap has moved nothing
    assert run.stages.second.size()[0] == 4
    run.stages.restart()
    run.finish()
    assert taken_by(run) == list(range(10))


def test_exactly_once_before_leaves_no_record_out() -> None:
    exactly = Run(stream_of(previous, lookback="1rows", grace="0s"), ten(), 1)
    exactly.send(4)
    exactly.read()
    run = Run(stream_of(previous, lookback="1rows", grace="0s", delivery="at-least-once"), ten(), 1)
    run.stages.topic, run.stages.taken = exactly.stages.topic, exactly.stages.taken
    run.stages._memos, run.stages._later = exactly.stages._memos, exactly.stages._later
    run.stages.restart()
    run.at = 4
    run.finish()
    assert taken_by(exactly) + taken_by(run) == list(range(10))


def test_the_memo_and_the_marks_say_what_was_taken() -> None:
    for taken in ({0: 17, 3: -1}, {number: number * 12_345_678_901 for number in range(100)}):
        memo = Memo(taken=taken)
        assert Memo.from_fields(memo.to_fields(3_500)) == memo
    few = Memo.from_fields(memo.to_fields(200))
    assert few is not None
    assert few.taken == {}  # what is rounded would leave records out
    marks = Marks({0: 5, 1: 6}, {2: 7}, {0: 10, 1: 20})
    assert Marks.from_bytes(marks.to_bytes()) == marks
    assert marks.since({0: 10, 1: 19}) == Marks({0: 5}, {2: 7})
    assert Marks.from_bytes(b'{"n":[[0,5]],"f":[]}') == Marks({0: 5})
