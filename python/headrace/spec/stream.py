"""A stream's spec: what its function needs to see, and where its records come from and go."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

from headrace.errors import UsageError
from headrace.spec.column_type import ColumnType
from headrace.spec.durations import parse_duration
from headrace.spec.lookback import Lookback, parse_lookback
from headrace.spec.side_input import SideInput, parse_side_input
from headrace.spec.state import StateDeclaration, parse_state
from headrace.spec.window import Window, parse_window

Format = Literal["json", "csv", "string", "bytes", "avro", "protobuf", "jsonschema"]
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


def _parsed_by(parse: Callable[[str], object]) -> AfterValidator:
    """Return a validator that keeps the text as written when ``parse`` understands it."""

    def check(text: str) -> str:
        try:
            parse(text)
        except UsageError as error:
            message = str(error).removesuffix(".")
            raise ValueError(message) from None
        return text

    return AfterValidator(check)


StreamName = Annotated[str, AfterValidator(check_stream_name)]
TopicName = Annotated[str, AfterValidator(check_topic_name)]
ParameterName = Annotated[str, AfterValidator(_check_parameter_name)]
Duration = Annotated[str, _parsed_by(parse_duration)]


class StreamSpec(BaseModel):
    """What one stream's function needs to see, and where its records come from and go.

    The fields are the options of ``%%stream`` under the same names (``--from`` is ``source``, ``--to`` is ``sinks``,
    ``--with`` is ``sides``, ``--state`` is ``states``), their values as they are written there; the properties give
    them parsed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: StreamName
    source: TopicName
    sinks: tuple[TopicName, ...] = ()
    cluster: str | None = None
    key: str | None = None
    time: str | None = None
    types: dict[str, ColumnType] = {}
    meta: bool = False
    lookback: Annotated[str, _parsed_by(parse_lookback)] | None = None
    window: Annotated[str, _parsed_by(parse_window)] | None = None
    grace: Duration = "0s"
    idle: Duration = "30s"
    sides: tuple[Annotated[str, _parsed_by(parse_side_input)], ...] = ()
    wait: Duration = "5s"
    states: tuple[Annotated[str, _parsed_by(parse_state)], ...] = ()
    params: dict[ParameterName, Scalar] = {}
    format: Format = "json"
    on_error: OnError = "dlq"
    delivery: Delivery = "exactly-once"
    stamp: bool = False

    @property
    def sink(self) -> str | None:
        """The topic that takes the outputs, or ``None`` when the stream has none yet."""
        return self.sinks[0] if self.sinks else None

    @property
    def looks_back(self) -> Lookback | None:
        """The lookback, parsed."""
        return parse_lookback(self.lookback) if self.lookback else None

    @property
    def windows(self) -> Window | None:
        """The window, parsed."""
        return parse_window(self.window) if self.window else None

    @property
    def grace_time(self) -> timedelta:
        """How much later than the newest of its partition a record may be."""
        return parse_duration(self.grace)

    @property
    def idle_time(self) -> timedelta:
        """After how long a quiet partition follows the clock."""
        return parse_duration(self.idle)

    @property
    def side_inputs(self) -> tuple[SideInput, ...]:
        """The side inputs, parsed."""
        return tuple(map(parse_side_input, self.sides))

    @property
    def wait_time(self) -> timedelta:
        """How long a record waits for the side inputs at most."""
        return parse_duration(self.wait)

    @property
    def declared_states(self) -> tuple[StateDeclaration, ...]:
        """The states, parsed."""
        return tuple(map(parse_state, self.states))

    @property
    def remembers(self) -> bool:
        """Whether what a record gives depends on others: a lookback, a window or a state."""
        return bool(self.lookback or self.window or self.states)

    @property
    def has_changelog(self) -> bool:
        """Whether something is remembered that is not in the log for as long as it is needed.

        These are states, which records of a history failed, and the records of which so many are needed.
        """
        return bool(self.lookback or self.states or self.counts_rows)

    @property
    def counts_rows(self) -> bool:
        """Whether so many rows of a key are needed, however old: ``--lookback 50rows`` or ``--window count=100``."""
        lookback, window = self.looks_back, self.windows
        return bool((lookback and lookback.rows) or (window and window.kind == "count"))

    @property
    def in_event_time(self) -> bool:
        """Whether records are taken in event-time order: with a lookback or a window."""
        return bool(self.lookback or self.window)

    @property
    def joins_in_time(self) -> bool:
        """Whether a side input is aligned by event time, so that the rows' own event time counts."""
        return any(not side.is_table for side in self.side_inputs)

    @property
    def has_event_time(self) -> bool:
        """Whether the event time of records counts at all: for order, for a join, or for how long a state is kept."""
        return self.in_event_time or self.joins_in_time or any(state.ttl for state in self.declared_states)

    @property
    def needs_one_replica(self) -> bool:
        """Whether one replica must see the whole topic: there is memory, and no key to divide it by."""
        return self.remembers and self.key is None

    @property
    def argument_names(self) -> tuple[str, ...]:
        """What the function gets by name beside ``df``: parameters, side inputs, states."""
        sides = (side.name for side in self.side_inputs)
        return (*self.params, *sides, *(state.name for state in self.declared_states))

    @model_validator(mode="after")
    def _refuse_what_does_not_fit_together(self) -> Self:
        problem = _problem(self)
        if problem:
            raise ValueError(problem)
        return self


def _problem(spec: StreamSpec) -> str | None:
    """Return what in a spec does not fit together."""
    read = {spec.source, *(side.topic for side in spec.side_inputs)}
    loop = next((sink for sink in spec.sinks if sink in read), None)
    names = ["df", *spec.argument_names]
    twice = next((name for name in names if names.count(name) > 1), None)
    windows = spec.windows
    problems = {
        f"`{loop}` is both read and written: the stream would feed itself": loop,
        "--state needs --key: its rows are kept by key": bool(spec.states) and not spec.key,
        "--state cannot stand with --lookback or --window, which show a record to the cell more than once or late: "
        "give the cell the one, and a second stream on its output the other": (
            bool(spec.states) and spec.in_event_time
        ),
        "--with cannot read CSV: nothing names the columns of another topic": (spec.sides and spec.format == "csv"),
        f"`{spec.source}` is the source; it cannot be a side input (--with) too": (
            spec.source in {side.topic for side in spec.side_inputs}
        ),
        "a sink stands twice": len(set(spec.sinks)) != len(spec.sinks),
        f"`{twice}` would name two things in the cell; rename the parameter or state": twice,
        "--lookback and --window cannot stand together: the frame of a window is the whole window": (
            spec.lookback and spec.window
        ),
        f"--grace {spec.grace} does nothing without --lookback, --window or a side input in time (--with "
        "TOPIC:LOOKBACK or TOPIC@TIMECOL): no record waits for another; leave it out": (
            bool(spec.grace_time) and not (spec.in_event_time or spec.joins_in_time)
        ),
        "--window session and count need --key: they are windows of one key": (
            windows is not None and windows.per_key and not spec.key
        ),
    }
    return next((text for text, holds in problems.items() if holds), None)
