"""The names that a stream has on the cluster; the only place that makes them."""

from __future__ import annotations

import re

DEPLOYMENTS_TOPIC = "headrace.deployments"

_NOT_IN_A_TOPIC = re.compile(r"[^A-Za-z0-9._-]")


def group_id(stream: str) -> str:
    """Return the consumer group of the service that runs ``stream``."""
    return f"headrace.{stream}"


def by_key_group_id(stream: str) -> str:
    """Return the consumer group that reads the repartition topic of the service that runs ``stream``."""
    return f"{group_id(stream)}.by-key"


def transactional_id(stream: str, replica: int | str) -> str:
    """Return the transactional id of one replica (0-based), or of what writes beside them, by its name."""
    return f"headrace.{stream}.{replica}"


def instance_id(stream: str, replica: int) -> str:
    """Return the static group member id (``group.instance.id``) of one replica (0-based)."""
    return f"headrace.{stream}.{replica}"


def dead_letter_topic(stream: str, sink: str | None) -> str:
    """Return the topic that takes the stream's failed records."""
    return f"{sink}.dlq" if sink else f"headrace.{stream}.dlq"


def late_topic(stream: str, sink: str | None) -> str:
    """Return the topic that takes records too late for their windows."""
    return f"{sink}.late" if sink else f"headrace.{stream}.late"


def state_topic(stream: str) -> str:
    """Return the compacted topic that holds what the stream remembers."""
    return f"headrace.{stream}.state"


def repartition_topic(stream: str, key: str) -> str:
    """Return the topic in which the stream's records stand by ``key``."""
    return f"headrace.{stream}.by-{_NOT_IN_A_TOPIC.sub('_', key)}"
