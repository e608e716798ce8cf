"""The names that a stream has on the cluster; the only place that makes them."""

from __future__ import annotations

DEPLOYMENTS_TOPIC = "headrace.deployments"


def group_id(stream: str) -> str:
    """Return the consumer group of the service that runs ``stream``."""
    return f"headrace.{stream}"


def transactional_id(stream: str, replica: int) -> str:
    """Return the transactional id of one replica (0-based)."""
    return f"headrace.{stream}.{replica}"


def instance_id(stream: str, replica: int) -> str:
    """Return the static group member id (``group.instance.id``) of one replica (0-based)."""
    return f"headrace.{stream}.{replica}"


def dead_letter_topic(stream: str, sink: str | None) -> str:
    """Return the topic that takes the stream's failed records."""
    return f"{sink}.dlq" if sink else f"headrace.{stream}.dlq"
