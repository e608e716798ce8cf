"""The record of a deployment: what runs as a service, from which commit, since which offsets."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from headrace.deploy.identity import RepositoryIdentity
from headrace.errors import MissingServiceError, ToolError, UsageError
from headrace.home import home
from headrace.spec import Scalar
from headrace.spec.stream import StreamName, check_stream_name

DEPLOYMENT_FILE = "deployment.json"


def _new_id() -> str:
    return uuid4().hex


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Deployment(BaseModel):
    """One deployment of a stream as a service.

    Attributes:
        version: of this record's form.
        service: the stream's name.
        commit: full SHA its code was exported from.
        deploy: id of this deployment; the counters in the group's commit metadata carry it.
        repository: which repository owns the service's name.
        cluster: the cluster's name (or HOST:PORT), looked up from the release.
        source: the topic it reads.
        sink: the topic it writes.
        by_key: the topic between its two stages, where it has two; else empty.
        params: the parameters' values.
        replicas: how many processes share the partitions.
        start: source offset of each partition at the switch; used until this deployment has committed.
        keeps_records: whether the changelog keeps what a lookback needs longer than its topic has it.
        key: the column that its states are kept by; ``None`` without one.
        states: pandas dtype of each column of each state, by name, as the commit pins them.
        created: when, ISO 8601 in UTC.
        folder: the exported stream folder on this machine; empty in the copy on the cluster.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int = 1
    service: StreamName
    commit: str
    deploy: str = Field(default_factory=_new_id)
    repository: RepositoryIdentity
    cluster: str
    source: str
    sink: str
    by_key: str = ""
    params: dict[str, Scalar] = {}
    replicas: int = Field(ge=1)
    start: dict[int, int]
    keeps_records: bool = False
    key: str | None = None
    states: dict[str, dict[str, str]] = {}
    created: str = Field(default_factory=_now)
    folder: str = ""


def service_folder(service: str) -> Path:
    """Return the folder of ``service`` in the data folder; it need not exist.

    Raises:
        UsageError: the name cannot be a service's.
    """
    try:
        check_stream_name(service)
    except ValueError as error:
        raise UsageError(f"{error}.".replace("name a stream", "name a service")) from None
    return home("services") / service


def release_folder(service: str, commit: str) -> Path:
    """Return where the files of ``commit`` are exported to for ``service``; it need not exist."""
    return service_folder(service) / "releases" / commit


def deployment_path(service: str) -> Path:
    """Return where the current deployment of ``service`` is kept; ``HEADRACE_DEPLOYMENT`` of its replicas."""
    return service_folder(service) / DEPLOYMENT_FILE


def read_deployment(service: str) -> Deployment:
    """Return the current deployment of ``service``.

    Raises:
        MissingServiceError: nothing of that name was deployed from here.
        ToolError: the record is damaged.
    """
    path = deployment_path(service)
    if not path.is_file():
        known = ", ".join(f"`{name}`" for name in service_names())
        message = f"There is no service `{service}`."
        raise MissingServiceError(message, hint=f"Known are {known}." if known else "None has been deployed.")
    try:
        return Deployment.model_validate_json(path.read_bytes())
    except ValidationError as error:
        message = f"{path} cannot be read: {error.errors(include_url=False)[0]['msg']}."
        raise ToolError(message, hint="Deploy the service again.") from error


def write_deployment(deployment: Deployment) -> None:
    """Keep ``deployment`` as the current one of its service; readers see the old one or the new one, whole."""
    path = deployment_path(deployment.service)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    write_whole(path, deployment.model_dump_json(indent=2))


def service_names() -> list[str]:
    """Return the names of the services deployed from this data folder, sorted."""
    return sorted(path.parent.name for path in home("services").glob(f"*/{DEPLOYMENT_FILE}"))


def write_whole(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` (mode 0600) so that no reader ever sees half of it."""
    draft = path.with_name(f".{path.name}.{uuid4().hex}")
    draft.touch(mode=0o600)
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
