"""Deploying: export, plan, claim the name, create topics, run, and wait until it does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from headrace.deploy.deployments import Deployment, read_deployment, service_names
from headrace.deploy.export import export
from headrace.deploy.ledger import announce, current_deployment, refuse_other_owner, retire
from headrace.deploy.local import LocalTarget
from headrace.deploy.offsets import start_offsets
from headrace.deploy.plan import check_replicas, plan
from headrace.deploy.services import cluster_of, service
from headrace.deploy.status import ServiceStatus
from headrace.deploy.target import Target
from headrace.deploy.waiting import wait_for
from headrace.errors import ClusterError
from headrace.kafka.clusters import resolve_cluster
from headrace.kafka.topics import require_topic
from headrace.spec import read_document

START_SECONDS = 60.0


def deploy(
    folder: Path,
    *,
    commit: str | None = None,
    cluster: str | None = None,
    replicas: int | None = None,
    start: str = "committed",
    report: Callable[[str], None] | None = None,
    patience: float = START_SECONDS,
) -> ServiceStatus:
    """Run the stream folder ``folder``, as a commit holds it, as a service on this machine.

    A service of that name that runs is first ended gracefully; the new code goes on where it stopped.

    Args:
        folder: a stream folder in a Git repository.
        commit: which commit; HEAD when None, and then without uncommitted changes in the folder.
        cluster: name or HOST:PORT; else what the stream names, else the project's default.
        replicas: how many processes; None keeps the number, or starts with one.
        start: ``committed``, ``earliest``, ``latest``, a time, or offsets.
        report: called with lines that say what is done.
        patience: seconds to wait for it to run.

    Returns:
        The service once it runs, has failed, or is still starting when the patience is at its end.

    Raises:
        DirtyFolderError: uncommitted changes.
        RefusedError: the name belongs to another repository, there is no sink, replicas would stand idle, or states
            have no pinned columns or do not fit what the service keeps.
        MissingError: no such stream folder, source topic or cluster.
        UnsafeSettingError: the cluster's definition has a setting outside the allow-list.
        ClusterError: the cluster cannot be reached, or refuses.
        ToolError: git or supervisor failed.
    """
    say = report or _say_nothing
    release = export(folder, commit)
    spec = release.document.spec
    former = read_deployment(spec.name) if spec.name in service_names() else None
    refuse_other_owner(former, release.repository)
    where = resolve_cluster(cluster or spec.cluster, release.folder)
    refuse_other_owner(current_deployment(where, spec.name), release.repository)
    target: Target = LocalTarget()
    intended = plan(release, where, replicas=replicas or (former.replicas if former else 1), start=start)
    for line in intended.lines():
        say(line)
    intended.create_topics()
    if former:
        target.stop(spec.name)  # only now that nothing refuses; what it commits last is where the new one starts
    deployment = Deployment(
        service=spec.name,
        commit=release.commit,
        repository=release.repository,
        cluster=where.name,
        source=spec.source,
        sink=intended.sink,
        by_key=intended.by_key,
        params=dict(spec.params),
        replicas=intended.replicas,
        start=start_offsets(where, spec.name, spec.source, start) if former else intended.start,
        keeps_records=intended.keeps_records,
        key=spec.key,
        states=release.document.states,
        folder=str(release.folder),
    )
    announce(where, deployment)
    target.deploy(deployment)
    return wait_until_settled(spec.name, patience)


def start(name: str) -> ServiceStatus:
    """Start a stopped service and wait until it runs.

    Raises:
        MissingServiceError: there is none of that name.
    """
    LocalTarget().start(name)
    return wait_until_settled(name)


def stop(name: str) -> ServiceStatus:
    """Stop a service; its deployment and its offsets stay, and it goes on from there when it is started.

    Raises:
        MissingServiceError: there is none of that name.
    """
    LocalTarget().stop(name)
    return service(name)


def scale(name: str, replicas: int) -> ServiceStatus:
    """Change the number of replicas; those that stay are not restarted.

    Raises:
        MissingServiceError: there is none of that name.
        RefusedError: more replicas than the source has partitions, or more than one of a stream that cannot be divided.
    """
    deployment = read_deployment(name)
    partitions = require_topic(cluster_of(deployment), deployment.source).partitions
    check_replicas(replicas, partitions, read_document(Path(deployment.folder)).spec)
    target = LocalTarget()
    target.scale(name, replicas)
    return wait_until_settled(name) if target.replicas(name) is not None else service(name)


def delete(name: str) -> list[str]:
    """Stop a service and forget it here and in the cluster's ledger; topics and the group's offsets stay.

    Returns:
        What could not be done: the cluster did not answer, so that the name is still taken there.

    Raises:
        MissingServiceError: there is none of that name.
    """
    deployment = read_deployment(name)
    LocalTarget().stop(name)
    problems = []
    try:
        retire(cluster_of(deployment), name)
    except ClusterError as error:
        problems.append(f"The name stays taken on the cluster: {error}")
    LocalTarget().delete(name)
    return problems


def wait_until_settled(name: str, seconds: float = START_SECONDS) -> ServiceStatus:
    """Return the service once it is no longer starting, or after ``seconds``."""
    seen: list[ServiceStatus] = []

    def settled() -> bool:
        seen[:] = [service(name)]
        return seen[0].state in {"running", "failed", "stopped"}

    wait_for(settled, seconds, every=0.25)
    return seen[0]


def _say_nothing(line: str) -> None:
    del line
