"""Rows of a state that are not as the commit pins them: refused when left, a clear stop when read."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import pandas as pd
import pytest

from drawn import TYPES, records_of
from headrace.engine.processor import Processor, make_processor
from headrace.engine.state.reading import pinned_rows
from headrace.engine.state.rows import encode_rows
from headrace.engine.stream import Stream
from headrace.errors import RefusedError
from headrace.home import home
from headrace.kafka.clusters import Cluster
from headrace.kafka.records import Records
from headrace.kafka.topics import create_topic
from headrace.spec import StreamDocument, StreamSpec, names
from service_process import ServiceProcess, fill, read_all

INDEX = pd.Index(["a", "b"], name="k")
BODY = """
before = totals["sum"].reindex(df["text"]).fillna(0).to_numpy() if "sum" in totals else 0
out = df.assign(sum=(df.groupby("text").id.cumsum() + before).astype("int64"))
return out, out.groupby("text")[["sum"]].last()
"""


@pytest.mark.parametrize(
    ("rows", "pinned", "said"),
    [
        (
            [{"n": 1}, {"n": "x"}],
            {"n": "int64"},
            "keeps text in its column `n` for the key `b`, and stream.yaml pins int64",
        ),
        ([{"n": 1}, {"n": 1.5}], {"n": "int64"}, "a number with a fraction in its column `n` for the key `b`"),
        ([{"n": 1}, {"n": True}], {"n": "int64"}, "true or false in its column `n` for the key `b`"),
        ([{"n": 1}, {"n": None}], {"n": "int64"}, "null in its column `n` for the key `b`"),
        ([{}, {"n": 1}], {"n": "int64"}, "nothing in its column `n` for the key `a`"),
        (
            [{"n": 1}, {"n": 1}],
            {"m": "float64"},
            "a whole number in a column `n` for the key `a`, and .* pins m: float64",
        ),
        ([{"n": 1}, {"n": 1}], {}, "a column `n` for the key `a`, and stream.yaml pins no columns"),
        (
            [{"n": 1}, {"n": 1}],
            {"n": "str"},
            "a whole number in its column `n` for the key `a`, and stream.yaml pins str",
        ),
        ([{"n": 1}, {"n": 300}], {"n": "int8"}, r"cannot be read with the pinned columns \(n: int8\)"),
        ([{"n": "1"}, {"n": "x"}], {"n": "datetime64[us, UTC]"}, "cannot be read with the pinned columns"),
    ],
)
def test_what_is_not_as_pinned_is_said(rows: list[dict[str, object]], pinned: dict[str, str], said: str) -> None:
    with pytest.raises(RefusedError, match=rf"The .*state `totals`.*{said}.*rename the state"):
        pinned_rows([orjson.dumps(row) for row in rows], INDEX, pinned, "totals")


def test_a_column_that_was_added_later_is_null() -> None:
    rows = [orjson.dumps({"n": 1}), orjson.dumps({"n": 2, "mean": 1, "known": True, "on": None})]
    frame = pinned_rows(rows, INDEX, {"n": "int64", "mean": "float64", "known": "boolean", "on": "str"}, "totals")
    assert frame.n.tolist() == [1, 2]
    assert frame[["mean", "known", "on"]].isna().to_numpy().tolist() == [[True] * 3, [False, False, True]]


def test_what_was_kept_of_every_type_is_read() -> None:
    frame = pd.DataFrame(
        {
            "i": [1, 2],
            "u": np.array([1, 2], "uint8"),
            "f": np.array([1, np.nan], "float32"),
            "b": [True, False],
            "t": pd.DatetimeIndex(["2026-01-01", pd.NaT], tz="Europe/Berlin").as_unit("us"),
            "d": pd.to_timedelta([1, None], unit="s").as_unit("us"),
            "s": pd.Series(["x", None], dtype="str"),
            "o": [[1], {"x": 2}],
            "n": pd.array([1, None], dtype="Int64"),
            "x": pd.array([1.5, None], dtype="Float64"),
            "y": pd.array([True, None], dtype="boolean"),
            "c": pd.Categorical(["x", None]),
        }
    ).set_axis(INDEX, axis=0)
    pinned = {str(name): str(dtype) for name, dtype in frame.dtypes.items()}
    pd.testing.assert_frame_equal(pinned_rows(encode_rows(frame, "totals"), INDEX, pinned, "totals"), frame)


def records(count: int) -> Records:
    times = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(count), unit="s")
    key = pd.array(["a"] * count, dtype="str")
    return records_of(pd.DataFrame({"k": key, "t": times, "x": 1.0, "n": np.arange(count), "partition": 0}))


def processor(function: Callable[..., object], pinned: dict[str, str], folder: Path) -> Processor:
    spec = StreamSpec(name="s", source="in", sinks=("out",), key="k", states=("totals",))
    made = make_processor(
        Stream(StreamDocument(spec=spec, input=TYPES, states={"totals": pinned}), function), folder=folder
    )
    made.begin(0)
    return made


def test_a_row_that_lacks_a_column_is_a_failed_record_and_the_next_goes_on(tmp_path: Path) -> None:
    def counted(df: pd.DataFrame, totals: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        before = totals["rows"].sum() if "rows" in totals else 0
        left = pd.DataFrame({"rows": before + len(df), "at": 1.0}, index=pd.Index(["a"], name="k"))
        return df, left.drop(columns="rows" if (df.n == 1).any() else "at")

    made = processor(counted, {"rows": "int64", "at": "float64"}, tmp_path)
    result = made.process(records(3))
    (failure,) = result.failures
    assert failure.offset == 1
    assert "The state `totals` lacks its column `rows`, which was int64 on the sample" in str(failure.error)
    made.memo(0, 3)
    made.commit()
    assert made.states()["totals"]["rows"].tolist() == [2]
    made.close()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("emptied", [False, True], ids=["on disk", "in the topic"])
def test_rows_of_another_commit_are_a_clear_stop(
    cluster: Cluster,
    make_service: Callable[..., ServiceProcess],
    emptied: bool,  # noqa: FBT001
) -> None:
    options: dict[str, object] = {"types": {"id": "int64", "text": "str"}, "key": "text", "states": ("totals",)}
    service = make_service(BODY, states_types={"totals": {"sum": "int64"}}, **options)
    create_topic(cluster, names.state_topic(service.name), 4, {"cleanup.policy": "compact"})
    values = [orjson.dumps({"id": number, "text": "a"}) for number in range(4)]
    fill(cluster, service.source, values[:2], keys=[b"a"] * 2)
    service.start().caught_up()
    service.terminate()
    if emptied:
        shutil.rmtree(home("services", service.name) / "state-0")

    document = service.folder / "stream.yaml"
    pinned = document.read_text(encoding="utf-8")
    document.write_text(pinned.replace("sum: int64", "total: int64"), encoding="utf-8")
    fill(cluster, service.source, values[2:], keys=[b"a"] * 2)
    assert service.start().ended() == 1
    said = (
        "The state `totals` keeps a whole number in a column `sum` for the key `a`, and stream.yaml pins total: int64."
    )
    assert said in service.log
    assert service.progress() == 2
    assert read_all(cluster, f"{service.sink}.dlq") == []

    document.write_text(pinned, encoding="utf-8")
    service.start().caught_up()
    assert [orjson.loads(row.value() or b"")["sum"] for row in read_all(cluster, service.sink)] == [0, 1, 3, 6]
