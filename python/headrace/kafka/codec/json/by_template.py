"""The quick decoder: records that are written alike, by the templates that were met so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.kafka.bytes_column import BytesColumn
from headrace.kafka.codec.json.by_scan import Scan
from headrace.kafka.codec.json.columns import ColumnArray, plain_array, text_array
from headrace.kafka.codec.json.slots import Column, SlotReader
from headrace.kafka.codec.json.template import Template
from headrace.kafka.native.library import Functions
from headrace.spec import ColumnType

_RUN = 4096
"""Records at once: what is worked on stays in the processor's second cache."""
_MOST_TEMPLATES = 8
_FEWEST = 100
"""Records below which another template does not pay."""

_LOOKED_AT = (0.5, 0.317, 0.713, 0.107, 0.919)
"""From which places of a run templates are learnt, in parts of its length: no period of a producer fits them all."""

Places = npt.NDArray[np.int64]


@dataclass(slots=True)
class Matched:
    """The records of a run that templates have read, piece by piece.

    Attributes:
        rows: for each piece the places of its records in the run.
        columns: for each piece the columns by name; a name is missing where the template has no such key.
        dropped: unknown fields, with how many of the records had them.
    """

    rows: list[Places] = field(default_factory=list)
    columns: list[dict[str, Column]] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)

    def arrays(self, types: Mapping[str, ColumnType]) -> dict[str, ColumnArray]:
        """Return the pinned columns of all pieces, one after the other."""
        return {name: self._array(name, declared) for name, declared in types.items()}

    def _array(self, name: str, declared: ColumnType) -> ColumnArray:
        parts = [
            columns.get(name) or Column.nulls(len(rows), declared)
            for rows, columns in zip(self.rows, self.columns, strict=True)
        ]
        if declared == "str":
            return text_array(pa.concat_arrays([part.values for part in parts]) if len(parts) > 1 else parts[0].values)
        values = np.concatenate([part.values for part in parts])
        if declared == "object":
            return values
        return plain_array(values, np.concatenate([part.missing for part in parts]), declared)


class Run(Protocol):
    """Records to be read by one template after the other."""

    def record(self, row: int) -> bytes:
        """Return a record, which is there."""

    def read(self, template: Template, rows: Places) -> tuple[Places, dict[str, Column]]:
        """Return those of the records at ``rows`` that the template reads, and their pinned columns."""


class TemplateDecoder:
    """Reads records by templates, and learns these from the records.

    Args:
        types: the pinned type of each column.
        library: the compiled library, where records are to be read natively.
    """

    def __init__(self, types: Mapping[str, ColumnType], library: Functions | None = None) -> None:
        self._types = dict(types)
        self._library = library
        self._templates: list[Template] = []

    def decode(self, values: Sequence[bytes | None]) -> tuple[Matched, Places]:
        """Read n records as far as templates do; return these and the places of the others, ascending."""
        matched = Matched()
        if self._library is not None:
            column = BytesColumn.of(values)
            scan = Scan(self._library, column, frozenset(self._types))
            rows = scan.candidates()
            doubtful = np.setdiff1d(np.arange(len(values)), rows, assume_unique=True)
            return matched, np.sort(np.concatenate([doubtful, self._decode_run(scan, rows, matched)]))
        others: list[Places] = []
        for first in range(0, len(values), _RUN):
            part = list(values[first : first + _RUN])
            there = np.fromiter((value is not None for value in part), np.bool_, len(part))
            others += [first + np.flatnonzero(~there)]
            pieces = Matched(dropped=matched.dropped)
            others += [first + self._decode_run(_Part(part, self._types), np.flatnonzero(there), pieces)]
            matched.rows += [first + rows for rows in pieces.rows]
            matched.columns += pieces.columns
        return matched, np.sort(np.concatenate(others)) if others else np.empty(0, np.int64)

    def _decode_run(self, run: Run, rows: Places, matched: Matched) -> Places:
        """Add to ``matched`` what templates read; return the places of the others."""
        tried: set[Template] = set()
        while len(rows) >= _FEWEST:
            template = next((known for known in self._templates if known not in tried), None)
            if template is None:
                template = self._learn(run, rows, tried)
                if template is None or len(tried) >= _MOST_TEMPLATES:
                    break
            tried.add(template)
            taken, columns = run.read(template, rows)
            self._remember(template, useful=len(taken) >= _FEWEST)
            if len(taken) == 0:
                continue
            matched.rows.append(taken)
            matched.columns.append(columns)
            unknown = [name for name in template.names if name not in self._types]
            matched.dropped.update(dict.fromkeys(unknown, len(taken)))
            rows = rows[:0] if len(taken) == len(rows) else np.setdiff1d(rows, taken, assume_unique=True)
        return rows

    def _learn(self, run: Run, rows: Places, tried: set[Template]) -> Template | None:
        """Return a new template from one of the records; where one is broken the next may be not."""
        for part in _LOOKED_AT:
            template = Template.of(run.record(int(rows[int(part * len(rows))])), self._types)
            if template is not None and template not in tried:
                return template
        return None

    def _remember(self, template: Template, *, useful: bool) -> None:
        """Keep the templates that were of use, the last one first."""
        if template in self._templates:
            self._templates.remove(template)
        if useful:
            self._templates.insert(0, template)
            del self._templates[_MOST_TEMPLATES:]


class _Part:
    """A part of the records, read with array operations."""

    def __init__(self, values: list[bytes | None], types: Mapping[str, ColumnType]) -> None:
        self._values = values
        self._types = types

    def record(self, row: int) -> bytes:
        return self._values[row] or b""

    def read(self, template: Template, rows: Places) -> tuple[Places, dict[str, Column]]:
        slots = template.find([self._values[row] or b"" for row in rows.tolist()])
        if len(slots.rows) == 0:
            return slots.rows, {}
        columns, right = SlotReader(template, slots).read()
        taken = slots.rows
        if not right.all():
            taken = taken[right]
            columns = [column.take(right) for column in columns]
        by_name = dict(zip(template.names, columns, strict=True))
        return rows[taken], {name: column for name, column in by_name.items() if name in self._types}
