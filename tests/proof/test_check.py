"""What the check says beside the pandas operations: failures, globals, order, samples that prove nothing."""

from __future__ import annotations

import orjson
import pytest

from flight_records import PRELUDE, examined, flights, function_of, of_values
from headrace.errors import UsageError
from headrace.kafka.inference import infer_from_values
from headrace.proof.examine import Examination, examine
from headrace.spec import StreamSpec

CACHE = f"{PRELUDE}\nSEEN = []\nCOUNT = 0\nTABLE = pd.DataFrame({{'a': [1]}})\n"


def test_the_same_check_gives_the_same_verdict() -> None:
    body = "df.assign(x=df.distance.rolling(3).mean())"
    first, second = examined(body).verdict, examined(body).verdict
    assert (first.difference, first.reason, first.splits) == (second.difference, second.reason, second.splits)


def test_counts_are_those_of_the_whole_run() -> None:
    verdict = examined("df[df.dep_delay > 10]").verdict
    assert verdict.rows_in == 400
    assert verdict.filtered == 400 - verdict.rows_out
    assert verdict.failed == 0
    assert 0 < verdict.seconds_per_record < 0.1


def test_records_that_fail_alone_do_not_hide_that_the_rest_is_equal() -> None:
    body = "df.assign(x=df.apply(lambda row: 1 // (row.id % 50), axis=1))"
    verdict = examined(body).verdict
    assert verdict.equal is True, verdict
    assert (verdict.failed, verdict.rows_out) == (8, 392)


def test_records_that_fail_alone_do_not_hide_a_difference() -> None:
    body = "x = df.id.map(lambda number: 1 // (number % 50))\ndf.assign(x=df.distance.cumsum())"
    assert examined(body).verdict.equal is False


def test_a_cell_that_fails_only_in_company_differs() -> None:
    verdict = examined("assert not (df.id == 3).any() or len(df) > 1\ndf", flights(60)).verdict
    assert verdict.failed == 0
    assert verdict.equal is False
    assert verdict.difference is not None
    assert verdict.difference.kind == "failure"


def test_broken_records_are_failures_of_both_sides() -> None:
    records = flights(100)
    values = [b"not json" if number % 10 == 0 else value for number, value in enumerate(records.values)]
    verdict = examined("df.assign(x=df.distance * 2)", of_values(values)).verdict
    assert verdict.equal is True, verdict
    assert verdict.failed == 10


def test_a_name_that_is_not_defined_is_said() -> None:
    verdict = examined("df[df.dep_delay > NOWHERE]").verdict
    assert verdict.equal is None
    assert verdict.failed == 400
    assert "NameError: name 'NOWHERE' is not defined" in verdict.reason


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("SEEN.append(len(df))\ndf", "SEEN"),
        ("global COUNT\nCOUNT += 1\ndf", "COUNT"),
        ("TABLE.loc[0, 'a'] += 1\ndf", "TABLE"),
    ],
)
def test_a_cell_that_changes_a_global_is_not_proved(body: str, name: str) -> None:
    verdict = examined(body, prelude=CACHE).verdict
    assert verdict.equal is None, verdict
    assert f"`{name}`" in verdict.reason


def test_a_cell_that_uses_what_it_changed_differs() -> None:
    verdict = examined("SEEN.extend(df.id)\ndf.assign(x=len(SEEN))", prelude=CACHE).verdict
    assert verdict.equal is False
    assert "`SEEN`" in verdict.reason


def test_reading_a_global_is_no_change() -> None:
    assert examined("df.merge(AIRPORTS, on='dest').merge(AIRPORTS, on='dest')").verdict.equal is True


def test_one_record_a_partition_proves_nothing() -> None:
    records = flights(4, partitions=4).take([0])
    verdict = examined("df.assign(x=1)", records).verdict
    assert verdict.equal is None
    assert "longer sample" in verdict.reason


def test_an_empty_sample_proves_nothing() -> None:
    records = flights(4).take([])
    assert examined("df.assign(x=1)", records).verdict.equal is None


def test_the_first_difference_names_the_record_and_both_values() -> None:
    values: list[bytes | None] = [orjson.dumps({"n": number}) for number in range(10)]
    verdict = examined("df.assign(total=df.n.cumsum())", of_values(values, partitions=1)).verdict
    assert verdict.difference is not None
    found = verdict.difference.model_dump(exclude_none=True)
    assert found == {"partition": 0, "offset": 5, "column": "total", "whole": 15, "split": 5, "kind": "value"}
    assert str(verdict.difference) == "at 0:5, column total: 15 whole, 5 split"


def test_a_null_that_the_sample_lacks_is_tried() -> None:
    values: list[bytes | None] = [orjson.dumps({"n": number, "x": 1.5 * number}) for number in range(40)]
    values += [orjson.dumps({"n": 41})]
    verdict = examined("df[df.n < 41].assign(x=df.x.fillna(df.x.max()))", of_values(values)).verdict
    assert verdict.equal is False


@pytest.mark.parametrize(
    "body",
    [
        "df[df.distance > 2000].assign(late=df.arr_delay > 15)",
        "flown = df[df.dep_delay.notna()].copy()\nflown['late'] = df.arr_delay > LATE_MINUTES\nflown",
    ],
)
def test_rows_that_pandas_puts_back_after_a_filter_are_explained(body: str) -> None:
    verdict = examined(body).verdict
    assert verdict.equal is False
    assert verdict.difference is not None
    assert verdict.difference.kind == "row"
    assert "Compute the column from the filtered rows" in verdict.reason
    assert examined("df[df.distance > 2000].assign(late=lambda rows: rows.arr_delay > 15)").verdict.equal is True


def test_whole_numbers_that_a_float_rounds_are_said() -> None:
    values: list[bytes | None] = [orjson.dumps({"id": 2**53 + number, "x": 2.5}) for number in range(20)]
    values += [orjson.dumps({"id": None, "x": 1e300})]
    messages = examined("df.assign(next=df.id + 1)", of_values(values)).verdict.messages
    assert [message for message in messages if "2^53" in message and "--type id=Int64" in message]
    assert not [message for message in messages if "`x`" in message]


def test_the_cell_speaks_once(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.warns(UserWarning, match="as told") as warned:
        verdict = examined("import warnings\nprint('seen')\nwarnings.warn('as told')\ndf.assign(x=1)").verdict
    assert verdict.equal is True
    assert capsys.readouterr().out == "seen\n"
    assert len(warned) == 1


def test_a_cell_may_make_its_key() -> None:
    verdict = look_by("part", "df.assign(part=df.id % 3)").verdict
    assert verdict.equal is True, verdict


def test_a_key_that_is_nowhere_is_refused() -> None:
    with pytest.raises(UsageError, match=r"`flights` nor the cell's output have a column `nocol` for --key.*`x`"):
        look_by("nocol", "df.assign(x=1)")


def look_by(key: str, body: str) -> Examination:
    """A cell examined on flights, with a key."""
    sample = flights(60)
    spec = StreamSpec(name="cell", source="flights", sinks=("out",), key=key)
    return examine(spec, function_of(body), infer_from_values(sample.values), sample)
