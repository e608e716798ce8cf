"""Avro of a real schema registry through a service, in and out, while the writer's schema changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

import schema_registry
from headrace.kafka.clusters import Cluster
from headrace.kafka.registry.configuration import REGISTRY_VARIABLE
from headrace.spec import ColumnType
from service_process import ServiceProcess, fill, headers_of, read_all
from waiting import eventually

TYPES: dict[str, ColumnType] = {"id": "int64", "amount": "float64"}


@pytest.fixture(scope="module")
def registry_url(headrace_home: object) -> Iterator[str]:
    with schema_registry.running() as url:
        yield url


def schema(*more: dict[str, object]) -> str:
    fields = [{"name": "id", "type": "long"}, {"name": "amount", "type": ["null", "double"], "default": None}, *more]
    return json.dumps({"type": "record", "name": "Order", "fields": fields})


@pytest.mark.timeout(180)
def test_a_new_writer_schema_does_not_stop_the_service(
    cluster: Cluster, make_service: Callable[..., ServiceProcess], registry_url: str
) -> None:
    service = make_service(
        "return df.assign(twice=df.amount * 2)",
        types=TYPES,
        format="avro",
        environment={REGISTRY_VARIABLE: registry_url},
    )
    client = SchemaRegistryClient({"url": registry_url})
    context = SerializationContext(service.source, MessageField.VALUE)
    first = AvroSerializer(client, schema())
    values: list[bytes | None] = [first({"id": number, "amount": number / 2}, context) for number in range(50)]
    fill(cluster, service.source, values, keys=[b"k"] * 50, headers=[("origin", b"shop")])
    service.start().caught_up()
    second = AvroSerializer(client, schema({"name": "note", "type": "string", "default": ""}))
    more: list[bytes | None] = [second({"id": n, "amount": None, "note": "new"}, context) for n in range(50, 60)]
    broken: list[bytes | None] = [b"\x00\x00\x00\xff\xffnothing", b"plain"]
    fill(cluster, service.source, more + broken, keys=[b"k"] * 12)
    service.caught_up()
    status = eventually(lambda: (found := service.status())["records_in"] == 62 and found)
    assert (status["records_out"], status["failed"]) == (60, 2)
    messages = read_all(cluster, service.sink)
    reader = AvroDeserializer(client)
    found = [reader(m.value(), SerializationContext(service.sink, MessageField.VALUE)) for m in messages]
    wanted: list[dict[str, float | None]] = [{"id": n, "amount": n / 2, "twice": float(n)} for n in range(50)]
    wanted += [{"id": n, "amount": None, "twice": None} for n in range(50, 60)]
    assert found == wanted
    assert headers_of(messages[0]) == {"origin": b"shop"}
    assert {m.key() for m in messages} == {b"k"}
    letters = read_all(cluster, f"{service.sink}.dlq")
    assert [letter.value() for letter in letters] == broken
