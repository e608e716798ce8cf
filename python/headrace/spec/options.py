"""The options of ``%%stream``: one table for parsing, completion, help and docs."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.spec.column_type import COLUMN_TYPES


@dataclass(frozen=True, slots=True)
class Option:
    """One option of the magic line.

    Attributes:
        flag: as it is written, ``--from``.
        field: the field of the spec or of the preview options it fills.
        metavar: what follows it, or ``None`` for a switch.
        help: one sentence.
        multiple: it may stand more than once.
        preview: it fills the preview options, not the spec.
        choices: the values it takes, where they are few.
    """

    flag: str
    field: str
    metavar: str | None
    help: str
    multiple: bool = False
    preview: bool = False
    choices: tuple[str, ...] = ()


OPTIONS: tuple[Option, ...] = (
    Option("--from", "source", "TOPIC", "The topic whose records are `df`."),
    Option(
        "--to", "sinks", "TOPIC", "The topic that takes the outputs; with several, a dict of frames.", multiple=True
    ),
    Option("--cluster", "cluster", "NAME", "A cluster's name, or HOST:PORT; else the project's default."),
    Option("--key", "key", "COL", "The column whose value, as text, is the outputs' key."),
    Option("--time", "time", "COL", "The column that holds the event time."),
    Option(
        "--type",
        "types",
        "COL=DTYPE",
        f"A column's type in place of the inferred one: {', '.join(COLUMN_TYPES)}.",
        multiple=True,
    ),
    Option("--meta", "meta", None, "Add the columns _key, _partition, _offset, _timestamp and _headers."),
    Option("--lookback", "lookback", "28d|50rows", "How much of its key's past the cell sees before each row."),
    Option(
        "--window",
        "window",
        "KIND=SIZE",
        "One complete window at a time: tumbling=1min, hopping=10min,1min, session=30s, count=100; @ZONE aligns.",
    ),
    Option("--grace", "grace", "10s", "How much later than the newest a record may be and still be in order."),
    Option("--idle", "idle", "30s", "After how long a quiet partition no longer holds up the others."),
    Option(
        "--with",
        "sides",
        "TOPIC[:LOOKBACK][@TIMECOL]",
        "Another topic in scope under its name: rows up to the rows' time, or the newest of each key.",
        multiple=True,
    ),
    Option("--wait", "wait", "5s", "How long rows wait at most for a side input that lags."),
    Option(
        "--state",
        "states",
        "NAME[:TTL]",
        "A frame in scope, indexed by the key: what the cell leaves in it is kept, for TTL after a key's last record.",
        multiple=True,
    ),
    Option("--param", "params", "NAME=VALUE", "A number or text in scope under NAME.", multiple=True),
    Option(
        "--format",
        "format",
        "FORMAT",
        "What the records' values are; avro, protobuf and jsonschema are written as they are read, the others as JSON.",
        choices=("json", "csv", "string", "bytes", "avro", "protobuf", "jsonschema"),
    ),
    Option(
        "--on-error",
        "on_error",
        "WHAT",
        "What becomes of a failing record: a dead letter, nothing, or the service stops.",
        choices=("dlq", "skip", "fail"),
    ),
    Option(
        "--delivery",
        "delivery",
        "MODE",
        "Whether a record can be processed twice after a crash.",
        choices=("exactly-once", "at-least-once"),
    ),
    Option("--stamp", "stamp", None, "Put the commit into the headers of every output."),
    Option(
        "--sample",
        "sample",
        "WHICH",
        "Which records to preview: latest:500, first:500, last:10m, START..END, P:START-END, failing:100, keys:a,b, "
        "every:1000.",
        preview=True,
    ),
    Option("--show", "show", "N", "Print N rows of before and after into the output.", preview=True),
)

BY_FLAG = {option.flag: option for option in OPTIONS}

NOT_YET = ("--model", "--live")
"""Options that the language has and this version does not; refused by name."""
