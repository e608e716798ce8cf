"""Previews: before and after joined by record, bounded, stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import orjson
import pytest

from flight_records import examined, flights, of_values
from headrace.errors import MissingError
from headrace.kafka.records import Records
from headrace.kafka.sampling import Sample, SamplePin
from headrace.proof import previews
from headrace.proof.preview import MOST_COLUMNS, MOST_ROWS, preview
from headrace.proof.preview_model import Preview

BODY = "flown = df[df.dep_delay.notna()]\nflown.assign(gain=flown.id.map(lambda n: 10 // (n - 5)), origin='X')"


def sample_of(records: Records) -> Sample:
    partitions = np.unique(records.partitions).tolist()
    ranges = tuple(
        (number, int(mine.min()), int(mine.max()) + 1)
        for number in partitions
        for mine in [records.offsets[records.partitions == number]]
    )
    return Sample(SamplePin(cluster="demo", topic="flights", text="latest:500", ranges=ranges), records)


def of(body: str, records: Records, notebook: Path | None = None) -> Preview:
    return preview(examined(body, records), sample_of(records), notebook=notebook, body=body)


def test_before_and_after_are_joined_by_record() -> None:
    records = flights(100)
    shown = of(BODY, records)
    assert shown.rows_in == 100
    assert shown.failed == 1
    assert shown.counts_text == f"100 -> {shown.rows_out}: {shown.filtered} filtered, 1 failed"
    names = [column.name for column in shown.columns.before]
    for position, row in enumerate(shown.rows):
        assert (row.partition, row.offset) == (records.partitions[position], records.offsets[position])
        assert row.before is not None
        given = dict(zip(names, row.before, strict=True))
        assert given["id"] == position
        assert row.status == ("failed" if position == 5 else "filtered" if given["dep_delay"] is None else "kept")
        if row.status == "kept":
            assert row.after is not None
            assert [output[-1] for output in row.after] == [10 // (position - 5)]
    failed = shown.rows[5]
    assert failed.error == "ZeroDivisionError: integer division or modulo by zero"
    assert failed.line == 2
    assert orjson.loads(failed.raw or "")["id"] == 5
    assert shown.columns.added == ("gain",)
    assert shown.columns.changed == ("origin",)
    assert shown.columns.removed == ()


def test_what_a_saved_output_holds_has_no_value_of_a_record() -> None:
    values: list[bytes | None] = [orjson.dumps({"n": number, "secret": f"value-{number}"}) for number in range(20)]
    shown = of("df[df.n > 3]", of_values(values))
    assert b"value-" not in orjson.dumps(shown.summary())
    assert shown.summary()["counts"] == {"rows_in": 20, "rows_out": 16, "filtered": 4, "failed": 0}
    assert b"value-" in orjson.dumps(shown.model_dump())


def test_it_is_json_whatever_stands_in_the_records() -> None:
    values: list[bytes | None] = [
        orjson.dumps({"a": 2**60, "b": [1, {"c": None}], "t": "x" * 10_000, "f": 0.1, "z": None}),
        b'{"a": 1, "b": {"d": [1e400]}, "t": "\\ud83d\\ude00", "f": null}',
        b"\xff\xfe",
        None,
    ]
    shown = of("df", of_values(values, partitions=1))
    back = Preview.model_validate_json(shown.model_dump_json())
    assert back == shown
    first = dict(zip([column.name for column in shown.columns.before], shown.rows[0].before or (), strict=True))
    assert first["a"] == str(2**60)
    assert len(first["t"]) == 2_000
    assert [row.status for row in shown.rows][2:] == ["failed", "failed"]
    assert shown.rows[2].before is None


def test_it_is_bounded_and_failed_records_are_shown() -> None:
    records = flights(600)
    shown = of("df.assign(x=df.id.map(lambda n: 1 // (n - 590)))", records)
    assert len(shown.rows) == MOST_ROWS
    assert shown.hidden == 100
    assert [row.status for row in shown.rows].count("failed") == 1
    wide: list[bytes | None] = [orjson.dumps({f"c{place}": "y" * 500 for place in range(250)})] * 20
    shown = of("df", of_values(wide))
    assert len(shown.columns.before) == len(shown.columns.after) == MOST_COLUMNS
    assert shown.columns.hidden == 100
    assert len(shown.model_dump_json()) < 10_000_000


def test_rows_that_cannot_be_traced_stand_apart() -> None:
    shown = of("df.groupby('origin', as_index=False).distance.mean()", flights(60))
    assert shown.filtered is None
    assert {row.status for row in shown.rows} == {"untraced"}
    assert len(shown.untraced) == 3


def test_the_newest_preview_of_a_cell_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(previews, "MOST_PREVIEWS", 3)
    notebook = tmp_path / "delays.ipynb"
    made = [of("df", flights(5), notebook) for _ in range(4)]
    for one in made:
        previews.save(one)
    assert previews.latest(notebook, "cell") == made[-1]
    assert previews.latest(tmp_path / "." / "delays.ipynb", "cell") == made[-1]
    assert previews.latest(tmp_path / "other.ipynb", "cell") is None
    assert previews.latest(notebook, "other") is None
    assert previews.load(made[1].id) == made[1]
    with pytest.raises(MissingError):
        previews.load(made[0].id)
    files = list((tmp_path / "home" / "previews").iterdir())
    assert len(files) == 3
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


@pytest.mark.parametrize("name", ["../../etc/passwd", "*", "", "abc", "0" * 65, "AAAAAAAAAAAAAAAA", "0123456789abcde?"])
def test_an_id_is_no_path(name: str) -> None:
    with pytest.raises(MissingError):
        previews.load(name)
