"""What there is to say about a service: the keys are part of the command line's contract."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

ServiceState = Literal["starting", "running", "degraded", "stopped", "failed"]


class ServiceStatus(BaseModel):
    """A service at one moment. Counts are over all replicas since the deployment, exact across restarts.

    Attributes:
        service: its name.
        commit: SHA of its code.
        state: starting, running (all replicas do), degraded (some do), stopped (asked for) or failed.
        replicas: how many it should have.
        in_per_s: records read a second, over the replicas' last seconds.
        out_per_s: records written a second.
        lag: records of the source not yet processed; None when the cluster does not say.
        p50_ms: median time from a record's timestamp to the commit of its output, in the slowest replica.
        p95_ms: 95th percentile of the same.
        p99_ms: 99th percentile of the same.
        batch_records: mean records a batch over the last minute, in the replica where they are largest.
        transaction_ms: mean time to send and commit a batch over the last minute, in the slowest replica.
        watermark_delay_s: how many seconds event time is behind the clock, in the replica where it is furthest; None
            without a lookback or a window.
        remembered_rows: rows kept for lookbacks, windows and states, over all replicas.
        remembered_bytes: what they take.
        records_in: records processed; None, as the three counts below, when the cluster does not say.
        records_out: outputs written.
        failed: records that failed.
        late: records that came too late.
        restarts: starts of replicas that nobody asked for.
        pids: process ids of the replicas that run on this machine.
        source: the topic it reads.
        sink: the topic it writes.
        cluster: the cluster's name.
        deploy: id of the deployment.
        deployed: when, ISO 8601 in UTC.
        message: why it is not well, in one or a few lines; empty when it is.
    """

    model_config = ConfigDict(frozen=True)

    service: str
    commit: str
    state: ServiceState
    replicas: int
    in_per_s: float
    out_per_s: float
    lag: int | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    batch_records: float | None
    transaction_ms: float | None
    watermark_delay_s: float | None
    remembered_rows: int
    remembered_bytes: int
    records_in: int | None
    records_out: int | None
    failed: int | None
    late: int | None
    restarts: int
    pids: list[int]
    source: str
    sink: str
    cluster: str
    deploy: str
    deployed: str
    message: str
