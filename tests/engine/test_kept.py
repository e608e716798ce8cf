"""Records kept in the changelog: a restart without a log, and without a disk, changes nothing, and nothing is left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from drawn import arrivals, batches_of, records_of
from headrace.engine.changelog import CLOSED, ROWS, Change, kind_of
from headrace.engine.kept import Chunk, chunk, kept_partition, local_values
from headrace.engine.memo import Memo
from headrace.engine.processor import Processor, make_processor
from headrace.engine.result import BatchResult
from headrace.engine.stream import Stream
from headrace.kafka.records import Records
from idioms import ROWS as COUNTED
from idioms import SPANS, Idiom, previous, stream_of
from whole import assert_same, outputs, wanted
from whole_windows import windowed


@dataclass
class Cluster:
    """A changelog and offset commits, as a broker has them."""

    changelog: dict[int, dict[bytes, bytes]] = field(default_factory=dict)
    commits: dict[int, tuple[int, Memo | None]] = field(default_factory=dict)

    def commit(self, processor: Processor, result: BatchResult | None, ends: dict[int, int]) -> None:
        """Commit a batch: its changes, and what stands beside the offsets of the partitions that it touches."""
        for number in processor.touched():
            memo = processor.memo(number, ends[number])
            assert memo is not None
            self.commits[number] = ends[number], Memo.from_fields(memo.to_fields(3_500))
        self.write(result.changes if result is not None else [])
        processor.commit()

    def write(self, changes: Sequence[Change]) -> None:
        """Take changes into the changelog."""
        for change in changes:
            place = self.changelog.setdefault(change.partition, {})
            place.pop(change.key, None)  # what is written last stands last
            if change.value is not None:
                place[change.key] = change.value

    def restart(
        self,
        stream: Stream,
        log: Records | None = None,
        between: Callable[[Processor, int], None] | None = None,
    ) -> Processor:
        """Return a processor that knows commits and changelog, and of the log what stands before ``log``'s end.

        ``between`` is called with it, and the partition, whenever some of what is kept has been taken.
        """
        processor = make_processor(stream, keeps=True)
        for number, (end, memo) in self.commits.items():
            processor.begin(number, memo, start=end)
            keys = self.changelog.get(number, {})
            count = len(keys)
            processor.load(
                number,
                Records(
                    "state",
                    list(keys),
                    list(keys.values()),
                    np.full(count, number, np.int32),
                    np.arange(count, dtype=np.int64),
                    np.zeros(count, np.int64),
                    [None] * count,
                ),
            )
            processor.loaded(number)
            since = processor.kept_since(number)
            if since is not None and memo is not None and memo.lowest is not None:
                assert since <= memo.lowest
                while processor.restore_kept(number, memo.lowest):
                    if between is not None:
                        between(processor, number)
            elif log is not None:
                past = np.flatnonzero((log.partitions == number) & (log.offsets < end))
                if len(past):
                    processor.restore(number, log.take(past))
            processor.restored(number)
        return processor

    def kept(self, kind: bytes = ROWS) -> list[bytes]:
        return [value for keys in self.changelog.values() for key, value in keys.items() if kind_of(key) == kind]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that happens with many records happens with few."""
    monkeypatch.setattr(kept_partition, "_CLEANED_AT_ONCE", 6)
    monkeypatch.setattr(kept_partition, "_MOST_SMALL", 3)
    monkeypatch.setattr(kept_partition, "_SENT_AT_ONCE", 200)
    monkeypatch.setattr(kept_partition, "_FULL", 400)
    monkeypatch.setattr(kept_partition, "PIECE", 800)
    monkeypatch.setattr(chunk, "PIECE", 800)
    monkeypatch.setattr(local_values, "_SMALL", 600)


