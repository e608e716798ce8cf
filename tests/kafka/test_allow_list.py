from __future__ import annotations

from pathlib import Path

import confluent_kafka
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import SecretError, UnsafeSettingError, UsageError
from headrace.kafka.allow_list import ALLOWED_SETTINGS, REGISTRY_SETTINGS, SECRET_SETTINGS, check_settings
from headrace.kafka.clients import consumer
from headrace.kafka.clusters import Cluster

SERVERS = {"bootstrap.servers": "localhost:9092"}

DANGEROUS = [
    "plugin.library.paths",
    "ssl.engine.location",
    "ssl.engine.id",
    "ssl.providers",
    "sasl.kerberos.kinit.cmd",
    "sasl.kerberos.keytab",
    "sasl.oauthbearer.token.endpoint.url",
    "sasl.oauthbearer.config",
    "ssl.ca.location",
    "ssl.key.location",
    "ssl.keystore.location",
    "offset.store.path",
    "enable.ssl.certificate.verification",
    "error_cb",
    "group.id",
    "transactional.id",
    "default.topic.config",
]


@pytest.mark.parametrize("name", DANGEROUS)
def test_a_dangerous_setting_is_refused_by_name(name: str) -> None:
    with pytest.raises(UnsafeSettingError, match=rf"`{name}` of cluster `theirs` is refused"):
        Cluster("theirs", {**SERVERS, name: "x"})


def test_a_library_is_refused_before_any_client_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    monkeypatch.setattr("headrace.kafka.clients.Consumer", made.append)
    with pytest.raises(UnsafeSettingError, match="loads a library"):
        consumer(Cluster("theirs", {**SERVERS, "plugin.library.paths": "/nowhere/evil.so"}), purpose="preview")
    assert made == []


@given(st.text(min_size=1, max_size=40).filter(lambda name: name not in ALLOWED_SETTINGS))
def test_whatever_is_not_on_the_list_is_refused(name: str) -> None:
    with pytest.raises(UnsafeSettingError):
        check_settings("any", {**SERVERS, name: "x"})


def test_the_documentation_lists_every_allowed_setting() -> None:
    page = (Path(__file__).parents[2] / "docs" / "clusters.md").read_text(encoding="utf-8")
    listed = {line[3:-1] for line in page.splitlines() if line.startswith("- `")}
    assert listed == ALLOWED_SETTINGS


def test_librdkafka_knows_every_allowed_setting() -> None:
    for name in ALLOWED_SETTINGS - REGISTRY_SETTINGS - {"ssl.ca.pem", "ssl.certificate.pem", "ssl.key.pem"}:
        with_name = {**SERVERS, name: "no such value"}
        try:
            confluent_kafka.Producer(with_name).flush(0)
        except confluent_kafka.KafkaException as error:
            assert "No such configuration property" not in error.args[0].str(), name  # noqa: PT017


@pytest.mark.parametrize("name", sorted(SECRET_SETTINGS))
def test_a_secret_must_be_a_reference_and_is_not_repeated(name: str) -> None:
    with pytest.raises(SecretError) as caught:
        Cluster("ours", {**SERVERS, name: "hunter2"})
    assert "hunter2" not in str(caught.value)
    Cluster("ours", {**SERVERS, name: "env:PASSWORD"})


def test_a_private_key_is_no_certificate() -> None:
    with pytest.raises(SecretError):
        Cluster("ours", {**SERVERS, "ssl.certificate.pem": "-----BEGIN PRIVATE KEY-----"})


@pytest.mark.parametrize(
    "settings",
    [
        {"security.protocol": "SASL_SSL"},
        {"security.protocol": "SASL_SSL", "sasl.mechanism": "GSSAPI"},
        {"sasl.mechanisms": "OAUTHBEARER"},
        {"security.protocol": "TELNET"},
        {"client.rack": ["a"]},
    ],
)
def test_unsafe_values_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(UnsafeSettingError):
        check_settings("ours", {**SERVERS, **settings})


@pytest.mark.parametrize("servers", ["", "a b:9092", "host:port", "h:1,,h:2", "file:///etc/passwd"])
def test_addresses_must_be_addresses(servers: str) -> None:
    with pytest.raises(UsageError, match=r"bootstrap\.servers"):
        check_settings("ours", {"bootstrap.servers": servers})


@pytest.mark.parametrize("servers", ["h:9092", "a.b-c:1, d:2", "SASL_SSL://h:9093", "[::1]:9092", "h"])
def test_addresses_of_all_kinds(servers: str) -> None:
    check_settings("ours", {"bootstrap.servers": servers})
