"""Records and returns that nobody expected, among many that go through: each has its own outcome."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from headrace.kafka.clusters import Cluster
from headrace.spec import ColumnType
from service_process import ServiceProcess, fill, headers_of, read_all
from waiting import eventually

TYPES: dict[str, ColumnType] = {"id": "int64", "kind": "str", "k": "str"}
BODY = """
if "none" in set(df.kind):
    return None
if "number" in set(df.kind):
    return len(df)
if "twice" in set(df.kind):
    return pd.concat([df, df[["kind"]]], axis=1)
if "labels" in set(df.kind):
    return df.set_axis(df.index + 1_000_000)
return df
"""
GOOD = 500
BAD = {
    "none": "CellError: The cell gave nothing (None)",
    "number": "CellError: The cell gave a int",
    "twice": "CellError: The output has two columns named `kind`",
    "labels": "CellError: The output's index are not those of the rows",
}


def value(number: int, kind: str = "good", k: str | None = "a") -> bytes:
    return json.dumps({"id": number, "kind": kind, "k": k}).encode()


@pytest.mark.timeout(120)
def test_what_is_wrong_stands_alone_and_says_what_it_is(
    cluster: Cluster, make_service: Callable[..., ServiceProcess]
) -> None:
    service = make_service(BODY, types=TYPES, key="k")
    values: list[bytes | None] = [value(number) for number in range(GOOD)]
    wrong: dict[bytes | None, str] = {
        value(1_000 + number, kind): said for number, (kind, said) in enumerate(BAD.items())
    }
    wrong[b'{"id": "text", "kind": "good", "k": "a"}'] = "TypeMismatchError: `id`: "
    wrong[b'{"id": null, "kind": "good", "k": "a"}'] = "TypeMismatchError: `id`: null, declared int64"
    wrong[None] = "TombstoneError: The record has no value (a tombstone)."
    for place, one in enumerate(wrong):
        values.insert(place * 60 + 20, one)
    values += [value(2_000, k=None)]
    fill(cluster, service.source, values, keys=[b"source key"] * len(values))

    service.start().caught_up()

    status = eventually(lambda: (found := service.status())["records_in"] == len(values) and found)
    assert (status["records_out"], status["failed"]) == (GOOD + 1, len(wrong))
    found = {message.value(): message.key() for message in read_all(cluster, service.sink)}
    rows = {json.loads(text or b"")["id"]: (json.loads(text or b""), key) for text, key in found.items()}
    assert rows.keys() == {*range(GOOD), 2_000}
    assert rows[2_000] == ({"id": 2_000, "kind": "good", "k": None}, None)  # a null key stays null
    letters = {message.value(): headers_of(message) for message in read_all(cluster, f"{service.sink}.dlq")}
    assert letters.keys() == wrong.keys()
    for text, said in wrong.items():
        assert letters[text]["headrace-error"].decode().startswith(said), letters[text]


@pytest.mark.timeout(120)
def test_a_batch_whose_records_all_fail_or_are_filtered_is_committed(
    cluster: Cluster, make_service: Callable[..., ServiceProcess]
) -> None:
    service = make_service("return df[df.id < 0]", types=TYPES)
    fill(cluster, service.source, [*(value(number) for number in range(100)), b"{", b"[]"])
    service.start().caught_up()
    status = eventually(lambda: (found := service.status())["records_in"] == 102 and found)
    assert (status["records_out"], status["failed"], status["p50_ms"]) == (0, 1, None)
    assert read_all(cluster, service.sink) == []


def test_a_series_is_a_column(cluster: Cluster, make_service: Callable[..., ServiceProcess]) -> None:
    service = make_service("return df.id * 2", types=TYPES, key="k")
    fill(cluster, service.source, [value(number) for number in range(10)])
    service.start().caught_up()
    messages = read_all(cluster, service.sink)
    assert sorted(json.loads(message.value() or b"")["id"] for message in messages) == list(range(0, 20, 2))
    assert {message.key() for message in messages} == {b"a"}
    assert all(json.loads(message.value() or b"").keys() == {"id"} for message in messages)