def run(stream: Stream, frame: pd.DataFrame, data: st.DataObject) -> tuple[list[BatchResult], Cluster]:
    """Take all rows, restarted and rolled back anywhere, with nothing but the changelog."""
    records = records_of(frame)
    batches = [part for batch in data.draw(batches_of(frame)) for part in np.array_split(batch, 6) if len(part)]
    cluster = Cluster({}, {int(number): (0, None) for number in np.unique(records.partitions)})
    processor = cluster.restart(stream)
    results: list[BatchResult] = []
    ends = {number: end for number, (end, _) in cluster.commits.items()}
    for batch in batches:
        what = data.draw(st.sampled_from(["commit", "commit", "commit", "roll back", "crash in between"]))
        if what != "commit":
            result = processor.process(records.take(batch))
            processor.rollback()
        if what == "crash in between":  # at least once: the changelog has a part of what was not committed
            cluster.write(result.changes[: data.draw(st.integers(0, len(result.changes)))])
            processor.close()
            processor = cluster.restart(stream)
        results.append(processor.process(records.take(batch)))
        for partition, offset in zip(records.partitions[batch].tolist(), records.offsets[batch].tolist(), strict=True):
            ends[partition] = offset + 1
        cluster.commit(processor, results[-1], ends)
        if data.draw(st.booleans()):
            processor.close()
            processor = cluster.restart(stream)
    results.append(processor.finish())
    processor.close()
    return results, cluster


SOME = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink such a history takes minutes
)


@pytest.mark.parametrize("idiom", SPANS + COUNTED, ids=str)
@SOME
@given(data=st.data())
def test_a_lookback_needs_no_log(idiom: Idiom, data: st.DataObject) -> None:
    frame = data.draw(arrivals(null_times=True))
    results, _ = run(stream_of(idiom.function, lookback=idiom.lookback), frame, data)
    assert_same(outputs(*results), wanted(idiom.function, frame))


def groups(df: pd.DataFrame) -> pd.DataFrame:
    return df.groupby("k", dropna=False).agg(first=("n", "first"), rows=("n", "size"), sum=("n", "sum")).reset_index()


@SOME
@given(data=st.data())
def test_counted_windows_need_no_log(data: st.DataObject) -> None:
    frame = data.draw(arrivals(null_times=True, too_late=True))
    results, _ = run(stream_of(groups, window="count=3"), frame, data)
    found = [orjson.loads(value) for result in results for value in result.values]
    whole = windowed(frame, "count", 3)
    grouped = whole.groupby("window")
    expected = grouped.agg(k=("k", "first"), first=("n", "first"), rows=("n", "size"), sum=("n", "sum"))
    assert sorted((row["k"] or "", row["first"], row["rows"], row["sum"]) for row in found) == sorted(
        zip(expected.k.fillna(""), expected["first"], expected.rows, expected["sum"], strict=True)
    )


def many(count: int, keys: int = 5) -> pd.DataFrame:
    """Return rows of one partition, ten seconds apart, in the order in which they arrive."""
    frame = pd.DataFrame({"k": pd.array([f"k{number % keys}" for number in range(count)], dtype="str")})
    frame["t"] = (pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(count) * 10, unit="s")).as_unit("us")
    return frame.assign(x=np.arange(count) % 7.0, n=np.arange(count), partition=0)


def take_in_batches(cluster: Cluster, processor: Processor, records: Records, size: int) -> list[BatchResult]:
    """Take records of partition 0 and commit each batch; return the results."""
    results = []
    for first in range(0, len(records), size):
        batch = records.take(np.arange(first, min(first + size, len(records))))
        results.append(processor.process(batch))
        cluster.commit(processor, results[-1], {0: int(batch.offsets[-1]) + 1})
    return results


