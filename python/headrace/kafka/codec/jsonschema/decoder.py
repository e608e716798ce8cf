"""Values that are JSON and name a JSON Schema.

The schema is not needed to read them, and producers have validated against it: it is looked up so that a record with an
unknown id is known as such. What fits a column is what fits it in plain JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headrace.kafka.codec.decoded import Decoded
from headrace.kafka.codec.json.decoder import JsonDecoder
from headrace.kafka.registry import Schema
from headrace.spec import ColumnType


class JsonReader:
    """Reads JSON.

    Args:
        types: the pinned types.
    """

    def __init__(self, types: Mapping[str, ColumnType]) -> None:
        self._decoder = JsonDecoder(types)

    def read(self, payloads: Sequence[bytes]) -> Decoded:
        """Return the rows of n values."""
        return self._decoder.decode_values(payloads)


def json_schema_reader(_schema: Schema, types: Mapping[str, ColumnType]) -> JsonReader:
    """Return the reader of values written with a JSON Schema."""
    return JsonReader(types)
