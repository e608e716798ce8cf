"""What a service process is told about its deployment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from headrace.errors import UsageError

DEPLOYMENT_VARIABLE = "HEADRACE_DEPLOYMENT"


class DeploymentInfo(BaseModel):
    """The part of a deployment's record that its processes need; all of it may be left out.

    Attributes:
        service: the service's name.
        commit: the commit that the stream folder was exported from.
        deploy: the deployment's id; counters in the offset commits count since it changed.
        cluster: name or ``HOST:PORT`` of the cluster.
        replicas: how many processes share the partitions.
        start: where to start until this deployment has committed: an offset for each partition, or one of the
            log's ends for all of them. Partitions that are not named start at what the group committed, else at
            the log's beginning.
        keeps_records: whether the changelog keeps what a lookback needs longer than the log has it; ``None``: find out.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    service: str = ""
    commit: str | None = None
    deploy: str = ""
    cluster: str | None = None
    replicas: int = 1
    start: dict[int, int] | Literal["earliest", "latest"] = {}
    keeps_records: bool | None = None


def read_deployment_info() -> DeploymentInfo:
    """Return what ``$HEADRACE_DEPLOYMENT`` (the path of a ``deployment.json``) holds; empty when it is not set.

    Raises:
        UsageError: the file is missing or does not hold a deployment.
    """
    path = os.environ.get(DEPLOYMENT_VARIABLE)
    if not path:
        return DeploymentInfo()
    try:
        return DeploymentInfo.model_validate_json(Path(path).read_bytes())
    except OSError as error:
        message = f"${DEPLOYMENT_VARIABLE} names `{path}`, which cannot be read: {error.strerror}."
        raise UsageError(message, hint="Deploy the service again, or unset the variable.") from None
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        message = f"`{path}` is not a deployment: {'.'.join(map(str, problem['loc']))}: {problem['msg']}."
        raise UsageError(message, hint="Deploy the service again.") from None
