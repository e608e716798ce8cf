"""The quick decoder gives just what the reference gives, whatever the records hold."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from headrace.kafka.codec.json import Decoded, JsonDecoder, by_template, decoder
from headrace.kafka.codec.json.by_record import fit_records
from headrace.kafka.native import library
from headrace.kafka.records import Records
from headrace.spec import COLUMN_TYPES, ColumnType

TYPES: dict[str, ColumnType] = {f"c_{place}": declared for place, declared in enumerate(COLUMN_TYPES)}
GOOD: dict[str, st.SearchStrategy[str]] = {
    "int64": st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-99, 99)).map(str),
    "Int64": st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-99, 99), st.none()).map(json.dumps),
    "float64": st.one_of(
        st.floats(allow_nan=False, allow_infinity=False), st.integers(-(10**20), 10**20), st.none()
    ).map(json.dumps)
    | st.decimals(-10_000, 10_000, places=2).map(str),
    "bool": st.booleans().map(json.dumps),
    "boolean": st.one_of(st.booleans(), st.none()).map(json.dumps),
    "str": st.one_of(st.text(max_size=12), st.sampled_from(["", ":", ",", "{", "null", "1", "é", "\U0001f600"])).map(
        lambda text: json.dumps(text, ensure_ascii=False)
    ),
    "object": st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3)),
        lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=2), inner, max_size=2)),
        max_leaves=4,
    ).map(json.dumps),
    "datetime64[us, UTC]": st.one_of(
        st.datetimes().map(lambda time: f'"{time.isoformat()}Z"'),
        st.datetimes().map(lambda time: f'"{time.isoformat(timespec="milliseconds")}+02:00"'),
        st.integers(-(10**13), 10**13).map(str),
        st.just("null"),
    ),
}
STRANGE = st.sampled_from(
    [
        "null",
        "true",
        "false",
        "0",
        "-0",
        "-0.0",
        "00",
        "01",
        "-01",
        "1.",
        ".5",
        "-.5",
        "1.0",
        "1.5",
        "-1.5",
        "1e5",
        "1E5",
        "1.e5",
        "1e400",
        "-1e400",
        "1e-400",
        "+1",
        "-",
        "0x1F",
        "1_0",
        "NaN",
        "Infinity",
        "nan",
        "inf",
        "-inf",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "12345678",
        "123456789",
        "1234567.8",
        "12345678.9",
        "0.1234567",
        "0.30000000000000004",
        "1234567890123456789012",
        '"12"',
        '"1.5"',
        '"true"',
        '""',
        '""',
        '"a\\"b"',
        '"\\u0041"',
        '"\\ud800"',
        '"\\ud83d\\ude00"',
        '"a"b"',
        '"a":"b"',
        '"a","',
        "[]",
        "{}",
        "[1]",
        '{"c_0":1}',
        '{"a":"b"}',
        '["x","y"]',
        "[[",
        "nul",
        "nulL",
        "True",
        "None",
        '"2013-01-01T10:00:00Z"',
        '"2013-01-01"',
        '"2013-02-30"',
        '"2013-01-01T10:00:00.1234567Z"',
        "1357034400000",
        "9999999999999999",
        '"x',
        "1",
        '1"',
    ]
) | st.sampled_from(["1 ", " 1", '"a\tb"', "", '"a",', '1,"c_1":2', "1}", '{"', '"\n"', '"a" '])


@st.composite
def batches(draw: st.DrawFn) -> list[bytes | None]:
    """Records written alike for the most part: some values, keys and records are strange."""
    spaced = draw(st.booleans())
    keys = draw(st.permutations([*TYPES, "unknown", "two words"]))[: draw(st.integers(6, 10))]
    base = [draw(GOOD.get(TYPES.get(key, "str"), STRANGE)) for key in keys]
    batch: list[bytes | None] = []
    for _ in range(draw(st.integers(1, 12))):
        tokens = [draw(GOOD[TYPES[key]]) if key in TYPES else token for key, token in zip(keys, base, strict=True)]
        names = list(keys)
        change = draw(st.sampled_from(["none"] * 4 + ["value", "drop", "swap", "twice", "cut", "tombstone", "bytes"]))
        place = draw(st.integers(0, len(keys) - 1))
        if change == "value":
            tokens[place] = draw(STRANGE)
        if change == "drop":
            del tokens[place], names[place]
        if change == "swap":
            names.reverse()
        if change == "twice":
            names[place] = names[0]
        between, after = (", ", ": ") if spaced else (",", ":")
        text = "{" + between.join(f'"{name}"{after}{token}' for name, token in zip(names, tokens, strict=True)) + "}"
        value = text.encode("utf-8", "surrogatepass")
        if change == "cut":
            value = value[draw(st.integers(0, 3)) : len(value) - draw(st.integers(0, 3))]
        if change == "bytes":
            at = draw(st.integers(0, len(value)))
            value = value[:at] + draw(st.binary(min_size=1, max_size=2)) + value[at:]
        batch.append(None if change == "tombstone" else value)
    return batch


@pytest.fixture(params=["native", "plain"])
def eager(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let templates read runs of any size, natively and by array operations."""
    assert library.json() is not None, "run python hatch_build.py"
    if request.param == "plain":
        monkeypatch.setattr(decoder, "compiled_json", lambda: None)
    monkeypatch.setattr(decoder, "_FEWEST_FOR_TEMPLATES", 0)
    monkeypatch.setattr(decoder, "_FEWEST_FOR_SCAN", 0)
    monkeypatch.setattr(by_template, "_FEWEST", 1)


