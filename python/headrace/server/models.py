"""What travels between the server extension and the front end; ``openapi.yaml`` is generated from these models.

What other layers define already is used as it is: :class:`~headrace.deploy.status.ServiceStatus`,
:class:`~headrace.proof.preview_model.Preview`, :class:`~headrace.repo.commit.CommitResult`.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from headrace.deploy.status import ServiceStatus
from headrace.spec.stream import StreamName

StreamState = Literal["not previewed", "changed since preview", "uncommitted", "committed"]
FeedName = Literal["services", "topics"]


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class CommitRequest(_Request):
    """Commit a stream of a notebook; ``notebook`` is a path as the contents service names it."""

    notebook: str
    stream: StreamName
    message: str | None = Field(default=None, max_length=10_000)
    dry_run: bool = False


class DeployRequest(_Request):
    """Deploy a committed stream of a notebook; ``replicas`` as before, else one, when it is left out."""

    notebook: str
    stream: StreamName
    replicas: int | None = Field(default=None, ge=1)


class DeclareRequest(_Request):
    """Put options, as a verdict suggests them, into a magic line (without ``%%stream``)."""

    magic: str = Field(max_length=10_000)
    options: str = Field(max_length=10_000)


class SubscribeRequest(_Request):
    """What a client of the feed wants from now on, and of which cluster (else the project's default)."""

    type: Literal["subscribe"]
    feeds: tuple[FeedName, ...] = Field(max_length=8)
    cluster: str | None = Field(default=None, max_length=1000)
    notebook: str | None = None


class Problem(_Answer):
    """An error: what was wrong with the value at fault, and what to do about it."""

    message: str
    hint: str


class Magic(_Answer):
    """A magic line, without ``%%stream``."""

    magic: str


class ClusterName(_Answer):
    """A cluster, without its settings."""

    name: str
    address: str


class Topic(_Answer):
    """A topic; ``records`` is None where it may not be read, ``rate_per_s`` until it has been measured."""

    name: str
    partitions: int
    records: int | None
    rate_per_s: float | None


class Topics(_Answer):
    """The topics of a cluster, without Kafka's own."""

    cluster: ClusterName
    topics: tuple[Topic, ...]


class Record(_Answer):
    """A record as people read it: JSON where it is JSON, text where it is text, else ``{"base64": ...}``."""

    partition: int
    offset: int
    timestamp: str | None
    key: Any
    value: Any
    headers: list[Any]


class RecordList(_Answer):
    """The newest records of a topic, newest first."""

    records: tuple[Record, ...]


class StreamVerdict(_Answer):
    """The verdict of a stream's last preview."""

    equal: bool | None
    reason: str
    suggestion: str | None = None


class NotebookStreamStatus(_Answer):
    """A stream of a notebook and how far it has come; counts and verdict are of its last preview."""

    name: str
    source: str | None
    sink: str | None
    cell_id: str
    verdict: StreamVerdict | None = None
    rows_in: int | None = None
    rows_out: int | None = None
    failed: int | None = None
    preview_id: str | None = None
    state: StreamState = "not previewed"
    commit: str | None = None
    error: str | None = None


class StreamList(_Answer):
    """The streams of a notebook in the order of the page."""

    streams: tuple[NotebookStreamStatus, ...]


class ServiceList(_Answer):
    """The services of this user."""

    services: tuple[ServiceStatus, ...]


class LogLines(_Answer):
    """The end of a service's log, oldest line first."""

    lines: tuple[str, ...]


class ServicesMessage(ServiceList):
    """A message of the feed, every second; ``dropped`` counts messages that this client was too slow for."""

    type: Literal["services"] = "services"
    dropped: int = 0


class TopicsMessage(Topics):
    """A message of the feed, every two seconds."""

    type: Literal["topics"] = "topics"
    dropped: int = 0


class ErrorMessage(Problem):
    """A message of the feed: why ``feed`` has nothing to say, or what was wrong with what the client sent."""

    type: Literal["error"] = "error"
    feed: FeedName | None = None
    dropped: int = 0


FeedMessage = ServicesMessage | TopicsMessage | ErrorMessage
