"""The service process: one replica of a stream, from its start to its end."""

from __future__ import annotations

import gc
from pathlib import Path

from headrace.engine.service.deployment import DeploymentInfo, read_deployment_info
from headrace.engine.service.place import Place
from headrace.engine.service.replica import Replica
from headrace.engine.service.stopping import Stopping
from headrace.engine.stream import Stream
from headrace.errors import RefusedError
from headrace.kafka.clusters import Cluster

_OBJECTS_BETWEEN_COLLECTIONS = 50_000


def run(
    folder: Path,
    cluster: Cluster,
    *,
    replica: int = 0,
    deployment: DeploymentInfo | None = None,
    max_rate: float | None = None,
) -> dict[str, object]:
    """Run a stream folder as a service, until SIGTERM or SIGINT; must be called in the main thread.

    Args:
        folder: the stream folder (``stream.yaml``, ``transform.py``).
        cluster: where its topics are.
        replica: this process' number among those of the service, from 0.
        deployment: the deployment it belongs to; what ``$HEADRACE_DEPLOYMENT`` says by default.
        max_rate: records per second not to exceed, or ``None``.

    Returns:
        The last status, as ``/status`` gives it.

    Raises:
        MissingStreamError: the folder is no stream folder.
        MissingTopicError: the source, sink or dead-letter topic does not exist.
        ExpiredOffsetError: the next record is no longer in the log.
        CellError: a record failed and the stream says ``--on-error fail``.
        RefusedError: another process runs as this replica, or the stream must run as one replica.
        ClusterError: the cluster refuses.
    """
    info = deployment if deployment is not None else read_deployment_info()
    stream = Stream.from_folder(folder, commit=info.commit)
    if stream.document.spec.needs_one_replica and (replica > 0 or info.replicas > 1):
        message = f"`{stream.name}` remembers without --key: one replica must see the whole topic."
        raise RefusedError(message, hint="Run one replica, or declare the --key by which it can be divided.")
    place = Place(stream.name, replica)
    with Stopping(place.leave) as stopping:
        place.take()
        gc.freeze()  # what is loaded now stays; batches make many objects and hardly a cycle
        gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
        problem: BaseException | None = None
        try:
            return Replica(stream, cluster, replica, info, stopping, max_rate=max_rate).run(place)
        except BaseException as error:
            problem = error
            raise
        finally:
            place.leave(None if problem is None else str(problem) or type(problem).__name__)