def assert_agrees(decoded: Decoded, values: Sequence[bytes | None], types: dict[str, ColumnType]) -> None:
    reference = fit_records(values, types)
    columns = {name: pd.Series(array, dtype=types[name]) for name, array in reference.arrays(types).items()}
    frame = pd.DataFrame(columns, index=pd.RangeIndex(len(reference.rows)))
    pd.testing.assert_frame_equal(decoded.frame, frame, check_exact=True)
    for name, declared in types.items():
        assert str(decoded.frame[name].dtype) == declared
        if declared == "float64":
            assert decoded.frame[name].to_numpy().tobytes() == frame[name].to_numpy().tobytes()
        if declared == "object":
            kinds = [list(map(repr, column)) for column in (decoded.frame[name], frame[name])]
            assert kinds[0] == kinds[1]
    assert decoded.positions.dtype == np.int64
    assert decoded.positions.tolist() == reference.rows
    errors = {failure.position: failure.error for failure in decoded.failures}
    assert list(errors) == sorted(errors)
    assert {row: (type(error), str(error)) for row, error in errors.items()} == {
        row: (type(error), str(error)) for row, error in reference.errors.items()
    }
    assert decoded.dropped == reference.dropped


@pytest.mark.usefixtures("eager")
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batch=batches(), chosen=st.lists(st.sampled_from(list(TYPES)), unique=True, min_size=1))
@example(batch=[b'{"c_0":1}', b'{"c_0":1}{"c_0":2}', b""], chosen=["c_0"])
@example(batch=[b'{"c_5":"a"}', b'{"c_5":"a","c_5":"b"}', b'{"c_5":"}'], chosen=["c_5"])
def test_templates_agree_with_the_reference(
    records_of: Callable[[Sequence[bytes | None]], Records], batch: list[bytes | None], chosen: list[str]
) -> None:
    types = {name: TYPES[name] for name in chosen}
    subject = JsonDecoder(types)
    for values in (batch, batch[::-1], batch * 3):
        assert_agrees(subject.decode(records_of(values)), values, types)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("declared", COLUMN_TYPES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_each_type_agrees_value_by_value(
    records_of: Callable[[Sequence[bytes | None]], Records], declared: ColumnType, data: st.DataObject
) -> None:
    tokens = data.draw(st.lists(GOOD[declared] | STRANGE, min_size=1, max_size=40))
    values = [f'{{"a":{token},"b":"x"}}'.encode("utf-8", "surrogatepass") for token in ["null", *tokens, "null"]]
    types: dict[str, ColumnType] = {"a": declared, "b": "str"}
    assert_agrees(JsonDecoder(types).decode(records_of(values)), values, types)


@pytest.mark.usefixtures("eager")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_batch_never_changes_the_dtypes(
    records_of: Callable[[Sequence[bytes | None]], Records], data: st.DataObject
) -> None:
    nullable = {name: declared for name, declared in TYPES.items() if declared not in {"int64", "bool"}}
    subject = JsonDecoder(TYPES)
    expected = pd.Series(list(TYPES.values()), list(TYPES))
    mandatory = '"c_0":1,"c_2":true'
    for kind in data.draw(st.lists(st.sampled_from(["null", "missing", "good"]), min_size=1, max_size=4)):
        fields = {name: data.draw(GOOD[declared]) for name, declared in nullable.items()}
        if kind == "null":
            fields = dict.fromkeys(fields, "null")
        rest = "" if kind == "missing" else "".join(f',"{name}":{token}' for name, token in fields.items())
        decoded = subject.decode(records_of([f"{{{mandatory}{rest}}}".encode()] * data.draw(st.integers(1, 5))))
        assert not decoded.failures
        pd.testing.assert_series_equal(decoded.frame.dtypes.astype(str), expected, check_dtype=False)
    assert subject.decode(records_of([])).frame.dtypes.astype(str).to_list() == expected.to_list()
