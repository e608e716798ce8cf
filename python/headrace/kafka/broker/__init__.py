"""A real Apache Kafka for one machine: one node, no root, no Docker."""

from __future__ import annotations

from headrace.kafka.broker.node import BrokerStatus, reset, start, status, stop

__all__ = ["BrokerStatus", "reset", "start", "status", "stop"]
