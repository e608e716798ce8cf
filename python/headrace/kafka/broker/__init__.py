"""A real Apache Kafka for one machine: one node, no root, no Docker."""

from __future__ import annotations

from headrace.kafka.broker.node import DEFAULT_PORT, BrokerStatus, reset, start, status, stop

__all__ = ["DEFAULT_PORT", "BrokerStatus", "reset", "start", "status", "stop"]
