"""Records over a topic's size limit: dead letters, and everything else goes through."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest
from confluent_kafka import Message
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its stubs
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
)

from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import create_topic
from headrace.spec import names
from service_process import ServiceProcess, fill, headers_of, read_all
from waiting import eventually

LIMIT = 100_000
SMALL = {"max.message.bytes": str(LIMIT)}
GROWS = """
import numpy as np
noise = np.random.default_rng(1).bytes(500_000).hex()
return df.assign(text=[(noise if text == "noise" else "x" * size)[:size] for text, size in zip(df.text, df["size"])])
"""
TYPES = {"id": "int64", "text": "str", "size": "int64"}


def value(number: int, size: int = 1, text: str = "noise") -> bytes:
    return json.dumps({"id": number, "text": text, "size": size}).encode()


def ids(messages: list[Message]) -> list[int]:
    return sorted(json.loads(message.value() or b"{}")["id"] for message in messages)


def make(make_service: Callable[..., ServiceProcess], body: str = GROWS, **options: object) -> ServiceProcess:
    return make_service(body, **({"types": TYPES, "sink_config": SMALL} | options))


@pytest.mark.parametrize("delivery", ["exactly-once", "at-least-once"])
def test_a_record_whose_output_is_too_large_is_a_dead_letter_and_the_rest_goes_through(
    cluster: Cluster, make_service: Callable[..., ServiceProcess], delivery: str
) -> None:
    service = make(make_service, delivery=delivery)
    sizes = {7: 200_000, 500: 150_000, 501: 300_000}
    values = [value(number, sizes.get(number, 1_000)) for number in range(1_000)]
    fill(cluster, service.source, values, keys=[b"k"] * 1_000, headers=[("trace", b"1")])
    service.start().caught_up()
    found = ids(read_all(cluster, service.sink))
    wanted = [number for number in range(1_000) if number not in sizes]
    assert (found if delivery == "exactly-once" else sorted(set(found))) == wanted
    letters = read_all(cluster, f"{service.sink}.dlq")
    assert ids(letters) == sorted(sizes)
    for letter in letters:
        number = json.loads(letter.value() or b"")["id"]
        said = headers_of(letter)
        assert (letter.key(), letter.value(), said["trace"]) == (b"k", values[number], b"1")
        error = said["headrace-error"].decode()
        assert error.startswith("OversizedError: An output has ")
        assert f"for the topic `{service.sink}`, which accepts {LIMIT:,} (max.message.bytes)" in error
        assert "Raise the topic's max.message.bytes" in error
        assert said["headrace-offset"] == b"%d" % number
    status = service.status()
    assert (status["records_in"], status["records_out"], status["failed"]) == (1_000, 997, 3)


def test_an_output_that_is_small_enough_compressed_goes_through(
    cluster: Cluster, make_service: Callable[..., ServiceProcess]
) -> None:
    service = make(make_service)
    fill(cluster, service.source, [value(0, 500_000, "compressible"), value(1, 200_000), value(2)])
    service.start().caught_up()
    assert ids(read_all(cluster, service.sink)) == [0, 2]
    assert ids(read_all(cluster, f"{service.sink}.dlq")) == [1]


def test_many_small_outputs_are_never_one_batch_that_is_too_large(
    cluster: Cluster, make_service: Callable[..., ServiceProcess]
) -> None:
    service = make(make_service, sink_config={"max.message.bytes": "20000", "compression.type": "uncompressed"})
    fill(cluster, service.source, [value(number, 100) for number in range(2_000)], keys=[b"k"] * 2_000)
    service.start().caught_up()
    assert ids(read_all(cluster, service.sink)) == list(range(2_000))
    assert "not committed" not in service.log


def test_oversized_outputs_can_be_dropped_or_stop_the_service(
    cluster: Cluster, make_service: Callable[..., ServiceProcess]
) -> None:
    values = [value(number, 200_000 if number == 2 else 1) for number in range(5)]
    skips = make(make_service, on_error="skip")
    fill(cluster, skips.source, values, keys=[b"k"] * 5)
    skips.start().caught_up()
    assert ids(read_all(cluster, skips.sink)) == [0, 1, 3, 4]
    assert skips.status()["failed"] == 1
    fails = make(make_service, on_error="fail")
    fill(cluster, fails.source, values, keys=[b"k"] * 5)
    assert fails.start().ended() == 1
    assert "offset 2 failed: OversizedError: An output has 200," in fails.log
    assert (fails.progress(), ids(read_all(cluster, fails.sink))) == (2, [0, 1])


FAILS = "raise ValueError('y' * 50_000)"


def test_a_letter_that_is_too_large_becomes_smaller(
    cluster: Cluster, make_service: Callable[..., ServiceProcess]
) -> None:
    service = make(make_service, FAILS, letters_config=SMALL | {"compression.type": "uncompressed"})
    values = [value(number, 1, "x" * size) for number, size in enumerate((10, 90_000, 150_000, 10))]
    keys: list[bytes | None] = [b"a", b"a", b"a", b"k" * 150_000]
    fill(cluster, service.source, values, keys=keys, headers=[("trace", b"1")])
    service.start().caught_up()
    letters = {}
    for letter in read_all(cluster, f"{service.sink}.dlq"):
        said = headers_of(letter)
        letters[said["headrace-partition"], said["headrace-offset"]] = letter, said
    assert len(letters) == 4
    places = {
        message.value(): (b"%d" % (message.partition() or 0), b"%d" % (message.offset() or 0))
        for message in read_all(cluster, service.source)
    }
    full, short, valueless, keyless = (letters[places[value]] for value in values)
    assert (full[0].key(), full[0].value(), len(full[1]["headrace-error"])) == (b"a", values[0], 16_003)
    assert (short[0].key(), short[0].value(), short[1]["trace"]) == (b"a", values[1], b"1")
    assert 1_000 < len(short[1]["headrace-error"]) < 5_000
    assert short[1]["headrace-error"].startswith(b"ValueError: yyy")
    assert (valueless[0].key(), valueless[0].value(), valueless[1]["trace"]) == (b"a", None, b"1")
    assert valueless[1]["headrace-value-bytes"] == b"%d" % len(values[2] or b"")
    assert (keyless[0].key(), keyless[0].value()) == (None, None)
    assert keyless[1]["headrace-error"].startswith(b"ValueError: yyy")
    assert service.status()["failed"] == 4


WINDOWS: dict[str, object] = {
    "types": {"k": "str", "t": "datetime64[us, UTC]", "size": "int64"},
    "key": "k",
    "time": "t",
    "window": "tumbling=1min",
    "idle": "1s",
}
GROWS_BY_WINDOW = """
import numpy as np
noise = np.random.default_rng(1).bytes(500_000).hex()
found = df.groupby(["window_start", "k"])["size"].sum().reset_index()
return found.assign(text=[noise[:size] for size in found["size"]])
"""


def at(second: int, size: int = 1, key: str = "a") -> bytes:
    time = f"2026-01-01T00:{second // 60:02d}:{second % 60:02d}Z"
    return json.dumps({"k": key, "t": time, "size": size}).encode()


@pytest.mark.parametrize("at_once", [False, True], ids=["each window", "many at once"])
def test_the_records_of_a_window_whose_output_is_too_large_are_dead_letters(
    cluster: Cluster,
    make_service: Callable[..., ServiceProcess],
    at_once: bool,  # noqa: FBT001
) -> None:
    service = make(make_service, GROWS_BY_WINDOW, **WINDOWS, windows_at_once=at_once)
    values = [at(second, 100_000 if 120 <= second < 122 else 1) for second in range(300)]
    fill(cluster, service.source, values, keys=[b"a"] * 300, headers=[("trace", b"1")])
    service.start()
    eventually(lambda: len(read_all(cluster, service.sink)) == 4, 30)
    letters = read_all(cluster, f"{service.sink}.dlq")
    assert [(letter.key(), letter.value()) for letter in letters] == [(b"a", text) for text in values[120:180]]
    assert {headers_of(letter)["trace"] for letter in letters} == {b"1"}
    assert headers_of(letters[0])["headrace-error"].startswith(b"OversizedError: An output has 200,")
    starts = [json.loads(message.value() or b"")["window_start"][14:16] for message in read_all(cluster, service.sink)]
    assert starts == ["00", "01", "03", "04"]


LOOKS_BACK = """
import numpy as np
noise = np.random.default_rng(1).bytes(500_000).hex()
return df.assign(seen=df.groupby("k").cumcount(), text=[noise[:size] for size in df["size"]])
"""


@pytest.mark.parametrize("repartition", [False, True], ids=["one stage", "two stages"])
def test_a_record_whose_output_is_too_large_stays_out_of_the_history(
    cluster: Cluster,
    make_service: Callable[..., ServiceProcess],
    repartition: bool,  # noqa: FBT001
) -> None:
    declared = WINDOWS | {"window": None, "lookback": "1d"}
    service = make(make_service, LOOKS_BACK, **declared, repartition=repartition)
    if repartition:
        create_topic(cluster, names.repartition_topic(service.name, "k"), 4)
    values = [at(second, 200_000 if second in {3, 7} else 1) for second in range(20)]
    fill(cluster, service.source, values, keys=[b"other"] * 20)
    service.start()
    eventually(lambda: len(read_all(cluster, service.sink)) == 18, 30)
    found = [json.loads(message.value() or b"") for message in read_all(cluster, service.sink)]
    assert [row["seen"] for row in found] == list(range(18))
    assert [letter.value() for letter in read_all(cluster, f"{service.sink}.dlq")] == [values[3], values[7]]


def test_a_record_that_the_repartition_topic_does_not_take_is_a_dead_letter(
    cluster: Cluster, make_service: Callable[..., ServiceProcess]
) -> None:
    declared = WINDOWS | {"types": {"k": "str", "t": "datetime64[us, UTC]", "size": "int64", "text": "str"}}
    declared |= {"window": None, "lookback": "1d", "sink_config": None}
    service = make(make_service, "return df.drop(columns='text')", **declared, repartition=True)
    create_topic(cluster, names.repartition_topic(service.name, "k"), 4, SMALL | {"compression.type": "uncompressed"})
    values = [
        at(second).replace(b"}", b', "text": "%s"}' % (b"x" * (120_000 if second == 3 else 10))) for second in range(9)
    ]
    fill(cluster, service.source, values, keys=[b"other"] * 9)
    service.start()
    eventually(lambda: len(read_all(cluster, service.sink)) == 8, 30)
    (letter,) = read_all(cluster, f"{service.sink}.dlq")
    assert (letter.key(), letter.value()) == (b"other", values[3])
    assert headers_of(letter)["headrace-error"].startswith(b"OversizedError: The record, with where it comes from, has")


@pytest.mark.parametrize("delivery", ["exactly-once", "at-least-once"])
def test_a_bounded_run_writes_letters_for_outputs_that_are_too_large(
    cluster: Cluster, make_service: Callable[..., ServiceProcess], make_topic: Callable[..., str], delivery: str
) -> None:
    service = make(make_service, delivery=delivery)
    fill(cluster, service.source, [value(number, 200_000 if number == 4 else 10) for number in range(9)])
    out = make_topic("again", config=SMALL)
    command = [sys.executable, "-m", "headrace", "run", str(service.folder), "--cluster", cluster.address]
    command += ["--from", "earliest", "--out", out, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["records_in"], result["records_out"], result["failed"]) == (9, 8, 1)
    wanted = [number for number in range(9) if number != 4]
    found = ids(read_all(cluster, out))
    assert (found if delivery == "exactly-once" else sorted(set(found))) == wanted
    (letter,) = read_all(cluster, f"{out}.dlq")
    assert json.loads(letter.value() or b"")["id"] == 4
    assert f"the topic `{service.sink}`, which".encode() in headers_of(letter)["headrace-error"]


def test_a_late_record_that_the_late_topic_does_not_take_is_a_dead_letter(
    cluster: Cluster, make_service: Callable[..., ServiceProcess]
) -> None:
    declared = WINDOWS | {"types": {"k": "str", "t": "datetime64[us, UTC]", "size": "int64", "text": "str"}}
    body = "return df.groupby('window_start')['size'].sum().reset_index()"
    service = make(make_service, body, **(declared | {"idle": "1h"}))
    late = ConfigResource(ConfigResource.Type.TOPIC, f"{service.sink}.late")
    for name, setting in (SMALL | {"compression.type": "uncompressed"}).items():
        late.add_incremental_config(ConfigEntry(name, setting, incremental_operation=AlterConfigOpType.SET))
    admin = AdminClient({"bootstrap.servers": cluster.address})
    admin.incremental_alter_configs([late])[late].result()
    values = [
        at(second).replace(b"}", b', "text": "%s"}' % (b"x" * (120_000 if second == 3 else 10)))
        for second in (0, 90, 3, 4, 180)
    ]
    fill(cluster, service.source, values, keys=[b"a"] * 5)
    service.start().caught_up()
    assert [message.value() for message in read_all(cluster, late.name)] == [values[3]]
    (letter,) = read_all(cluster, f"{service.sink}.dlq")
    assert (letter.key(), letter.value()) == (b"a", values[2])
    assert b"The record, which came too late for its window, has" in headers_of(letter)["headrace-error"]
    status = service.status()
    assert (status["failed"], status["late"], status["records_out"]) == (1, 1, 2)


def test_a_row_of_a_state_that_its_topic_does_not_take_is_a_clear_stop(
    cluster: Cluster, make_service: Callable[..., ServiceProcess]
) -> None:
    body = """
    import numpy as np
    noise = np.random.default_rng(1).bytes(1_000_000).hex()
    kept = df.groupby("text").id.max().to_frame().assign(noise=noise)
    return df[["id"]], kept
    """
    options: dict[str, object] = {"key": "text", "states": ("kept",), "sink_config": None}
    service = make(make_service, body, **options, states_types={"kept": {"id": "int64", "noise": "str"}})
    create_topic(cluster, names.state_topic(service.name), 4, {"cleanup.policy": "compact"})
    fill(cluster, service.source, [value(1)], keys=[b"noise"])
    assert service.start().ended() == 1
    assert f"bytes for the topic `{names.state_topic(service.name)}`, which accepts 1,048,588" in service.log
    assert (service.progress(), read_all(cluster, service.sink)) == (0, [])
