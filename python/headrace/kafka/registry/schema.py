"""A schema as a registry keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SchemaKind = Literal["AVRO", "PROTOBUF", "JSON"]


@dataclass(frozen=True, slots=True)
class Schema:
    """The text of a schema, with the others that it names.

    Attributes:
        kind: its language.
        text: Avro's or JSON Schema's JSON; a ``.proto`` file, or a ``FileDescriptorProto`` in base64.
        references: the schemas that it names, each with the name it uses, those first that others need.
    """

    kind: SchemaKind
    text: str
    references: tuple[tuple[str, Schema], ...] = ()


@dataclass(frozen=True, slots=True)
class Registered:
    """A version of a subject.

    Attributes:
        id: the number that stands in each record written with the schema.
        version: 1 for the subject's first.
        schema: the schema.
    """

    id: int
    version: int
    schema: Schema
