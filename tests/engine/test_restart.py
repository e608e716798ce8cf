"""A restart, anywhere, with or without what is on disk, changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drawn import arrivals, batches_of, records_of
from headrace.engine.processor import Processor, make_processor
from headrace.engine.stream import Stream
from headrace.kafka.records import Records
from idioms import ROWS, SPANS, Idiom, stream_of
from whole import assert_same, outputs, wanted

TINY = 2_000
"""Bytes of memory for a history, so that most of it is on disk."""


def restarted(
    before: Processor,
    make: Callable[[], Processor],
    records: Records,
    ends: dict[int, int],
    *,
    emptied: Path | None = None,
) -> Processor:
    """Return a processor in another process's place: it knows the commit, the log and perhaps the disk."""
    memos = {number: before.memo(number, end) for number, end in ends.items()}
    before.close()
    if emptied is not None:
        shutil.rmtree(emptied, ignore_errors=True)
    after = make()
    for number, end in ends.items():
        memo = memos[number]
        after.begin(number, memo)
        first = after.recall(number, end)
        if first is None:
            first = end if memo is None or memo.lowest is None else memo.lowest
        past = np.flatnonzero((records.partitions == number) & (records.offsets >= first) & (records.offsets < end))
        for piece in np.array_split(past, 2):
            if len(piece):
                after.restore(number, records.take(piece))
        after.restored(number)
    return after


@pytest.mark.parametrize("disk", ["warm", "empty"])
@pytest.mark.parametrize("idiom", SPANS + ROWS, ids=str)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_restart_changes_nothing(
    idiom: Idiom, disk: str, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    frame = data.draw(arrivals(null_times=True))
    batches = data.draw(batches_of(frame))
    records = records_of(frame)
    stream = stream_of(idiom.function, lookback=idiom.lookback)
    folder = tmp_path_factory.mktemp("state")

    def make() -> Processor:
        return make_processor(stream, folder=folder, memory=TINY)

    ends = {int(number): 0 for number in np.unique(records.partitions)}
    processor = make()
    for number in ends:
        processor.begin(number)
    results = []
    for batch in batches:
        what = data.draw(st.sampled_from(["go on", "copy", "restart", "copy and restart"]))
        results.append(processor.process(records.take(batch)))
        processor.commit()
        for partition, offset in zip(records.partitions[batch].tolist(), records.offsets[batch].tolist(), strict=True):
            ends[partition] = offset + 1
        if "copy" in what:
            processor.checkpoint(ends)
        if "restart" in what:
            processor = restarted(processor, make, records, ends, emptied=folder if disk == "empty" else None)
    results.append(processor.finish())
    processor.close()
    assert_same(outputs(*results), wanted(idiom.function, frame))


def history_of(
    stream: Stream, folder: Path, records: Records, *, copy: bool, memory: int = TINY
) -> tuple[Processor, int]:
    """Return a processor that has taken all of ``records``, of one partition, and their end."""
    processor = make_processor(stream, folder=folder, memory=memory)
    processor.begin(0)
    processor.process(records)
    processor.commit()
    end = int(records.offsets[-1]) + 1
    if copy:
        processor.checkpoint({0: end})
    return processor, end


def long_past(count: int = 400) -> Records:
    """Return records of one partition and one key, a minute apart."""
    frame = pd.DataFrame(
        {
            "k": pd.array(["a"] * count, dtype="str"),
            "t": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(count) * 60, unit="s"),
            "x": np.arange(count, dtype=float),
            "n": np.arange(count),
            "partition": 0,
        }
    )
    return records_of(frame)


def test_with_a_copy_only_what_came_after_it_is_read(tmp_path: Path) -> None:
    stream = stream_of(ROWS[0].function, lookback="1rows", grace="5min")
    records = long_past(400)
    before = make_processor(stream, folder=tmp_path, memory=TINY)
    before.begin(0)
    results = []
    for batch in np.split(np.arange(390), [100, 200, 300]):
        results.append(before.process(records.take(batch)))
        before.commit()
        if batch[-1] == 299:
            before.checkpoint({0: 300})
    memo = before.memo(0, 390)
    before.close()
    assert memo is not None
    assert memo.lowest == 0  # by the log alone, all of it
    after = make_processor(stream, folder=tmp_path, memory=TINY)
    after.begin(0, memo)
    first = after.recall(0, 390)
    assert first == 200  # the batch before the copy brought what still waited for the grace; the rest is in the copy
    after.restore(0, records.take(np.arange(first, 390)))
    after.restored(0)
    results += [after.process(records.take(np.arange(390, 400))), after.finish()]
    after.close()
    frame = pd.DataFrame([orjson.loads(value or b"") for value in records.values])
    frame = frame.assign(t=pd.to_datetime(frame.t, utc=True).dt.as_unit("us"), partition=0)
    assert_same(outputs(*results), wanted(ROWS[0].function, frame))


@pytest.mark.parametrize("damage", ["manifest", "segment", "other declaration", "ahead of the commit"])
def test_a_copy_that_does_not_fit_is_not_used(tmp_path: Path, damage: str) -> None:
    stream = stream_of(ROWS[0].function, lookback="1rows")
    records = long_past()
    before, end = history_of(stream, tmp_path, records, copy=True)
    memo = before.memo(0, end)
    before.close()
    place = tmp_path / "checkpoint-0"
    if damage == "manifest":
        (place / "manifest.json").write_bytes(b'{"version": 1')
    if damage == "segment":
        next(place.glob("*.arrow")).write_bytes(b"ARROW1")
    if damage == "other declaration":
        stream = stream_of(ROWS[0].function, lookback="2rows")
    after = make_processor(stream, folder=tmp_path, memory=TINY)
    after.begin(0, memo)
    assert after.recall(0, end - 1 if damage == "ahead of the commit" else end) is None
    after.close()


def test_what_is_over_the_memory_goes_to_disk_and_with_the_process(tmp_path: Path) -> None:
    stream = stream_of(SPANS[0].function, lookback="10d")
    processor, _ = history_of(stream, tmp_path, long_past(), copy=False)
    rows, in_memory = processor.size()
    assert rows == 400
    assert in_memory < TINY
    assert list(tmp_path.glob("segment-*.arrow"))
    processor.close()
    assert not list(tmp_path.glob("segment-*.arrow"))


def test_files_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    left = tmp_path / "segment-0.arrow"
    left.write_bytes(b"left")
    make_processor(stream_of(SPANS[0].function, lookback="10d"), folder=tmp_path).close()
    assert not left.exists()


def test_a_full_disk_leaves_the_past_in_memory(tmp_path: Path) -> None:
    folder = tmp_path / "file"
    processor = make_processor(stream_of(SPANS[0].function, lookback="10d"), folder=folder, memory=TINY)
    folder.write_bytes(b"no folder can be made here")
    processor.begin(0)
    processor.process(long_past())
    processor.commit()
    processor.checkpoint({0: 400})
    rows, in_memory = processor.size()
    assert rows == 400
    assert in_memory > TINY
    processor.close()
