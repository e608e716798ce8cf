"""Avro and Protobuf of a real schema registry through a service, while the schemas change on both sides."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import message_factory

import schema_registry
from headrace.kafka.clusters import Cluster
from headrace.kafka.codec.protobuf.compiling import file_of
from headrace.kafka.registry import Schema
from headrace.kafka.registry.configuration import REGISTRY_VARIABLE
from headrace.spec import ColumnType, read_document, to_yaml
from service_process import ServiceProcess, fill, headers_of, read_all
from waiting import eventually

TYPES: dict[str, ColumnType] = {"id": "int64", "amount": "float64"}
Row = dict[str, Any]


class Outside(Protocol):
    """A producer and a consumer with Confluent's own serializers, which share no code with the service."""

    def write(self, topic: str, rows: Sequence[Row], *, noted: bool) -> list[bytes | None]:
        """Return rows as values; ``noted``: by the producer's second schema, which has the field ``note``."""

    def read(self, topic: str, values: Sequence[bytes | None]) -> list[Row]:
        """Return values as rows; a field that a value's schema lacks is left out or null."""


class Avro:
    """Avro outside of the service."""

    def __init__(self, client: SchemaRegistryClient) -> None:
        self._client = client

    def write(self, topic: str, rows: Sequence[Row], *, noted: bool) -> list[bytes | None]:
        """See :class:`Outside`."""
        fields: list[Row] = [
            {"name": "id", "type": "long"},
            {"name": "amount", "type": ["null", "double"], "default": None},
        ]
        fields += [{"name": "note", "type": "string", "default": ""}] if noted else []
        serializer = AvroSerializer(self._client, json.dumps({"type": "record", "name": "Order", "fields": fields}))
        return [serializer(row, SerializationContext(topic, MessageField.VALUE)) for row in rows]

    def read(self, topic: str, values: Sequence[bytes | None]) -> list[Row]:
        """See :class:`Outside`."""
        reader = AvroDeserializer(self._client)
        return [dict(reader(value, SerializationContext(topic, MessageField.VALUE)) or {}) for value in values]


class Protobuf:
    """Protobuf outside of the service."""

    def __init__(self, client: SchemaRegistryClient) -> None:
        self._client = client

    def write(self, topic: str, rows: Sequence[Row], *, noted: bool) -> list[bytes | None]:
        """See :class:`Outside`."""
        note = "string note = 3;" if noted else ""
        text = f'syntax = "proto3"; message Order {{ int64 id = 1; optional double amount = 2; {note} }}'
        kind = self._message(text)
        serializer = ProtobufSerializer(kind, self._client, {"use.deprecated.format": False})
        messages = [kind(**{name: value for name, value in row.items() if value is not None}) for row in rows]
        return [serializer(message, SerializationContext(topic, MessageField.VALUE)) for message in messages]

    def read(self, topic: str, values: Sequence[bytes | None]) -> list[Row]:
        """See :class:`Outside`."""
        subject = f"{topic}-value"  # the client keeps what once was the latest version
        latest = self._client.get_version(subject, max(self._client.get_versions(subject))).schema.schema_str
        assert latest is not None
        reader = ProtobufDeserializer(self._message(latest), {"use.deprecated.format": False})
        messages = [reader(value, SerializationContext(topic, MessageField.VALUE)) for value in values]
        return [{field.name: value for field, value in message.ListFields()} for message in messages]

    @staticmethod
    def _message(text: str) -> Any:
        (found,) = file_of(Schema("PROTOBUF", text)).message_types_by_name.values()
        return message_factory.GetMessageClass(found)


OUTSIDE: dict[str, Callable[[SchemaRegistryClient], Outside]] = {"avro": Avro, "protobuf": Protobuf}


@pytest.fixture(scope="module")
def registry_url(headrace_home: object) -> Iterator[str]:
    with schema_registry.running() as url:
        yield url


def without_nulls(rows: Sequence[Row]) -> list[Row]:
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def commit_that_reads_and_writes_notes(service: ServiceProcess) -> None:
    """Change the stream folder as a new commit does whose input and output have a field more."""
    document = read_document(service.folder)
    changed = document.model_copy(update={"input": {**document.input, "note": "str"}})
    (service.folder / "stream.yaml").write_text(to_yaml(changed), encoding="utf-8")


@pytest.mark.timeout(180)
@pytest.mark.parametrize("language", OUTSIDE)
def test_schemas_change_in_mid_stream_on_both_sides(
    cluster: Cluster, make_service: Callable[..., ServiceProcess], registry_url: str, language: str
) -> None:
    service = make_service(
        "return df.assign(twice=df.amount * 2)",
        types=TYPES,
        format=language,
        environment={REGISTRY_VARIABLE: registry_url},
    )
    client = schema_registry.outside_client(registry_url)
    outside = OUTSIDE[language](client)
    first: list[Row] = [{"id": number, "amount": number / 2} for number in range(1, 51)]
    plain = outside.write(service.source, first, noted=False)
    fill(cluster, service.source, plain, keys=[b"k"] * 50, headers=[("origin", b"shop")])
    service.start().caught_up()

    second: list[Row] = [{"id": number, "amount": None, "note": f"new {number}"} for number in range(51, 61)]
    noted = outside.write(service.source, second, noted=True)
    broken: list[bytes | None] = [b"\x00\x00\x00\xff\xffnothing", b"plain"]
    fill(cluster, service.source, noted + broken, keys=[b"k"] * 12)
    service.caught_up()

    status = eventually(lambda: (found := service.status())["records_in"] == 62 and found)
    assert (status["records_out"], status["failed"], status["dropped_fields"]) == (60, 2, {"note": 10})
    messages = read_all(cluster, service.sink)
    wanted: list[Row] = [{"id": n, "amount": n / 2, "twice": float(n)} for n in range(1, 51)]
    wanted += [{"id": n} for n in range(51, 61)]
    assert without_nulls(outside.read(service.sink, [message.value() for message in messages])) == wanted
    assert headers_of(messages[0]) == {"origin": b"shop"}
    assert {message.key() for message in messages} == {b"k"}
    assert [letter.value() for letter in read_all(cluster, f"{service.sink}.dlq")] == broken
    subject = f"{service.sink}-value"
    assert client.get_versions(subject) == [1]

    schema_registry.set_compatibility(registry_url, subject, "BACKWARD")
    assert service.terminate()[0] == 0
    commit_that_reads_and_writes_notes(service)
    third: list[Row] = [{"id": 61, "amount": 1.5}]
    fourth: list[Row] = [{"id": 62, "amount": 2.5, "note": "kept"}]
    more = outside.write(service.source, third, noted=False) + outside.write(service.source, fourth, noted=True)
    fill(cluster, service.source, more, keys=[b"k"] * 2)
    service.start().caught_up()

    assert client.get_versions(subject) == [1, 2]
    messages = read_all(cluster, service.sink)
    wanted += [{"id": 61, "amount": 1.5, "twice": 3.0}, {"id": 62, "amount": 2.5, "note": "kept", "twice": 5.0}]
    assert without_nulls(outside.read(service.sink, [message.value() for message in messages])) == wanted
    ids = [(message.value() or b"")[:5] for message in messages]
    assert len(set(ids[:60])) == len(set(ids[60:])) == 1
    assert ids[0] != ids[60]
