"""The services of this data folder, with state, rates, lag and counts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from headrace.deploy.counters import Counters, count
from headrace.deploy.deployments import Deployment, read_deployment, service_names
from headrace.deploy.local import LocalTarget
from headrace.deploy.replicas import ReplicaStatus, ask, reason
from headrace.deploy.starts import count_restarts
from headrace.deploy.status import ServiceState, ServiceStatus
from headrace.deploy.target import Replica, Target
from headrace.errors import ClusterError, HeadraceError, MissingServiceError
from headrace.kafka.clusters import Cluster, resolve_cluster

_STARTS_BEFORE_FAILED = 4
_LOG_LINES = 8


def services(cluster: Cluster | None = None) -> list[ServiceStatus]:
    """Return the services deployed from this data folder by name; this changes nothing.

    Args:
        cluster: only those on this cluster; all when None.
    """
    deployments = [read_deployment(name) for name in service_names()]
    silent: dict[str, str] = {}
    return [
        _status(deployment, silent) for deployment in deployments if cluster is None or _runs_on(deployment, cluster)
    ]


def service(name: str) -> ServiceStatus:
    """Return one service.

    Raises:
        MissingServiceError: there is none of that name.
    """
    return _status(read_deployment(name), {})


def require_on(name: str, cluster: Cluster) -> None:
    """Refuse the service ``name`` when it runs on another cluster than ``cluster``.

    Raises:
        MissingServiceError: it does, or there is none of that name.
    """
    deployment = read_deployment(name)
    if not _runs_on(deployment, cluster):
        message = f"The service `{name}` is on the cluster `{deployment.cluster}`, not on `{cluster.name}`."
        raise MissingServiceError(message, hint="Leave --cluster out, or name that one.")


def cluster_of(deployment: Deployment) -> Cluster:
    """Return the cluster of ``deployment``, as its replicas find it: from the release's ``headrace.toml``.

    Raises:
        MissingClusterError: it is defined no more.
        UnsafeSettingError: its definition has a setting outside the allow-list.
    """
    return resolve_cluster(deployment.cluster, Path(deployment.folder))


def _runs_on(deployment: Deployment, cluster: Cluster) -> bool:
    try:
        return cluster_of(deployment).address == cluster.address
    except HeadraceError:
        return deployment.cluster == cluster.name


def _status(deployment: Deployment, silent: dict[str, str]) -> ServiceStatus:
    target: Target = LocalTarget()
    folder = target.folder(deployment.service)
    counters, message = _count(deployment, silent)
    replicas = target.replicas(deployment.service)
    answers = [ask(folder, replica) for replica in replicas or []]
    state = _service_state(replicas, answers, worked=counters is None or counters.commits > 0)
    if state == "running" and counters is None:
        state = "degraded"  # the cluster does not answer: nobody knows whether anything gets through
    if state == "failed":
        message = _failure(target, deployment.service, replicas or []) or message or "It does not run."
    given = [answer for answer in answers if answer]
    return ServiceStatus(
        service=deployment.service,
        commit=deployment.commit,
        state=state,
        replicas=deployment.replicas,
        in_per_s=sum(answer.in_per_s for answer in given),
        out_per_s=sum(answer.out_per_s for answer in given),
        lag=_lag(state, given, counters),
        p50_ms=_highest(answer.p50_ms for answer in given),
        p95_ms=_highest(answer.p95_ms for answer in given),
        p99_ms=_highest(answer.p99_ms for answer in given),
        batch_records=_highest(answer.batch_records for answer in given),
        transaction_ms=_highest(answer.transaction_ms for answer in given),
        watermark_delay_s=_highest(answer.watermark_delay_s for answer in given),
        remembered_rows=sum(answer.remembered_rows for answer in given),
        remembered_bytes=sum(answer.remembered_bytes for answer in given),
        records_in=counters.records_in if counters else None,
        records_out=counters.records_out if counters else None,
        failed=counters.failed if counters else None,
        late=counters.late if counters else None,
        restarts=sum(count_restarts(folder, number, deployment.deploy) for number in range(deployment.replicas)),
        pids=[replica.pid for replica in replicas or [] if replica.pid is not None],
        source=deployment.source,
        sink=deployment.sink,
        cluster=deployment.cluster,
        deploy=deployment.deploy,
        deployed=deployment.created,
        message=message,
    )


def _highest(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _failure(target: Target, service: str, replicas: list[Replica]) -> str:
    """Return what the replicas said when they stopped, else the end of their logs."""
    said = {text for replica in replicas if (text := reason(target.folder(service), replica))}
    return "\n".join(sorted(said) or target.logs(service, _LOG_LINES))


def _count(deployment: Deployment, silent: dict[str, str]) -> tuple[Counters | None, str]:
    """Return the counters, or None and why not; a cluster that did not answer is asked once for all its services."""
    if deployment.cluster in silent:
        return None, silent[deployment.cluster]
    try:
        return count(cluster_of(deployment), deployment), ""
    except ClusterError as error:
        silent[deployment.cluster] = str(error)
        return None, str(error)
    except HeadraceError as error:
        return None, str(error)


def _lag(state: ServiceState, answers: list[ReplicaStatus], counters: Counters | None) -> int | None:
    """Return the replicas' own lag while all of them run, which knows of markers in the log; else the commits'."""
    lags = [answer.lag for answer in answers]
    if state == "running" and None not in lags:
        return sum(lag for lag in lags if lag is not None)
    return counters.lag if counters else None


def _service_state(
    replicas: list[Replica] | None, answers: list[ReplicaStatus | None], *, worked: bool
) -> ServiceState:
    if replicas is None:
        return "stopped"
    states = [_replica_state(*pair, worked=worked) for pair in zip(replicas, answers, strict=True)]
    if set(states) == {"running"}:
        return "running"
    if "running" in states:
        return "degraded"
    return "failed" if "failed" in states else "starting"


def _replica_state(replica: Replica, answer: ReplicaStatus | None, *, worked: bool) -> ServiceState:
    if replica.phase == "failed":
        return "failed"
    if replica.phase == "up" and answer is not None:
        return "failed" if answer.state == "failed" else "running" if answer.state == "running" else "starting"
    return "failed" if replica.starts >= _STARTS_BEFORE_FAILED and not worked else "starting"
