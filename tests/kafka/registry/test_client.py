"""The registry's client: what it asks, what it says when the answer is not one."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from confluent_kafka.schema_registry import Schema as TheirSchema
from confluent_kafka.schema_registry import SchemaReference, SchemaRegistryClient

import schema_registry
from headrace.errors import ClusterError, SecretError, UnsafeSettingError, UsageError
from headrace.kafka.clusters import Cluster
from headrace.kafka.codec import KeyDecoder, decode_keys, make_decoder
from headrace.kafka.registry import (
    REGISTRY_VARIABLE,
    IncompatibleSchemaError,
    Registry,
    Schema,
    UnknownSchemaError,
    registry_of,
)

SERVERS = {"bootstrap.servers": "localhost:9092"}
DRAFT = "http://json-schema.org/draft-07/schema#"
LONG = Schema("AVRO", '{"type":"record","name":"R","fields":[{"name":"a","type":"long"}]}')


@contextmanager
def answering(
    status: int, body: bytes, headers: dict[str, str] | None = None
) -> Iterator[tuple[str, list[str | None]]]:
    """Run a server that gives one answer to everything; give its URL and the credentials it was sent."""
    sent: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sent.append(self.headers.get("Authorization"))
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  the library's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", sent
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_schemas_and_versions(registry: Registry, registry_url: str, topic: str) -> None:
    subject = f"{topic}/with ä-value"
    assert registry.latest(subject) is None
    assert registry.versions(subject) == []
    number = registry.register(subject, LONG)
    assert registry.register(subject, LONG) == number
    latest = Registry(registry_url).latest(subject)
    assert latest is not None
    assert (latest.id, latest.version, json.loads(latest.schema.text)) == (number, 1, json.loads(LONG.text))
    assert Registry(registry_url).schema(number).kind == "AVRO"
    with pytest.raises(UnknownSchemaError, match=r"has no schema 2000000000\. Is it the registry"):
        registry.schema(2_000_000_000)
    with pytest.raises(IncompatibleSchemaError, match="refuses a new version of the schema"):
        registry.register(subject, Schema("AVRO", '{"type":"no such type"}'))


def test_references_are_fetched(client: SchemaRegistryClient, registry: Registry, topic: str) -> None:
    line = '{"type":"record","name":"Line","namespace":"shop","fields":[{"name":"sku","type":"string"}]}'
    order = '{"type":"record","name":"Order","fields":[{"name":"line","type":"shop.Line"}]}'
    client.register_schema(f"{topic}-line", TheirSchema(line, "AVRO"))
    named = SchemaReference("shop.Line", f"{topic}-line", 1)
    number = client.register_schema(f"{topic}-value", TheirSchema(order, "AVRO", [named]))
    schema = registry.schema(number)
    assert [(name, json.loads(reference.text)) for name, reference in schema.references] == [
        ("shop.Line", json.loads(line))
    ]


def test_a_schema_of_references_is_read(
    client: SchemaRegistryClient, registry: Registry, topic: str, records_of: Callable[..., object]
) -> None:
    line = '{"type":"record","name":"Line","namespace":"shop","fields":[{"name":"sku","type":"string"}]}'
    order = '{"type":"record","name":"Order","fields":[{"name":"line","type":"shop.Line"},{"name":"n","type":"int"}]}'
    client.register_schema(f"{topic}-line", TheirSchema(line, "AVRO"))
    named = SchemaReference("shop.Line", f"{topic}-line", 1)
    number = client.register_schema(f"{topic}-value", TheirSchema(order, "AVRO", [named]))
    value = b"\0" + number.to_bytes(4, "big") + b"\x04s1\x06"
    decoder = make_decoder("avro", {"line": "object", "n": "int64"}, registry=registry)
    frame = decoder.decode(records_of([value] * 3)).frame  # type: ignore[arg-type]
    assert frame.to_dict("records") == [{"line": {"sku": "s1"}, "n": 3}] * 3


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (500, b'{"error_code":50001,"message":"Error in the backend."}', "answers 500: Error in the backend"),
        (503, b"<html>", "answers 503: <html>"),
        (401, b"", r"denies access \(401\): no reason given"),
        (403, b'{"message":"not yours"}', r"denies access \(403\): not yours"),
        (200, b"<html>", "answers with something that is not JSON"),
        (409, b"{}", "answers 409"),
    ],
)
def test_a_registry_in_trouble_is_no_fault_of_a_record(status: int, body: bytes, message: str) -> None:
    with answering(status, body) as (url, _), pytest.raises(ClusterError, match=message):
        Registry(url).schema(1)


def test_a_registry_that_is_down() -> None:
    registry = Registry(f"http://127.0.0.1:{schema_registry.free_port()}")
    with pytest.raises(ClusterError, match=r"does not answer.*refused"):
        registry.latest("a-value")
    with pytest.raises(ClusterError):
        decode_keys("avro", [b"\0\0\0\0\x01x"], registry=registry)
    assert decode_keys("avro", [b"plain", None], registry=registry) == ["plain", None]


def test_a_password_is_sent_there_and_nowhere_else() -> None:
    body = json.dumps({"schema": LONG.text}).encode()
    expected = "Basic " + base64.b64encode(b"me:secret").decode()
    with answering(200, body) as (url, sent):
        assert Registry(url, user_info="me:secret").schema(1) == LONG
        with answering(302, b"", {"Location": url + "/schemas/ids/1"}) as (redirecting, first):
            with pytest.raises(ClusterError, match="answers 302") as caught:
                Registry(redirecting, user_info="me:secret").schema(1)
            assert first == [expected]
        assert sent == [expected]
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(Registry(url, user_info="me:secret"))


def test_a_cluster_names_its_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(REGISTRY_VARIABLE, raising=False)
    with pytest.raises(UsageError, match=r"The cluster `localhost:9092` names no schema registry.*HEADRACE_REGISTRY"):
        registry_of(Cluster.at("localhost:9092"))
    named = {
        **SERVERS,
        "schema.registry.url": "https://registry.example/api/",
        "schema.registry.basic.auth.user.info": "env:REGISTRY_USER",
    }
    cluster = Cluster("ours", named)
    assert cluster.client_settings() == SERVERS
    with pytest.raises(SecretError, match="REGISTRY_USER is not set"):
        registry_of(cluster)
    monkeypatch.setenv("REGISTRY_USER", "me:secret")
    assert registry_of(cluster).url == "https://registry.example/api"
    monkeypatch.setenv(REGISTRY_VARIABLE, "http://localhost:8081")
    assert registry_of(cluster).url == "http://localhost:8081"
    monkeypatch.setenv(REGISTRY_VARIABLE, "file:///etc/passwd")
    with pytest.raises(UsageError, match="not a URL of one"):
        registry_of(cluster)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "registry:8081", "http://", "ftp://a", "http://a/?x=1", "http://[a"]
)
def test_a_registry_is_a_plain_url(url: str) -> None:
    with pytest.raises(UsageError, match="not a URL of one"):
        Cluster("ours", {**SERVERS, "schema.registry.url": url})


def test_a_password_in_the_url_is_refused() -> None:
    with pytest.raises(SecretError) as caught:
        Cluster("ours", {**SERVERS, "schema.registry.url": "http://me:hunter2@registry:8081"})
    assert "hunter2" not in str(caught.value)
    with pytest.raises(UnsafeSettingError, match=r"schema\.registry\.ssl\.key\.location"):
        Cluster("ours", {**SERVERS, "schema.registry.ssl.key.location": "/x"})


def test_keys_by_their_schema(registry: Registry, topic: str) -> None:
    def framed(schema: Schema, payload: bytes) -> bytes:
        number = registry.register(f"{topic}-{abs(hash(schema.text))}-key", schema)
        return b"\0" + number.to_bytes(4, "big") + payload

    pair = '{"type":"record","name":"K","fields":[{"name":"a","type":"long"},{"name":"b","type":"string"}]}'
    proto = 'syntax = "proto3"; message K { int64 a = 1; }'
    keys = [
        framed(Schema("AVRO", '"string"'), b"\x06JFK"),
        framed(Schema("AVRO", '"long"'), b"\x06"),
        framed(Schema("AVRO", pair), b"\x02\x02x"),
        framed(Schema("PROTOBUF", proto), b"\0\x08\x05"),
        framed(Schema("JSON", json.dumps({"$schema": DRAFT, "type": "string"})), b'"LGA"'),
        framed(Schema("JSON", json.dumps({"$schema": DRAFT, "type": "object"})), b'{"a":1}'),
        framed(Schema("AVRO", '"string"'), b"\x06JF"),
        b"\0\x7f\xff\xff\xffx",
        b"plain",
        None,
    ]
    decoder = KeyDecoder("avro", registry=registry)
    expected = ["JFK", "3", '{"a":1,"b":"x"}', '{"a":5}', "LGA", '{"a":1}']
    for _ in range(2):
        texts = decoder.decode(keys)
        assert texts[:6] == expected
        assert texts[6:] == [key.decode("utf-8", "replace") if key else None for key in keys[6:]]
    assert decode_keys("json", keys[:1], registry=registry) == [keys[0].decode() if keys[0] else None]
