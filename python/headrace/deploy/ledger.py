"""The topic ``headrace.deployments``: who owns a service's name on a cluster, and every deployment there was.

Each deployment is produced twice: under the key ``NAME`` (what is deployed now; a tombstone once it is deleted)
and under ``NAME/DEPLOY`` (kept). The topic is compacted, so both stay.
"""

from __future__ import annotations

import time

from confluent_kafka import KafkaError, TopicPartition
from pydantic import ValidationError

from headrace.deploy.deployments import Deployment
from headrace.deploy.identity import RepositoryIdentity
from headrace.errors import ClusterError, MissingTopicError, RefusedError
from headrace.kafka.clients import answers, cluster_error, consumer, producer
from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import watermarks
from headrace.spec.names import DEPLOYMENTS_TOPIC

_SECONDS = 15.0


def current_deployment(cluster: Cluster, service: str) -> Deployment | None:
    """Return what the cluster's ledger says is deployed as ``service``, or None.

    Raises:
        ClusterError: the cluster cannot be reached, or refuses.
    """
    return _read(_latest(cluster).get(service.encode()))


def past_deployments(cluster: Cluster, service: str) -> list[Deployment]:
    """Return every deployment of ``service`` that the cluster's ledger has, oldest first, also from before a deletion.

    Raises:
        ClusterError: the cluster cannot be reached, or refuses.
    """
    own = f"{service}/".encode()
    found = [_read(value) for key, value in _latest(cluster).items() if key.startswith(own)]
    return [deployment for deployment in found if deployment is not None]


def refuse_other_owner(deployment: Deployment | None, repository: RepositoryIdentity) -> None:
    """Refuse ``repository`` a service's name that another repository owns.

    Args:
        deployment: what is deployed under the name, or None.
        repository: who wants the name.

    Raises:
        RefusedError: it belongs to another.
    """
    if deployment is None or deployment.repository.same_as(repository):
        return
    owner = deployment.repository.remote if "/" in deployment.repository.remote else "another repository"
    message = (
        f"The service `{deployment.service}` belongs to {owner} "
        f"(commit {deployment.commit[:10]}, deployed {deployment.created})."
    )
    hint = f"Choose another stream name, or have its owner run `headrace delete {deployment.service}`."
    raise RefusedError(message, hint=hint)


def announce(cluster: Cluster, deployment: Deployment) -> None:
    """Write ``deployment`` to the ledger, without the paths of this machine.

    Raises:
        ClusterError: the cluster did not take it.
    """
    value = deployment.model_copy(update={"folder": ""}).model_dump_json().encode()
    keys = (deployment.service, f"{deployment.service}/{deployment.deploy}")
    _produce(cluster, {key.encode(): value for key in keys})


def retire(cluster: Cluster, service: str) -> None:
    """Free the name ``service`` in the ledger; the history of its deployments stays.

    Raises:
        ClusterError: the cluster did not take it.
    """
    _produce(cluster, {service.encode(): None})


def _read(value: bytes | None) -> Deployment | None:
    try:
        return Deployment.model_validate_json(value) if value else None
    except ValidationError:
        return None


def _produce(cluster: Cluster, records: dict[bytes, bytes | None]) -> None:
    problems: list[KafkaError] = []
    client = producer(cluster, purpose="deployments")
    with answers(cluster, client):
        for key, value in records.items():
            client.produce(
                DEPLOYMENTS_TOPIC,
                key=key,
                value=value,
                on_delivery=lambda error, _: problems.append(error) if error else None,
            )
        left = client.flush(_SECONDS)
    if problems:
        raise cluster_error(cluster, problems[0])
    if left:
        message = f"The cluster `{cluster.name}` did not take the deployment's record within {_SECONDS:.0f} s."
        raise ClusterError(message, hint="Look at the cluster and deploy again.")


def _latest(cluster: Cluster) -> dict[bytes, bytes | None]:
    """Return the newest value of each key, in the order in which they were first written."""
    try:
        ends = watermarks(cluster, DEPLOYMENTS_TOPIC)
    except MissingTopicError:
        return {}
    latest: dict[bytes, bytes | None] = {}
    deadline = time.monotonic() + _SECONDS
    reader = consumer(cluster, purpose="deployments", **{"enable.partition.eof": True})
    try:
        reader.assign([TopicPartition(DEPLOYMENTS_TOPIC, partition, low) for partition, (low, _) in ends.items()])
        unread = set(ends)
        while unread:
            if time.monotonic() > deadline:
                message = f"The topic {DEPLOYMENTS_TOPIC} could not be read within {_SECONDS:.0f} s."
                raise ClusterError(message, hint="Look at the cluster and try again.")
            for record in reader.consume(1000, timeout=0.2):
                error = record.error()
                if error is None:
                    latest[bytes(record.key() or b"")] = record.value()
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 (its public name)
                    unread.discard(record.partition())
                elif error.code() != KafkaError.GROUP_AUTHORIZATION_FAILED:
                    raise cluster_error(cluster, error)
    finally:
        reader.close()
    return latest
