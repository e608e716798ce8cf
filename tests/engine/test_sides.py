"""Side inputs: whatever the data and however they are cut into batches, joins give what pandas gives on the whole."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import orjson
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.engine.sides import PinnedSides, SideReader
from headrace.engine.stream import Stream
from headrace.engine.trial import joined, process, process_batches
from headrace.errors import UsageError
from headrace.kafka.records import Records
from headrace.spec import ColumnType, StreamDocument, StreamSpec, parse_magic_line, parse_side_input

TYPES: dict[str, ColumnType] = {"k": "str", "t": "datetime64[us, UTC]", "n": "int64"}
SIDE: dict[str, ColumnType] = {"k": "str", "at": "datetime64[us, UTC]", "wind": "float64"}
START = pd.Timestamp("2026-01-01", tz="UTC")
LOOKBACK = pd.Timedelta("10min")


def as_of(df: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    return pd.merge_asof(
        df, weather.rename(columns={"at": "t"}).assign(seen=weather["at"]), on="t", by="k", tolerance=LOOKBACK
    )


def interval(df: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    """Join each row with every side row of its key of the five minutes before it: several outputs a row, or none."""
    pairs = df.merge(weather, on="k")
    return pairs[(pairs["at"] <= pairs["t"]) & (pairs["at"] > pairs["t"] - pd.Timedelta("5min"))]


def so_far(df: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    """Count the side rows up to each row: needs all of them."""
    return df.assign(known=np.searchsorted(weather["at"].to_numpy(), df["t"].to_numpy(), side="right"))


def records_of(topic: str, lines: list[dict[str, object]], partitions: list[int], keys: list[str | None]) -> Records:
    places = pd.Series(partitions)
    count = len(lines)
    return Records(
        topic,
        [None if key is None else key.encode() for key in keys],
        [orjson.dumps(line) for line in lines],
        np.array(partitions, np.int32),
        np.asarray(places.groupby(places).cumcount(), np.int64),
        np.arange(count, dtype=np.int64),
        [None] * count,
    )


@st.composite
def rows(draw: st.DrawFn, least: int, time: str, value: str) -> list[dict[str, object]]:
    count = draw(st.integers(least, 40))
    seconds = draw(st.lists(st.integers(0, 3_600), min_size=count, max_size=count))
    keys = draw(st.lists(st.sampled_from(["a", "b", "c"]), min_size=count, max_size=count))
    return [
        {"k": key, time: (START + pd.Timedelta(second, unit="s")).isoformat(), value: number}
        for number, (key, second) in enumerate(zip(keys, seconds, strict=True))
    ]


@st.composite
def batches_of(draw: st.DrawFn, records: Records) -> list[npt.NDArray[np.int64]]:
    order = np.arange(len(records))
    if draw(st.booleans()):
        order = np.argsort(records.partitions, kind="stable")
    cuts = draw(st.lists(st.integers(0, len(records)), max_size=6))
    return [batch for batch in np.split(order, sorted(cuts)) if len(batch)]


def stream_of(
    function: Callable[..., object], declared: str, side: Records | None, *, matching: str = "row-id", **spec: object
) -> Stream:
    fields = {"name": "s", "source": "in", "sinks": ("out",), "time": "t", "sides": (declared,), **spec}
    document = StreamDocument.model_validate(
        {
            "spec": StreamSpec.model_validate(fields),
            "input": TYPES,
            "sides": {"weather": SIDE},
            "matching": matching,
        }
    )
    return Stream(document, function, sides=PinnedSides(document, {} if side is None else {"weather": side}))


def frame_of(lines: list[dict[str, object]], types: dict[str, ColumnType]) -> pd.DataFrame:
    frame = pd.DataFrame(lines, columns=list(types))
    for name, kind in types.items():
        frame[name] = (
            pd.to_datetime(frame[name], utc=True, format="ISO8601").dt.as_unit("us")
            if kind.startswith("datetime")
            else frame[name].astype(kind)
        )
    return frame


@pytest.mark.parametrize(
    ("function", "declared"),
    [(as_of, "weather:10min@at"), (interval, "weather:5min@at"), (so_far, "weather@at")],
)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_joins_give_what_pandas_gives_on_the_whole(
    function: Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame], declared: str, data: st.DataObject
) -> None:
    main, side = data.draw(rows(1, "t", "n")), data.draw(rows(0, "at", "wind"))
    partitions = [int(line["n"]) % 3 for line in main]  # type: ignore[call-overload]  # a number
    records = records_of("in", main, partitions, [None] * len(main))
    others = [data.draw(st.integers(0, 2)) for _ in side]
    weather = records_of("weather", side, others, [None] * len(side))
    stream = stream_of(function, declared, weather)
    found = joined(process_batches(stream, records, data.draw(batches_of(records))))
    assert not found.failures
    outputs = pd.DataFrame([orjson.loads(value) for value in found.values])
    known = frame_of(side, SIDE).assign(partition=weather.partitions, offset=weather.offsets)
    known = known.sort_values(["at", "partition", "offset"], ignore_index=True)[list(SIDE)]
    whole = frame_of(main, TYPES).assign(partition=records.partitions, offset=records.offsets)
    whole = whole.sort_values(["t", "partition", "offset"], ignore_index=True)
    expected = function(whole[list(TYPES)], known)
    assert len(outputs) == len(expected)
    if not len(expected):
        return
    compared = [name for name in expected.columns if not isinstance(expected[name].dtype, pd.DatetimeTZDtype)]
    order = [name for name in ("n", "wind") if name in compared]
    pd.testing.assert_frame_equal(
        outputs[compared].astype(expected[compared].dtypes).sort_values(order, ignore_index=True),
        expected[compared].sort_values(order, ignore_index=True),
    )
    for number in np.unique(found.partitions).tolist():
        assert (np.diff(found.offsets[found.partitions == number]) >= 0).all(), "each partition in its own order"


def test_rows_up_to_the_rows_time_and_no_others() -> None:
    side = [
        {"k": "a", "at": (START + pd.Timedelta(minute, unit="min")).isoformat(), "wind": minute} for minute in range(60)
    ]
    weather = records_of("weather", side, [0] * 60, [None] * 60)
    stream = stream_of(so_far, "weather:10min@at", weather)
    assert stream.sides is not None
    moment = int((START + pd.Timedelta("30min")).timestamp() * 1e6)
    frame = stream.sides.frames(moment, moment + 60_000_000)["weather"]
    assert frame["wind"].tolist() == list(range(20, 32))
    assert frame.index.tolist() == list(range(12))
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == SIDE
    empty = stream.sides.frames(0, 1)["weather"]
    assert (len(empty), {name: str(dtype) for name, dtype in empty.dtypes.items()}) == (0, SIDE)


def test_a_cell_may_write_into_a_side_input_and_harms_no_other_batch() -> None:
    def careless(df: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
        weather["wind"] = weather["wind"] + 1
        weather["more"] = 0
        return df.assign(total=weather["wind"].sum())

    side = records_of("weather", [{"k": "a", "at": START.isoformat(), "wind": 1}], [0], ["a"])
    main = [{"k": "a", "t": (START + pd.Timedelta(n, unit="s")).isoformat(), "n": n} for n in range(4)]
    records = records_of("in", main, [0] * 4, [None] * 4)
    for declared in ("weather", "weather@at", "weather:1h@at"):
        stream = stream_of(careless, declared, side, matching="label")
        found = joined(process_batches(stream, records, [np.array([n]) for n in range(4)]))
        assert [orjson.loads(value)["total"] for value in found.values] == [2.0] * 4


@pytest.mark.parametrize(("made", "keys"), [(True, [b"p0", b"p1"]), (False, [b"a", b"b"])])
def test_a_cell_with_a_side_input_may_make_its_key(*, made: bool, keys: list[bytes]) -> None:
    """Where an output lacks the column, it has its record's key, as without a side input."""

    def parts(df: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
        return df.assign(part="p" + df["n"].astype(str)) if made else df.assign(known=len(weather))

    side = records_of("weather", [{"k": "a", "at": START.isoformat(), "wind": 1}], [0], ["a"])
    main = [{"k": "a", "t": START.isoformat(), "n": n} for n in range(2)]
    stream = stream_of(parts, "weather:1h@at", side, key="part", matching="label")
    assert process(stream, records_of("in", main, [0, 0], ["a", "b"])).keys == keys


def test_a_table_has_the_newest_row_of_each_key_and_tombstones_delete() -> None:
    lines: list[dict[str, object]] = [
        {"k": key, "wind": wind} for key, wind in [("a", 1), ("b", 2), ("a", 3), ("c", 4)]
    ]
    records = records_of("weather", lines, [0, 0, 0, 1], ["a", "b", "a", "c"])
    reader = SideReader(parse_side_input("weather"), SIDE)
    reader.add(records)
    assert reader.frame(0, 0)[["k", "wind"]].to_dict("list") == {"k": ["b", "a", "c"], "wind": [2.0, 3.0, 4.0]}
    gone = Records(
        "weather", [b"b", b"d"], [None, None], np.zeros(2, np.int32), np.array([3, 4]), np.array([9, 9]), [None] * 2
    )
    reader.add(gone)
    assert reader.frame(0, 0)["k"].tolist() == ["a", "c"]
    again = Records("weather", [b"b", None, b"c"], [b'{"k":"b","wind":7}', b'{"k":"n"}', b"no"], np.zeros(3, np.int32),
                    np.array([5, 6, 7]), np.array([10, 11, 12]), [None] * 3)  # fmt: skip
    reader.add(again)
    assert reader.frame(0, 0)[["k", "wind"]].to_dict("list") == {"k": ["a", "b", "c"], "wind": [3.0, 7.0, 4.0]}
    assert (len(reader), reader.skipped) == (3, 2)


@given(changes=st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=30), cut=st.integers(0, 30))
def test_a_table_is_what_a_dict_would_be(changes: list[tuple[str, bool]], cut: int) -> None:
    count = len(changes)
    values = [None if gone else orjson.dumps({"k": key, "wind": n}) for n, (key, gone) in enumerate(changes)]
    places = np.arange(count)
    whole = Records(
        "weather",
        [key.encode() for key, _ in changes],
        values,
        np.zeros(count, np.int32),
        places,
        places,
        [None] * count,
    )
    reader = SideReader(parse_side_input("weather"), SIDE)
    for part in (places[:cut], places[cut:]):
        reader.add(whole.take(part))
        reader.frame(0, 0)
    wanted: dict[str, float] = {}
    for number, (key, gone) in enumerate(changes):
        if gone:
            wanted.pop(key, None)
        else:
            wanted[key] = float(number)
    frame = reader.frame(0, 0)
    assert dict(zip(frame["k"], frame["wind"], strict=True)) == wanted
    assert frame["wind"].is_monotonic_increasing


