"""Encoding by a schema of the sink's own, which follows the frame's dtypes and never its values.

The newest version of the subject ``TOPIC-value`` is taken as it is when it can hold the frame's columns. Else it is
evolved, never narrowed: columns that are new are added, those that are missing may be null from then on, integers
become numbers where a column became one, and a column that declares nulls (``Int64``, ``boolean``) may be null. The
registry's rule decides whether that version is allowed. Text, floats and times, whose dtypes always can hold nulls, do
not change a field that somebody declared without: a null in it is a row that fails.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd

from headrace.errors import DecodeError, RefusedError
from headrace.kafka.codec.encode_error import EncodeError
from headrace.kafka.codec.framing import prefix
from headrace.kafka.codec.json.by_row import check_columns
from headrace.kafka.registry import Registry, Schema, SchemaKind

Kind = Literal["integer", "number", "boolean", "text", "time", "any"]
"""What a column holds; ``any`` is what Python objects may be."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an output frame, as its dtype says.

    Attributes:
        name: its name.
        kind: what it holds.
        nullable: whether its dtype can hold nulls.
    """

    name: str
    kind: Kind
    nullable: bool

    @property
    def declares_nulls(self) -> bool:
        """Whether nulls are meant: ``Int64`` and ``boolean``. Text, floats and times can only ever hold them."""
        return self.nullable and self.kind in {"integer", "boolean"}


class SinkWriter(Protocol):
    """Writes rows by one version of a schema."""

    @property
    def never_null(self) -> frozenset[str]:
        """The fields that the schema allows no null in."""

    def write(self, frame: pd.DataFrame) -> Sequence[bytes]:
        """Return each of n rows, without the schema's id.

        Raises:
            EncodeError: rows that the schema cannot hold.
        """


class Dialect(Protocol):
    """A schema language: how schemas are made for columns, and rows written by them."""

    @property
    def kind(self) -> SchemaKind:
        """The language's name."""

    @property
    def header(self) -> bytes:
        """What stands between a schema's id and the value."""

    def fitting(self, columns: Sequence[Column], known: Schema | None, topic: str) -> Schema:
        """Return the schema that holds ``columns``: ``known`` itself where it does, else made of it or anew.

        Raises:
            UnfitError: ``known`` cannot become one.
            EncodeError: a column's name is none in this language.
        """

    def writer(self, schema: Schema) -> SinkWriter:
        """Return what writes rows by a schema that :meth:`fitting` gave."""


class UnfitError(RefusedError):
    """A column does not fit the sink's schema, and the schema cannot be evolved so that it does."""


class RegisteredEncoder:
    """Encodes output frames for one topic; keeps the schemas it has met.

    Args:
        dialect: the schema language.
        registry: where the schemas are.
        topic: the topic; its subject is ``TOPIC-value``.
    """

    def __init__(self, dialect: Dialect, *, registry: Registry, topic: str) -> None:
        self._dialect = dialect
        self._registry = registry
        self._topic = topic
        self._writers: dict[tuple[Column, ...], tuple[bytes, SinkWriter]] = {}

    def encode(self, frame: pd.DataFrame) -> list[bytes]:
        """Return each of n rows as a value that names its schema; the index is not written.

        Raises:
            EncodeError: rows that the schema cannot hold, or, for all rows, names of columns that it cannot have.
            RefusedError: the columns' types cannot follow those in the registry, or its rule forbids it.
            ClusterError: the registry does not answer; trying again may help.
        """
        names = check_columns(frame)
        if not len(frame):
            return []
        named = frame.set_axis(names, axis=1)
        columns = tuple(column_of(name, named[name]) for name in names)
        if columns not in self._writers:
            self._writers[columns] = self._adopt(columns)
        begin, writer = self._writers[columns]
        for name in names:
            if name in writer.never_null:
                _refuse_nulls(named[name])
        return [begin + value for value in writer.write(named)]

    def _adopt(self, columns: tuple[Column, ...]) -> tuple[bytes, SinkWriter]:
        subject = f"{self._topic}-value"
        latest = self._registry.latest(subject)
        known = None if latest is None else latest.schema
        if known is not None and known.kind != self._dialect.kind:
            message = f"The schema of `{subject}` is of the kind {known.kind}, the stream writes {self._dialect.kind}."
            raise UnfitError(message, hint="Write to another topic.")
        try:
            schema = self._dialect.fitting(columns, known, self._topic)
        except UnfitError as error:
            message = f"The output does not fit the schema of `{subject}`: {error.message}"
            raise UnfitError(message, hint=error.hint) from error
        except DecodeError as error:
            raise UnfitError(f"The schema of `{subject}` cannot be written by: {error}") from error
        is_there = latest is not None and schema is known
        number = latest.id if latest is not None and is_there else self._registry.register(subject, schema)
        return prefix(number) + self._dialect.header, self._dialect.writer(schema)


def _refuse_nulls(column: pd.Series) -> None:
    rows = np.flatnonzero(column.isna()).tolist()
    if rows:
        others = f" and {len(rows) - 1} more rows" if len(rows) > 1 else ""
        raise EncodeError(
            f"`{column.name}`: null in row {rows[0]}{others}, the sink's schema allows none.",
            rows=rows,
            hint="Fill or drop the nulls, or let the schema in the registry have them.",
        )


def column_of(name: str, column: pd.Series) -> Column:
    """Return what a column's dtype says of it; a category counts as what its categories are."""
    kind, nullable = _kind_of(column.dtype)
    return Column(name, kind, nullable)


def _kind_of(dtype: object) -> tuple[Kind, bool]:
    if isinstance(dtype, pd.CategoricalDtype):
        return _kind_of(dtype.categories.dtype)[0], True
    for is_it, kind in _KINDS:
        if is_it(dtype):
            holds_nulls = kind not in {"boolean", "integer"} or isinstance(dtype, pd.api.extensions.ExtensionDtype)
            return kind, holds_nulls
    return "text", True


_KINDS: tuple[tuple[Callable[[Any], bool], Kind], ...] = (
    (pd.api.types.is_bool_dtype, "boolean"),
    (pd.api.types.is_integer_dtype, "integer"),
    (pd.api.types.is_float_dtype, "number"),
    (pd.api.types.is_datetime64_any_dtype, "time"),
    (pd.api.types.is_object_dtype, "any"),
)
