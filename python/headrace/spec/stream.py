"""A stream's spec: what its function needs to see, and where its records come from and go."""

from __future__ import annotations

import keyword
import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from headrace.spec.column_type import ColumnType

Format = Literal["json"]
OnError = Literal["dlq", "skip", "fail"]
Delivery = Literal["exactly-once", "at-least-once"]
Scalar = bool | int | float | str

_STREAM_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}")
_TOPIC_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")


def check_stream_name(name: str) -> str:
    """Return ``name`` when it can be a folder, a consumer group and a service.

    Raises:
        ValueError: it cannot (pydantic turns this into its own error).
    """
    if not _STREAM_NAME.fullmatch(name):
        message = f"`{name}` cannot name a stream: a letter first, then letters, digits, `_` or `-`, at most 100"
        raise ValueError(message)
    return name


def check_topic_name(name: str) -> str:
    """Return ``name`` when Kafka accepts it as a topic's name.

    Raises:
        ValueError: it does not (pydantic turns this into its own error).
    """
    if not _TOPIC_NAME.fullmatch(name) or name in {".", ".."}:
        message = f"`{name}` cannot name a topic: letters, digits, `.`, `_` and `-`, at most 249"
        raise ValueError(message)
    return name


def _check_parameter_name(name: str) -> str:
    if not name.isidentifier() or keyword.iskeyword(name) or name == "df":
        message = f"`{name}` cannot name a parameter: it must be a Python name other than df"
        raise ValueError(message)
    return name


StreamName = Annotated[str, AfterValidator(check_stream_name)]
TopicName = Annotated[str, AfterValidator(check_topic_name)]
ParameterName = Annotated[str, AfterValidator(_check_parameter_name)]


class StreamSpec(BaseModel):
    """What one stream's function needs to see, and where its records come from and go.

    The fields are the options of ``%%stream`` under the same names (``--from`` is ``source``, ``--to`` is
    ``sinks``, ``--with``, ``--lookback`` and their like join here as the engine learns them).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: StreamName
    source: TopicName
    sinks: tuple[TopicName, ...] = Field(default=(), max_length=1)
    cluster: str | None = None
    key: str | None = None
    time: str | None = None
    types: dict[str, ColumnType] = {}
    meta: bool = False
    params: dict[ParameterName, Scalar] = {}
    format: Format = "json"
    on_error: OnError = "dlq"
    delivery: Delivery = "exactly-once"
    stamp: bool = False

    @property
    def sink(self) -> str | None:
        """The topic that takes the outputs, or ``None`` when the stream has none yet."""
        return self.sinks[0] if self.sinks else None

    @model_validator(mode="after")
    def _refuse_a_loop(self) -> Self:
        if self.source in self.sinks:
            message = f"`{self.source}` is both read and written: the stream would feed itself"
            raise ValueError(message)
        return self
