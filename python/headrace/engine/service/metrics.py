"""What a service process knows of itself: for Prometheus, and for the panel."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import asdict
from typing import Literal

import numpy as np
from prometheus_client import CollectorRegistry, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from headrace.engine.result import BatchResult
from headrace.engine.service.counts import Counts
from headrace.engine.service.latency import LatencyWindow, Mean, Rate
from headrace.engine.service.side_counts import SideCounts

State = Literal["starting", "running", "degraded", "stopped", "failed"]

_STATES: tuple[State, ...] = ("starting", "running", "degraded", "stopped", "failed")
_BATCH_SIZES = (1, 10, 100, 1_000, 2_000, 5_000, 10_000, 20_000)
_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_QUANTILES = (50.0, 95.0, 99.0)


class ServiceMetrics:
    """Counts what the service does. The loop writes, the HTTP thread reads; a reading may be one batch old.

    Args:
        service: the service's name.
        replica: the replica's number.
        commit: the commit that runs, or ``None``.
        deploy: the deployment's id.
    """

    def __init__(self, service: str, replica: int, commit: str | None, deploy: str) -> None:
        self._names = {"pid": os.getpid(), "service": service, "replica": replica, "commit": commit, "deploy": deploy}
        self._labels = {"service": service, "replica": str(replica)}
        self._counts = Counts()
        self._latency = LatencyWindow()
        self._rates = (Rate(), Rate())
        self._sizes, self._commits = Mean(), Mean()
        self.state: State = "starting"
        self.lag: dict[str, dict[int, int]] = {}
        self.later: dict[int, Counts] = {}
        self.watermark: int | None = None
        self.restoring = 0
        self.remembered_rows = 0
        self.remembered_bytes = 0
        self.sides: SideCounts | None = None
        self.since_deploy: dict[int, Counts] = {}
        self.dropped_fields: dict[str, int] = {}
        self.alive_at = time.monotonic()
        self.registry = CollectorRegistry()
        disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus-client's own
        names = tuple(self._labels)
        values = tuple(self._labels.values())
        self._batch = Histogram(
            "headrace_batch_records", "Records in a batch.", names, buckets=_BATCH_SIZES, registry=self.registry
        ).labels(*values)
        self._processing = Histogram(
            "headrace_processing_seconds",
            "Time to decode, transform and encode a batch.",
            names,
            buckets=_SECONDS,
            registry=self.registry,
        ).labels(*values)
        self._transaction = Histogram(
            "headrace_transaction_seconds",
            "Time to send a batch and commit it.",
            names,
            buckets=_SECONDS,
            registry=self.registry,
        ).labels(*values)
        self.registry.register(self)

    def batch(
        self, records: int, result: BatchResult, *, role: str, processing_seconds: float, delivery_seconds: float
    ) -> None:
        """Note what has just been committed.

        Args:
            records: how many were taken; none where only time passed.
            result: what came of them, and of earlier ones.
            role: which of a repartition's stages; only the first takes records of the source, only the second sends.
            processing_seconds: how long decoding, function and encoding took.
            delivery_seconds: how long sending and committing took.
        """
        taken, sent = records * (role != "second"), len(result.values) * (role != "first")
        self._counts = self._counts.plus(taken, sent, len(result.failures), len(result.late))
        self._rates[0].add(taken)
        self._rates[1].add(sent)
        for name, count in result.dropped.items():
            self.dropped_fields[name] = self.dropped_fields.get(name, 0) + count
        if records:
            self._batch.observe(records)
            self._sizes.add(records)
        self._processing.observe(processing_seconds)
        self._transaction.observe(delivery_seconds)
        self._commits.add(delivery_seconds)
        if sent:
            self._latency.observe(np.int64(time.time() * 1000) - result.timestamps)

    def status(self) -> dict[str, object]:
        """Return what ``/status`` says: state, rates, lag, latency in milliseconds, counts.

        ``records_in``, ``records_out``, ``failed`` and ``late`` count since the deploy, over the partitions that this
        replica has now; the sum over all replicas is exact.
        """
        p50, p95, p99 = self._latency.percentiles(*_QUANTILES)
        size, commit = self._sizes.value, self._commits.value
        counts = [*self.since_deploy.values(), *self.later.values()]
        return {
            **self._names,
            "state": self.state,
            "in_per_s": self._rates[0].per_second,
            "out_per_s": self._rates[1].per_second,
            "lag": sum(sum(lags.values()) for lags in list(self.lag.values())),
            "p50_ms": p50,
            "p95_ms": p95,
            "p99_ms": p99,
            "batch_records": None if size is None else round(size, 1),
            "transaction_ms": None if commit is None else round(commit * 1000, 1),
            "records_in": sum(count.records_in for count in counts),
            "records_out": sum(count.records_out for count in counts),
            "failed": sum(count.failed for count in counts),
            "late": sum(count.late for count in counts),
            "watermark_delay_s": None if self.watermark is None else round(time.time() - self.watermark / 1e6, 3),
            "remembered_rows": self.remembered_rows,
            "remembered_bytes": self.remembered_bytes,
            "restoring": self.restoring,
            "sides": None if self.sides is None else asdict(self.sides),
            "partitions": sorted(self.since_deploy),
            "dropped_fields": dict(self.dropped_fields),
        }

    def text(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def collect(self) -> Iterable[Metric]:
        """Give the metrics that are kept here rather than in Prometheus' own objects."""
        counts = self._counts
        yield self._counter("headrace_records_in", "Records taken since the process started.", counts.records_in)
        yield self._counter("headrace_records_out", "Outputs sent since the process started.", counts.records_out)
        yield self._counter("headrace_records_failed", "Records failed since the process started.", counts.failed)
        yield self._counter("headrace_records_late", "Records late since the process started.", counts.late)
        yield self._gauge(
            "headrace_remembered_rows", "Rows kept for lookbacks, windows and states.", self.remembered_rows
        )
        yield self._gauge("headrace_remembered_bytes", "Memory of these rows.", self.remembered_bytes)
        yield self._gauge("headrace_restoring_records", "Offsets still to be read again.", self.restoring)
        if self.sides is not None:
            sides = self.sides
            yield self._gauge("headrace_side_rows", "Rows of side inputs that are kept.", sides.rows)
            yield self._counter("headrace_side_late", "Side rows that came after they were needed.", sides.late)
            yield self._counter("headrace_side_skipped", "Side records that could not be rows.", sides.skipped)
            yield self._counter("headrace_side_unmet", "Batches that went on without a side input.", sides.unmet)
        if self.watermark is not None:
            delay = time.time() - self.watermark / 1e6
            yield self._gauge("headrace_watermark_delay_seconds", "How far event time is behind the clock.", delay)
        yield self._gauge("headrace_in_per_second", "Records taken, over ten seconds.", self._rates[0].per_second)
        yield self._gauge("headrace_out_per_second", "Outputs sent, over ten seconds.", self._rates[1].per_second)
        lag = GaugeMetricFamily(
            "headrace_lag_records", "Offsets not yet committed.", labels=[*self._labels, "topic", "partition"]
        )
        for topic, lags in list(self.lag.items()):
            for partition, count in lags.items():
                lag.add_metric([*self._labels.values(), topic, str(partition)], count)
        yield lag
        latency = GaugeMetricFamily(
            "headrace_latency_seconds",
            "From a record's timestamp to the commit of its outputs, over the last minute.",
            labels=[*self._labels, "quantile"],
        )
        for share, value in zip(_QUANTILES, self._latency.percentiles(*_QUANTILES), strict=True):
            if value is not None:
                latency.add_metric([*self._labels.values(), str(share / 100)], value / 1000)
        yield latency
        state = GaugeMetricFamily("headrace_state", "1 for the state it is in.", labels=[*self._labels, "state"])
        for known in _STATES:
            state.add_metric([*self._labels.values(), known], float(known == self.state))
        yield state

    def _counter(self, name: str, text: str, value: float) -> Metric:
        family = CounterMetricFamily(name, text, labels=list(self._labels))
        family.add_metric(list(self._labels.values()), value)
        return family

    def _gauge(self, name: str, text: str, value: float) -> Metric:
        family = GaugeMetricFamily(name, text, labels=list(self._labels))
        family.add_metric(list(self._labels.values()), value)
        return family