def test_what_is_no_longer_needed_goes_and_is_known_to_be_gone() -> None:
    side = [{"k": "a", "at": (START + pd.Timedelta(n, unit="min")).isoformat(), "wind": n} for n in range(600)]
    reader = SideReader(parse_side_input("weather:10min@at"), SIDE)
    reader.add(records_of("weather", side, [0] * 600, [None] * 600))
    first = int((START + pd.Timedelta("500min")).timestamp() * 1e6)
    reader.expire(first)
    assert len(reader) == 110
    assert not reader.has_expired(first)
    assert reader.has_expired(first - 60_000_000)
    assert reader.frame(first, first)["wind"].tolist() == list(range(490, 501))


def test_windows_and_lookbacks_see_side_inputs() -> None:
    side = [{"k": "a", "at": (START + pd.Timedelta(n, unit="min")).isoformat(), "wind": n} for n in range(60)]
    weather = records_of("weather", side, [0] * 60, [None] * 60)
    main = [{"k": "a", "t": (START + pd.Timedelta(n, unit="min")).isoformat(), "n": n} for n in range(30)]
    records = records_of("in", main, [0] * 30, [b"a".decode()] * 30)

    def windowed(df: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"n": [len(df)], "wind": [weather["wind"].max()], "rows": [len(weather)]})

    stream = stream_of(windowed, "weather:0s@at", weather, key="k", window="tumbling=10min")
    found = [orjson.loads(value) for value in process(stream, records).values]
    assert found == [{"n": 10, "wind": float(10 * n + 9), "rows": 10} for n in range(3)]

    def lagged(df: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
        return as_of(df, weather).assign(previous=lambda both: both["wind"].shift(1))

    stream = stream_of(lagged, "weather:10min@at", weather, key="k", lookback="5min")
    split = joined(process_batches(stream, records, [np.arange(n, n + 3) for n in range(0, 30, 3)]))
    assert [orjson.loads(value)["previous"] for value in split.values] == [None, *map(float, range(29))]


def test_the_line_says_what_a_side_input_is() -> None:
    spec = parse_magic_line("s --from in --time t --with weather:3h@at --with airlines --wait 2s").spec
    assert [side.name for side in spec.side_inputs] == ["weather", "airlines"]
    assert [side.is_table for side in spec.side_inputs] == [False, True]
    assert (spec.joins_in_time, spec.wait_time.total_seconds(), spec.remembers) == (True, 2.0, False)
    for wrong in ("--with in", "--with a --with a", "--with a:x", "--with a --format csv", "--to a --with a"):
        with pytest.raises(UsageError):
            parse_magic_line(f"s --from in {wrong}")
