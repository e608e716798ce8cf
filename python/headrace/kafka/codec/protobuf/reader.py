"""The reader of Protobuf: Google's library parses each value, then the columns are taken out and fitted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache, partial

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FileDescriptor
from google.protobuf.message import DecodeError as ProtobufError

from headrace.errors import DecodeError, RecordError
from headrace.kafka.codec.decoded import Decoded
from headrace.kafka.codec.fitted import ColumnFitter, decoded_of, fit_columns, fit_microseconds, together
from headrace.kafka.codec.protobuf.compiling import file_of
from headrace.kafka.codec.protobuf.fields import Message, is_time, values_of
from headrace.kafka.codec.protobuf.message_index import Indexes, read_indexes
from headrace.kafka.registry import Schema
from headrace.spec import TIME_TYPE, ColumnType


class ProtobufReader:
    """Reads values that were written with one schema.

    Args:
        file: the schema.
        types: the pinned types.
    """

    def __init__(self, file: FileDescriptor, types: Mapping[str, ColumnType]) -> None:
        self._file = file
        self._types = dict(types)

    def read(self, payloads: Sequence[bytes]) -> Decoded:
        """Return the rows of n values; they may be of several of the file's messages."""
        errors: dict[int, RecordError] = {}
        parsed: dict[Indexes, tuple[list[int], list[Message]]] = {}
        for row, payload in enumerate(payloads):
            try:
                indexes, start = read_indexes(payload)
                message = self._class(indexes).FromString(payload[start:])
            except ProtobufError as error:
                errors[row] = DecodeError(f"Not Protobuf of its schema ({error}).", hint="Correct the producer.")
            except DecodeError as error:
                errors[row] = error
            else:
                rows, messages = parsed.setdefault(indexes, ([], []))
                rows.append(row)
                messages.append(message)
        parts = [(rows, self._columns(messages)) for rows, messages in parsed.values()]
        return together(parts, errors, self._types)

    def _columns(self, messages: list[Message]) -> Decoded:
        """Fit n messages of one kind."""
        given: dict[str, list[object]] = {}
        fitters: dict[str, ColumnFitter] = {}
        unknown: list[str] = []
        for field in messages[0].DESCRIPTOR.fields:
            declared = self._types.get(field.name)
            if declared is None:
                unknown.append(field.name)
                continue
            given[field.name] = values_of(field, messages)
            if is_time(field) and declared == TIME_TYPE:
                fitters[field.name] = partial(fit_microseconds, factor=1, divisor=1)
        fitted = fit_columns(given, list(range(len(messages))), self._types, fitters=fitters)
        if fitted.rows:
            fitted.dropped = Counter(dict.fromkeys(unknown, len(fitted.rows)))
        return decoded_of(fitted, self._types)

    @cache  # noqa: B019  readers live as long as their process, and a schema has few messages
    def _class(self, indexes: Indexes) -> type[Message]:
        """Return the class of the message at that place of the file."""
        messages: Sequence[Descriptor] = list(self._file.message_types_by_name.values())
        for depth, index in enumerate(indexes):
            if not 0 <= index < len(messages):
                message = f"The value names message {list(indexes)} of its schema, which has no such message."
                raise DecodeError(message, hint="Correct the producer.")
            if depth == len(indexes) - 1:
                break
            messages = list(messages[index].nested_types)
        return message_factory.GetMessageClass(messages[indexes[-1]])


def protobuf_reader(schema: Schema, types: Mapping[str, ColumnType]) -> ProtobufReader:
    """Return the reader of values written with a schema.

    Raises:
        DecodeError: it is not a Protobuf schema.
        ToolError: the compiler is not installed.
    """
    return ProtobufReader(file_of(schema), types)
