"""The only place where Kafka clients are made, with the settings that are the same for all of them."""

from __future__ import annotations

import logging
import os
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from headrace.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from headrace.kafka.clusters import Cluster

logger = logging.getLogger(__name__)
logger.addHandler(logging.NullHandler())  # librdkafka's own lines go here; errors reach people as exceptions

_CONSUMER: dict[str, object] = {
    "enable.auto.commit": False,  # otherwise close() waits for a group that was never joined
    "enable.auto.offset.store": False,
    "isolation.level": "read_committed",
    "auto.offset.reset": "error",  # never skip silently to where the log begins
    "fetch.queue.backoff.ms": 2,  # the default of 1 s leaves a fast reader idle
    "queued.min.messages": 200_000,
}
_PRODUCER: dict[str, object] = {
    "enable.idempotence": True,
    "partitioner": "murmur2_random",  # as Java clients do it, so that topics co-partition
    "compression.type": "lz4",
    "linger.ms": 5,
}
_TRANSACTIONAL: dict[str, object] = {
    "retry.backoff.ms": 5,  # a transaction right after a commit is refused for a moment
}

_REASONS = {
    KafkaError._AUTHENTICATION: ("refused the credentials", "Check sasl.username, the secret, and sasl.mechanism."),  # noqa: SLF001
    KafkaError._SSL: ("and this client do not agree on TLS", "Check security.protocol, ssl.ca.pem and the port."),  # noqa: SLF001
    KafkaError.SASL_AUTHENTICATION_FAILED: ("refused the credentials", "Check sasl.username and the secret."),
    KafkaError.UNSUPPORTED_SASL_MECHANISM: ("does not know the sasl.mechanism", "Ask which one the cluster has."),
}
_UNREACHABLE = {KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE}  # noqa: SLF001

_admins: dict[tuple[int, Cluster], AdminClient] = {}
_admins_lock = threading.Lock()


def consumer(cluster: Cluster, *, purpose: str, **settings: object) -> Consumer:
    """Make a consumer that reads committed records and commits nothing by itself.

    Args:
        cluster: where.
        purpose: becomes the client's id, ``headrace-PURPOSE``; also the (unused) group's name where ``settings``
            give none, since librdkafka demands one.
        settings: librdkafka settings of the purpose, over ours and the cluster's.

    Raises:
        SecretError: a secret's reference leads nowhere.
        ClusterError: the settings do not fit together. Later on, polling raises it when the cluster refuses the
            credentials or TLS fails, unless ``settings`` bring an ``error_cb``.
    """
    ours = {**_CONSUMER, "group.id": f"headrace-{purpose}"}
    with answers(cluster):
        return Consumer(_settings(cluster, purpose, ours, settings))


def producer(cluster: Cluster, *, purpose: str, **settings: object) -> Producer:
    """Make an idempotent producer that partitions as Java clients do.

    With ``transactional.id`` among ``settings`` it gets what makes short transactions fast.
    For arguments and errors see :func:`consumer`.
    """
    ours = _PRODUCER | (_TRANSACTIONAL if settings.get("transactional.id") else {})
    with answers(cluster):
        return Producer(_settings(cluster, purpose, ours, settings))


def admin(cluster: Cluster, **settings: object) -> AdminClient:
    """Return the admin client of this process for ``cluster``, or with ``settings`` a new one of one's own."""
    if settings:
        return _new_admin(cluster, settings)
    key = os.getpid(), cluster  # a client does not live on in a forked process
    with _admins_lock:
        if key not in _admins:
            _admins[key] = _new_admin(cluster, {})
        return _admins[key]


def knows_no_leaders(error: BaseException | None) -> bool:
    """Whether this is the answer of a client that needs to be renewed, see :func:`renew_admin`."""
    return isinstance(error, KafkaException) and error.args[0].code() == KafkaError._NOENT  # noqa: SLF001


def renew_admin(cluster: Cluster, stale: AdminClient) -> AdminClient:
    """Return this process's admin client for ``cluster``, a new one in the place of ``stale``.

    librdkafka keeps what it heard of a topic's leaders for minutes. A client whose first question a broker left
    unanswered (it stood still) answers ``_NOENT``, no leaders found, for as long, though the broker is there again.
    """
    key = os.getpid(), cluster
    with _admins_lock:
        if _admins.get(key) is stale:
            del _admins[key]
    return admin(cluster)


_FINAL = frozenset(
    {
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001  confluent-kafka's own name
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001  likewise
        KafkaError._AUTO_OFFSET_RESET,  # noqa: SLF001  likewise
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.OFFSET_OUT_OF_RANGE,
    }
)


@contextmanager
def answers(cluster: Cluster, client: AdminClient | Consumer | Producer | None = None) -> Iterator[None]:
    """Turn what confluent-kafka raises inside into a `ClusterError` that says what to do.

    Args:
        cluster: the cluster that is asked.
        client: the client that asks; a refusal of credentials shows only among its events, never in the call.
    """
    try:
        yield
    except KafkaException as error:
        if client is not None:
            with suppress(KafkaException):
                client.poll(0)  # raises the ClusterError of `_on_error` when that is the reason
        raise cluster_error(cluster, error.args[0]) from error


def cluster_error(cluster: Cluster, error: KafkaError) -> ClusterError:
    """Return the error to raise for what a cluster or client answered."""
    name = f"The cluster `{cluster.name}`" if cluster.name != cluster.address else f"The cluster at {cluster.address}"
    code = _reason(error)
    if code in _REASONS:
        reason, hint = _REASONS[code]
        return ClusterError(f"{name} {reason}: {error.str()}.", hint=hint)
    if error.code() in _UNREACHABLE:
        hint = f"Does it run, and is {cluster.address} its address? (A local one: headrace broker start.)"
        return ClusterError(f"{name} does not answer ({error.str()}).", hint=hint)
    return ClusterError(f"{name} answered {error.name()}: {error.str()}.")


def is_final(error: KafkaError) -> bool:
    """Return whether what a consumer met is there to stay; all else passes by itself, an election for example."""
    return error.fatal() or error.code() in _FINAL


def _reason(error: KafkaError) -> int:
    """Return the error's code, or TLS's where librdkafka only says that the connection was cut in a handshake."""
    return KafkaError._SSL if "SSL handshake failed" in error.str() else error.code()  # noqa: SLF001


def _new_admin(cluster: Cluster, settings: Mapping[str, object]) -> AdminClient:
    with answers(cluster):
        return AdminClient(_settings(cluster, "admin", {}, settings))


def _settings(
    cluster: Cluster, purpose: str, ours: Mapping[str, object], settings: Mapping[str, object]
) -> dict[str, Any]:
    def on_error(error: KafkaError) -> None:
        if _reason(error) in _REASONS:
            raise cluster_error(cluster, error)
        logger.warning("%s: %s", cluster.name, error.str())

    common = {"client.id": f"headrace-{purpose}", "error_cb": on_error, "logger": logger}
    return {**ours, **cluster.client_settings(), **common, **settings}