@pytest.mark.parametrize("size", [9, 14, 25])
def test_rows_of_closed_windows_stay_closed_in_chunks_that_are_left_as_they_are(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_partition, "_CLEANED_AT_ONCE", 60)
    keys = pd.array([f"k{number}" for number in np.random.default_rng(size).integers(0, 12, 900)], dtype="str")
    records = records_of(many(900).assign(k=keys))
    stream = stream_of(groups, window="count=15")
    whole = make_processor(stream, keeps=True)
    whole.begin(0)
    expected = whole.process(records).values
    whole.close()
    cluster = Cluster({}, {0: (0, None)})
    found: list[bytes] = []
    for first in range(0, len(records), 7 * size):
        processor = cluster.restart(stream)
        some = records.take(np.arange(first, min(first + 7 * size, len(records))))
        found += [value for result in take_in_batches(cluster, processor, some, size) for value in result.values]
        processor.close()
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize("declared", [{"lookback": "3rows"}, {"window": "count=7"}], ids=["3rows", "count=7"])
def test_a_partition_goes_on_while_the_past_of_another_is_read(declared: dict[str, str]) -> None:
    count = 240
    frame = many(count, keys=6).assign(partition=np.arange(count) % 2)
    records = records_of(frame)
    stream = stream_of(groups if "window" in declared else previous, **declared)
    cluster = Cluster({}, {0: (0, None), 1: (0, None)})
    processor = cluster.restart(stream)
    results: list[BatchResult] = []
    ends = {0: 0, 1: 0}

    def take(processor: Processor, batch: Records) -> None:
        results.append(processor.process(batch))
        for number, offset in zip(batch.partitions.tolist(), batch.offsets.tolist(), strict=True):
            ends[number] = offset + 1
        cluster.commit(processor, results[-1], ends)

    for first in range(0, count // 2, 8):
        take(processor, records.take(np.arange(first, first + 8)))
    processor.close()
    left = {number: np.flatnonzero((records.partitions == number) & (frame.n >= count // 2)) for number in (0, 1)}
    taken = {0: 0, 1: 0}

    def meanwhile(processor: Processor, number: int) -> None:
        if number == 1:
            take(processor, records.take(left[0][taken[0] : taken[0] + 2]))
            taken[0] += 2

    processor = cluster.restart(stream, between=meanwhile)
    assert taken[0] >= 4  # what partition 1 needs came in several pieces
    for row in left[1][:3]:  # enough for what is not needed to be found, too few for much else to go
        take(processor, records.take(np.array([row])))
    processor.close()
    processor = cluster.restart(stream)
    take(processor, records.take(np.concatenate([left[0][taken[0] :], left[1][3:]])))
    results.append(processor.finish())
    processor.close()
    whole = make_processor(stream, keeps=True)
    for number in (0, 1):
        whole.begin(number)
    expected = [whole.process(records), whole.finish()]
    whole.close()
    assert sorted(value for result in results for value in result.values) == sorted(
        value for result in expected for value in result.values
    )


@pytest.mark.parametrize(
    ("declared", "needed"),
    [({"lookback": "10min"}, 75), ({"lookback": "3rows"}, 30), ({"window": "count=7"}, 40)],
    ids=["10min", "3rows", "count=7"],
)
def test_what_is_kept_stays_bounded(declared: dict[str, str], needed: int) -> None:
    cluster = Cluster({}, {0: (0, None)})
    function = groups if "window" in declared else previous
    processor = cluster.restart(stream_of(function, **declared))
    take_in_batches(cluster, processor, records_of(many(1_500)), 4)
    processor.close()
    kept = [Chunk.from_bytes(value) for value in cluster.kept()]
    assert 0 < sum(map(len, kept)) <= 3 * needed
    assert len(kept) < 40
    assert sum(map(len, cluster.kept(CLOSED))) < 3 * needed * 16


def test_a_quiet_topic_finishes_what_it_has_to_write() -> None:
    stream, records = stream_of(previous, lookback="10d"), records_of(many(300))
    cluster = Cluster({}, {0: (300, None)})
    processor = cluster.restart(stream, records)  # begins at the end of what is there: that is history
    turns = 0
    while (result := processor.advance(0, [0])) is not None:
        cluster.commit(processor, result, {0: 300})
        turns += 1
        assert turns < 1_000
    processor.close()
    offsets = [offset for value in cluster.kept() for offset in Chunk.from_bytes(value).records.offsets.tolist()]
    assert sorted(offsets) == list(range(300))
    memo = cluster.commits[0][1]
    assert memo is not None
    assert memo.kept_since == 0


@pytest.mark.parametrize("lookback", ["10d", "2rows"])
def test_what_was_there_before_the_stream_is_kept_too(lookback: str) -> None:
    frame = many(400)
    records, stream = records_of(frame), stream_of(previous, lookback=lookback)
    cluster = Cluster({}, {0: (200, None)})
    processor = cluster.restart(stream, records)
    results = take_in_batches(cluster, processor, records.take(np.arange(200, 300)), 2)  # each sends a little
    processor.close()
    memo = cluster.commits[0][1]
    assert memo is not None
    assert memo.kept_since == 0
    processor = cluster.restart(stream)  # and the log is gone
    results += take_in_batches(cluster, processor, records.take(np.arange(300, 400)), 10)
    results.append(processor.finish())
    processor.close()
    expected = wanted(previous, frame)
    assert_same(outputs(*results), expected[expected.offset >= 200].reset_index(drop=True))


def test_rows_of_one_record_close_one_by_one() -> None:
    stream = stream_of(groups, window="count=3", grace="0s")
    lines: list[dict[str, Any]] = [
        {"k": key, "t": f"2026-01-01T00:{number:02d}:00Z", "x": 1.0, "n": 4 * number + place}
        for number in range(20)
        for place, key in enumerate("aabc")
    ]
    values: list[bytes | None] = [orjson.dumps(lines[first : first + 4]) for first in range(0, 80, 4)]
    none: list[bytes | None] = [None] * 20
    zeros = np.zeros(20, np.int64)
    records = Records("in", none, values, zeros.astype(np.int32), np.arange(20), zeros, [None] * 20)
    cluster = Cluster({}, {0: (0, None)})
    found: list[dict[str, object]] = []
    for first in range(20):
        processor = cluster.restart(stream)
        results = take_in_batches(cluster, processor, records.take([first]), 1)
        if first == 19:
            results.append(processor.finish())
        processor.close()
        found += [orjson.loads(value) for result in results for value in result.values]
    sums = {key: [row["sum"] for row in found if row["k"] == key] for key in "abc"}
    of_key = {key: [row["n"] for row in lines if row["k"] == key] for key in "abc"}
    assert sums == {
        key: [sum(numbers[first : first + 3]) for first in range(0, len(numbers) // 3 * 3, 3)]
        for key, numbers in of_key.items()
    }


def test_closed_rows_are_kept_where_a_lost_batch_had_said_the_same() -> None:
    """A batch is lost after its list of closed rows was written; the next one writes a list of that number."""
    frame = pd.DataFrame(
        {
            "k": pd.array(["a"] * 6, dtype="str"),
            "t": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(6) * 100, unit="s"),
            "x": 1.0,
            "n": range(6),
            "partition": 0,
        }
    )
    records, stream = records_of(frame), stream_of(groups, window="count=3")
    cluster = Cluster({}, {0: (0, None)})
    processor = cluster.restart(stream)
    cluster.commit(processor, processor.process(records.take(np.arange(2))), {0: 2})
    rest = records.take(np.arange(2, 5))
    cluster.write(processor.process(rest).changes)  # and nothing of it is committed
    processor.close()
    processor = cluster.restart(stream)
    result = processor.process(rest)
    assert [orjson.loads(value)["first"] for value in result.values] == [0]
    cluster.commit(processor, result, {0: 5})
    processor.close()
    assert len(cluster.kept(CLOSED)) == 1
    processor = cluster.restart(stream)
    results = [processor.process(records.take(np.arange(5, 6))), processor.finish()]
    processor.close()
    assert [orjson.loads(value)["first"] for result in results for value in result.values] == [3]
